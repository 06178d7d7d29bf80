/* SPDX-License-Identifier: MIT */
#include "verb_plugins.h"
#include "msg.h"
#include "output.h"
#include "plugin_skeleton.h"
#include "plugin_table.h"
#include "util.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    uint32_t flag;
    const char *name;
} builder_flags[] = {
    {CIPLUG_BUILDER_LEAF, "leaf"},
    {CIPLUG_BUILDER_REMOTE, "remote"},
    {CIPLUG_BUILDER_CREATES, "creates"},
    {CIPLUG_BUILDER_RAMPED, "ramped"},
};

/* As it stands in `uses`; the caller's. */
static char *builder_name(const struct plugin *plugin, const struct ciplug_builder *builder)
{
    if (!*builder->name)
        return xstrdup(plugin->table.name);
    return xasprintf("%s.%s", plugin->table.name, builder->name);
}

static void pad(struct strbuf *out, size_t from, size_t width)
{
    while (out->len < from + width)
        strbuf_addch(out, ' ');
    strbuf_addstr(out, "  ");
}

/* Rows of `columns` cells each, the cells in one row, to `out`: two blanks between columns. */
static void print_table(struct strbuf *out, const struct strv *cells, size_t columns,
                        const char *indent)
{
    size_t widths[8] = {0};
    for (size_t i = 0; i < cells->n; i++) {
        size_t length = strlen(cells->v[i]);
        if (length > widths[i % columns])
            widths[i % columns] = length;
    }
    for (size_t i = 0; i < cells->n; i++) {
        size_t column = i % columns;
        if (column == 0)
            strbuf_addstr(out, indent);
        size_t start = out->len;
        strbuf_addstr(out, cells->v[i]);
        if (column + 1 < columns)
            pad(out, start, widths[column]);
        else
            strbuf_addch(out, '\n');
    }
}

static void type_text(struct strbuf *out, const struct ciplug_option *option)
{
    if (option->type == CIPLUG_OPTION_CHOICE) {
        for (size_t i = 0; option->choices[i]; i++)
            strbuf_addf(out, "%s%s", i ? "|" : "", option->choices[i]);
        return;
    }
    strbuf_addstr(out, option_type_name(option->type));
    if (option->type == CIPLUG_OPTION_INTEGER && (option->min || option->max))
        strbuf_addf(out, " %" PRId64 "..%" PRId64, option->min, option->max);
}

static void print_builders(struct strbuf *out, const struct plugin *plugin)
{
    AUTO_STRV struct strv cells = STRV_INIT;
    for (size_t i = 0; i < plugin->n_builders; i++) {
        const struct ciplug_builder *builder = &plugin->builders[i];
        strv_take(&cells, builder_name(plugin, builder));
        AUTO_STRBUF struct strbuf help = STRBUF_INIT;
        strbuf_addstr(&help, builder->help);
        const char *before = " (";
        for (size_t f = 0; f < ARRAY_SIZE(builder_flags); f++) {
            if (!(builder->flags & builder_flags[f].flag))
                continue;
            strbuf_addf(&help, "%s%s", before, builder_flags[f].name);
            before = ", ";
        }
        if (*before == ',')
            strbuf_addch(&help, ')');
        strv_push(&cells, strbuf_text(&help));
    }
    strbuf_addstr(out, "\nBuilders, for `uses`:\n");
    print_table(out, &cells, 2, "  ");
}

static void print_options(struct strbuf *out, const struct plugin *plugin)
{
    const char *name = plugin->table.name;
    AUTO_STRV struct strv cells = STRV_INIT;
    strv_push(&cells, "OPTION");
    strv_push(&cells, "TYPE");
    strv_push(&cells, "DEFAULT");
    strv_push(&cells, "MEANING");
    for (size_t i = 0; plugin->options[i]; i++) {
        const struct ciplug_option *option = plugin->options[i];
        AUTO_STRBUF struct strbuf type = STRBUF_INIT;
        type_text(&type, option);
        strv_push(&cells, option->name);
        strv_push(&cells, strbuf_text(&type));
        strv_push(&cells, option->def ? option->def : "-");
        strv_push(&cells, option->help);
    }
    strbuf_addf(out, "\nOptions, in [%s]; as %s.OPTION in steps and hosts:\n", name, name);
    print_table(out, &cells, 4, "  ");
}

