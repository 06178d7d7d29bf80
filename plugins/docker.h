/* SPDX-License-Identifier: MIT
 *
 * The docker plugin's options: their table, and what its builders make of them. Texts that are
 * returned are borrowed unless they are said to be the caller's.
 */
#ifndef CIPLUG_PLUGINS_DOCKER_H
#define CIPLUG_PLUGINS_DOCKER_H

#include "engine.h"

#define WHITE " \t\r\n\v\f"

extern const struct ciplug_option *const docker_options[];

/* -1, after that message. */
int docker_complain(const struct ciplug_api *api, const char *text);
/* NULL where it is unset or empty. */
const char *docker_option(const struct ciplug_api *api, const struct ciplug_command *command,
                          const char *name);
bool docker_is_yes(const struct ciplug_api *api, const struct ciplug_command *command,
                   const char *name);
const char *docker_client(const struct ciplug_api *api, const struct ciplug_command *command);
/* The client's name, and what it is to do. */
struct engine_line docker_begin(const struct ciplug_api *api, const struct ciplug_command *command,
                                struct ciplug_argv *out, const char *verb);

/* 0, or -1 after a message. NULL is 0. */
int docker_check_folder(const struct ciplug_api *api, const char *folder);
/* memory, cpus, ports: the engine knows what they mean; here they only must not be an option. */
int docker_check_value(const struct ciplug_api *api, const char *what, const char *words);

/* Where the command starts, by `workdir` and the step's `cwd`; relative to the image's folder, or
 * empty: that one. The caller's; NULL: no memory. */
char *docker_folder(const struct ciplug_api *api, const struct ciplug_command *command);
/* IMAGE, or IMAGE:TAG with the first `n` bytes of `tag`; the caller's. NULL after a message. */
char *docker_image(const struct ciplug_api *api, const char *image, const char *tag, size_t n);
/* By the options, with the first tag. */
char *docker_image_to_run(const struct ciplug_api *api, const struct ciplug_command *command);
/* The container that docker.run makes, with a name of its own for each attempt; the caller's.
 * NULL: no memory. */
char *docker_name_to_run(const struct ciplug_api *api, const struct ciplug_command *command);
/* In front of all: room for a container that is kept for its artifacts. 0 or -1. */
int docker_make_room(const struct ciplug_api *api, const struct ciplug_command *command,
                     struct ciplug_argv *out);
/* -v for each of the volumes, unless docker_find_volumes() did that. */
void docker_volumes(struct engine_line *line, const struct ciplug_command *command);
/* In front of all: where the client runs on another machine, a script that adds the volumes, since
 * only there it is known where they are. */
void docker_find_volumes(struct engine_line *line, const struct ciplug_command *command,
                         const char *client);
/* Whether it is that. */
bool docker_volumes_away(const struct ciplug_command *command, const char *volumes);

#endif
