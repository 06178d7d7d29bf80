/* SPDX-License-Identifier: MIT */
#include "plugin_api.h"
#include "atomicfile.h"
#include "intent.h"
#include "msg.h"
#include "plugin_call.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The api is the first member of the plugin it was made for. */
static const struct plugin *plugin_of(const struct ciplug_api *api)
{
    return (const struct plugin *)(const void *)api;
}

/* Whether a call comes from another thread, or after close(). */
static bool refused(const struct ciplug_api *api)
{
    const struct plugin *plugin = plugin_of(api);
    return plugin_call_elsewhere(plugin->table.name) || plugin->closed;
}

static int api_argv_add(struct ciplug_argv *out, const char *word)
{
    if (!out || !word || plugin_call_elsewhere(NULL))
        return -1;
    strv_push(&out->argv.words, word);
    return 0;
}

static int api_argv_append(struct ciplug_argv *out, const struct ciplug_argv *inner)
{
    if (!out || !inner || out == inner || plugin_call_elsewhere(NULL))
        return -1;
    /* Not argv_copy(): a variable that both have stands there once, the inner one wins. */
    struct argv more = inner->argv;
    more.env = (struct strv)STRV_INIT;
    argv_copy(&out->argv, &more);
    for (size_t i = 0; i < inner->argv.env.n; i++)
        strv_setenv(&out->argv.env, inner->argv.env.v[i]);
    return 0;
}

