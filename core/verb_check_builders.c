/* SPDX-License-Identifier: MIT
 *
 * What builders say of their places before anything is started there: tools, engines, images.
 */
#include "errands.h"
#include "preflight.h"
#include "util.h"
#include "verb_check.h"

#include <stdlib.h>
#include <string.h>

#define RUN_ID  "check000" /* of no run */
#define EACH_NS (30 * NS_PER_S)
#define ALL_NS  (600 * NS_PER_S)

struct question {
    const struct config_value *uses; /* where the builder stands; NULL: nowhere */
    char *name;                      /* "step x" */
    char *key;                       /* the same command asks the same */
};

struct questions {
    struct question *list;
    struct errand *errands; /* beside them */
    size_t n, alloc, a_errands;
    struct launcher launcher;
    struct problems *problems;
};

/* Without what differs from one step to the other and says nothing of the place. */
static char *key_of(const struct argv *argv)
{
    struct strbuf key = STRBUF_INIT;
    AUTO_ARGV struct argv copy = ARGV_INIT;
    strv_copy(&copy.words, &argv->words);
    for (size_t i = 0; i < argv->env.n; i++) {
        if (!str_starts(argv->env.v[i], "CI_"))
            strv_push(&copy.env, argv->env.v[i]);
    }
    argv_show(&key, &copy, NULL, NULL);
    return strbuf_detach(&key);
}

static bool asked_already(const struct questions *questions, const char *key)
{
    for (size_t i = 0; i < questions->n; i++) {
        if (strcmp(questions->list[i].key, key) == 0)
            return true;
    }
    return false;
}

/* argv goes over. */
static void add_question(struct questions *questions, const struct launch *launch,
                         struct argv *argv)
{
    char *key = key_of(argv);
    if (asked_already(questions, key)) {
        free(key);
        argv_free(argv);
        return;
    }
    ARRAY_GROW(questions->list, questions->n, questions->alloc);
    ARRAY_GROW(questions->errands, questions->n, questions->a_errands);
    questions->list[questions->n] = (struct question){
        .uses = preflight_uses(launch),
        .name = xasprintf("%s%s on %s", launch->step->cleanup ? "cleanup " : "step ",
                          launch->step->name, launch->host),
        .key = key};
    questions->errands[questions->n++] = (struct errand){.argv = *argv, .timeout_ns = EACH_NS};
}

static void ask_all(struct questions *questions, struct launch *launch)
{
    for (;;) {
        struct argv argv = ARGV_INIT;
        int found = launch_beside(launch, LAUNCH_CHECK, NULL, NULL, &argv);
        if (found > 0) {
            add_question(questions, launch, &argv);
            continue;
        }
        argv_free(&argv);
        if (found == 0)
            return;
        const struct config_value *uses = preflight_uses(launch);
        problems_add(questions->problems, uses ? uses->file : NULL, uses ? uses->line : 0,
                     "%s %s cannot be checked", launch->step->cleanup ? "cleanup" : "step",
                     launch->step->name);
        /* The others have a say, too; after the last there is nothing more. */
        if (launch->asked == 0)
            return;
    }
}

static void ask_host(struct questions *questions, const struct step *step, const struct host *host)
{
    struct launch launch;
    if (!preflight_launch(&launch, &questions->launcher, step, host, questions->problems))
        return;
    ask_all(questions, &launch);
    launch_free(&launch);
}

static void ask_step(struct questions *questions, const struct step *step)
{
    const struct plan *plan = questions->launcher.plan;
    for (size_t i = 0; step->selected && i < step->hosts.n; i++)
        ask_host(questions, step, &plan->hosts[step->on_hosts[i]]);
}

static void tell(struct problems *problems, const struct question *question, const char *text)
{
    const char *file = question->uses ? question->uses->file : NULL;
    int line = question->uses ? question->uses->line : 0;
    /* What is said twice is shown once. */
    problems_add(problems, file, line, "%s", text);
}

static void answer(struct problems *problems, const struct question *question,
                   const struct errand *errand)
{
    for (size_t i = 0; i < errand->lines.n; i++)
        tell(problems, question, errand->lines.v[i]);
    if (errand->status == 0 || (errand->status > 0 && errand->lines.n > 0))
        return;
    AUTO_FREE char *text =
        errand->status > 0
            ? xasprintf("the check of %s failed without a word: %s", question->name,
                        strbuf_text(&errand->what))
            : xasprintf("the check of %s: %s", question->name, strbuf_text(&errand->what));
    tell(problems, question, text);
}

void check_builders(const struct plan *plan, struct keeper *keeper, struct problems *problems)
{
    struct questions questions = {.launcher = {.plan = plan, .run = RUN_ID, .mask = plan->mask},
                                  .problems = problems};
    for (size_t i = 0; i < plan->n_steps; i++)
        ask_step(&questions, &plan->steps[i]);
    for (size_t i = 0; i < plan->n_cleanups; i++)
        ask_step(&questions, &plan->cleanups[i]);
    const struct errands_request request = {.list = questions.errands,
                                            .n = questions.n,
                                            .end_ns = clock_mono_ns() + ALL_NS,
                                            .mask = plan->mask};
    (void)errands_run(keeper, &request, false);
    for (size_t i = 0; i < questions.n; i++) {
        answer(problems, &questions.list[i], &questions.errands[i]);
        free(questions.list[i].name);
        free(questions.list[i].key);
        errand_clear(&questions.errands[i]);
    }
    free(questions.list);
    free(questions.errands);
}
