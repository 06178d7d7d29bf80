/* SPDX-License-Identifier: MIT
 *
 * The state that shellscan.c and heredoc.c share; nobody else includes this.
 */
#ifndef CIPLUG_CORE_SHELLSCAN_STATE_H
#define CIPLUG_CORE_SHELLSCAN_STATE_H

#include "shellscan.h"

#include <stdbool.h>

enum frame_kind {
    FRAME_TOP,
    FRAME_COMSUB,
    FRAME_PAREN,
    FRAME_CASE,
    FRAME_DOUBLE,
    FRAME_PARAM,
    FRAME_ARITH
};
enum case_state { CASE_SUBJECT, CASE_PATTERN, CASE_BODY };
enum name_state { NAME_NONE, NAME_FOR, NAME_FOR_DO, NAME_FUNCTION };

struct frame {
    enum frame_kind kind;
    size_t opened;
    size_t owner; /* the frame whose line breaks start bodies of here-documents */
    /* Frames of words: top, comsub, paren, case. */
    bool command;    /* a reserved word would be one here */
    bool in_word;    /* the last byte belongs to a word */
    bool redirect;   /* the next word is the target of one */
    bool words_only; /* paren: an array or a pattern, no commands */
    bool joined;     /* paren: part of a word, which goes on behind it; case: the pattern has a ( */
    bool quoted;     /* the word has a quote or an expansion; param: stands inside ".." */
    bool double_paren; /* arith: ((..)) without a dollar, which POSIX shells read as ( (..) ) */
    enum name_state name;
    enum case_state state;
    unsigned words; /* case: how many since `case` */
    unsigned depth; /* arith: open parentheses */
    char word[12];  /* the word so far, as far as it may be a reserved one */
    size_t length;
};

struct heredoc {
    char *delimiter;
    bool quoted, tabs;
    size_t owner; /* the frame at whose next line break the body starts */
};

struct scan {
    const char *text;
    size_t n, pos;
    unsigned char *contexts;
    struct frame *frames;
    size_t depth, alloc;
    struct heredoc *heredocs;
    size_t n_heredocs, alloc_heredocs;
    size_t unclosed;
};

/* The next `count` bytes, at most what is left, stand in `context`. */
void scan_put(struct scan *scan, size_t count, enum shell_context context);
/* No more guesses: the rest is unsure. */
void scan_lose(struct scan *scan);
static inline char scan_peek(const struct scan *scan, size_t ahead)
{
    return ahead < scan->n - scan->pos ? scan->text[scan->pos + ahead] : '\0';
}

/* Behind << or <<-: take the delimiter; its body is due at the next line break of frame `owner`. */
void heredoc_announce(struct scan *scan, bool tabs, size_t owner);
/* Behind a line break in frame `owner`: skip the bodies that are due. */
void heredoc_bodies(struct scan *scan, size_t owner);
bool heredoc_due(const struct scan *scan, size_t owner);
void heredoc_clear(struct scan *scan);

#endif
