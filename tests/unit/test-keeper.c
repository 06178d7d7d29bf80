/* SPDX-License-Identifier: MIT */
#include "keeper-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void assert_natural(struct fixture *f, int code, int status)
{
    assert_int_equal(f->count[HAND_STARTED], 1);
    assert_int_equal(f->count[HAND_EXITED], 1);
    assert_int_equal(f->count[HAND_DONE], 1);
    assert_int_equal(f->count[HAND_DEADLINE], 0);
    const struct hand_event *exited = &f->event[HAND_EXITED];
    assert_int_equal(exited->code, code);
    assert_int_equal(exited->status, status);
    assert_int_equal(exited->ended, HAND_ENDED_ITSELF);
    assert_true(exited->pid > 0 && exited->pid == f->event[HAND_STARTED].pid);
    assert_true(f->event[HAND_STARTED].at_ns <= exited->at_ns);
    assert_true(exited->at_ns <= f->event[HAND_DONE].at_ns);
}

static void statuses_are_told(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *script;
        int code, status;
    } cases[] = {
        {"exit 0", CLD_EXITED, 0},
        {"exit 7", CLD_EXITED, 7},
        {"exit 255", CLD_EXITED, 255},
        {"kill -9 $$", CLD_KILLED, SIGKILL},
        {"ulimit -c 0; kill -11 $$", CLD_KILLED, SIGSEGV},
    };
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
            assert_int_equal(fixture_run(f, cases[i].script), HAND_DONE);
            assert_natural(f, cases[i].code, cases[i].status);
            assert_int_equal(f->event[HAND_DONE].leaked, 0);
            assert_int_equal(f->event[HAND_DONE].via, 0);
            assert_int_equal(f->event[HAND_DONE].unkillable, 0);
        }
    }
}

static void a_command_starts_clean(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_run(f, "exec ls /proc/self/fd"), HAND_DONE);
    assert_string_equal(fixture_output(f), "0\n1\n2\n3\n"); /* 3 is ls reading the folder */
    fixture_run(f, "grep -E '^Sig(Blk|Ign|Pnd)|^ShdPnd' /proc/self/status | cut -f 2 | sort -u");
    assert_string_equal(fixture_output(f), "0000000000000000\n");
    fixture_run(f, "set -- $(cat /proc/self/stat); ps -o pgid=,sid= -p $$ | tr -s ' ' '\\n'; "
                   "echo $$; cat /dev/tty");
    char expected[128];
    pid_t pid = f->event[HAND_STARTED].pid;
    snprintf(expected, sizeof expected, "%d\n%d\n%d\n", (int)pid, (int)pid, (int)pid);
    const char *output = fixture_output(f);
    output += strspn(output, "\n");
    assert_memory_equal(output, expected, strlen(expected));
    assert_non_null(strstr(output, "/dev/tty"));
    assert_true(f->event[HAND_EXITED].status != 0);
}

static void environment_and_folder_arrive(void **state)
{
    struct fixture *f = *state;
    fixture_script(f, "pwd; echo $KEPT $OURS; env | grep -c ^OURS=; echo $CIPLUG_JOB");
    strv_push(&f->argv.env, "OURS=new");
    f->argv.cwd = xstrdup("/proc");
    fixture_start(f);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    char expected[256];
    snprintf(expected, sizeof expected, "/proc\nkept new\n1\n%s\n", strchr(f->marker, '=') + 1);
    assert_string_equal(fixture_output(f), expected);
}

static void make_file(char *folder, const char *name, const char *content, mode_t mode)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(write_all(fd, content, strlen(content)), 0);
    close(fd);
    assert_int_equal(chmod(path, mode), 0);
}

static void remove_file(char *folder, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(unlink(path), 0);
}

