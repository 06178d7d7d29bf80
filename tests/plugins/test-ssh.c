/* SPDX-License-Identifier: MIT
 *
 * The tables and command lines of the ssh plugin, and the addresses that it refuses, without
 * running any. Loads the plugin that was built.
 */
#include "ssh-place.h"

static void builds(struct plugins *plugins, const struct ciplug_command *command,
                   const char *variable, const char *expected)
{
    const struct ciplug_builder *with = builder(plugins);
    struct ciplug_argv inner, out = {ARGV_INIT};
    inner_words(&inner, variable);
    assert_int_equal(with->build(ssh(plugins)->self, command, &inner, &out), 0);
    are(&out, expected);
    argv_free(&inner.argv);
}

static bool build_takes(struct plugins *plugins, const char *address)
{
    struct ciplug_argv inner, out = {ARGV_INIT};
    inner_words(&inner, NULL);
    SET("address", address);
    int result = builder(plugins)->build(ssh(plugins)->self, &plain, &inner, &out);
    if (result == 0)
        assert_string_equal(out.argv.words.v[out.argv.words.n - 2], address);
    else
        assert_string_not_equal(fixtures_lines, "");
    argv_free(&inner.argv);
    argv_free(&out.argv);
    return result == 0;
}

/* ---- tables ---- */

static void the_tables_say_what_it_is(void **state)
{
    static const struct {
        const char *name;
        int type;
        const char *def;
    } of[] = {{"address", CIPLUG_OPTION_STRING, NULL}, {"port", CIPLUG_OPTION_INTEGER, NULL},
              {"identity", CIPLUG_OPTION_PATH, NULL},  {"options", CIPLUG_OPTION_WORDS, NULL},
              {"config", CIPLUG_OPTION_PATH, NULL},    {"cwd", CIPLUG_OPTION_STRING, NULL},
              {"guard", CIPLUG_OPTION_CHOICE, "auto"}, {"sessions", CIPLUG_OPTION_INTEGER, "10"},
              {"binary", CIPLUG_OPTION_STRING, "ssh"}};
    const struct plugin *plugin = ssh(*state);
    size_t n = 0;
    for (const struct ciplug_option *const *option = plugin->table.options; *option; option++)
        n++;
    assert_int_equal(n, ARRAY_SIZE(of));
    for (size_t i = 0; i < n; i++) {
        const struct ciplug_option *option = option_find(plugin->options, of[i].name);
        assert_non_null(option);
        assert_int_equal(option->type, of[i].type);
        assert_true(option->def ? of[i].def && strcmp(option->def, of[i].def) == 0 : !of[i].def);
        assert_true(option->help && *option->help);
    }
    assert_int_equal(option_find(plugin->options, "port")->min, 1);
    assert_int_equal(option_find(plugin->options, "port")->max, 65535);
    assert_int_equal(option_find(plugin->options, "sessions")->min, 2);
    const struct ciplug_builder *with = builder(*state);
    assert_int_equal(with->flags, CIPLUG_BUILDER_REMOTE);
    assert_true(with->stop && with->alive && with->fetch && with->check && with->enter);
    assert_true(with->hold && with->prepare && with->way && !with->evidence && !with->reach);
    assert_non_null(plugin->table.reap);
}

/* ---- addresses ---- */

static void addresses(void **state)
{
    static const char *const good[] = {"h1",    "me@h1.example",    "10.0.0.1", "fe80::1%eth0",
                                       "[::1]", "me@[fe80::1%en0]", "a_b-c",    "me-@h"};
    static const char *const bad[] = {"",         "-h",    "-oProxyCommand=x",
                                      "me@-h",    "@-oX",  "a b",
                                      "a\nb",     "a;b",   "$(x)",
                                      "`x`",      "a/b",   "a'b",
                                      "\303\244", "h\001", "ssh://h:22!",
                                      "a\"b",     "~me",   "a|b"};
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        if (!build_takes(*state, good[i]))
            fail_msg("refuses '%s': %s", good[i], fixtures_lines);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        if (build_takes(*state, bad[i]))
            fail_msg("takes '%s'", bad[i]);
    }
    char most[302];
    memset(most, 'a', sizeof most);
    most[301] = '\0';
    assert_false(build_takes(*state, most));
    most[300] = '\0';
    assert_true(build_takes(*state, most));
}