/* What a shell can say: everything else would have to be quoted where commands are shown. */
static bool is_variable(const char *name)
{
    static const char start[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    return *name && strchr(start, *name) && name[strspn(name, rest)] == '\0';
}

static int api_argv_env(struct ciplug_argv *out, const char *name, const char *value)
{
    if (!out || !name || !value || !is_variable(name) || plugin_call_elsewhere(NULL))
        return -1;
    AUTO_STRBUF struct strbuf assignment = STRBUF_INIT;
    strbuf_addf(&assignment, "%s=%s", name, value);
    strv_setenv(&out->argv.env, assignment.buf);
    return 0;
}

/* Always in quotes: what a word means is not left to whatever shell is there. */
static int api_argv_join(struct ciplug_argv *out, size_t first)
{
    if (!out || first >= out->argv.words.n || plugin_call_elsewhere(NULL))
        return -1;
    struct strbuf line = STRBUF_INIT;
    strbuf_addstr(&line, "exec");
    if (out->argv.env.n > 0)
        strbuf_addstr(&line, " env");
    for (size_t i = 0; i < out->argv.env.n; i++) {
        strbuf_addch(&line, ' ');
        shell_quote_always(&line, out->argv.env.v[i]);
    }
    for (size_t i = first; i < out->argv.words.n; i++) {
        strbuf_addch(&line, ' ');
        shell_quote_always(&line, out->argv.words.v[i]);
    }
    struct strv words = STRV_INIT;
    for (size_t i = 0; i < first; i++)
        strv_push(&words, out->argv.words.v[i]);
    strv_take(&words, strbuf_detach(&line));
    strv_free(&out->argv.words);
    strv_clear(&out->argv.env);
    out->argv.words = words;
    return 0;
}

static const char *api_option(const struct ciplug_api *api, const struct ciplug_command *command,
                              const char *name)
{
    if (refused(api))
        return NULL;
    const struct plugin *plugin = plugin_of(api);
    const struct ciplug_option *option = name ? option_find(plugin->options, name) : NULL;
    if (!option) {
        msg(MSG_ERROR, "plugin %s: asks for an option that is not in its table: %s",
            plugin->table.name, name ? name : "NULL");
        return NULL;
    }
    const struct plugins *registry = plugin->registry;
    if (command && registry->option)
        return registry->option(registry->option_data, plugin, command, name);
    if (!command && registry->run_option)
        return registry->run_option(registry->run_option_data, plugin, option);
    return option->def;
}

static void api_message(const struct ciplug_api *api, int32_t level, const char *text)
{
    enum msg_level as = MSG_NOTICE;
    if (refused(api))
        return;
    if (level == CIPLUG_LOG_ERROR)
        as = MSG_ERROR;
    else if (level == CIPLUG_LOG_WARNING)
        as = MSG_WARNING;
    else if (level == CIPLUG_LOG_DEBUG)
        as = MSG_DEBUG;
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    for (text = text ? text : ""; *text; text++) {
        unsigned char c = (unsigned char)*text;
        /* One line stays one line, and nobody's terminal is steered. */
        if (c == '\n' || c == '\r' || c == '\t')
            strbuf_addch(&line, ' ');
        else
            strbuf_addch(&line, c < 0x20 || c == 0x7f ? '?' : *text);
    }
    while (line.len > 0 && line.buf[line.len - 1] == ' ')
        strbuf_cut(&line, line.len - 1);
    msg(as, "plugin %s: %s", plugin_of(api)->table.name, strbuf_text(&line));
}

static int api_intent(const struct ciplug_api *api, const struct ciplug_command *command,
                      const char *what, const char *const *names)
{
    const struct plugin *plugin = plugin_of(api);
    const struct plugins *registry = plugin->registry;
    if (refused(api) || !command || !what || !*what || strchr(what, '\n') || !plugin->table.reap)
        return -1;
    for (const char *const *name = names; name && *name; name++) {
        if (intent_variable(plugin->table.name, *name, strlen(*name)))
            continue;
        msg(MSG_ERROR,
            "plugin %s: %s may not be in an intent: it does not begin with the plugin's name",
            plugin->table.name, *name);
        return -1;
    }
    /* Outside of build() nothing will be created. */
    return registry->intent ? registry->intent(registry->option_data, plugin, what, names) : 0;
}

static const char *api_variable(const struct ciplug_api *api, const struct ciplug_command *command,
                                const char *name)
{
    if (refused(api) || !command || !name)
        return NULL;
    const struct plugins *registry = plugin_of(api)->registry;
    if (!registry->variable)
        return NULL;
    return registry->variable(registry->option_data, name);
}

/* ---- files ---- */

struct ciplug_file {
    const struct plugin *plugin;
    char *path;
    struct atomicfile file;
    struct ciplug_file *next;
};

/* Those that are open: nobody writes or closes another one. */
static struct ciplug_file *open_files;

static struct ciplug_file **find_file(const struct ciplug_file *file)
{
    struct ciplug_file **at = &open_files;
    while (*at && *at != file)
        at = &(*at)->next;
    return at;
}

static void cannot(const struct plugin *plugin, const char *what, const char *path)
{
    msg(MSG_ERROR, "plugin %s: cannot %s %s: %s", plugin->table.name, what, path, strerror(errno));
}

static int api_file_remove(const struct ciplug_api *api, const char *path)
{
    if (refused(api))
        return -1;
    if (SAFEGUARD(no_stale_report) && atomicfile_remove(path) < 0) {
        cannot(plugin_of(api), "remove the old", path);
        return -1;
    }
    return 0;
}

static struct ciplug_file *api_file_create(const struct ciplug_api *api, const char *path)
{
    if (refused(api))
        return NULL;
    struct ciplug_file *file = xcalloc(1, sizeof *file);
    file->plugin = plugin_of(api);
    if (atomicfile_open(&file->file, path) == 0) {
        file->path = xstrdup(path);
        file->next = open_files;
        open_files = file;
        return file;
    }
    cannot(file->plugin, "write", path);
    free(file);
    return NULL;
}

/* Looked for only there: what was closed is no memory of ours any more. */
static bool is_open(const struct ciplug_file *file, const char *what)
{
    if (plugin_call_elsewhere(NULL))
        return false;
    if (*find_file(file) || !SAFEGUARD(files_are_known))
        return true;
    msg(MSG_ERROR, "plugin %s: %s a file that it has not open", plugin_call_name(), what);
    return false;
}

static int api_file_write(struct ciplug_file *file, const void *bytes, size_t length)
{
    return is_open(file, "writes") ? atomicfile_write(&file->file, bytes, length) : -1;
}

static int end_file(struct ciplug_file *file, int32_t keep)
{
    int result = atomicfile_close(&file->file, keep);
    if (result < 0)
        cannot(file->plugin, "write", file->path);
    struct ciplug_file **at = find_file(file);
    if (*at)
        *at = file->next;
    free(file->path);
    free(file);
    return result;
}

static int api_file_close(struct ciplug_file *file, int32_t keep)
{
    return is_open(file, "closes") ? end_file(file, keep) : -1;
}

void plugin_api_end(const struct plugin *plugin)
{
    for (struct ciplug_file *file = open_files, *next; file; file = next) {
        next = file->next;
        if (file->plugin != plugin)
            continue;
        msg(MSG_WARNING, "plugin %s: has not closed %s, which stays as it was", plugin->table.name,
            file->path);
        (void)end_file(file, 0);
    }
}

void plugin_api_init(struct plugin *plugin)
{
    plugin->api = (struct ciplug_api){
        .size = sizeof plugin->api,
        .abi_minor = CIPLUG_ABI_MINOR,
        .argv_add = api_argv_add,
        .argv_append = api_argv_append,
        .argv_env = api_argv_env,
        .option = api_option,
        .message = api_message,
        .file_remove = api_file_remove,
        .file_create = api_file_create,
        .file_write = api_file_write,
        .file_close = api_file_close,
        .intent = api_intent,
        .argv_join = api_argv_join,
        .variable = api_variable,
    };
}
