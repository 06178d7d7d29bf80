/* SPDX-License-Identifier: MIT */
#include "msg.h"
#include "harmless.h"
#include "safeguard.h"
#include "strbuf.h"
#include "util.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int verbosity;
static void (*sink)(void *data, const char *line, size_t length);
static void *sink_data;
static char *(*filter)(const void *data, const char *line);
static const void *filter_data;

static const char *const prefixes[] = {"", "warning: ", "", "debug: "};

/* One line, whatever the names and values in it hold. */
static void put_line(const struct strbuf *text)
{
    AUTO_FREE char *clear = filter ? filter(filter_data, strbuf_text(text)) : NULL;
    const char *shown = clear ? clear : strbuf_text(text);
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    if (SAFEGUARD(harmless_messages))
        harmless_name(&line, shown, SIZE_MAX / 8);
    else
        strbuf_addstr(&line, shown);
    strbuf_addch(&line, '\n');
    if (sink)
        sink(sink_data, line.buf, line.len);
    else
        (void)!write_all(2, line.buf, line.len);
}

void msg(enum msg_level level, const char *format, ...)
{
    if ((level == MSG_NOTICE && verbosity < 0) || (level == MSG_DEBUG && verbosity < 1))
        return;
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    strbuf_addf(&line, "ciplug: %s", prefixes[level]);
    va_list args;
    va_start(args, format);
    strbuf_vaddf(&line, format, args);
    va_end(args);
    put_line(&line);
}

void msg_set_verbosity(int value)
{
    verbosity = value;
}

void msg_set_filter(char *(*function)(const void *data, const char *line), const void *data)
{
    filter = function;
    filter_data = data;
}

void msg_set_sink(void (*function)(void *data, const char *line, size_t length), void *data)
{
    sink = function;
    sink_data = data;
}

void problems_add(struct problems *problems, const char *file, int line, const char *format, ...)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    va_list args;
    va_start(args, format);
    strbuf_vaddf(&text, format, args);
    va_end(args);
    ARRAY_GROW(problems->list, problems->n, problems->alloc);
    struct problem *problem = &problems->list[problems->n++];
    problem->file = file ? xstrdup(file) : NULL;
    problem->line = line;
    problem->text = strbuf_detach(&text);
}

static int compare(const void *left, const void *right)
{
    const struct problem *a = left, *b = right;
    int files = strcmp(a->file ? a->file : "", b->file ? b->file : "");
    if (files)
        return files;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return strcmp(a->text, b->text);
}

void problems_print(const struct problems *problems)
{
    if (problems->n == 0)
        return;
    size_t size = problems->n * sizeof *problems->list;
    AUTO_FREE struct problem *sorted = xmemdup(problems->list, size);
    qsort(sorted, problems->n, sizeof *sorted, compare);
    for (size_t i = 0; i < problems->n; i++) {
        const struct problem *p = &sorted[i];
        if (i > 0 && compare(p, &sorted[i - 1]) == 0)
            continue;
        AUTO_STRBUF struct strbuf line = STRBUF_INIT;
        strbuf_addstr(&line, p->file ? p->file : "ciplug");
        if (p->line > 0)
            strbuf_addf(&line, ":%d", p->line);
        strbuf_addf(&line, ": %s", p->text);
        put_line(&line);
    }
}

void problems_free(struct problems *problems)
{
    for (size_t i = 0; i < problems->n; i++) {
        free(problems->list[i].file);
        free(problems->list[i].text);
    }
    free(problems->list);
    *problems = (struct problems){0};
}
