/* SPDX-License-Identifier: MIT */
#include "mask.h"
#include "preflight.h"
#include "safeguard.h"
#include "util.h"
#include "verb_list.h"
#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *hide_secrets(const void *data, const char *line)
{
    struct strbuf clear = STRBUF_INIT;
    mask_text(data, line, &clear);
    return strbuf_detach(&clear);
}

int load_plan(struct loaded *loaded, const struct cli *cli)
{
    struct problems *problems = &loaded->problems;
    plugins_init(&loaded->plugins, cli->plugin_path);
    int read = config_load(&loaded->config, cli->config, problems);
    int made = -1;
    if (read == 0) {
        for (size_t i = 0; i < cli->set.n; i++)
            config_set(&loaded->config, cli->set.v[i], problems);
        plan_load_plugins(&loaded->config, &loaded->plugins, problems);
        struct plan_request request = {.selections = (const char *const *)cli->words.v,
                                       .only = cli->only,
                                       .workers = cli->workers};
        loaded->planned = true;
        made = plan_make(&loaded->plan, &loaded->config, &loaded->plugins, &request, problems);
    }
    if (loaded->planned && loaded->plan.mask && SAFEGUARD(mask_messages))
        msg_set_filter(hide_secrets, loaded->plan.mask);
    if (made == 0 && problems->n == 0)
        (void)plugins_open(&loaded->plugins, problems);
    if (made == 0 && problems->n == 0 && cli->verb == VERB_RUN && !cli->dry_run)
        preflight(&loaded->plan, problems);
    problems_print(problems);
    if (problems->n > 0 || made < 0)
        return 2;
    return made > 0 ? 4 : -1;
}

void unload_plan(struct loaded *loaded)
{
    plugins_close(&loaded->plugins);
    msg_set_filter(NULL, NULL);
    if (loaded->planned)
        plan_free(&loaded->plan);
    config_free(&loaded->config);
    problems_free(&loaded->problems);
}

int verb_run(const struct cli *cli, struct keeper *keeper)
{
    struct loaded loaded = {0};
    int status = load_plan(&loaded, cli);
    if (status < 0 && cli->dry_run)
        status = run_dry(&loaded.plan);
    else if (status < 0)
        status = run_plan(&loaded.plan, keeper, &cli->run);
    unload_plan(&loaded);
    return status;
}

int verb_show(const struct cli *cli)
{
    struct loaded loaded = {0};
    int status = load_plan(&loaded, cli);
    plan_hide_secrets(&loaded.plan);
    if (status < 0)
        status = verb_list(&loaded.plan, cli->json, cli->run.verbosity);
    unload_plan(&loaded);
    return status;
}
