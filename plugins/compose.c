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
#include "compose_words.h"
#include "safeguard.h"

#include "compose_check_sh.h"
#include "compose_client_sh.h"
#include "compose_down_sh.h"
#include "compose_exec_sh.h"
#include "compose_run_sh.h"
#include "compose_up_sh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct compose {
    const struct ciplug_api *api;
};

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

static const struct ciplug_api *api_of(void *self)
{
    return ((const struct compose *)self)->api;
}

static const char *get(void *self, const struct ciplug_command *command, const char *option)
{
    return api_of(self)->option(api_of(self), command, option);
}

static int complain(void *self, const char *text)
{
    api_of(self)->message(api_of(self), CIPLUG_LOG_ERROR, text);
    return -1;
}

/* ---- leaves ---- */

static struct engine_line begin(void *self, const struct ciplug_command *command,
                                struct ciplug_argv *out, const char *script)
{
    return command->shown ? compose_client(api_of(self), command, out, NULL)
                          : compose_script(api_of(self), command, out, script);
}

static int up_build(void *self, const struct ciplug_command *command,
                    const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    (void)inner;
    if (compose_accept(api_of(self), command) || engine_intent(api_of(self), command, "docker"))
        return -1;
    struct engine_line line = begin(self, command, out, compose_up_text);
    if (command->shown) {
        engine_words(&line, NULL, "up -d");
        engine_words(&line, NULL, get(self, command, "services"));
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
    if (compose_accept(api_of(self), command))
        return -1;
    struct engine_line line = compose_client(api_of(self), command, out, compose_client_text);
    engine_word(&line, "build");
    const char *pull = get(self, command, "pull");
    if (pull && strcmp(pull, "always") == 0)
        engine_word(&line, "--pull");
    if (compose_is_yes(api_of(self), command, "no_cache"))
        engine_word(&line, "--no-cache");
    engine_words(&line, "--build-arg", get(self, command, "build_args"));
    engine_words(&line, NULL, get(self, command, "services"));
    return engine_end(&line);
}

static int down_build(void *self, const struct ciplug_command *command,
                      const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    (void)inner;
    if (compose_accept(api_of(self), command))
        return -1;
    bool by_label = !command->shown && SAFEGUARD(down_by_label);
    struct engine_line line = by_label
                                  ? begin(self, command, out, compose_down_text)
                                  : compose_client(api_of(self), command, out, compose_client_text);
    if (!by_label) {
        engine_word(&line, "down");
        if (compose_is_yes(api_of(self), command, "volumes"))
            engine_word(&line, "-v");
        if (compose_is_yes(api_of(self), command, "orphans"))
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
    const char *args = get(self, command, "args");
    if (!args || !args[strspn(args, " \t\r\n\v\f")])
        return complain(self,
                        "compose.command needs the option args: what docker compose is to do");
    if (compose_accept(api_of(self), command) || engine_intent(api_of(self), command, "docker"))
        return -1;
    struct engine_line line = compose_client(api_of(self), command, out, compose_client_text);
    engine_words(&line, NULL, args);
    return engine_end(&line);
}

/* ---- in a container ---- */

/* What both take in front of the service. */
static void add_options(void *self, const struct ciplug_command *command, struct engine_line *line)
{
    const char *workdir = get(self, command, "workdir");
    char *folder = engine_folder(workdir, command->cwd);
    engine_pair(line, "--user", get(self, command, "user"));
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
    const char *service = get(self, command, "service");
    if (!inner)
        return complain(self, "needs a command");
    if (!service || !*service)
        return complain(self, "needs the option service: where the command is to run");
    return compose_accept(api_of(self), command);
}

/* The script, project, service, index; options of docker exec, which the script completes. */
static struct engine_line exec_script(void *self, const struct ciplug_command *command,
                                      struct ciplug_argv *out)
{
    struct engine_line line = {.api = api_of(self), .out = out};
    engine_words(&line, NULL, "sh -c");
    engine_word(&line, compose_exec_text);
    engine_word(&line, "ciplug-compose");
    engine_word(&line, compose_project(command));
    engine_word(&line, get(self, command, "service"));
    engine_word(&line, get(self, command, "index"));
    if (command->guarded)
        engine_word(&line, "-i");
    add_options(self, command, &line);
    engine_word(&line, "--");
    return line;
}

static struct engine_line exec_shown(void *self, const struct ciplug_command *command,
                                     struct ciplug_argv *out)
{
    const char *index = get(self, command, "index");
    struct engine_line line = compose_client(api_of(self), command, out, NULL);
    engine_words(&line, NULL, "exec -T");
    if (strcmp(index, "1") != 0)
        engine_pair(&line, "--index", index);
    add_options(self, command, &line);
    engine_word(&line, get(self, command, "service"));
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

/* The container of a compose.run: the caller's; NULL: no memory. */
static char *run_name(const struct ciplug_command *command)
{
    char *name = NULL;
    int n = asprintf(&name, "%s-run-%s-%u-%u", compose_project(command), command->step,
                     (unsigned)command->number, (unsigned)command->attempt);
    return n < 0 ? NULL : name;
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
    engine_pair(line, "--entrypoint", get(self, command, "entrypoint"));
    add_options(self, command, line);
    engine_word(line, get(self, command, "service"));
}

static int run_build(void *self, const struct ciplug_command *command,
                     const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    if (check_inner(self, command, inner) || engine_intent(api_of(self), command, "docker"))
        return -1;
    char *name = run_name(command);
    if (!name)
        return -1;
    struct engine_line line = begin(self, command, out, compose_run_text);
    if (!command->shown) {
        compose_set(&line, "name", name);
        engine_word(&line, "--");
    }
    add_run(self, command, &line, name);
    engine_inner(&line, inner);
    free(name);
    return engine_end(&line);
}

/* ---- beside a command ---- */

typedef int callback(const struct ciplug_api *api, const struct engine_place *place, void *data,
                     struct ciplug_argv *out);

/* Calls `with` for the container of compose.run (`own`) or compose.exec. */
static int at_place(void *self, const struct ciplug_command *command, bool own, callback *with,
                    void *data, struct ciplug_argv *out)
{
    char *name = own ? run_name(command) : NULL;
    char *folder = engine_folder(get(self, command, "workdir"), command->cwd);
    const struct engine_place place = {
        .client = "docker",
        .container = name,
        .project = compose_project(command),
        .service = get(self, command, "service"),
        .index = get(self, command, "index"),
        .user = get(self, command, "user"),
        .folder = folder,
        .own = own,
        .remove = own,
    };
    int result = -1;
    if (folder && (name || !own) && compose_accept(api_of(self), command) == 0)
        result = with(api_of(self), &place, data, out);
    free(folder);
    free(name);
    return result;
}

static int stop_there(const struct ciplug_api *api, const struct engine_place *place, void *data,
                      struct ciplug_argv *out)
{
    (void)data;
    return place->own ? engine_remove(api, place, out) : engine_stop(api, place, out);
}

static int alive_there(const struct ciplug_api *api, const struct engine_place *place, void *data,
                       struct ciplug_argv *out)
{
    (void)data;
    return engine_alive(api, place, out);
}

static int fetch_there(const struct ciplug_api *api, const struct engine_place *place, void *data,
                       struct ciplug_argv *out)
{
    return engine_fetch(api, place, *(const char *const **)data, out);
}

static int exec_stop(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    return at_place(self, command, false, stop_there, NULL, out);
}

static int run_stop(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    return at_place(self, command, true, stop_there, NULL, out);
}

static int exec_alive(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    return at_place(self, command, false, alive_there, NULL, out);
}

static int run_alive(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    return at_place(self, command, true, alive_there, NULL, out);
}

static int exec_fetch(void *self, const struct ciplug_command *command, const char *const *patterns,
                      struct ciplug_argv *out)
{
    return at_place(self, command, false, fetch_there, &patterns, out);
}

static int run_fetch(void *self, const struct ciplug_command *command, const char *const *patterns,
                     struct ciplug_argv *out)
{
    return at_place(self, command, true, fetch_there, &patterns, out);
}

/* Of all services: what a test needed is seldom the container that it ran in. */
static int project_evidence(void *self, const struct ciplug_command *command,
                            const struct ciplug_result *result, struct ciplug_argv *out)
{
    const struct engine_place place = {.client = "docker", .project = compose_project(command)};
    return engine_evidence(api_of(self), &place, command, result, out);
}

static int check_with(void *self, const struct ciplug_command *command, struct ciplug_argv *out,
                      const char *service)
{
    if (compose_accept(api_of(self), command))
        return -1;
    struct engine_line line = compose_script(api_of(self), command, out, compose_check_text);
    if (service)
        compose_set(&line, "services", service);
    compose_set(&line, "many", command->count == 1 ? "no" : "yes");
    compose_pass(&line, command, "pull", "pull");
    compose_set(&line, "prefix", "");
    compose_set(&line, "say_to", "1");
    return engine_end(&line);
}

static int leaf_check(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    return check_with(self, command, out, NULL);
}

static int service_check(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    return check_with(self, command, out, get(self, command, "service"));
}

/* What a person types: where no service is known, the list of what there is. */
static int project_enter(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    static const char label[] = "label=com.docker.compose";
    const char *service = get(self, command, "service");
    struct engine_line line = {.api = api_of(self), .out = out};
    char *text = NULL;
    int n;
    if (compose_accept(api_of(self), command))
        return -1;
    if (!service || !*service) {
        engine_words(&line, NULL, "docker ps -a");
        engine_pair_of(&line, "--filter",
                       "label=com.docker.compose.project=", compose_project(command));
        return engine_end(&line);
    }
    n = asprintf(&text,
                 "docker exec -it $(docker ps -q --filter %s.project=%s --filter %s.service=%s "
                 "--filter %s.container-number=%s) sh",
                 label, compose_project(command), label, service, label,
                 get(self, command, "index"));
    engine_words(&line, NULL, "sh -c");
    engine_word(&line, n < 0 ? NULL : text);
    if (n >= 0)
        free(text);
    return engine_end(&line);
}

static int compose_reap(void *self, const struct ciplug_intent *intent, struct ciplug_argv *out)
{
    return engine_reap(api_of(self), "docker", intent, out);
}

/* ---- tables ---- */

static const struct ciplug_builder up_builder = {
    .size = sizeof up_builder,
    .name = "up",
    .help = "Creates and starts services, and waits until they are healthy.",
    .flags = CIPLUG_BUILDER_LEAF | CIPLUG_BUILDER_CREATES | CIPLUG_BUILDER_RAMPED,
    .build = up_build,
    .evidence = project_evidence,
    .check = leaf_check,
    .enter = project_enter,
};

static const struct ciplug_builder build_builder = {
    .size = sizeof build_builder,
    .name = "build",
    .help = "Builds the images, for all projects of the engine.",
    .flags = CIPLUG_BUILDER_LEAF | CIPLUG_BUILDER_CREATES,
    .build = build_build,
    .check = leaf_check,
};

static const struct ciplug_builder exec_builder = {
    .size = sizeof exec_builder,
    .name = "exec",
    .help = "Runs the command in the container of a service that is up.",
    .flags = CIPLUG_BUILDER_REMOTE,
    .build = exec_build,
    .stop = exec_stop,
    .alive = exec_alive,
    .evidence = project_evidence,
    .fetch = exec_fetch,
    .check = service_check,
    .enter = project_enter,
};

static const struct ciplug_builder run_builder = {
    .size = sizeof run_builder,
    .name = "run",
    .help = "Runs the command in a container of its own, made like the service's.",
    .flags = CIPLUG_BUILDER_REMOTE,
    .build = run_build,
    .stop = run_stop,
    .alive = run_alive,
    .evidence = project_evidence,
    .fetch = run_fetch,
    .check = service_check,
    .enter = project_enter,
};

static const struct ciplug_builder down_builder = {
    .size = sizeof down_builder,
    .name = "down",
    .help = "Removes the project's containers, networks and volumes, and verifies it.",
    .flags = CIPLUG_BUILDER_LEAF,
    .build = down_build,
    .enter = project_enter,
};

static const struct ciplug_builder command_builder = {
    .size = sizeof command_builder,
    .name = "command",
    .help = "Runs docker compose with the words of `args`.",
    .flags = CIPLUG_BUILDER_LEAF,
    .build = command_build,
    .evidence = project_evidence,
    .check = leaf_check,
    .enter = project_enter,
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
