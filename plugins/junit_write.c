/* SPDX-License-Identifier: MIT
 *
 * A testsuite for each step, a testcase for each item or command. Cleanup steps change no verdict
 * and are left out. Output is never kept in memory: it is read from the logs.
 *
 * Two schemas say what JUnit XML is, and what both allow is written wherever that is enough: so
 * <testsuites> has no attributes, and a suite has an id, an empty package, a host, and its own
 * output. Only Jenkins' schema knows attempts and the output of a case, which is what readers look
 * for. And since some readers show the text of a failure and nothing else, the end of the output
 * stands there, too.
 */
#include "junit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXCERPT 4096 /* of each log, in the text of a failure */

/* ---- logs ---- */

/* Where the log is; the caller's, NULL when there is none or no memory. */
static char *path_of(const struct document *document, const char *log)
{
    size_t size = strlen(document->run->dir) + strlen(log) + 2;
    char *path = *log ? malloc(size) : NULL;
    document->writer->failed = document->writer->failed || (*log && !path);
    if (path)
        snprintf(path, size, "%s%s%s", *log == '/' ? "" : document->run->dir,
                 *log == '/' ? "" : "/", log);
    return path;
}

static const char *log_of(const struct fold_attempt *attempt, int stream)
{
    return stream == CIPLUG_STDOUT ? attempt->log_out : attempt->log_err;
}

static void put_output(const struct document *document, const struct fold_attempt *attempt)
{
    static const char *const elements[] = {
        [CIPLUG_STDOUT] = "system-out", [CIPLUG_STDERR] = "system-err"};
    for (int stream = CIPLUG_STDOUT; stream <= CIPLUG_STDERR; stream++) {
        char *path = path_of(document, log_of(attempt, stream));
        struct xml_log log;
        if (path && document->settings->max_output && xml_log_open(&log, path)) {
            xml_start(document->xml, elements[stream]);
            xml_log(document->xml, &log, document->settings->max_output);
            xml_end(document->xml);
        }
        free(path);
    }
}

/* ---- what went wrong ---- */

const char *junit_kind(int32_t outcome)
{
    switch (outcome) {
    case CIPLUG_FAILED:
    case CIPLUG_SIGNALED:
    case CIPLUG_TIMEOUT:
        return "failure";
    case CIPLUG_SKIPPED:
        return "skipped";
    default:
        return "error";
    }
}

/* `excerpt`: so much of the end of each log. */
static void put_story(const struct document *document, const struct fold_attempt *attempt,
                      uint64_t excerpt)
{
    struct xml *xml = document->xml;
    xml_format(xml, "%s: ", fold_outcome(attempt->outcome));
    xml_text(xml, attempt->reason);
    if (attempt->attempt)
        xml_format(xml, "\nattempt %" PRIu32, attempt->attempt);
    if (attempt->worker)
        xml_format(xml, ", worker %" PRIu32 " of host ", attempt->worker);
    xml_text(xml, attempt->worker ? attempt->host : "");
    xml_text(xml, "\n");
    for (int stream = CIPLUG_STDOUT; stream <= CIPLUG_STDERR; stream++) {
        char *path = path_of(document, log_of(attempt, stream));
        if (path && attempt->started_us) {
            xml_text(xml, path);
            xml_text(xml, "\n");
        }
        struct xml_log log;
        if (path && excerpt && xml_log_open(&log, path)) {
            xml_log(xml, &log, excerpt);
            xml_text(xml, "\n");
        }
        free(path);
    }
}

static void put_message(const struct document *document, const struct fold_attempt *attempt)
{
    if (attempt->outcome != CIPLUG_SKIPPED)
        xml_attribute(document->xml, "type", fold_outcome(attempt->outcome));
    xml_attribute(document->xml, "message", attempt->reason);
}

static void put_outcome(const struct document *document, const struct junit_case *one)
{
    const struct fold_attempt *attempt = one->shown;
    uint64_t most = document->settings->max_output;
    if (attempt->outcome == CIPLUG_PASSED)
        return;
    xml_start(document->xml, junit_kind(attempt->outcome));
    put_message(document, attempt);
    if (fold_bad(attempt->outcome))
        put_story(document, attempt, one->alone ? most < EXCERPT ? most : EXCERPT : 0);
    xml_end(document->xml);
}

