/* SPDX-License-Identifier: MIT
 *
 * The command line as data.
 */
#ifndef CIPLUG_CORE_CLI_H
#define CIPLUG_CORE_CLI_H

#include "run.h"
#include "strbuf.h"

#include <stdbool.h>
#include <stdint.h>

enum verb { VERB_RUN, VERB_LIST, VERB_CHECK, VERB_REPORT, VERB_REAP, VERB_PLUGINS };

struct cli {
    enum verb verb;
    const char *config;
    const char *plugin_path; /* NULL: not given */
    uint32_t workers;        /* 0: not given */
    bool dry_run, only, json;
    bool new_plugin;   /* plugins --new */
    struct strv set;   /* --set */
    struct strv to;    /* --to NAME[=FILE] */
    struct strv words; /* what is left: selections, runs, a plugin's name */
    struct run_options run;
};

/* Returns -1 to go on, else the status to leave with (0 after --help and --version, 2 after a
 * message). */
int cli_parse(struct cli *cli, int argc, char **argv);
void cli_free(struct cli *cli);

#endif
