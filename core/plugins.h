/* SPDX-License-Identifier: MIT
 *
 * Finding, checking and loading plugins; the registry of their builders, reporters and options.
 */
#ifndef CIPLUG_CORE_PLUGINS_H
#define CIPLUG_CORE_PLUGINS_H

#include "argv.h"
#include "config.h"
#include "options.h"
#include <ciplug/plugin.h>

#include <stdbool.h>

/* What ciplug_argv is behind the public header. */
struct ciplug_argv {
    struct argv argv;
};

/* One loaded plugin. The api comes first: what the plugin holds is a pointer to it, and api calls
 * find their plugin that way. */
struct plugin {
    struct ciplug_api api;
    char *path;                           /* absolute; "built in" for the core's own */
    struct ciplug_plugin table;           /* copy of min(size) bytes, the rest zero; texts that
                                             the plugin left out are ""; `builders` is NULL */
    const struct ciplug_option **options; /* likewise copied and checked; closed by NULL */
    struct ciplug_builder *builders;      /* likewise */
    size_t n_builders;
    struct ciplug_reporter reporter; /* event == NULL: none */
    struct ciplug_advisor advisor;   /* estimate == NULL: none */
    void *self;
    bool opened;
    bool closed; /* its close() has returned: calls of the api do nothing */
    struct plugin *next_closed;
    struct plugins *registry;
};

struct plugins {
    struct strv path;     /* folders, in the order of the search */
    struct plugin **list; /* pointers: they stay where they are */
    size_t n;
    size_t alloc;
    /* Where options come from while a command is built; set by the run. NULL value: unset. */
    const char *(*option)(void *data, const struct plugin *plugin,
                          const struct ciplug_command *command, const char *name);
    void *option_data;
    /* What a builder says that its command may create; likewise. */
    int (*intent)(void *data, const struct plugin *plugin, const char *what,
                  const char *const *names);
    /* What the process has as its environment that is started with what they write. */
    const char *(*variable)(void *data, const char *name);
    /* An option where no command is meant; set by the run and by report. */
    const char *(*run_option)(void *data, const struct plugin *plugin,
                              const struct ciplug_option *option);
    void *run_option_data;
};

/* `option` is --plugin-path (may be NULL); then CIPLUG_PLUGIN_PATH; then, when the program stands
 * in its build folder, plugins/.libs beside it; then the installed folder. */
void plugins_init(struct plugins *plugins, const char *option);
/* Load by name or path to a .so (a text with '/'; relative ones start at the current folder: the
 * caller makes them absolute); once each: what is known is returned again. NULL when refused,
 * before any of its code runs and with exactly one problem: missing, not ELF, wrong class or
 * machine, truncated, no or other ABI note, writable by others (the file, or any folder above
 * unless sticky), not owned by root or this user. `file`, `line`: where it was named. Opens the
 * file once and loads what it has checked (/proc/self/fd). RTLD_NOW|RTLD_LOCAL, never closed. */
struct plugin *plugins_load(struct plugins *plugins, const char *name, const char *file, int line,
                            struct problems *problems);
/* Add a plugin of the core itself (the console). NULL with a message when its table is wrong. */
struct plugin *plugins_add(struct plugins *plugins, const struct ciplug_plugin *table,
                           const char *path);
struct plugin *plugins_find(const struct plugins *plugins, const char *name);
/* "docker.exec" or "shell" -> builder, or NULL. */
const struct ciplug_builder *plugins_builder(const struct plugins *plugins, const char *name,
                                             struct plugin **plugin);
/* Call every open() that was not called yet. 0, or -1 with a problem for each that failed. */
int plugins_open(struct plugins *plugins, struct problems *problems);
/* Call close() of the opened ones, the last one first, then free the registry, path and all. */
void plugins_close(struct plugins *plugins);
/* Names of all .so files on the path, each once, sorted, whatever they hold; for `ciplug plugins`
 * and suggestions. */
void plugins_list(const struct plugins *plugins, struct strv *names);

#endif
