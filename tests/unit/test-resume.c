/* SPDX-License-Identifier: MIT
 *
 * What makes a step another one for --resume, and what does not.
 */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_changes_with_what_is_done),
        cmocka_unit_test(the_key_changes_with_command_and_name),
        cmocka_unit_test(the_key_does_not_change_with_how_it_is_run),
        cmocka_unit_test(the_key_is_the_same_in_the_next_run),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
