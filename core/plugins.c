/* SPDX-License-Identifier: MIT */
#include "plugins.h"
#include "msg.h"
#include "plugin_api.h"
#include "plugin_call.h"
#include "plugin_table.h"
#include "util.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef PLUGINDIR
#define PLUGINDIR "/usr/local/lib/ciplug/plugins"
#endif

/* A folder that is not there (yet) stays on the path, so that messages can name it. */
static void add_folder(struct strv *path, const char *folder)
{
    AUTO_FREE char *real = realpath(folder, NULL);
    if (!real && *folder != '/') {
        AUTO_FREE char *here = realpath(".", NULL);
        real = xasprintf("%s/%s", here ? here : "", folder);
    }
    const char *absolute = real ? real : folder;
    if (!strv_has(path, absolute))
        strv_push(path, absolute);
}

static void add_folders(struct strv *path, const char *list)
{
    while (list && *list) {
        size_t length = strcspn(list, ":");
        AUTO_FREE char *folder = xstrndup(list, length);
        if (*folder)
            add_folder(path, folder);
        list += length + (list[length] == ':');
    }
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Where ./ciplug stands in its build folder, libtool and its plugins are beside it. */
static void add_build_folder(struct strv *path)
{
    char program[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0)
        return;
    program[n] = '\0';
    char *slash = strrchr(program, '/');
    if (!slash)
        return;
    *slash = '\0';
    AUTO_FREE char *libtool = xasprintf("%s/libtool", program);
    AUTO_FREE char *folder = xasprintf("%s/plugins/.libs", program);
    if (access(libtool, F_OK) == 0 && is_folder(folder))
        add_folder(path, folder);
}

void plugins_init(struct plugins *plugins, const char *option)
{
    *plugins = (struct plugins){0};
    add_folders(&plugins->path, option);
    add_folders(&plugins->path, secure_getenv("CIPLUG_PLUGIN_PATH"));
    add_build_folder(&plugins->path);
    add_folder(&plugins->path, PLUGINDIR);
}

static void plugin_free(struct plugin *plugin)
{
    plugin_table_clear(plugin);
    free(plugin->path);
    free(plugin);
}

/* One that was opened may have a thread that goes on, and calls the api: so that stays. */
static void plugin_retire(struct plugin *plugin)
{
    static struct plugin *closed;
    if (!plugin->closed) {
        plugin_free(plugin);
        return;
    }
    plugin->next_closed = closed;
    closed = plugin;
}

struct plugin *plugin_new(struct plugins *plugins, const struct ciplug_plugin *table,
                          const char *name, const char *path, struct strbuf *why)
{
    struct plugin *plugin = xcalloc(1, sizeof *plugin);
    plugin->path = xstrdup(path);
    plugin->registry = plugins;
    if (plugin_table_take(plugin, table, name, why)) {
        plugin_free(plugin);
        return NULL;
    }
    plugin_api_init(plugin);
    ARRAY_GROW(plugins->list, plugins->n, plugins->alloc);
    plugins->list[plugins->n++] = plugin;
    return plugin;
}

struct plugin *plugins_add(struct plugins *plugins, const struct ciplug_plugin *table,
                           const char *path)
{
    AUTO_STRBUF struct strbuf why = STRBUF_INIT;
    struct plugin *plugin = plugin_new(plugins, table, table->name, path, &why);
    if (!plugin)
        msg(MSG_ERROR, "plugin '%s': %s (%s)", table->name, strbuf_text(&why), path);
    return plugin;
}

static struct plugin *find(const struct plugins *plugins, const char *name, size_t length)
{
    for (size_t i = 0; i < plugins->n; i++) {
        const char *known = plugins->list[i]->table.name;
        if (strncmp(known, name, length) == 0 && known[length] == '\0')
            return plugins->list[i];
    }
    return NULL;
}

struct plugin *plugins_find(const struct plugins *plugins, const char *name)
{
    return find(plugins, name, strlen(name));
}

const struct ciplug_builder *plugins_builder(const struct plugins *plugins, const char *name,
                                             struct plugin **plugin)
{
    size_t length = strcspn(name, ".");
    struct plugin *owner = find(plugins, name, length);
    const char *wanted = name[length] ? name + length + 1 : "";
    if (!owner || (name[length] && !*wanted))
        return NULL;
    for (size_t i = 0; i < owner->n_builders; i++) {
        if (strcmp(owner->builders[i].name, wanted) == 0) {
            if (plugin)
                *plugin = owner;
            return &owner->builders[i];
        }
    }
    return NULL;
}

int plugins_open(struct plugins *plugins, struct problems *problems)
{
    int result = 0;
    for (size_t i = 0; i < plugins->n; i++) {
        struct plugin *plugin = plugins->list[i];
        if (plugin->opened)
            continue;
        int opened = 0;
        if (plugin->table.open)
            PLUGIN_FIRST_CALL(plugin->table.name,
                              opened = plugin->table.open(&plugin->api, &plugin->self));
        if (opened) {
            problems_add(problems, NULL, 0, "plugin '%s': cannot be used: its open() failed (%s)",
                         plugin->table.name, plugin->path);
            result = -1;
            continue;
        }
        plugin->opened = true;
    }
    return result;
}

void plugins_close(struct plugins *plugins)
{
    for (size_t i = plugins->n; i > 0; i--) {
        struct plugin *plugin = plugins->list[i - 1];
        if (plugin->opened && plugin->table.close)
            PLUGIN_CALL(plugin->table.name, plugin->table.close(plugin->self));
        plugin->closed = plugin->opened;
        plugin->opened = false;
        plugin_api_end(plugin);
    }
    for (size_t i = 0; i < plugins->n; i++)
        plugin_retire(plugins->list[i]);
    free(plugins->list);
    strv_free(&plugins->path);
    *plugins = (struct plugins){0};
}

static void list_folder(const char *path, struct strv *names)
{
    DIR *folder = opendir(path);
    if (!folder)
        return;
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        size_t length = strlen(entry->d_name);
        if (length < 3 || strcmp(entry->d_name + length - 3, ".so") != 0)
            continue;
        AUTO_FREE char *name = xstrndup(entry->d_name, length - 3);
        if (plugin_name_valid(name, length - 3) && !strv_has(names, name))
            strv_push(names, name);
    }
    closedir(folder);
}

void plugins_list(const struct plugins *plugins, struct strv *names)
{
    for (size_t i = 0; i < plugins->path.n; i++)
        list_folder(plugins->path.v[i], names);
    strv_sort(names);
}
