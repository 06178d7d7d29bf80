/* SPDX-License-Identifier: MIT
 *
 * What runs beside a command in a project: ending it, looking for it, what explains a failure.
 */
#include "compose.h"
#include "compose_check_sh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct ciplug_api *compose_api(void *self)
{
    return ((const struct compose *)self)->api;
}

const char *compose_get(void *self, const struct ciplug_command *command, const char *option)
{
    return compose_api(self)->option(compose_api(self), command, option);
}

int compose_complain(void *self, const char *text)
{
    compose_api(self)->message(compose_api(self), CIPLUG_LOG_ERROR, text);
    return -1;
}

/* The container of a compose.run: the caller's; NULL: no memory. */
char *compose_run_name(const struct ciplug_command *command)
{
    char *name = NULL;
    int n = asprintf(&name, "%s-run-%s-%u-%u", compose_project(command), command->step,
                     (unsigned)command->number, (unsigned)command->attempt);
    return n < 0 ? NULL : name;
}

typedef int callback(const struct ciplug_api *api, const struct engine_place *place, void *data,
                     struct ciplug_argv *out);

/* Calls `with` for the container of compose.run (`own`) or compose.exec. */
static int at_place(void *self, const struct ciplug_command *command, bool own, callback *with,
                    void *data, struct ciplug_argv *out)
{
    char *name = own ? compose_run_name(command) : NULL;
    char *folder = engine_folder(compose_get(self, command, "workdir"), command->cwd);
    const struct engine_place place = {
        .client = "docker",
        .container = name,
        .project = compose_project(command),
        .service = compose_get(self, command, "service"),
        .index = compose_get(self, command, "index"),
        .user = compose_get(self, command, "user"),
        .folder = folder,
        .own = own,
        .remove = own && command->fetches == 1,
    };
    int result = -1;
    if (folder && (name || !own) && compose_accept(compose_api(self), command) == 0)
        result = with(compose_api(self), &place, data, out);
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

int compose_exec_stop(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    return at_place(self, command, false, stop_there, NULL, out);
}

int compose_run_stop(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    return at_place(self, command, true, stop_there, NULL, out);
}

int compose_exec_alive(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    return at_place(self, command, false, alive_there, NULL, out);
}

int compose_run_alive(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    return at_place(self, command, true, alive_there, NULL, out);
}

int compose_exec_fetch(void *self, const struct ciplug_command *command,
                       const char *const *patterns, struct ciplug_argv *out)
{
    return at_place(self, command, false, fetch_there, &patterns, out);
}

int compose_run_fetch(void *self, const struct ciplug_command *command, const char *const *patterns,
                      struct ciplug_argv *out)
{
    return at_place(self, command, true, fetch_there, &patterns, out);
}

/* Of all services: what a test needed is seldom the container that it ran in. */
int compose_project_evidence(void *self, const struct ciplug_command *command,
                             const struct ciplug_result *result, struct ciplug_argv *out)
{
    const struct engine_place place = {.client = "docker", .project = compose_project(command)};
    return engine_evidence(compose_api(self), &place, command, result, out);
}

static int check_with(void *self, const struct ciplug_command *command, struct ciplug_argv *out,
                      const char *service)
{
    if (compose_accept(compose_api(self), command))
        return -1;
    /* The file is there only in a run. */
    if (command->away && strcmp(command->paths_from, ".") == 0)
        return engine_check(compose_api(self), "docker", "compose", NULL, NULL, out);
    struct engine_line line = compose_script(compose_api(self), command, out, compose_check_text);
    if (service)
        compose_set(&line, "services", service);
    compose_set(&line, "engine", engine_script());
    compose_set(&line, "many", command->count == 1 ? "no" : "yes");
    compose_pass(&line, command, "pull", "pull");
    compose_set(&line, "prefix", "");
    compose_set(&line, "say_to", "1");
    return engine_end(&line);
}

int compose_leaf_check(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    return check_with(self, command, out, NULL);
}

int compose_service_check(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    return check_with(self, command, out, compose_get(self, command, "service"));
}

/* What a person types: where no service is known, the list of what there is. */
int compose_project_enter(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    static const char label[] = "label=com.docker.compose";
    const char *service = compose_get(self, command, "service");
    struct engine_line line = {.api = compose_api(self), .out = out};
    char *text = NULL;
    int n;
    if (compose_accept(compose_api(self), command))
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
                 compose_get(self, command, "index"));
    engine_words(&line, NULL, "sh -c");
    engine_word(&line, n < 0 ? NULL : text);
    if (n >= 0)
        free(text);
    return engine_end(&line);
}

int compose_reach(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    (void)command;
    return engine_reach(compose_api(self), "docker", out);
}

int compose_reap(void *self, const struct ciplug_intent *intent, struct ciplug_argv *out)
{
    return engine_reap(compose_api(self), "docker", intent, out);
}
