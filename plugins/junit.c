/* SPDX-License-Identifier: MIT
 *
 * junit: the results of a run as JUnit XML, which every CI service reads.
 *
 *     [ciplug]
 *     plugins = junit
 *     [junit]
 *     file = reports/{run}.xml
 *
 * A testsuite for each step, a testcase for each item or command with its final outcome. Cleanup
 * steps change no verdict and are left out. Output is never kept in memory: at the end it is read
 * from the logs.
 */
#include "junit.h"
#include "safeguard.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is kept ---- */

static char *copy(struct junit *junit, const char *text)
{
    char *own = text ? strdup(text) : NULL;
    junit->failed = junit->failed || (text && !own);
    return own;
}

/* Room for one more; NULL when there is no memory. */
static void *grow(struct junit *junit, void *list, size_t n, size_t *alloc, size_t size)
{
    if (n < *alloc)
        return list;
    size_t wanted = *alloc ? 2 * *alloc : 16;
    void *more = wanted > SIZE_MAX / size ? NULL : realloc(list, wanted * size);
    junit->failed = junit->failed || !more;
    *alloc = more ? wanted : *alloc;
    return more;
}

static struct suite *add_suite(struct junit *junit, const char *name, uint64_t time_ns)
{
    struct suite *list = grow(junit, junit->suites, junit->n, &junit->alloc, sizeof *list);
    if (!list)
        return NULL;
    junit->suites = list;
    struct suite *suite = &list[junit->n++];
    *suite = (struct suite){
        .name = copy(junit, name), .run = copy(junit, junit->run), .started_ns = time_ns};
    return suite;
}

static struct suite *find_suite(struct junit *junit, const struct ciplug_event *event)
{
    for (size_t i = junit->n; i > junit->first; i--) {
        if (junit->suites[i - 1].name && strcmp(junit->suites[i - 1].name, event->step) == 0)
            return &junit->suites[i - 1];
    }
    return add_suite(junit, event->step, event->time_ns);
}

static struct testcase *add_case(struct junit *junit, struct suite *suite, int32_t outcome)
{
    struct testcase *list = grow(junit, suite->cases, suite->n, &suite->alloc, sizeof *list);
    if (!list)
        return NULL;
    suite->cases = list;
    struct testcase *one = &list[suite->n++];
    *one = (struct testcase){.outcome = outcome};
    if (outcome == CIPLUG_FAILED || outcome == CIPLUG_SIGNALED || outcome == CIPLUG_TIMEOUT)
        suite->failures++;
    else if (outcome == CIPLUG_SKIPPED)
        suite->skipped++;
    else if (outcome != CIPLUG_PASSED)
        suite->errors++;
    return one;
}

/* Unit `i` of `n` of a command. */
static void add_unit(struct junit *junit, struct suite *suite, const struct ciplug_event *event,
                     size_t i, size_t n)
{
    const struct ciplug_command *command = event->command;
    const struct ciplug_result *result = event->result;
    struct testcase *one = add_case(junit, suite, result->outcome);
    if (!one)
        return;
    char number[16];
    snprintf(number, sizeof number, "%" PRIu32, command->number);
    if (command->items && command->items[0])
        one->name = copy(junit, command->items[i]);
    else
        one->name = copy(junit, command->count == 1 ? command->step : number);
    one->reason = copy(junit, result->reason);
    /* What belongs to all of a batch stands with its first. */
    if (i == 0 && result->started_ns) {
        one->logs[0] = copy(junit, result->log_out);
        one->logs[1] = copy(junit, result->log_err);
    }
    uint64_t ms = result->duration_ns / NS_PER_MS;
    one->ms = ms / n + (i < ms % n);
    suite->ms += one->ms;
}

static void on_command_finished(struct junit *junit, const struct ciplug_event *event)
{
    const struct ciplug_command *command = event->command;
    if (!command || !event->result || event->cleanup || !event->step)
        return;
    if (!event->result->final && SAFEGUARD(final_cases))
        return;
    struct suite *suite = find_suite(junit, event);
    size_t n = 0;
    while (command->items && command->items[n])
        n++;
    n = n ? n : 1;
    for (size_t i = 0; suite && i < n; i++)
        add_unit(junit, suite, event, i, n);
}

/* ---- a run's beginning and end ---- */

static bool is_green(const struct junit *junit)
{
    for (size_t i = junit->first; i < junit->n; i++) {
        if (junit->suites[i].failures || junit->suites[i].errors)
            return false;
    }
    return true;
}

/* No report is green whose run was not: one that was killed between two commands, or found nothing
 * to run, or could not write. */
static void judge(struct junit *junit)
{
    if ((junit->ended && junit->exit_status == 0) || !is_green(junit))
        return;
    char text[64];
    if (junit->ended)
        snprintf(text, sizeof text, "the run ended with status %" PRId32, junit->exit_status);
    else
        snprintf(text, sizeof text, "the run has not finished");
    struct suite *suite = add_suite(junit, "run", 0);
    struct testcase *one = suite ? add_case(junit, suite, CIPLUG_ERROR) : NULL;
    if (!one)
        return;
    one->name = copy(junit, "run");
    one->reason = copy(junit, junit->reason ? junit->reason : text);
}

