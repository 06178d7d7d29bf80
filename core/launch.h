/* SPDX-License-Identifier: MIT
 *
 * A planned command at its place -> what is run: placeholders expanded, builders applied,
 * environment and folder set. No processes: --dry-run uses the same.
 */
#ifndef CIPLUG_CORE_LAUNCH_H
#define CIPLUG_CORE_LAUNCH_H

#include "argv.h"
#include "guard.h"
#include "intent.h"
#include "mask.h"
#include "plan.h"
#include <ciplug/plugin.h>

#include <stdint.h>

struct launcher {
    const struct plan *plan;
    const char *run; /* id */
    const struct mask *mask;
    const char *owner;   /* of what is created outside: BOOT-ID.PID.START */
    const char *run_dir; /* absolute; NULL: none, nothing will be run */
    const char *held;    /* folder of what hosts hold; NULL: they hold nothing */
};

/* Which command, where, for the how-many-th time. */
struct launch_place {
    const struct step *step;
    const size_t *units;
    size_t n_units;
    uint32_t number;
    uint32_t attempt;
    uint32_t slot;      /* 0: not placed (dry run of what has no slot yet counts as 1) */
    const char *marker; /* CIPLUG_JOB=..., for what a guard ends; NULL: none */
    bool unguarded;     /* there is no shell at the place */
};

struct launch {
    struct ciplug_command command; /* points into this struct: do not copy */
    struct argv argv;              /* what reaches the place */
    bool guarded;                  /* a guard stands in front of the command there: */
    char nonce[GUARD_NONCE_SIZE];
    struct strbuf prelude;  /* and gets this on its input */
    bool may_do_without;    /* `guard = auto`: a place without a shell is no error */
    struct intents intents; /* what it may create outside, as its builders said */
    struct argv side;       /* environment and folder for `ready`, `on_failure`: no words */
    char *shown;            /* argv for people: quoted, secrets by name, without a guard */
    /* Storage behind `command`. */
    struct strv items; /* of the source, for {items} */
    struct strv names; /* of the units, for events: what --resume knows them by */
    char *item, *name, *label, *project, *script, *host, *place_cwd;
    struct strv words;
    struct strv values; /* matrix, of the first unit */
    char number[12], count[12], worker[12], attempt[12];
    const struct step *step;
    const struct launcher *launcher;
    struct strv borrowed;  /* option values handed to plugins */
    struct strv own;       /* NAME=VALUE of the command itself, wherever it runs */
    struct strv env_names; /* of these, for plugins */
    const char *marker;    /* the place's */
    char started[32];      /* command.started */
    size_t asked;          /* LAUNCH_CHECK, _REACH: builders that were asked */
    uint32_t hold;         /* LAUNCH_HOLD: which one is asked for */
};

/* What a builder's callback is for. */
enum launch_beside {
    LAUNCH_STOP,
    LAUNCH_ALIVE,
    LAUNCH_EVIDENCE,
    LAUNCH_FETCH,
    LAUNCH_CHECK, /* of one builder after the other: call until 0 */
    LAUNCH_ENTER,
    /* of a host */
    LAUNCH_HOLD,
    LAUNCH_PREPARE,
    LAUNCH_REACH /* also of a command; of one builder after the other: call until 0 */
};

struct launch_list {
    struct argv *list;
    size_t n;
};

/* 0, or -1 with *error (the caller's): a value is missing, a builder refused, a secret would stand
 * in the argv. `launch` can be used for events and has to be freed in both cases. */
int launch_make(struct launch *launch, const struct launcher *launcher,
                const struct launch_place *place, char **error);
/* What is held for a host, number 0, 1, ...; with LAUNCH_PREPARE once, number 0. `launch` is to be
 * freed in every case. 1: *argv, to be freed; 0: there is nothing more; -1 with *error (the
 * caller's). */
int launch_host(struct launch *launch, const struct launcher *launcher, const struct host *host,
                enum launch_beside what, uint32_t number, struct argv *argv, char **error);
/* Whether something is held for the host, or it is prepared. */
bool launch_holds(const struct host *host);
/* Each different command that asks whether what the selected steps use on the host answers there.
 * 0, or -1 with *error (the caller's); the list is to be freed in both cases. */
int launch_reaches(struct launch_list *list, const struct launcher *launcher,
                   const struct host *host, char **error);
void launch_list_free(struct launch_list *list);
/* Only `command`, for events about what never starts. */
void launch_describe(struct launch *launch, const struct launcher *launcher,
                     const struct launch_place *place);
void launch_free(struct launch *launch);
/* Expand another text of the step for this command; -1 with *error (static). */
int launch_expand(const struct launch *launch, struct strbuf *out, const char *text,
                  enum expand_mode mode, const char **error);
/* sh -ec SCRIPT here, with the command's environment, in the configuration's folder: `ready`,
 * `on_failure`. -1 with *error (static). */
int launch_side(const struct launch *launch, const char *script, struct argv *argv,
                const char **error);
/* The same for `if`, which belongs to no command. */
void launch_if(const struct launcher *launcher, const struct step *step, struct argv *argv);
/* The command of a builder's callback, of the innermost builder that has something to say, as it is
 * run here, through the builders outside of it. `result` for LAUNCH_EVIDENCE, `patterns` (closed by
 * NULL) for LAUNCH_FETCH. 1: *argv, to be freed; 0: there is nothing to do; -1 after a message. */
int launch_beside(struct launch *launch, enum launch_beside what,
                  const struct ciplug_result *result, const char *const *patterns,
                  struct argv *argv);
/* The value of a plugin's option, `set` or else its default, for the command or the run that `vars`
 * belong to; a relative path from the folder `from`. The caller's; NULL: unset. */
char *launch_option(const char *from, const struct ciplug_option *option,
                    const struct config_value *set, const struct expand_vars *vars);
/* An absolute path: `path` from the configuration's folder. The caller's. */
char *launch_path(const struct plan *plan, const char *path);

#endif
