/* SPDX-License-Identifier: MIT
 *
 * The workspace of the ssh plugin, and what it removes when a run is dead: by the word of a file
 * that anybody may have written. Loads the plugin that was built.
 */
#include "ssh-place.h"

/* ---- the workspace, and the way to it ---- */

static void prepare_says_what_it_makes(void **state)
{
    struct ciplug_command command = plain;
    struct ciplug_argv out = {ARGV_INIT};
    command.held = "/run/h";
    SET("address", "h1");
    assert_int_equal(builder(*state)->prepare(ssh(*state)->self, &command, &out), 0);
    assert_int_equal(out.argv.words.n, 0);
    assert_string_equal(strbuf_text(&said), "");
    command.synced = 1;
    assert_int_equal(builder(*state)->prepare(ssh(*state)->self, &command, &out), 0);
    are(&out, "sh|-c|*|ciplug-ssh|run-abcd1234-big|abcd1234|/home/me/My App|"
              "/home/me/My App/.ciplug|ssh|" FORCED "|-T|" SHARED "|--|h1");
    assert_string_equal(strbuf_text(&said), "workspace run-abcd1234-big\n");
}

static void way_is_words_without_blanks(void **state)
{
    struct ciplug_argv out = {ARGV_INIT};
    SET("address", "me@h1");
    assert_int_equal(builder(*state)->way(ssh(*state)->self, &plain, &out), 0);
    are(&out, "me@h1|-|-");
    SET("address", "h1", "port", "5", "identity", "/k", "options", " User=x\nPort=1 ");
    assert_int_equal(builder(*state)->way(ssh(*state)->self, &plain, &out), 0);
    are(&out, "h1|5|/k|User=x|Port=1");
    SET("address", "h1", "identity", "/my key");
    assert_int_equal(builder(*state)->way(ssh(*state)->self, &plain, &out), 0);
    are(&out, "h1|-|/my%20key");
    SET("address", "h1", "config", "/c", "binary", "/opt/ssh", "options", "User=x");
    assert_int_equal(builder(*state)->way(ssh(*state)->self, &plain, &out), 0);
    are(&out, "h1|-|-|binary=/opt/ssh|config=/c|User=x");
    SET("address", "h1", "config", "/my  c", "binary", "/my ssh", "identity", "/100%20\303\244");
    assert_int_equal(builder(*state)->way(ssh(*state)->self, &plain, &out), 0);
    are(&out, "h1|-|/100%2520\303\244|binary=/my%20ssh|config=/my%20%20c");
}

/* ---- reap: an intent comes out of a file that anybody may have written ---- */

static int reaps(struct plugins *plugins, const char *what, const struct ciplug_argv *inner,
                 struct ciplug_argv *out)
{
    struct plugin *plugin = ssh(plugins);
    const struct ciplug_intent intent = {.size = sizeof intent,
                                         .run = "abcd1234",
                                         .what = what,
                                         .owner = "boot.1.2",
                                         .inner = inner};
    argv_free(&out->argv);
    *out = (struct ciplug_argv){ARGV_INIT};
    return plugin->table.reap(plugin->self, &intent, out);
}

static void reap_removes_the_runs_own_folder(void **state)
{
    static const char *const strange[] = {"",
                                          "workspace",
                                          "workspace ",
                                          "workspace run-abcd1234",
                                          "workspace run-abcd1234-",
                                          "workspace run-abcd1235-big",
                                          "workspace run-abcd12345-big",
                                          "workspace base-1-big",
                                          "workspace run-abcd1234-../../x",
                                          "workspace run-abcd1234-big /",
                                          "workspace run-abcd1234-big;x",
                                          "workspace run-abcd1234-*",
                                          "workspace run-abcd1234-b\nig",
                                          "workspace  run-abcd1234-big",
                                          "workspace /run-abcd1234-big",
                                          "Workspace run-abcd1234-big",
                                          "engine docker"};
    struct ciplug_argv out = {ARGV_INIT};
    struct ciplug_command command = plain;
    SET("address", "h1");
    assert_int_equal(reaps(*state, "workspace run-abcd1234-big_2", NULL, &out), 0);
    are(&out, "sh|-c|*|ciplug-ssh|abcd1234|run-abcd1234-big_2|");
    for (size_t i = 0; i < ARRAY_SIZE(strange); i++) {
        if (reaps(*state, strange[i], NULL, &out) != -1)
            fail_msg("takes '%s'", strange[i]);
        assert_int_equal(out.argv.words.n, 0);
    }
    /* A run that does it itself has nothing to tell of that. */
    command.synced = 1;
    assert_int_equal(builder(*state)->prepare(ssh(*state)->self, &command, &out), 0);
    assert_int_equal(reaps(*state, "workspace run-abcd1234-big", NULL, &out), 0);
    are(&out, "sh|-c|*|ciplug-ssh|abcd1234|run-abcd1234-big|own");
}

#define CLOSED "-o|ForwardAgent=no|-o|ForwardX11=no|-o|ClearAllForwardings=yes"
#define THERE  "exec 'sh' '-c' 'echo; echo ciplug-reap; exec \"$@\"' 'ciplug-ssh' " INNER

