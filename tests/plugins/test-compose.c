/* SPDX-License-Identifier: MIT
 *
 * The command lines of the compose plugin, without running any. Loads the plugin that was built.
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
static const char *const *settings;
static int intents;

static const char *option_value(void *data, const struct plugin *plugin,
                                const struct ciplug_command *command, const char *name)
{
    (void)data;
    (void)command;
    for (const char *const *at = settings; at && *at; at += 2) {
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
    assert_string_equal(what, "engine docker");
    assert_string_equal(names[0], "DOCKER_HOST");
    intents++;
    return 0;
}

static struct plugin *compose(struct plugins *plugins)
{
    const char *built = getenv("CIPLUG_BUILDDIR");
    AUTO_FREE char *path = in(built ? built : "..", "plugins/.libs/compose.so");
    AUTO_FREE char *absolute = realpath(path, NULL);
    assert_non_null(absolute);
    struct plugin *plugin = must_load(plugins, absolute);
    struct problems problems = {0};
    assert_int_equal(plugins_open(plugins, &problems), 0);
    plugins->option = option_value;
    plugins->intent = count_intent;
    settings = NULL;
    intents = 0;
    return plugin;
}

static const struct ciplug_builder *builder(struct plugins *plugins, const char *name)
{
    struct plugin *plugin;
    const struct ciplug_builder *found = plugins_builder(plugins, name, &plugin);
    assert_non_null(found);
    return found;
}

static const char *const variables[] = {"CI", "CIPLUG_JOB", "TOKEN", NULL};
static const struct ciplug_command command = {
    .size = sizeof command,
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

/* Whether the words from `first` on are these. */
static void end_is(const struct ciplug_argv *out, const char *const *words)
{
    size_t n = 0;
    while (words[n])
        n++;
    assert_true(out->argv.words.n > n);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(out->argv.words.v[out->argv.words.n - n + i], words[i]);
}

static bool has(const struct ciplug_argv *out, const char *word)
{
    for (size_t i = 0; i < out->argv.words.n; i++) {
        if (strcmp(out->argv.words.v[i], word) == 0)
            return true;
    }
    return false;
}

static const char *value_of(const struct ciplug_argv *out, const char *start)
{
    for (size_t i = 0; i < out->argv.words.n; i++) {
        if (str_starts(out->argv.words.v[i], start))
            return out->argv.words.v[i] + strlen(start);
    }
    return NULL;
}

static int build(struct plugins *plugins, struct plugin *plugin, const char *name, int32_t guarded,
                 struct ciplug_argv *out)
{
    struct ciplug_argv inner = {ARGV_INIT};
    struct ciplug_command this = command;
    const struct ciplug_builder *found = builder(plugins, name);
    this.guarded = guarded;
    argv_free(&out->argv);
    *out = (struct ciplug_argv){ARGV_INIT};
    strv_push(&inner.argv.words, "echo");
    strv_push(&inner.argv.words, "-- '");
    int result =
        found->build(plugin->self, &this, found->flags & CIPLUG_BUILDER_LEAF ? NULL : &inner, out);
    argv_free(&inner.argv);
    return result;
}

static void exec_enters_by_labels(void **state)
{
    struct plugins *plugins = *state;
    struct plugin *plugin = compose(plugins);
    struct ciplug_argv out = {ARGV_INIT};
    settings = (const char *const[]){"service", "web", NULL};
    assert_int_equal(build(plugins, plugin, "compose.exec", 1, &out), 0);
    end_is(&out, (const char *const[]){"ciplug-compose", "ciabcd1234w3", "web", "1", "-i", "--",
                                       "echo", "-- '", NULL});
    settings = (const char *const[]){"service", "web",   "user", "app:app", "workdir",
                                     "/a b",    "index", "2",    NULL};
    assert_int_equal(build(plugins, plugin, "compose.exec", 0, &out), 0);
    end_is(&out,
           (const char *const[]){"web", "2", "--user", "app:app", "--workdir", "/a b", "-e", "CI",
                                 "-e", "TOKEN", "-e", "CIPLUG_JOB", "--", "echo", "-- '", NULL});
    assert_int_equal(intents, 0);
    argv_free(&out.argv);
}

