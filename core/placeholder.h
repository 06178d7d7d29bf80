/* SPDX-License-Identifier: MIT
 *
 * Finds placeholders in a text. What is one: {NAME} and {NAME:raw}, {NAME:literal} for the names
 * known here, and {env:NAME}. What is none: braces behind a dollar, {{NAME}}, and all that holds
 * anything but a name: {print $2}, {a,b}, {1..3}, {}.
 */
#ifndef CIPLUG_CORE_PLACEHOLDER_H
#define CIPLUG_CORE_PLACEHOLDER_H

#include "strbuf.h"

#include <stdbool.h>
#include <stddef.h>

enum placeholder_kind {
    PH_ITEM,
    PH_ITEMS,
    PH_NUMBER,
    PH_COUNT,
    PH_WORKER,
    PH_HOST,
    PH_STEP,
    PH_RUN,
    PH_ATTEMPT,
    PH_PROJECT,
    PH_MATRIX, /* `index` in the names */
    PH_ENV,
    PH_TEXT, /* {itme:literal}: the text {itme}, where {itme} would be an error */
    PH_NEAR, /* no placeholder, but nearly one */
};

enum placeholder_form { PH_PLAIN, PH_RAW, PH_LITERAL };

struct placeholder {
    enum placeholder_kind kind;
    enum placeholder_form form;
    const char *start; /* its { */
    size_t length;     /* braces included */
    const char *name;  /* in the text; of PH_ENV that of the variable */
    size_t name_length;
    size_t index;      /* PH_MATRIX */
    const char *meant; /* its name, or the nearest one; borrowed from `names` or static */
};

/* The first placeholder at or behind `from`, a place in `text`. `names`: those of the matrix; may
 * be NULL. With `near`, near misses of names are found too. */
bool placeholder_next(struct placeholder *placeholder, const char *text, const char *from,
                      const struct strv *names, bool near);
/* Whether its values may hold anything; the others hold letters, digits, _ and - only. */
bool placeholder_is_free(const struct placeholder *placeholder);

#endif
