/* SPDX-License-Identifier: MIT
 *
 * A command as a value: words, environment, folder. Commands travel as this through builders,
 * keeper and hand, never as text that was pasted together. The one quoting function lives here.
 */
#ifndef CIPLUG_CORE_ARGV_H
#define CIPLUG_CORE_ARGV_H

#include "strbuf.h"

#include <stdbool.h>

struct argv {
    struct strv words;
    struct strv env; /* differences from the caller's environment: NAME=VALUE; NAME: unset */
    char *cwd;       /* absolute, or NULL: the runner's own */
};
#define ARGV_INIT                                                                                  \
    {                                                                                              \
        {0}, {0}, NULL                                                                             \
    }
#define AUTO_ARGV __attribute__((cleanup(argv_free)))

void argv_free(struct argv *argv);
void argv_copy(struct argv *to, const struct argv *from);

/* Add `word` quoted for a POSIX shell: one word, byte for byte, whatever it holds. Plain words
 * (letters, digits, @%+=:,./_-) stay as they are unless they are empty; the rest stands in single
 * quotes, with '\'' for a quote. Never starts with a bare "-" problem of its own: a leading dash is
 * data and stays data; callers put "--" where a tool wants it. */
void shell_quote(struct strbuf *out, const char *word);
/* The same, but in quotes also where the word is plain: for places where `if`, A=b or 2 would be
 * more than a word. */
void shell_quote_always(struct strbuf *out, const char *word);
/* if, done, time, ...: those that consist of letters. */
bool shell_is_reserved(const char *word);
struct mask;
/* The whole command so that it can be pasted into a shell: env -C CWD NAME=VALUE... words. Values
 * of the variables in `masked` (names; may be NULL) are shown as "$NAME", their names only;
 * what else `mask` (may be NULL) hides is "***". */
void argv_show(struct strbuf *out, const struct argv *argv, const struct strv *masked,
               const struct mask *mask);
/* Split like a shell would, without expansions: white space separates; '...', "..." and backslash
 * quote; a backslash at the end of a line continues it. 0, or -1 with *error (static text) for an
 * unfinished quote. */
int argv_split(struct strv *words, const char *text, const char **error);

#endif
