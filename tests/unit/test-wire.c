/* SPDX-License-Identifier: MIT */
#include "util.h"
#include "wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char datagram[sizeof(struct wire_start) + WIRE_INLINE];

static int null_fd(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static size_t open_fds(void)
{
    size_t n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* Send `request`, receive it, take it apart. */
static int transfer(struct hand_request *request, struct wire_command *command)
{
    int pair[2], fds[WIRE_FDS];
    size_t n = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    int null = null_fd();
    for (int i = 0; i < 3; i++)
        request->fds[i] = null;
    int rc = wire_send_start(pair[0], request);
    int error = errno;
    if (rc == 0) {
        ssize_t got = wire_receive(pair[1], datagram, sizeof datagram, fds, &n, 0);
        assert_true(got > 0);
        rc = wire_decode(command, datagram, (size_t)got, fds, n);
        error = errno;
    }
    close(null);
    close(pair[0]);
    close(pair[1]);
    errno = error;
    return rc;
}

static void requests_arrive_whole(void **state)
{
    (void)state;
    size_t before = open_fds();
    AUTO_ARGV struct argv argv = ARGV_INIT;
    strv_push(&argv.words, "printf");
    strv_push(&argv.words, "");
    strv_push(&argv.words, "a\nb");
    strv_push(&argv.env, "A=1");
    argv.cwd = xstrdup("/tmp");
    struct hand_request request = {.id = 7,
                                   .argv = &argv,
                                   .guarded = true,
                                   .timeout_ns = 1,
                                   .hold_ns = 2,
                                   .grace_ns = 3,
                                   .confirm_ns = 4,
                                   .soft_signal = 2,
                                   .on_leak = HAND_LEAK_KEEP,
                                   .marker = "CIPLUG_JOB=x"};
    struct wire_command command;
    assert_int_equal(transfer(&request, &command), 0);
    assert_string_equal(command.argv[0], "printf");
    assert_string_equal(command.argv[1], "");
    assert_string_equal(command.argv[2], "a\nb");
    assert_null(command.argv[3]);
    assert_string_equal(command.env[0], "A=1");
    assert_string_equal(command.env[1], "CIPLUG_JOB=x");
    assert_null(command.env[2]);
    assert_string_equal(command.marker, "CIPLUG_JOB=x");
    assert_string_equal(command.cwd, "/tmp");
    assert_int_equal(command.start.id, 7);
    assert_int_equal(command.start.guarded, 1);
    assert_int_equal(command.start.timeout_ns, 1);
    assert_int_equal(command.start.hold_ns, 2);
    assert_int_equal(command.start.grace_ns, 3);
    assert_int_equal(command.start.confirm_ns, 4);
    assert_int_equal(command.start.soft_signal, 2);
    assert_int_equal(command.start.on_leak, HAND_LEAK_KEEP);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fcntl(command.fds[i], F_GETFD), FD_CLOEXEC);
    wire_command_clear(&command);
    assert_int_equal(open_fds(), before);
}

static void absent_parts_stay_absent(void **state)
{
    (void)state;
    AUTO_ARGV struct argv argv = ARGV_INIT;
    strv_push(&argv.words, "true");
    struct hand_request request = {.argv = &argv};
    struct wire_command command;
    assert_int_equal(transfer(&request, &command), 0);
    assert_int_equal(command.start.guarded, 0);
    assert_null(command.cwd);
    assert_null(command.marker);
    assert_null(command.env[0]);
    wire_command_clear(&command);
}

static void large_requests_travel_in_a_memfd(void **state)
{
    (void)state;
    size_t before = open_fds();
    for (size_t size = WIRE_INLINE - 64; size <= WIRE_INLINE * 32; size += WIRE_INLINE * 8 - 1) {
        AUTO_ARGV struct argv argv = ARGV_INIT;
        char *word = xmalloc(size + 1);
        memset(word, 'x', size);
        word[size] = '\0';
        strv_push(&argv.words, "true");
        strv_take(&argv.words, word);
        struct hand_request request = {.argv = &argv, .marker = "M=1"};
        struct wire_command command;
        assert_int_equal(transfer(&request, &command), 0);
        assert_int_equal(command.map != NULL, size >= WIRE_INLINE);
        assert_int_equal(strlen(command.argv[1]), size);
        assert_string_equal(command.marker, "M=1");
        wire_command_clear(&command);
    }
    assert_int_equal(open_fds(), before);
}

static void impossible_requests_are_refused_at_once(void **state)
{
    (void)state;
    AUTO_ARGV struct argv argv = ARGV_INIT;
    struct hand_request request = {.argv = &argv};
    struct wire_command command;
    assert_int_equal(transfer(&request, &command), -1);
    assert_int_equal(errno, EINVAL);
    char *word = xmalloc(WIRE_LARGEST + 1);
    memset(word, 'x', WIRE_LARGEST);
    word[WIRE_LARGEST] = '\0';
    strv_take(&argv.words, word);
    assert_int_equal(transfer(&request, &command), -1);
    assert_int_equal(errno, E2BIG);
}

static void no_cut_datagram_is_taken(void **state)
{
    (void)state;
    static char copy[256];
    struct wire_start start = {.kind = WIRE_START, .words = 2, .envs = 1, .has_cwd = 1, .size = 16};
    memcpy(copy, &start, sizeof start);
    memcpy(copy + sizeof start, "ls\0-l\0A=1\0/tmp/", 16);
    copy[sizeof start + 15] = '\0';
    for (size_t length = 0; length <= sizeof start + 16; length++) {
        struct wire_command command;
        int fds[3] = {null_fd(), null_fd(), null_fd()};
        char *exact = xmemdup(copy, length);
        int rc = wire_decode(&command, exact, length, fds, 3);
        assert_int_equal(rc, length == sizeof start + 16 ? 0 : -1);
        wire_command_clear(&command);
        free(exact);
    }
}

static void counts_that_lie_are_refused(void **state)
{
    (void)state;
    static const struct wire_start lies[] = {
        {.kind = WIRE_START, .words = 3, .size = 4},
        {.kind = WIRE_START, .words = 1, .size = 4},
        {.kind = WIRE_START, .words = 0, .envs = 2, .size = 4},
        {.kind = WIRE_START, .words = UINT32_MAX, .envs = UINT32_MAX, .size = 4},
        {.kind = WIRE_START, .words = 2, .has_marker = 1, .size = 4},
        {.kind = WIRE_START, .words = 2, .has_cwd = 1, .size = 4},
    };
    for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
        struct wire_command command;
        int fds[3] = {null_fd(), null_fd(), null_fd()};
        size_t length = sizeof lies[i] + 4;
        char *exact = xmalloc(length);
        memcpy(exact, &lies[i], sizeof lies[i]);
        memcpy(exact + sizeof lies[i], "a\0b", 4);
        assert_int_equal(wire_decode(&command, exact, length, fds, 3), -1);
        assert_int_equal(errno, EPROTO);
        wire_command_clear(&command);
        free(exact);
    }
}

