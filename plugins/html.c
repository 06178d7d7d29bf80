/* SPDX-License-Identifier: MIT
 *
 * html: a run, or several, as one page that needs nothing else: verdict, failures, timeline, all
 * commands.
 *
 *     [ciplug]
 *     plugins = html
 *     [html]
 *     file = reports/{run}.html
 *
 * What the events say is kept, without output; the page is written at the end, with the ends of the
 * logs of what did not pass.
 */
#include "html.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_US   1000
#define NOTICES_MAX 200

/* ---- what is kept ---- */

static char *copy(struct html *html, const char *text)
{
    char *own = text ? strdup(text) : NULL;
    html->failed = html->failed || (text && !own);
    return own;
}

/* A zeroed one behind the last of the list that `list` points to; NULL when there is no memory. */
static void *add(struct html *html, void *list, size_t *n, size_t *alloc, size_t size)
{
    char *items;
    memcpy(&items, list, sizeof items);
    if (*n == *alloc) {
        size_t wanted = *alloc ? 2 * *alloc : 16;
        /* Attempts are told apart by 32 bits. */
        bool fits = wanted <= SIZE_MAX / size && wanted <= UINT32_MAX;
        char *more = fits ? realloc(items, wanted * size) : NULL;
        html->failed = html->failed || !more;
        if (!more)
            return NULL;
        items = more;
        memcpy(list, &items, sizeof items);
        *alloc = wanted;
    }
    return memset(items + size * (*n)++, 0, size);
}

static uint32_t find_step(struct html *html, const struct ciplug_event *event)
{
    const char *name = event->step ? event->step : "?";
    uint32_t run = (uint32_t)html->n_runs - 1;
    size_t n = html->n_steps;
    for (size_t i = 0; i < n; i++) {
        size_t at = (html->last_step + n - i) % n;
        const struct step *step = &html->steps[at];
        if (step->run == run && step->cleanup == event->cleanup && step->name &&
            strcmp(step->name, name) == 0) {
            html->last_step = at;
            return (uint32_t)at;
        }
    }
    struct step *step =
        add(html, &html->steps, &html->n_steps, &html->steps_alloc, sizeof *html->steps);
    if (!step)
        return UINT32_MAX;
    step->name = copy(html, name);
    step->cleanup = event->cleanup;
    step->run = run;
    return (uint32_t)(html->last_step = html->n_steps - 1);
}

static uint32_t find_host(struct html *html, const char *name)
{
    name = name ? name : "";
    for (size_t i = 0; i < html->n_hosts; i++) {
        if (html->hosts[i] && strcmp(html->hosts[i], name) == 0)
            return (uint32_t)i;
    }
    char **host = add(html, &html->hosts, &html->n_hosts, &html->hosts_alloc, sizeof *html->hosts);
    if (host)
        *host = copy(html, name);
    return host ? (uint32_t)(html->n_hosts - 1) : 0;
}

/* Each of the items on a line of its own. */
static char *join(struct html *html, const char *const *items)
{
    size_t length = 1;
    for (size_t i = 0; items[i]; i++)
        length += strlen(items[i]) + 1;
    char *joined = malloc(length), *end = joined;
    html->failed = html->failed || !joined;
    for (size_t i = 0; joined && items[i]; i++) {
        if (i > 0)
            *end++ = '\n';
        size_t n = strlen(items[i]);
        memcpy(end, items[i], n);
        end += n;
    }
    if (joined)
        *end = '\0';
    return joined;
}

static void set_name(struct html *html, struct attempt *attempt,
                     const struct ciplug_command *command)
{
    while (command->items && command->items[attempt->units])
        attempt->units++;
    if (attempt->units)
        attempt->name = join(html, command->items);
    else
        attempt->units = 1;
}

/* Whether it is where every run has it: then the path need not be kept. */
static bool is_usual(const struct html *html, const struct attempt *attempt, const char *path,
                     const char *end)
{
    const struct step *step = &html->steps[attempt->step];
    char name[64], more[32] = "";
    if (attempt->attempt > 1)
        snprintf(more, sizeof more, ".%" PRIu32, attempt->attempt);
    snprintf(name, sizeof name, "/%" PRIu32 "%s.%s", attempt->number, more, end);
    const char *parts[] = {html->runs[step->run].dir, "/logs/", step->name, name};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t n = parts[i] ? strlen(parts[i]) : 0;
        if (strncmp(path, parts[i] ? parts[i] : "", n) != 0)
            return false;
        path += n;
    }
    return *path == '\0';
}

