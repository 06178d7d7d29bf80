/* SPDX-License-Identifier: MIT
 *
 * Every callback and every call of the api as they were in 0.5. What is asked and what comes of it
 * stands in the file that CIPLUG_TEST_ABI names, a line each. Frozen: see ../README.md.
 */
#include <ciplug/plugin.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct ciplug_api *api; /* a fixture is opened once */

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *format, ...)
{
    const char *path = getenv("CIPLUG_TEST_ABI");
    FILE *file = path ? fopen(path, "a") : NULL;
    va_list args;
    if (!file)
        return;
    va_start(args, format);
    vfprintf(file, format, args);
    va_end(args);
    fputc('\n', file);
    fclose(file);
}

static const char *text(const char *value)
{
    return value ? value : "-";
}

static const char *first(const char *const *list)
{
    return list ? text(list[0]) : "-";
}

static int is_id(const char *value)
{
    return value && strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789") == 8 && !value[8];
}

static int begins(const char *value, const char *start)
{
    return value && start && strncmp(value, start, strlen(start)) == 0;
}

/* Every field of struct ciplug_command. */
static void note_command(const char *callback, const struct ciplug_command *c)
{
    note("%s: step=%s cleanup=%d number=%u count=%u item=%s items=%s worker=%u host=%s attempt=%u "
         "label=%s",
         callback, text(c->step), (int)c->cleanup, (unsigned)c->number, (unsigned)c->count,
         text(c->item), first(c->items), (unsigned)c->worker, text(c->host), (unsigned)c->attempt,
         text(c->label));
    note("%s: script=%s words=%s shell=%s project=%d run=%d owner=%d config_dir=%d run_dir=%d "
         "env=%s cwd=%d",
         callback, text(c->script), first(c->words), first(c->shell), begins(c->project, "ci"),
         is_id(c->run), c->owner && strchr(c->owner, '.'), begins(c->config_dir, "/"),
         begins(c->run_dir, "/"), first(c->env), c->cwd != NULL);
    note("%s: guarded=%d fetches=%d shown=%d started=%d job=%d held=%d host_slot=%u host_slots=%u "
         "synced=%d away=%d paths_from=%d",
         callback, (int)c->guarded, (int)c->fetches, (int)c->shown,
         c->started && c->started[4] == '-', c->job != NULL, begins(c->held, "/"),
         (unsigned)c->host_slot, (unsigned)c->host_slots, (int)c->synced, (int)c->away,
         begins(c->paths_from, "/"));
}

static int script(struct ciplug_argv *out, const char *line)
{
    return api->argv_add(out, "sh") || api->argv_add(out, "-c") || api->argv_add(out, line);
}

static void note_options(const struct ciplug_command *command)
{
    static const char *const names[] = {"where", "sure",  "many", "patience",
                                        "words", "guard", "file", "unset"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = api->option(api, command, names[i]);
        note("option: %s=%s", names[i], begins(value, "/") ? strrchr(value, '/') : text(value));
    }
    note("variable: FROZEN_PLACE=%d FROZEN_UNSET=%s",
         begins(api->variable(api, command, "FROZEN_PLACE"), "/"),
         text(api->variable(api, command, "FROZEN_UNSET")));
}

/* ---- builders ---- */

static int frozen_build(void *self, const struct ciplug_command *command,
                        const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    (void)self;
    note_command("build", command);
    note("build: inner=%d", inner != NULL);
    note_options(command);
    note("argv_add: NULL gives %d", api->argv_add(out, NULL));
    note("argv_env: a bad name gives %d", api->argv_env(out, "NO NAME", "x"));
    note("argv_join: of nothing gives %d", api->argv_join(out, 0));
    return api->argv_env(out, "FROZEN_SAYS", "it's set") || api->argv_add(out, "env") ||
           api->argv_append(out, inner);
}

static int frozen_leaf(void *self, const struct ciplug_command *command,
                       const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    (void)self;
    (void)command;
    note("leaf: inner=%d", inner != NULL);
    return script(out, "echo leaf");
}

static int frozen_place(void *self, const struct ciplug_command *command,
                        const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    static const char *const names[] = {"FROZEN_PLACE", "DOCKER_HOST", NULL};
    (void)self;
    note_command("place", command);
    note("intent: %d", api->intent(api, command, "things", names));
    return api->argv_env(out, "FROZEN_FAR", "a b") || api->argv_add(out, "sh") ||
           api->argv_add(out, "-c") || api->argv_append(out, inner) || api->argv_join(out, 2);
}

static int frozen_stop(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    (void)self;
    note_command("stop", command);
    return script(out, "echo frozen ended it");
}

static int frozen_alive(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    (void)self;
    note_command("alive", command);
    return api->argv_add(out, "true");
}

static int frozen_evidence(void *self, const struct ciplug_command *command,
                           const struct ciplug_result *r, struct ciplug_argv *out)
{
    (void)self;
    note_command("evidence", command);
    note("evidence: outcome=%d exit_code=%d signal=%d flags=%u", (int)r->outcome, (int)r->exit_code,
         (int)r->signal, (unsigned)r->flags);
    return script(out, "echo '! frozen saw it'");
}

