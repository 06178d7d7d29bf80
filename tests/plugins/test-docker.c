/* SPDX-License-Identifier: MIT
 *
 * The command lines of the docker plugin, and the names that it refuses, without running any. Loads
 * the plugin that was built.
 */
#include "plugin-fixtures.h"
#include "util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Of the current test: NAME, VALUE, ..., NULL. */
static const char *settings[64];
static int intents;

static const char *option_value(void *data, const struct plugin *plugin,
                                const struct ciplug_command *command, const char *name)
{
    (void)data;
    (void)command;
    for (const char **at = settings; *at; at += 2) {
        if (strcmp(*at, name) == 0)
            return at[1];
    }
    return option_find(plugin->options, name)->def;
}

static int count_intent(void *data, const struct plugin *plugin, const char *what,
                        const char *const *names)
{
    (void)data;
    (void)plugin;
    /* A client of another name is for the settings of whoever reaps. */
    assert_true(strcmp(what, "engine docker") == 0 || strcmp(what, "engine") == 0);
    assert_string_equal(names[0], "DOCKER_HOST");
    assert_string_equal(names[4], "DOCKER_CERT_PATH");
    intents++;
    return 0;
}

static struct plugin *docker(struct plugins *plugins)
{
    const char *built = getenv("CIPLUG_BUILDDIR");
    AUTO_FREE char *path = in(built ? built : "..", "plugins/.libs/docker.so");
    AUTO_FREE char *absolute = realpath(path, NULL);
    assert_non_null(absolute);
    struct problems problems = {0};
    struct plugin *plugin = plugins_find(plugins, "docker");
    if (!plugin)
        plugin = must_load(plugins, absolute);
    assert_int_equal(plugins_open(plugins, &problems), 0);
    plugins->option = option_value;
    plugins->intent = count_intent;
    return plugin;
}

static const struct ciplug_builder *builder(struct plugins *plugins, const char *name)
{
    struct plugin *plugin;
    (void)docker(plugins);
    const struct ciplug_builder *found = plugins_builder(plugins, name, &plugin);
    assert_non_null(found);
    return found;
}

static const char *const variables[] = {"CI", "TOKEN", NULL};
static const struct ciplug_command plain = {
    .size = sizeof plain,
    .step = "unit",
    .number = 7,
    .count = 9,
    .attempt = 2,
    .project = "ciabcd1234w3",
    .run = "abcd1234",
    .owner = "boot.1.2",
    .config_dir = "/home/me/My App",
    .paths_from = "/home/me/My App",
    .env = variables,
    .started = "2026-01-02T03:04:05.000Z",
};

static void join(struct strbuf *out, const struct ciplug_argv *argv)
{
    for (size_t i = 0; i < argv->argv.words.n; i++)
        strbuf_addf(out, "%s%s", i ? "|" : "", argv->argv.words.v[i]);
}

/* What build() makes of it, with "inner" inside, is `expected`, words joined by "|". */
static void builds(struct plugins *plugins, const char *name, const struct ciplug_command *command,
                   const char *expected)
{
    const struct ciplug_builder *with = builder(plugins, name);
    struct ciplug_argv inner = {ARGV_INIT}, out = {ARGV_INIT};
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    bool leaf = with->flags & CIPLUG_BUILDER_LEAF;
    strv_push(&inner.argv.words, "in");
    strv_push(&inner.argv.words, "ner");
    intents = 0;
    assert_int_equal(with->build(docker(plugins)->self, command, leaf ? NULL : &inner, &out), 0);
    join(&text, &out);
    assert_string_equal(strbuf_text(&text), expected);
    assert_string_equal(fixtures_lines, "");
    argv_free(&inner.argv);
    argv_free(&out.argv);
}

