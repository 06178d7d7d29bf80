/* SPDX-License-Identifier: MIT
 *
 * Cases of the JUnit files that commands wrote: each belongs to one attempt, that which wrote it,
 * or the item of a batch that it is of.
 */
#include "html.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_US   1000
#define TEXTS       6
#define TEXT_SHOWN  4096 /* bytes of what a failed case says */
#define CASES_SHOWN 20   /* of an attempt */

/* ---- what is kept ---- */

static struct test *add(struct html *html)
{
    if (html->n_tests == html->tests_alloc) {
        size_t wanted = html->tests_alloc ? 2 * html->tests_alloc : 64;
        struct test *more = realloc(html->tests, wanted * sizeof *more);
        html->failed = html->failed || !more;
        if (!more)
            return NULL;
        html->tests = more;
        html->tests_alloc = wanted;
    }
    return &html->tests[html->n_tests];
}

void html_test(struct html *html, const struct ciplug_event *event)
{
    const struct ciplug_test *test = event->test;
    struct test *one = add(html);
    if (!one)
        return;
    bool known = test->outcome >= CIPLUG_PASSED && test->outcome <= CIPLUG_SKIPPED;
    *one = (struct test){.attempt = UINT32_MAX,
                         .order = (uint32_t)html->n_tests,
                         .outcome = known ? test->outcome : CIPLUG_ERROR,
                         .line = test->line,
                         .flags = test->flags,
                         .us = test->duration_ns / NS_PER_US};
    const char *item = event->command->item ? event->command->item : "";
    const char *from[TEXTS] = {test->name, test->classname, test->file,
                               item,       test->message,   test->text};
    const char **to[TEXTS] = {&one->name, &one->classname, &one->file,
                              &one->item, &one->message,   &one->text};
    size_t sizes[TEXTS], size = 0;
    for (size_t i = 0; i < TEXTS; i++) {
        sizes[i] = strlen(from[i]) + 1;
        size += sizes[i];
    }
    char *at = malloc(size);
    one->texts = at;
    html->failed = html->failed || !at;
    for (size_t i = 0; at && i < TEXTS; i++) {
        *to[i] = memcpy(at, from[i], sizes[i]);
        at += sizes[i];
    }
    html->n_tests += one->texts != NULL;
}

static int by_item(const void *left, const void *right)
{
    const struct test *a = left, *b = right;
    return strcmp(a->item, b->item);
}

/* What has ended, with all cases that came before; by item, as those may ask for theirs. */
static void take_tests(struct html *html, uint32_t attempt)
{
    html->first_test = html->next_test;
    html->next_test = html->n_tests;
    for (size_t i = html->first_test; i < html->next_test; i++)
        html->tests[i].attempt = attempt;
    if (html->next_test - html->first_test > 1)
        qsort(html->tests + html->first_test, html->next_test - html->first_test,
              sizeof *html->tests, by_item);
}

void html_tests_of(struct html *html, uint32_t attempt, const struct ciplug_event *event)
{
    const char *item = event->command->item;
    if (!event->result->batch) {
        take_tests(html, attempt);
        return;
    }
    if (!item)
        return;
    size_t low = html->first_test, high = html->next_test;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(html->tests[middle].item, item) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < html->next_test && strcmp(html->tests[low].item, item) == 0; low++)
        html->tests[low].attempt = attempt;
}

void html_tests_free(struct html *html)
{
    for (size_t i = 0; i < html->n_tests; i++)
        free(html->tests[i].texts);
    free(html->tests);
}

static int by_attempt(const void *left, const void *right)
{
    const struct test *a = left, *b = right;
    if (a->attempt != b->attempt)
        return a->attempt < b->attempt ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

void html_tests_sort(struct html *html)
{
    /* What was written where a run was killed belongs to nobody. */
    if (html->n_tests > 1)
        qsort(html->tests, html->n_tests, sizeof *html->tests, by_attempt);
}

/* ---- in the page ---- */

static size_t find(const struct html *html, uint32_t attempt)
{
    size_t low = 0, high = html->n_tests;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (html->tests[middle].attempt < attempt)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void put_test(struct page *page, const struct test *one)
{
    struct out *out = page->out;
    out_format(out, "<li><span class=\"o %s\">%s</span> <span class=\"name\">",
               html_outcome(one->outcome), html_outcome(one->outcome));
    out_line(out, one->name);
    out_raw(out, "</span>");
    if (*one->file) {
        out_raw(out, " <code>");
        out_line(out, one->file);
        out_format(out, one->line ? ":%" PRIu32 "</code>" : "</code>", one->line);
    }
    out_raw(out, " <span class=\"why\">");
    out_line(out, one->message);
    out_raw(out, "</span>");
    if (*one->text) {
        size_t length = strnlen(one->text, TEXT_SHOWN);
        char *plain = out_plain(out, one->text, length);
        out_raw(out, "\n<pre tabindex=\"0\">");
        out_escaped(out, plain ? plain : "");
        out_raw(out, one->text[length] ? "\n..." : "");
        out_raw(out, "</pre>");
        free(plain);
    }
    out_raw(out, "</li>\n");
}

void html_put_tests(struct page *page, uint32_t attempt)
{
    const struct html *html = page->html;
    struct out *out = page->out;
    size_t bad = 0;
    for (size_t i = find(html, attempt); i < html->n_tests && html->tests[i].attempt == attempt;
         i++) {
        if (!html_is_bad(html->tests[i].outcome))
            continue;
        if (bad == 0)
            out_raw(out, "<ul class=\"tests\">\n");
        if (bad++ < CASES_SHOWN)
            put_test(page, &html->tests[i]);
    }
    if (bad > CASES_SHOWN)
        out_format(out, "<li>and %zu more</li>\n", bad - CASES_SHOWN);
    if (bad > 0)
        out_raw(out, "</ul>\n");
}

void html_put_tests_sum(struct page *page)
{
    const struct html *html = page->html;
    struct out *out = page->out;
    uint64_t bad = 0, skipped = 0;
    for (size_t i = 0; i < html->n_tests; i++) {
        bad += html_is_bad(html->tests[i].outcome);
        skipped += html->tests[i].outcome == CIPLUG_SKIPPED;
    }
    if (!html->n_tests)
        return;
    out_raw(out, " Test cases, of all attempts: <span id=\"n-cases\">");
    out_count(out, html->n_tests);
    out_raw(out, "</span>, <span id=\"n-bad-cases\">");
    out_count(out, bad);
    out_raw(out, "</span> failed, ");
    out_count(out, skipped);
    out_raw(out, " skipped.");
}
