/* SPDX-License-Identifier: MIT */
#include "screen.h"
#include "strbuf.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_NS (60 * NS_PER_S)

static char folder[64];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test-screen.XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static char *path_of(const char *name)
{
    return xasprintf("%s/%s", folder, name);
}

static void make_file(const char *path, const void *bytes, size_t length)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write_all(fd, bytes, length), 0);
    close(fd);
}

/* A screen on a file, and what it wrote. */
static struct screen *file_screen(int *fd, bool color)
{
    AUTO_FREE char *path = path_of("screen");
    *fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(*fd >= 0);
    struct screen *screen = screen_new(*fd, color);
    assert_non_null(screen);
    return screen;
}

static void assert_shown(struct screen *screen, int fd, const char *wanted, int error)
{
    assert_int_equal(screen_free(screen, LONG_NS, NULL), error);
    close(fd);
    AUTO_FREE char *path = path_of("screen");
    char *data;
    size_t length;
    assert_int_equal(read_file(path, 1 << 28, &data, &length), 0);
    assert_string_equal(data, wanted);
    free(data);
}

static void assert_written(struct screen *screen, int fd, const char *wanted)
{
    assert_shown(screen, fd, wanted, 0);
}

/* Reads until the writing end is closed. */
struct reader {
    pthread_t thread;
    int fd;
    struct strbuf got;
};

static void *reader_main(void *data)
{
    struct reader *reader = data;
    char buf[65536];
    ssize_t n;
    while ((n = read(reader->fd, buf, sizeof buf)) > 0)
        strbuf_add(&reader->got, buf, (size_t)n);
    return NULL;
}

static void reader_start(struct reader *reader, int fd)
{
    *reader = (struct reader){.fd = fd};
    assert_int_equal(pthread_create(&reader->thread, NULL, reader_main, reader), 0);
}

static size_t occurrences(const char *text, const char *what)
{
    size_t n = 0;
    for (; (text = strstr(text, what)); text++)
        n++;
    return n;
}

static void text_output_and_ranges_keep_their_order(void **state)
{
    (void)state;
    int fd;
    AUTO_FREE char *log = path_of("log");
    make_file(log, "one\ntwo\nthree", 13);
    struct screen *screen = file_screen(&fd, false);
    screen_text(screen, "head\033\n", 6, false);
    screen_file(screen, log, 0, 4, "[a] ", false);
    screen_file(screen, log, 4, 4, "[a] ", false);
    screen_file(screen, log, 4, UINT64_MAX, NULL, true);
    screen_file(screen, log, 4, 100, "- ", true);
    screen_file(screen, log, 13, UINT64_MAX, "- ", true);
    screen_output(screen, "x\033y\r\nz", 6, "> ", true);
    screen_output(screen, "part", 4, NULL, false);
    screen_text(screen, "\n", 1, false);
    screen_status(screen, "not on a file\n");
    assert_int_equal(screen_error(screen), 0);
    assert_written(screen, fd,
                   "head\033\n[a] one\n[a] two\ntwo\nthree\n- two\n- three\n> x^[y\n> z\npart\n");
}

static void missing_logs_are_named(void **state)
{
    (void)state;
    int fd;
    AUTO_FREE char *log = path_of("lo\033g"), *fifo = path_of("fifo");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    struct screen *screen = file_screen(&fd, false);
    screen_file(screen, log, 0, UINT64_MAX, NULL, true);
    screen_file(screen, fifo, 0, UINT64_MAX, NULL, true);
    char *wanted = xasprintf("ciplug: cannot show %s/lo^[g: No such file or directory\n"
                             "ciplug: cannot show %s: Invalid argument\n",
                             folder, fifo);
    assert_shown(screen, fd, wanted, ENOENT);
    free(wanted);
}

