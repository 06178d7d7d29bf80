/* SPDX-License-Identifier: MIT
 *
 * junit: the results of a run as JUnit XML, which every CI service reads.
 *
 *     [ciplug]
 *     plugins = junit
 *     [junit]
 *     file = reports/{run}.xml
 *
 * What is remembered, and how little, says fold.h; the document is made by junit_write.c.
 */
#include "junit.h"

#include <stdlib.h>
#include <string.h>

struct junit {
    const struct ciplug_api *api;
    struct fold fold;
};

static void junit_event(void *self, const struct ciplug_event *event)
{
    struct junit *junit = self;
    fold_event(&junit->fold, event);
    if (event->kind != CIPLUG_RUN_STARTED || event->replayed)
        return;
    /* Where it cannot be removed, finish() will not be able to write either, and says so. */
    const char *file = junit->api->option(junit->api, NULL, "file");
    if (file)
        (void)junit->api->file_remove(junit->api, file);
}

/* ---- the commit ---- */

/* What services call it. */
static const char *const services[] = {
    "GITHUB_SHA",       "CI_COMMIT_SHA", "GIT_COMMIT",       "BUILDKITE_COMMIT",    "CIRCLE_SHA1",
    "BITBUCKET_COMMIT", "TRAVIS_COMMIT", "DRONE_COMMIT_SHA", "BUILD_SOURCEVERSION", NULL};

/* Anything else in a variable of that name is something else, and perhaps not for a report. */
static bool is_hash(const char *text)
{
    size_t length = strlen(text);
    return length >= 7 && length <= 64 && strspn(text, "0123456789abcdefABCDEF") == length;
}

static const char *commit_of_service(void)
{
    for (size_t i = 0; services[i]; i++) {
        const char *value = getenv(services[i]);
        if (value && is_hash(value))
            return value;
    }
    return NULL;
}

/* ---- the plugin ---- */

/* The options in a piece that stays; NULL when there is no memory. */
static char *option_copy(const struct ciplug_api *api, const char *name)
{
    const char *value = api->option(api, NULL, name);
    return strdup(value ? value : "");
}

static int junit_finish(void *self)
{
    struct junit *junit = self;
    const struct ciplug_api *api = junit->api;
    struct writer *writer = malloc(sizeof *writer);
    char *file = option_copy(api, "file");
    char *commit = option_copy(api, "commit");
    int result = -1;
    if (!writer || !file || !commit || junit->fold.failed) {
        api->message(api, CIPLUG_LOG_ERROR, "cannot write the report: no memory");
    } else if (writer_open(writer, api, file) == 0) {
        const char *most = api->option(api, NULL, "max_output");
        struct junit_settings settings = {.max_output = most ? strtoull(most, NULL, 10) : 0,
                                          .commit = *commit ? commit : commit_of_service()};
        const char *flavour = api->option(api, NULL, "flavour");
        settings.ant = flavour && strcmp(flavour, "ant") == 0;
        junit_write(writer, &junit->fold, &settings);
        result = writer_close(writer);
    }
    free(commit);
    free(file);
    free(writer);
    return result;
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

static void junit_close(void *self)
{
    struct junit *junit = self;
    fold_free(&junit->fold);
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
static const char *const junit_flavours[] = {"jenkins", "ant", NULL};
static const struct ciplug_option junit_flavour = {
    .size = sizeof junit_flavour,
    .name = "flavour",
    .type = CIPLUG_OPTION_CHOICE,
    .def = "jenkins",
    .help = "jenkins: attempts and output stand with their case. ant: nothing that Ant's schema "
            "does not know; they stand at the end of the suite.",
    .choices = junit_flavours,
};
static const struct ciplug_option junit_commit = {
    .size = sizeof junit_commit,
    .name = "commit",
    .type = CIPLUG_OPTION_STRING,
    .help = "What was tested, a property of each suite; by default what the CI service says.",
};
static const struct ciplug_option *const junit_options[] = {&junit_file, &junit_max_output,
                                                            &junit_flavour, &junit_commit, NULL};

static const struct ciplug_reporter junit_reporter = {
    .size = sizeof junit_reporter,
    .events = FOLD_EVENTS | CIPLUG_TEST_FINISHED,
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
