/* SPDX-License-Identifier: MIT
 *
 * Built when the structs were longer, and content with the ABI of today.
 */
#include <ciplug/plugin.h>

static int newer_build(void *self, const struct ciplug_command *command,
                       const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    (void)self;
    (void)command;
    (void)inner;
    (void)out;
    return 0;
}

static const struct {
    struct ciplug_builder known;
    void *later[8];
} newer_builder = {{sizeof newer_builder, "", "New.", 0, newer_build}, {(void *)16}};
static const struct ciplug_builder *const newer_builders[] = {&newer_builder.known, NULL};

static const struct {
    struct ciplug_plugin known;
    void *later[32];
} newer_plugin = {
    {
        .size = sizeof newer_plugin,
        .abi_major = CIPLUG_ABI_MAJOR,
        .abi_minor = CIPLUG_ABI_MINOR + 7,
        .name = "newer",
        .builders = newer_builders,
    },
    {(void *)16, (void *)16},
};

CIPLUG_PLUGIN(newer_plugin.known);
