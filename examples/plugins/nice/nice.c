/* SPDX-License-Identifier: MIT
 *
 * nice: runs a command at a lower priority, and with a limit of its memory.
 *
 *     [step docs]
 *     uses = nice
 *     nice.level = 15
 *     nice.memory = 2000
 *     command = make docs
 */
#include <ciplug/plugin.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* The plugin's state: not in static variables. */
struct nice {
    const struct ciplug_api *api;
};

static int nice_open(const struct ciplug_api *api, void **self)
{
    struct nice *nice = malloc(sizeof *nice);
    if (!nice)
        return -1;
    nice->api = api;
    *self = nice;
    return 0;
}

static void nice_close(void *self)
{
    free(self);
}

/* prlimit --as=BYTES, where a limit is set: each process of the command has it. */
static int add_limit(const struct ciplug_api *api, const char *mib, struct ciplug_argv *out)
{
    char word[64];
    if (!mib)
        return 0;
    snprintf(word, sizeof word, "--as=%" PRIu64, (uint64_t)strtoul(mib, NULL, 10) * 1024 * 1024);
    return api->argv_add(out, "prlimit") || api->argv_add(out, word) ? -1 : 0;
}

/* nice -n LEVEL prlimit --as=BYTES, and what is inside. */
static int nice_build(void *self, const struct ciplug_command *command,
                      const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    const struct ciplug_api *api = ((struct nice *)self)->api;
    if (!inner) {
        api->message(api, CIPLUG_LOG_ERROR, "needs a command");
        return -1;
    }
    if (api->argv_add(out, "nice") || api->argv_add(out, "-n") ||
        api->argv_add(out, api->option(api, command, "level")) ||
        add_limit(api, api->option(api, command, "memory"), out))
        return -1;
    return api->argv_append(out, inner);
}

static const struct ciplug_option nice_level = {
    .size = sizeof nice_level,
    .name = "level",
    .type = CIPLUG_OPTION_INTEGER,
    .def = "10",
    .help = "How nice to be to others.",
    .min = 0,
    .max = 19,
};
static const struct ciplug_option nice_memory = {
    .size = sizeof nice_memory,
    .name = "memory",
    .type = CIPLUG_OPTION_INTEGER,
    .help = "How much address space a process may have, in MiB.",
    .min = 1,
    .max = 1 << 24,
};
static const struct ciplug_option *const nice_options[] = {&nice_level, &nice_memory, NULL};

static const struct ciplug_builder nice_builder = {
    .size = sizeof nice_builder,
    .name = "", /* called like its plugin */
    .help = "Runs the command at a lower priority.",
    .build = nice_build,
};
static const struct ciplug_builder *const nice_builders[] = {&nice_builder, NULL};

static const struct ciplug_plugin nice_plugin = {
    .size = sizeof nice_plugin,
    .abi_major = CIPLUG_ABI_MAJOR,
    .abi_minor = CIPLUG_ABI_MINOR,
    .name = "nice", /* the file's name without .so */
    .version = "1.0",
    .summary = "Lower priorities",
    .options = nice_options,
    .builders = nice_builders,
    .open = nice_open,
    .close = nice_close,
};

CIPLUG_PLUGIN(nice_plugin);
