/* SPDX-License-Identifier: MIT
 *
 * Has the note, but does not export its entry.
 */
#include <ciplug/plugin.h>

#include "touch.h"

#undef CIPLUG_EXPORT
#define CIPLUG_EXPORT __attribute__((visibility("hidden")))

static const struct ciplug_plugin no_entry_plugin = {
    .size = sizeof no_entry_plugin,
    .abi_major = CIPLUG_ABI_MAJOR,
    .name = "no-entry",
};

CIPLUG_PLUGIN(no_entry_plugin);