static void run_has_a_name_of_its_own(void **state)
{
    struct plugins *plugins = *state;
    struct plugin *plugin = compose(plugins);
    struct ciplug_argv out = {ARGV_INIT};
    settings = (const char *const[]){"service", "web", "deps", "off", "entrypoint", "", NULL};
    assert_int_equal(build(plugins, plugin, "compose.run", 1, &out), 0);
    end_is(&out,
           (const char *const[]){"--", "run", "-T", "--rm", "--name", "ciabcd1234w3-run-unit-7-2",
                                 "--no-deps", "web", "echo", "-- '", NULL});
    assert_int_equal(intents, 1);
    struct ciplug_command fetching = command;
    fetching.fetches = 1;
    argv_free(&out.argv);
    out = (struct ciplug_argv){ARGV_INIT};
    struct ciplug_argv inner = {ARGV_INIT};
    strv_push(&inner.argv.words, "x");
    assert_int_equal(builder(plugins, "compose.run")->build(plugin->self, &fetching, &inner, &out),
                     0);
    assert_false(has(&out, "--rm"));
    argv_free(&out.argv);
    out = (struct ciplug_argv){ARGV_INIT};
    assert_int_equal(builder(plugins, "compose.run")->stop(plugin->self, &command, &out), 0);
    end_is(&out, (const char *const[]){"remove", "docker", "name=ciabcd1234w3-run-unit-7-2", NULL});
    argv_free(&inner.argv);
    argv_free(&out.argv);
}

static void people_see_the_client(void **state)
{
    struct plugins *plugins = *state;
    struct plugin *plugin = compose(plugins);
    struct ciplug_argv inner = {ARGV_INIT}, out = {ARGV_INIT};
    struct ciplug_command shown = command;
    shown.shown = 1;
    shown.env = (const char *const[]){NULL};
    shown.cwd = "spec";
    strv_push(&inner.argv.words, "true");
    /* There is no client at all. */
    AUTO_FREE char *path = xstrdup(getenv("PATH"));
    setenv("PATH", "", 1);
    setenv("DOCKER_CONFIG", "/nonexistent", 1);
    settings = (const char *const[]){"file", "a.yml",   "service", "web", "profiles",
                                     "p q",  "workdir", "/app",    NULL};
    assert_int_equal(builder(plugins, "compose.exec")->build(plugin->self, &shown, &inner, &out),
                     0);
    words_are(&out,
              (const char *const[]){"docker", "compose", "-f", "/home/me/My App/a.yml", "--profile",
                                    "p", "--profile", "q", "-p", "ciabcd1234w3", "exec", "-T",
                                    "--workdir", "/app/spec", "web", "true", NULL});
    argv_free(&out.argv);
    out = (struct ciplug_argv){ARGV_INIT};
    settings = (const char *const[]){"binary", "/opt/dc", "services", "db", NULL};
    assert_int_equal(builder(plugins, "compose.up")->build(plugin->self, &shown, NULL, &out), 0);
    words_are(&out, (const char *const[]){"/opt/dc", "-p", "ciabcd1234w3", "up", "-d", "db", NULL});
    argv_free(&out.argv);
    out = (struct ciplug_argv){ARGV_INIT};
    settings = NULL;
    assert_int_equal(builder(plugins, "compose.down")->build(plugin->self, &shown, NULL, &out), 0);
    words_are(&out, (const char *const[]){"docker", "compose", "-p", "ciabcd1234w3", "down", "-v",
                                          "--remove-orphans", NULL});
    setenv("PATH", path, 1);
    argv_free(&out.argv);
    argv_free(&inner.argv);
}

