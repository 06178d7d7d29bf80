/* SPDX-License-Identifier: MIT */
#include "outside.h"
#include "plugin_call.h"
#include "plugin_table.h"
#include "safeguard.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

/* A terminal's line; -v and the journal have the rest. */
#define LEFT_MAX 300
#define LOST_NS  (10 * NS_PER_S)

static void leave(struct outside *outside, const struct intent *intent, const char *why)
{
    strv_take(&outside->left, xasprintf("%s %.*s: %s", intent->kind, LEFT_MAX, intent->what, why));
}

/* Loaded for this only. NULL with *why, the caller's. */
static struct plugin *load(struct plugins *more, const char *name, char **why)
{
    struct problems problems = {0};
    struct plugin *plugin = plugins_load(more, name, NULL, 0, &problems);
    if (plugin && !plugin->opened)
        (void)plugins_open(more, &problems);
    if (!plugin || !plugin->opened) {
        *why = xstrdup(problems.n > 0 ? problems.list[problems.n - 1].text : "cannot be used");
        plugin = NULL;
    }
    problems_free(&problems);
    return plugin;
}

static struct plugin *find(const struct outside_request *request, const char *name, char **why)
{
    struct plugin *plugin = request->loaded ? plugins_find(request->loaded, name) : NULL;
    if (plugin && plugin->opened)
        return plugin;
    /* A path is a name for plugins_load(), and one that a journal chose. */
    if (!plugin_name_valid(name, strlen(name)) && SAFEGUARD(no_path_from_a_journal)) {
        *why = xstrdup("that is no name of a plugin");
        return NULL;
    }
    return load(request->more, name, why);
}

static bool leads(const struct plugin *plugin)
{
    for (size_t i = 0; i < plugin->n_builders; i++) {
        if (plugin->builders[i].way)
            return true;
    }
    return false;
}

/* What a plugin says. 1: words in *out; 0: nothing is to be done; -1 with *why, the caller's. */
static int ask_plugin(const struct outside_request *request, const char *kind, const char *what,
                      const struct ciplug_argv *inner, struct ciplug_argv *out, char **why)
{
    struct plugin *plugin = find(request, kind, why);
    if (!plugin)
        return -1;
    /* One that leads nowhere would remove something of its own here. */
    if (inner && !leads(plugin)) {
        *why = xasprintf("plugin '%s' leads to no place", kind);
        return -1;
    }
    if (!plugin->table.reap) {
        *why = xasprintf("plugin '%s' does not say how to remove it", kind);
        return -1;
    }
    const struct ciplug_intent asked = {.size = sizeof asked,
                                        .run = request->run,
                                        .what = what,
                                        .owner = request->owner,
                                        .inner = inner};
    int result;
    PLUGIN_CALL(plugin->table.name, result = plugin->table.reap(plugin->self, &asked, out));
    if (result == 0)
        return out->argv.words.n > 0;
    *why = xasprintf("plugin '%s' does not take it for one of its own", kind);
    return -1;
}

/* Its variables: of a process here, where "NAME" alone takes one away, or of one elsewhere. */
static void set_variables(const struct intent *intent, struct argv *argv)
{
    for (size_t i = 0; i < intent->env.n; i++) {
        if (!intent->by_kind || strchr(intent->env.v[i], '='))
            strv_setenv(&argv->env, intent->env.v[i]);
    }
}

/* The same, as a command that is run here. */
static int ask(const struct outside_request *request, const struct intent *intent,
               struct argv *argv, char **why)
{
    struct ciplug_argv inner = {ARGV_INIT}, outer = {ARGV_INIT};
    int asked = ask_plugin(request, intent->kind, intent->what, NULL, &inner, why);
    if (asked > 0)
        set_variables(intent, &inner.argv);
    if (asked > 0 && intent->by_kind) {
        asked = ask_plugin(request, intent->by_kind, intent->by_what ? intent->by_what : "", &inner,
                           &outer, why);
        argv_free(&inner.argv);
        inner = outer;
    }
    if (asked > 0)
        *argv = inner.argv;
    else
        argv_free(&inner.argv);
    return asked;
}

