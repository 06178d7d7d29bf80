/* SPDX-License-Identifier: MIT
 *
 * A test point for each step, of the result of its subtest; in that a point for each item or
 * command with its final outcome, and in front of it a subtest of the cases that it wrote. Old
 * parsers pass over a subtest, so that the steps have to tell them the truth alone.
 */
#include "tap.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POINT_INDENT 4
#define YAML_INDENT  (POINT_INDENT + 2)
#define CASE_INDENT  (2 * POINT_INDENT)

struct document {
    struct writer *writer;
    const struct tap_settings *settings;
    const struct fold_run *run;
    struct fold_batches batches; /* of the step */
};

/* ---- the diagnostic block ---- */

static void put_text(struct writer *writer, unsigned indent, const char *key, const char *text)
{
    if (!text || !*text)
        return;
    writer_format(writer, "%*s%s: ", (int)indent, "", key);
    tap_string(writer, text);
    writer_text(writer, "\n");
}

static void put_number(struct writer *writer, unsigned indent, const char *key, uint64_t number)
{
    writer_format(writer, "%*s%s: %" PRIu64 "\n", (int)indent, "", key, number);
}

static void put_duration(struct writer *writer, unsigned indent, uint64_t us)
{
    writer_format(writer, "%*sduration_ms: %" PRIu64 ".%03u\n", (int)indent, "", us / 1000,
                  (unsigned)(us % 1000));
}

static void put_flags(struct writer *writer, unsigned indent, uint32_t flags)
{
    bool any = false;
    for (unsigned i = 0; fold_flag(i); i++) {
        if (!(flags & (1U << i)))
            continue;
        if (!any)
            writer_format(writer, "%*sflags:\n", (int)indent, "");
        writer_format(writer, "%*s  - %s\n", (int)indent, "", fold_flag(i));
        any = true;
    }
}

/* What an earlier attempt and the last one both have. */
static void put_facts(struct writer *writer, unsigned indent, const struct fold_attempt *attempt)
{
    put_text(writer, indent, "reason", attempt->reason);
    if (attempt->exit_code >= 0)
        put_number(writer, indent, "exit_code", (uint64_t)attempt->exit_code);
    if (attempt->signal > 0)
        put_number(writer, indent, "signal", (uint64_t)attempt->signal);
    put_flags(writer, indent, attempt->flags);
    if (attempt->worker)
        put_number(writer, indent, "worker", attempt->worker);
    put_text(writer, indent, "host", attempt->host);
    if (attempt->started_us)
        put_duration(writer, indent, attempt->duration_us);
}

static void put_earlier(struct writer *writer, const struct fold_attempt *attempt, bool first)
{
    if (first)
        writer_format(writer, "%*searlier_attempts:\n", YAML_INDENT, "");
    writer_format(writer, "%*s  - attempt: %" PRIu32 "\n", YAML_INDENT, "", attempt->attempt);
    writer_format(writer, "%*soutcome: %s\n", YAML_INDENT + 4, "", fold_outcome(attempt->outcome));
    put_facts(writer, YAML_INDENT + 4, attempt);
}

static void put_log(const struct document *document, const char *log, const char *name,
                    const char *content)
{
    size_t size = strlen(document->run->dir) + strlen(log) + 2;
    char *path = *log ? malloc(size) : NULL;
    document->writer->failed = document->writer->failed || (*log && !path);
    if (!path)
        return;
    snprintf(path, size, "%s%s%s", log[0] == '/' ? "" : document->run->dir,
             log[0] == '/' ? "" : "/", log);
    put_text(document->writer, YAML_INDENT, name, path);
    tap_log(document->writer, YAML_INDENT, content, path, document->settings->max_output);
    free(path);
}

/* ---- a point ---- */

/* `first` is the first attempt of the same command. */
static void put_attempts(const struct document *document, const struct fold_attempt *first,
                         const struct fold_attempt *last)
{
    const struct fold_batch *at = fold_batches_of(&document->batches, last);
    bool none = true;
    for (; at; at = fold_batches_next(&document->batches, at)) {
        if (at->attempt->number == last->number || at->attempt->attempt >= first->attempt)
            continue;
        put_earlier(document->writer, at->attempt, none);
        none = false;
    }
    for (; first < last; first++) {
        put_earlier(document->writer, first, none);
        none = false;
    }
}

static void put_point_line(struct writer *writer, const struct fold_attempt *attempt,
                           uint64_t number, const char *name)
{
    bool bad = fold_bad(attempt->outcome);
    writer_format(writer, "%*s%sok %" PRIu64 " - ", POINT_INDENT, "", bad ? "not " : "", number);
    tap_line(writer, name);
    if (bad && (attempt->flags & CIPLUG_FLAG_ALLOWED)) {
        writer_text(writer, " # TODO allowed to fail");
    } else if (attempt->outcome == CIPLUG_SKIPPED) {
        writer_text(writer, " # SKIP ");
        tap_line(writer, *attempt->reason ? attempt->reason : "skipped");
    }
    writer_text(writer, "\n");
}

