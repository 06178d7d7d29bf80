/* SPDX-License-Identifier: MIT
 *
 * What the plan_*.c files share while a plan is made. Everything that is wrong goes into
 * build->problems; nothing stops at the first.
 */
#ifndef CIPLUG_CORE_PLAN_INTERNAL_H
#define CIPLUG_CORE_PLAN_INTERNAL_H

#include "plan.h"

struct build {
    struct plan *plan;
    const struct config *config;
    struct plugins *plugins;
    const struct plan_request *request;
    struct problems *problems;
    const struct config_section *run; /* [ciplug]; NULL: none */
    struct strv wanted;               /* [ciplug] plugins: what is not loaded was complained of */
    struct strv step_names, host_names;
    struct strv axis_names; /* matrix names of all steps */
};

/* --- plan_keys.c: values and where they come from --- */

/* A problem at the value's place. */
void plan_complain(struct build *b, const struct config_value *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* " (did you mean 'x'?)" or "": the caller's. `names` may be empty. */
char *plan_hint(const char *name, const struct strv *names);
/* The section's own value, else the default in [ciplug] where the key may stand there. NULL: none.
 */
const struct config_value *plan_value(const struct build *b, const struct config_section *section,
                                      const char *key);
/* Text for an option: value, else the table's default, else NULL. */
struct setting plan_setting(const struct config_value *value);
/* "step x", "cleanup step x": the caller's. */
char *plan_step_title(const struct step *step);
/* Fill the step from its section. */
void plan_read_step(struct build *b, struct step *step);
/* `workers`, `hosts`, `shell`, `retry_on`, `skip_codes`, `batch`: words with a form of their own.
 */
void plan_read_words(struct build *b, struct step *step);
/* Is it a name of letters, digits and _ that starts with no digit? */
bool plan_variable_name(const char *name, size_t length);

/* --- plan_source.c --- */

/* count, items..., matrix, split, batch: read, and what excludes what. */
void plan_read_source(struct build *b, struct step *step);
bool plan_has_items(const struct step *step);

/* --- plan_matrix.c --- */

void plan_read_matrix(struct build *b, struct step *step);
/* The cells that are left, as rows of n_axes indexes of values; *n of them (1 and NULL without a
 * matrix). The caller's. NULL and *n = 0 with *error when there are too many. */
size_t *plan_cells(const struct step *step, size_t *n, char **error);

/* --- plan_env.c --- */

void plan_read_env(struct build *b, struct step *step);
void plan_read_host_env(struct build *b, struct host *host);
void plan_read_mask(struct build *b);

/* --- plan_uses.c --- */

/* Words of `uses` -> builders. */
void plan_read_uses(struct build *b, const struct config_value *value, struct use **uses,
                    size_t *n_uses);
void plan_check_command(struct build *b, struct step *step);
/* step->ramps: what `ramp` of its CIPLUG_BUILDER_RAMPED builders says, the least where several do.
 */
void plan_read_ramps(struct build *b, struct step *step);
/* PLUGIN.OPTION keys of a step's, cleanup's or host's section. */
void plan_check_options(struct build *b, const struct config_section *section);
/* Such keys of plugins that the step does not use. */
void plan_check_unused(struct build *b, const struct step *step);
/* Kinds of sections, and the plugins' own sections. */
void plan_check_sections(struct build *b);
/* Keys of a section against its table; dotted keys are left to the functions above. */
void plan_check_keys(struct build *b, const struct config_section *section,
                     const struct ciplug_option *const *table, const char *what);

/* --- plan_check.c --- */

/* Every template of steps, hosts and plugins' sections; secrets in places that are seen. */
void plan_check_templates(struct build *b);

/* --- plan_needs.c --- */

/* Names of steps: form, uniqueness, the index behind plan_find_step(). */
void plan_index_names(struct build *b);
void plan_read_needs(struct build *b);
void plan_check_cycles(struct build *b);

/* --- plan_slots.c --- */

/* [host] sections, except their uses and env. Before the steps are read. */
void plan_read_hosts(struct build *b);
void plan_read_step_hosts(struct build *b, struct step *step);
void plan_read_workers(struct build *b, struct step *step);
/* The slot table; ranges and weights of the selected steps against it. */
void plan_make_slots(struct build *b);
/* How many slots plan_slot_allowed() allows. */
uint32_t plan_allowed_slots(const struct plan *plan, const struct step *step);

/* --- plan_glob.c --- */

bool plan_is_glob(const char *word);
/* Add the files below `dir` that match, sorted bytewise, each once. 0, or -1 with *error (the
 * caller's). */
int plan_glob(const char *dir, const char *pattern, struct strv *found, char **error);
/* The same where nothing may be missed: a folder that may not be read is an error, too. */
int plan_glob_all(const char *dir, const char *pattern, struct strv *found, char **error);

/* --- plan_split.c --- */

/* Units -> step->commands for a step with `split`. */
void plan_split(const struct plan *plan, struct step *step);
/* Whether `pattern` names the unit: equal to its item or label, or a glob that matches one. */
bool plan_unit_matches(const struct unit *unit, const char *pattern);
/* Adds a command with these units. */
void plan_add_command(struct step *step, uint32_t number, const size_t *units, size_t n);

/* --- plan_items.c --- */

void plan_free_units(struct step *step);
/* The units of all selected steps, as of now. */
void plan_preview_units(struct build *b);

/* --- plan_select.c --- */

/* step->selected, step->globs. After the needs. */
void plan_select(struct build *b);
/* After the units are there: 0, or 1 when a glob matches nothing or nothing is there to run (said).
 */
int plan_check_selection(struct build *b);

#endif
