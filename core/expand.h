/* SPDX-License-Identifier: MIT
 *
 * Placeholders: {item} {items} {number} {count} {worker} {host} {step} {run} {attempt} {project},
 * matrix names, {env:NAME}, {item:raw}, {item:literal}. Other braces are left alone; a near miss of
 * a name is an error. A value is never expanded again.
 *
 * In a shell command every value becomes exactly one quoted word ({items}: one word each), joined
 * to what stands beside it; it is an error where that cannot be promised: inside quotes,
 * backticks, a here-document, a comment, ${..}, $((..)). Inside $(..) it can. Values of items and
 * of the matrix may hold anything; the others hold letters, digits, _ and -, and may stand
 * anywhere. {item:raw} pastes. The check reads the shell text as a POSIX shell does (shellscan.h).
 *
 * {NAME:literal} is the text {NAME}, also for a NAME that would be an error as a near miss. Braces
 * behind a dollar and {{NAME}} belong to others.
 */
#ifndef CIPLUG_CORE_EXPAND_H
#define CIPLUG_CORE_EXPAND_H

#include "msg.h"
#include "strbuf.h"

#include <stdbool.h>

struct expand_vars {
    const struct strv
        *items;       /* NULL: the step has none; {item} is the only or the first... of several */
    const char *item; /* NULL: none; several are joined by newlines */
    const char *number, *count, *worker, *host, *step, *run, *attempt, *project;
    const struct strv *names;  /* matrix names; NULL: none */
    const struct strv *values; /* beside them */
};

enum expand_mode {
    EXPAND_TEXT,  /* values as they are; {env:NAME} works; {items} joined by spaces */
    EXPAND_SHELL, /* values quoted; {env:} is an error */
    EXPAND_KEY /* for --resume: only item, items, step and matrix names are expanded, the rest stays
                  as written; values as they are */
};

/* What may stand in a template at its place: bits. {item} where the step has no source is an error.
 */
struct expand_allowed {
    bool items;               /* the step has a source of items */
    const struct strv *names; /* matrix names */
};

/* Check a template when the plan is made: unknown and near-miss names, quotes, unset {env:}. Adds a
 * problem for each at file:line. 0 or -1. */
int expand_check(const char *text, enum expand_mode mode, const struct expand_allowed *allowed,
                 const char *file, int line, struct problems *problems);
/* Expand a checked template. 0, or -1 with *error (static text) when a value is missing. */
int expand(struct strbuf *out, const char *text, enum expand_mode mode,
           const struct expand_vars *vars, const char **error);
/* For `shell = none`: split the template into words as argv_split() does, then expand each by
 * itself (an item stays one word; {items} alone as a word becomes a word each). 0, or -1 with
 * *error. */
int expand_words(struct strv *words, const char *text, const struct expand_vars *vars,
                 const char **error);

#endif
