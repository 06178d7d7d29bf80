/* SPDX-License-Identifier: MIT */
#include "statusarea.h"

#include "harmless.h"

#include <string.h>

void statusarea_clear(struct statusarea *area, struct strbuf *out)
{
    if (area->drawn)
        strbuf_addf(out, "\r\033[%zuA\033[J", area->drawn);
    area->drawn = 0;
}

static size_t count_lines(const char *lines)
{
    size_t n = 0;
    for (; *lines; n++)
        lines += strcspn(lines, "\n") + (strchr(lines, '\n') != NULL);
    return n;
}

static void draw_line(const char *line, size_t length, size_t columns, struct strbuf *out)
{
    size_t fit = harmless_fit(line, length, columns);
    strbuf_add(out, line, fit);
    if (fit < length && memchr(line, 033, fit))
        strbuf_addstr(out, "\033[0m");
    strbuf_addch(out, '\n');
}

void statusarea_draw(struct statusarea *area, const char *lines, size_t columns, size_t rows,
                     struct strbuf *out)
{
    /* What scrolled off the top could not be removed again; the last column may wrap. */
    size_t most = rows > 2 ? rows - 2 : 1;
    size_t skip = count_lines(lines);
    skip = skip > most ? skip - most : 0;
    while (*lines) {
        size_t length = strcspn(lines, "\n");
        if (skip > 0) {
            skip--;
        } else {
            draw_line(lines, length, columns > 1 ? columns - 1 : 1, out);
            area->drawn++;
        }
        lines += length + (lines[length] == '\n');
    }
}
