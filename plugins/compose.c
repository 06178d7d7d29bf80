/* SPDX-License-Identifier: MIT
 *
 * compose: clusters of containers, one project for each worker of a run.
 *
 *     [step up]
 *     uses = compose.up
 *     per = worker
 *
 *     [step unit]
 *     uses = compose.exec
 *     command = rspec {item}
 *
 * The project is always the command's own, so nothing is shared between two workers or two runs.
 * What needs more than one call of a client is a script that travels in the command: compose_*.sh.
 */
#include "compose.h"
#include "safeguard.h"

#include "compose_client_sh.h"
#include "compose_down_sh.h"
#include "compose_exec_sh.h"
#include "compose_run_sh.h"
#include "compose_up_sh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compose_open(const struct ciplug_api *api, void **self)
{
    struct compose *compose = malloc(sizeof *compose);
    if (!compose)
        return -1;
    compose->api = api;
    *self = compose;
    return 0;
}

static void compose_close(void *self)
{
    free(self);
}

/* ---- leaves ---- */

static struct engine_line begin(void *self, const struct ciplug_command *command,
                                struct ciplug_argv *out, const char *script)
{
    return command->shown ? compose_client(compose_api(self), command, out, NULL)
                          : compose_script(compose_api(self), command, out, script);
}

static int up_build(void *self, const struct ciplug_command *command,
                    const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    (void)inner;
    if (compose_accept(compose_api(self), command) ||
        engine_intent(compose_api(self), command, "docker"))
        return -1;
    struct engine_line line = begin(self, command, out, compose_up_text);
    if (command->shown) {
        engine_words(&line, NULL, "up -d");
        engine_words(&line, NULL, compose_get(self, command, "services"));
        return engine_end(&line);
    }
    compose_pass(&line, command, "pull", "pull");
    compose_pass_yes(&line, command, "build", "build");
    compose_pass(&line, command, "wait", "wait");
    return engine_end(&line);
}

static int build_build(void *self, const struct ciplug_command *command,
                       const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    (void)inner;
    if (compose_accept(compose_api(self), command))
        return -1;
    struct engine_line line = compose_client(compose_api(self), command, out, compose_client_text);
    engine_word(&line, "build");
    const char *pull = compose_get(self, command, "pull");
    if (pull && strcmp(pull, "always") == 0)
        engine_word(&line, "--pull");
    if (compose_is_yes(compose_api(self), command, "no_cache"))
        engine_word(&line, "--no-cache");
    engine_words(&line, "--build-arg", compose_get(self, command, "build_args"));
    engine_words(&line, NULL, compose_get(self, command, "services"));
    return engine_end(&line);
}

static int down_build(void *self, const struct ciplug_command *command,
                      const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    (void)inner;
    if (compose_accept(compose_api(self), command))
        return -1;
    bool by_label = !command->shown && SAFEGUARD(down_by_label);
    struct engine_line line =
        by_label ? begin(self, command, out, compose_down_text)
                 : compose_client(compose_api(self), command, out, compose_client_text);
    if (!by_label) {
        engine_word(&line, "down");
        if (compose_is_yes(compose_api(self), command, "volumes"))
            engine_word(&line, "-v");
        if (compose_is_yes(compose_api(self), command, "orphans"))
            engine_word(&line, "--remove-orphans");
        return engine_end(&line);
    }
    compose_pass_yes(&line, command, "volumes", "volumes");
    compose_pass_yes(&line, command, "orphans", "orphans");
    compose_pass_yes(&line, command, "images", "remove_images");
    compose_pass_seconds(&line, command, "timeout", "seconds");
    return engine_end(&line);
}

static int command_build(void *self, const struct ciplug_command *command,
                         const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    (void)inner;
    const char *args = compose_get(self, command, "args");
    if (!args || !args[strspn(args, " \t\r\n\v\f")])
        return compose_complain(
            self, "compose.command needs the option args: what docker compose is to do");
    if (compose_accept(compose_api(self), command) ||
        engine_intent(compose_api(self), command, "docker"))
        return -1;
    struct engine_line line = compose_client(compose_api(self), command, out, compose_client_text);
    engine_words(&line, NULL, args);
    return engine_end(&line);
}

/* ---- in a container ---- */

/* What both take in front of the service. */
static void add_options(void *self, const struct ciplug_command *command, struct engine_line *line)
{
    const char *workdir = compose_get(self, command, "workdir");
    char *folder = engine_folder(workdir, command->cwd);
    engine_pair(line, "--user", compose_get(self, command, "user"));
    /* A guard goes on from there to `cwd`. */
    engine_pair(line, "--workdir", command->guarded ? workdir : folder);
    if (!command->guarded)
        engine_env(line, command);
    line->failed = line->failed || !folder;
    free(folder);
}

static int check_inner(void *self, const struct ciplug_command *command,
                       const struct ciplug_argv *inner)
{
    const char *service = compose_get(self, command, "service");
    if (!inner)
        return compose_complain(self, "needs a command");
    if (!service || !*service)
        return compose_complain(self, "needs the option service: where the command is to run");
    return compose_accept(compose_api(self), command);
}

/* The script, project, service, index; options of docker exec, which the script completes. */
static struct engine_line exec_script(void *self, const struct ciplug_command *command,
                                      struct ciplug_argv *out)
{
    struct engine_line line = {.api = compose_api(self), .out = out};
    engine_words(&line, NULL, "sh -c");
    engine_word(&line, compose_exec_text);
    engine_word(&line, "ciplug-compose");
    engine_word(&line, compose_project(command));
    engine_word(&line, compose_get(self, command, "service"));
    engine_word(&line, compose_get(self, command, "index"));
    if (command->guarded)
        engine_word(&line, "-i");
    add_options(self, command, &line);
    engine_word(&line, "--");
    return line;
}

