/* SPDX-License-Identifier: MIT */
#include "expand.h"
#include "argv.h"
#include "placeholder.h"
#include "safeguard.h"
#include "shellscan.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

static const char plain_bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
/* In values these keep a word from being a name, a number or a reserved word. */
static const char harmless_bytes[] = "./:-+@%";

struct expansion {
    const char *text;
    enum expand_mode mode;
    const struct expand_vars *vars;
    const char *error;
    unsigned char *contexts; /* of a shell command, once they are asked for */
};

static const char *value_of(const struct expand_vars *vars, const struct placeholder *placeholder)
{
    const char *const values[] = {
        [PH_ITEM] = vars->item,     [PH_NUMBER] = vars->number,   [PH_COUNT] = vars->count,
        [PH_WORKER] = vars->worker, [PH_HOST] = vars->host,       [PH_STEP] = vars->step,
        [PH_RUN] = vars->run,       [PH_PROJECT] = vars->project, [PH_ATTEMPT] = vars->attempt,
    };
    if (placeholder->kind == PH_MATRIX) {
        bool there = vars->values && placeholder->index < vars->values->n;
        return there ? vars->values->v[placeholder->index] : NULL;
    }
    return placeholder->kind < ARRAY_SIZE(values) ? values[placeholder->kind] : NULL;
}

static const char *missing(const struct placeholder *placeholder)
{
    static const char *const texts[] = {
        [PH_ITEM] = "{item} has no value here",
        [PH_ITEMS] = "{items} has no value here",
        [PH_NUMBER] = "{number} has no value here",
        [PH_COUNT] = "{count} has no value here",
        [PH_WORKER] = "{worker} has no value here",
        [PH_HOST] = "{host} has no value here",
        [PH_STEP] = "{step} has no value here",
        [PH_RUN] = "{run} has no value here",
        [PH_ATTEMPT] = "{attempt} has no value here",
        [PH_PROJECT] = "{project} has no value here",
        [PH_MATRIX] = "a name of the matrix has no value here",
    };
    return placeholder->kind < ARRAY_SIZE(texts) ? texts[placeholder->kind] : "no value";
}

/* Whether `value` may stand unquoted between `before` and `after`. More than shell_quote() asks,
 * because what stands beside it counts: `echo {item}>log` with 2, `{item}=1` with PATH, `{item}`
 * with "done", `{a,{item}}` with a comma, d{item} with "one". */
static bool may_stand_plain(const char *value, char before, char after)
{
    size_t names = strspn(value, plain_bytes);
    bool harmless = value[names] != '\0';
    for (const char *c = value + names; *c; c += strspn(c, plain_bytes)) {
        if (!strchr(harmless_bytes, *c++))
            return false;
    }
    if (!*value || !strchr(" \t\n;&|)./:-+@%", after))
        return false;
    if (before && strchr("/.:-+@%=_", before))
        return true;
    bool starts = before == '\0' || strchr(" \t\n;&|(", before);
    return starts && (harmless || !shell_is_reserved(value));
}

static void add_quoted(struct strbuf *out, const char *value, char before, char after)
{
    if (may_stand_plain(value, before, after) || !SAFEGUARD(item_is_a_word)) {
        strbuf_addstr(out, value);
        return;
    }
    shell_quote_always(out, value);
}

static char byte_before(const struct expansion *expansion, const struct placeholder *placeholder)
{
    const char *start = placeholder->start;
    if (start == expansion->text)
        return '\0';
    bool continued = start[-1] == '\n' && start - 1 > expansion->text && start[-2] == '\\';
    return continued ? '\\' : start[-1];
}

static int add_items(struct expansion *expansion, struct strbuf *out,
                     const struct placeholder *placeholder, bool quote)
{
    const struct strv *items = expansion->vars->items;
    char *one[] = {(char *)expansion->vars->item, NULL};
    const struct strv single = {one, 1, 0};
    if (!items && one[0])
        items = &single;
    if (!items) {
        expansion->error = missing(placeholder);
        return -1;
    }
    for (size_t i = 0; i < items->n; i++) {
        bool last = i + 1 == items->n;
        if (i)
            strbuf_addch(out, ' ');
        if (quote)
            add_quoted(out, items->v[i], i ? ' ' : byte_before(expansion, placeholder),
                       last ? placeholder->start[placeholder->length] : ' ');
        else
            strbuf_addstr(out, items->v[i]);
    }
    return 0;
}