static void read_options(struct junit *junit)
{
    const char *max = junit->api->option(junit->api, NULL, "max_output");
    free(junit->file);
    junit->file = copy(junit, junit->api->option(junit->api, NULL, "file"));
    junit->max_output = max ? strtoull(max, NULL, 10) : 0;
}

static void on_run_started(struct junit *junit, const struct ciplug_event *event)
{
    if (junit->begun)
        judge(junit);
    read_options(junit);
    free(junit->run);
    free(junit->reason);
    junit->run = copy(junit, event->run);
    junit->reason = NULL;
    junit->first = junit->n;
    junit->begun = true;
    junit->ended = false;
    /* Where it cannot be removed, finish() will not be able to write either, and says so. */
    if (!event->replayed && junit->file)
        (void)junit->api->file_remove(junit->api, junit->file);
}

static void on_run_finished(struct junit *junit, const struct ciplug_event *event)
{
    junit->ended = true;
    junit->exit_status = event->exit_status;
    free(junit->reason);
    junit->reason = copy(junit, event->text);
}

static void junit_event(void *self, const struct ciplug_event *event)
{
    struct junit *junit = self;
    if (event->kind == CIPLUG_RUN_STARTED)
        on_run_started(junit, event);
    else if (event->kind == CIPLUG_STEP_STARTED && event->step && !event->cleanup)
        (void)find_suite(junit, event);
    else if (event->kind == CIPLUG_COMMAND_FINISHED)
        on_command_finished(junit, event);
    else if (event->kind == CIPLUG_RUN_FINISHED)
        on_run_finished(junit, event);
}

/* ---- the plugin ---- */

static int junit_finish(void *self)
{
    struct junit *junit = self;
    const struct ciplug_api *api = junit->api;
    judge(junit);
    if (!junit->file)
        read_options(junit);
    bool whole = junit->file && !junit->failed;
    struct ciplug_file *file = whole ? api->file_create(api, junit->file) : NULL;
    if (whole && !file)
        return -1;
    whole = whole && junit_write(junit, file) == 0;
    if (!whole)
        api->message(api, CIPLUG_LOG_ERROR, "cannot write the report: no memory");
    if (file && api->file_close(file, whole))
        return -1;
    return whole ? 0 : -1;
}

static int junit_open(const struct ciplug_api *api, void **self)
{
    struct junit *junit = calloc(1, sizeof *junit);
    if (!junit)
        return -1;
    junit->api = api;
    *self = junit;
    return 0;
}

static void free_suite(struct suite *suite)
{
    for (size_t i = 0; i < suite->n; i++) {
        free(suite->cases[i].name);
        free(suite->cases[i].reason);
        free(suite->cases[i].logs[0]);
        free(suite->cases[i].logs[1]);
    }
    free(suite->cases);
    free(suite->name);
    free(suite->run);
}

static void junit_close(void *self)
{
    struct junit *junit = self;
    for (size_t i = 0; i < junit->n; i++)
        free_suite(&junit->suites[i]);
    free(junit->suites);
    free(junit->file);
    free(junit->run);
    free(junit->reason);
    free(junit);
}

static const struct ciplug_option junit_file = {
    .size = sizeof junit_file,
    .name = "file",
    .type = CIPLUG_OPTION_PATH,
    .def = "junit.xml",
    .help = "Where the report is written; an old one is removed when the run starts.",
};
static const struct ciplug_option junit_max_output = {
    .size = sizeof junit_max_output,
    .name = "max_output",
    .type = CIPLUG_OPTION_INTEGER,
    .def = "65536",
    .help = "So many bytes of the end of each log are copied into the report.",
    .min = 0,
    .max = 1 << 30,
};
static const struct ciplug_option *const junit_options[] = {&junit_file, &junit_max_output, NULL};

static const struct ciplug_reporter junit_reporter = {
    .size = sizeof junit_reporter,
    .events =
        CIPLUG_RUN_STARTED | CIPLUG_STEP_STARTED | CIPLUG_COMMAND_FINISHED | CIPLUG_RUN_FINISHED,
    .event = junit_event,
    .finish = junit_finish,
};

static const struct ciplug_plugin junit_plugin = {
    .size = sizeof junit_plugin,
    .abi_major = CIPLUG_ABI_MAJOR,
    .abi_minor = CIPLUG_ABI_MINOR,
    .name = "junit",
    .version = CIPLUG_VERSION,
    .summary = "Results as JUnit XML",
    .options = junit_options,
    .reporter = &junit_reporter,
    .open = junit_open,
    .close = junit_close,
};

CIPLUG_PLUGIN(junit_plugin);