static void refuses(struct plugins *plugins, const char *name, const char *message)
{
    const struct ciplug_builder *with = builder(plugins, name);
    struct ciplug_argv inner = {ARGV_INIT}, out = {ARGV_INIT};
    strv_push(&inner.argv.words, "inner");
    fixtures_lines[0] = '\0';
    intents = 0;
    assert_int_equal(with->build(docker(plugins)->self, &plain, &inner, &out), -1);
    if (!strstr(fixtures_lines, message))
        fail_msg("'%s' is not in: %s", message, fixtures_lines);
    assert_int_equal(intents, 0);
    argv_free(&inner.argv);
    argv_free(&out.argv);
}

static void set(const char *const *pairs)
{
    size_t n = 0;
    do
        settings[n] = pairs[n];
    while (pairs[n++]);
}

#define SET(...) set((const char *const[]){__VA_ARGS__, NULL})
#define LABELS   "--label|ciplug.run=abcd1234|--label|ciplug.owner=boot.1.2|--label|ciplug.step=unit"
#define NAMED    "--name|ciabcd1234w3-unit-7-2|" LABELS

/* ---- run ---- */

static void run_makes_a_container_of_its_own(void **state)
{
    struct ciplug_command guarded = plain, shown = plain;
    guarded.guarded = 1;
    shown.shown = 1;
    SET("image", "app:1");
    builds(*state, "docker.run", &guarded, "docker|run|--rm|--init|-i|" NAMED "|app:1|in|ner");
    assert_int_equal(intents, 1);
    /* By name only: nobody reads the values in arguments. */
    builds(*state, "docker.run", &plain,
           "docker|run|--rm|--init|-e|CI|-e|TOKEN|-e|CIPLUG_JOB|" NAMED "|app:1|in|ner");
    builds(*state, "docker.run", &shown,
           "docker|run|--rm|--init|-e|CI|-e|TOKEN|" NAMED "|app:1|in|ner");
}

static void run_takes_its_options(void **state)
{
    struct ciplug_command guarded = plain;
    guarded.guarded = 1;
    SET("binary", "/opt/podman", "image", "r.example:5000/a/b", "tag", " 1.0 latest", "name", "n-1",
        "volumes", "./x:/x  data:/data:ro /y:/y", "workdir", "/src", "user", "1000:1000", "network",
        "container:db", "ports", "127.0.0.1:80:80/tcp 90", "memory", "64m", "cpus", "1.5",
        "entrypoint", "none", "init", "no", "rm", "off", "privileged", "yes", "pull", "never",
        "args", "--shm-size 64m");
    builds(*state, "docker.run", &guarded,
           "/opt/podman|run|-i|--name|n-1|" LABELS
           "|--network|container:db|--pull|never|--user|1000:1000|--workdir|/src|--privileged|"
           "-v|/home/me/My App/./x:/x|-v|data:/data:ro|-v|/y:/y|--memory|64m|--cpus|1.5|"
           "-p|127.0.0.1:80:80/tcp|-p|90|--entrypoint||--shm-size|64m|r.example:5000/a/b:1.0|"
           "in|ner");
    SET("image", "a", "entrypoint", "/run me");
    builds(*state, "docker.run", &guarded,
           "docker|run|--rm|--init|-i|" NAMED "|--entrypoint|/run me|a|in|ner");
}

static void run_keeps_what_is_to_be_fetched_from(void **state)
{
    struct ciplug_command fetched = plain;
    fetched.fetches = 1;
    fetched.guarded = 1;
    SET("image", "a");
    builds(*state, "docker.run", &fetched, "docker|run|--init|-i|" NAMED "|a|in|ner");
    /* The try without a guard finds the container of the one with a guard. */
    fetched.guarded = 0;
    builds(
        *state, "docker.run", &fetched,
        "sh|-c|id=$(\"$1\" container inspect -f '{{.Id}} {{index .Config.Labels \"ciplug.run\"}}' "
        "\"$2\" 2>/dev/null); case $id in *\" $3\") \"$1\" rm -f -v \"${id%% *}\" "
        ">/dev/null 2>&1 ;; esac; shift 3; exec \"$@\"|ciplug-docker|"
        "docker|ciabcd1234w3-unit-7-2|abcd1234|docker|run|--init|-e|CI|-e|TOKEN|-e|CIPLUG_"
        "JOB|" NAMED "|a|in|ner");
    SET("image", "a", "guard", "no");
    builds(*state, "docker.run", &fetched,
           "docker|run|--init|-e|CI|-e|TOKEN|-e|CIPLUG_JOB|" NAMED "|a|in|ner");
}

