/* SPDX-License-Identifier: MIT
 *
 * ciplug plugins [--json] [NAME]
 */
#ifndef CIPLUG_CORE_VERB_PLUGINS_H
#define CIPLUG_CORE_VERB_PLUGINS_H

#include "plugins.h"

/* argv[0] is the verb; behind it what main left: at most --json and one name or path to a .so, in
 * any order. `plugins` comes from plugins_init(); plugins of the core may have been added. Loads
 * what it shows but opens nothing. The exit status: 0; 2 for bad usage or when a plugin was
 * refused (the others are shown all the same); 3 when standard output cannot be written. */
int verb_plugins(int argc, char **argv, struct plugins *plugins);

#endif
