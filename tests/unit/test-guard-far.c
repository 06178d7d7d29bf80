/* SPDX-License-Identifier: MIT
 *
 * The real guard, out of the hand's reach: an "engine" that is none of its children starts it, and
 * a client carries the streams through FIFOs.
 */
#include "attempt-place.h"
#include "guard.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define CLIENT                                                                                     \
    "exec 3<&0; cat <&3 >\"$1/in\" & in=$!; cat \"$1/err\" >&2 & err=$!; "                         \
    "cat \"$1/out\"; wait $err; { kill $in; wait $in; } 2>/dev/null; exit 0"
/* The guard is born after its client, as everywhere: of one /proc it takes what is older for no
 * part of the tree. */
#define ENGINE "cd \"$1\" && shift && exec <in >out 2>err; env -u CIPLUG_JOB setsid -w \"$@\""

static char folder[] = "/tmp/test-guard-XXXXXX";
static const char *const fifos[] = {"in", "out", "err"};

static unsigned repeats(void)
{
    const char *text = getenv("CIPLUG_TEST_REPEATS");
    unsigned n = text ? (unsigned)strtoul(text, NULL, 10) : 0;
    return n > 0 ? n : 6;
}

static int make_folder(void **state)
{
    if (!mkdtemp(folder))
        return -1;
    for (size_t i = 0; i < ARRAY_SIZE(fifos); i++) {
        AUTO_FREE char *path = xasprintf("%s/%s", folder, fifos[i]);
        if (mkfifo(path, 0600) < 0)
            return -1;
    }
    return place_keeper(state);
}

static int remove_folder(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(fifos); i++) {
        AUTO_FREE char *path = xasprintf("%s/%s", folder, fifos[i]);
        unlink(path);
    }
    return place_end(state) < 0 || rmdir(folder) < 0 ? -1 : 0;
}

static pid_t start_engine(void)
{
    AUTO_STRV struct strv words = STRV_INIT;
    strv_push(&words, "sh");
    strv_push(&words, "-c");
    strv_push(&words, ENGINE);
    strv_push(&words, "engine");
    strv_push(&words, folder);
    guard_argv(&words);
    pid_t pid = fork();
    if (pid == 0) {
        execvp("sh", words.v);
        _exit(127);
    }
    assert_true(pid > 0);
    return pid;
}

static void end_engine(pid_t pid)
{
    int status;
    uint64_t limit = clock_mono_ns() + 15 * NS_PER_S;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (clock_mono_ns() > limit)
            fail_msg("the guard did not leave");
        usleep(2000);
    }
}

/* What the engine runs is `script`, with the marker. */
static void run(struct place *p, const char *script)
{
    AUTO_ARGV struct argv client = ARGV_INIT, command = ARGV_INIT;
    AUTO_STRBUF struct strbuf prelude = STRBUF_INIT;
    char nonce[GUARD_NONCE_SIZE];
    assert_int_equal(guard_nonce(nonce), 0);
    strv_push(&command.words, "sh");
    strv_push(&command.words, "-c");
    strv_push(&command.words, script);
    strv_push(&command.env, p->marker);
    guard_prelude(
        &prelude, &command,
        &(struct guard_settings){.nonce = nonce, .lease_s = 60, .merge = p->request.merge});
    p->guard =
        (struct attempt_guard){.nonce = nonce, .prelude = prelude.buf, .length = prelude.len};
    strv_push(&client.words, "sh");
    strv_push(&client.words, "-c");
    strv_push(&client.words, CLIENT);
    strv_push(&client.words, "client");
    strv_push(&client.words, folder);
    p->request.argv = &client;
    pid_t engine = start_engine();
    place_run(p);
    assert_true(p->end.begun);
    /* Whose end was confirmed is gone before it is told. */
    unsigned left = p->end.confirmed ? survivors(p->marker) : 0;
    end_engine(engine);
    assert_int_equal(left + survivors(p->marker), 0);
}

