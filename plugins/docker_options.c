/* SPDX-License-Identifier: MIT */
#include "docker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int docker_complain(const struct ciplug_api *api, const char *text)
{
    api->message(api, CIPLUG_LOG_ERROR, text);
    return -1;
}

const char *docker_option(const struct ciplug_api *api, const struct ciplug_command *command,
                          const char *name)
{
    const char *value = api->option(api, command, name);
    return value && *value ? value : NULL;
}

bool docker_is_yes(const struct ciplug_api *api, const struct ciplug_command *command,
                   const char *name)
{
    return engine_is_yes(docker_option(api, command, name));
}

const char *docker_client(const struct ciplug_api *api, const struct ciplug_command *command)
{
    const char *binary = docker_option(api, command, "binary");
    return binary ? binary : "docker";
}

struct engine_line docker_begin(const struct ciplug_api *api, const struct ciplug_command *command,
                                struct ciplug_argv *out, const char *verb)
{
    struct engine_line line = {.api = api, .out = out};
    const char *client = docker_client(api, command);
    if (*client == '-') {
        docker_complain(api, "the option binary names a program: no dash in front");
        line.failed = true;
    }
    engine_word(&line, client);
    engine_word(&line, verb);
    return line;
}

int docker_check_folder(const struct ciplug_api *api, const char *folder)
{
    if (!folder || *folder == '/')
        return 0;
    return docker_complain(api, "workdir is a folder in the container: it begins with /");
}

int docker_check_value(const struct ciplug_api *api, const char *what, const char *words)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                ".:/[]_-" WHITE;
    char line[160];
    if (!words || (*words != '-' && words[strspn(words, plain)] == '\0'))
        return 0;
    snprintf(line, sizeof line, "%s '%.100s' is no such value", what, words);
    return docker_complain(api, line);
}

char *docker_folder(const struct ciplug_api *api, const struct ciplug_command *command)
{
    return engine_folder(docker_option(api, command, "workdir"), command->cwd);
}

static bool has_tag(const char *image)
{
    const char *slash = strrchr(image, '/');
    return strpbrk(slash ? slash : image, ":@");
}

char *docker_image(const struct ciplug_api *api, const char *image, const char *tag, size_t n)
{
    char *text = NULL;
    if (!image)
        docker_complain(api, "needs the option image");
    else if (n && has_tag(image))
        docker_complain(api, "has a tag in the option image and another in the option tag");
    else if (asprintf(&text, "%s%s%.*s", image, n ? ":" : "", (int)n, n ? tag : "") < 0)
        return NULL;
    if (text && engine_accept(api, ENGINE_IMAGE, "image", text) < 0) {
        free(text);
        text = NULL;
    }
    return text;
}

char *docker_image_to_run(const struct ciplug_api *api, const struct ciplug_command *command)
{
    const char *tag = docker_option(api, command, "tag");
    if (tag)
        tag += strspn(tag, WHITE);
    return docker_image(api, docker_option(api, command, "image"), tag,
                        tag ? strcspn(tag, WHITE) : 0);
}

char *docker_name_to_run(const struct ciplug_api *api, const struct ciplug_command *command)
{
    const char *name = docker_option(api, command, "name");
    char *text = NULL;
    if (name)
        return strdup(name);
    if (asprintf(&text, "%s-%.180s-%u-%u", command->project ? command->project : "ci",
                 command->step, (unsigned)command->number, (unsigned)command->attempt) < 0)
        return NULL;
    return text;
}

#define OPTION(label, kind, standard, text)                                                        \
    &(const struct ciplug_option)                                                                  \
    {                                                                                              \
        .size = sizeof(struct ciplug_option), .name = (label), .type = CIPLUG_OPTION_##kind,       \
        .def = (standard), .help = (text)                                                          \
    }
#define CHOICE(label, standard, text, list)                                                        \
    &(const struct ciplug_option)                                                                  \
    {                                                                                              \
        .size = sizeof(struct ciplug_option), .name = (label), .type = CIPLUG_OPTION_CHOICE,       \
        .def = (standard), .help = (text), .choices = (list)                                       \
    }

static const char *const guard_choices[] = {"auto", "yes", "no", NULL};
static const char *const mounts_choices[] = {"refuse", "allow", NULL};
static const char *const pull_choices[] = {"missing", "always", "never", NULL};

const struct ciplug_option *const docker_options[] = {
    OPTION("binary", STRING, "docker", "The client."),
    CHOICE("guard", "auto",
           "Whether a guard watches over run and exec in the container; it needs a shell there.",
           guard_choices),
    OPTION("image", STRING, NULL, "build, run: the image."),
    OPTION("tag", WORDS, NULL, "build: its tags, where image names none; run: the first of them."),
    OPTION("context", PATH, ".", "build: the folder that is sent to the engine."),
    OPTION("dockerfile", PATH, NULL, "build: the file to build from (Dockerfile in context)."),
    OPTION("target", STRING, NULL, "build: the stage to end with."),
    OPTION("build_args", WORDS, NULL,
           "build: NAME=VALUE, or NAME alone for the value in the environment."),
    CHOICE("pull", "missing", "build, run: when an image is fetched from its registry.",
           pull_choices),
    OPTION("container", STRING, NULL, "exec: name or id of the container."),
    OPTION("containers", WORDS, NULL, "rm: names or ids."),
    OPTION("name", STRING, NULL, "run: the container's name (PROJECT-STEP-NUMBER-ATTEMPT)."),
    OPTION("volumes", WORDS, NULL,
           "run: SOURCE:FOLDER[:ro]; a source that begins with a dot starts at the "
           "configuration's folder."),
    CHOICE("mounts", "refuse",
           "run: folders beside the configuration where the engine is on another machine; allow: "
           "it sees the same files.",
           mounts_choices),
    OPTION("workdir", STRING, NULL, "run, exec: the folder to start in (the image's)."),
    OPTION("user", STRING, NULL, "run, exec: USER[:GROUP] (the image's)."),
    OPTION("network", STRING, NULL, "run: the network (the engine's own)."),
    OPTION("ports", WORDS, NULL, "run: [HOST:]CONTAINER ports to open."),
    OPTION("memory", STRING, NULL, "run: the most it may take, as 512m."),
    OPTION("cpus", STRING, NULL, "run: the most it may take, as 1.5."),
    OPTION("entrypoint", STRING, NULL, "run: instead of the image's; none: the command alone."),
    OPTION("init", BOOL, "yes", "run: a small init is process 1, so that signals work."),
    OPTION("rm", BOOL, "yes", "run: the container is removed when the command has ended."),
    OPTION("privileged", BOOL, "no", "run, exec: all rights of root."),
    OPTION("force", BOOL, "yes", "rm: also what runs; what is not there is no error."),
    OPTION("remove_volumes", BOOL, "yes", "rm: their anonymous volumes, too."),
    OPTION("args", WORDS, NULL, "Further options of the client, as they are."),
    NULL,
};
