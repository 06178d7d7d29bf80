/* SPDX-License-Identifier: MIT
 *
 * The keys of a step that are lists of words with a meaning: shell, retry_on, skip_codes, batch,
 * run_alone.
 */
#include "argv.h"
#include "options.h"
#include "plan_internal.h"
#include "util.h"

#include <string.h>

static void read_shell(struct build *b, struct step *step)
{
    const struct config_value *value = plan_value(b, step->section, "shell");
    const struct ciplug_option *option = option_find(plan_step_options, "shell");
    const char *text = value ? value->value : option->def;
    const char *error;
    if (strcmp(text, "none") == 0)
        return;
    if (argv_split(&step->shell, text, &error) < 0)
        plan_complain(b, value, "shell: %s", error);
    else if (step->shell.n == 0 || !*step->shell.v[0])
        plan_complain(b, value, "shell is empty: write `none` for commands without a shell");
}

static const struct {
    const char *name;
    int outcome;
} retriable[] = {{"failed", CIPLUG_FAILED},
                 {"signaled", CIPLUG_SIGNALED},
                 {"timeout", CIPLUG_TIMEOUT},
                 {"error", CIPLUG_ERROR}};

static unsigned outcome_bit(const char *word)
{
    for (size_t i = 0; i < ARRAY_SIZE(retriable); i++) {
        if (strcmp(word, retriable[i].name) == 0)
            return 1U << retriable[i].outcome;
    }
    return 0;
}

static void complain_outcome(struct build *b, const struct config_value *value, const char *word)
{
    AUTO_STRV struct strv names = STRV_INIT;
    for (size_t i = 0; i < ARRAY_SIZE(retriable); i++)
        strv_push(&names, retriable[i].name);
    AUTO_FREE char *hint = plan_hint(word, &names);
    plan_complain(b, value,
                  "retry_on: expected some of failed, signaled, timeout, error, got '%s'%s", word,
                  hint);
}

static void read_retry_on(struct build *b, struct step *step)
{
    const struct config_value *value = plan_value(b, step->section, "retry_on");
    const struct ciplug_option *option = option_find(plan_step_options, "retry_on");
    AUTO_STRV struct strv words = STRV_INIT;
    strv_split(&words, value ? value->value : option->def);
    for (size_t i = 0; i < words.n; i++) {
        unsigned bit = outcome_bit(words.v[i]);
        if (!bit)
            complain_outcome(b, value, words.v[i]);
        step->retry_on |= bit;
    }
    if (words.n == 0)
        plan_complain(b, value, "retry_on names no outcome: `retries = 0` does without retries");
}

static void read_skip_codes(struct build *b, struct step *step)
{
    const struct config_value *value = plan_value(b, step->section, "skip_codes");
    if (!value)
        return;
    AUTO_STRV struct strv words = STRV_INIT;
    strv_split(&words, value->value);
    for (size_t i = 0; i < words.n; i++) {
        int64_t code;
        const char *error;
        if (parse_integer(words.v[i], 1, 255, &code, &error) < 0)
            plan_complain(b, value, "skip_codes: %s, got '%s'", error, words.v[i]);
        else
            step->skip_codes[code] = true;
    }
}

static void read_batch(struct build *b, struct step *step)
{
    const struct config_value *value = plan_value(b, step->section, "batch");
    int64_t number;
    const char *error;
    if (!value || !*value->value)
        return;
    if (strcmp(value->value, "auto") == 0)
        step->batch = UINT32_MAX;
    else if (parse_integer(value->value, 1, PLAN_UNITS_MAX, &number, &error) == 0)
        step->batch = (uint32_t)number;
    else
        plan_complain(b, value, "batch: %s, or auto, got '%s'", error, value->value);
}

static void read_run_alone(struct build *b, struct step *step)
{
    const struct config_value *value = plan_value(b, step->section, "run_alone");
    const char *error;
    if (value && argv_split(&step->run_alone, value->value, &error) < 0)
        plan_complain(b, value, "run_alone: %s", error);
}

void plan_read_words(struct build *b, struct step *step)
{
    read_shell(b, step);
    read_retry_on(b, step);
    read_skip_codes(b, step);
    read_batch(b, step);
    read_run_alone(b, step);
}
