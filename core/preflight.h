/* SPDX-License-Identifier: MIT
 *
 * Before anything is started: what builders refuse, of each step on each of its hosts.
 */
#ifndef CIPLUG_CORE_PREFLIGHT_H
#define CIPLUG_CORE_PREFLIGHT_H

#include "config.h"
#include "launch.h"

/* The first command of the step on the host, with a problem where it cannot be built. False: no
 * builder has anything to do with it; else `launch` is to be freed. */
bool preflight_launch(struct launch *launch, const struct launcher *launcher,
                      const struct step *step, const struct host *host, struct problems *problems);
/* Where the builder stands that was asked last; NULL: nowhere. */
const struct config_value *preflight_uses(const struct launch *launch);
/* All that are selected. */
void preflight(const struct plan *plan, struct problems *problems);

#endif
