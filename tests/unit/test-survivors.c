/* SPDX-License-Identifier: MIT
 *
 * Nothing survives: not what escapes, not storms, not the death of runner, hand or keeper.
 */
#include "keeper-fixture.h"
#include "marker.h"
#include "proctree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* CIPLUG_TEST_REPEATS: fewer where the same was tried in full before (CI's second and third build).
 */
static int repeats_wanted(void)
{
    const char *wanted = getenv("CIPLUG_TEST_REPEATS");
    int n = wanted ? (int)strtol(wanted, NULL, 10) : 0;
    return n > 0 ? n : 50;
}
#define ROUNDS repeats_wanted()

static char self[4096];

/* --- what this program does as a command ------------------------------------------------- */

static void ignore_signals(void)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1};
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        signal(signals[i], SIG_IGN);
}

/* `n` daemons: double fork, setsid, deaf. */
static int act_daemons(int n)
{
    ignore_signals();
    for (int i = 0; i < n; i++) {
        if (fork() == 0) {
            setsid();
            if (fork() == 0) {
                setsid();
                for (;;)
                    pause();
            }
            _exit(0);
        }
    }
    while (wait(NULL) > 0)
        continue;
    return write(1, "ready\n", 6) == 6 ? 0 : 1;
}

/* `n` comets: each forks its successor in a session of its own and leaves. */
static int act_comets(int n)
{
    ignore_signals();
    for (int i = 0; i < n; i++) {
        if (fork() == 0) {
            for (;;) {
                pid_t pid = fork();
                if (pid > 0)
                    _exit(0);
                if (pid == 0)
                    setsid();
            }
        }
    }
    if (write(1, "ready\n", 6) != 6)
        return 1;
    for (;;)
        pause();
}

/* A storm: everybody forks as long as there are fewer than `n`, in the shared memory `fd` 1. */
static int act_storm(int n)
{
    ignore_signals();
    _Atomic int *alive =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (alive == MAP_FAILED || write(1, "ready\n", 6) != 6)
        return 1;
    for (;;) {
        if (atomic_fetch_add(alive, 1) < n) {
            if (fork() == 0 && atomic_load(alive) % 3 == 0)
                setsid();
        } else {
            atomic_fetch_sub(alive, 1);
            poll(NULL, 0, 1);
        }
    }
}

static int act(const char *role, int n)
{
    if (strcmp(role, "daemons") == 0)
        return act_daemons(n);
    if (strcmp(role, "comets") == 0)
        return act_comets(n);
    return act_storm(n);
}

/* --- helpers ----------------------------------------------------------------------------- */

static void prepare(struct fixture *f, const char *role, const char *n)
{
    fixture_script(f, "");
    strv_clear(&f->argv.words);
    strv_push(&f->argv.words, self);
    strv_push(&f->argv.words, role);
    strv_push(&f->argv.words, n);
    f->request.grace_ns = 20 * NS_PER_MS;
}

static void rounds(struct fixture *f, const char *role, const char *n, enum hand_order order,
                   int repeats)
{
    for (int i = 0; i < repeats; i++) {
        prepare(f, role, n);
        fixture_start(f);
        fixture_await(f, "ready");
        if (order != HAND_GO)
            assert_int_equal(hand_order(&f->hand, f->request.id, order, SIGTERM), 0);
        assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
        assert_int_equal(f->event[HAND_DONE].unkillable, 0);
        assert_int_equal(survivors(f->marker), 0);
    }
}

static pid_t started(struct fixture *f)
{
    if (f->count[HAND_STARTED] == 0)
        assert_int_equal(fixture_wait(f, HAND_STARTED), HAND_STARTED);
    return f->event[HAND_STARTED].pid;
}

static bool gone_within(pid_t pid, unsigned ms)
{
    uint64_t end = clock_mono_ns() + ms * NS_PER_MS;
    struct process_stat stat;
    while (process_stat(pid, &stat) == 0 && stat.state != 'Z') {
        if (clock_mono_ns() > end)
            return false;
        poll(NULL, 0, 5);
    }
    return true;
}

/* --- tests ------------------------------------------------------------------------------- */

static void daemons_go_after_a_natural_end(void **state)
{
    struct fixture *f = *state;
    rounds(f, "daemons", "20", HAND_GO, ROUNDS);
    assert_int_equal(f->event[HAND_DONE].leaked, 20);
    rounds(f, "daemons", "200", HAND_GO, 2);
}

static void daemons_go_after_a_stop(void **state)
{
    rounds(*state, "daemons", "20", HAND_KILL, ROUNDS);
}

static void comets_are_caught(void **state)
{
    rounds(*state, "comets", "16", HAND_STOP, ROUNDS);
}

