/* SPDX-License-Identifier: MIT */
#include "html.h"

#include <inttypes.h>
#include <string.h>

#define SLOWEST_MAX 20
#define ROWS_MAX    20000 /* of the table for those without scripts */

static void put_percent(struct out *out, uint64_t part, uint64_t whole)
{
    double percent = whole ? 100.0 * (double)part / (double)whole : 0.0;
    out_format(out, percent < 9.95 ? "%.1f %%" : "%.0f %%", percent);
}

/* "1.29 times" */
static void put_ratio(struct out *out, uint64_t us, uint64_t bound)
{
    out_format(out, "%.2f", bound ? (double)us / (double)bound : 1.0);
}

static void put_heading(struct out *out, const char *id, const char *text)
{
    out_format(out, "<section aria-labelledby=\"%s\">\n<h2 id=\"%s\">%s</h2>\n", id, id, text);
}

static bool several_hosts(const struct html *html)
{
    size_t n = 0;
    for (size_t i = 0; i < html->n_hosts; i++)
        n += *html->hosts[i] != '\0';
    return n > 1;
}

static uint64_t since_start(const struct html *html, uint32_t run, uint64_t us)
{
    return us > html->runs[run].start_us ? us - html->runs[run].start_us : 0;
}

static void put_quoted(struct page *page, uint32_t attempt)
{
    out_format(page->out, "<a href=\"#at-%" PRIu32 "\" data-at=\"%" PRIu32 "\">", attempt, attempt);
    html_put_name(page, &page->html->attempts[attempt]);
    out_raw(page->out, "</a>");
}

/* ---- how far the schedule was from the best one ---- */

static void put_work(struct page *page, const struct shape *shape)
{
    struct out *out = page->out;
    const char *what = shape->again ? " attempts" : shape->n == 1 ? " command" : " commands";
    out_count(out, shape->n);
    out_raw(out, what);
    out_raw(out, " took ");
    out_time(out, shape->work_us);
    out_format(out, "%s on %" PRIu32 " worker%s", shape->n == 1 ? "" : " together,", shape->slots,
               shape->slots == 1 ? "" : "s");
}

static void put_bound(struct page *page, const struct shape *shape)
{
    struct out *out = page->out;
    uint64_t bound = html_bound(shape), span = shape->end_us - shape->first_us;
    out_raw(out, ". <strong>No schedule is shorter than ");
    out_time(out, bound);
    if (bound == shape->longest_us) {
        out_raw(out, "</strong>, the time of the longest command, ");
        put_quoted(page, shape->longest);
    } else {
        out_raw(out, "</strong>, the work divided by the workers (the longest command, ");
        put_quoted(page, shape->longest);
        out_raw(out, ", takes ");
        out_time(out, shape->longest_us);
        out_raw(out, ")");
    }
    out_raw(out, ". This one took <strong>");
    out_time(out, span);
    out_raw(out, "</strong>, ");
    out_time(out, span > bound ? span - bound : 0);
    out_raw(out, " more, or <strong>");
    put_ratio(out, span, bound);
    out_raw(out, " times</strong> the bound.");
}

static void put_tail(struct page *page, uint32_t run, const struct shape *shape)
{
    struct out *out = page->out;
    if (shape->slots < 2)
        return;
    out_raw(out, " The tail: from ");
    out_time(out, since_start(page->html, run, shape->idle_from_us));
    out_raw(out, " on there was a worker without work, ");
    out_time(out, shape->end_us - shape->idle_from_us);
    out_raw(out, " before the end; workers stood idle there for ");
    out_time(out, shape->idle_us);
    out_raw(out, " together (");
    put_percent(out, shape->idle_us, (shape->end_us - shape->first_us) * shape->slots);
    out_raw(out, " of all their time). The last to end was ");
    put_quoted(page, shape->last);
    out_format(out, " on worker %" PRIu32 ".", page->html->attempts[shape->last].worker);
}

