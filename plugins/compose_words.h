/* SPDX-License-Identifier: MIT
 *
 * What every command line of the compose plugin begins with: one of its scripts, and what the
 * scripts have to know as NAME=VALUE (compose_lib.sh says what each is).
 */
#ifndef CIPLUG_PLUGINS_COMPOSE_WORDS_H
#define CIPLUG_PLUGINS_COMPOSE_WORDS_H

#include "engine.h"

/* Of all builders. */
extern const struct ciplug_option *const compose_options[];

/* 0, or -1 after a message: names and paths that a client could take for something else. */
int compose_accept(const struct ciplug_api *api, const struct ciplug_command *command);
/* The command's own, so that no two workers and no two runs meet. */
const char *compose_project(const struct ciplug_command *command);
/* sh -c LIB+SCRIPT ciplug-compose and what all need; more NAME=VALUE may follow, then "--". */
struct engine_line compose_script(const struct ciplug_api *api,
                                  const struct ciplug_command *command, struct ciplug_argv *out,
                                  const char *script);
/* For the client's own verbs, which come next: the same with the "--", or where the command is only
 * shown, the client with its options. */
struct engine_line compose_client(const struct ciplug_api *api,
                                  const struct ciplug_command *command, struct ciplug_argv *out,
                                  const char *script);
/* NAME=VALUE; with a value of NULL: nothing. */
void compose_set(struct engine_line *line, const char *name, const char *value);
/* The same with the value of an option: as it stands; with one blank between its words; yes or no;
 * in seconds, where it is set. */
void compose_pass(struct engine_line *line, const struct ciplug_command *command,
                  const char *option, const char *name);
void compose_pass_words(struct engine_line *line, const struct ciplug_command *command,
                        const char *name);
void compose_pass_yes(struct engine_line *line, const struct ciplug_command *command,
                      const char *option, const char *name);
void compose_pass_seconds(struct engine_line *line, const struct ciplug_command *command,
                          const char *option, const char *name);
bool compose_is_yes(const struct ciplug_api *api, const struct ciplug_command *command,
                    const char *option);

#endif
