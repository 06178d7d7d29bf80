/* SPDX-License-Identifier: MIT */
#include "strbuf.h"
#include "tree.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char base[64];
static int base_fd;

static int make_base(void **state)
{
    (void)state;
    snprintf(base, sizeof base, "/tmp/test-tree-XXXXXX");
    if (!mkdtemp(base))
        return -1;
    base_fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return base_fd < 0 ? -1 : 0;
}

static int remove_base(void **state)
{
    (void)state;
    close(base_fd);
    return rmdir(base);
}

static void make_file(int folder, const char *name)
{
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static bool there(const char *name)
{
    return faccessat(base_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void files_links_and_nothing_are_removed(void **state)
{
    (void)state;
    make_file(base_fd, "file");
    make_file(base_fd, "victim");
    assert_int_equal(symlinkat("victim", base_fd, "link"), 0);
    assert_int_equal(mkfifoat(base_fd, "fifo", 0600), 0);
    assert_int_equal(tree_remove(base_fd, "file"), 0);
    assert_int_equal(tree_remove(base_fd, "link"), 0);
    assert_int_equal(tree_remove(base_fd, "fifo"), 0);
    assert_int_equal(tree_remove(base_fd, "never-there"), 0);
    assert_false(there("file"));
    assert_false(there("link"));
    assert_true(there("victim"));
    assert_int_equal(tree_remove(base_fd, "victim"), 0);
}

static void links_are_not_followed(void **state)
{
    (void)state;
    assert_int_equal(mkdirat(base_fd, "outside", 0700), 0);
    assert_int_equal(mkdirat(base_fd, "tree", 0700), 0);
    assert_int_equal(mkdirat(base_fd, "tree/sub", 0700), 0);
    make_file(base_fd, "outside/precious");
    assert_int_equal(symlinkat("../../outside", base_fd, "tree/sub/link"), 0);
    assert_int_equal(symlinkat("../outside", base_fd, "tree/link"), 0);
    assert_int_equal(tree_remove(base_fd, "tree"), 0);
    assert_false(there("tree"));
    assert_true(there("outside/precious"));
    assert_int_equal(tree_remove(base_fd, "outside"), 0);
}

/* A chain far deeper than there are descriptors, and longer than a path may be. */
static void depth_does_not_matter(void **state)
{
    (void)state;
    int fd = base_fd;
    for (int i = 0; i < 1200; i++) {
        assert_int_equal(mkdirat(fd, i ? "deeper" : "tree", 0700), 0);
        int next = openat(fd, i ? "deeper" : "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        make_file(next, "file");
        if (fd != base_fd)
            close(fd);
        fd = next;
    }
    close(fd);
    struct rlimit old, low;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = 20;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    int result = tree_remove(base_fd, "tree");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(result, 0);
    assert_false(there("tree"));
}

static void make_wide(void)
{
    assert_int_equal(mkdirat(base_fd, "tree", 0700), 0);
    for (int i = 0; i < 30; i++) {
        AUTO_FREE char *folder = xasprintf("tree/d%d", i);
        AUTO_FREE char *below = xasprintf("tree/d%d/sub", i);
        assert_int_equal(mkdirat(base_fd, folder, 0700), 0);
        assert_int_equal(mkdirat(base_fd, below, 0700), 0);
        for (int k = 0; k < 10; k++) {
            AUTO_FREE char *file = xasprintf("tree/d%d/sub/%d", i, k);
            make_file(base_fd, file);
        }
    }
}

/* As artifacts of a build can be: without the right to read, enter or change. */
static void lock_folders(void)
{
    make_wide();
    assert_int_equal(fchmodat(base_fd, "tree/d0/sub", 0, 0), 0);
    assert_int_equal(fchmodat(base_fd, "tree/d1/sub", 0555, 0), 0);
    assert_int_equal(fchmodat(base_fd, "tree/d2", 0500, 0), 0);
    assert_int_equal(fchmodat(base_fd, "tree", 0500, 0), 0);
}

static int remove_as_nobody(void)
{
    if (fchown(base_fd, 65534, 65534) < 0 || setuid(65534) < 0)
        return 77;
    lock_folders();
    return tree_remove(base_fd, "tree") == 0 && !there("tree") ? 0 : 1;
}

static void permissions_do_not_matter(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(geteuid() == 0 ? remove_as_nobody()
                             : (lock_folders(), tree_remove(base_fd, "tree") != 0));
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* What belongs to others stays, and is said; it does not go on for ever. */
static void what_stays_is_an_error(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    make_wide();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(setuid(65534) < 0 || tree_remove(base_fd, "tree") == 0);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(there("tree/d0/sub/0"));
    assert_int_equal(tree_remove(base_fd, "tree"), 0);
    assert_false(there("tree"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_links_and_nothing_are_removed),
        cmocka_unit_test(links_are_not_followed),
        cmocka_unit_test(depth_does_not_matter),
        cmocka_unit_test(permissions_do_not_matter),
        cmocka_unit_test(what_stays_is_an_error),
    };
    return cmocka_run_group_tests(tests, make_base, remove_base);
}
