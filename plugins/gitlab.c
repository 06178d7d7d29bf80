/* SPDX-License-Identifier: MIT
 *
 * gitlab: a run in a job of GitLab CI.
 *
 *     [ciplug]
 *     plugins = shell gitlab
 *
 * Each command's output stands once in the log, in a section; that of a command which passed is
 * folded. Nothing that a command writes can begin or end a section: the console shows its escape
 * sequences and carriage returns, which a section needs, as text. Elsewhere the plugin does
 * nothing.
 */
#include "safeguard.h"
#include "text.h"
#include <ciplug/plugin.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ERASE "\033[0K" /* how the service tells a section's marks from text */

struct gitlab {
    const struct ciplug_api *api;
    bool decided, active, failed;
    char run[32];
    uint64_t number; /* of the section that is open, or was last */
    bool open;
    struct text mark;
};

static void decide(struct gitlab *gitlab)
{
    if (gitlab->decided)
        return;
    const char *when = gitlab->api->option(gitlab->api, NULL, "when");
    const char *set = getenv("GITLAB_CI");
    gitlab->decided = true;
    gitlab->active = (set && strcmp(set, "true") == 0) || (when && strcmp(when, "always") == 0) ||
                     !SAFEGUARD(inert_elsewhere);
}

/* A name for each section of the job, also where several runs share it. */
static void add_section(struct gitlab *gitlab, const char *what, const char *options)
{
    text_format(&gitlab->mark, ERASE "section_%s:%" PRId64 ":ciplug_%s_%" PRIu64 "%s\r" ERASE, what,
                (int64_t)time(NULL), gitlab->run, gitlab->number, options);
}

static void close_section(struct gitlab *gitlab)
{
    if (!gitlab->open)
        return;
    add_section(gitlab, "end", "");
    text_put(&gitlab->mark, "\n");
    gitlab->open = false;
}

static void open_section(struct gitlab *gitlab, const char *line, const struct ciplug_event *event)
{
    const struct ciplug_result *result = event ? event->result : NULL;
    bool fine = result && (result->outcome == CIPLUG_PASSED || result->outcome == CIPLUG_SKIPPED);
    close_section(gitlab);
    gitlab->number++;
    add_section(gitlab, "start", fine ? "[collapsed=true]" : "");
    text_put(&gitlab->mark, line);
    text_put(&gitlab->mark, "\n");
    gitlab->open = true;
}

static const char *gitlab_mark(void *self, int32_t what, const char *line,
                               const struct ciplug_event *event)
{
    struct gitlab *gitlab = self;
    decide(gitlab);
    if (!gitlab->active)
        return NULL;
    text_cut(&gitlab->mark, 0);
    if (what == CIPLUG_MARK_OPEN && line)
        open_section(gitlab, line, event);
    else if (what == CIPLUG_MARK_CLOSE)
        close_section(gitlab);
    gitlab->failed = gitlab->failed || gitlab->mark.failed;
    return gitlab->mark.failed ? NULL : text_string(&gitlab->mark);
}

/* Letters and digits, as a run's id is made of; a journal may say anything. */
static void gitlab_event(void *self, const struct ciplug_event *event)
{
    struct gitlab *gitlab = self;
    size_t n = 0;
    for (const char *c = event->run; c && *c && n + 1 < sizeof gitlab->run; c++) {
        if ((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9'))
            gitlab->run[n++] = *c;
    }
    gitlab->run[n] = '\0';
}

static int gitlab_finish(void *self)
{
    struct gitlab *gitlab = self;
    if (!gitlab->failed)
        return 0;
    gitlab->api->message(gitlab->api, CIPLUG_LOG_ERROR, "no memory: not all could be said");
    return -1;
}

static int gitlab_open(const struct ciplug_api *api, void **self)
{
    struct gitlab *gitlab = calloc(1, sizeof *gitlab);
    if (!gitlab)
        return -1;
    gitlab->api = api;
    *self = gitlab;
    return 0;
}

static void gitlab_close(void *self)
{
    struct gitlab *gitlab = self;
    text_free(&gitlab->mark);
    free(gitlab);
}

static const char *const gitlab_times[] = {"auto", "always", NULL};
static const struct ciplug_option gitlab_when = {
    .size = sizeof gitlab_when,
    .name = "when",
    .type = CIPLUG_OPTION_CHOICE,
    .def = "auto",
    .help = "Only in jobs of GitLab CI (GITLAB_CI=true), or always.",
    .choices = gitlab_times,
};
static const struct ciplug_option *const gitlab_options[] = {&gitlab_when, NULL};

static const struct ciplug_reporter gitlab_reporter = {
    .size = sizeof gitlab_reporter,
    .events = CIPLUG_RUN_STARTED,
    .event = gitlab_event,
    .finish = gitlab_finish,
    .mark = gitlab_mark,
};

static const struct ciplug_plugin gitlab_plugin = {
    .size = sizeof gitlab_plugin,
    .abi_major = CIPLUG_ABI_MAJOR,
    .abi_minor = CIPLUG_ABI_MINOR,
    .name = "gitlab",
    .version = CIPLUG_VERSION,
    .summary = "Sections in the logs of GitLab CI",
    .options = gitlab_options,
    .reporter = &gitlab_reporter,
    .open = gitlab_open,
    .close = gitlab_close,
};

CIPLUG_PLUGIN(gitlab_plugin);
