/* SPDX-License-Identifier: MIT
 *
 * Input: eight bytes that say where to cut, values each with a NUL behind it, an empty one, then a
 * stream.
 */
#include "fuzz.h"
#include "mask.h"

#define STARS "***"

/* The plain way: mark what any value covers, then one "***" for each group that overlaps. */
static void reference(const struct strv *values, const char *text, size_t length,
                      struct strbuf *out)
{
    AUTO_FREE unsigned char *hidden = xcalloc(length + 1, 1); /* 1: hidden, 2: and goes on */
    for (size_t v = 0; v < values->n; v++) {
        size_t n = strlen(values->v[v]);
        for (size_t i = 0; n && i + n <= length; i++) {
            if (memcmp(text + i, values->v[v], n) != 0)
                continue;
            memset(hidden + i, 3, n - 1);
            hidden[i + n - 1] |= 1;
        }
    }
    for (size_t i = 0; i < length; i++) {
        if (!hidden[i])
            strbuf_addch(out, text[i]);
        else if (!(hidden[i] & 2))
            strbuf_addstr(out, STARS);
    }
}

/* The longest end of the text that a value, longer than it, starts with: all that may be held. */
static size_t may_be_held(const struct strv *values, const char *text, size_t length)
{
    size_t most = 0;
    for (size_t v = 0; v < values->n; v++) {
        size_t n = strlen(values->v[v]);
        for (size_t k = n < length + 1 ? n : length + 1; k-- > most + 1;) {
            if (memcmp(text + length - k, values->v[v], k) == 0)
                most = k;
        }
    }
    return most;
}

static void same(const struct strbuf *a, const struct strbuf *b)
{
    HOLDS(a->len == b->len && (a->len == 0 || memcmp(a->buf, b->buf, a->len) == 0));
}

static void in_pieces(const struct mask *mask, const struct strv *values, const char *text,
                      size_t length, uint64_t borders, struct strbuf *out)
{
    struct mask_stream stream = {.mask = mask};
    for (size_t at = 0; at < length;) {
        size_t n = next_piece(&borders, length - at);
        AUTO_FREE char *piece = xmemdup(text + at, n);
        mask_feed(&stream, piece, n, out);
        at += n;
        HOLDS(!mask || stream.position - stream.gone == may_be_held(values, text, at));
    }
    mask_end(&stream, out);
}

/* Stars may make a value that was not there ("a***b"); else none is left. */
static void check_hidden(const struct strv *values, const struct strbuf *out)
{
    for (size_t v = 0; v < values->n; v++) {
        size_t n = strlen(values->v[v]);
        if (n && !strchr(values->v[v], '*'))
            HOLDS(out->len == 0 || !memmem(out->buf, out->len, values->v[v], n));
    }
}

static void check_text(const struct mask *mask, const char *text, const struct strbuf *expected)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    mask_text(mask, text, &out);
    same(&out, expected);
    /* A value of three stars comes out as it was. */
    bool changed = strcmp(text, strbuf_text(expected)) != 0;
    HOLDS(!changed || mask_found(mask, text));
    HOLDS(changed || !mask_found(mask, text) || strstr(text, STARS));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, data + size};
    AUTO_STRV struct strv values = STRV_INIT;
    AUTO_STRBUF struct strbuf expected = STRBUF_INIT;
    uint64_t borders = input_borders(&input);
    for (bool more = true; more;) {
        char *value = input_text(&input);
        more = *value;
        strv_take(&values, value);
    }
    size_t length = input_left(&input);
    AUTO_FREE char *text = xstrndup("", 0);
    text = xrealloc(text, length + 1);
    if (length)
        memcpy(text, input.at, length);
    text[length] = '\0';
    struct mask *mask = mask_new(&values);
    reference(&values, text, length, &expected);
    const uint64_t ways[] = {0, borders, CUT_BYTES};
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        AUTO_STRBUF struct strbuf out = STRBUF_INIT;
        in_pieces(mask, &values, text, length, ways[i], &out);
        same(&out, &expected);
    }
    check_hidden(&values, &expected);
    if (strlen(text) == length)
        check_text(mask, text, &expected);
    mask_free(mask);
    return 0;
}