static int frozen_fetch(void *self, const struct ciplug_command *command,
                        const char *const *patterns, struct ciplug_argv *out)
{
    (void)self;
    note_command("fetch", command);
    note("fetch: %s", first(patterns));
    return script(out, "cd \"$FROZEN_PLACE\" && tar -cf - made");
}

static int frozen_check(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    (void)self;
    note_command("check", command);
    return api->argv_add(out, "true");
}

static int frozen_enter(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    (void)self;
    note_command("enter", command);
    return script(out, "look around");
}

static int frozen_hold(void *self, const struct ciplug_command *command, uint32_t number,
                       struct ciplug_argv *out)
{
    (void)self;
    note_command("hold", command);
    note("hold: number %u", (unsigned)number);
    return number < 2 ? script(out, "echo at work; exec sleep 600") : 0;
}

static int frozen_prepare(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    static const char *const names[] = {"FROZEN_PLACE", NULL};
    (void)self;
    note_command("prepare", command);
    note("intent: %d while preparing", api->intent(api, command, "workspace", names));
    return api->argv_add(out, "true");
}

static int frozen_reach(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    (void)self;
    note_command("reach", command);
    return api->argv_add(out, "true");
}

static int frozen_way(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    (void)self;
    note_command("way", command);
    return api->argv_add(out, "by") || api->argv_add(out, "foot");
}

static int frozen_reap(void *self, const struct ciplug_intent *intent, struct ciplug_argv *out)
{
    (void)self;
    note("reap: what=%s run=%d owner=%d inner=%d", text(intent->what), is_id(intent->run),
         intent->owner && strchr(intent->owner, '.'), intent->inner != NULL);
    if (intent->inner)
        return api->argv_append(out, intent->inner);
    return script(out, "echo thing one");
}

/* ---- a reporter ---- */

static void note_result(const char *event, const struct ciplug_result *r)
{
    note("%s: outcome=%d exit_code=%d signal=%d flags=%u final=%d started=%d duration=%d", event,
         (int)r->outcome, (int)r->exit_code, (int)r->signal, (unsigned)r->flags, (int)r->final,
         r->started_ns > UINT64_C(1600000000000000000), r->duration_ns < UINT64_C(600000000000));
    note("%s: bytes_out=%d bytes_err=%d reason=%d log_out=%d log_err=%d batch=%u", event,
         r->bytes_out > 0, r->bytes_err > 0, r->reason != NULL, begins(r->log_out, "/"),
         begins(r->log_err, "/"), (unsigned)r->batch);
}

static void note_test(const struct ciplug_test *t)
{
    note("test: suite=%s classname=%s name=%s file=%s line=%u outcome=%d flags=%u duration=%d "
         "type=%s message=%s text=%s",
         t->suite, t->classname, t->name, t->file, (unsigned)t->line, (int)t->outcome,
         (unsigned)t->flags, t->duration_ns > 0, t->type, t->message, t->text);
}

static void note_ledger(const char *event, const struct ciplug_ledger *l)
{
    note("%s: planned=%d passed=%d failed=%d signaled=%d timeout=%d error=%d cancelled=%d "
         "skipped=%d flaky=%d allowed=%d",
         event, (int)l->planned, (int)l->passed, (int)l->failed, (int)l->signaled, (int)l->timeout,
         (int)l->error, (int)l->cancelled, (int)l->skipped, (int)l->flaky,
         (int)l->commands_allowed);
}

static void write_report(void)
{
    const char *path = api->option(api, NULL, "file");
    struct ciplug_file *file = path ? api->file_create(api, path) : NULL;
    note("file_create: %d", file != NULL);
    if (!file)
        return;
    note("file_write: %d", api->file_write(file, "frozen\n", 7));
    note("file_close: %d", api->file_close(file, 1));
    file = api->file_create(api, path);
    note("file_close: %d without keeping", api->file_close(file, 0));
}

static void frozen_event(void *self, const struct ciplug_event *e)
{
    char name[80];
    (void)self;
    snprintf(name, sizeof name, "event %x of %s", (unsigned)e->kind, text(e->step));
    note(
        "%s: cleanup=%d replayed=%d outcome=%d exit_status=%d time=%d run=%d run_dir=%d command=%s "
        "text=%d",
        name, (int)e->cleanup, (int)e->replayed, (int)e->outcome, (int)e->exit_status,
        e->time_ns > UINT64_C(1600000000000000000), is_id(e->run), begins(e->run_dir, "/"),
        e->command ? text(e->command->label) : "-", e->text != NULL);
    if (e->kind == CIPLUG_COMMAND_OUTPUT && e->offset == 0)
        note("%s: %.*s stream=%d output=%d", name, (int)strcspn(e->bytes, "\n"),
             (const char *)e->bytes, (int)e->stream, (int)e->output);
    if (e->kind == CIPLUG_COMMAND_FINISHED)
        note_result(name, e->result);
    if (e->test)
        note_test(e->test);
    if (e->ledger)
        note_ledger(name, e->ledger);
    if (e->kind == CIPLUG_RUN_STARTED && !e->replayed)
        note("file_remove: %d", api->file_remove(api, api->option(api, NULL, "file")));
}

