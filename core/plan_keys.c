/* SPDX-License-Identifier: MIT
 *
 * The keys of a step that are one value each: table-driven.
 */
#include "options.h"
#include "plan_internal.h"
#include "util.h"

#include <stdarg.h>
#include <string.h>

void plan_complain(struct build *b, const struct config_value *at, const char *format, ...)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    va_list args;
    va_start(args, format);
    strbuf_vaddf(&text, format, args);
    va_end(args);
    problems_add(b->problems, at->file, at->line, "%s", strbuf_text(&text));
}

char *plan_hint(const char *name, const struct strv *names)
{
    const char *nearest = names->n ? suggest(name, (const char *const *)names->v) : NULL;
    return nearest ? xasprintf(" (did you mean '%s'?)", nearest) : xstrdup("");
}

bool plan_variable_name(const char *name, size_t length)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    if (length == 0 || (*name >= '0' && *name <= '9'))
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!memchr(letters, name[i], sizeof letters - 1))
            return false;
    }
    return true;
}

char *plan_step_title(const struct step *step)
{
    return xasprintf("%s %s", step->cleanup ? "cleanup step" : "step", step->name);
}

/* [ciplug] workers is the number of this machine's slots; the general timeout would make a cleanup
 * step that hangs hold up the end for as long, or cut a thorough one short. */
static bool has_default(const struct config_section *section, const char *key)
{
    static const char *const own[] = {"command", "needs",      "if",         "ready",  "count",
                                      "items",   "items_from", "items_file", "workers"};
    bool cleanup = strcmp(section->kind, "cleanup") == 0;
    if (!cleanup && strcmp(section->kind, "step") != 0)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
        if (strcmp(key, own[i]) == 0)
            return false;
    }
    return !(cleanup && strcmp(key, "timeout") == 0);
}

const struct config_value *plan_value(const struct build *b, const struct config_section *section,
                                      const char *key)
{
    const struct config_value *value = config_get(section, key);
    if (!value && b->run && has_default(section, key))
        value = config_get(b->run, key);
    return value;
}

struct setting plan_setting(const struct config_value *value)
{
    /* An empty value takes a default back. */
    if (!value || !*value->value)
        return (struct setting){0};
    return (struct setting){value->value, value->file, value->line};
}

enum kind { TEXT, FLAG, NUMBER, DURATION, CHOICE_0, CHOICE_1, CHOICE_FLAG };

/* CHOICE_0: constants that count from 0; CHOICE_1: from 1 (0 is "not given"); CHOICE_FLAG: the
 * second word means true. */
static const struct key {
    const char *name;
    enum kind kind;
    size_t offset;
} keys[] = {
    {"command", TEXT, offsetof(struct step, command)},
    {"if", TEXT, offsetof(struct step, if_command)},
    {"ready", TEXT, offsetof(struct step, ready)},
    {"on_failure", TEXT, offsetof(struct step, on_failure)},
    {"items", TEXT, offsetof(struct step, items)},
    {"items_file", TEXT, offsetof(struct step, items_file)},
    {"lock", TEXT, offsetof(struct step, lock)},
    {"cwd", TEXT, offsetof(struct step, cwd)},
    {"stdin", TEXT, offsetof(struct step, stdin_file)},
    {"artifacts", TEXT, offsetof(struct step, artifacts)},
    {"results", TEXT, offsetof(struct step, results)},
    {"fail_fast", FLAG, offsetof(struct step, fail_fast)},
    {"allow_failure", FLAG, offsetof(struct step, allow_failure)},
    {"allow_empty", FLAG, offsetof(struct step, allow_empty)},
    {"count", NUMBER, offsetof(struct step, count)},
    {"split", NUMBER, offsetof(struct step, split)},
    {"retries", NUMBER, offsetof(struct step, retries)},
    {"weight", NUMBER, offsetof(struct step, weight)},
    {"timeout", DURATION, offsetof(struct step, timeout_ns)},
    {"start_timeout", DURATION, offsetof(struct step, start_timeout_ns)},
    {"grace", DURATION, offsetof(struct step, grace_ns)},
    {"slow", DURATION, offsetof(struct step, slow_ns)},
    {"retry_delay", DURATION, offsetof(struct step, retry_delay_ns)},
    {"on_leak", CHOICE_0, offsetof(struct step, on_leak)},
    {"when", CHOICE_0, offsetof(struct step, when)},
    {"per", CHOICE_1, offsetof(struct step, per)},
    {"output", CHOICE_1, offsetof(struct step, output)},
    {"flaky", CHOICE_FLAG, offsetof(struct step, flaky_fails)},
    {"stderr", CHOICE_FLAG, offsetof(struct step, stderr_merge)},
    {"on_host_loss", CHOICE_FLAG, offsetof(struct step, on_host_loss_fail)},
};

