/* SPDX-License-Identifier: MIT
 *
 * An Aho-Corasick automaton over all values. A state is the longest end of the text so far that is
 * the start of a value. Edges are lists of siblings, since values have up to 64 KiB and a table for
 * each state would not fit.
 */
#include "mask.h"
#include "safeguard.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

#define STARS "***"

struct node {
    uint32_t child, sibling; /* 0: none; the root is nobody's child */
    uint32_t fail;           /* the longest proper end of this that is also a start */
    uint32_t found;          /* length of the longest value that ends here; 0: none */
    uint32_t alive;          /* bytes at the end of the text that may yet grow into a value */
    unsigned char byte;
};

struct mask {
    struct node *nodes; /* [0] is the root */
    size_t n, alloc;
    uint32_t first[256]; /* the root's edges */
};

static uint32_t edge(const struct mask *mask, uint32_t state, unsigned char byte)
{
    if (state == 0)
        return mask->first[byte];
    uint32_t next = mask->nodes[state].child;
    while (next && mask->nodes[next].byte != byte)
        next = mask->nodes[next].sibling;
    return next;
}

static uint32_t add_edge(struct mask *mask, uint32_t state, unsigned char byte)
{
    ARRAY_GROW(mask->nodes, mask->n + 1, mask->alloc);
    uint32_t next = (uint32_t)mask->n++;
    mask->nodes[next] = (struct node){.byte = byte, .sibling = mask->nodes[state].child};
    mask->nodes[state].child = next;
    if (state == 0)
        mask->first[byte] = next;
    return next;
}

static void add_value(struct mask *mask, const char *value)
{
    uint32_t state = 0, length = 0;
    for (; value[length]; length++) {
        unsigned char byte = (unsigned char)value[length];
        uint32_t next = edge(mask, state, byte);
        state = next ? next : add_edge(mask, state, byte);
    }
    mask->nodes[state].found = length;
}

static uint32_t step(const struct mask *mask, uint32_t state, unsigned char byte)
{
    uint32_t next = edge(mask, state, byte);
    while (!next && state) {
        state = mask->nodes[state].fail;
        next = edge(mask, state, byte);
    }
    return next;
}

/* What follows from the states that are ends of this one; those come first in order of length. */
static void link_node(struct mask *mask, uint32_t parent, uint32_t state, uint32_t depth)
{
    struct node *node = &mask->nodes[state];
    node->fail = parent ? step(mask, mask->nodes[parent].fail, node->byte) : 0;
    const struct node *shorter = &mask->nodes[node->fail];
    if (!node->found)
        node->found = shorter->found;
    node->alive = node->child ? depth : shorter->alive;
}

static void link_nodes(struct mask *mask)
{
    AUTO_FREE uint32_t *queue = xcalloc(mask->n, sizeof *queue);
    size_t head = 0, tail = 1, level = 1;
    for (uint32_t depth = 1; head < tail; depth++, level = tail) {
        for (; head < level; head++) {
            uint32_t child = mask->nodes[queue[head]].child;
            for (; child; child = mask->nodes[child].sibling) {
                link_node(mask, queue[head], child, depth);
                queue[tail++] = child;
            }
        }
    }
}

struct mask *mask_new(const struct strv *values)
{
    struct mask *mask = NULL;
    for (size_t i = 0; values && i < values->n; i++) {
        if (!*values->v[i])
            continue;
        if (!mask) {
            mask = xcalloc(1, sizeof *mask);
            ARRAY_GROW(mask->nodes, 1, mask->alloc);
            mask->n = 1;
        }
        add_value(mask, values->v[i]);
    }
    if (mask)
        link_nodes(mask);
    return mask;
}

void mask_free(struct mask *mask)
{
    if (!mask)
        return;
    free(mask->nodes);
    free(mask);
}

/* A value was found: its place joins those that it overlaps, so that no part of any is left. */
static void add_span(struct mask_stream *stream, uint64_t start, uint64_t end)
{
    while (stream->n_spans && stream->spans[stream->n_spans - 1].end > start) {
        uint64_t other = stream->spans[--stream->n_spans].start;
        start = other < start ? other : start;
    }
    if (start < stream->covered) { /* overlaps one whose stars are out already */
        stream->covered = end;
        return;
    }
    ARRAY_GROW(stream->spans, stream->n_spans + 1, stream->alloc_spans);
    stream->spans[stream->n_spans++] = (struct mask_span){start, end};
}

