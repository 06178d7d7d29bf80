/* SPDX-License-Identifier: MIT
 *
 * docker: build an image; run commands in a container of their own or in one that is there; remove
 * containers. The client decides which engine that is (DOCKER_HOST, contexts). What is the same for
 * compose stands in engine.c.
 *
 * Whatever a client could take for one of its options or for more than one name is refused by
 * build(): behind `docker run IMAGE` there is no "--".
 */
#include "docker.h"
#include "safeguard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct docker {
    const struct ciplug_api *api;
};

static int docker_open(const struct ciplug_api *api, void **self)
{
    struct docker *docker = malloc(sizeof *docker);
    if (!docker)
        return -1;
    docker->api = api;
    *self = docker;
    return 0;
}

static void docker_close(void *self)
{
    free(self);
}

static const struct ciplug_api *api_of(const void *self)
{
    return ((const struct docker *)self)->api;
}

/* ---- docker.build ---- */

/* -t IMAGE, or -t IMAGE:TAG for each. */
static void add_tags(struct engine_line *line, const struct ciplug_command *command)
{
    const char *image = docker_option(line->api, command, "image");
    const char *tag = docker_option(line->api, command, "tag");
    do {
        if (tag)
            tag += strspn(tag, WHITE);
        size_t n = tag ? strcspn(tag, WHITE) : 0;
        char *name = docker_image(line->api, image, tag, n);
        if (!name)
            line->failed = true;
        else
            engine_pair(line, "-t", name);
        free(name);
        if (tag)
            tag += n + strspn(tag + n, WHITE);
    } while (tag && *tag && !line->failed);
}

/* No label of the run: images are shared, reap leaves them alone. */
static int build_build(void *self, const struct ciplug_command *command,
                       const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    const struct ciplug_api *api = api_of(self);
    const char *target = docker_option(api, command, "target");
    const char *pull = docker_option(api, command, "pull");
    (void)inner;
    if (engine_accept(api, ENGINE_NAME, "target", target) < 0)
        return -1;
    struct engine_line line = docker_begin(api, command, out, "build");
    add_tags(&line, command);
    engine_pair(&line, "-f", docker_option(api, command, "dockerfile"));
    engine_pair(&line, "--target", target);
    engine_words(&line, "--build-arg", docker_option(api, command, "build_args"));
    if (pull && strcmp(pull, "always") == 0)
        engine_word(&line, "--pull");
    /* Without it a failed build leaves a container. */
    engine_word(&line, "--force-rm");
    engine_words(&line, NULL, docker_option(api, command, "args"));
    engine_word(&line, docker_option(api, command, "context"));
    return engine_end(&line);
}

static int build_check(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    const struct ciplug_api *api = api_of(self);
    const char *file = docker_option(api, command, "dockerfile");
    const char *context = docker_option(api, command, "context");
    char *standard = NULL;
    if (!file && asprintf(&standard, "%s/Dockerfile", context ? context : ".") < 0)
        return -1;
    /* Away from here the workspace is there only in a run. */
    int result = engine_check(api, docker_client(api, command), "build", NULL,
                              command->away ? NULL
                              : file        ? file
                                            : standard,
                              out);
    free(standard);
    return result;
}

/* ---- docker.run ---- */

/* -p and so on, where the engine says what they may be. */
static void add_limits(struct engine_line *line, const struct ciplug_command *command)
{
    const char *memory = docker_option(line->api, command, "memory");
    const char *cpus = docker_option(line->api, command, "cpus");
    const char *ports = docker_option(line->api, command, "ports");
    if (docker_check_value(line->api, "memory", memory) ||
        docker_check_value(line->api, "cpus", cpus) ||
        docker_check_value(line->api, "ports", ports))
        line->failed = true;
    engine_pair(line, "--memory", memory);
    engine_pair(line, "--cpus", cpus);
    engine_words(line, "-p", ports);
}

static void add_entrypoint(struct engine_line *line, const struct ciplug_command *command)
{
    const char *entrypoint = docker_option(line->api, command, "entrypoint");
    if (!entrypoint)
        return;
    engine_word(line, "--entrypoint");
    engine_word(line, strcmp(entrypoint, "none") == 0 ? "" : entrypoint);
}

/* Who runs it, where: for run and exec. */
static void add_user(struct engine_line *line, const struct ciplug_command *command)
{
    const char *user = docker_option(line->api, command, "user");
    const char *workdir = docker_option(line->api, command, "workdir");
    char *folder = docker_folder(line->api, command);
    if (!folder || engine_accept(line->api, ENGINE_USER, "user", user) ||
        docker_check_folder(line->api, workdir))
        line->failed = true;
    engine_pair(line, "--user", user);
    /* A guard goes on from there to `cwd`. */
    engine_pair(line, "--workdir", command->guarded ? workdir : folder);
    free(folder);
    if (docker_is_yes(line->api, command, "privileged"))
        engine_word(line, "--privileged");
}

/* A guard gets the variables by its input, which then has to reach it. */
static void add_input(struct engine_line *line, const struct ciplug_command *command)
{
    if (command->guarded)
        engine_word(line, "-i");
    else
        engine_env(line, command);
}

