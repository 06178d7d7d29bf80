/* SPDX-License-Identifier: MIT
 *
 * A text that grows, for plugins that write more than a line. Starts zeroed; when there is no
 * memory it stays as it is and says so in `failed`.
 */
#ifndef CIPLUG_PLUGINS_TEXT_H
#define CIPLUG_PLUGINS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
    char *bytes; /* closed by a NUL; NULL: empty */
    size_t length;
    size_t size;
    bool failed;
};

void text_add(struct text *text, const char *bytes, size_t length);
void text_put(struct text *text, const char *string);
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Bytes of others on one line, made plain (plain.h), without what turns the direction of writing;
 * at most about `most` bytes, "..." behind them where that cut something off. */
void text_plain(struct text *text, const char *bytes, size_t most);
void text_cut(struct text *text, size_t length);
/* "" when it is empty. */
const char *text_string(const struct text *text);
void text_free(struct text *text);

#endif
