/* SPDX-License-Identifier: MIT
 *
 * shell: the innermost builder of every step that has a `command`. Also the model of a plugin:
 * read it from the table at its foot upwards.
 *
 *     [step lint]
 *     command = make lint
 *
 * reaches the place where it must run as the words: sh -ec 'make lint'. With `shell = none` in the
 * step, the command's own words are what runs.
 */
#include <ciplug/plugin.h>

#include <stdlib.h>

/* A plugin keeps its state here, not in static variables. */
struct shell {
    const struct ciplug_api *api;
};

static int shell_open(const struct ciplug_api *api, void **self)
{
    struct shell *shell = malloc(sizeof *shell);
    if (!shell)
        return -1;
    shell->api = api;
    *self = shell;
    return 0;
}

static void shell_close(void *self)
{
    free(self);
}

static int add_all(const struct shell *shell, struct ciplug_argv *out, const char *const *words)
{
    for (; *words; words++) {
        if (shell->api->argv_add(out, *words))
            return -1;
    }
    return 0;
}

/* The script is one word, as the core has expanded it: nothing is quoted or pasted together here.
 */
static int shell_build(void *self, const struct ciplug_command *command,
                       const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    const struct shell *shell = self;
    if (inner) {
        shell->api->message(shell->api, CIPLUG_LOG_ERROR,
                            "runs nothing but the step's command: it must stand last in `uses`");
        return -1;
    }
    if (command->shell && command->script) {
        if (add_all(shell, out, command->shell))
            return -1;
        return shell->api->argv_add(out, command->script);
    }
    if (command->words && command->words[0])
        return add_all(shell, out, command->words);
    shell->api->message(shell->api, CIPLUG_LOG_ERROR, "there is no command to run");
    return -1;
}

static const struct ciplug_builder shell_builder = {
    .size = sizeof shell_builder,
    .name = "",
    .help = "Runs the step's `command` by its `shell`, or as words where that is none.",
    .build = shell_build,
};

static const struct ciplug_builder *const shell_builders[] = {&shell_builder, NULL};

static const struct ciplug_plugin shell_plugin = {
    .size = sizeof shell_plugin,
    .abi_major = CIPLUG_ABI_MAJOR,
    .abi_minor = CIPLUG_ABI_MINOR,
    .name = "shell",
    .version = CIPLUG_VERSION,
    .summary = "Commands by a shell, or as words",
    .builders = shell_builders,
    .open = shell_open,
    .close = shell_close,
};

CIPLUG_PLUGIN(shell_plugin);