static void add_container(struct engine_line *line, const struct ciplug_command *command)
{
    const struct ciplug_api *api = line->api;
    const char *network = docker_option(api, command, "network");
    const char *pull = docker_option(api, command, "pull");
    char *name = docker_name_to_run(api, command);
    if (!name || engine_accept(api, ENGINE_NAME, "container", name) ||
        engine_accept(api, ENGINE_NETWORK, "network", network))
        line->failed = true;
    /* What is to be fetched from has to be there when it has ended. */
    if (docker_is_yes(api, command, "rm") && !command->fetches)
        engine_word(line, "--rm");
    /* Else the command is process 1, which the kernel lets ignore most signals. */
    if (docker_is_yes(api, command, "init") && SAFEGUARD(container_init))
        engine_word(line, "--init");
    add_input(line, command);
    engine_pair(line, "--name", name);
    engine_labels(line, command);
    engine_pair(line, "--network", network);
    if (pull && strcmp(pull, "missing") != 0)
        engine_pair(line, "--pull", pull);
    free(name);
}

static int run_build(void *self, const struct ciplug_command *command,
                     const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    const struct ciplug_api *api = api_of(self);
    char *image = docker_image_to_run(api, command);
    if (!image)
        return -1;
    int room = docker_make_room(api, command, out);
    struct engine_line volumes = {.api = api, .out = out};
    docker_find_volumes(&volumes, command, docker_client(api, command));
    struct engine_line line = docker_begin(api, command, out, "run");
    add_container(&line, command);
    add_user(&line, command);
    docker_volumes(&line, command);
    add_limits(&line, command);
    add_entrypoint(&line, command);
    engine_words(&line, NULL, docker_option(api, command, "args"));
    engine_word(&line, image);
    engine_inner(&line, inner);
    free(image);
    if (room < 0 || volumes.failed || engine_end(&line) < 0)
        return -1;
    return engine_intent(api, command, docker_client(api, command));
}

static int run_check(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    const struct ciplug_api *api = api_of(self);
    char *image = docker_image_to_run(api, command);
    if (!image)
        return -1;
    int result = engine_check(api, docker_client(api, command), "run", image, NULL, out);
    free(image);
    return result;
}

/* ---- where a command runs ---- */

typedef int callback(const struct ciplug_api *api, const struct engine_place *place, void *data,
                     struct ciplug_argv *out);

