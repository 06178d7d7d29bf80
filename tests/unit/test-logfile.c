/* SPDX-License-Identifier: MIT */
#include "logfile.h"
#include "strbuf.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct sink {
    struct strbuf seen; /* what `written` was called with */
    uint64_t next;
    int errors, error;
    bool closed;
    uint64_t total;
    int close_error;
};

static uv_loop_t loop;
static char folder[64];

static void on_written(void *data, const void *bytes, size_t length, uint64_t offset, int error)
{
    struct sink *sink = data;
    assert_true(offset == sink->next);
    sink->next += length;
    strbuf_add(&sink->seen, bytes, length);
    if (error) {
        sink->errors++;
        sink->error = error;
    }
}

static void on_closed(void *data, uint64_t total, int error)
{
    struct sink *sink = data;
    assert_false(sink->closed);
    sink->closed = true;
    sink->total = total;
    sink->close_error = error;
}

static int open_at(const char *name, int flags)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, flags | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

static char *read_at(const char *name, size_t *length)
{
    char path[128], *data;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(read_file(path, 1 << 30, &data, length), 0);
    return data;
}

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test-logfile.XXXXXX");
    return mkdtemp(folder) ? uv_loop_init(&loop) : -1;
}

static int teardown(void **state)
{
    (void)state;
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void bytes_arrive_in_order(void **state)
{
    (void)state;
    struct logwriter *writer = logwriter_new(&loop);
    struct sink sink = {0};
    struct logfile *file =
        logfile_new(writer, open_at("a", O_CREAT | O_EXCL | O_WRONLY), on_written, &sink);
    struct strbuf wanted = STRBUF_INIT;
    for (int i = 0; i < 20000; i++) {
        char text[16];
        int n = snprintf(text, sizeof text, "%d,", i);
        logfile_write(file, text, (size_t)n);
        strbuf_add(&wanted, text, (size_t)n);
        if (i % 100 == 0)
            uv_run(&loop, UV_RUN_NOWAIT);
    }
    char *large = xcalloc(1, 300000);
    logfile_write(file, large, 300000);
    strbuf_add(&wanted, large, 300000);
    free(large);
    logfile_write(file, "", 0);
    assert_true(logfile_pending(file) >= 300000);
    logfile_close(file, on_closed, &sink);
    /* It keeps the loop alive until all is done. */
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(sink.closed);
    assert_true(sink.total == wanted.len);
    assert_int_equal(sink.close_error, 0);
    assert_int_equal(sink.seen.len, wanted.len);
    assert_memory_equal(sink.seen.buf, wanted.buf, wanted.len);
    size_t length;
    char *data = read_at("a", &length);
    assert_int_equal(length, wanted.len);
    assert_memory_equal(data, wanted.buf, length);
    free(data);
    strbuf_free(&wanted);
    strbuf_free(&sink.seen);
    logwriter_free(writer);
}

static void pending_falls_to_zero(void **state)
{
    (void)state;
    struct logwriter *writer = logwriter_new(&loop);
    struct logfile *file = logfile_new(writer, open_at("a", O_CREAT | O_WRONLY), NULL, NULL);
    logfile_write(file, "hello", 5);
    assert_int_equal(logfile_pending(file), 5);
    while (logfile_pending(file))
        uv_run(&loop, UV_RUN_ONCE);
    struct sink sink = {0};
    logfile_close(file, on_closed, &sink);
    logwriter_free(writer);
    assert_true(sink.closed);
    assert_true(sink.total == 5);
}

static void many_files_at_once(void **state)
{
    (void)state;
    enum { FILES = 200 };
    struct logwriter *writer = logwriter_new(&loop);
    struct logfile *files[FILES];
    struct sink sinks[FILES] = {0};
    for (int i = 0; i < FILES; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", i);
        files[i] = logfile_new(writer, open_at(name, O_CREAT | O_WRONLY), on_written, &sinks[i]);
    }
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < FILES; i++) {
            char text[32];
            int n = snprintf(text, sizeof text, "%d:%d\n", i, round);
            logfile_write(files[i], text, (size_t)n);
        }
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    for (int i = 0; i < FILES; i++)
        logfile_close(files[i], on_closed, &sinks[i]);
    logwriter_free(writer);
    for (int i = 0; i < FILES; i++) {
        char name[16];
        size_t length;
        snprintf(name, sizeof name, "f%d", i);
        char *data = read_at(name, &length);
        struct strbuf wanted = STRBUF_INIT;
        for (int round = 0; round < 50; round++)
            strbuf_addf(&wanted, "%d:%d\n", i, round);
        assert_true(sinks[i].closed);
        assert_string_equal(data, wanted.buf);
        assert_string_equal(sinks[i].seen.buf, wanted.buf);
        free(data);
        strbuf_free(&wanted);
        strbuf_free(&sinks[i].seen);
    }
}

