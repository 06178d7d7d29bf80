/* SPDX-License-Identifier: MIT */
#include "plugin_table.h"
#include "msg.h"
#include "util.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The first bytes of a struct that make no sense to leave out: up to and with `member`. */
#define LEAST(type, member) (offsetof(type, member) + sizeof(((type *)0)->member))

bool plugin_name_valid(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '-')
            return false;
    }
    return length > 0;
}

const char *option_type_name(int32_t type)
{
    static const char *const names[] = {
        [CIPLUG_OPTION_STRING] = "string",   [CIPLUG_OPTION_BOOL] = "bool",
        [CIPLUG_OPTION_INTEGER] = "integer", [CIPLUG_OPTION_DURATION] = "duration",
        [CIPLUG_OPTION_WORDS] = "words",     [CIPLUG_OPTION_CHOICE] = "choice",
        [CIPLUG_OPTION_PATH] = "path",
    };
    return type > 0 && type < (int32_t)ARRAY_SIZE(names) ? names[type] : "?";
}

/* Every struct of the header starts with its size. Copy what both sides know into `to`, which is
 * zeroed and `known` bytes long, and becomes one of ours. */
static int copy_known(void *to, size_t known, size_t least, const void *from, const char *what,
                      struct strbuf *why)
{
    size_t size;
    memcpy(&size, from, sizeof size);
    if (size < least) {
        strbuf_addf(why, "the size of its %s is %zu, at least %zu is needed", what, size, least);
        return -1;
    }
    memcpy(to, from, size < known ? size : known);
    memcpy(to, &known, sizeof known);
    return 0;
}

static void or_empty(const char **text)
{
    if (!*text)
        *text = "";
}

static int check_default(const struct ciplug_option *option, struct strbuf *why)
{
    if (!option->def)
        return 0;
    struct problems problems = {0};
    AUTO_FREE char *key = xstrdup(option->name), *def = xstrdup(option->def);
    const struct config_value value = {.key = key, .value = def};
    int result = option_check(option, &value, &problems);
    if (result)
        strbuf_addf(why, "the default of its option '%s': %s", option->name,
                    problems.n ? problems.list[0].text : "not of its type");
    problems_free(&problems);
    return result;
}

static int check_option(const struct ciplug_option *option, struct strbuf *why)
{
    if (!option->name || !plugin_name_valid(option->name, strlen(option->name))) {
        strbuf_addf(why, "its option '%s' has no valid name", option->name ? option->name : "");
        return -1;
    }
    if (*option_type_name(option->type) == '?') {
        strbuf_addf(why, "its option '%s' is of unknown type %" PRId32, option->name, option->type);
        return -1;
    }
    if (option->type == CIPLUG_OPTION_CHOICE && (!option->choices || !option->choices[0])) {
        strbuf_addf(why, "its option '%s' has no choices", option->name);
        return -1;
    }
    if (option->min > option->max) {
        strbuf_addf(why, "its option '%s' has a minimum above its maximum", option->name);
        return -1;
    }
    return check_default(option, why);
}

static int take_option(struct plugin *plugin, size_t n, const struct ciplug_option *from,
                       struct strbuf *why)
{
    struct ciplug_option *option = xcalloc(1, sizeof *option);
    plugin->options[n] = option;
    if (copy_known(option, sizeof *option, LEAST(struct ciplug_option, type), from, "options", why))
        return -1;
    or_empty(&option->help);
    if (check_option(option, why))
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(plugin->options[i]->name, option->name) == 0) {
            strbuf_addf(why, "it has two options '%s'", option->name);
            return -1;
        }
    }
    return 0;
}

static int take_options(struct plugin *plugin, struct strbuf *why)
{
    const struct ciplug_option *const *from = plugin->table.options;
    size_t n = 0;
    while (from && from[n])
        n++;
    plugin->options = xcalloc(n + 1, sizeof *plugin->options);
    plugin->table.options = plugin->options;
    for (size_t i = 0; i < n; i++) {
        if (take_option(plugin, i, from[i], why))
            return -1;
    }
    return 0;
}