static void print_one(struct strbuf *out, const struct plugin *plugin)
{
    const struct ciplug_plugin *table = &plugin->table;
    strbuf_addf(out, "%s %s: %s\n%s, ABI %u.%u\n", table->name, table->version, table->summary,
                plugin->path, table->abi_major, table->abi_minor);
    if (plugin->n_builders)
        print_builders(out, plugin);
    if (plugin->options[0])
        print_options(out, plugin);
    if (plugin->reporter.event)
        strbuf_addstr(out, "\nA reporter: receives the events of the run.\n");
    if (plugin->advisor.estimate)
        strbuf_addstr(out, "\nAn advisor: says how long items should take.\n");
}

/* jansson takes nothing but UTF-8; a path may be anything. */
static json_t *json_text(const char *text)
{
    AUTO_FREE char *copy = xstrdup(text);
    if (!utf8_valid(copy, strlen(copy))) {
        for (char *c = copy; *c; c++) {
            if (*c & 0x80)
                *c = '?';
        }
    }
    return json_string(copy);
}

static json_t *json_names(const char *const *names)
{
    json_t *list = json_array();
    for (; names && *names; names++)
        json_array_append_new(list, json_text(*names));
    return list;
}

static json_t *json_builder(const struct plugin *plugin, const struct ciplug_builder *builder)
{
    AUTO_FREE char *name = builder_name(plugin, builder);
    json_t *flags = json_array();
    for (size_t i = 0; i < ARRAY_SIZE(builder_flags); i++) {
        if (builder->flags & builder_flags[i].flag)
            json_array_append_new(flags, json_string(builder_flags[i].name));
    }
    json_t *object = json_object();
    json_object_set_new(object, "name", json_text(name));
    json_object_set_new(object, "help", json_text(builder->help));
    json_object_set_new(object, "flags", flags);
    return object;
}

static json_t *json_option(const struct ciplug_option *option)
{
    json_t *object = json_object();
    json_object_set_new(object, "name", json_text(option->name));
    json_object_set_new(object, "type", json_string(option_type_name(option->type)));
    json_object_set_new(object, "default", option->def ? json_text(option->def) : json_null());
    json_object_set_new(object, "help", json_text(option->help));
    if (option->type == CIPLUG_OPTION_CHOICE)
        json_object_set_new(object, "choices", json_names(option->choices));
    if (option->type == CIPLUG_OPTION_INTEGER && (option->min || option->max)) {
        json_object_set_new(object, "min", json_integer(option->min));
        json_object_set_new(object, "max", json_integer(option->max));
    }
    return object;
}

static json_t *json_plugin(const struct plugin *plugin)
{
    json_t *builders = json_array(), *options = json_array();
    for (size_t i = 0; i < plugin->n_builders; i++)
        json_array_append_new(builders, json_builder(plugin, &plugin->builders[i]));
    for (size_t i = 0; plugin->options[i]; i++)
        json_array_append_new(options, json_option(plugin->options[i]));
    json_t *object = json_object();
    json_object_set_new(object, "name", json_text(plugin->table.name));
    json_object_set_new(object, "version", json_text(plugin->table.version));
    json_object_set_new(object, "summary", json_text(plugin->table.summary));
    json_object_set_new(object, "path", json_text(plugin->path));
    AUTO_FREE char *abi = xasprintf("%u.%u", plugin->table.abi_major, plugin->table.abi_minor);
    json_object_set_new(object, "abi", json_string(abi));
    json_object_set_new(object, "builders", builders);
    json_object_set_new(object, "options", options);
    json_object_set_new(object, "reporter", json_boolean(plugin->reporter.event));
    json_object_set_new(object, "advisor", json_boolean(plugin->advisor.estimate));
    return object;
}