static void path_is_the_commands_own(void **state)
{
    struct fixture *f = *state;
    char folder[] = "/tmp/test-keeper-XXXXXX", path[128];
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chmod(folder, 0755), 0);
    make_file(folder, "prog", "#!/bin/sh\necho found $0\n", 0755);
    make_file(folder, "text", "echo never\n", 0755);
    static const struct {
        const char *path, *word;
        int error;
    } cases[] = {
        {"PATH=/nowhere:%s:/bin", "prog", 0},
        {"PATH=%s", "./prog", 0},
        {"PATH=:/bin", "prog", 0},
        {"PATH=/bin:", "prog", 0},
        {"PATH=%s", "text", ENOEXEC},
        {"PATH=/bin", "prog", ENOENT},
        {"PATH=%s", "", ENOENT},
        {"PATH=/bin", "/proc", EACCES},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        fixture_script(f, "");
        strv_clear(&f->argv.words);
        strv_push(&f->argv.words, cases[i].word);
        const char *hole = strstr(cases[i].path, "%s");
        snprintf(path, sizeof path, "%.*s%s%s", (int)(hole ? hole - cases[i].path : 100),
                 cases[i].path, hole ? folder : "", hole ? hole + 2 : "");
        strv_push(&f->argv.env, path);
        f->argv.cwd = xstrdup(folder);
        fixture_start(f);
        assert_int_equal(fixture_wait(f, HAND_DONE), cases[i].error ? HAND_REFUSED : HAND_DONE);
        if (cases[i].error) {
            assert_int_equal(f->event[HAND_REFUSED].where, HAND_WHERE_PROGRAM);
            assert_int_equal(f->event[HAND_REFUSED].error, cases[i].error);
        } else {
            assert_non_null(strstr(fixture_output(f), "found"));
        }
    }
    remove_file(folder, "prog");
    remove_file(folder, "text");
    assert_int_equal(rmdir(folder), 0);
}

static void refusals_name_the_place(void **state)
{
    struct fixture *f = *state;
    fixture_script(f, "exit 0");
    f->argv.cwd = xstrdup("/no/such/folder");
    fixture_start(f);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_REFUSED);
    assert_int_equal(f->event[HAND_REFUSED].where, HAND_WHERE_CWD);
    assert_int_equal(f->event[HAND_REFUSED].error, ENOENT);
}

static void too_long_an_argument_is_told(void **state)
{
    struct fixture *f = *state;
    const char *preload = getenv("LD_PRELOAD");
    if (preload && strstr(preload, "vgpreload"))
        skip(); /* valgrind gives up on such an exec */
    fixture_script(f, "exit 0");
    char *word = xmalloc(200001);
    memset(word, 'x', 200000);
    word[200000] = '\0';
    strv_take(&f->argv.words, word);
    fixture_start(f);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_REFUSED);
    assert_int_equal(f->event[HAND_REFUSED].where, HAND_WHERE_ARGUMENTS);
    assert_int_equal(f->event[HAND_REFUSED].error, E2BIG);

    assert_int_equal(fixture_run(f, "exit 3"), HAND_DONE);
    assert_natural(f, CLD_EXITED, 3);
}

static void a_megabyte_of_arguments_arrives(void **state)
{
    struct fixture *f = *state;
    fixture_script(f, "echo $# ${#10} $LAST");
    strv_push(&f->argv.words, "sh");
    for (int i = 0; i < 10; i++) {
        char *word = xmalloc(100001);
        memset(word, 'a' + i, 100000);
        word[100000] = '\0';
        strv_take(&f->argv.words, word);
    }
    strv_push(&f->argv.env, "LAST=end");
    fixture_start(f);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    assert_string_equal(fixture_output(f), "10 100000 end\n");
}

static void a_timeout_ends_polite_and_rude(void **state)
{
    struct fixture *f = *state;
    /* The leader is polite, its child of the same group and one in a session of its own are not. */
    fixture_script(f, "trap 'exit 0' TERM; (trap '' TERM; exec sleep 600) & "
                      "(trap '' TERM HUP INT; setsid sh -c 'setsid sleep 600 & sleep 600') & "
                      "while :; do sleep 0.05; done");
    f->request.timeout_ns = 300 * NS_PER_MS;
    f->request.grace_ns = 500 * NS_PER_MS;
    uint64_t start = clock_mono_ns();
    fixture_start(f);
    assert_int_equal(fixture_wait(f, HAND_DEADLINE), HAND_DEADLINE);
    assert_true(clock_mono_ns() - start >= 300 * NS_PER_MS);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    assert_true(clock_mono_ns() - start < 5 * NS_PER_S);
    assert_int_equal(f->event[HAND_EXITED].ended, HAND_ENDED_TIMEOUT);
    assert_int_equal(f->event[HAND_EXITED].code, CLD_EXITED);
    assert_int_equal(f->event[HAND_EXITED].status, 0);
    assert_int_equal(f->event[HAND_DONE].ended, HAND_ENDED_TIMEOUT);
    assert_int_equal(f->event[HAND_DONE].leaked, 0);
    assert_int_equal(survivors(f->marker), 0);
}