void html_put_schedule(struct page *page)
{
    const struct html *html = page->html;
    struct out *out = page->out;
    put_heading(out, "timeline", "Timeline");
    for (uint32_t i = 0; i < html->n_runs; i++) {
        const struct shape *shape = &page->sums.runs[i];
        if (!shape->n)
            continue;
        out_raw(out, "<p class=\"schedule\">");
        if (html->n_runs > 1) {
            out_raw(out, "Run <code>");
            out_text(out, html->runs[i].id);
            out_raw(out, "</code>: ");
        }
        put_work(page, shape);
        if (html->runs[i].ended) {
            put_bound(page, shape);
            put_tail(page, i, shape);
        } else {
            out_raw(out, ", as far as the run is known: it has not finished.");
        }
        out_raw(out, "</p>\n");
    }
    out_raw(out, "<div id=\"chart\" hidden></div>\n");
    html_put_workers(page);
    out_raw(out, "</section>\n");
}

/* ---- workers ---- */

void html_put_workers(struct page *page)
{
    const struct html *html = page->html;
    struct out *out = page->out;
    out_raw(out, "<details><summary>Workers as a table</summary>\n<div class=\"wide\"><table "
                 "id=\"workers\"><caption class=\"hide\">Workers</caption><thead><tr>"
                 "<th scope=\"col\" class=\"fit\">Run</th><th scope=\"col\" class=\"n\">Worker</th>"
                 "<th scope=\"col\">Host</th><th scope=\"col\" class=\"n\">Attempts</th>"
                 "<th scope=\"col\" class=\"n\">Busy</th><th scope=\"col\" class=\"n\">Of the time"
                 "</th><th scope=\"col\" class=\"n\">Idle at the end</th>"
                 "<th scope=\"col\">Last command</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < page->sums.n_lanes; i++) {
        const struct lane *lane = &page->sums.lanes[i];
        const struct shape *shape = &page->sums.runs[lane->run];
        out_raw(out, "<tr><td><code>");
        out_text(out, html->runs[lane->run].id);
        out_format(out, "</code></td><td class=\"n\">%" PRIu32 "</td><td>", lane->worker);
        out_text(out, html->hosts[lane->host]);
        out_format(out, "</td><td class=\"n\">%zu</td><td class=\"n\">", lane->n);
        out_time(out, lane->busy_us);
        out_raw(out, "</td><td class=\"n\">");
        put_percent(out, lane->busy_us, shape->end_us - shape->first_us);
        out_raw(out, "</td><td class=\"n\">");
        if (lane->end_us) {
            out_time(out, shape->end_us - lane->end_us);
            out_raw(out, "</td><td>");
            put_quoted(page, lane->last);
        } else {
            out_raw(out, "</td><td>");
        }
        out_raw(out, "</td></tr>\n");
    }
    out_raw(out, "</tbody></table></div></details>\n");
}

/* ---- steps ---- */

static void put_step_times(struct page *page, const struct shape *shape)
{
    struct out *out = page->out;
    if (!shape->n) {
        out_raw(out, "<td></td><td></td><td></td><td></td><td></td>");
        return;
    }
    uint64_t span = shape->end_us - shape->first_us, bound = html_bound(shape);
    out_format(out, "<td class=\"n\">%" PRIu32 "</td>", shape->slots);
    uint64_t times[] = {shape->work_us, span, bound};
    for (int i = 0; i < 3; i++) {
        out_raw(out, "<td class=\"n\">");
        out_time(out, times[i]);
        out_raw(out, "</td>");
    }
    out_raw(out, "<td class=\"n\">");
    put_ratio(out, span, bound);
    out_raw(out, "</td>");
}

