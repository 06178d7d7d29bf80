/* SPDX-License-Identifier: MIT */
#include "plain.h"
#include "tap.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE 4096 /* of a log, read at once */

/* UTF-8 without control characters but tab and newline; the caller's, or NULL and no memory. */
static char *plain_copy(struct writer *writer, const char *bytes)
{
    struct plain plain = {0};
    size_t length = strlen(bytes);
    char *out = malloc(PLAIN_SIZE(length));
    writer->failed = writer->failed || !out;
    if (!out)
        return NULL;
    size_t n = plain_feed(&plain, bytes, length, out);
    (void)plain_end(&plain, out + n);
    return out;
}

/* Characters at which some reader would end a line, or which YAML wants to have escaped: DEL, C1
 * (U+0085 among them), U+2028, U+2029, U+FEFF. Their length in UTF-8 and their number; else 0. */
static size_t awkward(const char *text, unsigned *number)
{
    const unsigned char *c = (const unsigned char *)text;
    *number = 0;
    if (c[0] == 0x7f)
        *number = 0x7f;
    else if (c[0] == 0xc2 && c[1] < 0xa0)
        *number = c[1];
    else if (c[0] == 0xe2 && c[1] == 0x80 && (c[2] == 0xa8 || c[2] == 0xa9))
        *number = 0x2000U | (c[2] & 0x3fU);
    else if (c[0] == 0xef && c[1] == 0xbb && c[2] == 0xbf)
        *number = 0xfeff;
    if (!*number)
        return 0;
    return c[0] < 0x80 ? 1 : c[0] == 0xc2 ? 2 : 3;
}

static bool wants_quotes(const char *text)
{
    size_t length = strlen(text);
    size_t end = length;
    while (end > 0 && strchr(" \t\n", text[end - 1]))
        end--;
    return end != length || end == 0 || strchr(" \t\n", text[0]) || text[end - 1] == '{';
}

void tap_line(struct writer *writer, const char *bytes)
{
    char *text = plain_copy(writer, bytes);
    const char *quote = text && wants_quotes(text) ? "\"" : "";
    writer_text(writer, quote);
    for (const char *p = text; p && *p;) {
        unsigned number;
        size_t n = awkward(p, &number);
        if (n || *p == '\n' || *p == '\t')
            writer_text(writer, " ");
        else if (*p == '#' || *p == '\\')
            writer_put(writer, "\\", 1);
        if (!n && *p != '\n' && *p != '\t')
            writer_put(writer, p, 1);
        p += n ? n : 1;
    }
    writer_text(writer, quote);
    free(text);
}

/* The inside of a quoted scalar. */
static void put_quoted(struct writer *writer, const char *text, size_t length)
{
    for (const char *p = text; p < text + length;) {
        unsigned number;
        size_t n = awkward(p, &number);
        if (n)
            writer_format(writer, "\\u%04x", number);
        else if (*p == '\n')
            writer_text(writer, "\\n");
        else if (*p == '\t')
            writer_text(writer, "\\t");
        else if (*p == '"' || *p == '\\')
            writer_put(writer, "\\", 1);
        if (!n && *p != '\n' && *p != '\t')
            writer_put(writer, p, 1);
        p += n ? n : 1;
    }
}

void tap_string(struct writer *writer, const char *bytes)
{
    char *text = plain_copy(writer, bytes);
    writer_text(writer, "\"");
    if (text)
        put_quoted(writer, text, strlen(text));
    writer_text(writer, "\"");
    free(text);
}

/* ---- logs ---- */

static void put_lines(struct writer *writer, unsigned indent, const char *text)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        writer_format(writer, "%*s  - \"", (int)indent, "");
        put_quoted(writer, text, length);
        writer_text(writer, "\"\n");
        text += length + (text[length] == '\n');
    }
}

/* From `offset` on, made plain; the caller's. A log is read when nobody writes into it any more,
 * but it may have been cut since. */
static char *read_end(struct writer *writer, int fd, uint64_t offset, uint64_t size)
{
    struct plain plain = {0};
    char piece[PIECE];
    size_t length = 0;
    char *out = malloc(PLAIN_SIZE((size_t)(size - offset)));
    writer->failed = writer->failed || !out;
    while (out && offset < size) {
        uint64_t left = size - offset;
        ssize_t n = pread(fd, piece, left < PIECE ? (size_t)left : PIECE, (off_t)offset);
        if (n <= 0)
            break;
        length += plain_feed(&plain, piece, (size_t)n, out + length);
        offset += (uint64_t)n;
    }
    if (out)
        (void)plain_end(&plain, out + length);
    return out;
}

void tap_log(struct writer *writer, unsigned indent, const char *key, const char *path,
             uint64_t most)
{
    int fd =
        most && *path ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW) : -1;
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        uint64_t size = (uint64_t)st.st_size;
        uint64_t offset = size > most ? size - most : 0;
        char *text = read_end(writer, fd, offset, size);
        /* Where a line begins, if there is one. */
        const char *newline = offset && text ? strchr(text, '\n') : NULL;
        const char *from = newline && newline[1] ? newline + 1 : text;
        if (offset)
            writer_format(writer, "%*s%s_bytes: %" PRIu64 "\n", (int)indent, "", key, size);
        if (from && *from) {
            writer_format(writer, "%*s%s:\n", (int)indent, "", key);
            put_lines(writer, indent, from);
        }
        free(text);
    }
    if (fd >= 0)
        close(fd);
}