static int choice_index(const struct ciplug_option *option, const char *text)
{
    for (int i = 0; option->choices[i]; i++) {
        if (strcmp(option->choices[i], text) == 0)
            return i;
    }
    return -1;
}

/* Bad values were reported by option_check(): here they leave the field as it is. */
static void store(void *field, const struct key *key, const struct ciplug_option *option,
                  const char *text)
{
    const char *error;
    int64_t number;
    uint64_t ns;
    int index = option->choices ? choice_index(option, text) : -1;
    switch (key->kind) {
    case TEXT:
        break;
    case FLAG:
        (void)parse_bool(text, field, &error);
        break;
    case NUMBER:
        if (parse_integer(text, option->min, option->max, &number, &error) == 0)
            *(uint32_t *)field = (uint32_t)number;
        break;
    case DURATION:
        if (parse_duration(text, option->min <= 0, &ns, &error) == 0)
            *(uint64_t *)field = ns;
        break;
    case CHOICE_0:
    case CHOICE_1:
        if (index >= 0)
            *(int *)field = index + (key->kind == CHOICE_1);
        break;
    case CHOICE_FLAG:
        *(bool *)field = index == 1;
        break;
    }
}

static void read_key(struct build *b, struct step *step, const struct key *key)
{
    const struct ciplug_option *option =
        option_find(step->cleanup ? plan_cleanup_options : plan_step_options, key->name);
    if (!option)
        return; /* `when` of a step, `ready` of a cleanup step */
    const struct config_value *value = plan_value(b, step->section, key->name);
    void *field = (char *)step + key->offset;
    const char *text = value ? value->value : option->def;
    if (key->kind == TEXT)
        *(struct setting *)field = plan_setting(value);
    else if (text)
        store(field, key, option, text);
}

static void read_rerun(struct build *b, struct step *step)
{
    const struct config_value *value = plan_value(b, step->section, "rerun");
    const char *error;
    step->rerun = step->ready.text != NULL;
    for (size_t i = 0; i < step->n_uses; i++) {
        if (step->uses[i].builder->flags & CIPLUG_BUILDER_CREATES)
            step->rerun = true;
    }
    if (value)
        (void)parse_bool(value->value, &step->rerun, &error);
}

/* A service passes when it is ready, whatever it would write. */
static void check_results(struct build *b, const struct step *step)
{
    const struct config_value *value = plan_value(b, step->section, "results");
    if (value && *value->value && step->ready.text)
        plan_complain(b, value, "a service (ready) has no results");
}

void plan_read_step(struct build *b, struct step *step)
{
    plan_check_keys(b, step->section, step->cleanup ? plan_cleanup_options : plan_step_options,
                    step->section->kind);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        read_key(b, step, &keys[i]);
    plan_read_words(b, step);
    plan_read_step_hosts(b, step);
    plan_read_workers(b, step);
    plan_read_uses(b, plan_value(b, step->section, "uses"), &step->uses, &step->n_uses);
    plan_check_command(b, step);
    plan_read_ramps(b, step);
    plan_check_options(b, step->section);
    plan_check_unused(b, step);
    plan_read_source(b, step);
    plan_read_env(b, step);
    read_rerun(b, step);
    check_results(b, step);
}
