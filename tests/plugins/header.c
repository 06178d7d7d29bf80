/* SPDX-License-Identifier: MIT
 *
 * Compiles as -std=c11 -pedantic -Wall -Wextra -Werror with no header but the one, and is a plugin.
 */
#include <ciplug/plugin.h>

static const struct ciplug_plugin header_plugin = {
    .size = sizeof header_plugin,
    .abi_major = CIPLUG_ABI_MAJOR,
    .abi_minor = CIPLUG_ABI_MINOR,
    .name = "header",
};

CIPLUG_PLUGIN(header_plugin);
