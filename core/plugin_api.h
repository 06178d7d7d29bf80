/* SPDX-License-Identifier: MIT
 *
 * The calls of struct ciplug_api.
 */
#ifndef CIPLUG_CORE_PLUGIN_API_H
#define CIPLUG_CORE_PLUGIN_API_H

#include "plugins.h"

/* Fill plugin->api; plugin->registry is where options come from. */
void plugin_api_init(struct plugin *plugin);
/* Its close() has returned: files that it did not close are thrown away. */
void plugin_api_end(const struct plugin *plugin);

#endif
