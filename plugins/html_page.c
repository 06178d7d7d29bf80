/* SPDX-License-Identifier: MIT */
#include "html.h"

#include "html_page_css.h"
#include "html_page_js.h"

#include <stdlib.h>

/* Nothing is fetched, nothing runs but the script below, whatever stands in names and logs. */
static void put_head(struct page *page)
{
    struct out *out = page->out;
    out_raw(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                 "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                 "style-src 'sha256-" html_page_css_hash "'; "
                 "script-src 'sha256-" html_page_js_hash "'; "
                 "base-uri 'none'; form-action 'none'\">\n"
                 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                 "<meta name=\"color-scheme\" content=\"light dark\">\n"
                 "<meta name=\"referrer\" content=\"no-referrer\">\n"
                 "<meta name=\"generator\" content=\"ciplug " CIPLUG_VERSION "\">\n<title>");
    html_put_title(page);
    out_raw(out, "</title>\n<style>");
    out_bytes(out, html_page_css_text, sizeof html_page_css_text - 1);
    out_raw(out, "</style>\n</head>\n<body>\n"
                 "<a class=\"skip\" href=\"#main\">Skip the numbers</a>\n");
}

static void put_filter(struct out *out)
{
    out_raw(out, "<form id=\"filter\" role=\"search\" hidden>\n"
                 "<label>Search <input type=\"search\" id=\"query\" autocomplete=\"off\" "
                 "spellcheck=\"false\" placeholder=\"name, reason, log  ( / )\"></label>\n"
                 "<label>Outcome <select id=\"outcome\"></select></label>\n"
                 "<label>Step <select id=\"step\"></select></label>\n"
                 "<label>Host <select id=\"host\"></select></label>\n"
                 "<button type=\"reset\">Show all</button>\n"
                 "<output id=\"found\" for=\"query outcome step host\"></output>\n</form>\n");
}

static void put_body(struct page *page)
{
    struct out *out = page->out;
    html_put_verdict(page);
    out_raw(out, "<main id=\"main\" tabindex=\"-1\">\n");
    html_put_failures(page);
    put_filter(out);
    html_put_schedule(page);
    html_put_steps(page);
    html_put_flaky(page);
    html_put_slowest(page);
    html_put_commands(page);
    html_put_notices(page);
    out_raw(out, "</main>\n<footer>Made by ciplug " CIPLUG_VERSION
                 " from the journal of the run. Times begin with the run.</footer>\n"
                 "<aside id=\"detail\" aria-labelledby=\"detail-name\" hidden></aside>\n"
                 "<div id=\"tip\" hidden></div>\n");
    html_put_data(page);
    out_raw(out, "<script>");
    out_bytes(out, html_page_js_text, sizeof html_page_js_text - 1);
    out_raw(out, "</script>\n</body>\n</html>\n");
}

int html_write(struct html *html, struct ciplug_file *file)
{
    struct out *out = calloc(1, sizeof *out);
    struct page page = {.html = html, .out = out};
    if (!out)
        return -1;
    out->api = html->api;
    out->file = file;
    html_tests_sort(html);
    bool whole = html_sums(html, &page.sums) == 0 && html_places(html, &page.places) == 0;
    if (whole) {
        html_find_more(html);
        put_head(&page);
        put_body(&page);
        out_flush(out);
        whole = !out->bad && !html->failed;
    }
    html_sums_free(&page.sums);
    html_places_free(html, &page.places);
    free(out);
    return whole ? 0 : -1;
}
