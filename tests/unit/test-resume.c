/* SPDX-License-Identifier: MIT
 *
 * What makes a step another one for --resume, and what does not; which units are left out; which
 * groups stay.
 */
#include "resume-place.h"

static uint64_t key_of(const char *keys)
{
    AUTO_FREE char *ini = xasprintf("[step s]\ncommand = run {number}\n%s", keys);
    const char *said = plan_text(ini);
    if (made != 0)
        fail_msg("%s", said);
    AUTO_FREE uint64_t *all = resume_keys(&plan);
    return resume_key(&plan, all, step_named("s"), 0);
}

static void the_key_changes_with_what_is_done(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "env.A = 1\n",
        "env.A = 2\n",
        "env.B = 1\n",
        "env.A = 1\nenv.B = 1\n",
        "cwd = sub\n",
        "stdin = in\n",
        "shell = none\n",
        "shell = sh -c\n",
        "uses = docker.exec\n",
        "uses = ssh\n",
        "uses = ssh docker.exec\n",
        "uses = docker.exec\ndocker.image = a\n",
        "uses = docker.exec\ndocker.image = b\n",
        "uses = docker.exec\n[docker]\nimage = c\n",
        "per = worker\n",
        "hosts = far\n[host far]\nworkers = 1\nenv.A = 3\n",
        "hosts = far\n[host far]\nworkers = 1\nuses = ssh\nssh.address = a\n",
        "hosts = far\n[host far]\nworkers = 1\nuses = ssh\nssh.address = b\n",
        "uses = docker.exec\nhosts = far\n[host far]\nworkers = 1\ndocker.image = d\n",
    };
    uint64_t seen[ARRAY_SIZE(keys) + 1] = {key_of("")};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        seen[i + 1] = key_of(keys[i]);
        for (size_t k = 0; k <= i; k++)
            assert_int_not_equal(seen[i + 1], seen[k]);
    }
}

static void the_key_changes_with_command_and_name(void **state)
{
    (void)state;
    uint64_t before = key_of("");
    plan_text("[step s]\ncommand = run more\n[step t]\ncommand = run {number}\n");
    assert_int_equal(made, 0);
    AUTO_FREE uint64_t *keys = resume_keys(&plan);
    assert_int_not_equal(resume_key(&plan, keys, step_named("s"), 0), before);
    assert_int_not_equal(resume_key(&plan, keys, step_named("t"), 0), before);
}

static void the_key_changes_with_a_plugins_version(void **state)
{
    (void)state;
    uint64_t before = key_of("uses = docker.exec\n");
    plugins_find(&plugins, "docker")->table.version = "2";
    AUTO_FREE uint64_t *keys = resume_keys(&plan);
    assert_int_not_equal(resume_key(&plan, keys, step_named("s"), 0), before);
}

static void the_key_changes_with_the_callers_value(void **state)
{
    (void)state;
    static const char *const keys[] = {"env.A = {env:CALLER}\n", "cwd = {env:CALLER}\n",
                                       "uses = docker.exec\ndocker.image = {env:CALLER}\n"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        assert_int_equal(setenv("CALLER", "one", 1), 0);
        uint64_t one = key_of(keys[i]);
        assert_int_equal(setenv("CALLER", "two", 1), 0);
        assert_int_not_equal(key_of(keys[i]), one);
    }
}

static void a_secret_is_not_in_the_key(void **state)
{
    (void)state;
    static const char ini[] = "env.A = x{env:SECRET}\n[ciplug]\nmask = SECRET\n";
    assert_int_equal(setenv("SECRET", "correct horse", 1), 0);
    uint64_t one = key_of(ini);
    assert_int_equal(setenv("SECRET", "battery staple", 1), 0);
    assert_int_equal(key_of(ini), one);
}

