/* SPDX-License-Identifier: MIT
 *
 * A planned command at its place -> what is run: placeholders expanded, builders applied,
 * environment and folder set. No processes: --dry-run uses the same.
 */
#ifndef CIPLUG_CORE_LAUNCH_H
#define CIPLUG_CORE_LAUNCH_H

#include "argv.h"
#include "mask.h"
#include "plan.h"
#include <ciplug/plugin.h>

#include <stdint.h>

struct launcher {
    const struct plan *plan;
    const char *run; /* id */
    const struct mask *mask;
};

/* Which command, where, for the how-many-th time. */
struct launch_place {
    const struct step *step;
    const size_t *units;
    size_t n_units;
    uint32_t number;
    uint32_t attempt;
    uint32_t slot; /* 0: not placed (dry run of what has no slot yet counts as 1) */
};

struct launch {
    struct ciplug_command command; /* points into this struct: do not copy */
    struct argv argv;              /* what reaches the place */
    struct argv side;              /* environment and folder for `ready`, `on_failure`: no words */
    char *shown;                   /* argv for people: quoted, secrets by name */
    /* Storage behind `command`. */
    struct strv items; /* of the source, for {items} */
    struct strv names; /* of the units, for events: what --resume knows them by */
    char *item, *name, *label, *project, *script, *host;
    struct strv words;
    struct strv values; /* matrix, of the first unit */
    char number[12], count[12], worker[12], attempt[12];
    const struct step *step;
    const struct launcher *launcher;
    struct strv borrowed; /* option values handed to plugins */
};

/* 0, or -1 with *error (the caller's): a value is missing, a builder refused, a secret would stand
 * in the argv. `launch` can be used for events and has to be freed in both cases. */
int launch_make(struct launch *launch, const struct launcher *launcher,
                const struct launch_place *place, char **error);
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
/* The value of a plugin's option, `set` or else its default, for the command or the run that `vars`
 * belong to. The caller's; NULL: unset. */
char *launch_option(const struct plan *plan, const struct ciplug_option *option,
                    const struct config_value *set, const struct expand_vars *vars);
/* An absolute path: `path` from the configuration's folder. The caller's. */
char *launch_path(const struct plan *plan, const char *path);

#endif
