/* SPDX-License-Identifier: MIT
 *
 * Built when the structs were shorter: behind their sizes stands what is none of the core's.
 */
#include <ciplug/plugin.h>

#define POISON ((void *)16)

static int older_build(void *self, const struct ciplug_command *command,
                       const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    (void)self;
    (void)command;
    (void)inner;
    (void)out;
    return 0;
}

static const struct ciplug_builder older_builder = {sizeof older_builder, "", "Old.", 0,
                                                    older_build};
static const struct ciplug_builder *const older_builders[] = {&older_builder, NULL};

static const struct ciplug_option older_option = {
    .size = offsetof(struct ciplug_option, help),
    .name = "old",
    .type = CIPLUG_OPTION_STRING,
    .def = "x",
    .help = POISON,
    .choices = POISON,
    .min = 9,
};
static const struct ciplug_option *const older_options[] = {&older_option, NULL};

static const struct ciplug_plugin older_plugin = {
    .size = offsetof(struct ciplug_plugin, reporter),
    .abi_major = CIPLUG_ABI_MAJOR,
    .name = "older",
    .version = "0.1",
    .summary = "From before there were reporters",
    .options = older_options,
    .builders = older_builders,
    .reporter = POISON,
    .advisor = POISON,
    .open = (int (*)(const struct ciplug_api *, void **))16,
    .close = (void (*)(void *))16,
};

CIPLUG_PLUGIN(older_plugin);
