/* SPDX-License-Identifier: MIT */
#include "console-stage.h"

/* Logs that grow while commands run. */
struct log {
    char *path;
    int fd;
    uint64_t size;
    size_t lines;
};

struct actor {
    bool running;
    uint32_t number;
    struct log logs[2];
};

static void actor_start(struct stage *stage, struct actor *actor, uint32_t number)
{
    *actor = (struct actor){.running = true, .number = number};
    for (int i = 0; i < 2; i++) {
        actor->logs[i].path = xasprintf("%s/%u.%d", folder, (unsigned)number, i);
        actor->logs[i].fd =
            open(actor->logs[i].path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(actor->logs[i].fd >= 0);
    }
    struct ciplug_command what = command("unit", number, NULL);
    struct ciplug_result how = {
        .size = sizeof how, .log_out = actor->logs[0].path, .log_err = actor->logs[1].path};
    send_command(stage, CIPLUG_COMMAND_STARTED, &what, &how);
}

/* First the file, then the event: as the log writer does. */
static void actor_write(struct stage *stage, const struct actor *actor, struct log *log,
                        const char *bytes, size_t length)
{
    assert_int_equal(write_all(log->fd, bytes, length), 0);
    struct ciplug_command what = command("unit", actor->number, NULL);
    struct ciplug_result how = {
        .size = sizeof how, .log_out = actor->logs[0].path, .log_err = actor->logs[1].path};
    send(stage,
         (struct ciplug_event){.kind = CIPLUG_COMMAND_OUTPUT,
                               .step = "unit",
                               .command = &what,
                               .result = &how,
                               .bytes = bytes,
                               .length = length,
                               .offset = log->size,
                               .stream = log == &actor->logs[0] ? CIPLUG_STDOUT : CIPLUG_STDERR});
    log->size += length;
}

static void actor_end(struct stage *stage, struct actor *actor)
{
    struct ciplug_command what = command("unit", actor->number, NULL);
    struct ciplug_result how = result(CIPLUG_PASSED, "");
    how.log_out = actor->logs[0].path;
    how.log_err = actor->logs[1].path;
    how.bytes_out = actor->logs[0].size;
    how.bytes_err = actor->logs[1].size;
    send_command(stage, CIPLUG_COMMAND_FINISHED, &what, &how);
    actor->running = false;
    for (int i = 0; i < 2; i++) {
        close(actor->logs[i].fd);
        free(actor->logs[i].path);
    }
}

static void write_text(struct stage *stage, const struct actor *actor, int stream, const char *text)
{
    actor_write(stage, actor, (struct log *)&actor->logs[stream], text, strlen(text));
}

static void the_last_one_is_followed(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, plain(), -1);
    struct actor one, two;
    actor_start(&stage, &one, 1);
    write_text(&stage, &one, 0, "a1\na2");
    write_text(&stage, &one, 1, "b1\n");
    console_tick(stage.console, clock_mono_ns());
    /* It has been alone for long enough: what is there, then what comes. */
    console_tick(stage.console, clock_mono_ns() + 2 * NS_PER_S);
    write_text(&stage, &one, 0, "-rest\na3\n");
    write_text(&stage, &one, 1, "b2");
    actor_start(&stage, &two, 2);
    write_text(&stage, &one, 0, "a4\n");
    write_text(&stage, &two, 0, "c1\n");
    actor_end(&stage, &two);
    write_text(&stage, &one, 1, "-rest\n");
    console_tick(stage.console, clock_mono_ns() + 2 * NS_PER_S);
    write_text(&stage, &one, 0, "a5");
    actor_end(&stage, &one);
    assert_stage(&stage, "    RUN unit 1 (worker 2)\n"
                         "a1\nb1\na2-rest\na3\n"
                         "   PASS unit 2 (1.2s, worker 2)\n"
                         "c1\n"
                         "    RUN unit 1 (worker 2)\n"
                         "a4\nb2-rest\na5\n"
                         "   PASS unit 1 (1.2s, worker 2)\n");
}

static void interrupted_following_ends_below_its_line(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, plain(), -1);
    struct actor one, two;
    actor_start(&stage, &one, 1);
    write_text(&stage, &one, 0, "a1\na2");
    console_tick(stage.console, clock_mono_ns() + 2 * NS_PER_S);
    actor_start(&stage, &two, 2);
    actor_end(&stage, &one);
    actor_end(&stage, &two);
    assert_stage(&stage, "    RUN unit 1 (worker 2)\na1\n"
                         "   PASS unit 1 (1.2s, worker 2)\na2\n"
                         "   PASS unit 2 (1.2s, worker 2)\n");
}

enum { ACTORS = 4, COMMANDS = 30 };

struct totals {
    size_t lines[COMMANDS + 1][2];
};