static int frozen_finish(void *self)
{
    (void)self;
    note("finish");
    write_report();
    return 0;
}

static const char *frozen_mark(void *self, int32_t what, const char *line,
                               const struct ciplug_event *event)
{
    (void)self;
    note("mark %d: line=%d event=%d", (int)what, line != NULL, event != NULL);
    if (what == CIPLUG_MARK_NEVER)
        return "@@";
    return what == CIPLUG_MARK_OPEN ? "@@open\n" : "@@close\n";
}

static int frozen_estimate(void *self, const char *step, const char *item, uint64_t *nanoseconds)
{
    (void)self;
    note("estimate: %s %s", step, item);
    *nanoseconds = item[0] == 'b' ? 2000000000 : 1000000000;
    return item[0] != 'u';
}

/* ---- the table ---- */

static int frozen_open(const struct ciplug_api *given, void **self)
{
    api = given;
    *self = &api;
    note("open: size=%d minor=%d", given->size >= sizeof *given,
         given->abi_minor >= CIPLUG_ABI_MINOR);
    api->message(api, CIPLUG_LOG_WARNING, "frozen says something");
    return 0;
}

static void frozen_close(void *self)
{
    note("close: self=%d", self == &api);
}

static const char *const guards[] = {"auto", "yes", "no", NULL};
#define OPTION(...)                                                                                \
    &(const struct ciplug_option)                                                                  \
    {                                                                                              \
        sizeof(struct ciplug_option), __VA_ARGS__                                                  \
    }
static const struct ciplug_option *const frozen_options[] = {
    OPTION("where", CIPLUG_OPTION_STRING, "here", "Where.", NULL, 0, 0, "abcdefgehrt"),
    OPTION("sure", CIPLUG_OPTION_BOOL, "no", "Sure?", NULL, 0, 0, NULL),
    OPTION("many", CIPLUG_OPTION_INTEGER, "3", "How many.", NULL, 1, 9, NULL),
    OPTION("ramp", CIPLUG_OPTION_INTEGER, "2", "How many at once.", NULL, 1, 9, NULL),
    OPTION("patience", CIPLUG_OPTION_DURATION, "1m30s", "How long.", NULL, 0, 0, NULL),
    OPTION("words", CIPLUG_OPTION_WORDS, "a b", "Which.", NULL, 0, 0, NULL),
    OPTION("guard", CIPLUG_OPTION_CHOICE, "auto", "Whether.", guards, 0, 0, NULL),
    OPTION("file", CIPLUG_OPTION_PATH, NULL, "What.", NULL, 0, 0, NULL),
    OPTION("unset", CIPLUG_OPTION_STRING, NULL, "Never.", NULL, 0, 0, NULL),
    NULL,
};

static const struct ciplug_builder plain = {
    .size = sizeof plain,
    .name = "",
    .help = "As it is.",
    .flags = CIPLUG_BUILDER_CREATES,
    .build = frozen_build,
    .check = frozen_check,
    .enter = frozen_enter,
};
static const struct ciplug_builder leaf = {
    .size = sizeof leaf, .name = "leaf", .flags = CIPLUG_BUILDER_LEAF, .build = frozen_leaf};
static const struct ciplug_builder place = {
    .size = sizeof place,
    .name = "place",
    .flags = CIPLUG_BUILDER_REMOTE | CIPLUG_BUILDER_RAMPED,
    .build = frozen_place,
    .stop = frozen_stop,
    .alive = frozen_alive,
    .evidence = frozen_evidence,
    .fetch = frozen_fetch,
    .check = frozen_check,
    .enter = frozen_enter,
    .hold = frozen_hold,
    .prepare = frozen_prepare,
    .reach = frozen_reach,
    .way = frozen_way,
};
static const struct ciplug_builder *const frozen_builders[] = {&plain, &leaf, &place, NULL};

static const struct ciplug_reporter frozen_reporter = {
    .size = sizeof frozen_reporter,
    .events = 0x3ff,
    .event = frozen_event,
    .finish = frozen_finish,
    .mark = frozen_mark,
};
static const struct ciplug_advisor frozen_advisor = {sizeof frozen_advisor, frozen_estimate};

static const struct ciplug_plugin frozen_plugin = {
    .size = sizeof frozen_plugin,
    .abi_major = CIPLUG_ABI_MAJOR,
    .abi_minor = CIPLUG_ABI_MINOR,
    .name = "frozen",
    .version = "5",
    .summary = "Built from a header of then",
    .options = frozen_options,
    .builders = frozen_builders,
    .reporter = &frozen_reporter,
    .advisor = &frozen_advisor,
    .open = frozen_open,
    .close = frozen_close,
    .reap = frozen_reap,
};

CIPLUG_PLUGIN(frozen_plugin);
