/* SPDX-License-Identifier: MIT
 *
 * Configuration -> steps, items, commands, hosts, the slot table. Pure data; the only I/O is globs
 * and the files that env_file and items_file name.
 *
 * Sources that can be seen only later are expanded when the step starts (plan_step_commands):
 * items_from always; globs and items_file again, because steps before may have made the files.
 * Until then they hold what is there now, for list, check, --dry-run and selections.
 */
#ifndef CIPLUG_CORE_PLAN_H
#define CIPLUG_CORE_PLAN_H

#include "config.h"
#include "expand.h"
#include "plugins.h"
#include "strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum source { SOURCE_NONE, SOURCE_COUNT, SOURCE_ITEMS, SOURCE_ITEMS_FROM, SOURCE_ITEMS_FILE };
enum per { PER_COMMAND, PER_WORKER, PER_HOST };
enum on_leak { ON_LEAK_KILL, ON_LEAK_FAIL, ON_LEAK_KEEP };
enum when { WHEN_ALWAYS, WHEN_SUCCESS, WHEN_FAILURE };

/* A text of the file and where it stands, for messages. text == NULL: not given. */
struct setting {
    const char *text;
    const char *file;
    int line;
};

/* More units than this in one step are a mistake, or would not fit into memory. */
#define PLAN_UNITS_MAX 1000000

/* What the ledger counts: an item, a cell of a matrix, or both; or just a number. */
struct unit {
    char *item;         /* NULL: none (count, or nothing) */
    struct strv values; /* beside step->matrix_names */
    char *label;        /* for people and STEP:GLOB: item, "py=3.10 db=mysql", both, or "3" */
    uint32_t number;    /* 1.. in the order of the source */
};

/* One command as planned: one unit, or several where the step splits. Batches are formed by the
 * schedule. */
struct planned {
    uint32_t number;
    size_t *units; /* indexes into step->units */
    size_t n;
    bool carried; /* of plan_regroup(): it will not run */
};

struct range {
    bool given;
    bool plain;      /* N: any N of the step's slots; else the slots lo..hi */
    uint32_t lo, hi; /* hi UINT32_MAX: to the end */
};

struct use {
    const char *name; /* as written, "docker.exec" */
    struct plugin *plugin;
    const struct ciplug_builder *builder;
};

struct axis {
    char *name;
    struct strv values;
};

struct step {
    char *name;
    bool cleanup;
    size_t index; /* in plan->steps, or in plan->cleanups */
    const struct config_section *section;

    struct setting command;
    struct strv shell; /* words in front of the script; empty: `shell = none` */
    struct use *uses;  /* outermost first; the shell plugin is not in it unless written */
    size_t n_uses;
    size_t *needs; /* indexes into plan->steps, also that of items_from */
    size_t n_needs;
    struct setting if_command, ready, on_failure;

    enum source source;
    uint32_t count; /* SOURCE_COUNT */
    struct setting items, items_file;
    size_t items_from; /* index of a step */
    struct axis *axes;
    size_t n_axes;
    struct strv matrix_names;
    struct strv matrix_exclude;
    uint32_t split; /* 0: none */
    struct strv run_alone;
    uint32_t batch; /* 0: none; UINT32_MAX: auto */

    struct range workers;
    struct strv hosts; /* names, in the order of the slot table; never empty */
    size_t *on_hosts;  /* beside them: indexes into plan->hosts */
    uint32_t *ramps;   /* beside them: so many commands run there at once; 0: any number. NULL: no
                          bound anywhere */
    enum per per;
    uint64_t timeout_ns, start_timeout_ns, grace_ns, slow_ns; /* 0: none */
    uint32_t retries;
    uint64_t retry_delay_ns;
    unsigned retry_on; /* bits 1 << CIPLUG_FAILED ... */
    bool flaky_fails;
    bool skip_codes[256];
    bool fail_fast, allow_failure, allow_empty, rerun, on_host_loss_fail;
    enum on_leak on_leak;
    struct setting lock; /* names, placeholders allowed */
    uint32_t weight;
    struct setting *
        env; /* text: "NAME=template" (owned); env_file's first, then [ciplug]'s, then the step's */
    size_t n_env;
    struct setting cwd, stdin_file, artifacts, results;
    int output; /* CIPLUG_OUTPUT_...; 0: the run's */
    bool stderr_merge;
    enum when when; /* cleanup steps */

    bool selected;      /* false: not part of this run (steps named on the command line, --only) */
    struct strv globs;  /* STEP:GLOB: only units whose label (or item) matches one */
    struct unit *units; /* as of now; see plan_step_commands */
    size_t n_units;
    struct planned *commands;
    size_t n_commands;  /* batch: those of plan_regroup() only, the schedule forms the rest */
    uint32_t count_all; /* {count}: commands of the step, also those that a STEP:GLOB leaves out, so
                           that "shard 3 of 10" stays what it is; batch: 0, not known */
    bool preview;       /* units are what is there now and are found again when the step starts */
};

