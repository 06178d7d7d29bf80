/* SPDX-License-Identifier: MIT */
#include "writer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int writer_open(struct writer *writer, const struct ciplug_api *api, const char *path)
{
    writer->api = api;
    writer->failed = false;
    writer->n = 0;
    writer->file = api->file_create(api, path);
    return writer->file ? 0 : -1;
}

/* What cannot be written says file_close(). */
static void flush(struct writer *writer)
{
    if (writer->n)
        (void)writer->api->file_write(writer->file, writer->buf, writer->n);
    writer->n = 0;
}

void writer_put(struct writer *writer, const void *bytes, size_t length)
{
    if (length > sizeof writer->buf - writer->n)
        flush(writer);
    if (length > sizeof writer->buf) {
        (void)writer->api->file_write(writer->file, bytes, length);
        return;
    }
    memcpy(writer->buf + writer->n, bytes, length);
    writer->n += length;
}

void writer_text(struct writer *writer, const char *text)
{
    writer_put(writer, text, strlen(text));
}

void writer_format(struct writer *writer, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    /* Texts of others are not written this way: it always fits. */
    writer->failed = writer->failed || n < 0 || (size_t)n >= sizeof line;
    if (!writer->failed)
        writer_put(writer, line, (size_t)n);
}

int writer_close(struct writer *writer)
{
    flush(writer);
    if (writer->failed)
        writer->api->message(writer->api, CIPLUG_LOG_ERROR, "cannot write the report: no memory");
    if (writer->api->file_close(writer->file, !writer->failed))
        return -1;
    return writer->failed ? -1 : 0;
}
