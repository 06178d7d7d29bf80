/* SPDX-License-Identifier: MIT */
#include "text.h"
#include "plain.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_add(struct text *text, const char *bytes, size_t length)
{
    if (text->failed || length == 0)
        return;
    if (length >= text->size - text->length) {
        size_t size = text->size ? text->size : 256;
        while (size && length >= size - text->length)
            size = size > SIZE_MAX / 2 ? 0 : 2 * size;
        char *more = size ? realloc(text->bytes, size) : NULL;
        text->failed = !more;
        if (!more)
            return;
        text->bytes = more;
        text->size = size;
    }
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

void text_put(struct text *text, const char *string)
{
    text_add(text, string, strlen(string));
}

void text_format(struct text *text, const char *format, ...)
{
    char piece[256];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(piece, sizeof piece, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof piece)
        text->failed = true;
    else
        text_add(text, piece, (size_t)n);
}

/* U+202A to U+202E and U+2066 to U+2069. */
static bool turns_direction(const char *c)
{
    const unsigned char *p = (const unsigned char *)c;
    if (p[0] != 0xe2)
        return false;
    return (p[1] == 0x80 && p[2] >= 0xaa && p[2] <= 0xae) ||
           (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9);
}

static void on_one_line(char *plain)
{
    for (char *c = plain; *c; c++) {
        if (*c == '\n' || *c == '\t')
            *c = ' ';
        else if (turns_direction(c))
            memcpy(c, "\xef\xbf\xbd", 3);
    }
}

void text_plain(struct text *text, const char *bytes, size_t most)
{
    struct plain plain = {0};
    /* What is not looked at cannot cost anything. */
    size_t length = strnlen(bytes, 4 * most + 1);
    char *out = malloc(PLAIN_SIZE(length));
    if (!out) {
        text->failed = true;
        return;
    }
    size_t n = plain_feed(&plain, bytes, length, out);
    n += plain_end(&plain, out + n);
    on_one_line(out);
    bool cut = n > most;
    if (cut) {
        n = most;
        while (n > 0 && ((unsigned char)out[n] & 0xc0) == 0x80)
            n--;
    }
    text_add(text, out, n);
    text_put(text, cut ? "..." : "");
    free(out);
}

void text_cut(struct text *text, size_t length)
{
    if (length >= text->length)
        return;
    text->length = length;
    text->bytes[length] = '\0';
}

const char *text_string(const struct text *text)
{
    return text->bytes ? text->bytes : "";
}

void text_free(struct text *text)
{
    free(text->bytes);
    *text = (struct text){0};
}
