/* SPDX-License-Identifier: MIT
 *
 * Text of others, fit to stand in one line of a message.
 */
#ifndef CIPLUG_CORE_VISIBLE_H
#define CIPLUG_CORE_VISIBLE_H

#include <stddef.h>

/* A copy (the caller's) of at most `VISIBLE_MAX` bytes of `text`, "..." behind it where that cut
 * something off; control bytes and what is no UTF-8 stand as \n, \t, \xNN. */
#define VISIBLE_MAX 80
char *visible(const char *text);
char *visible_bytes(const char *text, size_t length);

#endif
