/* SPDX-License-Identifier: MIT */
#include "compose_words.h"

#define OPTION(id, ...)                                                                            \
    static const struct ciplug_option id##_option = {                                              \
        .size = sizeof(struct ciplug_option), .name = #id, __VA_ARGS__}
#define STRING   .type = CIPLUG_OPTION_STRING
#define BOOL     .type = CIPLUG_OPTION_BOOL
#define INTEGER  .type = CIPLUG_OPTION_INTEGER
#define DURATION .type = CIPLUG_OPTION_DURATION
#define WORDS    .type = CIPLUG_OPTION_WORDS
#define CHOICE   .type = CIPLUG_OPTION_CHOICE
#define PATH     .type = CIPLUG_OPTION_PATH

static const char *const pulls[] = {"missing", "always", "never", NULL};
static const char *const waits[] = {"healthy", "started", "no", NULL};
static const char *const mounts[] = {"refuse", "allow", NULL};
static const char *const guards[] = {"auto", "yes", "no", NULL};

OPTION(file, WORDS,
       .help = "Compose files; without, those that docker compose finds in the folder.");
OPTION(env_file, PATH, .help = "File with variables for the compose file, instead of .env.");
OPTION(profiles, WORDS, .help = "Profiles of the compose file that are active.");
OPTION(binary, WORDS, .help = "The client; without, `docker compose`, else docker-compose.");
OPTION(services, WORDS, .help = "up, build: only these and what they need; without, all.");
OPTION(service, STRING, .help = "exec, run: the service.");
OPTION(index, INTEGER, .def = "1", .min = 1, .max = 1000,
       .help = "exec: which container of the service.");
OPTION(user, STRING, .help = "exec, run: USER[:GROUP] of the command; without, the image's.");
OPTION(workdir, STRING, .help = "exec, run: folder in the container; without, the image's.");
OPTION(entrypoint, STRING, .help = "run: in place of the image's.");
OPTION(deps, BOOL, .def = "yes", .help = "run: start the services that this one needs.");
OPTION(pull, CHOICE, .def = "missing", .choices = pulls,
       .help = "up, build: when images are pulled.");
OPTION(build, BOOL, .def = "no", .help = "up: build images that are missing.");
OPTION(wait, CHOICE, .def = "healthy", .choices = waits,
       .help = "up: what to wait for; a service that ended with 0 is ready.");
OPTION(isolate, BOOL, .def = "no",
       .help = "Give each project container names, network names and host ports of its own.");
OPTION(mounts, CHOICE, .def = "refuse", .choices = mounts,
       .help = "Folders of the workspace that services mount, where the engine is on another "
               "machine; allow: it sees the same files.");
OPTION(pool, STRING, .def = "10.213.0.0/16",
       .help = "Where subnets of networks without one are taken from; none: the engine's own.");
OPTION(pool_size, INTEGER, .def = "26", .min = 16, .max = 29,
       .help = "Bits of each subnet's prefix.");
OPTION(ramp, INTEGER, .def = "5", .min = 1, .max = 1000,
       .help = "How many `up` run at once on one host.");
OPTION(build_args, WORDS, .help = "build: NAME=VALUE for the Dockerfiles.");
OPTION(no_cache, BOOL, .def = "no", .help = "build: from the start.");
OPTION(args, WORDS, .help = "command: the words behind docker compose.");
OPTION(volumes, BOOL, .def = "yes", .help = "down: remove volumes.");
OPTION(orphans, BOOL, .def = "yes", .help = "down: also what is no service of the file.");
OPTION(images, BOOL, .def = "no", .help = "down: remove images that were built and have no name.");
OPTION(timeout, DURATION,
       .help = "down: for services to end by themselves; without, stop_grace_period, else 10s.");
OPTION(guard, CHOICE, .def = "auto", .choices = guards,
       .help = "exec, run: no for images without a shell.");

const struct ciplug_option *const compose_options[] = {
    &file_option,     &env_file_option,   &profiles_option, &binary_option,
    &services_option, &service_option,    &index_option,    &user_option,
    &workdir_option,  &entrypoint_option, &deps_option,     &pull_option,
    &build_option,    &wait_option,       &isolate_option,  &mounts_option,
    &pool_option,     &pool_size_option,  &ramp_option,     &build_args_option,
    &no_cache_option, &args_option,       &volumes_option,  &orphans_option,
    &images_option,   &timeout_option,    &guard_option,    NULL};
