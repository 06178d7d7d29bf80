/* SPDX-License-Identifier: MIT */
#include "marked.h"
#include "safeguard.h"
#include "util.h"

#include <string.h>

#define START '\x1e'
/* Less than a trailer keeps of what stands in front of it, so that the mask sees all of it. */
#define PIECE    ((size_t)2048)
#define SAID_MAX ((size_t)16384)

void marked_init(struct marked *marked, const char *nonce, bool merged, const struct mask *mask)
{
    *marked = (struct marked){.merged = merged, .masks = {{.mask = mask}, {.mask = mask}}};
    trailer_init(&marked->trailers[0], nonce);
    trailer_init(&marked->trailers[1], nonce);
}

void marked_free(struct marked *marked)
{
    for (size_t i = 0; i < ARRAY_SIZE(marked->trailers); i++) {
        struct strbuf rest = STRBUF_INIT;
        trailer_free(&marked->trailers[i]);
        mask_end(&marked->masks[i], &rest);
        strbuf_free(&rest);
    }
    strbuf_free(&marked->said);
}

/* Masked before it is cut: half a secret is not known as one any more. */
void marked_says(struct marked *marked, int stream, const void *data, size_t length)
{
    struct strbuf *said = &marked->said;
    mask_feed(&marked->masks[stream - 1], data, length, said);
    if (said->len > 2 * SAID_MAX) {
        memmove(said->buf, said->buf + said->len - SAID_MAX, SAID_MAX);
        strbuf_cut(said, SAID_MAX);
    }
}

/* How many bytes of the standard error to feed at once so that none is fed behind a trailer, since
 * clients like to add a word of their own: such without the start of one, or up to the end of the
 * line. `within`: one may have started before. */
static size_t piece_of(const char *bytes, size_t length, bool within)
{
    const char *end = memchr(bytes, within || *bytes == START ? '\n' : START, length);
    if (!end)
        return length;
    return (size_t)(end - bytes) + (*end == '\n');
}

void marked_feed(struct marked *marked, int stream, const void *data, size_t length,
                 struct strbuf *out)
{
    struct trailer *trailer = &marked->trailers[stream - 1];
    const char *bytes = data;
    bool within = true;
    while (length > 0) {
        if (stream == 2 &&
            (marked->merged || (trailer_whole(trailer, NULL) && SAFEGUARD(clients_words_behind)))) {
            marked_says(marked, 2, bytes, length);
            return;
        }
        size_t n = trailer_begun(trailer) || length < PIECE ? length : PIECE;
        if (stream == 2)
            n = piece_of(bytes, n, within);
        trailer_feed(trailer, bytes, n, out);
        marked_says(marked, stream, strbuf_text(&trailer->before), trailer->before.len);
        strbuf_clear(&trailer->before);
        within = bytes[n - 1] != '\n';
        bytes += n;
        length -= n;
    }
}

bool marked_begun(const struct marked *marked)
{
    return trailer_begun(&marked->trailers[0]);
}

bool marked_whole(const struct marked *marked, struct trailer_status *status)
{
    struct trailer_status out, err;
    if (!trailer_whole(&marked->trailers[0], &out))
        return false;
    if (!marked->merged && SAFEGUARD(both_trailers) &&
        (!trailer_whole(&marked->trailers[1], &err) || err.exit_code != out.exit_code ||
         err.left != out.left))
        return false;
    if (status)
        *status = out;
    return true;
}

void marked_end(struct marked *marked, int stream, struct strbuf *out)
{
    struct trailer *trailer = &marked->trailers[stream - 1];
    AUTO_STRBUF struct strbuf rest = STRBUF_INIT;
    trailer_end(trailer, out ? out : &rest, NULL);
    marked_says(marked, stream, strbuf_text(&trailer->before), trailer->before.len);
    marked_says(marked, stream, strbuf_text(&rest), rest.len);
    mask_end(&marked->masks[stream - 1], &marked->said);
}

void marked_said(const struct marked *marked, char *text, size_t size)
{
    const char *from = strbuf_text(&marked->said);
    size_t n = marked->said.len;
    if (n >= size) {
        from += n - (size - 1);
        n = size - 1;
        const char *line = memchr(from, '\n', n);
        if (line && line + 1 < from + n) {
            n -= (size_t)(line + 1 - from);
            from = line + 1;
        }
    }
    for (size_t i = 0; i < n; i++)
        text[i] = from[i] ? from[i] : ' ';
    text[n] = '\0';
}
