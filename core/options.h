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
#include "suggest.h"
#include <ciplug/plugin.h>

#include <stdbool.h>
#include <stdint.h>

/* Longer than a year is a mistake. */
#define DURATION_MAX_NS (UINT64_C(366) * 24 * 3600 * 1000000000)

/* Each returns 0, or -1 with *error, a text for people about what was expected (static, or valid
 * until the next call) that fits "KEY: TEXT, got 'VALUE'". Nothing but the whole text is accepted:
 * no white space, 0x, exponent, leading zeros; a '-' only where min is below zero, a '+' never. */
int parse_integer(const char *text, int64_t min, int64_t max, int64_t *number, const char **error);
/* "10s", "1h30m", "250ms", "1.5m", plain "10" = seconds; units d h m s ms, in that order, each
 * once, a fraction only in the last (at most nine digits); "none" = 0 where allowed. 0 itself is
 * refused: it could mean at once or never. */
int parse_duration(const char *text, bool none_allowed, uint64_t *ns, const char **error);
/* yes no true false on off 1 0 */
int parse_bool(const char *text, bool *value, const char **error);

/* Check `value` against `option`; problems are added at its file:line. 0 or -1. A DURATION may be
 * "none" unless the option's min is above 0. STRING, WORDS and PATH take any text. */
int option_check(const struct ciplug_option *option, const struct config_value *value,
                 struct problems *problems);
/* Report every key of the section that is not in `table` (closed by NULL) and does not start with
 * one of `prefixes` ("env.", "matrix."; closed by NULL, may be NULL); check the values of the
 * others. `what` names the kind of section for the message, "step" for [step x]; NULL: its own
 * kind. */
void options_check_section(const struct config_section *section,
                           const struct ciplug_option *const *table, const char *const *prefixes,
                           const char *what, struct problems *problems);
const struct ciplug_option *option_find(const struct ciplug_option *const *table, const char *name);

#endif