static void storms_are_ended(void **state)
{
    rounds(*state, "storm", "100", HAND_STOP, ROUNDS);
}

static void a_kept_leak_lives_until_the_hand_closes(void **state)
{
    struct fixture *f = *state;
    fixture_script(f, "setsid sh -c 'trap \"\" TERM; sleep 600' & exit 0");
    f->request.on_leak = HAND_LEAK_KEEP;
    fixture_start(f);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    assert_true(f->event[HAND_DONE].leaked >= 1);
    await_living(f->marker, 1);
    fixture_start(f);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_REFUSED);
    assert_int_equal(f->event[HAND_REFUSED].error, EBUSY);
    await_living(f->marker, 1);
    hand_close(&f->hand);
    assert_int_equal(survivors_after(f->marker, 2000), 0);
}

static void orphans_are_reaped_while_it_runs(void **state)
{
    struct fixture *f = *state;
    fixture_script(f, "for i in $(seq 30); do (setsid sh -c 'exit 0' &); done; echo made; "
                      "exec sleep 600");
    fixture_start(f);
    fixture_await(f, "made");
    pid_t hand = parent_of(started(f));
    char command[128], text[16] = "";
    snprintf(command, sizeof command, "ps -o stat= --ppid %d | grep -c Z", (int)hand);
    uint64_t end = clock_mono_ns() + 5 * NS_PER_S;
    while (strcmp(text, "0\n") != 0 && clock_mono_ns() < end) {
        FILE *ps = popen(command, "r");
        assert_non_null(ps);
        assert_non_null(fgets(text, sizeof text, ps));
        pclose(ps);
    }
    assert_string_equal(text, "0\n");
    hand_order(&f->hand, f->request.id, HAND_KILL, 0);
    fixture_wait(f, HAND_DONE);
}

static void a_closed_hand_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 10; i++) {
        prepare(f, i % 2 ? "comets" : "storm", "16");
        fixture_start(f);
        fixture_await(f, "ready");
        pid_t hand = parent_of(started(f));
        hand_close(&f->hand);
        assert_int_equal(survivors_after(f->marker, 2000), 0);
        assert_true(gone_within(hand, 2000));
        assert_int_equal(hand_open(&f->keeper, &f->hand), 0);
    }
}

static void a_dead_hand_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 10; i++) {
        prepare(f, i % 2 ? "daemons" : "comets", "16");
        fixture_start(f);
        fixture_await(f, "ready");
        pid_t hand = parent_of(started(f));
        assert_int_equal(kill(hand, SIGKILL), 0);
        if (i % 2 == 0)
            assert_int_equal(fixture_wait(f, HAND_DONE), -1);
        assert_int_equal(survivors_after(f->marker, 2000), 0);
        hand_close(&f->hand);
        assert_int_equal(hand_open(&f->keeper, &f->hand), 0);
    }
    assert_int_equal(fixture_run(f, "exit 3"), HAND_DONE);
    assert_int_equal(f->event[HAND_EXITED].status, 3);
}

static void a_dead_keeper_shows_and_hands_go_on(void **state)
{
    struct fixture *f = *state;
    fixture_script(f, "setsid sleep 600 & echo ready; exec sleep 600");
    fixture_start(f);
    fixture_await(f, "ready");
    assert_int_equal(kill(f->keeper.pid, SIGKILL), 0);
    struct pollfd fd = {f->keeper.fd, POLLIN, 0};
    assert_int_equal(poll(&fd, 1, 5000), 1);
    await_living(f->marker, 2);
    struct hand other;
    assert_int_equal(hand_open(&f->keeper, &other), -1);
    assert_int_equal(errno, EPIPE);
    hand_order(&f->hand, f->request.id, HAND_STOP, SIGTERM);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    assert_int_equal(survivors(f->marker), 0);
    assert_int_equal(fixture_run(f, "echo $PPID; exit 4"), HAND_DONE);
    assert_int_equal(f->event[HAND_EXITED].status, 4);
    pid_t hand = (pid_t)strtol(fixture_output(f), NULL, 10);
    hand_close(&f->hand);
    assert_true(gone_within(hand, 2000)); /* and teardown looks for the folder */
}