/* A batch has its output with none of its items: there it would stand once for each. */
static void put_other(const struct document *document, const struct fold_attempt *attempt,
                      bool flaky)
{
    bool failure = strcmp(junit_kind(attempt->outcome), "failure") == 0;
    const char *const names[] = {"rerunError", "rerunFailure", "flakyError", "flakyFailure"};
    xml_start(document->xml, names[2 * flaky + failure]);
    put_message(document, attempt);
    xml_start(document->xml, "stackTrace");
    put_story(document, attempt, 0);
    xml_end(document->xml);
    if (attempt->n == 1)
        put_output(document, attempt);
    xml_end(document->xml);
}

/* ---- a suite ---- */

static void put_case(const struct document *document, const struct fold_step *step,
                     struct junit_case *one)
{
    xml_start(document->xml, "testcase");
    xml_attribute(document->xml, "classname", step->name);
    xml_attribute(document->xml, "name", one->name);
    xml_time(document->xml, one->ms);
    put_outcome(document, one);
    if (!document->settings->ant) {
        const struct fold_attempt *other;
        while ((other = junit_next_other(one)))
            put_other(document, other, one->last->outcome == CIPLUG_PASSED);
        if (one->alone && one->shown->started_us && !one->shown->batch)
            put_output(document, one->shown);
    }
    xml_end(document->xml);
}

/* One after the other, each below a line that says whose it is. */
static void put_of_suite(const struct document *document, const struct junit_case *one,
                         const struct fold_attempt *attempt, int stream)
{
    struct xml *xml = document->xml;
    char *path = path_of(document, log_of(attempt, stream));
    struct xml_log log;
    bool shown = attempt == one->shown, own = shown || attempt->n == 1;
    bool any = own && path && document->settings->max_output && xml_log_open(&log, path);
    if (any || (!shown && stream == CIPLUG_STDOUT)) {
        xml_text(xml, "[");
        xml_text(xml, one->name);
        xml_format(xml, ", attempt %" PRIu32 ": %s", attempt->attempt,
                   fold_outcome(attempt->outcome));
        xml_text(xml, *attempt->reason ? ", " : "");
        xml_text(xml, attempt->reason);
        xml_text(xml, "]\n");
    }
    if (any) {
        xml_log(xml, &log, document->settings->max_output);
        xml_text(xml, "\n");
    }
    free(path);
}

/* As they were made: all attempts of a step are in one list, in that order. */
static void put_all_of_suite(const struct document *document, struct junit_case *one, int stream)
{
    bool due = one->alone && one->shown->started_us && !one->shown->batch;
    const struct fold_attempt *other = junit_next_other(one);
    while (due || other) {
        bool now = due && (!other || other > one->shown);
        put_of_suite(document, one, now ? one->shown : other, stream);
        if (now)
            due = false;
        else
            other = junit_next_other(one);
    }
}

/* The elements have to be there; in them is what Ant's schema has no other place for. */
static void put_suite_output(const struct document *document, const struct fold_step *step,
                             const struct fold_batches *batches)
{
    for (int stream = CIPLUG_STDOUT; stream <= CIPLUG_STDERR; stream++) {
        struct junit_walk walk = {.step = step, .batches = batches};
        struct junit_case one;
        xml_start(document->xml, stream == CIPLUG_STDOUT ? "system-out" : "system-err");
        while (document->settings->ant && junit_next(&walk, &one))
            put_all_of_suite(document, &one, stream);
        xml_end(document->xml);
    }
}

static void put_property(struct xml *xml, const char *name, const char *value)
{
    xml_start(xml, "property");
    xml_attribute(xml, "name", name);
    xml_attribute(xml, "value", value);
    xml_end(xml);
}

void junit_put_where(struct document *document, uint64_t started_us,
                     const struct junit_places *places)
{
    struct xml *xml = document->xml;
    const char *host = places->hosts && *places->hosts ? places->hosts : "local";
    xml_attribute(xml, "package", "");
    xml_number(xml, "id", document->suites++);
    xml_timestamp(xml, started_us);
    xml_attribute(xml, "hostname", strcmp(host, "local") == 0 ? "localhost" : host);
}

static void put_head(struct document *document, const char *name, uint64_t started_us,
                     const struct junit_places *places)
{
    xml_start(document->xml, "testsuite");
    xml_attribute(document->xml, "name", *name ? name : "?");
    junit_put_where(document, started_us, places);
}

void junit_put_sums(const struct document *document, uint64_t tests, uint64_t failures,
                    uint64_t errors, uint64_t skipped)
{
    xml_number(document->xml, "tests", tests);
    xml_number(document->xml, "failures", failures);
    xml_number(document->xml, "errors", errors);
    xml_number(document->xml, "skipped", skipped);
}

