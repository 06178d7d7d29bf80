/* SPDX-License-Identifier: MIT
 *
 * The live area of a terminal: some lines below the text that scrolls. Only makes the bytes; the
 * screen writes them. The cursor rests below the area, at the start of a line.
 */
#ifndef CIPLUG_CORE_STATUSAREA_H
#define CIPLUG_CORE_STATUSAREA_H

#include "strbuf.h"

#include <stddef.h>

struct statusarea {
    size_t drawn; /* lines that stand on the terminal */
};

/* Append what removes the area. Nothing when there is none. */
void statusarea_clear(struct statusarea *area, struct strbuf *out);
/* Append what draws `lines` (each ends with a newline), cut to the terminal's size so that no line
 * wraps. The area must have been cleared. */
void statusarea_draw(struct statusarea *area, const char *lines, size_t columns, size_t rows,
                     struct strbuf *out);

#endif