static void put_step(struct page *page, uint32_t at)
{
    const struct html *html = page->html;
    const struct step *step = &html->steps[at];
    struct out *out = page->out;
    int32_t outcome = step->outcome;
    out_raw(out, "<tr>");
    if (html->n_runs > 1) {
        out_raw(out, "<td><code>");
        out_text(out, html->runs[step->run].id);
        out_raw(out, "</code></td>");
    }
    out_format(out, "<th scope=\"row\"><a href=\"#commands\" data-step=\"%" PRIu32 "\">", at);
    out_text(out, step->name);
    out_format(out, "</a>%s</th><td><span class=\"o %s\">%s</span> ",
               step->cleanup ? " <span class=\"flag\">cleanup</span>" : "", html_outcome(outcome),
               outcome ? html_outcome(outcome) : "not ended");
    out_text(out, step->reason ? step->reason : "");
    out_raw(out, "</td><td class=\"n\">");
    out_count(out, step->planned);
    out_raw(out, "</td>");
    for (int i = CIPLUG_PASSED; i <= CIPLUG_SKIPPED; i++) {
        out_format(out, "<td class=\"n%s\">", step->counts[i] ? "" : " no");
        out_count(out, step->counts[i]);
        out_raw(out, "</td>");
    }
    put_step_times(page, &page->sums.steps[at]);
    out_raw(out, "</tr>\n");
}

void html_put_steps(struct page *page)
{
    const struct html *html = page->html;
    struct out *out = page->out;
    put_heading(out, "steps", "Steps");
    out_raw(out, "<div class=\"wide\"><table><caption class=\"hide\">Steps</caption><thead><tr>");
    if (html->n_runs > 1)
        out_raw(out, "<th scope=\"col\">Run</th>");
    out_raw(out, "<th scope=\"col\">Step</th><th scope=\"col\">Outcome</th>"
                 "<th scope=\"col\" class=\"n\">Planned</th>");
    for (int i = CIPLUG_PASSED; i <= CIPLUG_SKIPPED; i++)
        out_format(out, "<th scope=\"col\" class=\"n\">%s</th>", html_outcome(i));
    out_raw(out,
            "<th scope=\"col\" class=\"n\">Workers</th><th scope=\"col\" class=\"n\">Work</th>"
            "<th scope=\"col\" class=\"n\">Took</th>"
            "<th scope=\"col\" class=\"n\">Bound</th><th scope=\"col\" class=\"n\">× bound</th>"
            "</tr></thead><tbody>\n");
    for (size_t i = 0; i < html->n_steps; i++)
        put_step(page, (uint32_t)i);
    out_raw(out, "</tbody></table></div>\n</section>\n");
}

/* ---- commands ---- */

static void put_row(struct page *page, uint32_t at, bool links)
{
    const struct html *html = page->html;
    const struct attempt *attempt = &html->attempts[at];
    struct out *out = page->out;
    uint32_t run = html->steps[attempt->step].run;
    /* Where no script shows what a link names, it leads here. */
    out_raw(out, "<tr");
    if (links)
        out_format(out, " id=\"at-%" PRIu32 "\"", at);
    out_format(out, "><td class=\"fit\"><span class=\"o %s\">%s</span></td><td>",
               html_outcome(attempt->outcome), html_outcome(attempt->outcome));
    put_quoted(page, at);
    out_format(out, "</td><td class=\"n\">%" PRIu32 "</td><td class=\"n\">", attempt->attempt);
    if (attempt->worker)
        out_format(out, "%" PRIu32, attempt->worker);
    if (several_hosts(html)) {
        out_raw(out, "</td><td class=\"fit\">");
        out_text(out, html->hosts[attempt->host]);
    }
    out_raw(out, "</td><td class=\"n\">");
    if (attempt->start_us)
        out_time(out, since_start(html, run, attempt->start_us));
    out_raw(out, "</td><td class=\"n\">");
    if (attempt->start_us)
        out_time(out, attempt->us);
    out_raw(out, "</td><td>");
    out_line(out, attempt->reason ? attempt->reason : "");
    if (links) {
        out_raw(out, "</td><td>");
        html_put_links(out, html, &page->places, attempt);
    }
    out_raw(out, "</td></tr>\n");
}

