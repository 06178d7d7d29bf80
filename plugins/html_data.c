/* SPDX-License-Identifier: MIT
 *
 * JSON by jansson, piece by piece: the whole of a large run is never in memory.
 */
#include "html.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* In JSON a `<` stands in texts only, where it may be written as an escape: nothing in there ends
 * the element. */
static int on_json(const char *bytes, size_t length, void *data)
{
    struct out *out = data;
    size_t from = 0;
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != '<')
            continue;
        out_bytes(out, bytes + from, i - from);
        out_raw(out, "\\u003c");
        from = i + 1;
    }
    out_bytes(out, bytes + from, length - from);
    return 0;
}

static void put_json(struct out *out, json_t *value)
{
    if (!value || json_dump_callback(value, on_json, out, JSON_COMPACT | JSON_ENCODE_ANY) < 0)
        out->bad = true;
    json_decref(value);
}

static json_t *text_of(struct out *out, const char *bytes)
{
    char *plain = out_plain(out, bytes ? bytes : "", bytes ? strlen(bytes) : 0);
    json_t *value = json_string(plain ? plain : "");
    free(plain);
    return value;
}

static void append(struct out *out, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) < 0)
        out->bad = true;
}

static void put_between(struct out *out, size_t i)
{
    out_raw(out, i ? ",\n" : "");
}

static json_int_t since(uint64_t start, uint64_t us)
{
    return us > start ? (json_int_t)(us - start) : 0;
}

static void put_runs(struct page *page)
{
    const struct html *html = page->html;
    out_raw(page->out, "{\"runs\":[");
    for (size_t i = 0; i < html->n_runs; i++) {
        uint64_t start = html->runs[i].start_us;
        put_between(page->out, i);
        put_json(page->out,
                 json_pack("{s:o,s:s,s:I}", "id", text_of(page->out, html->runs[i].id), "href",
                           page->places.runs[i], "end", since(start, page->sums.runs[i].end_us)));
    }
}

static void put_steps(struct page *page)
{
    const struct html *html = page->html;
    out_raw(page->out, "],\n\"hosts\":[");
    for (size_t i = 0; i < html->n_hosts; i++) {
        put_between(page->out, i);
        put_json(page->out, text_of(page->out, html->hosts[i]));
    }
    out_raw(page->out, "],\n\"steps\":[");
    for (size_t i = 0; i < html->n_steps; i++) {
        const struct step *step = &html->steps[i];
        char *reference = html_encoded(step->name);
        put_between(page->out, i);
        put_json(page->out,
                 json_pack("{s:o,s:s,s:i,s:b,s:b}", "name", text_of(page->out, step->name), "href",
                           reference ? reference : "", "run", (int)step->run, "cleanup",
                           step->cleanup, "one", step->planned == 1));
        page->out->bad = page->out->bad || !reference;
        free(reference);
    }
}

/* Where a log is that is not where logs are. */
static json_t *log_of(struct page *page, const struct attempt *attempt, int which)
{
    const char *path = attempt->logs[which];
    if (!path)
        return json_null();
    char *reference = html_log_reference(page->html, &page->places, attempt, path);
    json_t *value = json_string(reference ? reference : "");
    free(reference);
    return value;
}

/* The order of these is that of the names in html_base.js. */
static json_t *row_of(struct page *page, const struct attempt *attempt)
{
    const struct html *html = page->html;
    uint64_t start = html->runs[html->steps[attempt->step].run].start_us;
    json_int_t numbers[] = {attempt->step,
                            attempt->number,
                            attempt->attempt,
                            attempt->worker,
                            attempt->host,
                            attempt->outcome,
                            attempt->flags,
                            attempt->bits,
                            attempt->start_us ? since(start, attempt->start_us) : -1,
                            (json_int_t)attempt->us,
                            (json_int_t)attempt->bytes[0],
                            (json_int_t)attempt->bytes[1]};
    json_t *row = json_array();
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        append(page->out, row, json_integer(numbers[i]));
    bool logs = attempt->logs[0] || attempt->logs[1];
    if (attempt->name || attempt->reason || logs)
        append(page->out, row, text_of(page->out, attempt->name));
    if (attempt->reason || logs)
        append(page->out, row, text_of(page->out, attempt->reason));
    for (int i = 0; logs && i < 2; i++)
        append(page->out, row, log_of(page, attempt, i));
    return row;
}

/* The order of these, too, is in html_base.js. */
static json_t *test_of(struct page *page, const struct test *one)
{
    struct out *out = page->out;
    const char *texts[] = {one->classname, one->file, one->message};
    size_t n = *one->message ? 3 : *one->file ? 2 : *one->classname ? 1 : 0;
    json_t *row = json_array();
    append(out, row, json_integer(one->attempt));
    append(out, row, json_integer(one->outcome));
    append(out, row, json_integer((json_int_t)one->us));
    append(out, row, json_integer(one->line));
    append(out, row, text_of(out, one->name));
    for (size_t i = 0; i < n; i++)
        append(out, row, text_of(out, texts[i]));
    return row;
}

void html_put_data(struct page *page)
{
    struct out *out = page->out;
    out_raw(out, "<script type=\"application/json\" id=\"data\">");
    put_runs(page);
    put_steps(page);
    out_raw(out, "],\n\"attempts\":[");
    for (size_t i = 0; i < page->html->n_attempts; i++) {
        put_between(out, i);
        put_json(out, row_of(page, &page->html->attempts[i]));
    }
    out_raw(out, "],\n\"tests\":[");
    for (size_t i = 0; i < page->html->n_tests; i++) {
        if (page->html->tests[i].attempt == UINT32_MAX)
            break;
        put_between(out, i);
        put_json(out, test_of(page, &page->html->tests[i]));
    }
    out_raw(out, "]}</script>\n");
}
