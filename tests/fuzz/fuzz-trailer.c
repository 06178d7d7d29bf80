/* SPDX-License-Identifier: MIT
 *
 * Input: eight bytes that say where to cut, then a stream. The nonce is 0123456789abcdef.
 */
#include "fuzz.h"
#include "trailer.h"

#define HEAD                                                                                       \
    "\x1e"                                                                                         \
    "ciplug-end 0123456789abcdef "

/* All trailers that there are. */
static const struct strv *trailers(void)
{
    static struct strv all;
    for (int code = 0; code < 256 && all.n < 256; code++)
        strv_take(&all, xasprintf(HEAD "exit %d\n", code));
    for (int signal = 1; signal <= 64 && all.n < 256 + 64; signal++)
        strv_take(&all, xasprintf(HEAD "signal %d\n", signal));
    return &all;
}

/* The last bytes of a stream that a trailer may start with, and whether they are one: its number in
 * the list, or -1. The slow way, for each start; none is longer than 64 bytes. */
static size_t ending(const char *text, size_t length, int *which)
{
    const struct strv *all = trailers();
    *which = -1;
    for (size_t at = length > 64 ? length - 64 : 0; at < length; at++) {
        if (text[at] != HEAD[0])
            continue;
        size_t n = length - at;
        for (size_t i = 0; i < all->n; i++) {
            size_t whole = strlen(all->v[i]);
            if (n > whole || memcmp(all->v[i], text + at, n) != 0)
                continue;
            if (n == whole)
                *which = (int)i;
            return n;
        }
    }
    return 0;
}

static void check_status(const struct trailer_status *status, int which)
{
    if (which < 256)
        HOLDS(status->exit_code == which && status->signal == 0);
    else
        HOLDS(status->exit_code == -1 && status->signal == which - 255);
}

static bool read_all(const char *text, size_t length, uint64_t borders, struct strbuf *out,
                     struct trailer_status *status)
{
    struct trailer trailer;
    trailer_init(&trailer, "0123456789abcdef");
    for (size_t at = 0; at < length;) {
        size_t n = next_piece(&borders, length - at);
        AUTO_FREE char *piece = xmemdup(text + at, n);
        size_t before = out->len;
        trailer_feed(&trailer, piece, n, out);
        at += n;
        int which;
        size_t held = ending(text, at, &which);
        HOLDS(out->len == at - held && out->len >= before);
        HOLDS(out->len == before ||
              memcmp(out->buf + before, text + before, out->len - before) == 0);
        HOLDS(trailer_whole(&trailer, NULL) == (which >= 0));
    }
    return trailer_end(&trailer, out, status);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, data + size};
    uint64_t borders = input_borders(&input);
    const char *text = (const char *)input.at;
    size_t length = input_left(&input);
    const uint64_t ways[] = {0, borders, CUT_BYTES};
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        AUTO_STRBUF struct strbuf out = STRBUF_INIT;
        struct trailer_status status;
        int which;
        size_t held = ending(text, length, &which);
        bool found = read_all(text, length, ways[i], &out, &status);
        HOLDS(found == (which >= 0));
        if (found)
            check_status(&status, which);
        size_t expected = found ? length - held : length;
        HOLDS(out.len == expected && (!expected || memcmp(out.buf, text, expected) == 0));
    }
    return 0;
}
