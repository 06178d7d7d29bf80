/* SPDX-License-Identifier: MIT */
#include "junit.h"
#include "plain.h"

#include <fcntl.h>
#include <inttypes.h>
#include <libxml/xmlwriter.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIECE     4096 /* of a log, read at once */
#define US_PER_S  UINT64_C(1000000)
#define LONG_TEXT 512

/* libxml2 says its own errors on stderr: it gets to see none. */
struct xml {
    xmlTextWriterPtr out;
    struct writer *writer;
};

static int on_bytes(void *context, const char *bytes, int length)
{
    struct writer *writer = context;
    writer_put(writer, bytes, (size_t)length);
    return length;
}

static void check(struct xml *xml, int result)
{
    xml->writer->failed = xml->writer->failed || result < 0;
}

struct xml *xml_open(struct writer *writer)
{
    struct xml *xml = calloc(1, sizeof *xml);
    xmlOutputBufferPtr out = xml ? xmlOutputBufferCreateIO(on_bytes, NULL, writer, NULL) : NULL;
    xmlTextWriterPtr text = out ? xmlNewTextWriter(out) : NULL;
    if (!text) {
        if (out)
            (void)xmlOutputBufferClose(out);
        free(xml);
        writer->failed = true;
        return NULL;
    }
    *xml = (struct xml){.out = text, .writer = writer};
    check(xml, xmlTextWriterSetIndent(text, 1));
    check(xml, xmlTextWriterStartDocument(text, "1.0", "UTF-8", NULL));
    return xml;
}

void xml_close(struct xml *xml)
{
    check(xml, xmlTextWriterEndDocument(xml->out));
    xmlFreeTextWriter(xml->out);
    writer_text(xml->writer, "\n");
    free(xml);
}

void xml_start(struct xml *xml, const char *name)
{
    check(xml, xmlTextWriterStartElement(xml->out, BAD_CAST name));
}

void xml_end(struct xml *xml)
{
    check(xml, xmlTextWriterEndElement(xml->out));
}

/* ---- texts ---- */

static void plain_text(struct xml *xml, const char *plain)
{
    check(xml, xmlTextWriterWriteString(xml->out, BAD_CAST plain));
}

static void plain_attribute(struct xml *xml, const char *name, const char *plain)
{
    check(xml, xmlTextWriterWriteAttribute(xml->out, BAD_CAST name, BAD_CAST plain));
}

/* In `buf` where it is long enough, else the caller's; NULL when there is no memory. */
static char *plain_copy(struct xml *xml, const char *bytes, char *buf, size_t size)
{
    struct plain plain = {0};
    size_t length = strlen(bytes);
    char *out = PLAIN_SIZE(length) <= size ? buf : malloc(PLAIN_SIZE(length));
    xml->writer->failed = xml->writer->failed || !out;
    if (!out)
        return NULL;
    size_t n = plain_feed(&plain, bytes, length, out);
    (void)plain_end(&plain, out + n);
    return out;
}

void xml_text(struct xml *xml, const char *bytes)
{
    char buf[LONG_TEXT];
    char *plain = plain_copy(xml, bytes, buf, sizeof buf);
    if (plain)
        plain_text(xml, plain);
    if (plain != buf)
        free(plain);
}

void xml_attribute(struct xml *xml, const char *name, const char *bytes)
{
    char buf[LONG_TEXT];
    char *plain = plain_copy(xml, bytes, buf, sizeof buf);
    if (plain)
        plain_attribute(xml, name, plain);
    if (plain != buf)
        free(plain);
}

void xml_format(struct xml *xml, const char *format, ...)
{
    char line[LONG_TEXT];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    /* Texts of others are not written this way: it always fits. */
    if (n < 0 || (size_t)n >= sizeof line)
        xml->writer->failed = true;
    else
        plain_text(xml, line);
}

void xml_number(struct xml *xml, const char *name, uint64_t number)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, number);
    plain_attribute(xml, name, digits);
}

void xml_time(struct xml *xml, uint64_t ms)
{
    char seconds[32];
    snprintf(seconds, sizeof seconds, "%" PRIu64 ".%03u", ms / 1000, (unsigned)(ms % 1000));
    plain_attribute(xml, "time", seconds);
}

/* In UTC; the dialects know no zones, and one of them no file without. */
void xml_timestamp(struct xml *xml, uint64_t time_us)
{
    char stamp[32];
    time_t seconds = (time_t)(time_us / US_PER_S);
    struct tm tm;
    bool known = gmtime_r(&seconds, &tm) && tm.tm_year < 9999 - 1900 &&
                 strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
    plain_attribute(xml, "timestamp", known ? stamp : "1970-01-01T00:00:00");
}

/* ---- logs ---- */

/* From `offset` on, where a line begins if there is one soon. */
static void put_from(struct xml *xml, int fd, uint64_t offset, uint64_t size)
{
    struct plain plain = {0};
    char piece[PIECE], out[PLAIN_SIZE(PIECE)];
    bool cut = offset > 0;
    while (offset < size) {
        uint64_t left = size - offset;
        ssize_t n = pread(fd, piece, left < PIECE ? (size_t)left : PIECE, (off_t)offset);
        if (n <= 0)
            break;
        const char *newline = cut ? memchr(piece, '\n', (size_t)n) : NULL;
        size_t skip = newline && newline + 1 < piece + n ? (size_t)(newline + 1 - piece) : 0;
        cut = false;
        (void)plain_feed(&plain, piece + skip, (size_t)n - skip, out);
        plain_text(xml, out);
        offset += (uint64_t)n;
    }
    (void)plain_end(&plain, out);
    plain_text(xml, out);
}

bool xml_log_open(struct xml_log *log, const char *path)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        *log = (struct xml_log){.path = path, .fd = fd, .size = (uint64_t)st.st_size};
        return true;
    }
    if (fd >= 0)
        close(fd);
    return false;
}

void xml_log(struct xml *xml, const struct xml_log *log, uint64_t most)
{
    uint64_t offset = log->size > most ? log->size - most : 0;
    if (offset) {
        xml_format(xml, "[%" PRIu64 " of %" PRIu64 " bytes are left out here; all: ", offset,
                   log->size);
        xml_text(xml, log->path);
        plain_text(xml, "]\n");
    }
    put_from(xml, log->fd, offset, log->size);
    close(log->fd);
}