static void sequences_survive_the_borders_of_reads(void **state)
{
    (void)state;
    int fd;
    AUTO_FREE char *log = path_of("log");
    struct strbuf in = STRBUF_INIT, wanted = STRBUF_INIT;
    for (int i = 0; i < 50000; i++) {
        strbuf_addstr(&in, "\xe2\x82\xac\033[1m\xff\r\n");
        strbuf_addstr(&wanted, "\xe2\x82\xac\033[1m<FF>\n");
    }
    strbuf_addstr(&wanted, "\033[0m");
    make_file(log, in.buf, in.len);
    struct screen *screen = file_screen(&fd, true);
    screen_file(screen, log, 0, UINT64_MAX, NULL, true);
    assert_written(screen, fd, wanted.buf);
    strbuf_free(&in);
    strbuf_free(&wanted);
}

/* Let the thread block in a write of text that nobody reads. */
static void block_thread(struct screen *screen, int reading)
{
    char *bytes = xmalloc(1 << 20);
    memset(bytes, 'x', 1 << 20);
    bytes[(1 << 20) - 1] = '\n';
    screen_text(screen, bytes, 1 << 20, false);
    int capacity = fcntl(reading, F_GETPIPE_SZ), waiting = 0;
    while (waiting < capacity) {
        assert_int_equal(ioctl(reading, FIONREAD, &waiting), 0);
        poll(NULL, 0, 1);
    }
    free(bytes);
}

/* Nobody reads; every call returns, what may be dropped is, and says so where it was. */
static void a_stuck_reader_blocks_nobody(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct screen *screen = screen_new(fds[1], false);
    AUTO_FREE char *log = path_of("log");
    make_file(log, "from the file\n", 14);
    struct strbuf line = STRBUF_INIT;
    for (int i = 0; i < 1023; i++)
        strbuf_addch(&line, 'd');
    strbuf_addch(&line, '\n');
    block_thread(screen, fds[0]);
    uint64_t start = clock_mono_ns();
    for (int i = 0; i < 10000; i++)
        screen_text(screen, line.buf, line.len, true);
    screen_text(screen, "kept\n", 5, false);
    screen_file(screen, log, 0, UINT64_MAX, NULL, true);
    for (int i = 0; i < 10; i++)
        screen_output(screen, line.buf, line.len, NULL, true);
    assert_true(clock_mono_ns() - start < 5 * NS_PER_S);
    assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
    struct reader reader;
    reader_start(&reader, fds[0]);
    screen_free(screen, LONG_NS, NULL);
    close(fds[1]);
    pthread_join(reader.thread, NULL);
    size_t shown = occurrences(reader.got.buf, "dd\n");
    assert_int_equal(shown, 4096);
    char *wanted = xasprintf("\nciplug: %zu lines are left out here: they were not read in time\n"
                             "kept\nfrom the file\n"
                             "ciplug: 10 lines are left out here: they were not read in time\n",
                             10000 - shown);
    assert_non_null(strstr(reader.got.buf, wanted));
    free(wanted);
    strbuf_free(&line);
    strbuf_free(&reader.got);
    close(fds[0]);
}

/* Very many ranges behind a stuck reader: they join, and still each byte comes once, in order. */
static void ranges_join_behind_a_stuck_reader(void **state)
{
    (void)state;
    enum { LINES = 100000 };
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct screen *screen = screen_new(fds[1], false);
    AUTO_FREE char *a = path_of("a"), *b = path_of("b");
    struct strbuf text = STRBUF_INIT, got[2] = {STRBUF_INIT, STRBUF_INIT};
    for (int i = 0; i < LINES; i++)
        strbuf_addf(&text, "%06d\n", i);
    make_file(a, text.buf, text.len);
    make_file(b, text.buf, text.len);
    for (uint64_t i = 0; i < LINES; i++) {
        screen_file(screen, a, i * 7, 7, "a", false);
        screen_file(screen, b, i * 7, 7, "b", false);
    }
    struct reader reader;
    reader_start(&reader, fds[0]);
    screen_free(screen, LONG_NS, NULL);
    close(fds[1]);
    pthread_join(reader.thread, NULL);
    assert_int_equal(reader.got.len, LINES * 8 * 2);
    for (size_t i = 0; i < reader.got.len; i += 8)
        strbuf_add(&got[reader.got.buf[i] == 'b'], reader.got.buf + i + 1, 7);
    assert_string_equal(got[0].buf, text.buf);
    assert_string_equal(got[1].buf, text.buf);
    strbuf_free(&got[0]);
    strbuf_free(&got[1]);
    strbuf_free(&text);
    strbuf_free(&reader.got);
    close(fds[0]);
}

