/* SPDX-License-Identifier: MIT
 *
 * The part of `ciplug check` that asks builders.
 */
#ifndef CIPLUG_CORE_VERB_CHECK_H
#define CIPLUG_CORE_VERB_CHECK_H

#include "keeper.h"
#include "plan.h"

/* Ask each builder of each selected step on each of its hosts, several at once; what they say is
 * added to `problems` at the place of `uses`. */
void check_builders(const struct plan *plan, struct keeper *keeper, struct problems *problems);

#endif