static int take_builder(struct plugin *plugin, const struct ciplug_builder *from,
                        struct strbuf *why)
{
    struct ciplug_builder *builder = &plugin->builders[plugin->n_builders];
    if (copy_known(builder, sizeof *builder, LEAST(struct ciplug_builder, build), from, "builders",
                   why))
        return -1;
    or_empty(&builder->name);
    or_empty(&builder->help);
    if (*builder->name && !plugin_name_valid(builder->name, strlen(builder->name))) {
        strbuf_addf(why, "its builder '%s' has no valid name", builder->name);
        return -1;
    }
    if (!builder->build) {
        strbuf_addf(why, "its builder '%s' has no build()", builder->name);
        return -1;
    }
    for (size_t i = 0; i < plugin->n_builders; i++) {
        if (strcmp(plugin->builders[i].name, builder->name) == 0) {
            strbuf_addf(why, "it has two builders '%s'", builder->name);
            return -1;
        }
    }
    plugin->n_builders++;
    return 0;
}

static int take_builders(struct plugin *plugin, struct strbuf *why)
{
    const struct ciplug_builder *const *from = plugin->table.builders;
    size_t n = 0;
    while (from && from[n])
        n++;
    plugin->builders = xcalloc(n + 1, sizeof *plugin->builders);
    plugin->table.builders = NULL;
    for (size_t i = 0; i < n; i++) {
        if (take_builder(plugin, from[i], why))
            return -1;
    }
    return 0;
}

static int take_reporter(struct plugin *plugin, struct strbuf *why)
{
    const struct ciplug_reporter *from = plugin->table.reporter;
    if (!from)
        return 0;
    plugin->table.reporter = &plugin->reporter;
    if (copy_known(&plugin->reporter, sizeof plugin->reporter, LEAST(struct ciplug_reporter, event),
                   from, "reporter", why))
        return -1;
    if (!plugin->reporter.event)
        strbuf_addstr(why, "its reporter has no event()");
    return plugin->reporter.event ? 0 : -1;
}

static int take_advisor(struct plugin *plugin, struct strbuf *why)
{
    const struct ciplug_advisor *from = plugin->table.advisor;
    if (!from)
        return 0;
    plugin->table.advisor = &plugin->advisor;
    if (copy_known(&plugin->advisor, sizeof plugin->advisor, LEAST(struct ciplug_advisor, estimate),
                   from, "advisor", why))
        return -1;
    if (!plugin->advisor.estimate)
        strbuf_addstr(why, "its advisor has no estimate()");
    return plugin->advisor.estimate ? 0 : -1;
}

static int take_head(struct plugin *plugin, const struct ciplug_plugin *table, const char *name,
                     struct strbuf *why)
{
    struct ciplug_plugin *copy = &plugin->table;
    if (copy_known(copy, sizeof *copy, LEAST(struct ciplug_plugin, summary), table, "table", why))
        return -1;
    if (copy->abi_major != CIPLUG_ABI_MAJOR) {
        strbuf_addf(why, "its table says ABI %" PRIu32 ", this ciplug has %d", copy->abi_major,
                    CIPLUG_ABI_MAJOR);
        return -1;
    }
    or_empty(&copy->name);
    or_empty(&copy->version);
    or_empty(&copy->summary);
    if (strcmp(copy->name, name) != 0) {
        strbuf_addf(why, "its table says '%s', its file '%s'", copy->name, name);
        return -1;
    }
    return 0;
}

int plugin_table_take(struct plugin *plugin, const struct ciplug_plugin *table, const char *name,
                      struct strbuf *why)
{
    if (take_head(plugin, table, name, why) || take_options(plugin, why) ||
        take_builders(plugin, why) || take_reporter(plugin, why) || take_advisor(plugin, why))
        return -1;
    return 0;
}

void plugin_table_clear(struct plugin *plugin)
{
    for (size_t i = 0; plugin->options && plugin->options[i]; i++)
        free((void *)(uintptr_t)plugin->options[i]);
    free(plugin->options);
    free(plugin->builders);
    plugin->options = NULL;
    plugin->builders = NULL;
    plugin->n_builders = 0;
}