static void put_point(const struct document *document, const struct fold_attempt *first,
                      const struct fold_attempt *last, uint64_t number, const char *name)
{
    struct writer *writer = document->writer;
    put_point_line(writer, last, number, name);
    writer_format(writer, "%*s---\n", YAML_INDENT, "");
    writer_format(writer, "%*soutcome: %s\n", YAML_INDENT, "", fold_outcome(last->outcome));
    put_number(writer, YAML_INDENT, "command", last->number);
    if (last->attempt)
        put_number(writer, YAML_INDENT, "attempt", last->attempt);
    put_facts(writer, YAML_INDENT, last);
    put_attempts(document, first, last);
    if (fold_bad(last->outcome)) {
        put_log(document, last->log_out, "log_out", "stdout");
        put_log(document, last->log_err, "log_err", "stderr");
    }
    writer_format(writer, "%*s...\n", YAML_INDENT, "");
}

/* ---- cases of JUnit files ---- */

static void put_case_yaml(struct writer *writer, const struct fold_case *one)
{
    unsigned indent = CASE_INDENT + 2;
    writer_format(writer, "%*s---\n", (int)indent, "");
    writer_format(writer, "%*soutcome: %s\n", (int)indent, "", fold_outcome(one->outcome));
    put_text(writer, indent, "file", one->file);
    if (one->line)
        put_number(writer, indent, "line", one->line);
    put_text(writer, indent, "type", one->type);
    put_text(writer, indent, "message", one->message);
    put_text(writer, indent, "text", one->text);
    put_flags(writer, indent, one->flags);
    put_duration(writer, indent, one->duration_us);
    writer_format(writer, "%*s...\n", (int)indent, "");
}

static void put_case(struct writer *writer, const struct fold_case *one, uint64_t number)
{
    writer_format(writer, "%*s%sok %" PRIu64 " - ", CASE_INDENT, "",
                  fold_bad(one->outcome) ? "not " : "", number);
    const char *where = *one->classname ? one->classname : one->suite;
    if (*where) {
        tap_line(writer, where);
        writer_text(writer, " ");
    }
    tap_line(writer, one->name);
    if (one->outcome == CIPLUG_SKIPPED) {
        writer_text(writer, " # SKIP ");
        tap_line(writer, *one->message ? one->message : "skipped");
    }
    writer_text(writer, "\n");
    put_case_yaml(writer, one);
}

static void put_cases(struct writer *writer, const struct fold_step *step,
                      const struct fold_attempt *attempt)
{
    const struct fold_attempt *from = fold_writer(step, attempt);
    struct fold_case_sums sums;
    uint64_t number = 0;
    fold_cases_sum(from, attempt, &sums);
    if (sums.cases == 0)
        return;
    writer_format(writer, "%*s# Subtest: ", POINT_INDENT, "");
    tap_line(writer, attempt->names);
    writer_format(writer, "\n%*s1..%" PRIu64 "\n", CASE_INDENT, "", sums.cases);
    for (const struct fold_case *one = NULL; (one = fold_case_next(from, attempt, one));)
        put_case(writer, one, ++number);
}

/* ---- a step ---- */

static void put_points(const struct document *document, const struct fold_step *step)
{
    uint64_t number = 0;
    size_t first = 0;
    for (size_t i = 0; i < step->n; i++) {
        const struct fold_attempt *attempt = &step->attempts[i];
        if (attempt->number != step->attempts[first].number)
            first = i;
        const char *name = attempt->names;
        if (attempt->final)
            put_cases(document->writer, step, attempt);
        for (uint32_t k = 0; attempt->final && k < attempt->n; k++) {
            put_point(document, &step->attempts[first], attempt, ++number, name);
            name = fold_next_name(name);
        }
    }
}

/* The plan is what was planned: what is missing in it has no result, and the harness fails. */
static void put_subtest(struct document *document, const struct fold_step *step,
                        const struct fold_sums *sums)
{
    struct writer *writer = document->writer;
    uint64_t points = sums->units + sums->missing;
    writer_text(writer, "# Subtest: ");
    tap_line(writer, step->name);
    writer_text(writer, "\n");
    writer_format(writer, "%*s1..%" PRIu64 "%s\n", POINT_INDENT, "", points,
                  points ? "" : " # SKIP nothing to run");
    if (fold_batches_find(&document->batches, step) < 0)
        writer->failed = true;
    put_points(document, step);
    fold_batches_free(&document->batches);
    if (sums->missing)
        writer_format(writer, "%*s# %" PRIu64 " of %" PRIu64 " planned have no result\n",
                      POINT_INDENT, "", sums->missing, points);
}

