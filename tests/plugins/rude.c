/* SPDX-License-Identifier: MIT
 *
 * Does what no plugin should, where and what CIPLUG_TEST_RUDE says: "WHERE:WHAT", such as
 * "event:segv".
 */
#include <ciplug/plugin.h>

#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct ciplug_api *rude_api;

static int fill_stack(volatile char *outer)
{
    volatile char inner[4096];
    memset((char *)inner, *outer, sizeof inner);
    return fill_stack(inner) + inner[17];
}

static void *leave(void *data)
{
    (void)data;
    exit(0);
}

static void leave_in_a_thread(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, leave, NULL) == 0)
        pthread_join(thread, NULL);
}

static void misbehave(void)
{
    const char *folder = getenv("CIPLUG_TEST_FOLDER");
    printf("printed\n");
    fflush(stdout);
    printf("left in the buffer\n");
    if (write(1, "written\n", 8) != 8 || chdir(folder ? folder : "/"))
        abort();
    umask(0);
    if (!setlocale(LC_ALL, ""))
        fprintf(stderr, "no locale\n");
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    signal(SIGCHLD, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    for (int i = 0; i < 20; i++) {
        if (open("/dev/null", O_RDWR) < 0)
            abort();
    }
}

/* The test may go on. */
static void say_here(void)
{
    FILE *file = fopen("here", "w");
    if (file)
        fclose(file);
}

/* Until the test has a file there. */
static void take_a_while(void)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    say_here();
    while (access("enough", F_OK) != 0)
        nanosleep(&moment, NULL);
}

/* What is gone afterwards is used again; another is never closed. */
static void use_twice(void)
{
    struct ciplug_file *file = rude_api->file_create(rude_api, "twice");
    if (!file || rude_api->file_write(file, "whole\n", 6) || rude_api->file_close(file, 1))
        abort();
    if (rude_api->file_write(file, "more\n", 5) == 0 || rude_api->file_close(file, 1) == 0)
        abort();
    if (!rude_api->file_create(rude_api, "never"))
        abort();
}

/* All that can be asked of the api without a callback's arguments, until the end. */
static void *call_for_ever(void *data)
{
    for (;;) {
        rude_api->message(rude_api, CIPLUG_LOG_ERROR, "from elsewhere");
        if (rude_api->option(rude_api, NULL, "none") ||
            rude_api->file_create(rude_api, "elsewhere") ||
            rude_api->file_remove(rude_api, "input") == 0)
            abort();
        say_here();
    }
    return data;
}

static void start_calling(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, call_for_ever, NULL) || pthread_detach(thread))
        abort();
    while (access("here", F_OK) != 0)
        sched_yield();
}

/* For ever; with what would end it out of the way. */
static void stay(int busy)
{
    volatile int forever = 1;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    signal(SIGTERM, SIG_IGN);
    say_here();
    while (forever) {
        if (!busy)
            pause();
    }
}

/* What a child of it does is no end of ciplug. */
static void leave_in_a_child(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    if (pid < 0 || waitpid(pid, NULL, 0) != pid)
        abort();
}

static void change_locale(void)
{
    static locale_t own;
    if (!own)
        own = newlocale(LC_ALL_MASK, "", (locale_t)0);
    if (!setlocale(LC_ALL, "") || !own || !uselocale(own))
        fprintf(stderr, "no locale\n");
}

static void do_it(const char *what)
{
    volatile char start = 0;
    if (strcmp(what, "segv") == 0)
        *(volatile int *)(uintptr_t)start = 1;
    else if (strcmp(what, "abort") == 0)
        abort();
    else if (strcmp(what, "trap") == 0)
        __builtin_trap();
    else if (strcmp(what, "stack") == 0)
        _Exit(fill_stack(&start));
    else if (strcmp(what, "exit") == 0)
        exit(0);
    else if (strcmp(what, "exit1") == 0)
        exit(1);
    else if (strcmp(what, "quick_exit") == 0)
        quick_exit(0);
    else if (strcmp(what, "thread") == 0)
        leave_in_a_thread();
    else if (strcmp(what, "_exit") == 0)
        _exit(0);
    else if (strcmp(what, "_Exit") == 0)
        _Exit(0);
    else if (strcmp(what, "fork") == 0)
        leave_in_a_child();
    else if (strcmp(what, "stay") == 0 || strcmp(what, "spin") == 0)
        stay(what[1] == 'p');
    else if (strcmp(what, "slow") == 0)
        take_a_while();
    else if (strcmp(what, "twice") == 0)
        use_twice();
    else if (strcmp(what, "elsewhere") == 0)
        start_calling();
    else if (strcmp(what, "locale") == 0)
        change_locale();
    else if (strcmp(what, "misbehave") == 0)
        misbehave();
}

static void here(const char *where)
{
    const char *order = getenv("CIPLUG_TEST_RUDE");
    size_t length = strlen(where);
    if (order && strncmp(order, where, length) == 0 && order[length] == ':')
        do_it(order + length + 1);
}

static void __attribute__((constructor)) rude_constructor(void)
{
    here("constructor");
}

static int rude_open(const struct ciplug_api *api, void **self)
{
    rude_api = api;
    *self = &rude_api;
    here("open");
    return 0;
}

static void rude_close(void *self)
{
    (void)self;
    here("close");
}

static int rude_build(void *self, const struct ciplug_command *command,
                      const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    (void)self;
    /* Not where it is only tried. */
    if (command->run_dir)
        here(command->step);
    return inner ? rude_api->argv_append(out, inner) : -1;
}

/* Another plugin's numbers would look like this. */
static void note_locale(void)
{
    FILE *file = fopen("number", "w");
    if (!file)
        return;
    fprintf(file, "%.1f\n", 0.5);
    fclose(file);
}

static void rude_event(void *self, const struct ciplug_event *event)
{
    (void)self;
    if (event->kind == CIPLUG_COMMAND_FINISHED && strcmp(event->step, "last") == 0)
        here("event");
    if (event->kind == CIPLUG_STEP_FINISHED && strcmp(event->step, "last") == 0)
        note_locale();
}

static int rude_finish(void *self)
{
    (void)self;
    here("finish");
    return 0;
}

static const struct ciplug_builder rude_builder = {
    .size = sizeof rude_builder, .name = "", .help = "Rude.", .build = rude_build};
static const struct ciplug_builder *const rude_builders[] = {&rude_builder, NULL};
static const struct ciplug_reporter rude_reporter = {
    .size = sizeof rude_reporter,
    .events = CIPLUG_COMMAND_FINISHED | CIPLUG_STEP_FINISHED,
    .event = rude_event,
    .finish = rude_finish,
};

static const struct ciplug_plugin rude_plugin = {
    .size = sizeof rude_plugin,
    .abi_major = CIPLUG_ABI_MAJOR,
    .abi_minor = CIPLUG_ABI_MINOR,
    .name = "rude",
    .version = "1",
    .summary = "Does what no plugin should",
    .builders = rude_builders,
    .reporter = &rude_reporter,
    .open = rude_open,
    .close = rude_close,
};

CIPLUG_PLUGIN(rude_plugin);