/* Bytes up to `end` that no value hides. */
static void put_bytes(struct mask_stream *stream, uint64_t end, struct strbuf *out)
{
    if (stream->covered > stream->gone) {
        uint64_t hidden = stream->covered < end ? stream->covered : end;
        stream->gone = hidden > stream->gone ? hidden : stream->gone;
    }
    if (end > stream->gone) {
        size_t offset = stream->held.len - (size_t)(stream->position - stream->gone);
        strbuf_add(out, stream->held.buf + offset, (size_t)(end - stream->gone));
        stream->gone = end;
    }
}

/* Give back the room of what is gone, once it is most of what is held. */
static void compact(struct mask_stream *stream)
{
    size_t left = (size_t)(stream->position - stream->gone);
    if (left > stream->held.len / 2)
        return;
    if (left)
        memmove(stream->held.buf, stream->held.buf + stream->held.len - left, left);
    strbuf_cut(&stream->held, left);
}

/* No value that is yet to be found starts before `certain`: what stands there goes out. */
static void put_certain(struct mask_stream *stream, uint64_t certain, struct strbuf *out)
{
    size_t done = 0;
    for (; done < stream->n_spans && stream->spans[done].start < certain; done++) {
        put_bytes(stream, stream->spans[done].start, out);
        strbuf_addstr(out, STARS);
        stream->covered = stream->spans[done].end;
    }
    put_bytes(stream, certain, out);
    stream->n_spans -= done;
    if (done && stream->n_spans)
        memmove(stream->spans, stream->spans + done, stream->n_spans * sizeof *stream->spans);
    compact(stream);
}

/* The bytes at `data` that cannot start a value go through untouched. */
static size_t pass(struct mask_stream *stream, const unsigned char *data, size_t length,
                   struct strbuf *out)
{
    size_t n = 0;
    while (n < length && !stream->mask->first[data[n]])
        n++;
    if (n)
        strbuf_add(out, data, n);
    stream->position += n;
    stream->gone = stream->position;
    return n;
}

void mask_feed(struct mask_stream *stream, const void *data, size_t length, struct strbuf *out)
{
    const unsigned char *bytes = data;
    if (!stream->mask) {
        strbuf_add(out, data, length);
        return;
    }
    const struct node *nodes = stream->mask->nodes;
    for (size_t i = 0; i < length;) {
        if (stream->state == 0 && stream->gone == stream->position)
            i += pass(stream, bytes + i, length - i, out);
        if (i == length)
            break;
        strbuf_addch(&stream->held, (char)bytes[i]);
        stream->position++;
        stream->state = step(stream->mask, stream->state, bytes[i++]);
        uint32_t found = nodes[stream->state].found;
        if (found)
            add_span(stream, stream->position - found, stream->position);
        if (nodes[stream->state].alive == 0)
            put_certain(stream, stream->position, out);
    }
    put_certain(stream, stream->position - nodes[stream->state].alive, out);
}

void mask_end(struct mask_stream *stream, struct strbuf *out)
{
    if (stream->mask)
        put_certain(stream, stream->position, out);
    strbuf_free(&stream->held);
    free(stream->spans);
    *stream = (struct mask_stream){.mask = stream->mask};
}

void mask_text(const struct mask *mask, const char *text, struct strbuf *out)
{
    struct mask_stream stream = {.mask = mask};
    mask_feed(&stream, text, strlen(text), out);
    mask_end(&stream, out);
}

void mask_cut_text(const struct mask *mask, const char *text, char cut, struct strbuf *out)
{
    const char stop[] = {cut, '\0'};
    struct mask_stream stream = {.mask = mask};
    for (size_t n; *text; text += n) {
        n = strcspn(text, stop);
        mask_feed(&stream, text, n, out);
        if (!text[n])
            break;
        AUTO_STRBUF struct strbuf rest = STRBUF_INIT;
        mask_end(&stream, SAFEGUARD(half_secrets) ? &rest : out);
        strbuf_addstr(out, "...");
        n++;
    }
    mask_end(&stream, out);
}

void mask_replace(const struct mask *mask, char **text)
{
    if (!*text || !mask_found(mask, *text))
        return;
    struct strbuf masked = STRBUF_INIT;
    mask_text(mask, *text, &masked);
    free(*text);
    *text = strbuf_detach(&masked);
}

bool mask_found(const struct mask *mask, const char *text)
{
    uint32_t state = 0;
    for (; mask && *text; text++) {
        state = step(mask, state, (unsigned char)*text);
        if (mask->nodes[state].found)
            return true;
    }
    return false;
}
