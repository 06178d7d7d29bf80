/* SPDX-License-Identifier: MIT */
#include "junit.h"
#include "plain.h"

#include <fcntl.h>
#include <inttypes.h>
#include <libxml/xmlwriter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIECE 4096 /* of a log, read at once */

/* Where the document goes. libxml2 says its own errors on stderr: it gets to see none. */
struct document {
    xmlTextWriterPtr writer;
    struct ciplug_file *file;
    const struct ciplug_api *api;
    bool bad;
};

static int on_bytes(void *context, const char *bytes, int length)
{
    const struct document *document = context;
    (void)document->api->file_write(document->file, bytes, (size_t)length);
    return length;
}

static void check(struct document *document, int result)
{
    document->bad = document->bad || result < 0;
}

static void start(struct document *document, const char *name)
{
    check(document, xmlTextWriterStartElement(document->writer, BAD_CAST name));
}

static void end(struct document *document)
{
    check(document, xmlTextWriterEndElement(document->writer));
}

static void text(struct document *document, const char *plain)
{
    check(document, xmlTextWriterWriteString(document->writer, BAD_CAST plain));
}

static void attribute(struct document *document, const char *name, const char *plain)
{
    check(document, xmlTextWriterWriteAttribute(document->writer, BAD_CAST name, BAD_CAST plain));
}

/* The text made plain; the caller's, or NULL when there is no memory. */
static char *plain_copy(const char *bytes)
{
    struct plain plain = {0};
    size_t length = strlen(bytes);
    char *out = malloc(PLAIN_SIZE(length));
    if (!out)
        return NULL;
    size_t n = plain_feed(&plain, bytes, length, out);
    (void)plain_end(&plain, out + n);
    return out;
}

static void attribute_of(struct document *document, const char *name, const char *bytes)
{
    char *plain = plain_copy(bytes ? bytes : "");
    document->bad = document->bad || !plain;
    attribute(document, name, plain ? plain : "");
    free(plain);
}

static void text_of(struct document *document, const char *bytes)
{
    char *plain = plain_copy(bytes);
    document->bad = document->bad || !plain;
    text(document, plain ? plain : "");
    free(plain);
}

static void attribute_number(struct document *document, const char *name, uint64_t number)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, number);
    attribute(document, name, digits);
}

static void attribute_time(struct document *document, uint64_t ms)
{
    char seconds[32];
    snprintf(seconds, sizeof seconds, "%" PRIu64 ".%03u", ms / 1000, (unsigned)(ms % 1000));
    attribute(document, "time", seconds);
}

/* In UTC; the dialects know no zones. */
static void attribute_timestamp(struct document *document, uint64_t time_ns)
{
    char stamp[32];
    time_t seconds = (time_t)(time_ns / 1000 / NS_PER_MS);
    struct tm tm;
    if (time_ns && gmtime_r(&seconds, &tm) &&
        strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm))
        attribute(document, "timestamp", stamp);
}

/* ---- logs ---- */

/* From `offset` on, where a line begins if there is one soon. */
static void put_log(struct document *document, int fd, uint64_t offset, uint64_t size)
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
        text(document, out);
        offset += (uint64_t)n;
    }
    (void)plain_end(&plain, out);
    text(document, out);
}

static void put_output(struct document *document, const char *element, const char *path,
                       uint64_t most)
{
    if (!path || !most)
        return;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        uint64_t size = (uint64_t)st.st_size;
        uint64_t offset = size > most ? size - most : 0;
        char note[96];
        snprintf(note, sizeof note,
                 "[%" PRIu64 " of %" PRIu64 " bytes are left out here; all: ", offset, size);
        start(document, element);
        if (offset) {
            text(document, note);
            text_of(document, path);
            text(document, "]\n");
        }
        put_log(document, fd, offset, size);
        end(document);
    }
    if (fd >= 0)
        close(fd);
}

/* ---- the report ---- */

