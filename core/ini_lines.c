/* SPDX-License-Identifier: MIT */
#include "ini_lines.h"
#include "safeguard.h"
#include "strbuf.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

void complain(struct complaints *complaints, int line, const char *format, ...)
{
    if (complaints->n++ >= COMPLAINTS_MAX) {
        if (complaints->first_left_out == 0)
            complaints->first_left_out = line;
        return;
    }
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    va_list args;
    va_start(args, format);
    strbuf_vaddf(&text, format, args);
    va_end(args);
    problems_add(complaints->problems, complaints->file, line, "%s", strbuf_text(&text));
}

void complaints_end(struct complaints *complaints)
{
    if (complaints->n > COMPLAINTS_MAX)
        problems_add(complaints->problems, complaints->file, complaints->first_left_out,
                     "and %zu more", complaints->n - COMPLAINTS_MAX);
}

bool ini_space(char c)
{
    return c == ' ' || c == '\t' || c == '\v' || c == '\f';
}

/* One line of the file as it stands there, without its end. */
struct physical {
    const char *text;
    size_t length;
    size_t indent; /* white space at its start; all of a blank line */
};

/* Look at the line at `at`; returns where the next one starts. */
static const char *look(const char *at, const char *end, struct physical *line)
{
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    const char *stop = newline ? newline : end;
    line->text = at;
    line->length = (size_t)(stop - at);
    if (line->length > 0 && stop[-1] == '\r' && SAFEGUARD(crlf_is_a_line_end))
        line->length--;
    line->indent = 0;
    while (line->indent < line->length && ini_space(at[line->indent]))
        line->indent++;
    return newline ? newline + 1 : end;
}

static bool is_blank(const struct physical *line)
{
    return line->indent == line->length;
}

/* At the first column. */
static bool starts(const struct physical *line, char c)
{
    return line->length > 0 && line->text[0] == c;
}

static bool is_comment(const struct physical *line)
{
    return !is_blank(line) && (line->text[line->indent] == '#' || line->text[line->indent] == ';');
}

static bool check(struct ini_lines *lines, const struct physical *line)
{
    const char *nul = memchr(line->text, '\0', line->length);
    const char *cr = memchr(line->text, '\r', line->length);
    if (nul && SAFEGUARD(no_nul_in_the_file))
        complain(lines->complaints, lines->line, "NUL byte in column %zu",
                 (size_t)(nul - line->text) + 1);
    else if (cr)
        complain(lines->complaints, lines->line,
                 "carriage return without a line feed in column %zu",
                 (size_t)(cr - line->text) + 1);
    return !(nul && SAFEGUARD(no_nul_in_the_file)) && !cr;
}

static bool take(struct ini_lines *lines, struct physical *line)
{
    lines->at = look(lines->at, lines->end, line);
    lines->line++;
    return check(lines, line);
}

/* Where the lines that continue a value end: behind the last indented one before the next line that
 * starts something new. *indent is that of the first. */
static const char *find_extent(const struct ini_lines *lines, size_t *indent)
{
    const char *extent = lines->at;
    for (const char *at = lines->at; at < lines->end;) {
        struct physical line;
        at = look(at, lines->end, &line);
        if (is_blank(&line) || starts(&line, '#') || starts(&line, ';'))
            continue;
        if (line.indent == 0)
            break;
        if (extent == lines->at)
            *indent = line.indent;
        extent = at;
    }
    return extent;
}

static char *take_continuation(struct ini_lines *lines)
{
    size_t indent = 0;
    const char *extent = find_extent(lines, &indent);
    if (extent == lines->at)
        return NULL;
    AUTO_STRBUF struct strbuf more = STRBUF_INIT;
    while (lines->at < extent) {
        struct physical line;
        if (!take(lines, &line) || starts(&line, ';'))
            continue;
        size_t cut = line.indent < indent ? line.indent : indent;
        strbuf_add(&more, line.text + cut, line.length - cut);
        strbuf_addch(&more, '\n');
    }
    return strbuf_detach(&more);
}

/* An indented line below no value: one problem for all that follow each other. */
static void report_stray(struct ini_lines *lines)
{
    if (!lines->stray)
        complain(lines->complaints, lines->line,
                 "indented line, but there is no value above that it could continue");
    lines->stray = true;
}

void ini_lines_init(struct ini_lines *lines, const char *text, size_t length,
                    struct complaints *complaints)
{
    static const char mark[] = "\xef\xbb\xbf";
    bool marked = length >= 3 && memcmp(text, mark, 3) == 0;
    *lines = (struct ini_lines){
        .at = marked ? text + 3 : text, .end = text + length, .complaints = complaints};
}

/* Fill in a line that starts something new. */
static void start_line(struct ini_lines *lines, struct ini_line *line,
                       const struct physical *physical, bool good)
{
    lines->stray = false;
    *line = (struct ini_line){physical->text, physical->length, .line = lines->line, .bad = !good};
    while (ini_space(line->text[line->length - 1]))
        line->length--;
    line->header = starts(physical, '[');
    if (!line->header)
        line->more = take_continuation(lines);
}

bool ini_lines_next(struct ini_lines *lines, struct ini_line *line)
{
    *line = (struct ini_line){0};
    while (lines->at < lines->end) {
        struct physical physical;
        bool good = take(lines, &physical);
        if (is_blank(&physical) || is_comment(&physical))
            continue;
        if (physical.indent > 0) {
            if (good)
                report_stray(lines);
            continue;
        }
        start_line(lines, line, &physical, good);
        if (good || line->header)
            return true;
        free(line->more);
        *line = (struct ini_line){0};
    }
    return false;
}
