/* SPDX-License-Identifier: MIT */
#include "run-place.h"

static mode_t mode_of(const char *name)
{
    struct stat st;
    AUTO_FREE char *path = xasprintf("%s/%s", where, name);
    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode & 07777;
}

static void run_is_private_and_latest_points_to_it(void **state)
{
    (void)state;
    struct rundir dir;
    mode_t mask = umask(0);
    create(&dir);
    umask(mask);
    assert_true(run_id_valid(dir.run));
    assert_int_equal(dir.state[0], '/');
    AUTO_FREE char *path = xasprintf("%s/runs/%s", dir.state, dir.run);
    assert_string_equal(dir.path, path);
    AUTO_FREE char *run = xasprintf("runs/%s", dir.run), *lock = xasprintf("runs/%s/lock", dir.run);
    assert_int_equal(mode_of(""), 0700);
    assert_int_equal(mode_of("runs"), 0700);
    assert_int_equal(mode_of(run), 0700);
    assert_int_equal(mode_of(lock), 0600);
    assert_true(fcntl(dir.fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(dir.lock, F_GETFD) & FD_CLOEXEC);
    char target[64] = "";
    AUTO_FREE char *latest = xasprintf("%s/latest", where);
    assert_true(readlink(latest, target, sizeof target - 1) > 0);
    assert_string_equal(target, run);
    rundir_close(&dir);
    rundir_close(&dir);
    assert_string_equal(strbuf_text(&said), "");
}

static void only_a_folder_of_ours_gets_a_gitignore(void **state)
{
    (void)state;
    struct rundir dir;
    create(&dir);
    rundir_close(&dir);
    AUTO_FREE char *ignore = xasprintf("%s/.gitignore", where), *content = NULL;
    size_t length;
    assert_int_equal(read_file(ignore, 10, &content, &length), 0);
    assert_string_equal(content, "*\n");
    /* Whoever removed it does not want it. */
    assert_int_equal(unlink(ignore), 0);
    create(&dir);
    rundir_close(&dir);
    assert_int_equal(access(ignore, F_OK), -1);
    /* `base` may be somebody's repository. */
    assert_int_equal(rundir_create(&dir, base), 0);
    rundir_close(&dir);
    AUTO_FREE char *other = xasprintf("%s/.gitignore", base);
    assert_int_equal(access(other, F_OK), -1);
}

static void relative_state_becomes_absolute(void **state)
{
    (void)state;
    struct rundir dir;
    char old[4096];
    assert_non_null(getcwd(old, sizeof old));
    assert_int_equal(chdir(base), 0);
    int result = rundir_create(&dir, "a/b/");
    assert_int_equal(chdir(old), 0);
    assert_int_equal(result, 0);
    AUTO_FREE char *expected = xasprintf("%s/a/b", base);
    assert_string_equal(dir.state, expected);
    rundir_close(&dir);
}

static void run_lives_while_its_lock_is_held(void **state)
{
    (void)state;
    struct rundir dir;
    create(&dir);
    AUTO_FREE char *path = xstrdup(dir.path);
    assert_true(rundir_alive(path));
    assert_true(rundir_alive(path));
    rundir_close(&dir);
    assert_false(rundir_alive(path));
    assert_false(rundir_alive("/nowhere/at/all"));
}

static void refuses(const char *expected)
{
    struct rundir dir;
    strbuf_clear(&said);
    assert_int_equal(rundir_create(&dir, where), -1);
    assert_int_equal(dir.fd, -1);
    if (!strstr(strbuf_text(&said), expected))
        fail_msg("said: %s", strbuf_text(&said));
    rundir_close(&dir);
}

static void folders_that_others_can_write_are_refused(void **state)
{
    (void)state;
    assert_int_equal(mkdir(where, 0700), 0);
    assert_int_equal(chmod(where, 0777), 0);
    refuses("written by everybody");
    assert_int_equal(chmod(where, 01777), 0);
    struct rundir dir;
    create(&dir);
    rundir_close(&dir);
    AUTO_FREE char *runs = xasprintf("%s/runs", where);
    assert_int_equal(chmod(runs, 0777), 0);
    refuses("written by everybody");
    assert_int_equal(chmod(runs, 0700), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(where, 65534, 0), 0);
        refuses("belongs to user 65534");
        assert_int_equal(chown(where, 0, 0), 0);
    }
}

