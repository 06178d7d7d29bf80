/* SPDX-License-Identifier: MIT
 *
 * What the docker and the compose plugin share: names that a client can be given, labels, and the
 * commands that run beside a container's command. Those are engine.sh, which says what each does;
 * it runs where the client runs.
 */
#ifndef CIPLUG_PLUGINS_ENGINE_H
#define CIPLUG_PLUGINS_ENGINE_H

#include <ciplug/plugin.h>

#include <stdbool.h>

/* A command under construction, of which only the end has to be checked. */
struct engine_line {
    const struct ciplug_api *api;
    struct ciplug_argv *out;
    bool failed;
    size_t n; /* words that were added one by one */
};

void engine_word(struct engine_line *line, const char *word);
/* "-flag" "value"; neither when the value is NULL or empty. */
void engine_pair(struct engine_line *line, const char *flag, const char *value);
/* "-flag" "PREFIXvalue", the same. */
void engine_pair_of(struct engine_line *line, const char *flag, const char *prefix,
                    const char *value);
/* Each word of `text`, which white space separates (CIPLUG_OPTION_WORDS), behind `flag` unless that
 * is NULL. */
void engine_words(struct engine_line *line, const char *flag, const char *text);
/* "-e" NAME for each variable that the command has to get, and for its marker: where no guard
 * brings them. Names only: the client has the values, and nobody reads them in its arguments. */
void engine_env(struct engine_line *line, const struct ciplug_command *command);
/* --label ciplug.run=..., .owner, .step: what reap finds. */
void engine_labels(struct engine_line *line, const struct ciplug_command *command);
/* Where a command starts at its place: `cwd` of the step (may be NULL), relative to `workdir` (may
 * be NULL, and that to the image's folder). The caller's, "" for anywhere; NULL: no memory. */
char *engine_folder(const char *workdir, const char *cwd);
/* A BOOL option's value, however it was written. */
bool engine_is_yes(const char *text);
/* What is inside. */
void engine_inner(struct engine_line *line, const struct ciplug_argv *inner);
/* 0 or -1. */
int engine_end(const struct engine_line *line);

/* What a client may be given without taking it for an option or for more than it is. */
enum engine_kind {
    ENGINE_NAME,    /* of a container, service, volume, build stage */
    ENGINE_IMAGE,   /* [HOST[:PORT]/]PATH[:TAG][@DIGEST] */
    ENGINE_USER,    /* USER[:GROUP] */
    ENGINE_NETWORK, /* also host, none, container:NAME */
};
/* 0, or -1 after a message that begins with `what`. NULL and "" are 0. */
int engine_accept(const struct ciplug_api *api, enum engine_kind kind, const char *what,
                  const char *text);
/* The same for each of the words. */
int engine_accept_words(const struct ciplug_api *api, enum engine_kind kind, const char *what,
                        const char *text);

/* Inside build(), before anything that creates: says that reap() will have to look. 0 or -1. */
int engine_intent(const struct ciplug_api *api, const struct ciplug_command *command,
                  const char *client);
/* reap() as a whole: containers, networks and volumes with the run's label or of its projects. By
 * the client that the intent names (docker, podman, nerdctl), or else this one. */
int engine_reap(const struct ciplug_api *api, const char *client,
                const struct ciplug_intent *intent, struct ciplug_argv *out);

/* Where a command runs. */
struct engine_place {
    const char *client;    /* program */
    const char *container; /* a name or id; or NULL and the next three but one */
    const char *run;       /* whose label it has to have, else it is not there; NULL: anybody's */
    const char *project;   /* of compose */
    const char *service;   /* NULL: all of the project */
    const char *index;     /* of a service's container; NULL: all of them */
    const char *user;      /* NULL: the image's */
    const char *folder;    /* where artifacts' relative names start; if relative itself, from the
                              image's folder; NULL: that */
    bool own;              /* the container was made for the command: not there yet is no harm */
    bool remove;           /* and goes when its artifacts are here */
};

/* stop() where the container lives on: kills inside, verified; else the container. */
int engine_stop(const struct ciplug_api *api, const struct engine_place *place,
                struct ciplug_argv *out);
/* stop() where the container is the command's own. */
int engine_remove(const struct ciplug_api *api, const struct engine_place *place,
                  struct ciplug_argv *out);
int engine_alive(const struct ciplug_api *api, const struct engine_place *place,
                 struct ciplug_argv *out);
/* States, events and logs since the command began. */
int engine_evidence(const struct ciplug_api *api, const struct engine_place *place,
                    const struct ciplug_command *command, const struct ciplug_result *result,
                    struct ciplug_argv *out);
int engine_fetch(const struct ciplug_api *api, const struct engine_place *place,
                 const char *const *patterns, struct ciplug_argv *out);
/* reach(): the engine answers. */
int engine_reach(const struct ciplug_api *api, const char *client, struct ciplug_argv *out);
/* Where the engine is, if that is another machine than the one on which the client runs; NULL: it
 * is here, or nobody knows. A port of the loopback is here. */
const char *engine_elsewhere(const struct ciplug_api *api, const struct ciplug_command *command);
/* Whether the option `mounts` says that it sees the files of this machine by the same names. */
bool engine_shares_files(const struct ciplug_api *api, const struct ciplug_command *command);
/* engine.sh, for other scripts. */
const char *engine_script(void);
/* The engine answers, has room; `verb` run: the image is there or will be pulled; build: the
 * dockerfile is there. Both may be NULL. */
int engine_check(const struct ciplug_api *api, const char *client, const char *verb,
                 const char *image, const char *dockerfile, struct ciplug_argv *out);

#endif
