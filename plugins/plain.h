/* SPDX-License-Identifier: MIT
 *
 * Bytes of others made plain for a document: UTF-8 with nothing but characters that XML 1.0 allows.
 * Escape sequences of terminals are left out, a carriage return becomes the end of a line, and each
 * byte that is no UTF-8 or stands for a character that is forbidden becomes U+FFFD.
 */
#ifndef CIPLUG_PLUGINS_PLAIN_H
#define CIPLUG_PLUGINS_PLAIN_H

#include <stddef.h>

/* Where a stream of bytes is; start zeroed. */
struct plain {
    int state;
    unsigned char held[4]; /* of a character that is not complete */
    size_t n_held;
    int cr; /* the last byte was a carriage return */
};

/* How many bytes plain_feed() and plain_end() may write for `length` bytes, with the NUL. */
#define PLAIN_SIZE(length) (3 * (length) + 16)

/* Sequences and characters may be cut anywhere between two calls. `out` is closed by a NUL; its
 * length is returned. */
size_t plain_feed(struct plain *plain, const char *bytes, size_t length, char *out);
/* What was held back. */
size_t plain_end(struct plain *plain, char *out);

#endif
