/* SPDX-License-Identifier: MIT
 *
 * env_file, env.NAME, mask.
 */
#include "argv.h"
#include "expand.h"
#include "mask.h"
#include "plan_internal.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENV_FILE_MAX (1U << 20)

static const char *const ours[] = {
    "CI",         "CI_COMMAND_NUMBER", "CI_WORKER_NUMBER", "CI_ITEM", "CI_STEP",    "CI_HOST",
    "CI_ATTEMPT", "CI_RUN_ID",         "CI_OUTCOME",       "CI_PID",  "CI_STARTED", "PROJECT_NAME"};

/* A growing list of settings whose text is "NAME=template". */
struct list {
    struct setting **settings;
    size_t *n;
};

static bool refused(struct build *b, const char *name, const char *file, int line)
{
    if (!plan_variable_name(name, strlen(name))) {
        problems_add(b->problems, file, line,
                     "'%s' is no name for a variable: letters, digits and _, no digit first", name);
        return true;
    }
    for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
        if (strcmp(name, ours[i]) == 0) {
            problems_add(b->problems, file, line, "the variable %s is set by ciplug", name);
            return true;
        }
    }
    return false;
}

static void set(struct list *list, const char *name, const char *value, const char *file, int line)
{
    size_t length = strlen(name), i = 0;
    while (i < *list->n && (strncmp((*list->settings)[i].text, name, length) != 0 ||
                            (*list->settings)[i].text[length] != '='))
        i++;
    if (i == *list->n) {
        *list->settings = xrealloc(*list->settings, (i + 1) * sizeof **list->settings);
        ++*list->n;
    } else {
        free((char *)(*list->settings)[i].text);
    }
    (*list->settings)[i] = (struct setting){xasprintf("%s=%s", name, value), file, line};
}

static void add_section(struct build *b, struct list *list, const struct config_section *section)
{
    for (size_t i = 0; section && i < section->n; i++) {
        const struct config_value *value = &section->values[i];
        if (!str_starts(value->key, "env."))
            continue;
        const char *name = value->key + strlen("env.");
        if (!refused(b, name, value->file, value->line))
            set(list, name, value->value, value->file, value->line);
    }
}

static char *trim(char *text)
{
    static const char white[] = " \t\r";
    text += strspn(text, white);
    size_t n = strlen(text);
    while (n > 0 && strchr(white, text[n - 1]))
        text[--n] = '\0';
    return text;
}

static char *unquote(char *text)
{
    size_t n = strlen(text);
    if (n < 2 || (*text != '"' && *text != '\'') || text[n - 1] != *text)
        return text;
    text[n - 1] = '\0';
    return text + 1;
}

/* One line: NAME=VALUE, a comment, or nothing. Problems are said with the file's name in the text,
 * since `at` is what stays valid. */
static void add_line(struct build *b, struct list *list, const struct config_value *at, char *line,
                     int number)
{
    AUTO_FREE char *place = xasprintf("%s:%d", at->value, number);
    line = trim(line);
    if (!*line || *line == '#')
        return;
    if (str_starts(line, "export "))
        line = trim(line + strlen("export "));
    char *equals = strchr(line, '=');
    if (!equals) {
        /* Not what the line holds: it may be a piece of a secret. */
        plan_complain(b, at, "%s: expected NAME=VALUE", place);
        return;
    }
    *equals = '\0';
    char *name = trim(line);
    if (!plan_variable_name(name, strlen(name)))
        plan_complain(b, at, "%s: what stands before the = is no name for a variable", place);
    else if (!refused(b, name, at->file, at->line))
        set(list, name, unquote(trim(equals + 1)), at->file, at->line);
}

static void add_file(struct build *b, struct list *list, const struct config_value *at)
{
    AUTO_FREE char *path =
        *at->value == '/' ? xstrdup(at->value) : xasprintf("%s/%s", b->config->dir, at->value);
    AUTO_FREE char *text = NULL;
    size_t length;
    if (read_file(path, ENV_FILE_MAX, &text, &length) < 0) {
        const char *why = errno == EINVAL  ? "not a regular file"
                          : errno == EFBIG ? "longer than 1 MiB"
                                           : strerror(errno);
        plan_complain(b, at, "env_file: %s cannot be read: %s", at->value, why);
        return;
    }
    if (memchr(text, '\0', length)) {
        plan_complain(b, at, "env_file: %s holds NUL bytes", at->value);
        return;
    }
    int number = 0;
    char *next = text + (str_starts(text, "\xef\xbb\xbf") ? 3 : 0);
    for (char *line; (line = strsep(&next, "\n"));)
        add_line(b, list, at, line, ++number);
}

void plan_read_env(struct build *b, struct step *step)
{
    struct list list = {&step->env, &step->n_env};
    const struct config_value *file = plan_value(b, step->section, "env_file");
    if (file && *file->value)
        add_file(b, &list, file);
    add_section(b, &list, b->run);
    add_section(b, &list, step->section);
}

void plan_read_host_env(struct build *b, struct host *host)
{
    struct list list = {&host->env, &host->n_env};
    add_section(b, &list, host->section);
}

/* --- secrets --- */

struct secret {
    const char *name;
    const struct config_value *at; /* the key `mask` */
    bool found;
};