static void events_carry_only_their_text(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    struct hand_event out = {.kind = HAND_DONE, .id = 3, .leaked = 1, .text = "pid 5 sleep 600"};
    struct hand_event in;
    assert_int_equal(wire_send_event(pair[0], &out), 0);
    struct hand hand = {.fd = pair[1]};
    assert_int_equal(hand_receive(&hand, &in), 1);
    assert_int_equal(in.kind, HAND_DONE);
    assert_int_equal(in.id, 3);
    assert_string_equal(in.text, "pid 5 sleep 600");
    assert_int_equal(hand_receive(&hand, &in), 0);
    close(pair[0]);
    assert_int_equal(hand_receive(&hand, &in), -1);
    close(pair[1]);
}

static void a_full_socket_never_blocks_the_sender(void **state)
{
    (void)state;
    int pair[2], rc, n = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    struct hand hand = {.fd = pair[0]};
    while ((rc = hand_order(&hand, 1, HAND_STOP, 15)) == 0)
        n++;
    assert_int_equal(errno, EAGAIN);
    assert_true(n > 10);
    close(pair[1]);
    assert_int_equal(hand_order(&hand, 1, HAND_STOP, 15), -1);
    assert_int_equal(errno, EPIPE);
    close(pair[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_arrive_whole),
        cmocka_unit_test(absent_parts_stay_absent),
        cmocka_unit_test(large_requests_travel_in_a_memfd),
        cmocka_unit_test(impossible_requests_are_refused_at_once),
        cmocka_unit_test(no_cut_datagram_is_taken),
        cmocka_unit_test(counts_that_lie_are_refused),
        cmocka_unit_test(events_carry_only_their_text),
        cmocka_unit_test(a_full_socket_never_blocks_the_sender),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