static void cwd_is_a_folder_in_the_container(void **state)
{
    struct ciplug_command command = plain;
    command.cwd = "sub";
    command.shown = 1;
    SET("image", "a", "container", "c", "workdir", "/src");
    builds(*state, "docker.exec", &command,
           "docker|exec|-e|CI|-e|TOKEN|--workdir|/src/sub|c|in|ner");
    command.cwd = "/there";
    builds(*state, "docker.exec", &command, "docker|exec|-e|CI|-e|TOKEN|--workdir|/there|c|in|ner");
    /* The guard goes there by itself. */
    command.guarded = 1;
    builds(*state, "docker.exec", &command, "docker|exec|-i|--workdir|/src|c|in|ner");
}

/* ---- exec, rm, build ---- */

static void exec_enters_a_container(void **state)
{
    struct ciplug_command guarded = plain;
    guarded.guarded = 1;
    SET("container", "db_1.x-y", "user", "postgres", "privileged", "1", "args", "--detach-keys x");
    builds(*state, "docker.exec", &guarded,
           "docker|exec|-i|--user|postgres|--privileged|--detach-keys|x|db_1.x-y|in|ner");
    assert_int_equal(intents, 0);
    SET("container", "c");
    builds(*state, "docker.exec", &plain, "docker|exec|-e|CI|-e|TOKEN|-e|CIPLUG_JOB|c|in|ner");
}

static void rm_removes_by_force(void **state)
{
    SET("containers", "a\n b");
    builds(*state, "docker.rm", &plain, "docker|rm|-f|-v|a|b");
    SET("containers", "a", "force", "no", "remove_volumes", "no");
    builds(*state, "docker.rm", &plain, "docker|rm|a");
}

static void build_makes_images_that_are_shared(void **state)
{
    SET("image", "app", "context", "/home/me/.");
    builds(*state, "docker.build", &plain, "docker|build|-t|app|--force-rm|/home/me/.");
    assert_int_equal(intents, 0);
    SET("image", "app", "tag", "1 latest ", "context", "/w", "dockerfile", "/w/D", "target", "test",
        "build_args", "A=1 B", "pull", "always", "args", "--no-cache");
    builds(*state, "docker.build", &plain,
           "docker|build|-t|app:1|-t|app:latest|-f|/w/D|--target|test|--build-arg|A=1|--build-arg|"
           "B|--pull|--force-rm|--no-cache|/w");
}

/* ---- names ---- */

static void names_that_are_none_are_refused(void **state)
{
    static const char *const bad[] = {"-rf",  "--privileged", "a b", "a;b",   "$(x)", "a\nb",
                                      "../a", "\303\244",     "/",   "a\001", "`id`"};
    static const struct {
        const char *with, *option, *said;
    } at[] = {
        {"docker.run", "image", "image '"},     {"docker.run", "name", "container '"},
        {"docker.run", "network", "network '"}, {"docker.run", "user", "user '"},
        {"docker.run", "memory", "memory '"},   {"docker.exec", "container", "container '"},
        {"docker.exec", "user", "user '"},      {"docker.build", "image", "image '"},
        {"docker.build", "target", "target '"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(bad); k++) {
            bool passes = strcmp(at[i].option, "memory") == 0 && strspn(bad[k], "./ab \n");
            if (passes)
                continue;
            SET(at[i].option, bad[k], "image", "i", "container", "c");
            refuses(*state, at[i].with, at[i].said);
        }
    }
}