static void planted_things_are_refused(void **state)
{
    (void)state;
    AUTO_FREE char *runs = xasprintf("%s/runs", where), *latest = xasprintf("%s/latest", where);
    AUTO_FREE char *ignore = xasprintf("%s/.gitignore", where);
    AUTO_FREE char *victim = xasprintf("%s/victim", base);
    assert_int_equal(mkdir(where, 0700), 0);
    assert_int_equal(mkdir(victim, 0700), 0);
    assert_int_equal(symlink(victim, runs), 0);
    refuses("cannot make");
    assert_int_equal(unlink(runs), 0);
    /* A folder in the link's place costs the link, not the run. */
    assert_int_equal(mkdir(latest, 0700), 0);
    AUTO_FREE char *target = xasprintf("%s/overwritten", victim);
    assert_int_equal(symlink(target, ignore), 0);
    struct rundir dir;
    strbuf_clear(&said);
    create(&dir);
    assert_non_null(strstr(said.buf, "latest"));
    rundir_close(&dir);
    assert_int_equal(rmdir(victim), 0);
}

static void state_that_cannot_be_is_said(void **state)
{
    (void)state;
    struct rundir dir;
    int fd = open(where, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    refuses("Not a directory");
    assert_int_equal(rundir_create(&dir, ""), -1);
    rundir_close(&dir);
}

static void logs_have_their_names(void **state)
{
    (void)state;
    struct rundir dir;
    create(&dir);
    static const struct {
        unsigned number, attempt;
        bool err;
        const char *name;
    } logs[] = {{1, 1, false, "logs/a-b_C/1.out"},
                {1, 1, true, "logs/a-b_C/1.err"},
                {1, 2, false, "logs/a-b_C/1.2.out"},
                {12, 0, false, "logs/a-b_C/12.out"},
                {12, 3, true, "logs/a-b_C/12.3.err"}};
    for (size_t i = 0; i < ARRAY_SIZE(logs); i++) {
        AUTO_FREE char *path = NULL, *expected = xasprintf("%s/%s", dir.path, logs[i].name);
        int fd = rundir_log(&dir, "a-b_C", logs[i].number, logs[i].attempt,
                            logs[i].err ? "err" : "out", &path);
        assert_true(fd >= 0);
        assert_string_equal(path, expected);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        struct stat st;
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        close(fd);
        AUTO_FREE char *again = NULL;
        assert_int_equal(rundir_log(&dir, "a-b_C", logs[i].number, logs[i].attempt,
                                    logs[i].err ? "err" : "out", &again),
                         -1);
        assert_int_equal(errno, EEXIST);
        assert_null(again);
    }
    rundir_close(&dir);
}

static void logs_stay_below_the_run(void **state)
{
    (void)state;
    static const char *const bad[] = {"", ".", "..", "../x", "a/b", "/etc", ".hidden"};
    struct rundir dir;
    AUTO_FREE char *path = NULL;
    create(&dir);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(rundir_log(&dir, bad[i], 1, 1, "out", &path), -1);
        assert_null(rundir_kept(&dir, "artifacts", bad[i], 1, 1));
    }
    /* Links where the folders and the file should be. */
    AUTO_FREE char *victim = xasprintf("%s/victim", base);
    assert_int_equal(mkdir(victim, 0700), 0);
    assert_int_equal(mkdirat(dir.fd, "logs", 0700), 0);
    assert_int_equal(mkdirat(dir.fd, "logs/file", 0700), 0);
    assert_int_equal(symlinkat(victim, dir.fd, "logs/step"), 0);
    assert_int_equal(symlinkat(victim, dir.fd, "artifacts"), 0);
    AUTO_FREE char *target = xasprintf("%s/overwritten", victim);
    assert_int_equal(symlinkat(target, dir.fd, "logs/file/1.out"), 0);
    assert_int_equal(rundir_log(&dir, "step", 1, 1, "out", &path), -1);
    assert_int_equal(rundir_log(&dir, "file", 1, 1, "out", &path), -1);
    assert_null(rundir_kept(&dir, "artifacts", "step", 1, 1));
    assert_int_equal(rmdir(victim), 0);
    rundir_close(&dir);
}

