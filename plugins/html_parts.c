/* SPDX-License-Identifier: MIT */
#include "html.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CASES_MAX 500 /* failures that are shown in full; the others stand in the list */
#define FLAKY_MAX 100
#define OPEN_MAX  8 /* of them, so many are seen at once */

/* ---- words ---- */

void html_put_name(struct page *page, const struct attempt *attempt)
{
    struct out *out = page->out;
    const struct step *step = &page->html->steps[attempt->step];
    if (step->cleanup)
        out_raw(out, "cleanup ");
    out_text(out, step->name);
    if (attempt->name || step->planned != 1)
        out_format(out, " %" PRIu32, attempt->number);
    if (!attempt->name)
        return;
    out_raw(out, " <code>");
    out_line(out, attempt->name);
    out_raw(out, "</code>");
    if (attempt->units > 1)
        out_format(out, " and %" PRIu32 " more", attempt->units - 1);
}

static void put_badge(struct out *out, int32_t outcome)
{
    out_format(out, "<span class=\"o %s\">%s</span>", html_outcome(outcome), html_outcome(outcome));
}

static void put_flags(struct out *out, const struct attempt *attempt)
{
    static const char *const names[] = {"flaky",   "leaked",  "unkillable",  "truncated log",
                                        "allowed", "carried", "interrupted", "told apart"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (attempt->flags & (1U << i))
            out_format(out, " <span class=\"flag\">%s</span>", names[i]);
    }
}

static void put_place(struct page *page, const struct attempt *attempt)
{
    if (!attempt->worker)
        return;
    out_format(page->out, " on worker %" PRIu32, attempt->worker);
    const struct html *html = page->html;
    if (strcmp(html->hosts[attempt->host], "local") != 0) {
        out_raw(page->out, ", ");
        out_text(page->out, html->hosts[attempt->host]);
    }
    if (html->n_runs > 1) {
        out_raw(page->out, ", run ");
        out_text(page->out, html->runs[html->steps[attempt->step].run].id);
    }
}

static void put_date(struct out *out, uint64_t us)
{
    time_t seconds = (time_t)(us / 1000000);
    struct tm tm;
    char text[40] = "?", machine[40] = "";
    if (gmtime_r(&seconds, &tm)) {
        (void)strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &tm);
        (void)strftime(machine, sizeof machine, "%Y-%m-%dT%H:%M:%SZ", &tm);
    }
    out_format(out, "<time datetime=\"%s\">%s</time>", machine, text);
}

static void put_exit(struct out *out, const struct run *run)
{
    const char *signal = run->exit_status > 128 ? sigabbrev_np(run->exit_status - 128) : NULL;
    if (!run->ended)
        out_raw(out, "Not finished");
    else if (run->exit_status == 0 && !run->wrong)
        out_raw(out, "Passed");
    else if (signal)
        out_format(out, "Ended by SIG%s", signal);
    else if (run->exit_status == 3 || run->wrong)
        out_raw(out, "No verdict");
    else if (run->exit_status == 4)
        out_raw(out, "Nothing to run");
    else
        out_raw(out, "Failed");
}

static bool is_green(const struct run *run)
{
    return run->ended && run->exit_status == 0 && !run->wrong;
}

/* ---- verdict ---- */

static const struct run *first_red(const struct html *html)
{
    for (size_t i = 0; i < html->n_runs; i++) {
        if (!is_green(&html->runs[i]))
            return &html->runs[i];
    }
    return NULL;
}

void html_put_title(struct page *page)
{
    const struct html *html = page->html;
    const struct run *red = first_red(html), *run = red ? red : html->runs;
    if (!run) {
        out_raw(page->out, "No run");
        return;
    }
    put_exit(page->out, run);
    out_raw(page->out, html->n_runs > 1 ? ": runs" : ": run");
    for (size_t i = 0; i < html->n_runs && i < 8; i++) {
        out_raw(page->out, " ");
        out_text(page->out, html->runs[i].id);
    }
}

