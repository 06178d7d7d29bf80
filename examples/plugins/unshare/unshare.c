/* SPDX-License-Identifier: MIT
 *
 * unshare: runs each command in namespaces of its own: it sees no process but its own, and has a
 * /tmp of its own. (Root, or a kernel that lets users make namespaces and `unshare.options =
 * --map-root-user`.)
 *
 *     [step tests]
 *     uses = unshare
 *     command = make check
 *
 * A place of its own is what REMOTE means: ciplug puts its guard in there, whose trailer says how
 * the command ended; the exit code of unshare(1) is not believed. What the plugin makes outside of
 * the command, the folder below /tmp, is told before (intent) and removed at the end of the run, or
 * after its death (reap).
 */
#include <ciplug/plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unshare {
    const struct ciplug_api *api;
};

/* FOLDER OPTIONS... -- COMMAND: when unshare dies, its child does, and with that, the first process
 * of the namespace, all that is in there. */
static const char enter_script[] =
    "folder=$1 && shift && mkdir -p -m 700 \"$folder\" && "
    "exec unshare --pid --fork --kill-child --mount --mount-proc \"$@\"";
/* Inside: FOLDER COMMAND */
static const char inside_script[] = "mount --bind \"$1\" /tmp && shift && exec \"$@\"";
/* What is left of a job: its processes have CIPLUG_JOB in their environment. */
static const char stop_script[] =
    "for file in /proc/[0-9]*/environ; do\n"
    "    tr '\\0' '\\n' <\"$file\" 2>/dev/null | grep -qxF \"CIPLUG_JOB=$CIPLUG_STOP_JOB\" || continue\n"
    "    pid=${file#/proc/} && kill -9 \"${pid%/environ}\" 2>/dev/null\n"
    "done\n"
    "echo 'its namespace was killed'";
static const char reap_script[] =
    "for folder in /tmp/ciplug-unshare-\"$1\"-*; do\n"
    "    [ -d \"$folder\" ] || continue\n"
    "    rm -rf \"$folder\" && echo \"folder $folder\" || exit 1\n"
    "done";

static const struct ciplug_api *api_of(void *self)
{
    return ((struct unshare *)self)->api;
}

static int add_all(const struct ciplug_api *api, struct ciplug_argv *out, const char *const *words)
{
    for (; *words; words++) {
        if (api->argv_add(out, *words))
            return -1;
    }
    return 0;
}

/* The words of an option, one by one. */
static int add_options(const struct ciplug_api *api, const char *options, struct ciplug_argv *out)
{
    char *copy = strdup(options ? options : ""), *rest = NULL;
    int result = copy ? 0 : -1;
    for (char *word = copy ? strtok_r(copy, " \t\n", &rest) : NULL; word && result == 0;
         word = strtok_r(NULL, " \t\n", &rest))
        result = api->argv_add(out, word);
    free(copy);
    return result;
}

static int unshare_build(void *self, const struct ciplug_command *command,
                         const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    const struct ciplug_api *api = api_of(self);
    char folder[128];
    snprintf(folder, sizeof folder, "/tmp/ciplug-unshare-%s-%u", command->run ? command->run : "0",
             (unsigned)command->worker);
    const char *const enter[] = {"sh", "-c", enter_script, "ciplug-unshare", folder, NULL};
    const char *const inside[] = {"--", "sh", "-c", inside_script, "ciplug-unshare", folder, NULL};
    if (!inner) {
        api->message(api, CIPLUG_LOG_ERROR, "needs a command");
        return -1;
    }
    if (api->intent(api, command, "folders", NULL) || add_all(api, out, enter) ||
        add_options(api, api->option(api, command, "options"), out) || add_all(api, out, inside))
        return -1;
    return api->argv_append(out, inner);
}

/* Asked when no guard has said that the command is gone. */
static int unshare_stop(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    const char *const words[] = {"sh", "-c", stop_script, "ciplug-unshare", NULL};
    (void)command;
    return add_all(api_of(self), out, words);
}

/* What stands in an intent may be anything, and so may a run's name. */
static int unshare_reap(void *self, const struct ciplug_intent *intent, struct ciplug_argv *out)
{
    const struct ciplug_api *api = api_of(self);
    const char *const words[] = {"sh", "-c", reap_script, "ciplug-unshare", intent->run, NULL};
    if (strcmp(intent->what, "folders") != 0 || strlen(intent->run) != 8 ||
        strspn(intent->run, "abcdefghijklmnopqrstuvwxyz0123456789") != 8) {
        api->message(api, CIPLUG_LOG_ERROR, "an intent that is none of mine");
        return -1;
    }
    return add_all(api, out, words);
}

static int unshare_open(const struct ciplug_api *api, void **self)
{
    struct unshare *unshare = malloc(sizeof *unshare);
    if (!unshare)
        return -1;
    unshare->api = api;
    *self = unshare;
    return 0;
}

static void unshare_close(void *self)
{
    free(self);
}

static const char *const unshare_guards[] = {"auto", "yes", "no", NULL};
static const struct ciplug_option unshare_guard = {
    .size = sizeof unshare_guard,
    .name = "guard",
    .type = CIPLUG_OPTION_CHOICE,
    .def = "yes",
    .help = "Whether a guard watches over the command in there.",
    .choices = unshare_guards,
};
static const struct ciplug_option unshare_more = {
    .size = sizeof unshare_more,
    .name = "options",
    .type = CIPLUG_OPTION_WORDS,
    .help = "More options of unshare(1), such as --net.",
};
static const struct ciplug_option *const unshare_options[] = {&unshare_guard, &unshare_more, NULL};

static const struct ciplug_builder unshare_builder = {
    .size = sizeof unshare_builder,
    .name = "",
    .help = "Runs the command in namespaces of its own.",
    .flags = CIPLUG_BUILDER_REMOTE,
    .build = unshare_build,
    .stop = unshare_stop,
};
static const struct ciplug_builder *const unshare_builders[] = {&unshare_builder, NULL};

static const struct ciplug_plugin unshare_plugin = {
    .size = sizeof unshare_plugin,
    .abi_major = CIPLUG_ABI_MAJOR,
    .abi_minor = CIPLUG_ABI_MINOR,
    .name = "unshare",
    .version = "1.0",
    .summary = "Commands in namespaces of their own",
    .options = unshare_options,
    .builders = unshare_builders,
    .open = unshare_open,
    .close = unshare_close,
    .reap = unshare_reap,
};

CIPLUG_PLUGIN(unshare_plugin);
