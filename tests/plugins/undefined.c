/* SPDX-License-Identifier: MIT
 *
 * Calls a function that nobody has: found when it is loaded, not in the middle of a run.
 */
#include <ciplug/plugin.h>

#include "touch.h"

int missing_function(void);

static void undefined_close(void *self)
{
    (void)self;
    (void)missing_function();
}

static const struct ciplug_plugin undefined_plugin = {
    .size = sizeof undefined_plugin,
    .abi_major = CIPLUG_ABI_MAJOR,
    .name = "undefined",
    .close = undefined_close,
};

CIPLUG_PLUGIN(undefined_plugin);