static void grace_is_given_and_ends(void **state)
{
    struct fixture *f = *state;
    fixture_script(f, "trap '' TERM; echo ready; while :; do sleep 1; done");
    f->request.grace_ns = 300 * NS_PER_MS;
    f->request.timeout_ns = 60 * NS_PER_S;
    fixture_start(f);
    fixture_await(f, "ready");
    uint64_t start = clock_mono_ns();
    assert_int_equal(hand_order(&f->hand, f->request.id, HAND_STOP, SIGTERM), 0);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    uint64_t took = clock_mono_ns() - start;
    assert_true(took >= 300 * NS_PER_MS && took < 5 * NS_PER_S);
    assert_int_equal(f->event[HAND_EXITED].ended, HAND_ENDED_STOP);
    assert_int_equal(f->event[HAND_EXITED].code, CLD_KILLED);
    assert_int_equal(f->event[HAND_EXITED].status, SIGKILL);
}

static void the_soft_signal_reaches_everybody_once(void **state)
{
    struct fixture *f = *state;
    fixture_script(f,
                   "setsid sh -c 'trap \"echo far; exit\" USR1; echo up; while :; do sleep 0.02; "
                   "done' & trap 'echo near; sleep 0.3; exit' USR1; echo up; "
                   "while :; do sleep 0.02; done");
    fixture_start(f);
    fixture_await(f, "up\nup");
    assert_int_equal(hand_order(&f->hand, f->request.id, HAND_STOP, SIGUSR1), 0);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    const char *near = strstr(fixture_output(f), "near");
    assert_non_null(near);
    assert_null(strstr(near + 1, "near"));
    assert_non_null(strstr(fixture_output(f), "far"));
}

static void the_whole_tree_has_the_grace(void **state)
{
    struct fixture *f = *state;
    for (int held = 0; held < 2; held++) {
        /* The leader goes at once, or even in the hold before the signal. */
        fixture_script(f, held ? "setsid sh -c 'trap \"sleep 0.3; echo clean; exit\" TERM; "
                                 "echo up; while :; do sleep 0.02; done' & sleep 0.2"
                               : "setsid sh -c 'trap \"sleep 0.3; echo clean; exit\" TERM; "
                                 "echo up; while :; do sleep 0.02; done' & "
                                 "trap 'exit 0' TERM; echo up; while :; do sleep 0.02; done");
        f->request.timeout_ns = held ? 20 * NS_PER_MS : 0;
        f->request.hold_ns = 20 * NS_PER_S;
        uint64_t start = clock_mono_ns();
        fixture_start(f);
        fixture_await(f, held ? "up" : "up\nup");
        if (held)
            assert_int_equal(fixture_wait(f, HAND_EXITED), HAND_EXITED);
        hand_order(&f->hand, f->request.id, held ? HAND_GO : HAND_STOP, SIGTERM);
        assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
        assert_non_null(strstr(fixture_output(f), "clean"));
        assert_true(clock_mono_ns() - start < 9 * NS_PER_S);
        assert_int_equal(f->event[HAND_DONE].leaked, 0);
    }
}

static void a_stopped_command_can_end(void **state)
{
    struct fixture *f = *state;
    fixture_script(f, "trap 'exit 4' TERM; echo ready; kill -STOP $$; sleep 600");
    f->request.timeout_ns = 200 * NS_PER_MS;
    fixture_start(f);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    assert_int_equal(f->event[HAND_EXITED].status, 4);
}

static void kill_is_at_once(void **state)
{
    struct fixture *f = *state;
    fixture_script(f, "trap '' TERM; setsid sh -c 'echo ready; sleep 600' & sleep 600; true");
    fixture_start(f);
    fixture_await(f, "ready");
    uint64_t start = clock_mono_ns();
    assert_int_equal(hand_order(&f->hand, f->request.id, HAND_KILL, 0), 0);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    assert_true(clock_mono_ns() - start < 3 * NS_PER_S);
    assert_int_equal(f->event[HAND_EXITED].ended, HAND_ENDED_STOP);
    uint32_t via = f->event[HAND_DONE].via;
    assert_int_equal(via,
                     f->keeper.cgroup[0] ? HAND_VIA_CGROUP : HAND_VIA_GROUP | HAND_VIA_SUBREAPER);
}

