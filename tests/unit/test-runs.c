/* SPDX-License-Identifier: MIT */
#include "run-place.h"

#include <signal.h>

/* A run that has ended; `age` seconds ago, going by its lock. */
static void past_run(char *id, int age)
{
    struct rundir dir;
    create(&dir);
    memcpy(id, dir.run, sizeof dir.run);
    AUTO_FREE char *lock = xasprintf("%s/lock", dir.path);
    struct timespec now = {(time_t)(clock_wall_ns() / NS_PER_S) - age, 0};
    struct timespec times[2] = {now, now};
    assert_int_equal(utimensat(AT_FDCWD, lock, times, 0), 0);
    rundir_close(&dir);
}

static void prune_keeps_the_newest(void **state)
{
    (void)state;
    char ids[5][9];
    struct rundir dir;
    for (int i = 0; i < 5; i++)
        past_run(ids[i], 1000 - (i == 2 ? 900 : i)); /* the third is the newest */
    create(&dir);
    rundir_prune(&dir, 3, NULL, NULL);
    assert_true(exists(dir.run, "lock"));
    assert_true(exists(ids[2], "lock"));
    assert_true(exists(ids[4], "lock"));
    assert_false(exists(ids[0], ""));
    assert_false(exists(ids[1], ""));
    assert_false(exists(ids[3], ""));
    rundir_prune(&dir, 0, ids[2], NULL);
    assert_true(exists(dir.run, "lock"));
    assert_true(exists(ids[2], "lock"));
    assert_false(exists(ids[4], ""));
    assert_string_equal(strbuf_text(&said), "");
    rundir_close(&dir);
}

static void prune_spares_the_living_and_the_unknown(void **state)
{
    (void)state;
    char dead[9];
    struct rundir living, dir;
    create(&living);
    past_run(dead, 5);
    create(&dir);
    AUTO_FREE char *other = xasprintf("%s/runs/my-notes", where);
    AUTO_FREE char *link = xasprintf("%s/runs/abcdefgh", where);
    AUTO_FREE char *trash = xasprintf("%s/runs/.trash-old", where);
    assert_int_equal(mkdir(other, 0700), 0);
    assert_int_equal(mkdir(trash, 0700), 0);
    assert_int_equal(symlink(other, link), 0);
    rundir_prune(&dir, 0, NULL, NULL);
    assert_true(exists(living.run, "lock"));
    assert_true(exists(dir.run, "lock"));
    assert_false(exists(dead, ""));
    assert_int_equal(access(link, F_OK), 0);
    assert_int_equal(access(trash, F_OK), -1);
    char id[9];
    memcpy(id, living.run, sizeof id);
    rundir_close(&living);
    rundir_prune(&dir, 0, NULL, NULL);
    assert_false(exists(id, ""));
    rundir_close(&dir);
}

static void check_find(const char *run, const char *id)
{
    strbuf_clear(&said);
    AUTO_FREE char *path = rundir_find(where, run);
    AUTO_FREE char *expected = xasprintf("%s/runs/%s", where, id);
    if (!path)
        fail_msg("%s", strbuf_text(&said));
    assert_string_equal(path, expected);
    assert_string_equal(strbuf_text(&said), "");
}

static void check_not_found(const char *run, const char *message)
{
    strbuf_clear(&said);
    AUTO_FREE char *path = rundir_find(where, run);
    assert_null(path);
    if (!strstr(strbuf_text(&said), message))
        fail_msg("said: %s", strbuf_text(&said));
}

static void make_run(const char *id, int age)
{
    char old[9];
    past_run(old, age);
    AUTO_FREE char *from = xasprintf("%s/runs/%s", where, old);
    AUTO_FREE char *to = xasprintf("%s/runs/%s", where, id);
    assert_int_equal(rename(from, to), 0);
}

