/* SPDX-License-Identifier: MIT
 *
 * Removing what intents of plugins stand for: each plugin is asked for a command, the commands are
 * run (errands.h), and what they printed and how they ended says what is gone and what is left.
 *
 *     outside_ask() - errands_start() or errands_run() - outside_conclude() - outside_free()
 */
#ifndef CIPLUG_CORE_OUTSIDE_H
#define CIPLUG_CORE_OUTSIDE_H

#include "errands.h"
#include "intent.h"
#include "plugins.h"

struct outside_request {
    const struct plugins *loaded; /* those of the run; NULL: none */
    struct plugins *more; /* what is not among them is loaded here, by its name along this path */
    const char *run;      /* id */
    const char *owner;    /* BOOT-ID.PID.START; NULL: not known */
    const struct intents *intents;
    bool from_journal; /* no word of it is believed that does not look right */
    uint64_t each_ns;  /* for one command */
    /* Why nobody has to be asked, since nobody would answer (static), or NULL. May be NULL itself.
     */
    const char *(*lost)(void *data, const struct intent *intent);
    void *data;
};

struct outside {
    struct errand *errands; /* to be run */
    size_t n, alloc;
    size_t *of; /* beside them: the intent */
    size_t a_of;
    const struct intents *intents;
    const char *(*lost)(void *data, const struct intent *intent);
    void *data;
    struct strv removed; /* "container web" */
    struct strv left;    /* "docker run abcd1234: exit code 1: no engine" */
    size_t n_lost;       /* of these, what is on places that are lost */
};

/* Intents of the core's own kinds are passed over. What cannot be asked for goes to ->left. */
void outside_ask(struct outside *outside, const struct outside_request *request);
void outside_conclude(struct outside *outside);
void outside_free(struct outside *outside);

/* "2 containers, 1 network": lines like "container web", counted by their first words; "" for
 * none. */
void outside_describe(const struct strv *removed, struct strbuf *out);

#endif