static struct engine_line exec_shown(void *self, const struct ciplug_command *command,
                                     struct ciplug_argv *out)
{
    const char *index = compose_get(self, command, "index");
    struct engine_line line = compose_client(compose_api(self), command, out, NULL);
    engine_words(&line, NULL, "exec -T");
    if (strcmp(index, "1") != 0)
        engine_pair(&line, "--index", index);
    add_options(self, command, &line);
    engine_word(&line, compose_get(self, command, "service"));
    return line;
}

static int exec_build(void *self, const struct ciplug_command *command,
                      const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    if (check_inner(self, command, inner))
        return -1;
    struct engine_line line =
        command->shown ? exec_shown(self, command, out) : exec_script(self, command, out);
    engine_inner(&line, inner);
    return engine_end(&line);
}

static void add_run(void *self, const struct ciplug_command *command, struct engine_line *line,
                    const char *name)
{
    engine_words(line, NULL, "run -T");
    /* What is to be fetched from has to be there when it has ended. */
    if (!command->fetches)
        engine_word(line, "--rm");
    engine_pair(line, "--name", name);
    if (!compose_is_yes(line->api, command, "deps"))
        engine_word(line, "--no-deps");
    engine_pair(line, "--entrypoint", compose_get(self, command, "entrypoint"));
    add_options(self, command, line);
    engine_word(line, compose_get(self, command, "service"));
}

static int run_build(void *self, const struct ciplug_command *command,
                     const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    if (check_inner(self, command, inner) || engine_intent(compose_api(self), command, "docker"))
        return -1;
    char *name = compose_run_name(command);
    if (!name)
        return -1;
    struct engine_line line = begin(self, command, out, compose_run_text);
    if (!command->shown)
        compose_set(&line, "services", compose_get(self, command, "service"));
    if (!command->shown) {
        compose_set(&line, "name", name);
        engine_word(&line, "--");
    }
    add_run(self, command, &line, name);
    engine_inner(&line, inner);
    free(name);
    return engine_end(&line);
}

/* ---- tables ---- */

static const struct ciplug_builder up_builder = {
    .size = sizeof up_builder,
    .name = "up",
    .help = "Creates and starts services, and waits until they are healthy.",
    .flags = CIPLUG_BUILDER_LEAF | CIPLUG_BUILDER_CREATES | CIPLUG_BUILDER_RAMPED,
    .build = up_build,
    .evidence = compose_project_evidence,
    .check = compose_leaf_check,
    .reach = compose_reach,
    .enter = compose_project_enter,
};

static const struct ciplug_builder build_builder = {
    .size = sizeof build_builder,
    .name = "build",
    .help = "Builds the images, for all projects of the engine.",
    .flags = CIPLUG_BUILDER_LEAF | CIPLUG_BUILDER_CREATES,
    .build = build_build,
    .check = compose_leaf_check,
    .reach = compose_reach,
};

static const struct ciplug_builder exec_builder = {
    .size = sizeof exec_builder,
    .name = "exec",
    .help = "Runs the command in the container of a service that is up.",
    .flags = CIPLUG_BUILDER_REMOTE,
    .build = exec_build,
    .stop = compose_exec_stop,
    .alive = compose_exec_alive,
    .evidence = compose_project_evidence,
    .fetch = compose_exec_fetch,
    .check = compose_service_check,
    .reach = compose_reach,
    .enter = compose_project_enter,
};

static const struct ciplug_builder run_builder = {
    .size = sizeof run_builder,
    .name = "run",
    .help = "Runs the command in a container of its own, made like the service's.",
    .flags = CIPLUG_BUILDER_REMOTE,
    .build = run_build,
    .stop = compose_run_stop,
    .alive = compose_run_alive,
    .evidence = compose_project_evidence,
    .fetch = compose_run_fetch,
    .check = compose_service_check,
    .reach = compose_reach,
    .enter = compose_project_enter,
};

static const struct ciplug_builder down_builder = {
    .size = sizeof down_builder,
    .name = "down",
    .help = "Removes the project's containers, networks and volumes, and verifies it.",
    .flags = CIPLUG_BUILDER_LEAF,
    .build = down_build,
    .reach = compose_reach,
    .enter = compose_project_enter,
};

static const struct ciplug_builder command_builder = {
    .size = sizeof command_builder,
    .name = "command",
    .help = "Runs docker compose with the words of `args`.",
    .flags = CIPLUG_BUILDER_LEAF,
    .build = command_build,
    .evidence = compose_project_evidence,
    .check = compose_leaf_check,
    .reach = compose_reach,
    .enter = compose_project_enter,
};

static const struct ciplug_builder *const compose_builders[] = {
    &up_builder,   &build_builder,   &exec_builder, &run_builder,
    &down_builder, &command_builder, NULL};

static const struct ciplug_plugin compose_plugin = {
    .size = sizeof compose_plugin,
    .abi_major = CIPLUG_ABI_MAJOR,
    .abi_minor = CIPLUG_ABI_MINOR,
    .name = "compose",
    .version = CIPLUG_VERSION,
    .summary = "Clusters of containers by docker compose, one for each worker",
    .options = compose_options,
    .builders = compose_builders,
    .open = compose_open,
    .close = compose_close,
    .reap = compose_reap,
};

CIPLUG_PLUGIN(compose_plugin);