static void set_log(struct html *html, struct attempt *attempt, int which, const char *path)
{
    static const char *const ends[] = {"out", "err"};
    if (!path)
        return;
    attempt->bits |= which ? HTML_ERR : HTML_OUT;
    if (!is_usual(html, attempt, path, ends[which]))
        attempt->logs[which] = copy(html, path);
}

static void fill(struct html *html, struct attempt *attempt, uint32_t step,
                 const struct ciplug_event *event)
{
    const struct ciplug_command *command = event->command;
    attempt->step = step;
    attempt->host = find_host(html, command->host);
    attempt->number = command->number;
    attempt->attempt = command->attempt;
    attempt->worker = command->worker;
    attempt->exit_code = -1;
    set_name(html, attempt, command);
    if (event->result) {
        set_log(html, attempt, 0, event->result->log_out);
        set_log(html, attempt, 1, event->result->log_err);
    }
}

static void free_attempt(struct attempt *attempt)
{
    free(attempt->name);
    free(attempt->reason);
    free(attempt->logs[0]);
    free(attempt->logs[1]);
}

/* ---- commands ---- */

static void on_command_started(struct html *html, const struct ciplug_event *event)
{
    uint32_t step = find_step(html, event);
    struct attempt *begun = step == UINT32_MAX ? NULL
                                               : add(html, &html->begun, &html->n_begun,
                                                     &html->begun_alloc, sizeof *html->begun);
    if (!begun)
        return;
    fill(html, begun, step, event);
    begun->start_us = event->time_ns / NS_PER_US;
}

/* It runs no more. */
static void forget(struct html *html, uint32_t step, const struct ciplug_command *command)
{
    for (size_t i = 0; i < html->n_begun; i++) {
        struct attempt *begun = &html->begun[i];
        if (begun->step != step || begun->number != command->number)
            continue;
        free_attempt(begun);
        *begun = html->begun[--html->n_begun];
        return;
    }
}

static int32_t known_outcome(int32_t outcome)
{
    return outcome >= CIPLUG_PASSED && outcome <= CIPLUG_SKIPPED ? outcome : CIPLUG_ERROR;
}

static void on_command_finished(struct html *html, const struct ciplug_event *event)
{
    const struct ciplug_result *result = event->result;
    uint32_t at = find_step(html, event);
    if (!result || at == UINT32_MAX)
        return;
    forget(html, at, event->command);
    struct attempt *attempt = add(html, &html->attempts, &html->n_attempts, &html->attempts_alloc,
                                  sizeof *html->attempts);
    if (!attempt)
        return;
    fill(html, attempt, at, event);
    attempt->outcome = known_outcome(result->outcome);
    attempt->exit_code = result->exit_code;
    attempt->signal = result->signal;
    attempt->flags = result->flags;
    attempt->bits |= (result->final ? HTML_FINAL : 0) | (result->batch ? HTML_JUDGED : 0);
    html_tests_of(html, (uint32_t)html->n_attempts - 1, event);
    attempt->start_us = result->started_ns / NS_PER_US;
    attempt->us = result->duration_ns / NS_PER_US;
    attempt->bytes[0] = result->bytes_out;
    attempt->bytes[1] = result->bytes_err;
    if (result->reason && *result->reason)
        attempt->reason = copy(html, result->reason);
    if (!result->final)
        return;
    struct step *step = &html->steps[at];
    step->counts[attempt->outcome] += attempt->units;
    if (attempt->outcome == CIPLUG_PASSED && (attempt->flags & CIPLUG_FLAG_FLAKY))
        step->flaky += attempt->units;
}

/* ---- steps, notices, the run ---- */

static void on_step(struct html *html, const struct ciplug_event *event)
{
    uint32_t at = find_step(html, event);
    if (at == UINT32_MAX)
        return;
    struct step *step = &html->steps[at];
    if (event->kind == CIPLUG_STEP_STARTED && event->ledger)
        step->planned += event->ledger->planned;
    if (event->kind != CIPLUG_STEP_FINISHED)
        return;
    step->outcome = known_outcome(event->outcome);
    free(step->reason);
    step->reason = event->text && *event->text ? copy(html, event->text) : NULL;
}