/* A piece of a line, a line, or several; lines say who wrote them and count. */
static void random_write(struct stage *stage, struct actor *actor, struct totals *totals)
{
    int stream = rand() % 2;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    int pieces = 1 + rand() % 5;
    for (int i = 0; i < pieces; i++)
        strbuf_addf(&text, "%u.%d.%zu\n", (unsigned)actor->number, stream,
                    totals->lines[actor->number][stream]++);
    size_t cut = (size_t)rand() % (text.len + 1);
    actor_write(stage, actor, &actor->logs[stream], text.buf, cut);
    if (rand() % 3 == 0)
        console_tick(stage->console, clock_mono_ns() + (uint64_t)(rand() % 3) * NS_PER_S);
    actor_write(stage, actor, &actor->logs[stream], text.buf + cut, text.len - cut);
}

static void last_write(struct stage *stage, struct actor *actor, struct totals *totals)
{
    for (int stream = 0; stream < 2; stream++) {
        AUTO_FREE char *text = xasprintf("%u.%d.%zu", (unsigned)actor->number, stream,
                                         totals->lines[actor->number][stream]);
        if (rand() % 2 == 0) {
            actor_write(stage, actor, &actor->logs[stream], text, strlen(text));
            totals->lines[actor->number][stream]++;
        }
    }
}

static void play(struct stage *stage, struct totals *totals)
{
    struct actor actors[ACTORS] = {0};
    uint32_t next = 1;
    int running = 0;
    while (next <= COMMANDS || running) {
        struct actor *actor = &actors[rand() % ACTORS];
        int what = rand() % 10;
        if (!actor->running && next <= COMMANDS && what < 2) {
            actor_start(stage, actor, next++);
            running++;
        } else if (actor->running && what < 8) {
            random_write(stage, actor, totals);
        } else if (actor->running && what == 9) {
            last_write(stage, actor, totals);
            actor_end(stage, actor);
            running--;
        }
        if (rand() % 4 == 0)
            console_tick(stage->console, clock_mono_ns() + (uint64_t)(rand() % 3) * NS_PER_S);
    }
}

static void check_line(const char *line, bool live, unsigned *current, struct totals *seen)
{
    unsigned number, prefix = 0, header;
    int stream, end = 0;
    size_t count;
    if (live && sscanf(line, "[unit %u] %n", &prefix, &end) == 1)
        line += end;
    if (sscanf(line, "%u.%d.%zu%n", &number, &stream, &count, &end) == 3) {
        assert_int_equal(line[end], '\0');
        assert_in_range(number, 1, COMMANDS);
        assert_int_equal(number, live ? prefix : *current);
        assert_int_equal(count, seen->lines[number][stream]);
        seen->lines[number][stream]++;
        return;
    }
    assert_int_equal(sscanf(line, " %*[A-Z] unit %u", &header), 1);
    *current = header;
}

static void check_once(bool live, unsigned seed)
{
    struct stage stage;
    struct console_settings settings = plain();
    struct totals totals = {0}, seen = {0};
    settings.output = live ? CIPLUG_OUTPUT_LIVE : CIPLUG_OUTPUT_GROUP;
    srand(seed);
    stage_open(&stage, settings, -1);
    play(&stage, &totals);
    char *data = stage_close(&stage);
    unsigned current = 0;
    for (char *line = data, *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        assert_non_null(end);
        *end = '\0';
        check_line(line, live, &current, &seen);
    }
    assert_memory_equal(&totals, &seen, sizeof seen);
    free(data);
}

static void every_byte_is_shown_once(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 40; seed++) {
        check_once(false, seed);
        check_once(true, seed);
    }
}

static void silence_has_a_heartbeat(void **state)
{
    (void)state;
    struct stage stage;
    struct console_settings settings = plain();
    settings.heartbeat = true;
    stage_open(&stage, settings, -1);
    start_step(&stage, "unit", 3);
    struct ciplug_command one = command("unit", 1, "a"), two = command("unit", 2, "b");
    whole_command(&stage, &one, result(CIPLUG_PASSED, ""), "", "");
    send_command(&stage, CIPLUG_COMMAND_STARTED, &two, NULL);
    uint64_t now = clock_mono_ns();
    console_tick(stage.console, now + 29 * NS_PER_S);
    console_tick(stage.console, now + 31 * NS_PER_S + NS_PER_S / 2);
    console_tick(stage.console, now + 60 * NS_PER_S);
    console_tick(stage.console, now + 75 * NS_PER_S + NS_PER_S / 2);
    assert_stage(&stage, "step unit: 3 planned\n" SMALL_PASS "1/3 done, 1 running: unit 2 [b] 31s\n"
                         "1/3 done, 1 running: unit 2 [b] 1m15s\n");
}

static void a_dump_shows_last_lines(void **state)
{
    (void)state;
    struct stage stage;
    setenv("TZ", "UTC", 1);
    stage_open(&stage, plain(), -1);
    struct actor one, two;
    start_run(&stage);
    actor_start(&stage, &one, 1);
    actor_start(&stage, &two, 2);
    write_text(&stage, &one, 0, "first\nlast\033[2J\r\n");
    console_dump(stage.console, NULL);
    actor_end(&stage, &one);
    actor_end(&stage, &two);
    assert_stage(&stage, "run k3x9a0qz: ci: 2 steps\n"
                         "run k3x9a0qz: 0/0 done, 2 running, 0s\n"
                         "  unit 1 for 0s since 00:16:40 (worker 2): last^[[2J\n"
                         "  unit 2 for 0s since 00:16:40 (worker 2): (no output yet)\n"
                         "   PASS unit 1 (1.2s, worker 2)\n"
                         "first\nlast^[[2J\n"
                         "   PASS unit 2 (1.2s, worker 2)\n");
}

