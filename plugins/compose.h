/* SPDX-License-Identifier: MIT
 *
 * What the files of the compose plugin share: compose.c has its builders, compose_beside.c their
 * other callbacks (see the public header for what each is).
 */
#ifndef CIPLUG_PLUGINS_COMPOSE_H
#define CIPLUG_PLUGINS_COMPOSE_H

#include "compose_words.h"

struct compose {
    const struct ciplug_api *api;
};

const struct ciplug_api *compose_api(void *self);
const char *compose_get(void *self, const struct ciplug_command *command, const char *option);
/* -1, after that message. */
int compose_complain(void *self, const char *text);
/* The container of a compose.run: the caller's; NULL: no memory. */
char *compose_run_name(const struct ciplug_command *command);

int compose_exec_stop(void *self, const struct ciplug_command *command, struct ciplug_argv *out);
int compose_run_stop(void *self, const struct ciplug_command *command, struct ciplug_argv *out);
int compose_exec_alive(void *self, const struct ciplug_command *command, struct ciplug_argv *out);
int compose_run_alive(void *self, const struct ciplug_command *command, struct ciplug_argv *out);
int compose_exec_fetch(void *self, const struct ciplug_command *command,
                       const char *const *patterns, struct ciplug_argv *out);
int compose_run_fetch(void *self, const struct ciplug_command *command, const char *const *patterns,
                      struct ciplug_argv *out);
int compose_project_evidence(void *self, const struct ciplug_command *command,
                             const struct ciplug_result *result, struct ciplug_argv *out);
int compose_leaf_check(void *self, const struct ciplug_command *command, struct ciplug_argv *out);
int compose_service_check(void *self, const struct ciplug_command *command,
                          struct ciplug_argv *out);
int compose_project_enter(void *self, const struct ciplug_command *command,
                          struct ciplug_argv *out);
int compose_reach(void *self, const struct ciplug_command *command, struct ciplug_argv *out);
int compose_reap(void *self, const struct ciplug_intent *intent, struct ciplug_argv *out);

#endif