/* Whatever leads there: none of the callbacks gives ssh an address that could be an option. */
static void callbacks_refuse_it_too(void **state)
{
    struct plugins *plugins = *state;
    const struct ciplug_builder *with = builder(plugins);
    void *self = ssh(plugins)->self;
    static const char *const patterns[] = {"x", NULL};
    struct ciplug_command command = plain;
    struct ciplug_argv out = {ARGV_INIT};
    command.job = "CIPLUG_JOB=x";
    command.held = "/run/h";
    command.synced = 1;
    SET("address", "-h");
    assert_int_equal(with->stop(self, &command, &out), -1);
    assert_int_equal(with->alive(self, &command, &out), -1);
    assert_int_equal(with->fetch(self, &command, patterns, &out), -1);
    assert_int_equal(with->check(self, &command, &out), -1);
    assert_int_equal(with->enter(self, &command, &out), -1);
    assert_int_equal(with->hold(self, &command, 0, &out), -1);
    assert_int_equal(with->prepare(self, &command, &out), -1);
    assert_int_equal(with->way(self, &command, &out), -1);
    argv_free(&out.argv);
}

static void more_is_refused(void **state)
{
    struct ciplug_argv inner, out = {ARGV_INIT};
    const struct ciplug_builder *with = builder(*state);
    void *self = ssh(*state)->self;
    inner_words(&inner, NULL);
    settings[0] = NULL;
    fixtures_lines[0] = '\0';
    assert_int_equal(with->build(self, &plain, &inner, &out), -1);
    assert_non_null(strstr(fixtures_lines, "needs the option address"));
    argv_free(&out.argv);
    SET("address", "h", "binary", "-x");
    out = (struct ciplug_argv){ARGV_INIT};
    assert_int_equal(with->build(self, &plain, &inner, &out), -1);
    argv_free(&out.argv);
    SET("address", "h");
    out = (struct ciplug_argv){ARGV_INIT};
    assert_int_equal(with->build(self, &plain, NULL, &out), -1);
    assert_non_null(strstr(fixtures_lines, "needs a command"));
    argv_free(&out.argv);
    argv_free(&inner.argv);
}

/* ---- build ---- */

static void build_with_a_guard(void **state)
{
    struct ciplug_command guarded = plain;
    guarded.guarded = 1;
    SET("address", "h1");
    builds(*state, &guarded, NULL, "ssh|" FORCED "|-T|" ALONE "|--|h1|exec " INNER);
    /* Variables of the process go along, in the line. */
    builds(*state, &guarded, "A=it's",
           "ssh|" FORCED "|-T|" ALONE "|--|h1|exec env 'A=it'\\''s' " INNER);
    SET("address", "me@h1", "port", "22", "identity", "/k ey", "options", " User=x  Port=1 ",
        "config", "/c", "binary", "/opt/ssh");
    builds(*state, &guarded, NULL,
           "/opt/ssh|-F|/c|" FORCED "|-T|" ALONE
           "|-p|22|-i|/k ey|-o|User=x|-o|Port=1|--|me@h1|exec " INNER);
}

/* Then ssh itself sends the variables, and changes the folder. */
static void build_without_a_guard(void **state)
{
    struct ciplug_command command = plain;
    SET("address", "h1");
    builds(*state, &command, NULL,
           "ssh|" FORCED "|-T|-o|SendEnv=CI TOKEN|" ALONE "|--|h1|exec " INNER);
    command.env = variables + 2;
    builds(*state, &command, NULL, "ssh|" FORCED "|-T|" ALONE "|--|h1|exec " INNER);
}

/* The last word ends with the folders and the command; in front is the script. */
static void starts_in(struct plugins *plugins, const struct ciplug_command *command,
                      const char *expected)
{
    struct ciplug_argv inner, out = {ARGV_INIT};
    inner_words(&inner, NULL);
    assert_int_equal(builder(plugins)->build(ssh(plugins)->self, command, &inner, &out), 0);
    const char *line = out.argv.words.v[out.argv.words.n - 1], *at = strstr(line, "'ciplug-ssh' ");
    assert_true(str_starts(line, "exec 'sh' '-c' '"));
    assert_non_null(at);
    assert_string_equal(at, expected);
    argv_free(&inner.argv);
    argv_free(&out.argv);
}

static void folders(void **state)
{
    struct ciplug_command command = plain;
    command.cwd = "sub dir";
    SET("address", "h1");
    starts_in(*state, &command, "'ciplug-ssh' '' 'sub dir' " INNER);
    SET("address", "h1", "cwd", "/it's");
    starts_in(*state, &command, "'ciplug-ssh' '/it'\\''s' 'sub dir' " INNER);
    command.synced = 1;
    starts_in(*state, &command, "'ciplug-ssh' '/it'\\''s' 'sub dir' " INNER);
    SET("address", "h1");
    starts_in(*state, &command, "'ciplug-ssh' '.cache/ciplug/run-abcd1234-big' 'sub dir' " INNER);
    /* The guard goes to `cwd` of the step by itself. */
    command.guarded = 1;
    starts_in(*state, &command, "'ciplug-ssh' '.cache/ciplug/run-abcd1234-big' '' " INNER);
}

