/* SPDX-License-Identifier: MIT
 *
 * Its constructor leaves a file: so it is seen whether any of its code ran. Built for another ABI
 * with -DFIXTURE_MAJOR=2.
 */
#include <ciplug/plugin.h>

#include "touch.h"

#ifdef FIXTURE_MAJOR
#undef CIPLUG_ABI_MAJOR
#define CIPLUG_ABI_MAJOR FIXTURE_MAJOR
#endif

static const struct ciplug_plugin constructor_plugin = {
    .size = sizeof constructor_plugin,
    .abi_major = CIPLUG_ABI_MAJOR,
    .abi_minor = CIPLUG_ABI_MINOR,
    .name = "constructor",
};

CIPLUG_PLUGIN(constructor_plugin);