static void add_errand(struct outside *outside, size_t at, struct argv *argv, uint64_t each_ns)
{
    /* No file of a folder that happens to be the current one has a say. */
    if (!argv->cwd)
        argv->cwd = xstrdup("/");
    ARRAY_GROW(outside->errands, outside->n, outside->alloc);
    ARRAY_GROW(outside->of, outside->n, outside->a_of);
    outside->errands[outside->n] = (struct errand){.argv = *argv, .timeout_ns = each_ns};
    outside->of[outside->n++] = at;
}

static bool is_lost(const struct outside *outside, const struct intent *intent)
{
    return outside->lost && outside->lost(outside->data, intent);
}

static uint64_t limit_of(const struct outside *outside, const struct intent *intent,
                         uint64_t each_ns)
{
    return is_lost(outside, intent) && each_ns > LOST_NS ? LOST_NS : each_ns;
}

void outside_ask(struct outside *outside, const struct outside_request *request)
{
    *outside =
        (struct outside){.intents = request->intents, .lost = request->lost, .data = request->data};
    for (size_t i = 0; i < request->intents->n; i++) {
        const struct intent *intent = &request->intents->list[i];
        if (intent_is_ours(intent->kind))
            continue;
        struct argv argv = ARGV_INIT;
        AUTO_FREE char *why = request->from_journal ? intent_disbelieved(intent) : NULL;
        int asked = why ? -1 : ask(request, intent, &argv, &why);
        if (asked < 0)
            leave(outside, intent, why);
        else if (asked > 0)
            add_errand(outside, i, &argv, limit_of(outside, intent, request->each_ns));
        else
            argv_free(&argv);
    }
}

void outside_conclude(struct outside *outside)
{
    for (size_t i = 0; i < outside->n; i++) {
        const struct errand *errand = &outside->errands[i];
        strv_copy(&outside->removed, &errand->lines);
        const struct intent *intent = &outside->intents->list[outside->of[i]];
        if (errand->status == 0 || !SAFEGUARD(reap_status_counts))
            continue;
        leave(outside, intent, strbuf_text(&errand->what));
        outside->n_lost += is_lost(outside, intent);
    }
}

void outside_free(struct outside *outside)
{
    for (size_t i = 0; i < outside->n; i++)
        errand_clear(&outside->errands[i]);
    free(outside->errands);
    free(outside->of);
    strv_free(&outside->removed);
    strv_free(&outside->left);
}

/* ---- for people ---- */

static size_t word_length(const char *line)
{
    return strcspn(line, " :");
}

static bool seen_before(const struct strv *removed, size_t at)
{
    size_t length = word_length(removed->v[at]);
    for (size_t i = 0; i < at; i++) {
        if (word_length(removed->v[i]) == length &&
            strncmp(removed->v[i], removed->v[at], length) == 0)
            return true;
    }
    return false;
}

static size_t count_of(const struct strv *removed, const char *word, size_t length)
{
    size_t n = 0;
    for (size_t i = 0; i < removed->n; i++)
        n += word_length(removed->v[i]) == length && strncmp(removed->v[i], word, length) == 0;
    return n;
}

void outside_describe(const struct strv *removed, struct strbuf *out)
{
    for (size_t i = 0; i < removed->n; i++) {
        const char *word = removed->v[i];
        size_t length = word_length(word), n = count_of(removed, word, length);
        if (seen_before(removed, i))
            continue;
        strbuf_addf(out, "%s%zu %.*s%s", out->len ? ", " : "", n, (int)length, word,
                    n == 1                                  ? ""
                    : length > 0 && word[length - 1] == 's' ? "es"
                                                            : "s");
    }
}
