/* SPDX-License-Identifier: MIT
 *
 * Failed cases of the JUnit files of a command: they say better where it failed than its output.
 */
#include "github.h"

#include <stdlib.h>
#include <string.h>

#define CASES_MAX 1000 /* of one attempt: the most annotations that may be asked for */

static void forget(struct cases *cases)
{
    for (size_t i = 0; i < cases->n; i++) {
        free(cases->list[i].item);
        free(cases->list[i].file);
        free(cases->list[i].text);
    }
    free(cases->list);
    free(cases->step);
    *cases = (struct cases){0};
}

static bool are_of(const struct cases *cases, const struct ciplug_command *command, uint32_t number)
{
    return cases->step && command->step && strcmp(cases->step, command->step) == 0 &&
           cases->number == number && cases->attempt == command->attempt;
}

static struct failed_case *add(struct cases *cases)
{
    if (cases->n == cases->alloc) {
        size_t wanted = cases->alloc ? 2 * cases->alloc : 8;
        struct failed_case *more = realloc(cases->list, wanted * sizeof *more);
        if (!more)
            return NULL;
        cases->list = more;
        cases->alloc = wanted;
    }
    struct failed_case *one = &cases->list[cases->n++];
    *one = (struct failed_case){0};
    return one;
}

void github_case(struct github *github, const struct ciplug_event *event)
{
    struct cases *cases = &github->cases;
    const struct ciplug_command *command = event->command;
    const struct ciplug_test *test = event->test;
    if (!command || !test)
        return;
    if (!are_of(cases, command, command->number)) {
        forget(cases);
        cases->step = strdup(command->step ? command->step : "");
        cases->number = command->number;
        cases->attempt = command->attempt;
        github->failed = github->failed || !cases->step;
    }
    bool bad = test->outcome == CIPLUG_FAILED || test->outcome == CIPLUG_ERROR;
    struct failed_case *one = bad && cases->n < CASES_MAX ? add(cases) : NULL;
    if (!one)
        return;
    struct text text = {0};
    text_put(&text, test->name);
    text_put(&text, *test->message ? ": " : "");
    text_put(&text, test->message);
    one->item = strdup(command->item ? command->item : "");
    one->file = strdup(test->file);
    one->text = strdup(text_string(&text));
    one->line = test->line;
    github->failed = github->failed || text.failed || !one->item || !one->file || !one->text;
    text_free(&text);
}

const struct failed_case *github_case_of(const struct github *github,
                                         const struct ciplug_event *event,
                                         const struct failed_case *at)
{
    const struct cases *cases = &github->cases;
    const struct ciplug_command *command = event->command;
    uint32_t batch = event->result->batch;
    if (!are_of(cases, command, batch ? batch : command->number))
        return NULL;
    for (at = at ? at + 1 : cases->list; at < cases->list + cases->n; at++) {
        if (!batch || (command->item && at->item && strcmp(at->item, command->item) == 0))
            return at;
    }
    return NULL;
}

void github_cases_free(struct github *github)
{
    forget(&github->cases);
}