static void more_is_refused(void **state)
{
    SET("binary", "docker");
    refuses(*state, "docker.run", "needs the option image");
    refuses(*state, "docker.build", "needs the option image");
    refuses(*state, "docker.exec", "needs the option container");
    refuses(*state, "docker.rm", "needs the option containers");
    SET("containers", "a -b");
    refuses(*state, "docker.rm", "container '-b' is no such name");
    SET("image", "a:1", "tag", "2");
    refuses(*state, "docker.run", "another in the option tag");
    SET("image", "r:5000/a", "tag", "-2 x");
    refuses(*state, "docker.run", "image 'r:5000/a:-2'");
    SET("image", "a", "workdir", "src");
    refuses(*state, "docker.run", "workdir is a folder in the container");
    SET("image", "a", "volumes", "/a:/b -v");
    refuses(*state, "docker.run", "a volume begins with a dash");
    SET("image", "a", "ports", "-P");
    refuses(*state, "docker.run", "ports '-P' is no such value");
    SET("image", "a", "binary", "-x");
    refuses(*state, "docker.run", "no dash in front");
    SET("image", "a//b");
    refuses(*state, "docker.run", "[HOST[:PORT]/]NAME[:TAG][@DIGEST]");
    SET("image", "a:");
    refuses(*state, "docker.run", "image 'a:'");
}

/* ---- beside a command ---- */

/* A callback's words: sh -c TEXT ciplug-engine, then `expected`; where it has a *, anything. */
static void asks(const struct ciplug_argv *out, const char *expected)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    assert_true(out->argv.words.n > 4);
    assert_string_equal(out->argv.words.v[3], "ciplug-engine");
    for (size_t i = 4; i < out->argv.words.n; i++) {
        const char *word = out->argv.words.v[i];
        strbuf_addf(&text, "%s%s", i > 4 ? "|" : "", strchr(word, '\n') ? "*" : word);
    }
    assert_string_equal(strbuf_text(&text), expected);
}

static void callbacks_name_the_container(void **state)
{
    static const struct {
        const char *with, *stop, *alive, *evidence, *fetch, *enter;
    } of[] = {
        /* The last fetch removes it. */
        {"docker.run", "remove|docker|own=abcd1234/ciabcd1234w3-unit-7-2",
         "alive|docker|own=abcd1234/ciabcd1234w3-unit-7-2|yes",
         "evidence|docker|own=abcd1234/ciabcd1234w3-unit-7-2|run|2026-01-02T03:04:05.000Z|3",
         "fetch|docker|own=abcd1234/ciabcd1234w3-unit-7-2|me|/src|yes|*|out/*.xml|/x",
         "docker|exec|-it|--user|me|--workdir|/src|ciabcd1234w3-unit-7-2|sh"},
        {"docker.exec", "stop|docker|name=c|me|*", "alive|docker|name=c|no",
         "evidence|docker|name=c|exec|2026-01-02T03:04:05.000Z|3",
         "fetch|docker|name=c|me|/src|no|*|out/*.xml|/x",
         "docker|exec|-it|--user|me|--workdir|/src|c|sh"},
    };
    static const char *const patterns[] = {"out/*.xml", "/x", NULL};
    const struct ciplug_result failed = {
        .size = sizeof failed, .outcome = CIPLUG_FAILED, .exit_code = 3};
    struct ciplug_command last = plain;
    last.fetches = 1;
    SET("image", "i", "container", "c", "user", "me", "workdir", "/src");
    for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
        const struct ciplug_builder *with = builder(*state, of[i].with);
        void *self = docker(*state)->self;
        struct ciplug_argv out = {ARGV_INIT};
        AUTO_STRBUF struct strbuf text = STRBUF_INIT;
        assert_int_equal(with->stop(self, &plain, &out), 0);
        asks(&out, of[i].stop);
        argv_free(&out.argv);
        assert_int_equal(with->alive(self, &plain, &out), 0);
        asks(&out, of[i].alive);
        argv_free(&out.argv);
        assert_int_equal(with->evidence(self, &plain, &failed, &out), 0);
        asks(&out, of[i].evidence);
        argv_free(&out.argv);
        assert_int_equal(with->fetch(self, &last, patterns, &out), 0);
        asks(&out, of[i].fetch);
        argv_free(&out.argv);
        assert_int_equal(with->enter(self, &plain, &out), 0);
        join(&text, &out);
        assert_string_equal(strbuf_text(&text), of[i].enter);
        argv_free(&out.argv);
    }
}