static void put_runs(struct page *page)
{
    const struct html *html = page->html;
    struct out *out = page->out;
    out_raw(out,
            "<div class=\"wide\"><table><caption class=\"hide\">Runs</caption><thead><tr>"
            "<th scope=\"col\">Run</th><th scope=\"col\">Verdict</th><th scope=\"col\">Plan</th>"
            "<th scope=\"col\">Started</th><th scope=\"col\" class=\"n\">Took</th>"
            "<th scope=\"col\">Logs</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < html->n_runs; i++) {
        const struct run *run = &html->runs[i];
        out_raw(out, "<tr><th scope=\"row\"><code>");
        out_text(out, run->id);
        out_format(out, "</code></th><td class=\"%s\">", is_green(run) ? "good" : "bad");
        put_exit(out, run);
        if (run->ended && run->exit_status)
            out_format(out, " (status %" PRId32 ")", run->exit_status);
        if (run->reason)
            out_raw(out, ": ");
        out_text(out, run->reason ? run->reason : "");
        out_raw(out, "</td><td>");
        out_text(out, run->text);
        out_raw(out, "</td><td>");
        put_date(out, run->start_us);
        out_raw(out, "</td><td class=\"n\">");
        out_time(out, run->last_us - run->start_us);
        out_raw(out, "</td><td><a href=\"");
        out_escaped(out, page->places.runs[i]);
        out_raw(out, "/logs/\">logs</a></td></tr>\n");
    }
    out_raw(out, "</tbody></table></div>\n");
}

/* What the numbers are out of, as widths. */
static void put_bar(struct page *page)
{
    const struct sums *sums = &page->sums;
    uint64_t all = 0, at = 0;
    for (int outcome = CIPLUG_PASSED; outcome <= CIPLUG_SKIPPED; outcome++)
        all += sums->counts[outcome];
    if (sums->planned > all)
        all = sums->planned;
    out_raw(page->out, "<svg class=\"bar\" viewBox=\"0 0 1000 1\" preserveAspectRatio=\"none\" "
                       "aria-hidden=\"true\">");
    for (int outcome = CIPLUG_FAILED; all && outcome <= CIPLUG_SKIPPED + 1; outcome++) {
        int which = outcome > CIPLUG_SKIPPED ? CIPLUG_PASSED : outcome;
        uint64_t width = (uint64_t)((double)sums->counts[which] * 100000.0 / (double)all);
        /* One of ten thousand is there to be seen. */
        if (sums->counts[which] && width < 300)
            width = 300;
        if (width)
            out_format(page->out,
                       "<rect class=\"%s\" x=\"%" PRIu64 ".%02" PRIu64 "\" width=\"%" PRIu64
                       ".%02" PRIu64 "\" height=\"1\"/>",
                       html_outcome(which), at / 100, at % 100, width / 100, width % 100);
        at += width;
    }
    out_raw(page->out, "</svg>\n");
}

static void put_ledger_notes(struct page *page)
{
    const struct sums *sums = &page->sums;
    struct out *out = page->out;
    uint64_t all = 0, cleanup = 0;
    for (int outcome = CIPLUG_PASSED; outcome <= CIPLUG_SKIPPED; outcome++) {
        all += sums->counts[outcome];
        cleanup += sums->cleanup[outcome];
    }
    out_raw(out, "<p class=\"notes\">");
    if (sums->planned > all) {
        out_raw(out, "<strong class=\"bad\">");
        out_count(out, sums->planned - all);
        out_raw(out, " planned have no result.</strong> ");
    } else if (sums->planned < all) {
        out_raw(out, "<strong class=\"bad\">More results than were planned.</strong> ");
    }
    for (size_t i = 0; i < page->html->n_runs; i++) {
        if (page->html->runs[i].wrong)
            out_raw(out, "<strong class=\"bad\">The run's own ledger says something else."
                         "</strong> ");
    }
    if (sums->flaky) {
        out_raw(out, "<a href=\"#flaky\">");
        out_count(out, sums->flaky);
        out_raw(out, " flaky</a>, among the passed. ");
    }
    if (sums->allowed) {
        out_count(out, sums->allowed);
        out_raw(out, " allowed to fail. ");
    }
    if (cleanup) {
        out_raw(out, "Cleanup, counted apart: ");
        out_count(out, sums->cleanup[CIPLUG_PASSED]);
        out_raw(out, " of ");
        out_count(out, cleanup);
        out_raw(out, " passed.");
    }
    html_put_tests_sum(page);
    out_raw(out, "</p>\n");
}

