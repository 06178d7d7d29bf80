/* SPDX-License-Identifier: MIT
 *
 * How an attempt ended -> outcome, flags and reason. Pure.
 */
#ifndef CIPLUG_CORE_CLASSIFY_H
#define CIPLUG_CORE_CLASSIFY_H

#include "attempt.h"
#include "plan.h"
#include "strbuf.h"
#include <ciplug/plugin.h>

/* The outcome by the ending alone; the reason in one line is added to `reason` (nothing for
 * passed). */
int classify_end(const struct attempt_end *end, struct strbuf *reason);
/* The outcome of a step's command: skip codes, leaks and flags too. exit_code and signal of
 * `result` are set; neither where ciplug had signalled it. */
int classify(const struct step *step, const struct attempt_end *end, struct ciplug_result *result,
             struct strbuf *reason);

#endif
