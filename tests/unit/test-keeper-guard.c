/* SPDX-License-Identifier: MIT
 *
 * A guarded command, seen from the hand: shell scripts stand in for client and guard, and tell
 * what comes through the control channel.
 */
#include "keeper-fixture.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Each line that comes is told as <line>, the end as <eof>. */
#define TELL "while read -r line; do echo \"<$line>\"; done; echo '<eof>'; "

static int prelude_of(const void *bytes, size_t length)
{
    int fd = memfd_create("prelude", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write_all(fd, bytes, length), 0);
    return fd;
}

static void start_guarded(struct fixture *f, const void *prelude, size_t length)
{
    int fd = prelude_of(prelude, length);
    f->request.guarded = true;
    f->request.fds[0] = fd;
    fixture_start(f);
    f->request.fds[0] = f->null;
    close(fd);
}

static void guarded(struct fixture *f, const char *script)
{
    fixture_script(f, script);
    start_guarded(f, "go\n", 3);
}

static void order(struct fixture *f, enum hand_order what)
{
    assert_int_equal(hand_order(&f->hand, f->request.id, what, SIGTERM), 0);
}

static void begin(struct fixture *f, uint64_t at_ns)
{
    assert_int_equal(hand_begin(&f->hand, f->request.id, at_ns), 0);
}

static void a_long_prelude_arrives_before_orders(void **state)
{
    struct fixture *f = *state;
    static char prelude[2 << 20];
    for (size_t i = 0; i < sizeof prelude / 8; i++) {
        char line[9];
        snprintf(line, sizeof line, "%07zu\n", i + 1);
        memcpy(prelude + i * 8, line, 8);
    }
    fixture_script(f, "sleep 0.2; head -c 2097152 | awk 'NR != $1 + 0 { bad++ } "
                      "END { print NR, bad + 0 }'; " TELL);
    start_guarded(f, prelude, sizeof prelude);
    order(f, HAND_PAUSE);
    order(f, HAND_STOP);
    fixture_await(f, "262144 0\n<s TERM>\n");
    order(f, HAND_KILL);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    assert_string_equal(fixture_output(f), "262144 0\n<s TERM>\n<k>\n<eof>\n");
}

static void a_soft_signal_goes_to_the_guard_alone(void **state)
{
    struct fixture *f = *state;
    guarded(f, "trap 'echo signalled' TERM INT CONT; echo up; "
               "while read -r line; do echo \"<$line>\"; case $line in s*) exit 3; esac; done");
    fixture_await(f, "<go>");
    assert_int_equal(hand_order(&f->hand, f->request.id, HAND_STOP, SIGINT), 0);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    assert_string_equal(fixture_output(f), "up\n<go>\n<s INT>\n");
    assert_int_equal(f->event[HAND_EXITED].ended, HAND_ENDED_STOP);
    assert_int_equal(f->event[HAND_EXITED].status, 3);
    assert_int_equal(f->event[HAND_DONE].via, 0);
}

static void the_guard_kills_after_the_grace(void **state)
{
    struct fixture *f = *state;
    fixture_script(f, TELL "exit 4");
    f->request.timeout_ns = 100 * NS_PER_MS;
    f->request.grace_ns = 200 * NS_PER_MS;
    start_guarded(f, "", 0);
    uint64_t from = clock_mono_ns();
    begin(f, from);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    assert_true(f->event[HAND_EXITED].at_ns - from >= 300 * NS_PER_MS);
    assert_string_equal(fixture_output(f), "<s TERM>\n<k>\n<eof>\n");
    assert_int_equal(f->event[HAND_EXITED].ended, HAND_ENDED_TIMEOUT);
    assert_int_equal(f->event[HAND_EXITED].code, CLD_EXITED);
    assert_int_equal(f->event[HAND_EXITED].status, 4);
    assert_int_equal(f->event[HAND_DONE].via, HAND_VIA_GUARD);
}

static void no_grace_means_no_soft_signal(void **state)
{
    struct fixture *f = *state;
    guarded(f, TELL);
    fixture_await(f, "<go>");
    f->request.grace_ns = 0;
    order(f, HAND_KILL);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    assert_string_equal(fixture_output(f), "<go>\n<k>\n<eof>\n");
    fixture_script(f, TELL);
    f->request.grace_ns = 0;
    start_guarded(f, "go\n", 3);
    fixture_await(f, "<go>");
    order(f, HAND_STOP);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    assert_string_equal(fixture_output(f), "<go>\n<k>\n<eof>\n");
}

