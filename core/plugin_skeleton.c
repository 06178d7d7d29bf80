/* SPDX-License-Identifier: MIT */
#include "plugin_skeleton.h"
#include "msg.h"
#include "strbuf.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LETTERS         "abcdefghijklmnopqrstuvwxyz"
#define NAME_MAX_LENGTH 60

/* In these texts an @ stands for the plugin's name. */

static const char source[] =
    "/* @: says in one word what the command has to be told, by a variable.\n"
    " *\n"
    " * Change @_build(): it turns the command `inner` into the one that is to be run. See\n"
    " * <ciplug/plugin.h> for what each field and call means.\n"
    " */\n"
    "#include <ciplug/plugin.h>\n"
    "\n"
    "#include <stdlib.h>\n"
    "\n"
    "/* The plugin's state: not in static variables. */\n"
    "struct @_state {\n"
    "    const struct ciplug_api *api;\n"
    "};\n"
    "\n"
    "static int @_open(const struct ciplug_api *api, void **self)\n"
    "{\n"
    "    struct @_state *plugin = malloc(sizeof *plugin);\n"
    "    if (!plugin)\n"
    "        return -1;\n"
    "    plugin->api = api;\n"
    "    *self = plugin;\n"
    "    return 0;\n"
    "}\n"
    "\n"
    "static void @_close(void *self)\n"
    "{\n"
    "    free(self);\n"
    "}\n"
    "\n"
    "/* env GREETING=WORD, and what is inside. Touches nothing: it is also called for --dry-run. "
    "*/\n"
    "static int @_build(void *self, const struct ciplug_command *command,\n"
    "                   const struct ciplug_argv *inner, struct ciplug_argv *out)\n"
    "{\n"
    "    const struct ciplug_api *api = ((struct @_state *)self)->api;\n"
    "    if (!inner) {\n"
    "        api->message(api, CIPLUG_LOG_ERROR, \"needs a command\");\n"
    "        return -1;\n"
    "    }\n"
    "    if (api->argv_env(out, \"GREETING\", api->option(api, command, \"word\")))\n"
    "        return -1;\n"
    "    return api->argv_append(out, inner);\n"
    "}\n"
    "\n"
    "static const struct ciplug_option @_word = {\n"
    "    .size = sizeof @_word,\n"
    "    .name = \"word\",\n"
    "    .type = CIPLUG_OPTION_STRING,\n"
    "    .def = \"hello\",\n"
    "    .help = \"What the command is told.\",\n"
    "};\n"
    "static const struct ciplug_option *const @_options[] = {&@_word, NULL};\n"
    "\n"
    "static const struct ciplug_builder @_builder = {\n"
    "    .size = sizeof @_builder,\n"
    "    .name = \"\", /* called like its plugin */\n"
    "    .help = \"Tells the command a word.\",\n"
    "    .build = @_build,\n"
    "};\n"
    "static const struct ciplug_builder *const @_builders[] = {&@_builder, NULL};\n"
    "\n"
    "static const struct ciplug_plugin @_plugin = {\n"
    "    .size = sizeof @_plugin,\n"
    "    .abi_major = CIPLUG_ABI_MAJOR,\n"
    "    .abi_minor = CIPLUG_ABI_MINOR,\n"
    "    .name = \"@\", /* the file's name without .so */\n"
    "    .version = \"0.1\",\n"
    "    .summary = \"Tells commands a word\",\n"
    "    .options = @_options,\n"
    "    .builders = @_builders,\n"
    "    .open = @_open,\n"
    "    .close = @_close,\n"
    "};\n"
    "\n"
    "CIPLUG_PLUGIN(@_plugin);\n";

static const char makefile[] =
    "CFLAGS += -Wall -Wextra -fPIC -fvisibility=hidden $(shell pkg-config --cflags ciplug)\n"
    "@.so: @.c\n"
    "\t$(CC) $(CFLAGS) -shared -o $"
    "@ $<\n"
    "test: @.so\n"
    "\tsh test.sh\n"
    "clean:\n"
    "\trm -rf @.so .ciplug\n"
    ".PHONY: test clean\n";

static const char config[] = "[ciplug]\n"
                             "plugins = shell ./@.so\n"
                             "\n"
                             "[step default]\n"
                             "uses = @\n"
                             "command = echo $GREETING\n"
                             "\n"
                             "[step other]\n"
                             "uses = @\n"
                             "@.word = good morning\n"
                             "command = echo $GREETING\n";

static const char test[] =
    "#!/bin/sh\n"
    "# Runs ci.ini, and compares what the commands printed.\n"
    "cd \"$(dirname \"$0\")\" && ciplug -q -c ci.ini || exit\n"
    "printed=$(cat .ciplug/latest/logs/default/1.out .ciplug/latest/logs/other/1.out)\n"
    "expected='hello\n"
    "good morning'\n"
    "[ \"$printed\" = \"$expected\" ] || { echo \"printed: $printed\" >&2 && exit 1; }\n"
    "echo 'as expected'\n";

static const struct {
    const char *name, *text;
} files[] = {{"@.c", source}, {"Makefile", makefile}, {"ci.ini", config}, {"test.sh", test}};

/* "$@" of a makefile stays. */
static void fill_in(struct strbuf *out, const char *text, const char *name)
{
    for (const char *c = text; *c; c++) {
        if (*c == '@' && (c == text || c[-1] != '$'))
            strbuf_addstr(out, name);
        else
            strbuf_addch(out, *c);
    }
}

static int write_file(int folder, size_t i, const char *name)
{
    AUTO_STRBUF struct strbuf path = STRBUF_INIT, text = STRBUF_INIT;
    fill_in(&path, files[i].name, name);
    fill_in(&text, files[i].text, name);
    AUTO_CLOSE int fd =
        openat(folder, strbuf_text(&path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return fd < 0 || write_all(fd, strbuf_text(&text), text.len) < 0 ? -1 : 0;
}

static void take_back(int folder, const char *name)
{
    for (size_t i = 0; folder >= 0 && i < ARRAY_SIZE(files); i++) {
        AUTO_STRBUF struct strbuf path = STRBUF_INIT;
        fill_in(&path, files[i].name, name);
        (void)unlinkat(folder, strbuf_text(&path), 0);
    }
    (void)rmdir(name);
}

int plugin_skeleton_write(const char *name)
{
    size_t length = strlen(name);
    if (!strspn(name, LETTERS) || strspn(name, LETTERS "0123456789_") != length ||
        length > NAME_MAX_LENGTH) {
        msg(MSG_ERROR, "plugins --new: '%s' is no name: a-z, 0-9 and _, a letter first, at most %d",
            name, NAME_MAX_LENGTH);
        return -1;
    }
    if (mkdir(name, 0777) < 0) {
        msg(MSG_ERROR, "plugins --new: %s: %s", name, strerror(errno));
        return -1;
    }
    AUTO_CLOSE int folder = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int result = folder < 0 ? -1 : 0;
    for (size_t i = 0; result == 0 && i < ARRAY_SIZE(files); i++)
        result = write_file(folder, i, name);
    if (result < 0) {
        msg(MSG_ERROR, "plugins --new: cannot write %s: %s", name, strerror(errno));
        take_back(folder, name);
    }
    return result;
}