static void put_ledger(struct page *page)
{
    const struct sums *sums = &page->sums;
    struct out *out = page->out;
    out_raw(out,
            "<table class=\"ledger\"><caption class=\"hide\">Ledger: planned is the sum of the "
            "others</caption><thead><tr><th scope=\"col\">planned</th>");
    for (int outcome = CIPLUG_PASSED; outcome <= CIPLUG_SKIPPED; outcome++)
        out_format(out, "<th scope=\"col\"%s>%s</th>", sums->counts[outcome] ? "" : " class=\"no\"",
                   html_outcome(outcome));
    out_raw(out, "</tr></thead><tbody><tr><td id=\"n-planned\">");
    out_count(out, sums->planned);
    out_raw(out, "</td>");
    for (int outcome = CIPLUG_PASSED; outcome <= CIPLUG_SKIPPED; outcome++) {
        out_format(out, "<td id=\"n-%s\" class=\"%s\">", html_outcome(outcome),
                   sums->counts[outcome] ? html_outcome(outcome) : "no");
        if (sums->counts[outcome])
            out_format(out, "<a href=\"#commands\" data-outcome=\"%s\">", html_outcome(outcome));
        out_count(out, sums->counts[outcome]);
        out_raw(out, sums->counts[outcome] ? "</a></td>" : "</td>");
    }
    out_raw(out, "</tr></tbody></table>\n");
}

/* "NAME: 4 steps, 4 workers" is what a run says of itself when it starts. */
static void put_run_name(struct page *page)
{
    struct out *out = page->out;
    const struct run *run = page->html->runs;
    const char *end = NULL;
    for (const char *at = strstr(run->text, ": "); at; at = strstr(at + 1, ": "))
        end = at;
    if (end) {
        char *plain = out_plain(out, run->text, (size_t)(end - run->text));
        out_raw(out, " <span class=\"name\">");
        out_escaped(out, plain ? plain : "");
        out_raw(out, "</span>");
        free(plain);
    }
    out_raw(out, " <small>run <code>");
    out_text(out, run->id);
    out_raw(out, "</code></small>");
}

void html_put_verdict(struct page *page)
{
    const struct html *html = page->html;
    struct out *out = page->out;
    const struct run *red = first_red(html);
    size_t green = 0;
    for (size_t i = 0; i < html->n_runs; i++)
        green += is_green(&html->runs[i]);
    out_format(out, "<header>\n<h1 class=\"%s\">", red || !html->n_runs ? "bad" : "good");
    if (html->n_runs > 1) {
        out_format(out, "%zu of %zu runs passed", green, html->n_runs);
    } else if (html->n_runs) {
        put_exit(out, html->runs);
        put_run_name(page);
    } else {
        out_raw(out, "No run");
    }
    out_raw(out, "</h1>\n");
    put_ledger(page);
    put_bar(page);
    put_ledger_notes(page);
    put_runs(page);
    out_raw(out, "</header>\n");
}

/* ---- failures ---- */

static void put_attempt_facts(struct page *page, const struct attempt *attempt)
{
    const struct html *html = page->html;
    struct out *out = page->out;
    uint64_t start = html->runs[html->steps[attempt->step].run].start_us;
    out_raw(out, "<p class=\"meta\">");
    if (attempt->start_us) {
        out_time(out, attempt->us);
        put_place(page, attempt);
        out_raw(out, ", begun at ");
        out_time(out, attempt->start_us > start ? attempt->start_us - start : 0);
    } else {
        out_raw(out, "never started");
    }
    html_put_links(out, html, &page->places, attempt);
    out_raw(out, "</p>\n");
}

/* Earlier ones are folded away. */
static void put_attempt(struct page *page, uint32_t at, bool last)
{
    const struct attempt *attempt = &page->html->attempts[at];
    struct out *out = page->out;
    out_format(out, "<%s class=\"attempt\">%s<span class=\"try\">Attempt %" PRIu32 ": %s</span>",
               last ? "div" : "details", last ? "" : "<summary>", attempt->attempt,
               html_outcome(attempt->outcome));
    if (attempt->reason) {
        out_raw(out, " <span class=\"why\">");
        out_text(out, attempt->reason);
        out_raw(out, "</span>");
    }
    put_flags(out, attempt);
    out_raw(out, last ? "" : "</summary>");
    put_attempt_facts(page, attempt);
    html_put_tests(page, at);
    html_put_excerpts(out, page->html, at);
    out_format(out, "</%s>\n", last ? "div" : "details");
}