/* What two shells make of it is what was given, whatever the bytes. */
static void words_come_through_a_shell(void **state)
{
    static const char *const hard[] = {"",      "'",           "''",  "a'b\"c", "$HOME `id` $(id)",
                                       "\\",    "a\nb",        " x ", "*?",     "-n",
                                       "\t!#~", "\303\244\377"};
    struct ciplug_argv inner = {ARGV_INIT}, out = {ARGV_INIT};
    struct ciplug_command guarded = plain;
    guarded.guarded = 1;
    SET("address", "h1");
    strv_push(&inner.argv.words, "printf");
    strv_push(&inner.argv.words, "[%s]");
    for (size_t i = 0; i < ARRAY_SIZE(hard); i++)
        strv_push(&inner.argv.words, hard[i]);
    assert_int_equal(builder(*state)->build(ssh(*state)->self, &guarded, &inner, &out), 0);
    FILE *shell = popen(out.argv.words.v[out.argv.words.n - 1], "r");
    assert_non_null(shell);
    char got[200], *end = got;
    end += fread(got, 1, sizeof got - 1, shell);
    *end = '\0';
    assert_int_equal(pclose(shell), 0);
    AUTO_STRBUF struct strbuf want = STRBUF_INIT;
    for (size_t i = 0; i < ARRAY_SIZE(hard); i++)
        strbuf_addf(&want, "[%s]", hard[i]);
    assert_string_equal(got, strbuf_text(&want));
    argv_free(&inner.argv);
    argv_free(&out.argv);
}

/* ---- connections ---- */

static void commands_share_the_connection_of_their_slot(void **state)
{
    static const struct {
        const char *sessions;
        unsigned slot;
        const char *path;
    } of[] = {{NULL, 1, "2.0"},   {NULL, 5, "2.0"}, {NULL, 6, "2.1"}, {"2", 1, "2.0"},
              {"2", 2, "2.1"},    {"3", 3, "2.2"},  {"4", 2, "2.0"},  {"4", 3, "2.1"},
              {"9", 4, "2.0"},    {"9", 5, "2.1"},  {"16", 8, "2.0"}, {"17", 8, "2.0"},
              {"10000", 8, "2.0"}};
    struct ciplug_command command = plain;
    command.guarded = 1;
    command.held = "/run/h";
    for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
        command.host_slot = of[i].slot;
        command.worker = of[i].slot + 1;
        SET("address", "h1", of[i].sessions ? "sessions" : NULL, of[i].sessions);
        AUTO_FREE char *want =
            xasprintf("ssh|" FORCED "|-T|-o|ControlMaster=no|-S|/run/h/%s|-o|ProxyCommand=*|--|h1|"
                      "exec " INNER,
                      of[i].path);
        builds(*state, &command, NULL, want);
    }
}

/* A connection for each `sessions / 2` slots, and no more; each slot's is among them. */
static void as_many_connections_as_slots_need(void **state)
{
    static const struct {
        const char *sessions;
        unsigned slots, connections;
    } of[] = {{NULL, 1, 1}, {NULL, 5, 1}, {NULL, 6, 2}, {NULL, 12, 3},
              {"2", 3, 3},  {"3", 3, 3},  {"4", 3, 2},  {"4", 4, 2},
              {"9", 8, 2},  {"9", 9, 3},  {"16", 8, 1}, {"10000", 500, 1}};
    struct ciplug_command command = plain;
    command.held = "/run/h";
    command.host_slot = 1;
    command.worker = 2;
    for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
        struct ciplug_argv out = {ARGV_INIT};
        uint32_t n = 0;
        command.host_slots = of[i].slots;
        SET("address", "h1", of[i].sessions ? "sessions" : NULL, of[i].sessions);
        for (;;) {
            assert_int_equal(builder(*state)->hold(ssh(*state)->self, &command, n, &out), 0);
            if (out.argv.words.n == 0)
                break;
            AUTO_FREE char *want = xasprintf(
                "sh|-c|rm -f \"$1\" && shift && exec \"$@\"|ciplug-ssh|/run/h/2.%u|ssh|" FORCED
                "|-n|-N|-T|-o|ControlMaster=yes|-o|ControlPersist=no|-S|/run/h/2.%u|-o|SendEnv=*|"
                "-o|PermitLocalCommand=yes|-o|LocalCommand=echo connected|--|h1",
                n, n);
            are(&out, want);
            n++;
        }
        assert_int_equal(n, of[i].connections);
    }
    struct ciplug_argv out = {ARGV_INIT};
    command.held = NULL;
    assert_int_equal(builder(*state)->hold(ssh(*state)->self, &command, 0, &out), 0);
    assert_int_equal(out.argv.words.n, 0);
}