static void full_disk_is_told_once(void **state)
{
    (void)state;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        skip();
    struct logwriter *writer = logwriter_new(&loop);
    struct sink sink = {0};
    struct logfile *file = logfile_new(writer, fd, on_written, &sink);
    for (int i = 0; i < 10; i++) {
        logfile_write(file, "lost\n", 5);
        while (logfile_pending(file))
            uv_run(&loop, UV_RUN_ONCE);
    }
    logfile_close(file, on_closed, &sink);
    logwriter_free(writer);
    assert_int_equal(sink.errors, 1);
    assert_int_equal(sink.error, ENOSPC);
    assert_int_equal(sink.close_error, ENOSPC);
    assert_true(sink.total == 50);
    assert_int_equal(sink.seen.len, 50);
    strbuf_free(&sink.seen);
}

static void a_cut_off_write_keeps_what_fits(void **state)
{
    (void)state;
    struct rlimit old, small = {.rlim_cur = 1000, .rlim_max = RLIM_INFINITY};
    getrlimit(RLIMIT_FSIZE, &old);
    small.rlim_max = old.rlim_max;
    struct logwriter *writer = logwriter_new(&loop);
    struct sink sink = {0};
    struct logfile *file = logfile_new(writer, open_at("a", O_CREAT | O_WRONLY), on_written, &sink);
    char bytes[700];
    memset(bytes, 'x', sizeof bytes);
    setrlimit(RLIMIT_FSIZE, &small);
    /* SIGXFSZ keeps its default: the thread has it blocked. */
    logfile_write(file, bytes, sizeof bytes);
    logfile_write(file, bytes, sizeof bytes);
    logfile_close(file, on_closed, &sink);
    logwriter_free(writer);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(sink.error, EFBIG);
    assert_int_equal(sink.close_error, EFBIG);
    size_t length;
    free(read_at("a", &length));
    assert_int_equal(length, 1000);
    strbuf_free(&sink.seen);
}

struct beat {
    uv_timer_t timer;
    int beats;
    uint64_t last, worst;
};

static void on_beat(uv_timer_t *timer)
{
    struct beat *beat = timer->data;
    uint64_t now = uv_hrtime();
    if (beat->beats && now - beat->last > beat->worst)
        beat->worst = now - beat->last;
    beat->last = now;
    if (++beat->beats == 30)
        uv_stop(timer->loop);
}

static void loop_runs_on_while_a_file_blocks(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/fifo", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open_at("fifo", O_RDONLY | O_NONBLOCK);
    struct logwriter *writer = logwriter_new(&loop);
    struct sink sink = {0};
    struct logfile *file = logfile_new(writer, open_at("fifo", O_WRONLY), on_written, &sink);
    enum { TOTAL = 1 << 20 };
    char *bytes = xcalloc(1, TOTAL);
    logfile_write(file, bytes, TOTAL);
    struct beat beat = {0};
    uv_timer_init(&loop, &beat.timer);
    beat.timer.data = &beat;
    uv_timer_start(&beat.timer, on_beat, 10, 10);
    uv_run(&loop, UV_RUN_DEFAULT);
    /* The pipe is full and nobody reads; the loop ticked all the same. */
    assert_int_equal(beat.beats, 30);
    assert_true(beat.worst < 2 * NS_PER_S);
    assert_int_equal(logfile_pending(file), TOTAL);
    uv_close((uv_handle_t *)&beat.timer, NULL);
    logfile_close(file, on_closed, &sink);
    size_t got = 0;
    while (got < TOTAL) {
        struct pollfd pfd = {.fd = reader, .events = POLLIN};
        assert_true(poll(&pfd, 1, 10000) == 1);
        ssize_t n = read(reader, bytes, TOTAL);
        assert_true(n > 0);
        got += (size_t)n;
    }
    logwriter_free(writer);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(sink.closed);
    assert_int_equal(sink.close_error, 0);
    close(reader);
    free(bytes);
    strbuf_free(&sink.seen);
}

static void a_reader_that_leaves_is_an_error(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct logwriter *writer = logwriter_new(&loop);
    struct sink sink = {0};
    struct logfile *file = logfile_new(writer, fds[1], on_written, &sink);
    close(fds[0]);
    logfile_write(file, "x", 1);
    logfile_close(file, on_closed, &sink);
    logwriter_free(writer);
    assert_int_equal(sink.close_error, EPIPE);
    strbuf_free(&sink.seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_arrive_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(pending_falls_to_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(many_files_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(full_disk_is_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cut_off_write_keeps_what_fits, setup, teardown),
        cmocka_unit_test_setup_teardown(loop_runs_on_while_a_file_blocks, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reader_that_leaves_is_an_error, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