static void files_start_at_the_folder(void **state)
{
    struct plugins *plugins = *state;
    struct plugin *plugin = compose(plugins);
    struct ciplug_argv out = {ARGV_INIT};
    assert_int_equal(build(plugins, plugin, "compose.up", 0, &out), 0);
    assert_string_equal(value_of(&out, "files="), "");
    assert_string_equal(value_of(&out, "directory="), "/home/me/My App");
    assert_string_equal(value_of(&out, "project="), "ciabcd1234w3");
    assert_string_equal(value_of(&out, "run="), "abcd1234");
    assert_string_equal(value_of(&out, "owner="), "boot.1.2");
    assert_string_equal(value_of(&out, "isolate="), "no");
    assert_string_equal(value_of(&out, "wait="), "healthy");
    assert_int_equal(intents, 1);
    AUTO_FREE char *images = xstrdup(value_of(&out, "images="));
    assert_true(str_starts(images, "ciplug-myapp-"));

    settings = (const char *const[]){"file",     " ci/a.yml\n/b/c.yml ",
                                     "env_file", "/e f",
                                     "services", " a \n b",
                                     "isolate",  "true",
                                     NULL};
    assert_int_equal(build(plugins, plugin, "compose.up", 0, &out), 0);
    assert_string_equal(value_of(&out, "files="),
                        "-f\n/home/me/My App/ci/a.yml\n-f\n/b/c.yml\n--env-file\n/e f\n");
    assert_string_equal(value_of(&out, "directory="), "/home/me/My App/ci");
    assert_string_equal(value_of(&out, "services="), "a b");
    assert_string_equal(value_of(&out, "isolate="), "yes");
    assert_string_not_equal(value_of(&out, "images="), images);
    argv_free(&out.argv);
}

static void verbs_get_their_words(void **state)
{
    struct plugins *plugins = *state;
    struct plugin *plugin = compose(plugins);
    struct ciplug_argv out = {ARGV_INIT};
    settings = (const char *const[]){"pull",    "always",   "no_cache", "yes", "build_args",
                                     "A=1 B=2", "services", "web",      NULL};
    assert_int_equal(build(plugins, plugin, "compose.build", 0, &out), 0);
    end_is(&out, (const char *const[]){"--", "build", "--pull", "--no-cache", "--build-arg", "A=1",
                                       "--build-arg", "B=2", "web", NULL});
    settings = (const char *const[]){"args", " restart  web ", NULL};
    assert_int_equal(build(plugins, plugin, "compose.command", 0, &out), 0);
    end_is(&out, (const char *const[]){"--", "restart", "web", NULL});

    settings = (const char *const[]){"timeout", "1m30s", "volumes", "no", NULL};
    assert_int_equal(build(plugins, plugin, "compose.down", 0, &out), 0);
    assert_string_equal(value_of(&out, "seconds="), "90");
    assert_string_equal(value_of(&out, "volumes="), "no");
    settings = (const char *const[]){"timeout", "none", NULL};
    assert_int_equal(build(plugins, plugin, "compose.down", 0, &out), 0);
    assert_string_equal(value_of(&out, "seconds="), "0");
    settings = NULL;
    assert_int_equal(build(plugins, plugin, "compose.down", 0, &out), 0);
    assert_null(value_of(&out, "seconds="));
    argv_free(&out.argv);
}

static void refuses(struct plugins *plugins, struct plugin *plugin, const char *name,
                    const char *option, const char *value, const char *message)
{
    struct ciplug_argv out = {ARGV_INIT};
    const char *const given[] = {option, value, strcmp(option, "service") ? "service" : NULL, "web",
                                 NULL};
    settings = given;
    fixtures_lines[0] = '\0';
    assert_int_equal(build(plugins, plugin, name, 1, &out), -1);
    if (!strstr(fixtures_lines, message) || !str_starts(fixtures_lines, "ciplug: plugin compose: "))
        fail_msg("%s %s: no '%s' in: %s", option, value, message, fixtures_lines);
    assert_int_equal(intents, 0);
    argv_free(&out.argv);
}