static void long_steps_have_folders_of_their_own(void **state)
{
    (void)state;
    struct rundir dir;
    char a[400], b[400];
    memset(a, 'x', sizeof a);
    a[sizeof a - 1] = '\0';
    memcpy(b, a, sizeof b);
    b[sizeof b - 2] = 'y';
    create(&dir);
    AUTO_FREE char *path_a = NULL, *path_b = NULL;
    int fd_a = rundir_log(&dir, a, 1, 1, "out", &path_a);
    int fd_b = rundir_log(&dir, b, 1, 1, "out", &path_b);
    assert_true(fd_a >= 0 && fd_b >= 0);
    assert_string_not_equal(path_a, path_b);
    assert_int_equal(access(path_a, F_OK), 0);
    close(fd_a);
    close(fd_b);
    rundir_close(&dir);
}

/* A log of an older run, in `folder`. */
static char *older_log(const char *folder, const char *text)
{
    char *path = xasprintf("%s/older", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write_all(fd, text, strlen(text)), 0);
    close(fd);
    return path;
}

static void an_older_log_is_kept_when_it_is_whole(void **state)
{
    (void)state;
    struct rundir dir;
    struct stat before, after;
    create(&dir);
    AUTO_FREE char *older = older_log(base, "a\nb\n");
    AUTO_FREE char *kept = rundir_keep_log(&dir, "s", 3, older, 4, true);
    AUTO_FREE char *expected = xasprintf("%s/logs/s/3.out", dir.path);
    assert_non_null(kept);
    assert_string_equal(kept, expected);
    assert_int_equal(stat(older, &before) | stat(kept, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_null(rundir_keep_log(&dir, "s", 4, older, 5, true));
    assert_false(exists(dir.run, "logs/s/4.out"));
    AUTO_FREE char *link = xasprintf("%s/link", base);
    assert_int_equal(symlink(older, link), 0);
    assert_null(rundir_keep_log(&dir, "s", 5, link, 4, true));
    assert_false(exists(dir.run, "logs/s/5.out"));
    assert_int_equal(unlink(older), 0);
    assert_null(rundir_keep_log(&dir, "s", 6, older, 4, true));
    assert_int_equal(stat(kept, &after), 0);
    rundir_close(&dir);
}

static void an_older_log_is_copied_where_it_cannot_be_linked(void **state)
{
    (void)state;
    struct rundir dir;
    struct stat here, there;
    char shm[] = "/dev/shm/test-rundir-XXXXXX";
    create(&dir);
    if (!mkdtemp(shm) || stat(shm, &there) < 0 || stat(base, &here) < 0)
        skip();
    AUTO_FREE char *older = older_log(shm, "a\nb\n");
    bool apart = here.st_dev != there.st_dev;
    AUTO_FREE char *wanted = rundir_keep_log(&dir, "s", 1, older, 4, false);
    AUTO_FREE char *needed = rundir_keep_log(&dir, "s", 2, older, 4, true);
    AUTO_FREE char *text = NULL;
    size_t length;
    assert_int_equal(wanted == NULL, apart);
    assert_non_null(needed);
    assert_int_equal(read_file(needed, 100, &text, &length), 0);
    assert_string_equal(text, "a\nb\n");
    rundir_close(&dir);
    assert_int_equal(tree_remove(AT_FDCWD, shm), 0);
}

static void artifacts_have_a_folder_for_each_attempt(void **state)
{
    (void)state;
    struct rundir dir;
    create(&dir);
    AUTO_FREE char *first = rundir_kept(&dir, "artifacts", "s", 3, 1);
    AUTO_FREE char *again = rundir_kept(&dir, "artifacts", "s", 3, 1);
    AUTO_FREE char *second = rundir_kept(&dir, "artifacts", "s", 3, 2);
    AUTO_FREE char *expected = xasprintf("%s/artifacts/s/3", dir.path);
    AUTO_FREE char *expected2 = xasprintf("%s/artifacts/s/3.2", dir.path);
    assert_string_equal(first, expected);
    assert_null(again);
    assert_string_equal(second, expected2);
    assert_int_equal(access(second, W_OK), 0);
    rundir_close(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(run_is_private_and_latest_points_to_it),
        TEST(only_a_folder_of_ours_gets_a_gitignore),
        TEST(relative_state_becomes_absolute),
        TEST(run_lives_while_its_lock_is_held),
        TEST(folders_that_others_can_write_are_refused),
        TEST(planted_things_are_refused),
        TEST(state_that_cannot_be_is_said),
        TEST(logs_have_their_names),
        TEST(logs_stay_below_the_run),
        TEST(long_steps_have_folders_of_their_own),
        TEST(an_older_log_is_kept_when_it_is_whole),
        TEST(an_older_log_is_copied_where_it_cannot_be_linked),
        TEST(artifacts_have_a_folder_for_each_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