static void it_runs_as_here(void **state)
{
    struct place *p = *state;
    run(p, "echo out; echo err >&2; exit 3");
    assert_true(p->end.confirmed);
    assert_int_equal(p->end.guard_exit, 3);
    assert_int_equal(p->end.guard_left, 0);
    assert_string_equal(strbuf_text(&p->bytes[0]), "out\n");
    assert_string_equal(strbuf_text(&p->bytes[1]), "err\n");
    p->request.merge = true;
    run(p, "echo out; echo err >&2; printf end; kill -9 $$");
    assert_true(p->end.confirmed);
    assert_int_equal(p->end.guard_exit, 137);
    assert_string_equal(strbuf_text(&p->bytes[0]), "out\nerr\nend");
}

static void what_it_leaves_is_killed(void **state)
{
    struct place *p = *state;
    run(p, "setsid sleep 600 & setsid sh -c 'sleep 600 & sleep 600' & "
           "until grep -q sleep /proc/$!/task/*/children /proc/$!/comm; do sleep 0.01; "
           "[ \"$(pgrep -c -P $!)\" = 2 ] && break; done; exit 0");
    assert_true(p->end.confirmed);
    assert_int_equal(p->end.guard_exit, 0);
    assert_true(p->end.guard_left >= 2);
    assert_int_equal(p->end.via, 0);
}

static void nothing_survives_a_timeout(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *script;
        bool rude, merge, storm;
    } commands[] = {
        {"exec sleep 600", false, false, false},
        {"setsid sleep 600 & sleep 600", false, true, false},
        {"trap '' TERM; setsid sh -c 'setsid sleep 600 & sleep 600' & sleep 600; true", true, false,
         false},
        {"exec yes", false, false, false},
        {"trap 'exit 0' TERM; (trap '' TERM; setsid sleep 600) & while :; do sleep 0.02; done",
         true, false, false},
        {"trap '' TERM; while :; do setsid sleep 600 & sleep 0.02; done", true, false, true},
    };
    p->request.timeout_ns = 150 * NS_PER_MS;
    for (unsigned i = 0; i < repeats(); i++) {
        size_t n = i % ARRAY_SIZE(commands);
        p->request.grace_ns = commands[n].rude ? 150 * NS_PER_MS : 10 * NS_PER_S;
        p->request.merge = commands[n].merge;
        run(p, commands[n].script);
        assert_int_equal(p->end.ended, HAND_ENDED_TIMEOUT);
        /* On a busy machine ending a storm may take the guard longer than its client has. */
        if (commands[n].storm && !p->end.confirmed)
            continue;
        assert_true(p->end.confirmed);
        assert_int_equal(p->end.via, commands[n].rude ? HAND_VIA_GUARD : 0);
    }
}

static void kill_client(struct place *p)
{
    assert_int_equal(kill(-p->end.pid, SIGKILL), 0);
}

/* Whoever kills the client kills nothing far away; but the guard sees the end of its channel. */
static void nothing_survives_its_client(void **state)
{
    struct place *p = *state;
    p->when_started = kill_client;
    run(p, "trap '' TERM HUP PIPE; setsid sleep 600 & sleep 600; true");
    assert_true(p->end.unconfirmed);
    assert_int_equal(p->end.ended, HAND_ENDED_ITSELF);
}

static void kill_hand(struct place *p)
{
    assert_int_equal(kill(parent_of(p->end.pid), SIGKILL), 0);
}

static void nothing_survives_its_hand(void **state)
{
    struct place *p = *state;
    p->when_started = kill_hand;
    run(p, "trap '' TERM HUP PIPE; setsid sleep 600 & sleep 600; true");
    assert_true(p->end.lost);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(it_runs_as_here),
        WITH(what_it_leaves_is_killed),
        WITH(nothing_survives_a_timeout),
        WITH(nothing_survives_its_client),
        WITH(nothing_survives_its_hand),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