static void on_notice(struct html *html, const struct ciplug_event *event)
{
    if (html->n_notices == NOTICES_MAX) {
        html->more_notices++;
        return;
    }
    struct notice *notice =
        add(html, &html->notices, &html->n_notices, &html->notices_alloc, sizeof *html->notices);
    if (!notice)
        return;
    notice->run = (uint32_t)html->n_runs - 1;
    notice->us = event->time_ns / NS_PER_US;
    notice->text = copy(html, event->text ? event->text : "");
    if (event->kind == CIPLUG_COMMAND_NOTICE && event->command) {
        notice->step = copy(html, event->step ? event->step : "?");
        notice->number = event->command->number;
    }
}

/* What has begun and not ended when no more is told of the run. */
static void close_run(struct html *html)
{
    for (size_t i = 0; i < html->n_begun; i++) {
        struct attempt *begun = &html->begun[i];
        uint64_t now = html->runs[html->n_runs - 1].last_us;
        begun->us = now > begun->start_us ? now - begun->start_us : 0;
        begun->outcome = HTML_RUNNING;
        struct attempt *attempt = add(html, &html->attempts, &html->n_attempts,
                                      &html->attempts_alloc, sizeof *html->attempts);
        if (attempt)
            *attempt = *begun;
        else
            free_attempt(begun);
    }
    html->n_begun = 0;
}

static void read_options(struct html *html)
{
    const char *max = html->api->option(html->api, NULL, "max_output");
    free(html->file);
    html->file = copy(html, html->api->option(html->api, NULL, "file"));
    html->max_output = max ? strtoull(max, NULL, 10) : 0;
}

static void on_run_started(struct html *html, const struct ciplug_event *event)
{
    close_run(html);
    read_options(html);
    struct run *run = add(html, &html->runs, &html->n_runs, &html->runs_alloc, sizeof *html->runs);
    if (!run)
        return;
    run->id = copy(html, event->run ? event->run : "?");
    run->dir = copy(html, event->run_dir ? event->run_dir : "");
    run->text = copy(html, event->text ? event->text : "");
    run->start_us = event->time_ns / NS_PER_US;
    /* Where it cannot be removed, finish() will not be able to write either, and says so. */
    if (!event->replayed && html->file)
        (void)html->api->file_remove(html->api, html->file);
}

/* Its results, counted here, are what the run itself has counted. */
static bool agrees(const struct html *html, const struct ciplug_ledger *ledger)
{
    uint64_t counts[CIPLUG_SKIPPED + 1] = {0}, planned = 0;
    for (size_t i = 0; i < html->n_steps; i++) {
        const struct step *step = &html->steps[i];
        if (step->run != html->n_runs - 1 || step->cleanup)
            continue;
        planned += step->planned;
        for (int outcome = CIPLUG_PASSED; outcome <= CIPLUG_SKIPPED; outcome++)
            counts[outcome] += step->counts[outcome];
    }
    return planned == ledger->planned && counts[CIPLUG_PASSED] == ledger->passed &&
           counts[CIPLUG_FAILED] == ledger->failed && counts[CIPLUG_SIGNALED] == ledger->signaled &&
           counts[CIPLUG_TIMEOUT] == ledger->timeout && counts[CIPLUG_ERROR] == ledger->error &&
           counts[CIPLUG_CANCELLED] == ledger->cancelled &&
           counts[CIPLUG_SKIPPED] == ledger->skipped;
}

static void on_run_finished(struct html *html, const struct ciplug_event *event)
{
    struct run *run = &html->runs[html->n_runs - 1];
    run->ended = true;
    run->exit_status = event->exit_status;
    run->wrong = event->ledger && !agrees(html, event->ledger);
    free(run->reason);
    run->reason = event->text && *event->text ? copy(html, event->text) : NULL;
}