static void runs_are_found_by_their_beginning(void **state)
{
    (void)state;
    check_not_found(NULL, "there is no run in");
    make_run("abcd1111", 30);
    make_run("abce1111", 20);
    make_run("zzzz1111", 10);
    check_find("abcd1111", "abcd1111");
    check_find("abcd", "abcd1111");
    check_find("z", "zzzz1111");
    check_not_found("abc", "'abc' may be any of abce1111, abcd1111\n");
    check_not_found("q", "no run 'q' in");
    check_not_found("q", "there are, newest first: zzzz1111, abce1111, abcd1111\n");
    check_not_found("", "no run ''");
    check_not_found("abcd11112", "no run");
    check_not_found("../runs/abcd1111", "no run");
}

static void latest_is_the_link_or_the_newest(void **state)
{
    (void)state;
    AUTO_FREE char *latest = xasprintf("%s/latest", where);
    make_run("abcd1111", 30);
    make_run("abce1111", 20);
    check_find(NULL, "abce1111"); /* the link dangles: its run was renamed */
    assert_int_equal(unlink(latest), 0);
    check_find("latest", "abce1111");
    assert_int_equal(symlink("runs/abcd1111", latest), 0);
    check_find("latest", "abcd1111");
    assert_int_equal(unlink(latest), 0);
    assert_int_equal(symlink("../../../etc", latest), 0);
    check_find("latest", "abce1111");
}

static void message_names_no_more_than_ten(void **state)
{
    (void)state;
    for (int i = 0; i < 12; i++) {
        char id[16];
        snprintf(id, sizeof id, "abcd%04d", i);
        make_run(id, i);
    }
    check_not_found("x", "abcd0009 and 2 more\n");
}

/* While one looks for dead runs, nobody makes one that has no lock yet. */
static void no_run_is_made_under_the_guard(void **state)
{
    (void)state;
    char id[9];
    past_run(id, 1);
    AUTO_FREE char *path = xasprintf("%s/runs", where);
    AUTO_CLOSE int runs = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_CLOSE int guard = runs_guard(runs);
    assert_true(guard >= 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rundir dir;
        alarm(1);
        _exit(rundir_create(&dir, where));
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
    struct run_list list = {0};
    run_list_read(&list, runs);
    assert_int_equal(list.n, 1);
    run_list_free(&list);
}

/* ---- many at once ---- */

#define MANY 20

/* Makes a run, prunes as it goes, says its id, and lives until it is killed. */
static void run_child(int report, int hold)
{
    struct rundir dir;
    char byte;
    if (rundir_create(&dir, where) < 0)
        _exit(1);
    rundir_prune(&dir, 1, NULL, NULL);
    if (write(report, dir.run, 8) != 8)
        _exit(1);
    (void)!read(hold, &byte, 1);
    _exit(exists(dir.run, "lock") && rundir_alive(dir.path) ? 0 : 1);
}

static void many_start_in_one_folder(void **state)
{
    (void)state;
    int report[2], hold[2];
    pid_t pids[MANY];
    char ids[MANY][9] = {{0}};
    assert_int_equal(pipe2(report, O_CLOEXEC), 0);
    assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
    for (int i = 0; i < MANY; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            close(hold[1]);
            run_child(report[1], hold[0]);
        }
    }
    close(report[1]);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(read(report[0], ids[i], 8), 8);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(ids[i], ids[k]);
    }
    struct rundir dir;
    create(&dir);
    rundir_prune(&dir, 0, NULL, NULL);
    for (int i = 0; i < MANY; i++)
        assert_true(exists(ids[i], "lock"));
    close(hold[1]);
    for (int i = 0; i < MANY; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    rundir_prune(&dir, 1, NULL, NULL);
    for (int i = 0; i < MANY; i++)
        assert_false(exists(ids[i], ""));
    assert_string_equal(strbuf_text(&said), "");
    close(hold[0]);
    close(report[0]);
    rundir_close(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(prune_keeps_the_newest),
        TEST(prune_spares_the_living_and_the_unknown),
        TEST(runs_are_found_by_their_beginning),
        TEST(latest_is_the_link_or_the_newest),
        TEST(message_names_no_more_than_ten),
        TEST(no_run_is_made_under_the_guard),
        TEST(many_start_in_one_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
