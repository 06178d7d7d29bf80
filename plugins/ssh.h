/* SPDX-License-Identifier: MIT
 *
 * What the files of the ssh plugin share.
 */
#ifndef CIPLUG_PLUGINS_SSH_H
#define CIPLUG_PLUGINS_SSH_H

#include "engine.h"

#define ADDRESS_MAX 300
#define WORKSPACES  ".cache/ciplug/" /* from where one logs in */

struct ssh {
    const struct ciplug_api *api;
    char run[16]; /* which we are, once it has made something on a host; "": none */
};

const struct ciplug_api *ssh_api(const void *self);
/* A message, "TEXT: WHAT" (WHAT may be NULL). -1. */
int ssh_complain(const struct ciplug_api *api, const char *text, const char *what);
/* 0, or -1 after a message: that is no address, or ssh might take it for an option. */
int ssh_accept(const struct ciplug_api *api, const char *address);
/* The client, and what it has to be told in every case: of that name and configuration (may be
 * NULL), or the command's. */
struct engine_line ssh_client(const struct ciplug_api *api, const char *binary, const char *config,
                              struct ciplug_argv *out);
struct engine_line ssh_begin(const struct ciplug_api *api, const struct ciplug_command *command,
                             struct ciplug_argv *out);
/* -o SETTING */
void ssh_setting(struct engine_line *line, const char *setting);
/* The whole client; what is added behind it is the line for the shell over there. */
struct engine_line ssh_reach(const struct ciplug_api *api, const struct ciplug_command *command,
                             struct ciplug_argv *out);
/* What stands behind the first words of the line is one more. 0 or -1. */
int ssh_join(struct engine_line *line, size_t first);

/* The run's copy of the workspace, behind `before`. The caller's; NULL: no memory. */
char *ssh_workspace(const struct ciplug_command *command, const char *before);
int ssh_way(void *self, const struct ciplug_command *command, struct ciplug_argv *out);
int ssh_prepare(void *self, const struct ciplug_command *command, struct ciplug_argv *out);
int ssh_reap(void *self, const struct ciplug_intent *intent, struct ciplug_argv *out);

#endif
