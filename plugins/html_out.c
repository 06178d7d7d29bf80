/* SPDX-License-Identifier: MIT */
#include "html.h"
#include "plain.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 300

void out_flush(struct out *out)
{
    /* What cannot be written says file_close(). */
    if (out->n)
        (void)out->api->file_write(out->file, out->buffer, out->n);
    out->n = 0;
}

void out_bytes(struct out *out, const char *bytes, size_t length)
{
    while (length > 0) {
        size_t room = sizeof out->buffer - out->n;
        size_t n = length < room ? length : room;
        memcpy(out->buffer + out->n, bytes, n);
        out->n += n;
        bytes += n;
        length -= n;
        if (out->n == sizeof out->buffer)
            out_flush(out);
    }
}

void out_raw(struct out *out, const char *markup)
{
    out_bytes(out, markup, strlen(markup));
}

void out_format(struct out *out, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof text)
        out->bad = true;
    else
        out_bytes(out, text, (size_t)n);
}

static const char *entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void out_escaped(struct out *out, const char *plain)
{
    const char *from = plain;
    for (; *plain; plain++) {
        const char *instead = entity(*plain);
        if (!instead)
            continue;
        out_bytes(out, from, (size_t)(plain - from));
        out_raw(out, instead);
        from = plain + 1;
    }
    out_bytes(out, from, (size_t)(plain - from));
}

void out_text(struct out *out, const char *bytes)
{
    char *plain = out_plain(out, bytes, strlen(bytes));
    out_escaped(out, plain ? plain : "");
    free(plain);
}

void out_line(struct out *out, const char *bytes)
{
    size_t whole = strlen(bytes), length = strcspn(bytes, "\n");
    if (length > LINE_MAX_BYTES)
        length = LINE_MAX_BYTES;
    /* Not in the middle of a character. */
    while (length > 0 && length < whole && ((unsigned char)bytes[length] & 0xc0) == 0x80)
        length--;
    char *plain = out_plain(out, bytes, length);
    out_escaped(out, plain ? plain : "");
    if (length < whole)
        out_raw(out, " …");
    free(plain);
}

char *out_plain(struct out *out, const char *bytes, size_t length)
{
    struct plain plain = {0};
    char *text = malloc(PLAIN_SIZE(length));
    out->bad = out->bad || !text;
    if (!text)
        return NULL;
    size_t n = plain_feed(&plain, bytes, length, text);
    (void)plain_end(&plain, text + n);
    return text;
}

/* The script's time() says the same. */
void out_time(struct out *out, uint64_t us)
{
    uint64_t ms = (us + 500) / 1000, s = ms / 1000;
    if (us < 9950)
        out_format(out, "%" PRIu64 ".%" PRIu64 " ms", (us + 50) / 1000, (us + 50) / 100 % 10);
    else if (ms < 1000)
        out_format(out, "%" PRIu64 " ms", ms);
    else if (ms < 10000)
        out_format(out, "%" PRIu64 ".%02" PRIu64 " s", s, ms % 1000 / 10);
    else if (s < 60)
        out_format(out, "%" PRIu64 ".%" PRIu64 " s", s, ms % 1000 / 100);
    else if (s < 3600)
        out_format(out, "%" PRIu64 " m %02" PRIu64 " s", s / 60, s % 60);
    else
        out_format(out, "%" PRIu64 " h %02" PRIu64 " m", s / 3600, s % 3600 / 60);
}

void out_count(struct out *out, uint64_t number)
{
    char digits[24], text[32];
    int n = snprintf(digits, sizeof digits, "%" PRIu64, number);
    size_t length = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            text[length++] = ',';
        text[length++] = digits[i];
    }
    out_bytes(out, text, length);
}

const char *html_outcome(int32_t outcome)
{
    static const char *const names[] = {
        [HTML_RUNNING] = "running",       [CIPLUG_PASSED] = "passed",   [CIPLUG_FAILED] = "failed",
        [CIPLUG_SIGNALED] = "signaled",   [CIPLUG_TIMEOUT] = "timeout", [CIPLUG_ERROR] = "error",
        [CIPLUG_CANCELLED] = "cancelled", [CIPLUG_SKIPPED] = "skipped",
    };
    return names[outcome];
}
