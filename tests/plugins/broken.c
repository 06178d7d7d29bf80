/* SPDX-License-Identifier: MIT
 *
 * Tables that are wrong, one way for each -DFIXTURE_...
 */
#include <ciplug/plugin.h>

#if defined FIXTURE_NULL_TABLE
#define NAME "broken"
#elif defined FIXTURE_NAME
#define NAME "other"
#else
#define NAME "broken"
#endif

static int broken_build(void *self, const struct ciplug_command *command,
                        const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    (void)self;
    (void)command;
    (void)inner;
    (void)out;
    return 0;
}

static const struct ciplug_option option = {
#ifdef FIXTURE_OPTION_SIZE
    .size = 4,
#else
    .size = sizeof option,
#endif
#ifdef FIXTURE_OPTION_NAME
    .name = "a.b",
#elif !defined FIXTURE_OPTION_NAMELESS
    .name = "port",
#endif
#ifdef FIXTURE_OPTION_TYPE
    .type = 99,
#elif defined FIXTURE_OPTION_CHOICES
    .type = CIPLUG_OPTION_CHOICE,
#else
    .type = CIPLUG_OPTION_INTEGER,
#endif
#ifdef FIXTURE_OPTION_RANGE
    .min = 2,
#else
    .min = 1,
#endif
#ifdef FIXTURE_OPTION_RANGE
    .max = 1,
#else
    .max = 65535,
#endif
#ifdef FIXTURE_OPTION_DEFAULT
    .def = "70000",
#endif
};
static const struct ciplug_option *const options[] = {
    &option,
#ifdef FIXTURE_OPTION_TWICE
    &option,
#endif
    NULL,
};

static const struct ciplug_builder builder = {
    .size = sizeof builder,
#ifdef FIXTURE_BUILDER_NAME
    .name = "a b",
#else
    .name = "run",
#endif
#ifndef FIXTURE_BUILDER_BUILD
    .build = broken_build,
#endif
};
static const struct ciplug_builder *const builders[] = {
    &builder,
#ifdef FIXTURE_BUILDER_TWICE
    &builder,
#endif
    NULL,
};
/* Silences the compiler where the builder leaves it out. */
__attribute__((used)) static int (*const used)(void *, const struct ciplug_command *,
                                               const struct ciplug_argv *,
                                               struct ciplug_argv *) = broken_build;

static const struct ciplug_reporter reporter = {.size = sizeof reporter};
static const struct ciplug_advisor advisor = {.size = sizeof advisor};

static const struct ciplug_plugin broken_plugin = {
#ifdef FIXTURE_SIZE
    .size = 8,
#else
    .size = sizeof broken_plugin,
#endif
#ifdef FIXTURE_MAJOR
    .abi_major = 9,
#else
    .abi_major = CIPLUG_ABI_MAJOR,
#endif
    .name = NAME,
    .options = options,
    .builders = builders,
#ifdef FIXTURE_REPORTER
    .reporter = &reporter,
#endif
#ifdef FIXTURE_ADVISOR
    .advisor = &advisor,
#endif
};

__attribute__((used)) static const void *const also_used[] = {&reporter, &advisor, &broken_plugin};

#ifdef FIXTURE_NULL_TABLE
CIPLUG_PLUGIN(*(const struct ciplug_plugin *)NULL);
#else
CIPLUG_PLUGIN(broken_plugin);
#endif
