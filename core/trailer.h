/* SPDX-License-Identifier: MIT
 *
 * The end of a remote command's stream, as its guard writes it: a line that says how the command
 * ended, behind all of its output. docs/guard.md has the format.
 *
 * Bytes in; out come those that certainly are no trailer, exact for any borders of reads. A trailer
 * counts only where nothing follows it. One that is torn, has another nonce or an impossible
 * status, or has bytes behind it, is output like any other.
 */
#ifndef CIPLUG_CORE_TRAILER_H
#define CIPLUG_CORE_TRAILER_H

#include "strbuf.h"

#include <stdbool.h>
#include <stddef.h>

#define TRAILER_NONCE_MAX 64

struct trailer {
    char head[TRAILER_NONCE_MAX + 16];      /* the part that is the same for every status */
    char held[TRAILER_NONCE_MAX + 16 + 16]; /* may become a trailer, or is one */
    size_t n_head, n_held;
};

struct trailer_status {
    int exit_code; /* 0 to 255; -1: died by `signal` */
    int signal;    /* 1 to 64; 0: none */
};

/* `nonce`: 1 to TRAILER_NONCE_MAX letters and digits that the command cannot guess. */
void trailer_init(struct trailer *trailer, const char *nonce);
/* Append to `out` what is certain of `data`. */
void trailer_feed(struct trailer *trailer, const void *data, size_t length, struct strbuf *out);
/* Whether the stream ends with a trailer, if it ends here: *status (may be NULL) is how the command
 * ended. */
bool trailer_whole(const struct trailer *trailer, struct trailer_status *status);
/* End of stream: what was held back goes out, unless it is a trailer. True: it is. */
bool trailer_end(struct trailer *trailer, struct strbuf *out, struct trailer_status *status);

#endif