static void add_secret(struct build *b, struct secret *secret, const char *value, const char *file,
                       int line)
{
    size_t n = strlen(value);
    secret->found = true;
    /* What prints a value with a newline at its end often prints it without. */
    while (n > 0 && strchr("\r\n", value[n - 1]))
        n--;
    if (n < MASK_MIN) {
        problems_add(b->problems, file, line,
                     "the value of %s is a secret (mask), but has less than %d bytes", secret->name,
                     MASK_MIN);
        return;
    }
    AUTO_FREE char *text = xstrndup(value, n);
    if (!strv_has(&b->plan->mask_values, text))
        strv_push(&b->plan->mask_values, text);
}

static void add_settings(struct build *b, struct secret *secret, const struct setting *env,
                         size_t n_env)
{
    size_t length = strlen(secret->name);
    for (size_t i = 0; i < n_env; i++) {
        if (strncmp(env[i].text, secret->name, length) != 0 || env[i].text[length] != '=')
            continue;
        AUTO_STRBUF struct strbuf value = STRBUF_INIT;
        const char *error;
        const struct expand_vars none = {0};
        if (expand(&value, env[i].text + length + 1, EXPAND_TEXT, &none, &error) == 0) {
            add_secret(b, secret, strbuf_text(&value), env[i].file, env[i].line);
            continue;
        }
        secret->found = true;
        /* An unset {env:NAME} is reported with the templates. */
        if (!strstr(env[i].text, "{env:"))
            problems_add(b->problems, env[i].file, env[i].line,
                         "%s is a secret (mask): its value may not depend on the command",
                         secret->name);
    }
}

static void find_values(struct build *b, struct secret *secret)
{
    const struct plan *plan = b->plan;
    const char *value = getenv(secret->name);
    if (value)
        add_secret(b, secret, value, secret->at->file, secret->at->line);
    for (size_t i = 0; i < plan->n_steps; i++)
        add_settings(b, secret, plan->steps[i].env, plan->steps[i].n_env);
    for (size_t i = 0; i < plan->n_cleanups; i++)
        add_settings(b, secret, plan->cleanups[i].env, plan->cleanups[i].n_env);
    for (size_t i = 0; i < plan->n_hosts; i++)
        add_settings(b, secret, plan->hosts[i].env, plan->hosts[i].n_env);
    if (!secret->found)
        strv_take(&b->plan->notices,
                  xasprintf("mask: %s is not set, nothing to hide", secret->name));
}

/* What prints such a value rarely prints it in one piece: each line is hidden for itself too. */
static void add_lines(struct strv *hidden, const char *value)
{
    for (size_t n; *value; value += n + (value[n] != '\0')) {
        static const char ends[] = "\r\n", white[] = " \t";
        n = strcspn(value, ends);
        const char *line = value + strspn(value, white);
        size_t length = line < value + n ? (size_t)(value + n - line) : 0;
        while (length > 0 && strchr(white, line[length - 1]))
            length--;
        AUTO_FREE char *copy = xstrndup(line, length);
        if (length >= MASK_MIN && !strv_has(hidden, copy))
            strv_push(hidden, copy);
    }
}

static struct mask *make_mask(const struct strv *values)
{
    AUTO_STRV struct strv hidden = STRV_INIT;
    strv_copy(&hidden, values);
    for (size_t i = 0; SAFEGUARD(mask_lines) && i < values->n; i++)
        add_lines(&hidden, values->v[i]);
    return mask_new(&hidden);
}

/* As it stands in a script that an item has brought it into. */
static bool holds_quoted(const char *text, const char *value)
{
    AUTO_STRBUF struct strbuf quoted = STRBUF_INIT;
    if (!strchr(value, '\''))
        return false;
    shell_quote_always(&quoted, value);
    strbuf_cut(&quoted, quoted.len - 1);
    return strstr(text, quoted.buf + 1);
}

bool plan_holds_secret(const struct plan *plan, const char *text)
{
    for (size_t i = 0; i < plan->mask_values.n; i++) {
        const char *value = plan->mask_values.v[i];
        if (strstr(text, value) || holds_quoted(text, value))
            return true;
    }
    return false;
}

static void hide_units(const struct mask *mask, struct step *step)
{
    for (size_t i = 0; i < step->n_units; i++) {
        struct unit *unit = &step->units[i];
        mask_replace(mask, &unit->item);
        mask_replace(mask, &unit->label);
        for (size_t k = 0; k < unit->values.n; k++)
            mask_replace(mask, &unit->values.v[k]);
    }
}

void plan_hide_secrets(struct plan *plan)
{
    for (size_t i = 0; i < plan->n_steps; i++)
        hide_units(plan->mask, &plan->steps[i]);
    for (size_t i = 0; i < plan->n_cleanups; i++)
        hide_units(plan->mask, &plan->cleanups[i]);
}

void plan_read_mask(struct build *b)
{
    const struct config_value *value = b->run ? config_get(b->run, "mask") : NULL;
    AUTO_STRV struct strv names = STRV_INIT;
    strv_split(&names, value ? value->value : "");
    for (size_t i = 0; i < names.n; i++) {
        if (strv_has(&b->plan->mask_names, names.v[i]))
            continue;
        if (!plan_variable_name(names.v[i], strlen(names.v[i]))) {
            plan_complain(b, value, "mask: '%s' is no name for a variable", names.v[i]);
            continue;
        }
        strv_push(&b->plan->mask_names, names.v[i]);
        struct secret secret = {.name = names.v[i], .at = value};
        find_values(b, &secret);
    }
    b->plan->mask = make_mask(&b->plan->mask_values);
}