/* A batch whose items ran again by themselves has no attempt that counts; its items are named. */
static void put_case(struct page *page, uint32_t at, bool open)
{
    const struct attempt *attempt = &page->html->attempts[at];
    struct out *out = page->out;
    size_t n;
    const uint32_t *all = html_attempts(page->html, &page->sums, at, &n);
    out_format(out, "<details class=\"case\" id=\"case-%" PRIu32 "\"%s><summary>", at,
               open ? " open" : "");
    put_badge(out, attempt->outcome);
    out_raw(out, " <span class=\"name\">");
    html_put_name(page, attempt);
    out_raw(out, "</span>");
    put_flags(out, attempt);
    out_raw(out, " <span class=\"why\">");
    /* Why it had to be tried again, where that is all there is to say. */
    const char *why =
        attempt->reason || n < 2 ? attempt->reason : page->html->attempts[*all].reason;
    out_line(out, why ? why : "");
    out_raw(out, "</span> <span class=\"meta\">");
    if (attempt->start_us)
        out_time(out, attempt->us);
    if (n > 1)
        out_format(out, ", %zu attempts", n);
    out_raw(out, "</span></summary>\n");
    if (attempt->units > 1) {
        out_raw(out, "<p class=\"items\">");
        out_text(out, attempt->name);
        out_raw(out, "</p>\n");
    }
    for (size_t i = n; i > 0; i--)
        put_attempt(page, all[i - 1], i == n);
    out_raw(out, "</details>\n");
}

/* The `i`-th of so many: all but the first few are folded away, or what comes behind is never seen.
 */
static void put_fold(struct out *out, size_t i, size_t shown)
{
    if (i == OPEN_MAX && shown > OPEN_MAX + 2) {
        out_raw(out, "<details class=\"more\"><summary>");
        out_count(out, shown - OPEN_MAX);
        out_raw(out, " more</summary>\n");
    }
    if (i == shown && shown > OPEN_MAX + 2)
        out_raw(out, "</details>\n");
}

static void put_rest(struct out *out, size_t shown, size_t n, const char *which)
{
    if (shown == n)
        return;
    out_raw(out, "<p>");
    out_count(out, n - shown);
    out_format(out,
               " more stand in the <a href=\"#commands\" data-outcome=\"%s\">list of "
               "commands</a>.</p>\n",
               which);
}

void html_put_failures(struct page *page)
{
    const struct html *html = page->html;
    struct out *out = page->out;
    size_t n = 0, at = 0;
    for (size_t i = 0; i < html->n_attempts; i++)
        n += html_is_failure(&html->attempts[i]);
    if (!n)
        return;
    size_t shown = n < CASES_MAX ? n : CASES_MAX;
    out_raw(out, "<section aria-labelledby=\"failures\">\n<h2 id=\"failures\">Failures <small>");
    out_count(out, n);
    out_raw(out, "</small></h2>\n");
    for (int cleanup = 0; cleanup < 2; cleanup++) {
        for (size_t i = 0; i < html->n_attempts && at < shown; i++) {
            const struct attempt *attempt = &html->attempts[i];
            if (!html_is_failure(attempt) || html->steps[attempt->step].cleanup != cleanup)
                continue;
            put_fold(out, at, shown);
            put_case(page, (uint32_t)i, at++ == 0);
        }
    }
    put_fold(out, shown, shown);
    put_rest(out, shown, n, "bad");
    out_raw(out, "</section>\n");
}

/* ---- flaky ---- */

static int more_attempts(const void *x, const void *y, void *data)
{
    const struct html *html = data;
    const struct attempt *a = &html->attempts[*(const uint32_t *)x];
    const struct attempt *b = &html->attempts[*(const uint32_t *)y];
    if (a->attempt != b->attempt)
        return a->attempt < b->attempt ? 1 : -1;
    return a < b ? -1 : a > b;
}

void html_put_flaky(struct page *page)
{
    struct html *html = page->html;
    struct out *out = page->out;
    uint32_t *list = calloc(html->n_attempts + 1, sizeof *list);
    size_t n = 0;
    out->bad = out->bad || !list;
    for (size_t i = 0; list && i < html->n_attempts; i++) {
        if (html->attempts[i].flags & CIPLUG_FLAG_FLAKY)
            list[n++] = (uint32_t)i;
    }
    if (n) {
        qsort_r(list, n, sizeof *list, more_attempts, html);
        out_raw(out, "<section aria-labelledby=\"flaky\">\n<h2 id=\"flaky\">Flakiest <small>passed "
                     "only after a retry: ");
        out_count(out, n);
        out_raw(out, "</small></h2>\n");
        size_t shown = n < FLAKY_MAX ? n : FLAKY_MAX;
        for (size_t i = 0; i < shown; i++) {
            put_fold(out, i, shown);
            put_case(page, list[i], false);
        }
        put_fold(out, shown, shown);
        put_rest(out, shown, n, "flaky");
        out_raw(out, "</section>\n");
    }
    free(list);
}
