/* SPDX-License-Identifier: MIT */
#include "pathtrust.h"
#include "plugin-fixtures.h"
#include "util.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void writable_by_others_is_refused(void **state)
{
    struct plugins *plugins = *state;
    AUTO_FREE char *folder = in(fixtures_other, "open"), *path = in(folder, "good.so");
    assert_int_equal(mkdirs(folder, 0700), 0);
    compile(folder, "good", "plugins/good.c", "");
    AUTO_FREE char *words = xasprintf("may be written by others: %s (mode 0775)", path);
    chmod(path, 0775);
    /* A group that others are in, or that nobody knows; needs root to be given away. */
    if (chown(path, (uid_t)-1, 54321) == 0)
        refused(plugins, path, words, "");
    assert_true(chown(path, (uid_t)-1, getegid()) == 0);
    chmod(path, 0757);
    refused(plugins, path, "may be written by others: ", "(mode 0757)");
    chmod(path, 0755);
    chmod(folder, 0777);
    AUTO_FREE char *more = xasprintf("may be written by others: %s (mode 0777)", folder);
    refused(plugins, path, more, "");
    chmod(folder, 0755);
    chmod(fixtures_other, 0770);
    if (chown(fixtures_other, (uid_t)-1, 54321) == 0)
        refused(plugins, path, "may be written by others: ", "(mode 0770)");
    chmod(fixtures_other, 01777);
    must_load(plugins, path);
    chmod(fixtures_other, 0755);
    unlink(path);
    rmdir(folder);
}

/* umask 002 with a group of one's own: the default of several distributions. */
static void the_own_group_may_write(void **state)
{
    struct plugins *plugins = *state;
    const struct passwd *user = getpwuid(geteuid());
    const struct group *group = user ? getgrgid(user->pw_gid) : NULL;
    if (!group || strcmp(group->gr_name, user->pw_name) != 0 || group->gr_mem[0])
        skip();
    AUTO_FREE char *path = in(fixtures_other, "good.so");
    compile(fixtures_other, "good", "plugins/good.c", "");
    assert_int_equal(chown(path, (uid_t)-1, user->pw_gid), 0);
    assert_int_equal(chown(fixtures_other, (uid_t)-1, user->pw_gid), 0);
    chmod(path, 0775);
    chmod(fixtures_other, 0775);
    must_load(plugins, path);
    chmod(fixtures_other, 0755);
    unlink(path);
}

static void links_are_judged_by_their_target(void **state)
{
    struct plugins *plugins = *state;
    AUTO_FREE char *folder = in(fixtures_other, "open"), *target = in(folder, "good.so");
    AUTO_FREE char *link = in(fixtures_other, "good.so");
    assert_int_equal(mkdirs(folder, 0700), 0);
    compile(folder, "good", "plugins/good.c", "");
    assert_int_equal(symlink(target, link), 0);
    chmod(folder, 0777);
    AUTO_FREE char *words = xasprintf("may be written by others: %s (", folder);
    refused(plugins, link, words, "");
    unlink(link);
    unlink(target);
    rmdir(folder);
}

static void strangers_are_refused(void **state)
{
    struct plugins *plugins = *state;
    if (geteuid() != 0)
        skip(); /* only root can give files away */
    AUTO_FREE char *path = in(fixtures_other, "good.so");
    compile(fixtures_other, "good", "plugins/good.c", "");
    assert_int_equal(chown(path, 4242, 0), 0);
    AUTO_FREE char *words = xasprintf("belongs to somebody else: %s (uid 4242)", path);
    refused(plugins, path, words, "");
    assert_int_equal(chown(path, 0, 0), 0);
    assert_int_equal(chown(fixtures_other, 4242, 0), 0);
    refused(plugins, path, "belongs to somebody else: ", "(uid 4242)");
    assert_int_equal(chown(fixtures_other, 0, 0), 0);
    unlink(path);
}

static void exchanged_files_are_refused(void **state)
{
    (void)state;
    AUTO_FREE char *path = in(fixtures_other, "a.so"), *next = in(fixtures_other, "b.so");
    spill(path, "a", 1);
    spill(next, "b", 1);
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    AUTO_STRBUF struct strbuf real = STRBUF_INIT, why = STRBUF_INIT;
    assert_int_equal(pathtrust(fd, &real, &why), 0);
    assert_string_equal(real.buf, path);
    strbuf_clear(&real);
    assert_int_equal(rename(next, path), 0);
    assert_int_equal(pathtrust(fd, &real, &why), -1);
    assert_non_null(strstr(why.buf, "was moved or removed"));
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(writable_by_others_is_refused),    TEST(the_own_group_may_write),
        TEST(links_are_judged_by_their_target), TEST(strangers_are_refused),
        TEST(exchanged_files_are_refused),
    };
    return cmocka_run_group_tests(tests, fixtures_make, fixtures_remove);
}
