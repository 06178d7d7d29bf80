/* SPDX-License-Identifier: MIT */
#include "plugin_api.h"
#include "msg.h"

#include <string.h>

static int api_argv_add(struct ciplug_argv *out, const char *word)
{
    if (!out || !word)
        return -1;
    strv_push(&out->argv.words, word);
    return 0;
}

static int api_argv_append(struct ciplug_argv *out, const struct ciplug_argv *inner)
{
    if (!out || !inner || out == inner)
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
    if (!out || !name || !value || !is_variable(name))
        return -1;
    AUTO_STRBUF struct strbuf assignment = STRBUF_INIT;
    strbuf_addf(&assignment, "%s=%s", name, value);
    strv_setenv(&out->argv.env, assignment.buf);
    return 0;
}

/* The api is the first member of the plugin it was made for. */
static const struct plugin *plugin_of(const struct ciplug_api *api)
{
    return (const struct plugin *)(const void *)api;
}

static const char *api_option(const struct ciplug_api *api, const struct ciplug_command *command,
                              const char *name)
{
    const struct plugin *plugin = plugin_of(api);
    const struct ciplug_option *option = name ? option_find(plugin->options, name) : NULL;
    if (!option) {
        msg(MSG_ERROR, "plugin %s: asks for an option that is not in its table: %s",
            plugin->table.name, name ? name : "NULL");
        return NULL;
    }
    const struct plugins *registry = plugin->registry;
    if (registry->option)
        return registry->option(registry->option_data, plugin, command, name);
    return option->def;
}

static void api_message(const struct ciplug_api *api, int32_t level, const char *text)
{
    enum msg_level as = MSG_NOTICE;
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
    };
}
