/* SPDX-License-Identifier: MIT
 *
 * Cases of the JUnit files that commands wrote, in a suite for each item or command that has some.
 */
#include "junit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An attempt that counts, or a batch that has cases of none of its items: the cases told of it. */
struct nested {
    const struct fold_attempt *attempt, *writer;
    struct fold_case_sums sums;
};

static bool next_nested(const struct fold_step *step, size_t *at, struct nested *nested)
{
    for (; *at < step->n; ++*at) {
        const struct fold_attempt *attempt = &step->attempts[*at];
        if (!attempt->final && !(attempt->flags & CIPLUG_FLAG_JUDGED))
            continue;
        nested->attempt = attempt;
        nested->writer = fold_writer(step, attempt);
        fold_cases_sum(nested->writer, attempt, &nested->sums);
        if (nested->sums.cases > 0) {
            ++*at;
            return true;
        }
    }
    return false;
}

static void put_nested_name(const struct document *document, const struct fold_step *step,
                            const struct fold_attempt *attempt)
{
    const char *more = attempt->n > 1 ? " and more" : "";
    size_t size = strlen(step->name) + strlen(attempt->names) + strlen(more) + 2;
    char *name = malloc(size);
    document->writer->failed = document->writer->failed || !name;
    if (!name)
        return;
    if (document->settings->ant)
        snprintf(name, size, "%s.%s%s", step->name, attempt->names, more);
    else
        snprintf(name, size, "%s%s", attempt->names, more);
    xml_attribute(document->xml, "name", name);
    free(name);
}

/* Ant's schema knows no type of what was skipped, but wants one of the others. */
static void put_test_outcome(const struct document *document, const struct fold_case *one)
{
    struct xml *xml = document->xml;
    bool bad = one->outcome != CIPLUG_SKIPPED;
    xml_start(xml, junit_kind(one->outcome));
    if (bad || (*one->type && !document->settings->ant))
        xml_attribute(xml, "type", *one->type ? one->type : fold_outcome(one->outcome));
    xml_attribute(xml, "message", one->message);
    /* No schema has a place for it elsewhere. */
    if (*one->file && bad) {
        xml_text(xml, one->file);
        xml_format(xml, one->line ? ":%" PRIu32 "\n" : "\n", one->line);
    }
    xml_text(xml, one->text);
    xml_end(xml);
}

static void put_test(const struct document *document, const struct nested *nested,
                     const struct fold_case *one)
{
    struct xml *xml = document->xml;
    const char *classname = *one->classname ? one->classname
                            : *one->suite   ? one->suite
                                            : nested->attempt->names;
    xml_start(xml, "testcase");
    xml_attribute(xml, "classname", classname);
    xml_attribute(xml, "name", *one->name ? one->name : "?");
    xml_time(xml, one->duration_us / 1000);
    if (one->outcome != CIPLUG_PASSED)
        put_test_outcome(document, one);
    if ((one->flags & CIPLUG_FLAG_FLAKY) && !document->settings->ant) {
        xml_start(xml, "flakyFailure");
        xml_attribute(xml, "type", "flaky");
        xml_attribute(xml, "message", "passed after the test tool had run it again");
        xml_start(xml, "stackTrace");
        xml_end(xml);
        xml_end(xml);
    }
    xml_end(xml);
}

static void put_nested(struct document *document, const struct fold_step *step,
                       const struct nested *nested)
{
    struct xml *xml = document->xml;
    char worker[16] = "";
    const struct fold_attempt *attempt = nested->writer;
    if (attempt->worker)
        snprintf(worker, sizeof worker, "%" PRIu32, attempt->worker);
    const struct junit_places places = {worker, (char *)(uintptr_t)attempt->host};
    xml_start(xml, "testsuite");
    put_nested_name(document, step, nested->attempt);
    junit_put_where(document, attempt->started_us ? attempt->started_us : step->started_us,
                    &places);
    junit_put_sums(document, nested->sums.cases, nested->sums.failed, nested->sums.errors,
                   nested->sums.skipped);
    xml_time(xml, nested->sums.duration_us / 1000);
    junit_put_properties(document, &places);
    for (const struct fold_case *one = NULL;
         (one = fold_case_next(nested->writer, nested->attempt, one));)
        put_test(document, nested, one);
    xml_start(xml, "system-out");
    xml_end(xml);
    xml_start(xml, "system-err");
    xml_end(xml);
    xml_end(xml);
}

/* Jenkins' schema has suites in suites; in Ant's they follow. */
void junit_put_nested(struct document *document, const struct fold_step *step)
{
    struct nested nested;
    for (size_t at = 0; next_nested(step, &at, &nested);)
        put_nested(document, step, &nested);
}

struct fold_case_sums junit_nested_sums(const struct document *document,
                                        const struct fold_step *step)
{
    struct fold_case_sums all = {0};
    struct nested nested;
    for (size_t at = 0; !document->settings->ant && next_nested(step, &at, &nested);) {
        all.cases += nested.sums.cases;
        all.failed += nested.sums.failed;
        all.errors += nested.sums.errors;
        all.skipped += nested.sums.skipped;
    }
    return all;
}
