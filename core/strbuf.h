/* SPDX-License-Identifier: MIT
 *
 * strbuf: a growing string of bytes, always NUL-terminated behind `len`.
 * strv: a growing vector of strings that it owns, always NULL-terminated (so `v` is an argv).
 * Both start zeroed (STRBUF_INIT, STRV_INIT); _clear empties and keeps the memory, _free gives it
 * back and leaves the thing zeroed.
 */
#ifndef CIPLUG_CORE_STRBUF_H
#define CIPLUG_CORE_STRBUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct strbuf {
    char *buf; /* NULL until something was added: use strbuf_text() to read */
    size_t len;
    size_t alloc;
};
#define STRBUF_INIT                                                                                \
    {                                                                                              \
        0                                                                                          \
    }
#define AUTO_STRBUF __attribute__((cleanup(strbuf_free)))

void strbuf_clear(struct strbuf *sb);
void strbuf_free(struct strbuf *sb);
void strbuf_add(struct strbuf *sb, const void *data, size_t length);
void strbuf_addstr(struct strbuf *sb, const char *text);
void strbuf_addch(struct strbuf *sb, char c);
void strbuf_addf(struct strbuf *sb, const char *format, ...) __attribute__((format(printf, 2, 3)));
void strbuf_vaddf(struct strbuf *sb, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* Cut to `length` bytes, at most what it has. */
void strbuf_cut(struct strbuf *sb, size_t length);
/* The text, "" where nothing was added; the strbuf's own. */
const char *strbuf_text(const struct strbuf *sb);
/* Hand the string over to the caller, never NULL; the strbuf is empty afterwards. */
char *strbuf_detach(struct strbuf *sb);

struct strv {
    char **v; /* NULL until something was pushed */
    size_t n;
    size_t alloc;
};
#define STRV_INIT                                                                                  \
    {                                                                                              \
        0                                                                                          \
    }
#define AUTO_STRV __attribute__((cleanup(strv_free)))

void strv_push(struct strv *sv, const char *text);                 /* copies */
void strv_pushn(struct strv *sv, const char *text, size_t length); /* copies */
void strv_take(struct strv *sv, char *text);                       /* owns `text` from now on */
void strv_clear(struct strv *sv);
void strv_free(struct strv *sv);
void strv_copy(struct strv *to, const struct strv *from); /* adds copies of all */
/* Whether they hold the same texts in the same order. */
bool strv_same(const struct strv *a, const struct strv *b);
/* Bytewise. */
void strv_sort(struct strv *sv);
void strv_sort_once(struct strv *sv); /* and each text once */
/* The order of strv_sort(), for bsearch(3) in it. */
int strv_order(const void *left, const void *right);
bool strv_has(const struct strv *sv, const char *text);
/* Words separated by white space are added; no quoting. */
void strv_split(struct strv *sv, const char *text);
/* Environment: replace NAME=... of the same name or add; `assignment` is NAME=VALUE. */
void strv_setenv(struct strv *sv, const char *assignment);
/* The value of NAME in a vector of NAME=VALUE, or NULL. */
const char *strv_getenv(const struct strv *sv, const char *name);

#endif