static void html_event(void *self, const struct ciplug_event *event)
{
    struct html *html = self;
    if (event->kind == CIPLUG_RUN_STARTED)
        on_run_started(html, event);
    if (!html->n_runs)
        return;
    struct run *run = &html->runs[html->n_runs - 1];
    if (event->time_ns / NS_PER_US > run->last_us)
        run->last_us = event->time_ns / NS_PER_US;
    if (event->kind == CIPLUG_STEP_STARTED || event->kind == CIPLUG_STEP_FINISHED)
        on_step(html, event);
    else if (event->kind == CIPLUG_COMMAND_STARTED && event->command)
        on_command_started(html, event);
    else if (event->kind == CIPLUG_COMMAND_FINISHED && event->command)
        on_command_finished(html, event);
    else if (event->kind == CIPLUG_TEST_FINISHED && event->command && event->test)
        html_test(html, event);
    else if (event->kind == CIPLUG_COMMAND_NOTICE || event->kind == CIPLUG_RUN_NOTICE)
        on_notice(html, event);
    else if (event->kind == CIPLUG_RUN_FINISHED)
        on_run_finished(html, event);
}

/* ---- the plugin ---- */

static int html_finish(void *self)
{
    struct html *html = self;
    const struct ciplug_api *api = html->api;
    if (html->n_runs)
        close_run(html);
    if (!html->file)
        read_options(html);
    bool whole = html->file && !html->failed;
    struct ciplug_file *file = whole ? api->file_create(api, html->file) : NULL;
    if (whole && !file)
        return -1;
    whole = whole && html_write(html, file) == 0;
    if (!whole)
        api->message(api, CIPLUG_LOG_ERROR, "cannot write the report: no memory");
    if (file && api->file_close(file, whole))
        return -1;
    return whole ? 0 : -1;
}

static int html_open(const struct ciplug_api *api, void **self)
{
    struct html *html = calloc(1, sizeof *html);
    if (!html)
        return -1;
    html->api = api;
    *self = html;
    return 0;
}

static void free_events(struct html *html)
{
    for (size_t i = 0; i < html->n_attempts; i++)
        free_attempt(&html->attempts[i]);
    for (size_t i = 0; i < html->n_begun; i++)
        free_attempt(&html->begun[i]);
    for (size_t i = 0; i < html->n_hosts; i++)
        free(html->hosts[i]);
    for (size_t i = 0; i < html->n_notices; i++) {
        free(html->notices[i].step);
        free(html->notices[i].text);
    }
    html_tests_free(html);
    free(html->attempts);
    free(html->begun);
    free(html->hosts);
    free(html->notices);
}

static void html_close(void *self)
{
    struct html *html = self;
    free_events(html);
    for (size_t i = 0; i < html->n_runs; i++) {
        free(html->runs[i].id);
        free(html->runs[i].dir);
        free(html->runs[i].text);
        free(html->runs[i].reason);
    }
    for (size_t i = 0; i < html->n_steps; i++) {
        free(html->steps[i].name);
        free(html->steps[i].reason);
    }
    free(html->runs);
    free(html->steps);
    free(html->file);
    free(html);
}

static const struct ciplug_option html_file = {
    .size = sizeof html_file,
    .name = "file",
    .type = CIPLUG_OPTION_PATH,
    .def = "report.html",
    .help = "Where the page is written; an old one is removed when the run starts.",
};
static const struct ciplug_option html_max_output = {
    .size = sizeof html_max_output,
    .name = "max_output",
    .type = CIPLUG_OPTION_INTEGER,
    .def = "16384",
    .help = "So many bytes of the end of each log of what did not pass are copied into the page.",
    .min = 0,
    .max = 1 << 24,
};
static const struct ciplug_option *const html_options[] = {&html_file, &html_max_output, NULL};

static const struct ciplug_reporter html_reporter = {
    .size = sizeof html_reporter,
    .events = CIPLUG_RUN_STARTED | CIPLUG_STEP_STARTED | CIPLUG_COMMAND_STARTED |
              CIPLUG_COMMAND_NOTICE | CIPLUG_COMMAND_FINISHED | CIPLUG_STEP_FINISHED |
              CIPLUG_RUN_NOTICE | CIPLUG_RUN_FINISHED | CIPLUG_TEST_FINISHED,
    .event = html_event,
    .finish = html_finish,
};

static const struct ciplug_plugin html_plugin = {
    .size = sizeof html_plugin,
    .abi_major = CIPLUG_ABI_MAJOR,
    .abi_minor = CIPLUG_ABI_MINOR,
    .name = "html",
    .version = CIPLUG_VERSION,
    .summary = "A run as one page: verdict, failures, timeline, all commands",
    .options = html_options,
    .reporter = &html_reporter,
    .open = html_open,
    .close = html_close,
};

CIPLUG_PLUGIN(html_plugin);
