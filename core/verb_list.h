/* SPDX-License-Identifier: MIT
 *
 * `ciplug list`: the plan on standard output, as text or as one JSON object.
 *
 *     {"name": ..., "steps": [step...], "cleanups": [step...], "slots": [{"worker", "host"}...]}
 *     step: {"name", "needs": [names], "uses": [names], "per"?, "when"? (cleanups), "source",
 *            "preview", "workers": [slots], "weight", "split"?, "batch"?, "units",
 *            "commands": [{"number", "label", "item" | "items", "matrix"?}...]}
 *
 * `preview`: the commands are what is there now; they are found again when the step starts. With
 * `batch` (a number, or "auto") each unit stands as a command of its own. Texts that are no UTF-8
 * come as NAME_base64.
 */
#ifndef CIPLUG_CORE_VERB_LIST_H
#define CIPLUG_CORE_VERB_LIST_H

#include "plan.h"

#include <stdbool.h>

/* The plan's notices go to standard error. `verbosity` 1 also lists the commands. The exit status:
 * 0, or 3 after a message when it could not be written. A reader that went away is no fault. */
int verb_list(const struct plan *plan, bool json, int verbosity);

#endif
