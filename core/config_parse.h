/* SPDX-License-Identifier: MIT
 *
 * The parts of config: from text to sections (config_parse.c), and what both ways into a
 * configuration, file and --set, must agree on.
 */
#ifndef CIPLUG_CORE_CONFIG_PARSE_H
#define CIPLUG_CORE_CONFIG_PARSE_H

#include "config.h"

#include <stdbool.h>

/* Bytes in the name of a step, cleanup, host or plugin: the first ones name files. And in a key: it
 * fits in the 200 bytes that a line may have for the stock inih. */
#define CONFIG_NAME_MAX 64
#define CONFIG_KEY_MAX  128

/* NULL, or what is wrong with it, as a static text. */
const char *config_name_fault(const char *name);
const char *config_key_fault(const char *key);
/* The kinds of sections that have a name of their own: step, cleanup, host; closed by NULL. */
extern const char *const config_named_kinds[];
bool config_kind_named(const char *kind);

/* Add an empty section, or a value at the end of one; strings are copied, `file` is borrowed. */
struct config_section *config_add_section(struct config *config, const char *kind, const char *name,
                                          const char *file, int line);
struct config_value *config_add_value(struct config_section *section, const char *key,
                                      const char *value, const char *file, int line);

/* Parse a file's text into `config`, whose `file` is set. 0; -1 when there is no memory for it. */
int config_parse(struct config *config, const char *text, size_t length, struct problems *problems);

#endif
