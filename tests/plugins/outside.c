/* SPDX-License-Identifier: MIT
 *
 * A place of its own, as an engine has: things are files RUN.NAME in the folder $OUTSIDE_PLACE.
 * What stands there as well changes what happens: `hang`, `fail`, `lie` what the command of reap()
 * does; `calls` is the list of them. `problems` and `mute` are for check().
 */
#include <ciplug/plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct ciplug_api *outside_api; /* a fixture is opened once */

static int outside_open(const struct ciplug_api *api, void **self)
{
    outside_api = api;
    *self = NULL;
    return 0;
}

static int add_script(struct ciplug_argv *out, const char *script, const char *first)
{
    return outside_api->argv_add(out, "sh") || outside_api->argv_add(out, "-c") ||
                   outside_api->argv_add(out, script) || outside_api->argv_add(out, "outside") ||
                   (first && outside_api->argv_add(out, first))
               ? -1
               : 0;
}

static const char *const outside_names[] = {"OUTSIDE_PLACE", NULL};

static int say_intent(const struct ciplug_command *command)
{
    char what[64];
    snprintf(what, sizeof what, "things of %s", command->run);
    return outside_api->intent(outside_api, command, what, outside_names);
}

/* Makes a thing, then runs what is inside. */
static int outside_build(void *self, const struct ciplug_command *command,
                         const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    char name[256];
    (void)self;
    snprintf(name, sizeof name, "%s.%s-%u", command->run, command->step, (unsigned)command->number);
    if (say_intent(command) ||
        add_script(out, ": >\"${OUTSIDE_PLACE:-$OUTSIDE_DEFAULT}/$1\" || exit; shift; exec \"$@\"",
                   name))
        return -1;
    return inner ? outside_api->argv_append(out, inner) : -1;
}

/* Only says that it may make one. */
static int outside_claim(void *self, const struct ciplug_command *command,
                         const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    (void)self;
    const char *what = outside_api->option(outside_api, command, "what");
    const char *const names[] = {outside_api->option(outside_api, command, "variable"), NULL};
    if (outside_api->intent(outside_api, command, what ? what : "nothing", names))
        return -1;
    return inner ? outside_api->argv_append(out, inner) : -1;
}

static int outside_check(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    (void)self;
    return add_script(out,
                      "cd \"${OUTSIDE_PLACE:-$OUTSIDE_DEFAULT}\" || exit 1; echo \"$1\" >>checked\n"
                      "[ ! -e hang ] || sleep 600\n[ ! -e mute ] || exit 1\n"
                      "cat problems 2>/dev/null; [ ! -e problems ]",
                      command->step);
}

#define LONG_WORD                                                                                  \
    "a-long-word-that-would-not-fit-into-a-line-of-a-terminal-if-anybody-cut-what-is-to-be-"       \
    "pasted-to-the-width-of-one-"

static int outside_enter(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    (void)self;
    return outside_api->argv_add(out, "enter") || outside_api->argv_add(out, command->project) ||
           outside_api->argv_add(out, "two words") ||
           outside_api->argv_add(out, LONG_WORD LONG_WORD LONG_WORD "end");
}

static int outside_reap(void *self, const struct ciplug_intent *intent, struct ciplug_argv *out)
{
    char what[64];
    (void)self;
    snprintf(what, sizeof what, "things of %s", intent->run);
    if (strcmp(intent->what, "nothing") == 0)
        return 0;
    if (strcmp(intent->what, what) != 0 || !intent->owner)
        return -1;
    return add_script(
        out,
        "cd \"${OUTSIDE_PLACE:-$OUTSIDE_DEFAULT}\" || exit 1; pwd >&2; echo \"$1\" >>calls\n"
        "[ ! -e hang ] || { : >hangs; sleep 600; }\n"
        "[ ! -e fail ] || { echo no engine here >&2; exit 1; }\n"
        "[ ! -e lie ] || exit 0\n"
        "for f in \"$1\".*; do [ ! -e \"$f\" ] || { rm \"$f\"; echo \"thing "
        "${f#*.}\"; }; done",
        intent->run);
}

#define OPTION(variable, text, kind, ...)                                                          \
    static const struct ciplug_option variable = {                                                 \
        .size = sizeof(struct ciplug_option), .name = text, .type = kind, __VA_ARGS__}
OPTION(outside_what, "what", CIPLUG_OPTION_STRING, .help = "What to claim.");
OPTION(outside_variable, "variable", CIPLUG_OPTION_STRING, .def = "OUTSIDE_PLACE",
       .help = "What leads there.");
OPTION(outside_ramp, "ramp", CIPLUG_OPTION_INTEGER, .min = 1, .max = 100, .help = "How many.");
static const struct ciplug_option *const outside_options[] = {&outside_what, &outside_variable,
                                                              &outside_ramp, NULL};

static const struct ciplug_builder outside_plain = {
    .size = sizeof outside_plain,
    .name = "",
    .flags = CIPLUG_BUILDER_RAMPED,
    .build = outside_build,
    .check = outside_check,
    .enter = outside_enter,
};
static const struct ciplug_builder outside_claiming = {
    .size = sizeof outside_claiming, .name = "claim", .build = outside_claim};
static const struct ciplug_builder *const outside_builders[] = {&outside_plain, &outside_claiming,
                                                                NULL};

static const struct ciplug_plugin outside_plugin = {
    .size = sizeof outside_plugin,
    .abi_major = CIPLUG_ABI_MAJOR,
    .abi_minor = CIPLUG_ABI_MINOR,
    .name = "outside",
    .version = "1",
    .summary = "Files that outlive their run",
    .options = outside_options,
    .builders = outside_builders,
    .open = outside_open,
    .reap = outside_reap,
};

CIPLUG_PLUGIN(outside_plugin);
