/* SPDX-License-Identifier: MIT
 *
 * The builders' part of launch: the command through all of them, a guard in front of it where it
 * runs elsewhere, and the commands of their callbacks. For launch.c only, which has
 * the rest.
 */
#ifndef CIPLUG_CORE_LAUNCH_BUILD_H
#define CIPLUG_CORE_LAUNCH_BUILD_H

#include "launch.h"

/* argv and shown of `launch`; where there is a guard, nonce and prelude. 0, or -1 with *error (the
 * caller's). */
int launch_build(struct launch *launch, const struct launch_place *place, char **error);
/* Of a host: what its commands have around them, and no command. 0, or -1 with *error (the
 * caller's). */
int launch_surroundings(struct launch *launch, const struct launcher *launcher,
                        const struct launch_place *place, char **error);
struct expand_vars launch_vars(const struct launch *launch);
void launch_intent_clear(struct launch_intent *intent);

#endif
