/* SPDX-License-Identifier: MIT
 *
 * Input: eight bytes that say where to cut, then a stream. The nonce is 0123456789abcdef.
 */
#include "fuzz.h"
#include "trailer.h"

#define NONCE "0123456789abcdef"
#define BEGIN                                                                                      \
    "\x1e"                                                                                         \
    "ciplug-begin " NONCE "\n"
#define HEAD                                                                                       \
    "\x1e"                                                                                         \
    "ciplug-end " NONCE " "

/* All that an end mark may begin with up to its last number, and all that this may be. */
static const struct strv *codes(void)
{
    static struct strv all;
    for (int code = 0; code < 256 && all.n < 256; code++)
        strv_take(&all, xasprintf(HEAD "exit %d left ", code));
    return &all;
}

static const struct strv *lefts(void)
{
    static struct strv all;
    for (int left = 0; left < 10000 && all.n < 10000; left++)
        strv_take(&all, xasprintf("%d\n", left));
    return &all;
}

struct ending {
    size_t length; /* last bytes of the stream that a mark may start with */
    bool whole;
    struct trailer_status status;
};

/* The first of the list that begins with the text, or its number in *which if it is all of it. */
static bool begins_one(const struct strv *all, const char *text, size_t length, int *which)
{
    *which = -1;
    for (size_t i = 0; i < all->n; i++) {
        size_t whole = strlen(all->v[i]);
        if (length > whole || memcmp(all->v[i], text, length) != 0)
            continue;
        *which = length == whole ? (int)i : -1;
        return true;
    }
    return false;
}

static bool is_ending(const char *text, size_t length, struct ending *ending)
{
    int which;
    *ending = (struct ending){.length = length};
    if (begins_one(codes(), text, length, &which))
        return true;
    for (size_t i = 0; i < codes()->n; i++) {
        size_t n = strlen(codes()->v[i]);
        if (length <= n || memcmp(codes()->v[i], text, n) != 0)
            continue;
        if (!begins_one(lefts(), text + n, length - n, &which))
            return false;
        ending->whole = which >= 0;
        ending->status = (struct trailer_status){(int)i, (unsigned)which};
        return true;
    }
    return false;
}

/* The slow way, for each start; none is longer than 64 bytes. */
static struct ending ending(const char *text, size_t length, bool begun)
{
    struct ending found;
    for (size_t at = length > 64 ? length - 64 : 0; at < length; at++) {
        size_t n = length - at;
        bool begin = n < strlen(BEGIN) && memcmp(BEGIN, text + at, n) == 0;
        if (!begun && begin)
            return (struct ending){.length = n};
        if (begun && text[at] == HEAD[0] && is_ending(text + at, n, &found))
            return found;
    }
    return (struct ending){0};
}

/* Where the output starts in what was read so far. */
static const char *output_start(const char *text, size_t length)
{
    return length ? memmem(text, length, BEGIN, strlen(BEGIN)) : NULL;
}

/* All that was read so far is in its place. */
static void check(const struct trailer *trailer, const struct strbuf *out, const char *text,
                  size_t length, bool ended)
{
    const char *begin = output_start(text, length);
    const char *start = begin ? begin + strlen(BEGIN) : text;
    struct ending held = ending(start, length - (size_t)(start - text), begin);
    size_t kept = ended && !held.whole ? 0 : held.length;
    size_t n_out = begin ? length - kept - (size_t)(start - text) : 0;
    size_t n_before = begin ? (size_t)(begin - text) : length - kept;
    size_t n_last = n_before < TRAILER_BEFORE_MAX ? n_before : TRAILER_BEFORE_MAX;
    HOLDS(trailer_begun(trailer) == (begin != NULL));
    HOLDS(out->len == n_out && (!n_out || memcmp(out->buf, start, n_out) == 0));
    HOLDS(trailer->before.len == n_last);
    HOLDS(!n_last || memcmp(trailer->before.buf, text + n_before - n_last, n_last) == 0);
    if (ended)
        return;
    struct trailer_status status;
    HOLDS(trailer_whole(trailer, &status) == held.whole);
    HOLDS(!held.whole ||
          (status.exit_code == held.status.exit_code && status.left == held.status.left));
}

static void read_all(const char *text, size_t length, uint64_t borders)
{
    struct trailer trailer;
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    trailer_init(&trailer, NONCE);
    for (size_t at = 0; at < length;) {
        size_t n = next_piece(&borders, length - at);
        AUTO_FREE char *piece = xmemdup(text + at, n);
        trailer_feed(&trailer, piece, n, &out);
        at += n;
        check(&trailer, &out, text, at, false);
    }
    bool whole = trailer_whole(&trailer, NULL);
    HOLDS(trailer_end(&trailer, &out, NULL) == whole);
    check(&trailer, &out, text, length, true);
    trailer_free(&trailer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, data + size};
    uint64_t borders = input_borders(&input);
    const uint64_t ways[] = {0, borders, CUT_BYTES};
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
        read_all((const char *)input.at, input_left(&input), ways[i]);
    return 0;
}