static void orders_for_others_are_ignored(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(hand_order(&f->hand, 1, HAND_KILL, 0), 0);
    fixture_script(f, "echo ready; sleep 0.1; exit 5");
    fixture_start(f);
    fixture_await(f, "ready");
    assert_int_equal(hand_order(&f->hand, f->request.id + 1, HAND_KILL, 0), 0);
    assert_int_equal(hand_order(&f->hand, f->request.id - 1, HAND_STOP, SIGTERM), 0);
    assert_int_equal(hand_order(&f->hand, f->request.id, HAND_GO, 0), 0);
    assert_int_equal(hand_order(&f->hand, f->request.id, HAND_RESUME, 0), 0);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    assert_natural(f, CLD_EXITED, 5);
}

static void leaks_are_named_and_swept(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        fixture_run(f, "setsid sleep 601 & while read name </proc/$!/comm && [ $name != sleep ]; "
                       "do :; done; echo $!; exit 0"),
        HAND_DONE);
    assert_natural(f, CLD_EXITED, 0);
    char expected[64];
    snprintf(expected, sizeof expected, "pid %d sleep 601",
             (int)strtol(fixture_output(f), NULL, 10));
    assert_int_equal(f->event[HAND_DONE].leaked, 1);
    assert_string_equal(f->event[HAND_DONE].text, expected);
    assert_int_equal(survivors(f->marker), 0);
    assert_int_equal(fixture_run(f, "for i in $(seq 60); do setsid sleep 602 & done"), HAND_DONE);
    assert_int_equal(f->event[HAND_DONE].leaked, 60);
    assert_int_equal(strcmp(strrchr(f->event[HAND_DONE].text, ','), ", ..."), 0);
    assert_int_equal(survivors(f->marker), 0);
}

static void what_is_just_ending_is_no_leak(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 20; i++) {
        fixture_run(f, "sleep 0.01 & wait");
        assert_int_equal(f->event[HAND_DONE].leaked, 0);
        fixture_run(f, "seq 1000 | cat | head -n 1 >/dev/null");
        assert_int_equal(f->event[HAND_DONE].leaked, 0);
        /* A zombie that its parent leaves to us. */
        fixture_run(f, ": & while read pid name state rest </proc/$!/stat && [ $state != Z ]; do "
                       ":; done");
        assert_int_equal(f->event[HAND_DONE].leaked, 0);
        assert_int_equal(f->event[HAND_DONE].via, 0);
    }
}

static void a_deadline_waits_for_go(void **state)
{
    struct fixture *f = *state;
    fixture_script(f, "trap 'echo told; exit 0' TERM; while :; do sleep 0.02; done");
    f->request.timeout_ns = 50 * NS_PER_MS;
    f->request.hold_ns = 20 * NS_PER_S;
    fixture_start(f);
    assert_int_equal(fixture_wait(f, HAND_DEADLINE), HAND_DEADLINE);
    poll(NULL, 0, 100);
    assert_string_equal(fixture_output(f), "");
    assert_int_equal(hand_order(&f->hand, f->request.id, HAND_GO, 0), 0);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    assert_non_null(strstr(fixture_output(f), "told\n"));
    assert_int_equal(f->event[HAND_EXITED].ended, HAND_ENDED_TIMEOUT);

    fixture_start(f);
    f->request.hold_ns = 100 * NS_PER_MS;
    assert_int_equal(fixture_wait(f, HAND_DEADLINE), HAND_DEADLINE);
    assert_int_equal(hand_order(&f->hand, f->request.id, HAND_KILL, 0), 0);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    assert_int_equal(f->event[HAND_EXITED].ended, HAND_ENDED_TIMEOUT);
    fixture_start(f); /* the hold ends by itself */
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
}

static void a_failure_waits_for_go(void **state)
{
    struct fixture *f = *state;
    fixture_script(f, "setsid sleep 600 & exit 9");
    f->request.hold_ns = 20 * NS_PER_S;
    fixture_start(f);
    assert_int_equal(fixture_wait(f, HAND_EXITED), HAND_EXITED);
    poll(NULL, 0, 60);
    await_living(f->marker, 1);
    assert_int_equal(hand_order(&f->hand, f->request.id, HAND_GO, 0), 0);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    assert_int_equal(f->event[HAND_DONE].leaked, 1);
    /* Success waits for nobody. */
    fixture_script(f, "exit 0");
    f->request.hold_ns = 60 * NS_PER_S;
    fixture_start(f);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
}

