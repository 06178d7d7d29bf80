/* SPDX-License-Identifier: MIT
 *
 * tap: the results of a run as TAP, for test harnesses.
 *
 *     [ciplug]
 *     plugins = tap
 *     [tap]
 *     file = reports/{run}.tap
 *
 * What is remembered, and how little, says fold.h; the document is made by tap_write.c.
 */
#include "tap.h"

#include <stdlib.h>
#include <string.h>

struct tap {
    const struct ciplug_api *api;
    struct fold fold;
};

static void tap_event(void *self, const struct ciplug_event *event)
{
    struct tap *tap = self;
    fold_event(&tap->fold, event);
    if (event->kind != CIPLUG_RUN_STARTED || event->replayed)
        return;
    /* Where it cannot be removed, finish() will not be able to write either, and says so. */
    const char *file = tap->api->option(tap->api, NULL, "file");
    if (file)
        (void)tap->api->file_remove(tap->api, file);
}

static int tap_finish(void *self)
{
    struct tap *tap = self;
    const struct ciplug_api *api = tap->api;
    struct writer *writer = malloc(sizeof *writer);
    const char *option = api->option(api, NULL, "file");
    char *file = option ? strdup(option) : NULL;
    int result = -1;
    if (!writer || !file || tap->fold.failed) {
        api->message(api, CIPLUG_LOG_ERROR, "cannot write the report: no memory");
    } else if (writer_open(writer, api, file) == 0) {
        option = api->option(api, NULL, "max_output");
        struct tap_settings settings = {.max_output = option ? strtoull(option, NULL, 10) : 0};
        option = api->option(api, NULL, "version");
        settings.version = option && strcmp(option, "13") == 0 ? "13" : "14";
        tap_write(writer, &tap->fold, &settings);
        result = writer_close(writer);
    }
    free(file);
    free(writer);
    return result;
}

static int tap_open(const struct ciplug_api *api, void **self)
{
    struct tap *tap = calloc(1, sizeof *tap);
    if (!tap)
        return -1;
    tap->api = api;
    *self = tap;
    return 0;
}

static void tap_close(void *self)
{
    struct tap *tap = self;
    fold_free(&tap->fold);
    free(tap);
}

static const struct ciplug_option tap_file = {
    .size = sizeof tap_file,
    .name = "file",
    .type = CIPLUG_OPTION_PATH,
    .def = "ciplug.tap",
    .help = "Where the report is written; an old one is removed when the run starts.",
};
static const struct ciplug_option tap_max_output = {
    .size = sizeof tap_max_output,
    .name = "max_output",
    .type = CIPLUG_OPTION_INTEGER,
    .def = "4096",
    .help = "So many bytes of the end of each log of what did not pass are copied into the report.",
    .min = 0,
    .max = 1 << 30,
};
static const char *const tap_versions[] = {"14", "13", NULL};
static const struct ciplug_option tap_version = {
    .size = sizeof tap_version,
    .name = "version",
    .type = CIPLUG_OPTION_CHOICE,
    .def = "14",
    .help = "What the first line says, for harnesses that do not know 14; the rest is the same.",
    .choices = tap_versions,
};
static const struct ciplug_option *const tap_options[] = {&tap_file, &tap_max_output, &tap_version,
                                                          NULL};

static const struct ciplug_reporter tap_reporter = {
    .size = sizeof tap_reporter,
    .events = FOLD_EVENTS | CIPLUG_TEST_FINISHED,
    .event = tap_event,
    .finish = tap_finish,
};

static const struct ciplug_plugin tap_plugin = {
    .size = sizeof tap_plugin,
    .abi_major = CIPLUG_ABI_MAJOR,
    .abi_minor = CIPLUG_ABI_MINOR,
    .name = "tap",
    .version = CIPLUG_VERSION,
    .summary = "Results as TAP, the Test Anything Protocol",
    .options = tap_options,
    .reporter = &tap_reporter,
    .open = tap_open,
    .close = tap_close,
};

CIPLUG_PLUGIN(tap_plugin);