/* A runner of its own, which is killed while its commands run. */
static void a_killed_runner_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 10; i++) {
        int ready[2];
        assert_int_equal(pipe(ready), 0);
        pid_t runner = fork();
        if (runner == 0) {
            struct keeper keeper;
            struct hand hands[4];
            if (keeper_start_with(&keeper, fixture_flags) < 0)
                _exit(1);
            for (size_t k = 0; k < ARRAY_SIZE(hands); k++) {
                prepare(f, k % 2 ? "daemons" : "comets", "8");
                f->request.fds[1] = ready[1];
                if (hand_open(&keeper, &hands[k]) < 0 || hand_start(&hands[k], &f->request) < 0)
                    _exit(1);
            }
            if (write(ready[1], keeper.cgroup, strlen(keeper.cgroup)) < 0)
                _exit(1);
            for (;;)
                pause();
        }
        close(ready[1]);
        char text[2048];
        size_t have = 0, lines = 0;
        while (lines < 4) {
            ssize_t n = read(ready[0], text + have, sizeof text - 1 - have);
            assert_true(n > 0);
            for (ssize_t k = 0; k < n; k++)
                lines += text[have + (size_t)k] == '\n';
            have += (size_t)n;
        }
        kill(runner, SIGKILL);
        waitpid(runner, NULL, 0);
        assert_int_equal(survivors_after(f->marker, 2000), 0);
        /* End of file: no one holds the pipe, so keeper and hands have not taken it with them. */
        struct pollfd fd = {ready[0], POLLIN, 0};
        assert_int_equal(poll(&fd, 1, 20000), 1);
        close(ready[0]);
    }
}

static void many_hands_work_at_once(void **state)
{
    struct fixture *f = *state;
    enum { MANY = 300 };
    static struct hand hands[MANY];
    fixture_script(f, "exit 3");
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(hand_open(&f->keeper, &hands[i]), 0);
        f->request.id = (uint64_t)i;
        assert_int_equal(hand_start(&hands[i], &f->request), 0);
    }
    for (int i = 0; i < MANY; i++) {
        struct hand_event event = {0};
        while (event.kind != HAND_DONE) {
            struct pollfd fd = {hands[i].fd, POLLIN, 0};
            assert_int_equal(poll(&fd, 1, 30000), 1);
            assert_int_equal(hand_receive(&hands[i], &event), 1);
            assert_int_equal(event.id, i);
        }
        assert_int_equal(event.status, 3);
        hand_close(&hands[i]);
    }
}

/* SIGCHLD and others ignored, all blocked: as a careless parent starts us. */
static void hostile_signals_are_put_right(void **state)
{
    struct fixture *f = *state;
    pid_t runner = fork();
    if (runner == 0) {
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, NULL);
        for (int signo = 1; signo < NSIG; signo++)
            signal(signo, SIG_IGN);
        if (keeper_start_with(&f->keeper, fixture_flags) < 0 || hand_open(&f->keeper, &f->hand) < 0)
            _exit(1);
        if (fixture_run(f, "grep -E '^Sig(Blk|Ign|Pnd)' /proc/self/status | cut -f 2; exit 7") !=
            HAND_DONE)
            _exit(2);
        /* nohup stays what it is */
        if (strcmp(fixture_output(f), "0000000000000000\n0000000000000000\n0000000000000001\n"))
            _exit(3);
        if (f->event[HAND_EXITED].status != 7 || f->event[HAND_EXITED].code != CLD_EXITED)
            _exit(4);
        hand_close(&f->hand);
        _exit(keeper_finish(&f->keeper, 5 * NS_PER_S) < 0 ? 5 : 0);
    }
    int status;
    assert_int_equal(waitpid(runner, &status, 0), runner);
    assert_int_equal(status, 0);
}

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int rc = write_all(fd, text, strlen(text));
    close(fd);
    return rc;
}

/* The freezer of cgroup v1 holds a process so that not even SIGKILL ends it. */
static void the_unkillable_is_told_and_let_go(void **state)
{
    struct fixture *f = *state;
    char folder[128], path[256], pid[32];
    snprintf(folder, sizeof folder, "/sys/fs/cgroup/freezer/test-survivors-%d", (int)getpid());
    if (mkdir(folder, 0755) < 0)
        skip();
    fixture_script(f, "setsid sleep 603 & echo $!; exec sleep 600");
    f->request.confirm_ns = 300 * NS_PER_MS;
    fixture_start(f);
    fixture_await(f, "\n");
    snprintf(pid, sizeof pid, "%d", (int)strtol(fixture_output(f), NULL, 10));
    snprintf(path, sizeof path, "%s/cgroup.procs", folder);
    assert_int_equal(write_file(path, pid), 0);
    snprintf(path, sizeof path, "%s/freezer.state", folder);
    assert_int_equal(write_file(path, "FROZEN"), 0);
    hand_order(&f->hand, f->request.id, HAND_KILL, 0);
    int kind = fixture_wait(f, HAND_DONE);
    assert_int_equal(write_file(path, "THAWED"), 0);
    assert_int_equal(kind, HAND_DONE);
    assert_int_equal(f->event[HAND_DONE].unkillable, 1);
    assert_non_null(strstr(f->event[HAND_DONE].text, pid));
    assert_non_null(strstr(f->event[HAND_DONE].text, "state D wchan"));
    assert_int_equal(survivors_after(f->marker, 2000), 0);
    uint64_t end = clock_mono_ns() + 2 * NS_PER_S;
    while (rmdir(folder) < 0 && clock_mono_ns() < end)
        poll(NULL, 0, 10);
    assert_int_equal(access(folder, F_OK), -1);
}

