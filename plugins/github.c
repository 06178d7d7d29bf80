/* SPDX-License-Identifier: MIT
 *
 * github: a run in a job of GitHub Actions.
 *
 *     [ciplug]
 *     plugins = shell github
 *
 * Each command's output stands once in the log, in a group that is folded, and in a fence
 * (stop-commands) with a token of its own, so that nothing in it is taken for a workflow command.
 * What failed becomes an annotation; the summary of the job tells the run. Elsewhere the plugin
 * does nothing.
 *
 * The values of masked variables are not given to plugins, and to print a secret so that others
 * hide it is safe nowhere else: there is no ::add-mask::. They never reach the log.
 */
#include "github.h"
#include "safeguard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define STANDARD_OUTPUT "/dev/stdout"

/* ---- where we are ---- */

static bool in_a_job(void)
{
    const char *set = getenv("GITHUB_ACTIONS");
    return (set && strcmp(set, "true") == 0) || !SAFEGUARD(inert_elsewhere);
}

static void find_workspace(struct github *github)
{
    const char *named = getenv("GITHUB_WORKSPACE");
    if (!named || !realpath(named, github->workspace)) {
        if (!realpath(".", github->workspace))
            github->workspace[0] = '\0';
    }
}

/* Once; options are known when the first run begins. */
static void decide(struct github *github)
{
    if (github->decided)
        return;
    const struct ciplug_api *api = github->api;
    const char *when = api->option(api, NULL, "when");
    const char *most = api->option(api, NULL, "annotations");
    const char *file = api->option(api, NULL, "file");
    github->decided = true;
    github->active = in_a_job() || (when && strcmp(when, "always") == 0);
    github->most = most ? (uint32_t)strtoul(most, NULL, 10) : 0;
    github->file = file ? strdup(file) : NULL;
    github->failed = github->failed || (file && !github->file);
    find_workspace(github);
}

/* ---- the log ---- */

static void close_fence(struct github *github, struct text *out)
{
    if (!github->token[0])
        return;
    text_put(out, "::");
    text_put(out, github->token);
    text_put(out, "::\n");
    github->token[0] = '\0';
}

static void close_all(struct github *github, struct text *out)
{
    close_fence(github, out);
    if (github->group)
        text_put(out, "::endgroup::\n");
    github->group = false;
}

/* A token that nobody can know before it has been used. */
static void open_fence(struct github *github, struct text *out)
{
    unsigned char bytes[16];
    if (github->token[0] || !SAFEGUARD(fenced_output))
        return;
    ssize_t n;
    do
        n = getrandom(bytes, sizeof bytes, 0);
    while (n < 0 && errno == EINTR);
    github->failed = github->failed || n != (ssize_t)sizeof bytes;
    if (n != (ssize_t)sizeof bytes)
        return;
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(github->token + 2 * i, 3, "%02x", bytes[i]);
    text_put(out, "::stop-commands::");
    text_put(out, github->token);
    text_put(out, "\n");
}

static void mark_open(struct github *github, const char *line)
{
    struct text *out = &github->mark;
    if (line) {
        close_all(github, out);
        text_put(out, "::group::");
        github_escape(out, line, false);
        text_put(out, "\n");
        github->group = true;
    }
    open_fence(github, out);
}

static void mark_close(struct github *github, const struct ciplug_event *event)
{
    struct text *out = &github->mark;
    bool note = event && github_deserves(event);
    if (github->group || note || !event)
        close_all(github, out);
    if (note)
        github_note(github, event, out);
    if (!event && github->tale.ended)
        github_note_run(github, out);
}

static const char *github_mark(void *self, int32_t what, const char *line,
                               const struct ciplug_event *event)
{
    struct github *github = self;
    decide(github);
    if (!github->active)
        return NULL;
    /* The old form of workflow commands is found in the middle of a line, and the log's viewer
     * knows it inside of fences, too. */
    if (what == CIPLUG_MARK_NEVER)
        return "##[";
    text_cut(&github->mark, 0);
    if (what == CIPLUG_MARK_OPEN)
        mark_open(github, line);
    else if (what == CIPLUG_MARK_CLOSE)
        mark_close(github, event);
    /* Half a mark would be worse than none. */
    if (github->mark.failed) {
        github->failed = true;
        return NULL;
    }
    return text_string(&github->mark);
}

/* ---- events ---- */