static void the_key_does_not_change_with_how_it_is_run(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "timeout = 5m\n",
        "grace = 1s\n",
        "retries = 3\n",
        "retry_delay = 3s\n",
        "workers = 2\n",
        "flaky = fail\n",
        "weight = 2\n",
        "lock = x\n",
        "fail_fast = yes\n",
        "allow_failure = yes\n",
        "count = 3\n",
        "slow = 1m\n",
        "items = a b\n",
        "output = none\n",
        "rerun = yes\n",
        "on_leak = fail\n",
        "if = true\n",
        "artifacts = x\n",
        "needs =\n",
        "skip_codes = 7\n",
        "matrix.v = a b\n",
        "start_timeout = 1m\n",
        "[docker]\nimage = c\n",
        "[host far]\nworkers = 3\nenv.A = 1\n",
    };
    uint64_t before = key_of("");
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        assert_int_equal(key_of(keys[i]), before);
}

static void the_key_is_the_same_in_the_next_run(void **state)
{
    (void)state;
    assert_int_equal(key_of("env.A = 1\n"), key_of("env.A = 1\n"));
    assert_int_equal(key_of("env.A = 1\nenv.B = 2\n"), key_of("env.B = 2\nenv.A = 1\n"));
}

/* --- units --- */

/* A run of step s in which these units passed, named as the journal names them, each by itself;
 * behind a "!" one that failed, behind "#" a number. */
static void write_run(const char *const *names)
{
    struct journal journal = {.fd = -1};
    AUTO_FREE uint64_t *keys = resume_keys(&plan);
    begin_journal(&journal, "journal.jsonl");
    for (uint32_t i = 0; names[i]; i++) {
        const char *name = names[i] + (*names[i] == '!');
        struct said said = {.number = 100 + i, .names = {name}, .n = 1, .worker = 1};
        if (*name == '#') {
            said.number = (uint32_t)strtoul(name + 1, NULL, 10);
            said.n = 0;
        }
        said.outcome = name == names[i] ? CIPLUG_PASSED : CIPLUG_FAILED;
        said.key = resume_key(&plan, keys, step_named("s"), 0);
        say_finished(&journal, &said);
    }
    assert_int_equal(journal_close(&journal), 0);
}

/* "x" for each unit of s that is left out, "." for the others. */
static const char *passed_units(const char *source, const char *const *names)
{
    static char text[16];
    struct resume resume;
    (void)key_of(source);
    write_run(names);
    AUTO_FREE uint64_t *keys = resume_keys(&plan);
    assert_int_equal(resume_load(&resume, &plan, keys, "."), 0);
    const struct step *step = step_named("s");
    assert_true(step->n_units < sizeof text);
    memset(text, 0, sizeof text);
    struct resume_choice *choices = resume_choose(&resume, &plan, step);
    for (size_t i = 0; i < step->n_units; i++)
        text[i] = choices[i].carried ? 'x' : '.';
    resume_choices_free(choices, step->n_units);
    resume_free(&resume);
    return text;
}

static void a_unit_is_known_by_item_cell_or_number(void **state)
{
    (void)state;
    static const char *const items[] = {"b", "c", NULL}, *const numbers[] = {"#2", NULL},
                             *const cells[] = {"v=y", NULL};
    assert_string_equal(passed_units("items = a b c\n", items), ".xx");
    assert_string_equal(passed_units("items = c d e b\n", items), "x..x");
    assert_string_equal(passed_units("count = 3\n", numbers), ".x.");
    assert_string_equal(passed_units("matrix.v = x y z\n", cells), ".x.");
    assert_string_equal(passed_units("matrix.v = y z\n", cells), "x.");
}

static void of_items_that_stand_there_twice_as_many_are_left_out_as_passed(void **state)
{
    (void)state;
    static const char *const both[] = {"a", "a", NULL}, *const one[] = {"a", "!a", NULL},
                             *const none[] = {"!a", "!a", NULL};
    assert_string_equal(passed_units("items = a a\n", both), "xx");
    assert_string_equal(passed_units("items = a a a\n", both), "xx.");
    assert_string_equal(passed_units("items = a\n", both), "x");
    assert_string_equal(passed_units("items = a\n", one), ".");
    assert_string_equal(passed_units("items = a a a a\n", none), "....");
    assert_int_equal(strlen(passed_units("items = a a\n", one)), 2);
    assert_non_null(strchr(passed_units("items = a a\n", one), 'x'));
    assert_non_null(strchr(passed_units("items = a a\n", one), '.'));
}

