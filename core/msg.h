/* SPDX-License-Identifier: MIT
 *
 * Messages of the runner itself ("ciplug: ..."), and the list in which everything that is wrong
 * with a configuration is gathered before any of it is shown.
 */
#ifndef CIPLUG_CORE_MSG_H
#define CIPLUG_CORE_MSG_H

#include <stdbool.h>
#include <stddef.h>

enum msg_level { MSG_ERROR, MSG_WARNING, MSG_NOTICE, MSG_DEBUG };

/* One line of message, without newline; "ciplug: " (and "warning: " and so on) is put in front, and
 * control characters in it become visible (harmless.h), as those in problems do.
 * Goes to stderr, or to the sink once there is one. NOTICE is dropped under -q, DEBUG without -v.
 */
void msg(enum msg_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* -1 for -q, 0, 1 for -v. */
void msg_set_verbosity(int verbosity);
/* From now on `sink` gets the finished lines (with newline); NULL: stderr again. */
/* What every line passes before anybody sees it, to hide what is to be hidden; NULL: nothing. It
 * returns a text that msg frees. */
void msg_set_filter(char *(*function)(const void *data, const char *line), const void *data);
void msg_set_sink(void (*sink)(void *data, const char *line, size_t length), void *data);

struct problem {
    char *file; /* NULL: no place */
    int line;   /* 0: none */
    char *text;
};

struct problems {
    struct problem *list;
    size_t n;
    size_t alloc;
};

/* Add `file:line: text`. Either may be absent (NULL, 0). */
void problems_add(struct problems *problems, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* All of them on stderr, those of the same file in the order of their lines, each line once. */
void problems_print(const struct problems *problems);
void problems_free(struct problems *problems);

#endif