/* ---- beside a command ---- */

static void alive_and_enter(void **state)
{
    struct ciplug_command command = plain;
    struct ciplug_argv out = {ARGV_INIT};
    SET("address", "h1", "port", "5");
    assert_int_equal(builder(*state)->alive(ssh(*state)->self, &command, &out), 0);
    are(&out, "ssh|" FORCED "|-T|" ALONE "|-p|5|--|h1|exec 'true'");
    command.held = "/run/h";
    command.guarded = 1;
    assert_int_equal(builder(*state)->alive(ssh(*state)->self, &command, &out), 0);
    are(&out, "ssh|" FORCED "|-T|" SHARED "|-p|5|--|h1|exec 'true'");
    assert_int_equal(builder(*state)->enter(ssh(*state)->self, &command, &out), 0);
    are(&out, "ssh|-t|-p|5|--|h1");
}

/* Behind a script that stands in the line. */
static void ends_with(struct ciplug_argv *out, const char *head, const char *tail)
{
    const char *line = out->argv.words.v[out->argv.words.n - 1], *at;
    assert_true(str_starts(line, head));
    at = strlen(line) >= strlen(tail) ? line + strlen(line) - strlen(tail) : line;
    assert_string_equal(at, tail);
    argv_free(&out->argv);
    *out = (struct ciplug_argv){ARGV_INIT};
}

static void stop_and_fetch(void **state)
{
    static const char *const patterns[] = {"out/*.xml", "it's", NULL};
    struct ciplug_command command = plain;
    struct ciplug_argv out = {ARGV_INIT};
    SET("address", "h1");
    assert_int_equal(builder(*state)->stop(ssh(*state)->self, &command, &out), 0);
    assert_int_equal(out.argv.words.n, 0);
    command.job = "CIPLUG_JOB=abcd1234.1";
    assert_int_equal(builder(*state)->stop(ssh(*state)->self, &command, &out), 0);
    ends_with(&out, "exec 'sh' '-c' '", "' 'ciplug-kill' 'CIPLUG_JOB=abcd1234.1'");
    assert_int_equal(builder(*state)->fetch(ssh(*state)->self, &command, patterns, &out), 0);
    ends_with(&out, "exec 'sh' '-c' '", "' 'ciplug-pick' '/' 'out/*.xml' 'it'\\''s'");
    command.synced = 1;
    assert_int_equal(builder(*state)->fetch(ssh(*state)->self, &command, patterns, &out), 0);
    assert_non_null(strstr(out.argv.words.v[out.argv.words.n - 1],
                           "'ciplug-ssh' '.cache/ciplug/run-abcd1234-big' '' 'sh' '-c' '"));
    argv_free(&out.argv);
}

static void check_knows_what_to_look_for(void **state)
{
    struct ciplug_command command = plain;
    struct ciplug_argv out = {ARGV_INIT};
    SET("address", "h1", "sessions", "6");
    assert_int_equal(builder(*state)->check(ssh(*state)->self, &command, &out), 0);
    are(&out, "sh|-c|*|ciplug-ssh|host big|sh tar|8|6|*|ssh|" FORCED "|-T|" ALONE "|--|h1");
    command.synced = 1;
    assert_int_equal(builder(*state)->check(ssh(*state)->self, &command, &out), 0);
    are(&out, "sh|-c|*|ciplug-ssh|host big|sh tar rsync|8|6|*|ssh|" FORCED "|-T|" ALONE "|--|h1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_tables_say_what_it_is),
        TEST(addresses),
        TEST(callbacks_refuse_it_too),
        TEST(more_is_refused),
        TEST(build_with_a_guard),
        TEST(build_without_a_guard),
        TEST(folders),
        TEST(words_come_through_a_shell),
        TEST(commands_share_the_connection_of_their_slot),
        TEST(as_many_connections_as_slots_need),
        TEST(alive_and_enter),
        TEST(stop_and_fetch),
        TEST(check_knows_what_to_look_for),
    };
    return cmocka_run_group_tests(tests, fixtures_make, remove_all);
}
