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

#define MASK_MIN 6 /* bytes: shorter values are refused by the plan */

struct mask; /* the set of values; immutable once built */
/* `values` are copied; longer ones win where one is part of another. NULL or empty: NULL is
 * returned, which all functions take as "nothing to mask". */
struct mask *mask_new(const struct strv *values);
void mask_free(struct mask *mask);

struct mask_stream {
    const struct mask *mask; /* borrowed */
    struct strbuf held;
};
/* Append to `out` what is certain of `data`; linear time. */
void mask_feed(struct mask_stream *stream, const void *data, size_t length, struct strbuf *out);
/* End of stream: what was held back goes out, and the stream's memory is given back. */
void mask_end(struct mask_stream *stream, struct strbuf *out);
/* A whole text at once, e.g. for messages and reasons. */
void mask_text(const struct mask *mask, const char *text, struct strbuf *out);
/* Whether `text` holds one of the values: such a word may not stand in an argv. */
bool mask_found(const struct mask *mask, const char *text);

#endif
