/* SPDX-License-Identifier: MIT
 *
 * The file of a report, written in small pieces: whole, or not at all.
 */
#ifndef CIPLUG_PLUGINS_WRITER_H
#define CIPLUG_PLUGINS_WRITER_H

#include <ciplug/plugin.h>

#include <stdbool.h>

struct writer {
    const struct ciplug_api *api;
    struct ciplug_file *file;
    bool failed; /* no memory: set it, and the file is thrown away */
    size_t n;
    char buf[1 << 16];
};

/* 0, or -1 after a message. */
int writer_open(struct writer *writer, const struct ciplug_api *api, const char *path);
void writer_put(struct writer *writer, const void *bytes, size_t length);
void writer_text(struct writer *writer, const char *text);
void writer_format(struct writer *writer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* 0, or -1 after a message; the old file is then still there. */
int writer_close(struct writer *writer);

#endif