static void put_step_yaml(const struct document *document, const struct fold_step *step,
                          const struct fold_sums *sums)
{
    struct writer *writer = document->writer;
    writer_text(writer, "  ---\n");
    put_text(writer, 2, "run", document->run->run);
    writer_format(writer, "  outcome: %s\n",
                  step->finished ? fold_outcome(step->outcome) : "unknown");
    put_text(writer, 2, "reason", step->reason);
    put_number(writer, 2, "planned", step->planned);
    for (int32_t outcome = CIPLUG_PASSED; outcome <= CIPLUG_SKIPPED; outcome++) {
        if (sums->by_outcome[outcome])
            put_number(writer, 2, fold_outcome(outcome), sums->by_outcome[outcome]);
    }
    if (sums->missing)
        put_number(writer, 2, "without_result", sums->missing);
    if (step->ended_us >= step->started_us)
        put_duration(writer, 2, step->ended_us - step->started_us);
    writer_text(writer, "  ...\n");
}

static void put_step(struct document *document, struct fold_step *step, uint64_t number)
{
    struct writer *writer = document->writer;
    struct fold_sums sums;
    fold_sum(step, &sums);
    fold_sort(step);
    put_subtest(document, step, &sums);
    bool green = fold_step_green(step, &sums);
    bool skipped = green && sums.units == sums.by_outcome[CIPLUG_SKIPPED];
    writer_format(writer, "%sok %" PRIu64 " - ", green && !sums.allowed ? "" : "not ", number);
    tap_line(writer, step->name);
    if (green && sums.allowed) {
        writer_format(writer, " # TODO %" PRIu64 " of %" PRIu64 " failed, and may", sums.allowed,
                      sums.units);
    } else if (skipped) {
        writer_text(writer, " # SKIP ");
        tap_line(writer, step->reason ? step->reason : sums.units ? "skipped" : "nothing to run");
    }
    writer_text(writer, "\n");
    put_step_yaml(document, step, &sums);
}

static void put_comment(struct writer *writer, const struct fold_step *step, const char *text)
{
    writer_text(writer, "# cleanup ");
    tap_line(writer, step->name);
    writer_text(writer, ": ");
    tap_line(writer, text);
    writer_text(writer, "\n");
}

/* They change no verdict: comments. */
static void put_cleanup(struct writer *writer, const struct fold_step *step)
{
    put_comment(writer, step, step->finished ? fold_outcome(step->outcome) : "unknown");
    for (size_t i = 0; i < step->n; i++) {
        if (step->attempts[i].final && fold_bad(step->attempts[i].outcome))
            put_comment(writer, step, step->attempts[i].reason);
    }
}

/* ---- runs ---- */

static bool has_verdict(const struct fold_run *run)
{
    return run->finished && run->exit_status != 3;
}

/* No report is green whose run was not: a point of its own where no step is red. */
static bool wants_point(const struct fold_run *run)
{
    return (!run->finished || run->exit_status != 0) && fold_green(run);
}

static void put_run(struct document *document, struct fold_run *run, uint64_t *number)
{
    struct writer *writer = document->writer;
    char buf[64];
    document->run = run;
    bool point = wants_point(run);
    writer_text(writer, "# run ");
    tap_line(writer, run->run);
    writer_text(writer, "\n");
    for (size_t i = 0; i < run->n; i++) {
        if (!run->steps[i].cleanup)
            put_step(document, &run->steps[i], ++*number);
    }
    for (size_t i = 0; i < run->n; i++) {
        if (run->steps[i].cleanup)
            put_cleanup(writer, &run->steps[i]);
    }
    if (!point)
        return;
    writer_format(writer, "not ok %" PRIu64 " - run\n  ---\n", ++*number);
    put_text(writer, 2, "run", run->run);
    put_text(writer, 2, "reason", fold_why(run, buf, sizeof buf));
    if (run->finished)
        put_number(writer, 2, "exit_status", (uint64_t)run->exit_status);
    writer_text(writer, "  ...\n");
}

/* Last of all: a harness reads no further. */
static void put_bail_out(struct writer *writer, const struct fold *fold)
{
    bool first = true;
    char buf[64];
    for (size_t i = 0; i < fold->n; i++) {
        const struct fold_run *run = &fold->runs[i];
        if (has_verdict(run))
            continue;
        writer_text(writer, first ? "Bail out! run " : "; run ");
        tap_line(writer, run->run);
        writer_text(writer, " has no verdict: ");
        tap_line(writer, fold_why(run, buf, sizeof buf));
        first = false;
    }
    if (!first)
        writer_text(writer, "\n");
}

static uint64_t count_points(const struct fold *fold)
{
    uint64_t n = 0;
    for (size_t i = 0; i < fold->n; i++) {
        for (size_t k = 0; k < fold->runs[i].n; k++)
            n += !fold->runs[i].steps[k].cleanup;
        n += wants_point(&fold->runs[i]);
    }
    return n;
}

void tap_write(struct writer *writer, struct fold *fold, const struct tap_settings *settings)
{
    struct document document = {.writer = writer, .settings = settings};
    uint64_t points = count_points(fold), number = 0;
    writer_format(writer, "TAP version %s\n1..%" PRIu64 "%s\n", settings->version, points,
                  points ? "" : " # SKIP nothing to run");
    for (size_t i = 0; i < fold->n; i++)
        put_run(&document, &fold->runs[i], &number);
    put_bail_out(writer, fold);
}