static void github_event(void *self, const struct ciplug_event *event)
{
    struct github *github = self;
    decide(github);
    github->replayed = event->replayed;
    if (!github->active && !event->replayed)
        return;
    if (event->kind == CIPLUG_RUN_STARTED) {
        if (github->tale.begun)
            github_tell(github);
        if (!event->replayed && github->file)
            (void)github->api->file_remove(github->api, github->file);
    }
    if (event->kind == CIPLUG_TEST_FINISHED) {
        github_case(github, event);
        return;
    }
    github_tale_event(github, event);
    if (event->replayed && event->kind == CIPLUG_COMMAND_FINISHED && github_deserves(event))
        github_note(github, event, &github->notes);
}

static int write_file(const struct github *github, const char *path, const struct text *text)
{
    const struct ciplug_api *api = github->api;
    struct ciplug_file *file = api->file_create(api, path);
    if (!file)
        return -1;
    (void)api->file_write(file, text_string(text), text->length);
    return api->file_close(file, 1);
}

/* In a job, `ciplug report --to github` says what a run that was killed could not say itself. */
static int say_afterwards(struct github *github, const char *steps)
{
    bool unnamed = !github->file || strcmp(github->file, STANDARD_OUTPUT) == 0;
    if (!unnamed || !github->active || !steps || !*steps)
        return write_file(github, github->file ? github->file : STANDARD_OUTPUT, &github->summary);
    int result = github->notes.length ? write_file(github, STANDARD_OUTPUT, &github->notes) : 0;
    return github_append(github, steps) < 0 ? -1 : result;
}

static int github_finish(void *self)
{
    struct github *github = self;
    const char *steps = getenv("GITHUB_STEP_SUMMARY");
    if (!github->tale.begun)
        return 0;
    if (github->replayed)
        github_note_run(github, &github->notes);
    github_tell(github);
    if (github->failed || github->summary.failed || github->notes.failed) {
        github->api->message(github->api, CIPLUG_LOG_ERROR, "no memory: not all could be said");
        return -1;
    }
    if (github->replayed)
        return say_afterwards(github, steps);
    if (github->file)
        return write_file(github, github->file, &github->summary);
    return steps && *steps ? github_append(github, steps) : 0;
}

static int github_open(const struct ciplug_api *api, void **self)
{
    struct github *github = calloc(1, sizeof *github);
    if (!github)
        return -1;
    github->api = api;
    *self = github;
    return 0;
}

static void github_close(void *self)
{
    struct github *github = self;
    text_free(&github->mark);
    text_free(&github->notes);
    text_free(&github->summary);
    github_tale_free(&github->tale);
    github_cases_free(github);
    free(github->file);
    free(github);
}

/* ---- the table ---- */

static const char *const github_times[] = {"auto", "always", NULL};
static const struct ciplug_option github_when = {
    .size = sizeof github_when,
    .name = "when",
    .type = CIPLUG_OPTION_CHOICE,
    .def = "auto",
    .help = "Only in jobs of GitHub Actions (GITHUB_ACTIONS=true), or always.",
    .choices = github_times,
};
static const struct ciplug_option github_annotations = {
    .size = sizeof github_annotations,
    .name = "annotations",
    .type = CIPLUG_OPTION_INTEGER,
    .def = "10",
    .help = "At most so many annotations of each kind; the service shows no more than 10 a step.",
    .min = 0,
    .max = 1000,
};
static const struct ciplug_option github_file = {
    .size = sizeof github_file,
    .name = "file",
    .type = CIPLUG_OPTION_PATH,
    .help = "Where the summary is written, instead of what GITHUB_STEP_SUMMARY names.",
};
static const struct ciplug_option *const github_options[] = {&github_when, &github_annotations,
                                                             &github_file, NULL};

static const struct ciplug_reporter github_reporter = {
    .size = sizeof github_reporter,
    .events = CIPLUG_RUN_STARTED | CIPLUG_STEP_STARTED | CIPLUG_COMMAND_FINISHED |
              CIPLUG_RUN_FINISHED | CIPLUG_TEST_FINISHED,
    .event = github_event,
    .finish = github_finish,
    .mark = github_mark,
};

static const struct ciplug_plugin github_plugin = {
    .size = sizeof github_plugin,
    .abi_major = CIPLUG_ABI_MAJOR,
    .abi_minor = CIPLUG_ABI_MINOR,
    .name = "github",
    .version = CIPLUG_VERSION,
    .summary = "Groups, annotations and job summary in GitHub Actions",
    .options = github_options,
    .reporter = &github_reporter,
    .open = github_open,
    .close = github_close,
};

CIPLUG_PLUGIN(github_plugin);
