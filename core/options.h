/* SPDX-License-Identifier: MIT
 *
 * Option tables: check, convert, suggest, help. The core's own keys and the plugins' use the same
 * table type, so every message about a bad value is written once. Numbers and durations have one
 * strict parser each.
 */
#ifndef CIPLUG_CORE_OPTIONS_H
#define CIPLUG_CORE_OPTIONS_H

#include "config.h"
#include "strbuf.h"
#include <ciplug/plugin.h>

#include <stdbool.h>
#include <stdint.h>

/* Longer than a year is a mistake. */
#define DURATION_MAX_NS (UINT64_C(366) * 24 * 3600 * 1000000000)

/* Each returns 0, or -1 with *error, a text for people about what was expected (static, or valid
 * until the next call). Nothing but the whole text is accepted: no white space, sign, 0x, exponent.
 */
int parse_integer(const char *text, int64_t min, int64_t max, int64_t *number, const char **error);
/* "10s", "1h30m", "250ms", "1.5m", plain "10" = seconds; units ms s m h d; "none" = 0 where
 * allowed. 0 itself is refused: it could mean at once or never. */
int parse_duration(const char *text, bool none_allowed, uint64_t *ns, const char **error);
/* yes no true false on off 1 0 */
int parse_bool(const char *text, bool *value, const char **error);

/* The nearest of `names` (closed by NULL), or NULL when none is near (at most a third of the
 * letters differ; swaps count one). */
const char *suggest(const char *name, const char *const *names);

/* Check `value` against `option`; problems are added at its file:line. 0 or -1. */
int option_check(const struct ciplug_option *option, const struct config_value *value,
                 struct problems *problems);
/* Report every key of the section that is not in `table` (closed by NULL) and does not start with
 * one of `prefixes` ("env.", "matrix."; closed by NULL, may be NULL); check the values of the
 * others. `what` names the kind of section for the message. */
void options_check_section(const struct config_section *section,
                           const struct ciplug_option *const *table, const char *const *prefixes,
                           const char *what, struct problems *problems);
const struct ciplug_option *option_find(const struct ciplug_option *const *table, const char *name);

#endif