static void reap_goes_where_the_words_lead(void **state)
{
    struct ciplug_argv inner, out = {ARGV_INIT};
    inner_words(&inner, NULL);
    settings[0] = NULL;
    assert_int_equal(reaps(*state, "me@h1 - -", &inner, &out), 0);
    are(&out, "sh|-c|*|ciplug-ssh|ssh|" FORCED "|-T|-S|none|" CLOSED "|--|me@h1|" THERE);
    assert_int_equal(
        reaps(*state, "h1 5 /k User=x StrictHostKeyChecking=yes ProxyJump=j", &inner, &out), 0);
    are(&out, "sh|-c|*|ciplug-ssh|ssh|" FORCED "|-T|-S|none|" CLOSED
              "|-p|5|-i|/k|-o|User=x|-o|StrictHostKeyChecking=yes|-o|ProxyJump=j|--|h1|" THERE);
    argv_free(&inner.argv);
}

/* They can run anything: a run that ends takes its own, of a dead one only what is set here. */
static void programs_and_configurations_are_not_believed(void **state)
{
    static const char *const ways[] = {"h1 - - config=/c", "h1 - - binary=/b",
                                       "h1 - - binary=/b config=/c", "h1 - - config=/c binary=/b"};
    struct ciplug_command command = plain;
    struct ciplug_argv inner, out = {ARGV_INIT};
    inner_words(&inner, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        settings[0] = NULL;
        assert_int_equal(reaps(*state, ways[i], &inner, &out), -1);
        assert_non_null(strstr(fixtures_lines, "set it in [ssh]"));
    }
    SET("config", "/c", "binary", "/other");
    assert_int_equal(reaps(*state, ways[2], &inner, &out), -1);
    SET("config", "/other", "binary", "/b");
    assert_int_equal(reaps(*state, ways[2], &inner, &out), -1);
    SET("config", "/c", "binary", "/b");
    assert_int_equal(reaps(*state, ways[2], &inner, &out), 0);
    are(&out, "sh|-c|*|ciplug-ssh|/b|-F|/c|" FORCED "|-T|-S|none|" CLOSED "|--|h1|" THERE);
    /* The run itself; another one is still not believed. */
    SET("address", "h1", "config", "/c");
    command.run = "efgh5678";
    assert_int_equal(builder(*state)->way(ssh(*state)->self, &command, &out), 0);
    argv_free(&out.argv);
    settings[0] = NULL;
    assert_int_equal(reaps(*state, ways[0], &inner, &out), -1);
    SET("address", "h1", "config", "/c");
    argv_free(&out.argv);
    out = (struct ciplug_argv){ARGV_INIT};
    assert_int_equal(builder(*state)->way(ssh(*state)->self, &plain, &out), 0);
    settings[0] = NULL;
    fixtures_lines[0] = '\0';
    assert_int_equal(reaps(*state, "h1 - - config=/c User=x", &inner, &out), 0);
    are(&out,
        "sh|-c|*|ciplug-ssh|ssh|-F|/c|" FORCED "|-T|-S|none|" CLOSED "|-o|User=x|--|h1|" THERE);
    assert_int_equal(reaps(*state, "h1 - /my%20key%25%2520%41% config=/my%20%20c", &inner, &out),
                     0);
    are(&out, "sh|-c|*|ciplug-ssh|ssh|-F|/my  c|" FORCED "|-T|-S|none|" CLOSED
              "|-i|/my key%%20%41%|--|h1|" THERE);
    assert_int_equal(reaps(*state, "h1 - - binary=-x", &inner, &out), -1);
    argv_free(&out.argv);
    argv_free(&inner.argv);
}

static void reap_believes_no_strange_way(void **state)
{
    static const char *const strange[] = {"",
                                          "h1",
                                          "h1 -",
                                          "h1 5",
                                          "-oProxyCommand=x - -",
                                          "me@-oX - -",
                                          "h;x - -",
                                          "h1 -5 -",
                                          "h1 5x -",
                                          "h1 - k",
                                          "h1 - -k",
                                          "h1 - ./k",
                                          "h1 - %20/k",
                                          "h1 - - ProxyCommand=x",
                                          "h1 - - proxycommand=x",
                                          "h1 - - LocalCommand=x PermitLocalCommand=yes",
                                          "h1 - - User=x KnownHostsCommand=x",
                                          "h1 - - Include=/x",
                                          "h1 - - Match=exec",
                                          "h1 - - PKCS11Provider=/x.so",
                                          "h1 - - SecurityKeyProvider=/x.so",
                                          "h1 - - StrictHostKeyChecking=no",
                                          "h1 - - ControlPath=/x",
                                          "h1 - - ForwardAgent=yes",
                                          "h1 - - -F",
                                          "h1 - - User"};
    struct ciplug_argv inner, out = {ARGV_INIT};
    inner_words(&inner, NULL);
    settings[0] = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(strange); i++) {
        if (reaps(*state, strange[i], &inner, &out) != -1)
            fail_msg("takes '%s'", strange[i]);
    }
    argv_free(&inner.argv);
    argv_free(&out.argv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(prepare_says_what_it_makes),
        TEST(way_is_words_without_blanks),
        TEST(reap_removes_the_runs_own_folder),
        TEST(reap_goes_where_the_words_lead),
        TEST(programs_and_configurations_are_not_believed),
        TEST(reap_believes_no_strange_way),
    };
    return cmocka_run_group_tests(tests, fixtures_make, remove_all);
}
