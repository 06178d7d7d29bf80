/* SPDX-License-Identifier: MIT
 *
 * Built with a newer header of the same major.
 */
#define CIPLUG_NEEDS_MINOR 1000
#include <ciplug/plugin.h>

static const struct ciplug_plugin minor_plugin = {
    .size = sizeof minor_plugin,
    .abi_major = CIPLUG_ABI_MAJOR,
    .abi_minor = 1000,
    .name = "abi-minor",
};

CIPLUG_PLUGIN(minor_plugin);