/* Nobody reads the other end: no call may wait for it. */
static void a_stuck_reader_blocks_no_call(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct stage stage;
    struct console_settings settings = plain();
    settings.output = CIPLUG_OUTPUT_LIVE;
    stage_open(&stage, settings, fds[1]);
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    for (int i = 0; i < 2000; i++)
        strbuf_addf(&text, "a line of some length, number %d\n", i);
    struct actor actor;
    uint64_t start = clock_mono_ns();
    for (uint32_t i = 1; i <= 20; i++) {
        actor_start(&stage, &actor, i);
        for (int n = 0; n < 10; n++)
            write_text(&stage, &actor, n % 2, text.buf);
        console_dump(stage.console, NULL);
        actor_end(&stage, &actor);
    }
    end_run(&stage, 0, NULL);
    assert_true(clock_mono_ns() - start < 10 * NS_PER_S);
    console_free(stage.console);
    screen_free(stage.settings.screen, 10 * NS_PER_MS, NULL);
    free(stage.run_dir);
    free(stage.screen_path);
    close(fds[0]);
    close(fds[1]);
}

static int finish_after_error(int fd)
{
    struct stage stage;
    stage_open(&stage, plain(), fd);
    start_run(&stage);
    while (screen_error(stage.settings.screen) == 0)
        poll(NULL, 0, 1);
    int status = console_reporter.finish(stage.console);
    free(stage_close(&stage));
    return status;
}

static void only_real_errors_count(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    close(fds[0]);
    assert_int_equal(finish_after_error(fds[1]), 0);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (full >= 0)
        assert_int_equal(finish_after_error(full), -1);
}

static void read_until(int fd, struct strbuf *got, const char *what)
{
    while (!strstr(strbuf_text(got), what)) {
        struct pollfd pfd = {.fd = fd, .events = POLLIN};
        if (poll(&pfd, 1, 10000) != 1)
            fail_msg("not shown: %s, but: %s", what, strbuf_text(got));
        char buf[4096];
        ssize_t n = read(fd, buf, sizeof buf);
        assert_true(n > 0);
        strbuf_add(got, buf, (size_t)n);
    }
}

static void the_live_area_of_a_terminal(void **state)
{
    (void)state;
    int master, slave;
    struct winsize size = {.ws_row = 24, .ws_col = 60};
    assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
    struct stage stage;
    struct console_settings settings = plain();
    settings.progress = true;
    stage_open(&stage, settings, slave);
    start_run(&stage);
    start_step(&stage, "unit", 8);
    for (uint32_t i = 1; i <= 7; i++) {
        struct ciplug_command one =
            command("unit", i, "an item with a name that takes very much room");
        send_command(&stage, CIPLUG_COMMAND_STARTED, &one, NULL);
    }
    struct strbuf got = STRBUF_INIT;
    console_tick(stage.console, clock_mono_ns() + 65 * NS_PER_S + NS_PER_S / 2);
    read_until(master, &got, "0/8 done, 7 running, 1m05s\r\n");
    assert_non_null(strstr(
        got.buf,
        "  unit 5 [an item with a name that takes very much room] 1m\r\n  and 2 more\r\n0/8"));
    assert_null(strstr(got.buf, "unit 6"));
    strbuf_clear(&got);
    struct ciplug_command one = command("unit", 1, "x");
    struct ciplug_result failed = result(CIPLUG_FAILED, "exit code 2");
    send_command(&stage, CIPLUG_COMMAND_FINISHED, &one, &failed);
    read_until(master, &got, "1/8 done, 1 failed, 6 running");
    assert_non_null(strstr(got.buf, "\r\033[7A\033[J"));
    strbuf_clear(&got);
    end_run(&stage, 1, NULL);
    read_until(master, &got, "run k3x9a0qz failed (status 1)");
    /* Nothing of the area is drawn again below the end. */
    assert_null(strstr(strstr(got.buf, "failures:"), "running"));
    free(stage_close(&stage));
    strbuf_free(&got);
    close(master);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_last_one_is_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(interrupted_following_ends_below_its_line, setup, teardown),
        cmocka_unit_test_setup_teardown(every_byte_is_shown_once, setup, teardown),
        cmocka_unit_test_setup_teardown(silence_has_a_heartbeat, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dump_shows_last_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stuck_reader_blocks_no_call, setup, teardown),
        cmocka_unit_test_setup_teardown(only_real_errors_count, setup, teardown),
        cmocka_unit_test_setup_teardown(the_live_area_of_a_terminal, setup, teardown),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