static void put_row_heads(struct page *page, const char *id, const char *caption, bool links)
{
    struct out *out = page->out;
    out_format(out,
               "<div class=\"wide\"><table id=\"%s\"><caption class=\"hide\">%s</caption><thead>"
               "<tr><th scope=\"col\" class=\"fit\">Outcome</th><th scope=\"col\">Command</th>",
               id, caption);
    out_raw(out, "<th scope=\"col\" class=\"n\">Attempt</th>"
                 "<th scope=\"col\" class=\"n\">Worker</th>");
    if (several_hosts(page->html))
        out_raw(out, "<th scope=\"col\" class=\"fit\">Host</th>");
    out_raw(out, "<th scope=\"col\" class=\"n\">Begun at</th><th scope=\"col\" class=\"n\">Took"
                 "</th><th scope=\"col\" class=\"wide-cell\">Reason</th>");
    out_raw(out, links ? "<th scope=\"col\" class=\"fit\">Files</th></tr></thead><tbody>\n"
                       : "</tr></thead><tbody>\n");
}

void html_put_slowest(struct page *page)
{
    struct out *out = page->out;
    size_t n = page->html->n_attempts < SLOWEST_MAX ? page->html->n_attempts : SLOWEST_MAX;
    if (!n || !page->html->attempts[page->sums.by_time[0]].us)
        return;
    put_heading(out, "slowest", "Slowest");
    put_row_heads(page, "slow", "The slowest commands", false);
    for (size_t i = 0; i < n && page->html->attempts[page->sums.by_time[i]].us; i++)
        put_row(page, page->sums.by_time[i], false);
    out_raw(out, "</tbody></table></div>\n</section>\n");
}

/* A parser that runs scripts takes what stands in <noscript> for text: ten thousand rows cost it
 * nothing. */
void html_put_commands(struct page *page)
{
    const struct html *html = page->html;
    struct out *out = page->out;
    put_heading(out, "commands", "Commands");
    out_raw(out, "<div id=\"list\" hidden></div>\n<noscript>\n");
    bool all = html->n_attempts <= ROWS_MAX;
    size_t shown = 0;
    put_row_heads(page, "all", "All attempts of all commands", true);
    for (size_t i = 0; i < html->n_attempts && shown < ROWS_MAX; i++) {
        const struct attempt *attempt = &html->attempts[i];
        bool plain = attempt->outcome == CIPLUG_PASSED && !attempt->flags;
        if (!all && plain)
            continue;
        put_row(page, (uint32_t)i, true);
        shown++;
    }
    out_raw(out, "</tbody></table></div>\n");
    if (shown < html->n_attempts) {
        out_raw(out, "<p>");
        out_count(out, html->n_attempts - shown);
        out_raw(out,
                " more are left out of this table, those that passed first. The journal of the "
                "run has them all.</p>\n");
    }
    out_raw(out, "</noscript>\n</section>\n");
}

/* ---- notices ---- */

void html_put_notices(struct page *page)
{
    const struct html *html = page->html;
    struct out *out = page->out;
    if (!html->n_notices)
        return;
    put_heading(out, "notices", "Notices");
    out_raw(out, "<ul class=\"notices\">\n");
    for (size_t i = 0; i < html->n_notices; i++) {
        const struct notice *notice = &html->notices[i];
        out_raw(out, "<li><span class=\"meta\">");
        out_time(out, since_start(html, notice->run, notice->us));
        out_raw(out, "</span> ");
        if (notice->step) {
            out_text(out, notice->step);
            out_format(out, " %" PRIu32 ": ", notice->number);
        }
        out_text(out, notice->text);
        out_raw(out, "</li>\n");
    }
    if (html->more_notices) {
        out_raw(out, "<li>and ");
        out_count(out, html->more_notices);
        out_raw(out, " more</li>\n");
    }
    out_raw(out, "</ul>\n</section>\n");
}
