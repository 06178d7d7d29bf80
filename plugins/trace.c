/* SPDX-License-Identifier: MIT
 *
 * trace: what ran where and when, for Perfetto and chrome://tracing.
 *
 *     [ciplug]
 *     plugins = trace
 *     [trace]
 *     file = reports/{run}.json
 *
 * What is remembered, and how little, says fold.h; the document is made by trace_write.c.
 */
#include "trace.h"

#include <stdlib.h>
#include <string.h>

struct trace {
    const struct ciplug_api *api;
    struct fold fold;
};

static void trace_event(void *self, const struct ciplug_event *event)
{
    struct trace *trace = self;
    fold_event(&trace->fold, event);
    if (event->kind != CIPLUG_RUN_STARTED || event->replayed)
        return;
    /* Where it cannot be removed, finish() will not be able to write either, and says so. */
    const char *file = trace->api->option(trace->api, NULL, "file");
    if (file)
        (void)trace->api->file_remove(trace->api, file);
}

static int trace_finish(void *self)
{
    struct trace *trace = self;
    const struct ciplug_api *api = trace->api;
    struct writer *writer = malloc(sizeof *writer);
    const char *option = api->option(api, NULL, "file");
    char *file = option ? strdup(option) : NULL;
    int result = -1;
    if (!writer || !file || trace->fold.failed) {
        api->message(api, CIPLUG_LOG_ERROR, "cannot write the report: no memory");
    } else if (writer_open(writer, api, file) == 0) {
        trace_write(writer, &trace->fold);
        result = writer_close(writer);
    }
    free(file);
    free(writer);
    return result;
}

static int trace_open(const struct ciplug_api *api, void **self)
{
    struct trace *trace = calloc(1, sizeof *trace);
    if (!trace)
        return -1;
    trace->api = api;
    *self = trace;
    return 0;
}

static void trace_close(void *self)
{
    struct trace *trace = self;
    fold_free(&trace->fold);
    free(trace);
}

static const struct ciplug_option trace_file = {
    .size = sizeof trace_file,
    .name = "file",
    .type = CIPLUG_OPTION_PATH,
    .def = "trace.json",
    .help = "Where the report is written; an old one is removed when the run starts.",
};
static const struct ciplug_option *const trace_options[] = {&trace_file, NULL};

static const struct ciplug_reporter trace_reporter = {
    .size = sizeof trace_reporter,
    .events = FOLD_EVENTS | CIPLUG_TEST_FINISHED,
    .event = trace_event,
    .finish = trace_finish,
};

static const struct ciplug_plugin trace_plugin = {
    .size = sizeof trace_plugin,
    .abi_major = CIPLUG_ABI_MAJOR,
    .abi_minor = CIPLUG_ABI_MINOR,
    .name = "trace",
    .version = CIPLUG_VERSION,
    .summary = "What ran where and when, for Perfetto and chrome://tracing",
    .options = trace_options,
    .reporter = &trace_reporter,
    .open = trace_open,
    .close = trace_close,
};

CIPLUG_PLUGIN(trace_plugin);
