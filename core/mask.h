/* SPDX-License-Identifier: MIT
 *
 * Secrets in a stream of bytes become "***", across any borders of reads. Each stream has its own
 * state; bytes that may be the start of a secret are held back until it is clear.
 */
#ifndef CIPLUG_CORE_MASK_H
#define CIPLUG_CORE_MASK_H

#include "strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MASK_MIN 6 /* bytes: shorter values are refused by the plan */

struct mask; /* the set of values; immutable once built */
/* `values` are copied; longer ones win where one is part of another. Values that overlap become one
 * "***" together, so that no rest of either is shown; such that touch become one each. NULL or
 * empty: NULL is returned, which all functions take as "nothing to mask". */
struct mask *mask_new(const struct strv *values);
void mask_free(struct mask *mask);

struct mask_span {
    uint64_t start, end; /* positions in the stream */
};

/* Start with {.mask = mask}; all else is the stream's own. */
struct mask_stream {
    const struct mask *mask; /* borrowed */
    struct strbuf held;      /* the bytes up to `position`; those before `gone` are out */
    uint64_t position, gone;
    uint64_t covered; /* to here reaches the value whose stars went out last */
    uint32_t state;
    struct mask_span *spans; /* found, but not out: a longer one may hold them */
    size_t n_spans, alloc_spans;
};
/* Append to `out` what is certain of `data`; linear time. Held back is only what may be the start
 * of a value. */
void mask_feed(struct mask_stream *stream, const void *data, size_t length, struct strbuf *out);
/* End of stream: what was held back goes out, and the stream's memory is given back. */
void mask_end(struct mask_stream *stream, struct strbuf *out);
/* A whole text at once, e.g. for messages and reasons. */
void mask_text(const struct mask *mask, const char *text, struct strbuf *out);
/* Likewise of a text in which the byte `cut` stands where something was cut off: what may be the
 * beginning of a value there is left out too, and "..." put in its place. */
void mask_cut_text(const struct mask *mask, const char *text, char cut, struct strbuf *out);
/* Likewise in place of *text, an allocated one or NULL. */
void mask_replace(const struct mask *mask, char **text);
/* Whether `text` holds one of the values. */
bool mask_found(const struct mask *mask, const char *text);

#endif