/* Calls `with` for the container of docker.run (`own`) or docker.exec. */
static int at_place(void *self, const struct ciplug_command *command, bool own, callback *with,
                    void *data, struct ciplug_argv *out)
{
    const struct ciplug_api *api = api_of(self);
    char *name = own ? docker_name_to_run(api, command) : NULL;
    char *folder = docker_folder(api, command);
    const struct engine_place place = {
        .client = docker_client(api, command),
        .container = own ? name : docker_option(api, command, "container"),
        .run = own ? command->run : NULL,
        .user = docker_option(api, command, "user"),
        .folder = folder,
        .own = own,
        .remove = own && docker_is_yes(api, command, "rm") && command->fetches == 1,
    };
    int result = -1;
    if (place.container && folder &&
        engine_accept(api, ENGINE_NAME, "container", place.container) == 0)
        result = with(api, &place, data, out);
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

struct ended {
    const struct ciplug_command *command;
    const struct ciplug_result *result;
};

static int evidence_there(const struct ciplug_api *api, const struct engine_place *place,
                          void *data, struct ciplug_argv *out)
{
    const struct ended *ended = data;
    return engine_evidence(api, place, ended->command, ended->result, out);
}

static int fetch_there(const struct ciplug_api *api, const struct engine_place *place, void *data,
                       struct ciplug_argv *out)
{
    return engine_fetch(api, place, *(const char *const **)data, out);
}

static int enter_there(const struct ciplug_api *api, const struct engine_place *place, void *data,
                       struct ciplug_argv *out)
{
    struct engine_line line = {.api = api, .out = out};
    (void)data;
    engine_word(&line, place->client);
    engine_word(&line, "exec");
    engine_word(&line, "-it");
    engine_pair(&line, "--user", place->user);
    if (*place->folder == '/')
        engine_pair(&line, "--workdir", place->folder);
    engine_word(&line, place->container);
    engine_word(&line, "sh");
    return engine_end(&line);
}

static int run_stop(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    return at_place(self, command, true, stop_there, NULL, out);
}

static int run_alive(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    return at_place(self, command, true, alive_there, NULL, out);
}

static int run_evidence(void *self, const struct ciplug_command *command,
                        const struct ciplug_result *result, struct ciplug_argv *out)
{
    struct ended ended = {command, result};
    return at_place(self, command, true, evidence_there, &ended, out);
}

static int run_fetch(void *self, const struct ciplug_command *command, const char *const *patterns,
                     struct ciplug_argv *out)
{
    return at_place(self, command, true, fetch_there, &patterns, out);
}

static int run_enter(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    return at_place(self, command, true, enter_there, NULL, out);
}

/* ---- docker.exec ---- */

static int exec_build(void *self, const struct ciplug_command *command,
                      const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    const struct ciplug_api *api = api_of(self);
    const char *container = docker_option(api, command, "container");
    if (!container)
        return docker_complain(api, "needs the option container");
    if (engine_accept(api, ENGINE_NAME, "container", container) < 0)
        return -1;
    struct engine_line line = docker_begin(api, command, out, "exec");
    add_input(&line, command);
    add_user(&line, command);
    engine_words(&line, NULL, docker_option(api, command, "args"));
    engine_word(&line, container);
    engine_inner(&line, inner);
    return engine_end(&line);
}

static int exec_stop(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    return at_place(self, command, false, stop_there, NULL, out);
}

static int exec_alive(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    return at_place(self, command, false, alive_there, NULL, out);
}

static int exec_evidence(void *self, const struct ciplug_command *command,
                         const struct ciplug_result *result, struct ciplug_argv *out)
{
    struct ended ended = {command, result};
    return at_place(self, command, false, evidence_there, &ended, out);
}

static int exec_fetch(void *self, const struct ciplug_command *command, const char *const *patterns,
                      struct ciplug_argv *out)
{
    return at_place(self, command, false, fetch_there, &patterns, out);
}

static int exec_enter(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    return at_place(self, command, false, enter_there, NULL, out);
}

/* ---- docker.rm ---- */

static int rm_build(void *self, const struct ciplug_command *command,
                    const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    const struct ciplug_api *api = api_of(self);
    const char *containers = docker_option(api, command, "containers");
    (void)inner;
    if (!containers)
        return docker_complain(api, "needs the option containers");
    if (engine_accept_words(api, ENGINE_NAME, "container", containers) < 0)
        return -1;
    struct engine_line line = docker_begin(api, command, out, "rm");
    if (docker_is_yes(api, command, "force"))
        engine_word(&line, "-f");
    if (docker_is_yes(api, command, "remove_volumes"))
        engine_word(&line, "-v");
    engine_words(&line, NULL, docker_option(api, command, "args"));
    engine_words(&line, NULL, containers);
    return engine_end(&line);
}

/* Of exec and rm: their containers may be made by another step. */
static int engine_only_check(void *self, const struct ciplug_command *command,
                             struct ciplug_argv *out)
{
    const struct ciplug_api *api = api_of(self);
    return engine_check(api, docker_client(api, command), "exec", NULL, NULL, out);
}

static int docker_reach(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    return engine_reach(api_of(self), docker_client(api_of(self), command), out);
}

static int docker_reap(void *self, const struct ciplug_intent *intent, struct ciplug_argv *out)
{
    const struct ciplug_api *api = api_of(self);
    return engine_reap(api, docker_client(api, NULL), intent, out);
}

/* ---- tables ---- */

static const struct ciplug_builder build_builder = {
    .size = sizeof build_builder,
    .name = "build",
    .help = "Builds an image.",
    .flags = CIPLUG_BUILDER_LEAF | CIPLUG_BUILDER_CREATES,
    .build = build_build,
    .check = build_check,
    .reach = docker_reach,
};
static const struct ciplug_builder run_builder = {
    .size = sizeof run_builder,
    .name = "run",
    .help = "Runs the command in a container of its own.",
    .flags = CIPLUG_BUILDER_REMOTE,
    .build = run_build,
    .stop = run_stop,
    .alive = run_alive,
    .evidence = run_evidence,
    .fetch = run_fetch,
    .check = run_check,
    .reach = docker_reach,
    .enter = run_enter,
};
static const struct ciplug_builder exec_builder = {
    .size = sizeof exec_builder,
    .name = "exec",
    .help = "Runs the command in a container that is there.",
    .flags = CIPLUG_BUILDER_REMOTE,
    .build = exec_build,
    .stop = exec_stop,
    .alive = exec_alive,
    .evidence = exec_evidence,
    .fetch = exec_fetch,
    .check = engine_only_check,
    .reach = docker_reach,
    .enter = exec_enter,
};
static const struct ciplug_builder rm_builder = {
    .size = sizeof rm_builder,
    .name = "rm",
    .help = "Removes containers.",
    .flags = CIPLUG_BUILDER_LEAF,
    .build = rm_build,
    .check = engine_only_check,
    .reach = docker_reach,
};
static const struct ciplug_builder *const docker_builders[] = {&build_builder, &run_builder,
                                                               &exec_builder, &rm_builder, NULL};

static const struct ciplug_plugin docker_plugin = {
    .size = sizeof docker_plugin,
    .abi_major = CIPLUG_ABI_MAJOR,
    .abi_minor = CIPLUG_ABI_MINOR,
    .name = "docker",
    .version = CIPLUG_VERSION,
    .summary = "Commands in containers",
    .options = docker_options,
    .builders = docker_builders,
    .open = docker_open,
    .close = docker_close,
    .reap = docker_reap,
};

CIPLUG_PLUGIN(docker_plugin);