struct host {
    char *name;                           /* "local" first */
    const struct config_section *section; /* NULL: local */
    uint32_t first;                       /* slot number, from 1 */
    bool sync;                            /* the workspace is to be there */
    uint32_t slots;
    struct use *uses;
    size_t n_uses;
    struct setting *env;
    size_t n_env;
};

struct mask;

struct plan {
    const struct config *config;
    struct plugins *plugins;
    char *name;
    struct step *steps;
    size_t n_steps;
    struct step *cleanups;
    size_t n_cleanups;
    struct host *hosts;
    size_t n_hosts;
    uint32_t n_slots;
    uint64_t run_timeout_ns; /* 0: none */
    unsigned keep_runs;
    struct strv mask_names, mask_values;
    struct mask *mask;           /* mask_values, and the lines of those that have several */
    struct strv notices;         /* e.g. "workers = 8 of step x is cut to 2 slots" */
    const struct step **by_name; /* all of them, sorted */
};

/* Whether a value of `mask` stands in `text`: then it may be in no argv. */
bool plan_holds_secret(const struct plan *plan, const char *text);
/* Mask items and labels, for showing the plan; it can be run no more. */
void plan_hide_secrets(struct plan *plan);

struct plan_request {
    const char *const *selections; /* STEP[:GLOB]; closed by NULL */
    bool only;
    uint32_t workers; /* -j; 0: not given */
};

/* The option tables of the core's sections, for `ciplug plugins` and the manual; closed by NULL. */
extern const struct ciplug_option *const plan_step_options[];
extern const struct ciplug_option *const plan_cleanup_options[];
extern const struct ciplug_option *const plan_host_options[];
extern const struct ciplug_option *const plan_run_options[];

/* [ciplug] plugins: load them (and `shell`, always). Call before plan_make. */
void plan_load_plugins(const struct config *config, struct plugins *plugins,
                       struct problems *problems);
/* 0; -1 with problems, also those that were there before (status 2); 1: a selection matches no
 * item, or no step has anything to run: said, status 4. `plan` may be uninitialised; it is to be
 * freed in every case. It borrows from `config` and `plugins`. */
int plan_make(struct plan *plan, const struct config *config, struct plugins *plugins,
              const struct plan_request *request, struct problems *problems);
void plan_free(struct plan *plan);

/* Find the units and commands of a step anew, when it starts. `lines`: what the items_from step
 * printed, split into lines (the caller does that); NULL elsewhere. 0, or -1 with *error (the
 * caller's) for what cannot be read. No unit at all is no error here: n_units is 0. */
int plan_step_commands(const struct plan *plan, struct step *step, const struct strv *lines,
                       char **error);

/* Deal anew: these groups of units stay as they are, with their numbers where those are free (0:
 * any); what is in none of them is dealt by `split` to as many groups as it has left beside those
 * that run, or is left to batches. `groups` are the caller's, their units go over. */
void plan_regroup(const struct plan *plan, struct step *step, struct planned *groups, size_t n);
/* The lines of a file are added, without empty ones, without CR. 0, or -1 with *why (the
 * caller's): "cannot be read: ..." */
int plan_read_lines(const char *path, struct strv *lines, char **why);

const struct step *plan_find_step(const struct plan *plan, const char *name);
const struct host *plan_slot_host(const struct plan *plan, uint32_t slot);
/* Whether the step may use the slot: a plain `workers = N` allows all slots of its hosts (N of them
 * at once); with `per` these are exactly the slots that get a command each, in order, so the first
 * one of each host for `per = host`. */
bool plan_slot_allowed(const struct plan *plan, const struct step *step, uint32_t slot);
/* Whether the step is of this run and may use the host. */
bool plan_step_uses(const struct plan *plan, const struct step *step, const struct host *host);
/* The n-th (from 0) slot that the step may use; 0: there is none. */
uint32_t plan_nth_slot(const struct plan *plan, const struct step *step, uint32_t n);
/* How many slots the step may take at once (a command takes `weight` of them). */
uint32_t plan_step_slots(const struct plan *plan, const struct step *step);
/* Whether two units are of the same cell of the matrix. Those of a cell stand together; a command
 * (so also a batch) holds only units of one cell, since {py} and the like have one value in it. */
bool plan_same_cell(const struct unit *a, const struct unit *b);
/* What PLUGIN.OPTION is set to for the step on a host: the step's, else the host's, else that of
 * the section [PLUGIN]. NULL: nowhere. Either of step and host may be NULL. */
const struct config_value *plan_option(const struct plan *plan, const struct step *step,
                                       const struct host *host, const char *plugin,
                                       const char *option);

#endif