static int add_env(struct expansion *expansion, struct strbuf *out,
                   const struct placeholder *placeholder)
{
    if (expansion->mode == EXPAND_SHELL) {
        expansion->error = "{env:NAME} does not work in a shell command: write \"$NAME\" instead";
        return -1;
    }
    AUTO_FREE char *name = xstrndup(placeholder->name, placeholder->name_length);
    const char *value = getenv(name);
    if (!value) {
        expansion->error = "the variable of an {env:NAME} is not set";
        return -1;
    }
    strbuf_addstr(out, value);
    return 0;
}

static unsigned char context_of(struct expansion *expansion, const struct placeholder *placeholder)
{
    if (!expansion->contexts) {
        size_t length = strlen(expansion->text);
        expansion->contexts = xmalloc(length + 1);
        shellscan(expansion->text, length, expansion->contexts);
    }
    return expansion->contexts[placeholder->start - expansion->text];
}

/* {number} and its like stand as they are, also inside quotes; but in `echo {number}>log` the
 * digits would name a descriptor. */
static void add_bound(struct expansion *expansion, struct strbuf *out,
                      const struct placeholder *placeholder, const char *value)
{
    char after = placeholder->start[placeholder->length];
    bool number = value[strspn(value, "0123456789")] == '\0';
    bool beside = number && (after == '<' || after == '>');
    if (beside && context_of(expansion, placeholder) == SHELL_WORD)
        shell_quote_always(out, value);
    else
        strbuf_addstr(out, value);
}

/* What may stand in any context is promised to be plain; nothing is pasted on trust. */
static bool is_bound(const char *value)
{
    return *value && may_stand_plain(value, '/', '\0');
}

static int add_value(struct expansion *expansion, struct strbuf *out,
                     const struct placeholder *placeholder)
{
    bool quote = expansion->mode == EXPAND_SHELL && placeholder->form == PH_PLAIN;
    if (placeholder->kind == PH_ENV)
        return add_env(expansion, out, placeholder);
    if (placeholder->kind == PH_ITEMS)
        return add_items(expansion, out, placeholder, quote);
    const char *value = value_of(expansion->vars, placeholder);
    if (!value) {
        expansion->error = missing(placeholder);
        return -1;
    }
    if (!quote) {
        strbuf_addstr(out, value);
    } else if (placeholder_is_free(placeholder)) {
        add_quoted(out, value, byte_before(expansion, placeholder),
                   placeholder->start[placeholder->length]);
    } else if (is_bound(value)) {
        add_bound(expansion, out, placeholder, value);
    } else {
        expansion->error = "a placeholder holds more than letters, digits, _ and -";
        return -1;
    }
    return 0;
}

static int add_placeholder(struct expansion *expansion, struct strbuf *out,
                           const struct placeholder *placeholder)
{
    bool key = placeholder->kind == PH_STEP || placeholder_is_free(placeholder);
    bool stays = placeholder->kind == PH_NEAR ||
                 (expansion->mode == EXPAND_KEY && (!key || placeholder->form == PH_LITERAL));
    if (stays)
        strbuf_add(out, placeholder->start, placeholder->length);
    else if (placeholder->form == PH_LITERAL)
        strbuf_addf(out, "{%.*s}", (int)placeholder->name_length, placeholder->name);
    else
        return add_value(expansion, out, placeholder);
    return 0;
}

static int expand_all(struct expansion *expansion, struct strbuf *out)
{
    struct placeholder placeholder;
    const char *at = expansion->text;
    while (placeholder_next(&placeholder, expansion->text, at, expansion->vars->names, false)) {
        strbuf_add(out, at, (size_t)(placeholder.start - at));
        if (add_placeholder(expansion, out, &placeholder) < 0)
            return -1;
        at = placeholder.start + placeholder.length;
    }
    strbuf_addstr(out, at);
    return 0;
}

int expand(struct strbuf *out, const char *text, enum expand_mode mode,
           const struct expand_vars *vars, const char **error)
{
    struct expansion expansion = {.text = text, .mode = mode, .vars = vars};
    int status = expand_all(&expansion, out);
    if (status < 0)
        *error = expansion.error;
    free(expansion.contexts);
    return status;
}

int expand_words(struct strv *words, const char *text, const struct expand_vars *vars,
                 const char **error)
{
    AUTO_STRV struct strv templates = STRV_INIT;
    if (argv_split(&templates, text, error) < 0)
        return -1;
    for (size_t i = 0; i < templates.n; i++) {
        if (strcmp(templates.v[i], "{items}") == 0 && vars->items) {
            strv_copy(words, vars->items);
            continue;
        }
        AUTO_STRBUF struct strbuf word = STRBUF_INIT;
        if (expand(&word, templates.v[i], EXPAND_TEXT, vars, error) < 0)
            return -1;
        strv_take(words, strbuf_detach(&word));
    }
    return 0;
}