void junit_put_properties(const struct document *document, const struct junit_places *places)
{
    struct xml *xml = document->xml;
    xml_start(xml, "properties");
    put_property(xml, "run", document->run->run);
    if (places->workers && *places->workers)
        put_property(xml, "worker", places->workers);
    if (places->hosts && *places->hosts)
        put_property(xml, "host", places->hosts);
    if (document->settings->commit)
        put_property(xml, "commit", document->settings->commit);
    xml_end(xml);
}

/* ---- a step ---- */

/* A suite counts what is in the suites in it, too, as readers expect. */
static void put_step_sums(const struct document *document, const struct fold_step *step,
                          const struct fold_sums *sums)
{
    const struct fold_case_sums in = junit_nested_sums(document, step);
    const uint64_t *by = sums->by_outcome;
    junit_put_sums(document, sums->units + in.cases,
                   by[CIPLUG_FAILED] + by[CIPLUG_SIGNALED] + by[CIPLUG_TIMEOUT] + in.failed,
                   by[CIPLUG_ERROR] + by[CIPLUG_CANCELLED] + in.errors,
                   by[CIPLUG_SKIPPED] + in.skipped);
}

static void put_suite(struct document *document, struct fold_step *step)
{
    struct fold_sums sums;
    struct fold_batches batches;
    struct junit_places places;
    fold_sum(step, &sums);
    fold_sort(step);
    bool whole = fold_batches_find(&batches, step) == 0;
    whole = junit_places_find(&places, step) == 0 && whole;
    document->writer->failed = document->writer->failed || !whole;
    put_head(document, step->name, step->started_us, &places);
    put_step_sums(document, step, &sums);
    xml_time(document->xml, junit_time(step));
    junit_put_properties(document, &places);
    struct junit_walk walk = {.step = step, .batches = &batches};
    struct junit_case one;
    while (junit_next(&walk, &one))
        put_case(document, step, &one);
    if (!document->settings->ant)
        junit_put_nested(document, step);
    put_suite_output(document, step, &batches);
    xml_end(document->xml);
    if (document->settings->ant)
        junit_put_nested(document, step);
    junit_places_free(&places);
    fold_batches_free(&batches);
}

/* ---- a run ---- */

/* No report is green whose run was not: one that was killed between two commands, or found nothing
 * to run, or could not write. */
static bool wants_case(const struct fold_run *run)
{
    if (run->finished && run->exit_status == 0)
        return false;
    for (size_t i = 0; i < run->n; i++) {
        struct fold_sums sums;
        fold_sum(&run->steps[i], &sums);
        if (!run->steps[i].cleanup && sums.bad + sums.allowed > 0)
            return false;
    }
    return true;
}

static void put_run_suite(struct document *document)
{
    struct xml *xml = document->xml;
    const struct junit_places nowhere = {NULL, NULL};
    char buf[64];
    const char *why = fold_why(document->run, buf, sizeof buf);
    put_head(document, "run", document->run->started_us, &nowhere);
    junit_put_sums(document, 1, 0, 1, 0);
    xml_time(xml, 0);
    junit_put_properties(document, &nowhere);
    xml_start(xml, "testcase");
    xml_attribute(xml, "classname", "run");
    xml_attribute(xml, "name", "run");
    xml_time(xml, 0);
    xml_start(xml, "error");
    xml_attribute(xml, "type", "error");
    xml_attribute(xml, "message", why);
    xml_text(xml, why);
    xml_end(xml);
    xml_end(xml);
    xml_start(xml, "system-out");
    xml_end(xml);
    xml_start(xml, "system-err");
    xml_end(xml);
    xml_end(xml);
}

void junit_write(struct writer *writer, struct fold *fold, const struct junit_settings *settings)
{
    struct document document = {.xml = xml_open(writer), .writer = writer, .settings = settings};
    if (!document.xml)
        return;
    xml_start(document.xml, "testsuites");
    for (size_t i = 0; i < fold->n; i++) {
        struct fold_run *run = &fold->runs[i];
        document.run = run;
        for (size_t k = 0; k < run->n; k++) {
            if (!run->steps[k].cleanup)
                put_suite(&document, &run->steps[k]);
        }
        if (wants_case(run))
            put_run_suite(&document);
    }
    xml_end(document.xml);
    xml_close(document.xml);
}