/* --- groups --- */

/* Commands of s as they are formed anew: these are kept, "2=b d|5!=c" (!: carried). */
static const char *regrouped(const char *source, const char *kept)
{
    (void)key_of(source);
    struct step *step = (struct step *)(uintptr_t)step_named("s");
    struct planned groups[8] = {0};
    size_t n = 0;
    AUTO_FREE char *copy = xstrdup(kept);
    for (char *group = strtok(copy, "|"); group; group = strtok(NULL, "|")) {
        char *items = strchr(group, '=') + 1;
        groups[n].number = (uint32_t)strtoul(group, NULL, 10);
        groups[n].carried = items[-2] == '!';
        groups[n].units = xcalloc(strlen(items) + 1, sizeof *groups[n].units);
        for (; *items; items++) {
            for (size_t i = 0; i < step->n_units; i++) {
                if (step->units[i].label[0] == *items)
                    groups[n].units[groups[n].n++] = i;
            }
        }
        n++;
    }
    plan_regroup(&plan, step, groups, n);
    return commands("s");
}

static void groups_stay_and_the_rest_is_dealt(void **state)
{
    (void)state;
    assert_string_equal(regrouped("items = p q r t\nsplit = 2\n", ""), "1:p r|2:q t");
    assert_string_equal(regrouped("items = p q r t\nsplit = 2\n", "2=pt"), "1:q r|2:p t");
    assert_string_equal(regrouped("items = p q r t\nsplit = 3\n", "2=pt"), "1:q|2:p t|3:r");
    assert_string_equal(regrouped("items = p q r t\nsplit = 2\n", "1!=p|2!=q"), "1:p|2:q|3:r|4:t");
    assert_string_equal(regrouped("items = p q r t\nsplit = 2\n", "1=p|2=q"), "1:p|2:q|3:r t");
    assert_string_equal(regrouped("items = p q r t\nsplit = 9\n", "7=pqrt"), "7:p q r t");
    assert_int_equal(step_named("s")->count_all, 7);
}

static void a_number_is_given_once(void **state)
{
    (void)state;
    assert_string_equal(regrouped("items = p q r t\nsplit = 2\n", "2=p|2!=q|0=r"),
                        "1:r|2:p|3:t|4:q");
    assert_string_equal(regrouped("items = p q\nsplit = 2\n", "4000000000=p"), "1:q|2:p");
}

static void those_that_run_alone_do_not_count(void **state)
{
    (void)state;
    assert_string_equal(regrouped("items = p q r t u\nsplit = 2\nrun_alone = p q\n", "1=p|3=r"),
                        "1:p|2:q|3:r|4:t u");
}

static void batches_take_what_is_left(void **state)
{
    (void)state;
    assert_string_equal(regrouped("items = p q r t u\nbatch = 2\n", "3=pu"), "3:p u");
    assert_string_equal(regrouped("items = p q r t u\nbatch = 2\n", ""), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_changes_with_what_is_done),
        cmocka_unit_test(the_key_changes_with_command_and_name),
        cmocka_unit_test(the_key_changes_with_a_plugins_version),
        cmocka_unit_test(the_key_changes_with_the_callers_value),
        cmocka_unit_test(a_secret_is_not_in_the_key),
        cmocka_unit_test(the_key_does_not_change_with_how_it_is_run),
        cmocka_unit_test(the_key_is_the_same_in_the_next_run),
        cmocka_unit_test(a_unit_is_known_by_item_cell_or_number),
        cmocka_unit_test(of_items_that_stand_there_twice_as_many_are_left_out_as_passed),
        cmocka_unit_test(groups_stay_and_the_rest_is_dealt),
        cmocka_unit_test(a_number_is_given_once),
        cmocka_unit_test(those_that_run_alone_do_not_count),
        cmocka_unit_test(batches_take_what_is_left),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