static void print_json(struct strbuf *out, json_t *json)
{
    char *text = json_dumps(json, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    if (text)
        strbuf_addf(out, "%s\n", text);
    free(text);
    json_decref(json);
}

static int compare(const void *left, const void *right)
{
    const struct plugin *const *a = left, *const *b = right;
    return strcmp((*a)->table.name, (*b)->table.name);
}

static void print_list(struct strbuf *out, struct plugin *const *list, size_t n)
{
    AUTO_STRV struct strv cells = STRV_INIT;
    for (size_t i = 0; i < n; i++) {
        strv_push(&cells, list[i]->table.name);
        strv_push(&cells, list[i]->table.version);
        strv_push(&cells, list[i]->path);
        strv_push(&cells, list[i]->table.summary);
    }
    print_table(out, &cells, 4, "");
}

static json_t *json_list(struct plugin *const *list, size_t n)
{
    json_t *json = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(json, json_plugin(list[i]));
    return json;
}

static void show_all(struct plugins *plugins, bool as_json, struct strbuf *out,
                     struct problems *problems)
{
    AUTO_STRV struct strv names = STRV_INIT;
    plugins_list(plugins, &names);
    for (size_t i = 0; i < names.n; i++)
        plugins_load(plugins, names.v[i], NULL, 0, problems);
    if (plugins->n == 0 && problems->n == 0 && !as_json)
        msg(MSG_NOTICE, "no plugins found");
    size_t size = plugins->n * sizeof *plugins->list;
    AUTO_FREE struct plugin **list = xmalloc(size + 1);
    for (size_t i = 0; i < plugins->n; i++)
        list[i] = plugins->list[i];
    qsort(list, plugins->n, sizeof *list, compare);
    if (as_json)
        print_json(out, json_list(list, plugins->n));
    else
        print_list(out, list, plugins->n);
}

static void show_one(struct plugins *plugins, const char *name, bool as_json, struct strbuf *out,
                     struct problems *problems)
{
    const struct plugin *plugin = plugins_load(plugins, name, NULL, 0, problems);
    if (plugin && as_json)
        print_json(out, json_plugin(plugin));
    else if (plugin)
        print_one(out, plugin);
}

static int parse(int argc, char **argv, const char **name, bool *as_json, bool *begin)
{
    bool options = true;
    for (int i = 1; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && strcmp(argv[i], "--json") == 0) {
            *as_json = true;
        } else if (options && strcmp(argv[i], "--new") == 0) {
            *begin = true;
        } else if (options && argv[i][0] == '-') {
            msg(MSG_ERROR, "plugins: unknown option %s", argv[i]);
            return -1;
        } else if (*name) {
            msg(MSG_ERROR, "plugins: one name at most, not '%s' and '%s'", *name, argv[i]);
            return -1;
        } else {
            *name = argv[i];
        }
    }
    return 0;
}

int verb_plugins(int argc, char **argv, struct plugins *plugins)
{
    const char *name = NULL;
    bool as_json = false, begin = false;
    if (parse(argc, argv, &name, &as_json, &begin))
        return 2;
    if (begin && !name)
        msg(MSG_ERROR, "plugins --new: what is it to be called?");
    if (begin)
        return name && plugin_skeleton_write(name) == 0 ? 0 : 2;
    struct problems problems = {0};
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    if (name)
        show_one(plugins, name, as_json, &out, &problems);
    else
        show_all(plugins, as_json, &out, &problems);
    int status = problems.n ? 2 : 0;
    problems_print(&problems);
    problems_free(&problems);
    if (write_all(output_fd(), strbuf_text(&out), out.len)) {
        msg(MSG_ERROR, "standard output: %s", strerror(errno));
        return 3;
    }
    return status;
}
