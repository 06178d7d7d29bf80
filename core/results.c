/* SPDX-License-Identifier: MIT */
#include "results.h"
#include "event.h"
#include "util.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASE_FIELDS 12
#define FILE_FIELDS 7
#define NAMES_SAID  3

void results_refuse(struct results *results, const char *format, ...)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    va_list args;
    if (results->problem)
        return;
    va_start(args, format);
    strbuf_vaddf(&text, format, args);
    va_end(args);
    results->problem = strbuf_detach(&text);
}

/* ---- records ---- */

static void take_case(struct results *results, const char *const *fields, size_t length)
{
    if (results->n_cases == RESULTS_CASES_MAX) {
        results_refuse(results, "more than %d cases", RESULTS_CASES_MAX);
        return;
    }
    ARRAY_GROW(results->cases, results->n_cases, results->a_cases);
    struct results_case *c = &results->cases[results->n_cases++];
    c->unit = RESULTS_NO_UNIT;
    c->block = xmemdup(fields[0], length);
    const char *at[CASE_FIELDS];
    for (size_t i = 0; i < CASE_FIELDS; i++)
        at[i] = c->block + (fields[i] - fields[0]);
    c->test = (struct ciplug_test){
        .size = sizeof c->test,
        .suite = at[1],
        .classname = at[2],
        .name = at[3],
        .file = at[4],
        .line = (uint32_t)strtoul(at[5], NULL, 10),
        .outcome = (int32_t)strtol(at[6], NULL, 10),
        .flags = (uint32_t)strtoul(at[7], NULL, 10),
        .duration_ns = strtoull(at[8], NULL, 10),
        .type = at[9],
        .message = at[10],
        .text = at[11],
    };
}

static void take_file(struct results *results, const char *const *fields)
{
    ARRAY_GROW(results->files, results->n_files, results->a_files);
    results->files[results->n_files++] = (struct results_file){
        .name = xstrdup(fields[1]),
        .inode = strtoull(fields[2], NULL, 10),
        .size = strtoull(fields[3], NULL, 10),
        .mtime_ns = strtoull(fields[4], NULL, 10),
        .ctime_ns = strtoull(fields[5], NULL, 10),
        .hash = strtoull(fields[6], NULL, 10),
    };
}

static size_t fields_of(char kind)
{
    switch (kind) {
    case 'C':
        return CASE_FIELDS;
    case 'F':
        return FILE_FIELDS;
    case 'B':
        return 2;
    default:
        return 1;
    }
}

static void take_record(struct results *results, const char *const *fields, size_t length)
{
    if (strcmp(fields[0], "C") == 0)
        take_case(results, fields, length);
    else if (strcmp(fields[0], "F") == 0)
        take_file(results, fields);
    else if (strcmp(fields[0], "B") == 0)
        results_refuse(results, "%s", fields[1]);
    else if (strcmp(fields[0], "L") == 0)
        results->partial = true;
    else if (strcmp(fields[0], "E") == 0)
        results->ended = true;
    else
        results_refuse(results, "the reader of JUnit files said something else");
}

/* The record at `at`: its length, or 0 when it is not whole yet. */
static size_t next_record(const struct results *results, size_t at, const char *fields[CASE_FIELDS])
{
    const char *begin = results->in.buf + at, *end = results->in.buf + results->in.len;
    const char *p = begin;
    for (size_t i = 0; i < fields_of(*begin); i++) {
        const char *nul = memchr(p, '\0', (size_t)(end - p));
        if (!nul)
            return 0;
        fields[i] = p;
        p = nul + 1;
    }
    return (size_t)(p - begin);
}

void results_feed(struct results *results, const void *bytes, size_t length)
{
    const char *fields[CASE_FIELDS];
    size_t at = 0, n;
    strbuf_add(&results->in, bytes, length);
    while (at < results->in.len && (n = next_record(results, at, fields)) > 0) {
        take_record(results, fields, n);
        at += n;
    }
    size_t rest = results->in.len - at;
    memmove(results->in.buf, results->in.buf + at, rest);
    strbuf_cut(&results->in, rest);
}

void results_end(struct results *results, int status, const char *what)
{
    if (status != 0 || !results->ended)
        results_refuse(results, "they could not be read: %s",
                       *what ? what : "the reader broke off");
    strbuf_free(&results->in);
}

void results_free(struct results *results)
{
    for (size_t i = 0; i < results->n_files; i++)
        free(results->files[i].name);
    for (size_t i = 0; i < results->n_cases; i++)
        free(results->cases[i].block);
    free(results->files);
    free(results->cases);
    free(results->sums);
    free(results->problem);
    strbuf_free(&results->in);
    *results = (struct results){0};
}

/* ---- sums ---- */

static void add_to(struct results_sum *sum, const struct ciplug_test *test)
{
    sum->cases++;
    sum->bad += outcome_bad(test->outcome);
    sum->skipped += test->outcome == CIPLUG_SKIPPED;
    sum->duration_ns += test->duration_ns;
}

static size_t sum_at(const struct results *results, size_t unit)
{
    if (unit == RESULTS_ALL)
        return results->n_units + 1;
    return unit == RESULTS_NO_UNIT ? results->n_units : unit;
}

void results_add_up(struct results *results, size_t n_units)
{
    results->n_units = n_units;
    free(results->sums);
    results->sums = xcalloc(n_units + 2, sizeof *results->sums);
    for (size_t i = 0; i < results->n_cases; i++) {
        const struct results_case *c = &results->cases[i];
        add_to(&results->sums[sum_at(results, c->unit)], &c->test);
        add_to(&results->sums[sum_at(results, RESULTS_ALL)], &c->test);
    }
    for (size_t i = 0; i < n_units + 2; i++) {
        struct results_sum *sum = &results->sums[i];
        if (sum->bad > 0)
            sum->outcome = CIPLUG_FAILED;
        else if (sum->cases > 0)
            sum->outcome = sum->skipped == sum->cases ? CIPLUG_SKIPPED : CIPLUG_PASSED;
    }
}

const struct results_sum *results_sum(const struct results *results, size_t unit)
{
    return &results->sums[sum_at(results, unit)];
}

void results_say_bad(const struct results *results, size_t unit, struct strbuf *out)
{
    AUTO_STRBUF struct strbuf names = STRBUF_INIT;
    const struct results_sum *sum = results_sum(results, unit);
    size_t said = 0;
    for (size_t i = 0; i < results->n_cases && said < NAMES_SAID && said < sum->bad; i++) {
        const struct results_case *c = &results->cases[i];
        if ((unit == RESULTS_ALL || c->unit == unit) && outcome_bad(c->test.outcome))
            strbuf_addf(&names, "%s%s", said++ == 0 ? "" : ", ", c->test.name);
    }
    strbuf_addf(out, "%" PRIu64 " of %" PRIu64 " case%s failed: %s%s", sum->bad, sum->cases,
                sum->cases == 1 ? "" : "s", strbuf_text(&names),
                sum->bad > NAMES_SAID ? ", ..." : "");
}
