/* SPDX-License-Identifier: MIT */
#include "trailer.h"
#include "util.h"

#include <stdio.h>
#include <string.h>

/* Stands nowhere else in a trailer: so none can start within another, and a byte that does not fit
 * lets go of all that was held. */
#define START '\x1e'

static const struct {
    const char *word;
    int least, most;
} kinds[] = {{"exit ", 0, 255}, {"signal ", 1, 64}};

enum fit { FIT_NOT, FIT_PART, FIT_WHOLE };

void trailer_init(struct trailer *trailer, const char *nonce)
{
    *trailer = (struct trailer){0};
    int n = snprintf(trailer->head, sizeof trailer->head, "%cciplug-end %.*s ", START,
                     TRAILER_NONCE_MAX, nonce);
    trailer->n_head = (size_t)n;
}

/* A number without leading zeros and a newline. */
static enum fit fit_number(const char *text, size_t length, int most, int *number)
{
    *number = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n')
            return i > 0 && i + 1 == length ? FIT_WHOLE : FIT_NOT;
        if (text[i] < '0' || text[i] > '9' || (i > 0 && *number == 0))
            return FIT_NOT;
        *number = *number * 10 + (text[i] - '0');
        if (*number > most)
            return FIT_NOT;
    }
    return FIT_PART;
}

/* What stands behind the head. */
static enum fit fit_status(const char *text, size_t length, struct trailer_status *status)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        size_t n = strlen(kinds[i].word);
        if (memcmp(text, kinds[i].word, length < n ? length : n) != 0)
            continue;
        if (length <= n)
            return FIT_PART;
        int number;
        enum fit fit = fit_number(text + n, length - n, kinds[i].most, &number);
        /* No number that is too small goes on to a larger one: there is only 0. */
        if (number < kinds[i].least)
            return FIT_NOT;
        *status = i == 0 ? (struct trailer_status){number, 0} : (struct trailer_status){-1, number};
        return fit;
    }
    return FIT_NOT;
}

static enum fit fit_held(const struct trailer *trailer, struct trailer_status *status)
{
    size_t n = trailer->n_head;
    if (trailer->n_held > n)
        return fit_status(trailer->held + n, trailer->n_held - n, status);
    bool same = memcmp(trailer->held, trailer->head, trailer->n_held) == 0;
    return same ? FIT_PART : FIT_NOT;
}

static void let_go(struct trailer *trailer, size_t n, struct strbuf *out)
{
    strbuf_add(out, trailer->held, n);
    trailer->n_held = 0;
}

/* Take one byte that may belong to a trailer. */
static void take(struct trailer *trailer, char byte, struct strbuf *out)
{
    struct trailer_status status;
    trailer->held[trailer->n_held++] = byte;
    if (fit_held(trailer, &status) != FIT_NOT)
        return;
    let_go(trailer, trailer->n_held - 1, out);
    if (byte == START)
        trailer->held[trailer->n_held++] = byte;
    else
        strbuf_addch(out, byte);
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
        strbuf_add(out, bytes, (size_t)(stop - bytes));
        if (start)
            trailer->held[trailer->n_held++] = *stop++;
        bytes = stop;
    }
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
    let_go(trailer, whole ? 0 : trailer->n_held, out);
    return whole;
}