static void free_gives_up_when_nothing_moves(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    char *bytes = xmalloc(1 << 20);
    memset(bytes, 'x', 1 << 20);
    struct screen *screen = screen_new(fds[1], false);
    screen_text(screen, bytes, 1 << 20, false);
    uint64_t start = clock_mono_ns();
    screen_free(screen, 200 * NS_PER_MS, NULL);
    uint64_t took = clock_mono_ns() - start;
    assert_true(took >= 200 * NS_PER_MS && took < 5 * NS_PER_S);
    /* Cancelled at once, however long it might wait. */
    volatile bool cancel = true;
    screen = screen_new(fds[1], false);
    screen_text(screen, bytes, 1 << 20, false);
    start = clock_mono_ns();
    screen_free(screen, LONG_NS, &cancel);
    assert_true(clock_mono_ns() - start < 5 * NS_PER_S);
    close(fds[0]);
    close(fds[1]);
    free(bytes);
}

/* A reader that takes a little now and then is not stalled. */
static void free_waits_for_a_slow_reader(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    char *bytes = xmalloc(300000);
    memset(bytes, 'x', 300000);
    struct screen *screen = screen_new(fds[1], false);
    screen_text(screen, bytes, 300000, false);
    struct reader reader;
    reader_start(&reader, fds[0]);
    screen_free(screen, LONG_NS, NULL);
    close(fds[1]);
    pthread_join(reader.thread, NULL);
    assert_int_equal(reader.got.len, 300000);
    strbuf_free(&reader.got);
    close(fds[0]);
    free(bytes);
}

static int error_after(int fd)
{
    struct screen *screen = screen_new(fd, false);
    for (int i = 0; i < 1000; i++) {
        screen_text(screen, "text\n", 5, false);
        screen_file(screen, "/etc/passwd", 0, UINT64_MAX, NULL, true);
    }
    while (screen_error(screen) == 0)
        poll(NULL, 0, 1);
    int error = screen_error(screen);
    uint64_t start = clock_mono_ns();
    for (int i = 0; i < 100000; i++)
        screen_text(screen, "discarded\n", 10, false);
    screen_free(screen, LONG_NS, NULL);
    assert_true(clock_mono_ns() - start < 5 * NS_PER_S);
    return error;
}

static void errors_are_kept(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    close(fds[0]);
    assert_int_equal(error_after(fds[1]), EPIPE);
    close(fds[1]);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (full >= 0)
        assert_int_equal(error_after(full), ENOSPC);
    if (full >= 0)
        close(full);
}

static void a_shared_nonblocking_descriptor_works(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, 0), 0);
    char *bytes = xmalloc(1 << 20);
    memset(bytes, 'x', 1 << 20);
    struct screen *screen = screen_new(fds[1], false);
    screen_text(screen, bytes, 1 << 20, false);
    struct reader reader;
    reader_start(&reader, fds[0]);
    screen_free(screen, LONG_NS, NULL);
    close(fds[1]);
    pthread_join(reader.thread, NULL);
    assert_int_equal(reader.got.len, 1 << 20);
    strbuf_free(&reader.got);
    close(fds[0]);
    free(bytes);
}

/* Wait until the terminal has shown `what`. */
static void read_until(int fd, struct strbuf *got, const char *what)
{
    while (!strstr(strbuf_text(got), what)) {
        struct pollfd pfd = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&pfd, 1, 10000), 1);
        char buf[4096];
        ssize_t n = read(fd, buf, sizeof buf);
        assert_true(n > 0);
        strbuf_add(got, buf, (size_t)n);
    }
}