static void check_knows_what_to_look_for(void **state)
{
    static const char *const of[][2] = {
        {"docker.run", "check|docker|run|i|"},
        {"docker.build", "check|docker|build||/w/Dockerfile"},
        {"docker.exec", "check|docker|exec||"},
        {"docker.rm", "check|docker|exec||"},
    };
    SET("image", "i", "container", "c", "context", "/w", "containers", "a");
    for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
        struct ciplug_argv out = {ARGV_INIT};
        const struct ciplug_builder *with = builder(*state, of[i][0]);
        assert_int_equal(with->check(docker(*state)->self, &plain, &out), 0);
        asks(&out, of[i][1]);
        argv_free(&out.argv);
    }
}

/* An intent comes out of a file that anybody may have written. */
static void reap_believes_no_strange_intent(void **state)
{
    static const char *const runs[] = {"",         "abcd123", "abcd12345", "ABCD1234",
                                       "abcd 123", "*",       NULL};
    struct plugin *plugin = docker(*state);
    struct ciplug_intent intent = {
        .size = sizeof intent, .run = "abcd1234", .what = "engine", .owner = "boot.1.2"};
    struct ciplug_argv out = {ARGV_INIT};
    settings[0] = NULL;
    assert_int_equal(plugin->table.reap(plugin->self, &intent, &out), 0);
    asks(&out, "reap|docker|abcd1234|boot.1.2");
    argv_free(&out.argv);
    for (size_t i = 0; runs[i]; i++) {
        intent.run = runs[i];
        assert_int_equal(plugin->table.reap(plugin->self, &intent, &out), -1);
    }
    intent.run = "abcd1234";
    intent.owner = NULL;
    assert_int_equal(plugin->table.reap(plugin->self, &intent, &out), -1);
    intent.owner = "boot.1.2";
    intent.what = "rm -rf /";
    assert_int_equal(plugin->table.reap(plugin->self, &intent, &out), -1);
    assert_int_equal(out.argv.words.n, 0);
}

static void reap_takes_the_client_of_the_run(void **state)
{
    struct plugins *plugins = *state;
    struct plugin *plugin = docker(plugins);
    static const char *const strange[] = {"engine /bin/sh", "engine busybox", "engine -x",
                                          "engine ../x",    "engine a b",     "engine a;b",
                                          "engine "};
    struct ciplug_argv out = {ARGV_INIT};
    struct ciplug_intent intent = {
        .size = sizeof intent, .run = "abcd1234", .what = "engine podman", .owner = "boot.1.2"};
    assert_int_equal(plugin->table.reap(plugin->self, &intent, &out), 0);
    assert_string_equal(out.argv.words.v[5], "podman");
    argv_free(&out.argv);
    for (size_t i = 0; i < ARRAY_SIZE(strange); i++) {
        out = (struct ciplug_argv){ARGV_INIT};
        intent.what = strange[i];
        assert_int_equal(plugin->table.reap(plugin->self, &intent, &out), -1);
        assert_int_equal(out.argv.words.n, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(run_makes_a_container_of_its_own),
        TEST(run_takes_its_options),
        TEST(run_keeps_what_is_to_be_fetched_from),
        TEST(cwd_is_a_folder_in_the_container),
        TEST(exec_enters_a_container),
        TEST(rm_removes_by_force),
        TEST(build_makes_images_that_are_shared),
        TEST(names_that_are_none_are_refused),
        TEST(more_is_refused),
        TEST(callbacks_name_the_container),
        TEST(check_knows_what_to_look_for),
        TEST(reap_believes_no_strange_intent),
        TEST(reap_takes_the_client_of_the_run),
    };
    return cmocka_run_group_tests(tests, fixtures_make, fixtures_remove);
}
