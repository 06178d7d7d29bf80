/* SPDX-License-Identifier: MIT */
#include "trailer.h"
#include "util.h"

#include <stdio.h>
#include <string.h>

/* Stands nowhere else in a mark: so none can start within another, and a byte that does not fit
 * lets go of all that was held. */
#define START '\x1e'

enum fit { FIT_NOT, FIT_PART, FIT_WHOLE };

static size_t mark(char *buf, size_t size, const char *word, const char *nonce, char end)
{
    return (size_t)snprintf(buf, size, "%c%s %.*s%c", START, word, TRAILER_NONCE_MAX, nonce, end);
}

void trailer_init(struct trailer *trailer, const char *nonce)
{
    *trailer = (struct trailer){0};
    trailer->n_begin = mark(trailer->begin, sizeof trailer->begin, "ciplug-begin", nonce, '\n');
    trailer->n_head = mark(trailer->head, sizeof trailer->head, "ciplug-end", nonce, ' ');
}

void trailer_free(struct trailer *trailer)
{
    strbuf_free(&trailer->before);
}

/* The start of `text` is what there is of `whole`: true, and the rest is what stands behind it. */
static enum fit fit_word(const char *word, const char **text, const char *end)
{
    size_t n = strlen(word), left = (size_t)(end - *text);
    if (memcmp(*text, word, left < n ? left : n) != 0)
        return FIT_NOT;
    *text += left < n ? left : n;
    return left < n ? FIT_PART : FIT_WHOLE;
}

/* A number without leading zeros and the byte behind it. */
static enum fit fit_number(int most, char behind, int *number, const char **text, const char *end)
{
    const char *start = *text;
    *number = 0;
    while (*text < end) {
        char byte = *(*text)++;
        if (byte == behind)
            return *text - start > 1 ? FIT_WHOLE : FIT_NOT;
        if (byte < '0' || byte > '9' || (*text - start > 1 && *number == 0))
            return FIT_NOT;
        *number = *number * 10 + (byte - '0');
        if (*number > most)
            return FIT_NOT;
    }
    return FIT_PART;
}

/* What stands behind the head. */
static enum fit fit_status(const char *text, const char *end, struct trailer_status *status)
{
    int code = 0, left = 0;
    enum fit fit = fit_word("exit ", &text, end);
    if (fit == FIT_WHOLE)
        fit = fit_number(255, ' ', &code, &text, end);
    if (fit == FIT_WHOLE)
        fit = fit_word("left ", &text, end);
    if (fit == FIT_WHOLE)
        fit = fit_number(9999, '\n', &left, &text, end);
    *status = (struct trailer_status){code, (unsigned)left};
    return fit == FIT_WHOLE && text < end ? FIT_NOT : fit;
}

static enum fit fit_held(const struct trailer *trailer, struct trailer_status *status)
{
    const char *whole = trailer->begun ? trailer->head : trailer->begin;
    size_t n = trailer->begun ? trailer->n_head : trailer->n_begin;
    if (memcmp(trailer->held, whole, trailer->n_held < n ? trailer->n_held : n) != 0)
        return FIT_NOT;
    if (trailer->n_held < n)
        return FIT_PART;
    if (!trailer->begun)
        return FIT_WHOLE;
    return fit_status(trailer->held + n, trailer->held + trailer->n_held, status);
}

/* What certainly is no mark. */
static void give(struct trailer *trailer, const char *bytes, size_t n, struct strbuf *out)
{
    if (trailer->begun) {
        strbuf_add(out, bytes, n);
        return;
    }
    struct strbuf *before = &trailer->before;
    strbuf_add(before, bytes, n);
    if (before->len > TRAILER_BEFORE_MAX) {
        memmove(before->buf, before->buf + before->len - TRAILER_BEFORE_MAX, TRAILER_BEFORE_MAX);
        strbuf_cut(before, TRAILER_BEFORE_MAX);
    }
}

/* Take one byte that may belong to a mark. */
static void take(struct trailer *trailer, char byte, struct strbuf *out)
{
    struct trailer_status status;
    trailer->held[trailer->n_held++] = byte;
    enum fit fit = fit_held(trailer, &status);
    if (fit == FIT_WHOLE && !trailer->begun) {
        trailer->begun = true;
        trailer->n_held = 0;
    } else if (fit == FIT_NOT) {
        size_t n = byte == START ? trailer->n_held - 1 : trailer->n_held;
        give(trailer, trailer->held, n, out);
        trailer->held[0] = START;
        trailer->n_held = byte == START ? 1 : 0;
    }
}

void trailer_feed(struct trailer *trailer, const void *data, size_t length, struct strbuf *out)
{
    const char *bytes = data, *end = bytes + length;
    while (bytes < end) {
        if (trailer->n_held) {
            take(trailer, *bytes++, out);
            continue;
        }
        const char *start = memchr(bytes, START, (size_t)(end - bytes));
        const char *stop = start ? start : end;
        give(trailer, bytes, (size_t)(stop - bytes), out);
        if (start)
            trailer->held[trailer->n_held++] = *stop++;
        bytes = stop;
    }
}

bool trailer_begun(const struct trailer *trailer)
{
    return trailer->begun;
}

bool trailer_whole(const struct trailer *trailer, struct trailer_status *status)
{
    struct trailer_status found;
    if (trailer->n_held == 0 || fit_held(trailer, &found) != FIT_WHOLE)
        return false;
    if (status)
        *status = found;
    return true;
}

bool trailer_end(struct trailer *trailer, struct strbuf *out, struct trailer_status *status)
{
    bool whole = trailer_whole(trailer, status);
    give(trailer, trailer->held, whole ? 0 : trailer->n_held, out);
    trailer->n_held = 0;
    return whole;
}
