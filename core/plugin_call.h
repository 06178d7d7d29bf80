/* SPDX-License-Identifier: MIT
 *
 * Whose code is running: should a plugin crash, call exit() or _exit(), or never return, a line
 * names it. What was journaled stays, and the hands kill what runs when they see our end.
 *
 * A thread looks once a second. After 10 s in one call it says so. After 2 s the signals that end a
 * run are taken from the loop, which does not see them: one ends ciplug 5 s later, or a second one
 * at once, and the loop gets it if the plugin returns before.
 */
#ifndef CIPLUG_CORE_PLUGIN_CALL_H
#define CIPLUG_CORE_PLUGIN_CALL_H

#include "surroundings.h"

#include <stdbool.h>

/* Around each call of a plugin's code, which may call the core, which may call another plugin.
 * `name` must outlive the call. */
#define PLUGIN_CALL(name, ...)                                                                     \
    do {                                                                                           \
        const char *outer_plugin = plugin_call_enter(name);                                        \
        __VA_ARGS__;                                                                               \
        plugin_call_leave(outer_plugin);                                                           \
    } while (0)

/* The same for the first calls: also current folder and umask are afterwards as they were, so that
 * relative paths mean what the caller meant. */
#define PLUGIN_FIRST_CALL(name, ...)                                                               \
    do {                                                                                           \
        struct surroundings surroundings = surroundings_keep();                                    \
        PLUGIN_CALL(name, __VA_ARGS__);                                                            \
        surroundings_restore(&surroundings);                                                       \
    } while (0)

const char *plugin_call_enter(const char *name);
void plugin_call_leave(const char *outer);

/* Who is in a call: "" for the core itself. */
const char *plugin_call_name(void);
/* Whether the caller is a thread that is not the one of plugin_call_guard(). When `name` is not
 * NULL, a line says once that this plugin does so. */
bool plugin_call_elsewhere(const char *name);

/* From now on all that is answered. Only in the process that loads plugins: what
 * is forked would keep it. */
void plugin_call_guard(void);
/* main is about to return: exit() is as it should be. */
void plugin_call_over(void);

#endif