static const char *outcome_name(int32_t outcome)
{
    static const char *const names[] = {
        [CIPLUG_FAILED] = "failed", [CIPLUG_SIGNALED] = "signaled",   [CIPLUG_TIMEOUT] = "timeout",
        [CIPLUG_ERROR] = "error",   [CIPLUG_CANCELLED] = "cancelled", [CIPLUG_SKIPPED] = "skipped",
    };
    bool known = outcome >= CIPLUG_FAILED && outcome <= CIPLUG_SKIPPED;
    return names[known ? outcome : CIPLUG_ERROR];
}

static const char *element_of(int32_t outcome)
{
    switch (outcome) {
    case CIPLUG_FAILED:
    case CIPLUG_SIGNALED:
    case CIPLUG_TIMEOUT:
        return "failure";
    case CIPLUG_SKIPPED:
        return "skipped";
    default:
        return "error";
    }
}

static void put_outcome(struct document *document, const struct testcase *one)
{
    if (one->outcome == CIPLUG_PASSED)
        return;
    start(document, element_of(one->outcome));
    if (one->outcome != CIPLUG_SKIPPED)
        attribute(document, "type", outcome_name(one->outcome));
    attribute_of(document, "message", one->reason);
    for (int i = 0; i < 2; i++) {
        if (!one->logs[i])
            continue;
        text_of(document, one->logs[i]);
        text(document, "\n");
    }
    end(document);
}

static void put_case(const struct junit *junit, struct document *document,
                     const struct suite *suite, const struct testcase *one)
{
    start(document, "testcase");
    attribute_of(document, "classname", suite->name);
    attribute_of(document, "name", one->name);
    attribute_time(document, one->ms);
    put_outcome(document, one);
    put_output(document, "system-out", one->logs[0], junit->max_output);
    put_output(document, "system-err", one->logs[1], junit->max_output);
    end(document);
}

static void put_suite(const struct junit *junit, struct document *document,
                      const struct suite *suite)
{
    start(document, "testsuite");
    attribute_of(document, "name", suite->name);
    attribute_timestamp(document, suite->started_ns);
    attribute_number(document, "tests", suite->n);
    attribute_number(document, "failures", suite->failures);
    attribute_number(document, "errors", suite->errors);
    attribute_number(document, "skipped", suite->skipped);
    attribute_time(document, suite->ms);
    start(document, "properties");
    start(document, "property");
    attribute(document, "name", "run");
    attribute_of(document, "value", suite->run);
    end(document);
    end(document);
    for (size_t i = 0; i < suite->n; i++)
        put_case(junit, document, suite, &suite->cases[i]);
    end(document);
}

static void put_all(const struct junit *junit, struct document *document)
{
    uint64_t tests = 0, failures = 0, errors = 0, ms = 0;
    for (size_t i = 0; i < junit->n; i++) {
        tests += junit->suites[i].n;
        failures += junit->suites[i].failures;
        errors += junit->suites[i].errors;
        ms += junit->suites[i].ms;
    }
    check(document, xmlTextWriterSetIndent(document->writer, 1));
    check(document, xmlTextWriterStartDocument(document->writer, "1.0", "UTF-8", NULL));
    start(document, "testsuites");
    attribute(document, "name", "ciplug");
    attribute_number(document, "tests", tests);
    attribute_number(document, "failures", failures);
    attribute_number(document, "errors", errors);
    attribute_time(document, ms);
    for (size_t i = 0; i < junit->n; i++)
        put_suite(junit, document, &junit->suites[i]);
    end(document);
    check(document, xmlTextWriterEndDocument(document->writer));
}

int junit_write(const struct junit *junit, struct ciplug_file *file)
{
    struct document document = {.api = junit->api, .file = file};
    xmlOutputBufferPtr out = xmlOutputBufferCreateIO(on_bytes, NULL, &document, NULL);
    document.writer = out ? xmlNewTextWriter(out) : NULL;
    if (document.writer) {
        put_all(junit, &document);
        xmlFreeTextWriter(document.writer);
        return document.bad ? -1 : 0;
    }
    if (out)
        (void)xmlOutputBufferClose(out);
    return -1;
}