static void a_client_that_does_not_care_is_killed(void **state)
{
    struct fixture *f = *state;
    guarded(f, "trap '' TERM; setsid sleep 600 & echo up; sleep 600; true");
    fixture_await(f, "up");
    await_living(f->marker, 3);
    uint64_t from = clock_mono_ns();
    order(f, HAND_KILL);
    assert_int_equal(fixture_wait(f, HAND_EXITED), HAND_EXITED);
    uint64_t took = clock_mono_ns() - from;
    assert_true(took >= 1990 * NS_PER_MS && took < 6 * NS_PER_S);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    assert_int_equal(f->event[HAND_EXITED].code, CLD_KILLED);
    assert_int_equal(f->event[HAND_DONE].via,
                     f->keeper.cgroup[0] ? HAND_VIA_CGROUP : HAND_VIA_GROUP | HAND_VIA_SUBREAPER);
    assert_int_equal(survivors(f->marker), 0);
}

static void what_a_client_leaves_is_swept_at_once(void **state)
{
    struct fixture *f = *state;
    guarded(f, "setsid sleep 600 & " TELL);
    fixture_await(f, "<go>");
    uint64_t from = clock_mono_ns();
    order(f, HAND_KILL);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    assert_true(clock_mono_ns() - from < 1900 * NS_PER_MS);
    assert_true(f->event[HAND_DONE].via & HAND_VIA_GUARD);
    assert_true(f->event[HAND_DONE].via & ~(unsigned)HAND_VIA_GUARD);
    assert_int_equal(survivors(f->marker), 0);
}

static void the_runners_end_closes_the_channel(void **state)
{
    struct fixture *f = *state;
    guarded(f, "trap '' TERM; " TELL "sleep 600; true");
    fixture_await(f, "<go>");
    uint64_t from = clock_mono_ns();
    hand_close(&f->hand);
    fixture_await(f, "<go>\n<k>\n<eof>\n");
    assert_true(clock_mono_ns() - from < 1900 * NS_PER_MS);
    assert_true(survivors(f->marker) > 0);
    assert_int_equal(survivors_after(f->marker, 8000), 0);
    assert_true(clock_mono_ns() - from >= 1990 * NS_PER_MS);
}

static void the_limit_counts_from_the_begin(void **state)
{
    struct fixture *f = *state;
    for (int late = 0; late < 2; late++) {
        fixture_script(f, TELL);
        f->request.timeout_ns = late ? 3 * NS_PER_S : 300 * NS_PER_MS;
        start_guarded(f, "go\n", 3);
        fixture_await(f, "<go>");
        struct pollfd fd = {f->hand.fd, POLLIN, 0};
        assert_int_equal(fixture_wait(f, HAND_STARTED), HAND_STARTED);
        assert_int_equal(poll(&fd, 1, 500), 0);
        /* Seen by a runner that stood still itself, or just now. */
        uint64_t now = clock_mono_ns();
        begin(f, late ? now - 3 * NS_PER_S : now);
        begin(f, now + 3 * NS_PER_S);
        assert_int_equal(fixture_wait(f, HAND_DEADLINE), HAND_DEADLINE);
        uint64_t took = f->event[HAND_DEADLINE].at_ns - now;
        assert_true(took >= (late ? 0 : 300 * NS_PER_MS) && took < 2500 * NS_PER_MS);
        order(f, HAND_KILL);
        assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
        assert_int_equal(f->event[HAND_DONE].ended, HAND_ENDED_TIMEOUT);
    }
}

static void a_pause_is_told_and_the_client_goes_on(void **state)
{
    struct fixture *f = *state;
    fixture_script(f, "while read -r line; do echo \"<$line> $(date +%s.%N)\"; "
                      "[ \"$line\" = b ] && exit 0; done");
    f->request.timeout_ns = 2 * NS_PER_S;
    start_guarded(f, "", 0);
    begin(f, clock_mono_ns());
    order(f, HAND_PAUSE);
    fixture_await(f, "<p>");
    order(f, HAND_RESUME);
    fixture_await(f, "<c>");
    order(f, HAND_PAUSE);
    /* The heartbeat comes in the pause, beyond the time limit, and the client takes it. */
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    assert_non_null(strstr(fixture_output(f), "<b>"));
    assert_int_equal(f->count[HAND_DEADLINE], 0);
    assert_int_equal(f->event[HAND_DONE].ended, HAND_ENDED_ITSELF);
    assert_true(f->event[HAND_EXITED].at_ns - f->event[HAND_STARTED].at_ns >= 4900 * NS_PER_MS);
}

