/* SPDX-License-Identifier: MIT
 *
 * What makes a step another one for --resume, and what does not.
 */
#include "journal.h"
#include "plan-place.h"
#include "resume.h"

static uint64_t key_of(const char *keys)
{
    AUTO_FREE char *ini = xasprintf("[step s]\ncommand = run {number}\n%s", keys);
    const char *said = plan_text(ini);
    if (made != 0)
        fail_msg("%s", said);
    return resume_key(&plan, step_named("s"));
}

static void the_key_changes_with_what_is_done(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "env.A = 1\n",
        "env.A = 2\n",
        "env.B = 1\n",
        "cwd = sub\n",
        "shell = none\n",
        "shell = sh -c\n",
        "uses = docker.exec\n",
        "uses = ssh\n",
        "uses = docker.exec\ndocker.image = a\n",
        "uses = docker.exec\ndocker.image = b\n",
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
    assert_int_not_equal(resume_key(&plan, step_named("s")), before);
    assert_int_not_equal(resume_key(&plan, step_named("t")), before);
}

static void the_key_does_not_change_with_how_it_is_run(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "timeout = 5m\n",    "grace = 1s\n",          "retries = 3\n", "retry_delay = 3s\n",
        "workers = 2\n",     "flaky = fail\n",        "weight = 2\n",  "lock = x\n",
        "fail_fast = yes\n", "allow_failure = yes\n", "count = 3\n",   "slow = 1m\n",
    };
    uint64_t before = key_of("");
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        assert_int_equal(key_of(keys[i]), before);
}

static void the_key_is_the_same_in_the_next_run(void **state)
{
    (void)state;
    assert_int_equal(key_of("env.A = 1\n"), key_of("env.A = 1\n"));
}

/* A run in which these units of step s passed, named as the journal names them. */
static void write_run(const char *const *names)
{
    struct journal journal = {.fd = -1};
    const struct ciplug_event started = {.kind = CIPLUG_RUN_STARTED, .run = "abcd1234"};
    const struct journal_header header = {.name = "x", .config = "ci.ini", .version = "1"};
    const struct journal_extra extra = {.key = resume_key(&plan, step_named("s"))};
    (void)unlink("journal.jsonl");
    assert_int_equal(journal_create(&journal, "journal.jsonl"), 0);
    assert_int_equal(journal_run_started(&journal, &started, &header), 0);
    for (uint32_t i = 0; names[i]; i++) {
        const char *items[] = {names[i], NULL};
        bool number = *names[i] == '#';
        const struct ciplug_command command = {
            .size = sizeof command,
            .step = "s",
            .number = number ? (uint32_t)strtoul(names[i] + 1, NULL, 10) : 100 + i,
            .attempt = 1,
            .label = names[i],
            .item = number ? NULL : names[i],
            .items = number ? NULL : items,
        };
        const struct ciplug_result result = {
            .size = sizeof result, .outcome = CIPLUG_PASSED, .final = 1};
        const struct ciplug_event event = {.kind = CIPLUG_COMMAND_FINISHED,
                                           .run = "abcd1234",
                                           .command = &command,
                                           .result = &result};
        assert_int_equal(journal_event(&journal, &event, &extra), 0);
    }
    assert_int_equal(journal_close(&journal), 0);
}

/* "x" for each unit of s that passed in that run, "." for the others. */
static const char *passed_units(const char *source, const char *const *names)
{
    static char text[16];
    struct resume resume;
    const struct resume_entry *passed[16] = {0};
    (void)key_of(source);
    write_run(names);
    assert_int_equal(resume_load(&resume, &plan, "."), 0);
    const struct step *step = step_named("s");
    assert_true(step->n_units < sizeof text);
    memset(text, 0, sizeof text);
    resume_units(&resume, &plan, step, passed);
    for (size_t i = 0; i < step->n_units; i++)
        text[i] = passed[i] ? 'x' : '.';
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_changes_with_what_is_done),
        cmocka_unit_test(the_key_changes_with_command_and_name),
        cmocka_unit_test(the_key_does_not_change_with_how_it_is_run),
        cmocka_unit_test(the_key_is_the_same_in_the_next_run),
        cmocka_unit_test(a_unit_is_known_by_item_cell_or_number),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
