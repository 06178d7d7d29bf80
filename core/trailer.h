/* SPDX-License-Identifier: MIT
 *
 * The marks in a remote command's stream, as its guard writes them: a line in front of all of its
 * output, and one behind it that says how the command ended. docs/guard.md has the format.
 *
 * Bytes in; out come those that certainly are output, exact for any borders of reads. What stands
 * in front of the begin mark is the client's: its last bytes are kept in `before`. An end mark
 * counts only where nothing follows it. One that is torn, has another nonce or an impossible
 * status, or has bytes behind it, is output like any other.
 */
#ifndef CIPLUG_CORE_TRAILER_H
#define CIPLUG_CORE_TRAILER_H

#include "strbuf.h"

#include <stdbool.h>
#include <stddef.h>

#define TRAILER_NONCE_MAX  64
#define TRAILER_BEFORE_MAX 4096

struct trailer {
    char begin[TRAILER_NONCE_MAX + 24];     /* the mark in front */
    char head[TRAILER_NONCE_MAX + 24];      /* the part of the end mark that never differs */
    char held[TRAILER_NONCE_MAX + 24 + 24]; /* may become a mark, or is one */
    size_t n_begin, n_head, n_held;
    bool begun;
    struct strbuf before;
};

struct trailer_status {
    int exit_code; /* 0 to 255 */
    unsigned left; /* processes that the command had left behind, 0 to 9999 */
};

/* `nonce`: 1 to TRAILER_NONCE_MAX letters and digits that the command cannot guess. */
void trailer_init(struct trailer *trailer, const char *nonce);
void trailer_free(struct trailer *trailer);
/* Append to `out` what is certain of `data`. */
void trailer_feed(struct trailer *trailer, const void *data, size_t length, struct strbuf *out);
/* Whether the begin mark was there: only then the command may have started. */
bool trailer_begun(const struct trailer *trailer);
/* Whether the stream ends with a trailer, if it ends here: *status (may be NULL) is how the command
 * ended. */
bool trailer_whole(const struct trailer *trailer, struct trailer_status *status);
/* End of stream: what was held back goes out (or to `before`), unless it is a trailer. True: it
 * is. */
bool trailer_end(struct trailer *trailer, struct strbuf *out, struct trailer_status *status);

#endif
