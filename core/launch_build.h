/* SPDX-License-Identifier: MIT
 *
 * The builders' part of launch: the command through all of them, a guard in front of it where it
 * runs elsewhere, and the commands of their callbacks. For launch.c only, which has
 * the rest.
 */
#ifndef CIPLUG_CORE_LAUNCH_BUILD_H
#define CIPLUG_CORE_LAUNCH_BUILD_H

#include "launch.h"

/* Where builders are in the order of `uses`, outermost first: the host's, then the step's. */
struct chain {
    struct launch *launch;
    const struct host *host;
    size_t n;
    size_t at; /* which of them is asked */
};

struct chain chain_of(struct launch *launch);
/* From the innermost, 0, outwards. */
const struct use *chain_use(const struct chain *chain, size_t i);
/* Set what of `command` depends on which builder is asked. */
void chain_at(struct chain *chain, size_t i);
/* Between these two, plugins may ask for options and the like of the command. */
void chain_ask(struct chain *chain);
void chain_asked(const struct chain *chain);
/* `current` through one of them. 0, or -1 with *error (the caller's). */
int chain_apply(struct launch *launch, const struct use *use, struct ciplug_argv *current,
                bool innermost, char **error);
/* What was built, with its variables over those that are there: of the client, or the command. */
void chain_take(struct argv *argv, const struct ciplug_argv *built);

/* argv and shown of `launch`; where there is a guard, nonce and prelude. 0, or -1 with *error (the
 * caller's). */
int launch_build(struct launch *launch, const struct launch_place *place, char **error);
/* Of a host: what its commands have around them, and no command. 0, or -1 with *error (the
 * caller's). */
int launch_surroundings(struct launch *launch, const struct launcher *launcher,
                        const struct launch_place *place, char **error);
struct expand_vars launch_vars(const struct launch *launch);

#endif
