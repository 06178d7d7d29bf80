/* SPDX-License-Identifier: MIT
 *
 * Reads a shell text as a POSIX shell would and tells for each byte in what context it stands, so
 * that a quoted word is pasted only where the shell takes it as one word. It follows quotes,
 * ${..}, $(..), $((..)), backticks, here-documents, comments, `case` patterns and line
 * continuations, and what bash adds ($'..', <<<, arrays, <(..), ((..))).
 *
 * Where shells read a text differently, or its parentheses do not add up, it does not guess: the
 * rest of the text is SHELL_UNSURE. Time is linear; nesting is limited by memory only.
 */
#ifndef CIPLUG_CORE_SHELLSCAN_H
#define CIPLUG_CORE_SHELLSCAN_H

#include <stddef.h>

enum shell_context {
    SHELL_WORD,      /* unquoted: words, operators, blanks; also inside $(..), however quoted */
    SHELL_SINGLE,    /* inside '..' or $'..', the closing quote included */
    SHELL_DOUBLE,    /* inside "..", the closing quote included */
    SHELL_BACKTICK,  /* inside `..` */
    SHELL_HEREDOC,   /* the body of a here-document, also $(..) in it */
    SHELL_DELIMITER, /* the word after << */
    SHELL_COMMENT,
    SHELL_PARAM,     /* inside ${..} */
    SHELL_ARITH,     /* inside $((..)) or ((..)) */
    SHELL_ESCAPED,   /* behind a backslash outside quotes */
    SHELL_CONTINUED, /* a backslash and the line break that it removes, outside quotes */
    SHELL_UNSURE
};

#define SHELL_CLOSED ((size_t)-1)

/* Fill contexts[0..length). The place of a quote or backtick that is never closed comes back, or
 * SHELL_CLOSED. */
size_t shellscan(const char *text, size_t length, unsigned char *contexts);

#endif