static void odd_names_are_refused(void **state)
{
    struct plugins *plugins = *state;
    struct plugin *plugin = compose(plugins);
    refuses(plugins, plugin, "compose.exec", "service", "", "needs the option service");
    refuses(plugins, plugin, "compose.exec", "service", "-it", "service '-it'");
    refuses(plugins, plugin, "compose.run", "service", "a b", "service 'a b'");
    refuses(plugins, plugin, "compose.exec", "service", "a\nb", "service 'a b'");
    refuses(plugins, plugin, "compose.exec", "user", "--privileged", "user '--privileged'");
    refuses(plugins, plugin, "compose.up", "services", "web --force", "services '--force'");
    refuses(plugins, plugin, "compose.up", "profiles", "$(id)", "profiles '$(id)'");
    refuses(plugins, plugin, "compose.up", "file", "a.yml -H", "begins with a dash");
    refuses(plugins, plugin, "compose.up", "file", "a\x1b.yml", "bytes that no path should have");
    refuses(plugins, plugin, "compose.up", "pool", "10.0.0.0", "is no network");
    refuses(plugins, plugin, "compose.up", "pool", "10.0.0.300/16", "is no network");
    refuses(plugins, plugin, "compose.up", "pool", "10.0.0.1/16", "bits of a host");
    refuses(plugins, plugin, "compose.up", "pool", "10.0.0.0/27", "pool_size at most");
    refuses(plugins, plugin, "compose.command", "args", " ", "needs the option args");
    struct ciplug_argv out = {ARGV_INIT};
    settings = NULL;
    assert_int_equal(builder(plugins, "compose.exec")->build(plugin->self, &command, NULL, &out),
                     -1);
    assert_non_null(strstr(fixtures_lines, "needs a command"));
    argv_free(&out.argv);
}

static void what_follows_names_its_place(void **state)
{
    struct plugins *plugins = *state;
    struct plugin *plugin = compose(plugins);
    const struct ciplug_builder *exec = builder(plugins, "compose.exec");
    struct ciplug_argv out = {ARGV_INIT};
    settings = (const char *const[]){"service", "web", NULL};
    assert_int_equal(exec->stop(plugin->self, &command, &out), 0);
    assert_true(has(&out, "stop"));
    assert_true(has(&out, "service=ciabcd1234w3/web/1"));
    argv_free(&out.argv);
    out = (struct ciplug_argv){ARGV_INIT};
    struct ciplug_result result = {.size = sizeof result, .outcome = CIPLUG_FAILED, .exit_code = 3};
    assert_int_equal(exec->evidence(plugin->self, &command, &result, &out), 0);
    end_is(&out, (const char *const[]){"evidence", "docker", "project=ciabcd1234w3", "project",
                                       "2026-01-02T03:04:05.000Z", "3", NULL});
    argv_free(&out.argv);
    out = (struct ciplug_argv){ARGV_INIT};
    assert_int_equal(exec->enter(plugin->self, &command, &out), 0);
    words_are(&out, (const char *const[]){"sh", "-c",
                                          "docker exec -it $(docker ps -q --filter "
                                          "label=com.docker.compose.project=ciabcd1234w3 --filter "
                                          "label=com.docker.compose.service=web --filter "
                                          "label=com.docker.compose.container-number=1) sh",
                                          NULL});
    argv_free(&out.argv);
    out = (struct ciplug_argv){ARGV_INIT};
    settings = NULL;
    assert_int_equal(exec->enter(plugin->self, &command, &out), 0);
    words_are(&out, (const char *const[]){"docker", "ps", "-a", "--filter",
                                          "label=com.docker.compose.project=ciabcd1234w3", NULL});
    argv_free(&out.argv);
}

static void reap_believes_no_journal(void **state)
{
    struct plugins *plugins = *state;
    struct plugin *plugin = compose(plugins);
    struct ciplug_argv out = {ARGV_INIT};
    struct ciplug_intent intent = {
        .size = sizeof intent, .run = "abcd1234", .what = "engine", .owner = "boot.1.2"};
    assert_int_equal(plugin->table.reap(plugin->self, &intent, &out), 0);
    end_is(&out, (const char *const[]){"reap", "docker", "abcd1234", "boot.1.2", NULL});
    intent.run = "../../..";
    assert_int_equal(plugin->table.reap(plugin->self, &intent, &out), -1);
    argv_free(&out.argv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(exec_enters_by_labels),        TEST(run_has_a_name_of_its_own),
        TEST(people_see_the_client),        TEST(files_start_at_the_folder),
        TEST(verbs_get_their_words),        TEST(odd_names_are_refused),
        TEST(what_follows_names_its_place), TEST(reap_believes_no_journal),
    };
    return cmocka_run_group_tests(tests, fixtures_make, fixtures_remove);
}
