/* SPDX-License-Identifier: MIT
 *
 * "did you mean 'x'?"
 */
#ifndef CIPLUG_CORE_SUGGEST_H
#define CIPLUG_CORE_SUGGEST_H

/* The nearest of `names` (closed by NULL), the first of equally near ones; NULL when none is near:
 * at most a third of the letters of `name` may differ (one always may, but not all of them), where
 * swapped neighbours count once. The wrong case is nearer than a wrong letter. */
const char *suggest(const char *name, const char *const *names);

#endif