static void a_pause_stops_the_limit(void **state)
{
    struct fixture *f = *state;
    fixture_script(f, TELL);
    f->request.timeout_ns = 600 * NS_PER_MS;
    start_guarded(f, "", 0);
    order(f, HAND_PAUSE);
    poll(NULL, 0, 300);
    uint64_t from = clock_mono_ns(); /* its mark comes in the pause: the guard was quicker */
    begin(f, from);
    poll(NULL, 0, 700);
    uint64_t resumed = clock_mono_ns();
    order(f, HAND_RESUME);
    assert_int_equal(fixture_wait(f, HAND_DEADLINE), HAND_DEADLINE);
    uint64_t took = f->event[HAND_DEADLINE].at_ns - resumed;
    assert_true(took >= 590 * NS_PER_MS && took < 1200 * NS_PER_MS);
    order(f, HAND_KILL);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    assert_string_equal(fixture_output(f), "<p>\n<c>\n<s TERM>\n<k>\n<eof>\n");
}

/* As long as nobody reads, everything else goes on. */
static void a_full_channel_blocks_nothing(void **state)
{
    struct fixture *f = *state;
    static char prelude[2 << 20];
    fixture_script(f, "echo up; sleep 600");
    start_guarded(f, prelude, sizeof prelude);
    fixture_await(f, "up");
    for (int i = 0; i < 50; i++) {
        order(f, HAND_PAUSE);
        order(f, HAND_RESUME);
    }
    order(f, HAND_STOP);
    uint64_t from = clock_mono_ns();
    order(f, HAND_KILL);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    assert_true(clock_mono_ns() - from < 6 * NS_PER_S);
    assert_int_equal(f->event[HAND_EXITED].code, CLD_KILLED);
}

static void a_closed_channel_is_no_end(void **state)
{
    struct fixture *f = *state;
    guarded(f, "read -r line; exec <&-; echo closed; sleep 0.3; exit 5");
    fixture_await(f, "closed");
    order(f, HAND_PAUSE);
    order(f, HAND_RESUME);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    assert_int_equal(f->event[HAND_EXITED].ended, HAND_ENDED_ITSELF);
    assert_int_equal(f->event[HAND_EXITED].status, 5);
    assert_int_equal(f->event[HAND_DONE].via, 0);
}

static void every_end_is_held(void **state)
{
    struct fixture *f = *state;
    fixture_script(f, "exit 0");
    f->request.hold_ns = 20 * NS_PER_S;
    start_guarded(f, "go\n", 3);
    assert_int_equal(fixture_wait(f, HAND_EXITED), HAND_EXITED);
    struct pollfd fd = {f->hand.fd, POLLIN, 0};
    assert_int_equal(poll(&fd, 1, 100), 0);
    order(f, HAND_GO);
    assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
}

static unsigned descriptors_of(pid_t pid)
{
    char path[64];
    unsigned n = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static void a_hand_is_used_again(void **state)
{
    struct fixture *f = *state;
    unsigned first = 0, last = 0;
    for (int i = 0; i < 12; i++) {
        if (i % 3 == 2) { /* one that cannot be started, one of another kind */
            fixture_script(f, "exit 0");
            f->argv.cwd = xstrdup("/no/such/folder");
            start_guarded(f, "go\n", 3);
            assert_int_equal(fixture_wait(f, HAND_DONE), HAND_REFUSED);
            assert_int_equal(fixture_run(f, "read -r line; echo none"), HAND_DONE);
            assert_string_equal(fixture_output(f), "none\n");
            continue;
        }
        guarded(f, "read -r line; echo $line; read -r line");
        fixture_await(f, "go");
        assert_int_equal(fixture_wait(f, HAND_STARTED), HAND_STARTED);
        last = descriptors_of(parent_of(f->event[HAND_STARTED].pid));
        first = first ? first : last;
        order(f, HAND_KILL);
        assert_int_equal(fixture_wait(f, HAND_DONE), HAND_DONE);
    }
    /* The prelude may not have been let go of yet. */
    assert_in_range(last, first - 1, first + 1);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest both[] = {
        WITH(a_soft_signal_goes_to_the_guard_alone),
        WITH(a_client_that_does_not_care_is_killed),
        WITH(what_a_client_leaves_is_swept_at_once),
    };
    const struct CMUnitTest tests[] = {
        WITH(a_long_prelude_arrives_before_orders),
        WITH(the_guard_kills_after_the_grace),
        WITH(no_grace_means_no_soft_signal),
        WITH(the_runners_end_closes_the_channel),
        WITH(the_limit_counts_from_the_begin),
        WITH(a_pause_is_told_and_the_client_goes_on),
        WITH(a_pause_stops_the_limit),
        WITH(a_full_channel_blocks_nothing),
        WITH(a_closed_channel_is_no_end),
        WITH(every_end_is_held),
        WITH(a_hand_is_used_again),
    };
    int failed = cmocka_run_group_tests_name("with a cgroup where possible", both, NULL, NULL);
    fixture_flags = KEEPER_NO_CGROUP;
    failed += cmocka_run_group_tests_name("without cgroup", both, NULL, NULL);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
