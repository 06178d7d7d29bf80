/* SPDX-License-Identifier: MIT
 *
 * The verbs of the command line. Each returns the exit status.
 */
#ifndef CIPLUG_CORE_VERBS_H
#define CIPLUG_CORE_VERBS_H

#include "cli.h"
#include "config.h"
#include "keeper.h"
#include "plan.h"

/* Everything between the command line and a plan. Initialise zeroed; free in any case. */
struct loaded {
    struct config config;
    struct plugins plugins;
    struct plan plan;
    struct problems problems;
    bool planned;
};
/* -1: there is a plan; else the status to leave with, after messages. */
int load_plan(struct loaded *loaded, const struct cli *cli);
void unload_plan(struct loaded *loaded);

int verb_run(const struct cli *cli, struct keeper *keeper);
int verb_show(const struct cli *cli); /* list */
int verb_check(const struct cli *cli, struct keeper *keeper);
int verb_report(const struct cli *cli);
int verb_reap(const struct cli *cli, struct keeper *keeper);

#endif