static void a_marked_stranger_is_found(void **state)
{
    struct fixture *f = *state;
    /* Nobody's child: as if a daemon had started it for the command. */
    fixture_script(f, "echo ready; exec sleep 600");
    fixture_start(f);
    fixture_await(f, "ready");
    pid_t stranger = fork();
    if (stranger == 0) {
        char *argv[] = {(char[]){"sleep"}, (char[]){"600"}, NULL};
        char *env[] = {(char[]){"A=1"}, f->marker, NULL};
        execve("/bin/sleep", argv, env);
        _exit(1);
    }
    await_living(f->marker, 2);
    hand_order(&f->hand, f->request.id, HAND_KILL, 0);
    int kind = fixture_wait(f, HAND_DONE);
    int status;
    assert_int_equal(waitpid(stranger, &status, kind == HAND_DONE ? 0 : WNOHANG), stranger);
    assert_true(WIFSIGNALED(status));
    assert_true(f->event[HAND_DONE].via & HAND_VIA_MARKER);
}

static void what_a_dead_run_left_is_reaped(void **state)
{
    struct fixture *f = *state;
    fixture_script(f, "setsid sleep 600 & echo ready; exec sleep 600");
    fixture_start(f);
    fixture_await(f, "ready");
    struct process_stat us;
    unsigned n;
    assert_int_equal(process_stat(getpid(), &us), 0);
    assert_int_equal(keeper_reap_cgroup("/tmp", getpid(), us.start, 1000, &n), -1);
    assert_int_equal(keeper_reap_cgroup("/nowhere/ciplug-1-2-3", 1, 2, 1000, &n), 0);
    assert_int_equal(keeper_reap_cgroup("/nowhere/ciplug-1-2-3x", 1, 2, 1000, &n), -1);
    assert_int_equal(keeper_reap_cgroup("/nowhere/../ciplug-1-2-3", 1, 2, 1000, &n), -1);
    if (f->keeper.cgroup[0]) {
        const char *folder = f->keeper.cgroup;
        assert_int_equal(keeper_reap_cgroup(folder, getpid(), us.start + 1, 1000, &n), -1);
        /* The hand still holds its leaf; all in it dies, and the hand says so. */
        assert_int_equal(keeper_reap_cgroup(folder, getpid(), us.start, 1000, &n), 1);
        assert_true(n >= 2);
    } else {
        await_living(f->marker, 2);
        assert_int_equal(keeper_reap_marker("CIPLUG_JOB=tes.", 0, 1000), 0);
        assert_true(keeper_reap_marker(f->marker, 0, 1000) >= 2);
    }
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    assert_int_equal(f->event[HAND_EXITED].status, SIGKILL);
    assert_int_equal(survivors(f->marker), 0);
    /* Without its leaf the hand still works. */
    assert_int_equal(fixture_run(f, "setsid sleep 600 & exit 2"), HAND_DONE);
    assert_int_equal(f->event[HAND_EXITED].status, 2);
    assert_int_equal(f->event[HAND_DONE].leaked, 1);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        WITH(daemons_go_after_a_natural_end),
        WITH(daemons_go_after_a_stop),
        WITH(comets_are_caught),
        WITH(storms_are_ended),
        WITH(a_kept_leak_lives_until_the_hand_closes),
        WITH(orphans_are_reaped_while_it_runs),
        WITH(a_closed_hand_leaves_nothing),
        WITH(a_dead_hand_leaves_nothing),
        WITH(a_dead_keeper_shows_and_hands_go_on),
        WITH(a_killed_runner_leaves_nothing),
        WITH(many_hands_work_at_once),
        WITH(hostile_signals_are_put_right),
        WITH(the_unkillable_is_told_and_let_go),
        WITH(a_marked_stranger_is_found),
        WITH(what_a_dead_run_left_is_reaped),
    };
    if (argc == 3)
        return act(argv[1], (int)strtol(argv[2], NULL, 10));
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return 1;
    int failed = cmocka_run_group_tests_name("with a cgroup where possible", tests, NULL, NULL);
    fixture_flags = KEEPER_NO_CGROUP;
    return failed + cmocka_run_group_tests_name("without cgroup", tests, NULL, NULL);
}
