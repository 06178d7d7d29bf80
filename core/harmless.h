/* SPDX-License-Identifier: MIT
 *
 * Bytes that others wrote, made safe for a terminal: control characters become visible as ^X, C1
 * controls and bytes that are no UTF-8 as <9B>, characters that turn the direction of writing as
 * <U+202E>. What is left cannot move the cursor, set a title, fill a clipboard, or hide text.
 */
#ifndef CIPLUG_CORE_HARMLESS_H
#define CIPLUG_CORE_HARMLESS_H

#include "strbuf.h"

#include <stdbool.h>
#include <stddef.h>

/* The longest piece that may be held back until the next bytes are there. */
#define HARMLESS_HELD 32

/* No text may hold `bytes` (1 to 8; copied): commands of a CI service that are recognised anywhere.
 * The last of them is then shown as <5B>, here and in names. Once, for the whole program; not while
 * another thread is in here. */
void harmless_forbid(const char *bytes);

/* The last bytes that were plain, to see what is forbidden across borders of calls. */
struct harmless_past {
    unsigned char bytes[8];
    size_t n;
};

/* A stream of lines. Newlines and tabs stay; SGR colour sequences too where `color` is set; a
 * carriage return in front of a newline is left out, one in the middle of a line becomes a newline.
 * Start zeroed but for `color` and `prefix`. */
struct harmless {
    bool color;
    const char *prefix; /* borrowed; put in front of each line; NULL: none */
    bool middle;        /* something of the line has been written */
    bool colored;       /* by a sequence that was not taken back */
    bool cr;            /* the last byte was a carriage return */
    unsigned char held[HARMLESS_HELD];
    size_t n_held;
    struct harmless_past past;
};

/* Append to `out` what is certain of `data`; sequences may be cut anywhere between two calls. */
void harmless_feed(struct harmless *harmless, const void *data, size_t length, struct strbuf *out);
/* End: what was held back goes out, colours are switched off, and with `finish` a line that has no
 * newline gets one. */
void harmless_end(struct harmless *harmless, struct strbuf *out, bool finish);

/* A name or reason on one line: newlines, tabs and colours are made visible too. At most `columns`
 * columns are added, the last three are "..." when it had to be cut. */
void harmless_name(struct strbuf *out, const char *text, size_t columns);
/* How many bytes of harmless text fit into `columns` columns. SGR sequences take none, wide
 * characters two. */
size_t harmless_fit(const char *text, size_t length, size_t columns);

#endif