static void a_pause_stops_tree_and_clock(void **state)
{
    struct fixture *f = *state;
    fixture_script(f, "setsid sh -c 'while :; do echo x; sleep 0.01; done' & sleep 0.3; echo end");
    f->request.timeout_ns = 3 * NS_PER_S;
    fixture_start(f);
    fixture_await(f, "x");
    assert_int_equal(hand_order(&f->hand, f->request.id, HAND_PAUSE, 0), 0);
    size_t before, after = 0;
    do { /* until nothing moves for 200 ms */
        before = after;
        poll(NULL, 0, 200);
        after = strlen(fixture_output(f));
    } while (before != after);
    poll(NULL, 0, 3200); /* the timeout would be over */
    assert_int_equal(strlen(fixture_output(f)), after);
    assert_int_equal(hand_order(&f->hand, f->request.id, HAND_RESUME, 0), 0);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    assert_natural(f, CLD_EXITED, 0);
    assert_non_null(strstr(fixture_output(f), "end"));
}

/* The hold for on_failure stands still, too, and so does what the failed command left. */
static void a_pause_stops_the_hold(void **state)
{
    struct fixture *f = *state;
    fixture_script(f, "setsid sh -c 'while :; do echo x; sleep 0.01; done' & exit 9");
    f->request.hold_ns = 2 * NS_PER_S;
    fixture_start(f);
    assert_int_equal(fixture_wait(f, HAND_EXITED), HAND_EXITED);
    assert_int_equal(hand_order(&f->hand, f->request.id, HAND_PAUSE, 0), 0);
    poll(NULL, 0, 2500);
    uint64_t resumed_ns = clock_mono_ns();
    assert_int_equal(hand_order(&f->hand, f->request.id, HAND_RESUME, 0), 0);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    assert_true(f->event[HAND_DONE].at_ns > resumed_ns);
    assert_true(f->event[HAND_DONE].leaked > 0);
}

static void a_paused_command_can_be_stopped(void **state)
{
    struct fixture *f = *state;
    for (int hard = 0; hard < 2; hard++) {
        fixture_script(f, "trap 'exit 6' TERM; echo ready; while :; do sleep 0.02; done");
        fixture_start(f);
        fixture_await(f, "ready");
        hand_order(&f->hand, f->request.id, HAND_PAUSE, 0);
        hand_order(&f->hand, f->request.id, hard ? HAND_KILL : HAND_STOP, SIGTERM);
        assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
        assert_int_equal(f->event[HAND_EXITED].status, hard ? SIGKILL : 6);
    }
    assert_int_equal(fixture_run(f, "exit 0"), HAND_DONE); /* nothing stays frozen */
    assert_natural(f, CLD_EXITED, 0);
}

static void at_the_deadline_it_is_one_or_the_other(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 50; i++) {
        fixture_script(f, "sleep 0.02");
        f->request.timeout_ns = 20 * NS_PER_MS + (uint64_t)i * 100000;
        fixture_start(f);
        assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
        assert_int_equal(f->count[HAND_EXITED], 1);
        bool timeout = f->event[HAND_EXITED].ended == HAND_ENDED_TIMEOUT;
        assert_int_equal(f->count[HAND_DEADLINE], timeout ? 1 : 0);
        if (!timeout)
            assert_natural(f, CLD_EXITED, 0);
    }
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(statuses_are_told),
        WITH(a_command_starts_clean),
        WITH(environment_and_folder_arrive),
        WITH(path_is_the_commands_own),
        WITH(refusals_name_the_place),
        WITH(too_long_an_argument_is_told),
        WITH(a_megabyte_of_arguments_arrives),
        WITH(a_timeout_ends_polite_and_rude),
        WITH(grace_is_given_and_ends),
        WITH(the_soft_signal_reaches_everybody_once),
        WITH(the_whole_tree_has_the_grace),
        WITH(a_stopped_command_can_end),
        WITH(kill_is_at_once),
        WITH(orders_for_others_are_ignored),
        WITH(leaks_are_named_and_swept),
        WITH(what_is_just_ending_is_no_leak),
        WITH(a_deadline_waits_for_go),
        WITH(a_failure_waits_for_go),
        WITH(a_pause_stops_tree_and_clock),
        WITH(a_pause_stops_the_hold),
        WITH(a_paused_command_can_be_stopped),
        WITH(at_the_deadline_it_is_one_or_the_other),
    };
    setenv("KEPT", "kept", 1);
    setenv("OURS", "old", 1);
    int failed = cmocka_run_group_tests_name("with a cgroup where possible", tests, NULL, NULL);
    fixture_flags = KEEPER_NO_CGROUP;
    return failed + cmocka_run_group_tests_name("without cgroup", tests, NULL, NULL);
}