static void the_live_area_stays_below(void **state)
{
    (void)state;
    int master, slave;
    struct winsize size = {.ws_row = 10, .ws_col = 20};
    assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
    struct screen *screen = screen_new(slave, true);
    struct strbuf got = STRBUF_INIT;
    screen_text(screen, "one\n", 4, false);
    read_until(master, &got, "one\r\n");
    screen_status(screen, "A\nB\n");
    read_until(master, &got, "A\r\nB\r\n");
    strbuf_clear(&got);
    screen_output(screen, "two\n", 4, NULL, true);
    read_until(master, &got, "B\r\n");
    assert_string_equal(got.buf, "\r\033[2A\033[Jtwo\r\nA\r\nB\r\n");
    strbuf_clear(&got);
    /* Cut to the terminal, whose size may change at any time. */
    screen_status(screen, "1234567890123456789012345\n\033[31mred567890123456789012345\033[0m\n");
    read_until(master, &got, "\033[0m\r\n");
    assert_string_equal(
        got.buf, "\r\033[2A\033[J1234567890123456789\r\n\033[31mred5678901234567890\033[0m\r\n");
    strbuf_clear(&got);
    size.ws_col = 6;
    assert_int_equal(ioctl(master, TIOCSWINSZ, &size), 0);
    screen_status(screen, "abcdefgh\n");
    read_until(master, &got, "abcde\r\n");
    assert_string_equal(got.buf, "\r\033[2A\033[Jabcde\r\n");
    strbuf_clear(&got);
    /* The area waits until the line is whole. */
    screen_output(screen, "par", 3, NULL, false);
    read_until(master, &got, "par");
    screen_text(screen, "t\n", 2, false);
    read_until(master, &got, "abcde\r\n");
    assert_string_equal(got.buf, "\r\033[1A\033[Jpart\r\nabcde\r\n");
    strbuf_clear(&got);
    screen_free(screen, LONG_NS, NULL);
    read_until(master, &got, "\033[J");
    assert_string_equal(got.buf, "\r\033[1A\033[J");
    strbuf_free(&got);
    close(master);
    close(slave);
}

static void the_live_area_leaves_room(void **state)
{
    (void)state;
    int master, slave;
    struct winsize size = {.ws_row = 4, .ws_col = 80};
    assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
    struct screen *screen = screen_new(slave, false);
    struct strbuf got = STRBUF_INIT;
    screen_status(screen, "a\nb\nc\nd");
    read_until(master, &got, "d\r\n");
    assert_string_equal(got.buf, "c\r\nd\r\n");
    screen_free(screen, LONG_NS, NULL);
    strbuf_free(&got);
    close(master);
    close(slave);
}

static void a_terminal_that_hangs_up_is_a_reader_that_left(void **state)
{
    (void)state;
    int master, slave;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    struct screen *screen = screen_new(slave, false);
    close(master);
    screen_text(screen, "x\n", 2, false);
    while (screen_error(screen) == 0)
        poll(NULL, 0, 1);
    assert_int_equal(screen_error(screen), EPIPE);
    screen_free(screen, LONG_NS, NULL);
    close(slave);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(text_output_and_ranges_keep_their_order, setup, teardown),
        cmocka_unit_test_setup_teardown(missing_logs_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(sequences_survive_the_borders_of_reads, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stuck_reader_blocks_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(ranges_join_behind_a_stuck_reader, setup, teardown),
        cmocka_unit_test(free_gives_up_when_nothing_moves),
        cmocka_unit_test(free_waits_for_a_slow_reader),
        cmocka_unit_test(errors_are_kept),
        cmocka_unit_test(a_shared_nonblocking_descriptor_works),
        cmocka_unit_test(the_live_area_stays_below),
        cmocka_unit_test(the_live_area_leaves_room),
        cmocka_unit_test(a_terminal_that_hangs_up_is_a_reader_that_left),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
