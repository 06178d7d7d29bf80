/* SPDX-License-Identifier: MIT
 *
 * From the table that a plugin's entry returned to a struct plugin: what both sides know is copied
 * into zeroed structs, and everything the core will rely on is checked once, here.
 */
#ifndef CIPLUG_CORE_PLUGIN_TABLE_H
#define CIPLUG_CORE_PLUGIN_TABLE_H

#include "plugins.h"

/* Letters, digits, _ and -; not empty. `length` of `name`. */
bool plugin_name_valid(const char *name, size_t length);
/* Fill table, options, builders, reporter and advisor of `plugin` (zeroed before) from `table`,
 * whose name must be `name`. 0, or -1 and the reason, one line without newline, in `why`; what was
 * filled is then still the caller's to clear. */
int plugin_table_take(struct plugin *plugin, const struct ciplug_plugin *table, const char *name,
                      struct strbuf *why);
void plugin_table_clear(struct plugin *plugin);

/* A new plugin of the registry from its table; NULL with the reason in `why`. (In plugins.c.) */
struct plugin *plugin_new(struct plugins *plugins, const struct ciplug_plugin *table,
                          const char *name, const char *path, struct strbuf *why);

/* "integer"; "?" for what is unknown. */
const char *option_type_name(int32_t type);

#endif
