/* SPDX-License-Identifier: MIT
 *
 * What a run said that it may create outside: who knows how to remove it, what it is, and the
 * variables that lead there. The run's own are taken as they are; those of a journal are the words
 * of a file, and are looked at before anybody acts on them.
 */
#ifndef CIPLUG_CORE_INTENT_H
#define CIPLUG_CORE_INTENT_H

#include "strbuf.h"

#include <stdbool.h>
#include <stdint.h>

struct intent {
    char *kind; /* "cgroup", or a plugin's name */
    char *what;
    struct strv env; /* NAME=VALUE; NAME: is not set there */
    char *by_kind;   /* the plugin through which it is reached, and what leads there; NULL: it is */
    char *by_what;   /* reached from here */
    const char *host; /* for which it was made; NULL: of a journal. The plan's */
    uint64_t hash;
};

/* Kinds that are the core's own, and no plugin's. */
#define INTENT_CGROUP "cgroup"
#define INTENT_FOLDER "folder" /* of what was held for hosts */
bool intent_is_ours(const char *kind);

struct intents {
    struct intent *list;
    size_t n, alloc;
};

/* Copies. False: it is among them already. */
bool intents_add(struct intents *intents, const struct intent *intent);
/* What stands behind it. */
void intent_clear(struct intent *intent);
void intents_free(struct intents *intents);
/* Whether a variable of that name may be in an intent of that kind. */
bool intent_variable(const char *kind, const char *name, size_t length);
/* NULL, or why no plugin is asked about an intent that stood in a journal; the caller's. See
 * docs/keeper.md. */
char *intent_disbelieved(const struct intent *intent);

#endif
