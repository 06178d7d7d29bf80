/* SPDX-License-Identifier: MIT
 *
 * The two streams of a guarded command (docs/guard.md), taken apart: what is the command's own, and
 * what its client says: in front of the begin mark, behind the trailer on the standard error, and
 * all of that stream where the command has only one. Pure.
 */
#ifndef CIPLUG_CORE_MARKED_H
#define CIPLUG_CORE_MARKED_H

#include "mask.h"
#include "trailer.h"

struct marked {
    bool merged; /* the standard error has no marks */
    struct trailer trailers[2];
    struct mask_stream masks[2]; /* of what the client says */
    struct strbuf said;
};

/* `mask` (may be NULL) has to stay. */
void marked_init(struct marked *marked, const char *nonce, bool merged, const struct mask *mask);
void marked_free(struct marked *marked);
/* Bytes of stream 1 or 2: `out` gets the command's own. */
void marked_feed(struct marked *marked, int stream, const void *data, size_t length,
                 struct strbuf *out);
/* Whether the standard output has its begin mark: the command has begun. */
bool marked_begun(const struct marked *marked);
/* Whether all streams end with trailers that say the same, if they end here. */
bool marked_whole(const struct marked *marked, struct trailer_status *status);
/* End of a stream: `out` gets the rest of what is the command's own; NULL: there is no command. The
 * stream is not whole any more. */
void marked_end(struct marked *marked, int stream, struct strbuf *out);
/* Bytes of which it has turned out that the client said them. */
void marked_says(struct marked *marked, int stream, const void *data, size_t length);
/* The last of what the client said, masked, whole lines where there are more than fit. */
void marked_said(const struct marked *marked, char *text, size_t size);

#endif
