/* SPDX-License-Identifier: MIT
 *
 * Hosts, the slot table, workers, per, weight.
 */
#include "plan-place.h"

#include <sched.h>

/* Numbers of the slots that the step may use. */
static const char *slots_of(const char *name)
{
    static struct strbuf text;
    strbuf_clear(&text);
    for (uint32_t slot = 0; slot <= plan.n_slots + 1; slot++) {
        if (plan_slot_allowed(&plan, step_named(name), slot))
            strbuf_addf(&text, "%s%u", text.len ? " " : "", slot);
    }
    return strbuf_text(&text);
}

static uint32_t at_once(const char *name)
{
    return plan_step_slots(&plan, step_named(name));
}

static const char hosts[] = "[host n]\nworkers = 2\n[host s]\n[host w]\nworkers = 3\n";

static const char *plan_hosts(const char *text)
{
    AUTO_FREE char *ini = xasprintf("%s%s", text, hosts);
    const char *said = plan_text(ini);
    assert_int_equal(made, 0);
    return said;
}

static void the_table_has_local_first(void **state)
{
    (void)state;
    plan_hosts("[step a]\ncommand = x\n");
    static const char *const names[] = {"local", "local", "local", "local", "n",
                                        "n",     "s",     "w",     "w",     "w"};
    assert_int_equal(plan.n_slots, ARRAY_SIZE(names));
    for (uint32_t i = 0; i < ARRAY_SIZE(names); i++)
        assert_string_equal(plan_slot_host(&plan, i + 1)->name, names[i]);
    assert_null(plan_slot_host(&plan, 0));
    assert_null(plan_slot_host(&plan, 11));
    assert_int_equal(plan.hosts[3].first, 8);
}

static void steps_count_within_their_hosts(void **state)
{
    (void)state;
    static const struct {
        const char *keys, *slots;
        uint32_t at_once;
    } steps[] = {
        {"", "1 2 3 4", 4},
        {"workers = 3\n", "1 2 3 4", 3},
        {"workers = 2-3\n", "2 3", 2},
        {"workers = 2-\n", "2 3 4", 3},
        {"workers = 4-4\n", "4", 1},
        {"workers = 1-\n", "1 2 3 4", 4},
        {"hosts = n\n", "5 6", 2},
        {"hosts = w n\n", "5 6 8 9 10", 5},
        {"hosts = w n w\nworkers = 2-4\n", "6 8 9", 3},
        {"hosts = s local\nworkers = 4-\n", "4 7", 2},
        {"hosts = all\n", "1 2 3 4 5 6 7 8 9 10", 10},
        {"hosts = all\nworkers = 6\n", "1 2 3 4 5 6 7 8 9 10", 6},
        {"per = worker\n", "1 2 3 4", 4},
        {"per = worker\nworkers = 2\n", "1 2", 2},
        {"per = worker\nworkers = 3-\nhosts = w n\n", "8 9 10", 3},
        {"per = host\n", "1", 1},
        {"per = host\nhosts = all\n", "1 5 7 8", 4},
        {"per = host\nhosts = n s w\nworkers = 2-4\n", "6 7 8", 3},
    };
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        AUTO_FREE char *ini = xasprintf("[step a]\ncommand = x\n%s", steps[i].keys);
        assert_string_equal(plan_hosts(ini), "");
        assert_string_equal(slots_of("a"), steps[i].slots);
        assert_int_equal(at_once("a"), steps[i].at_once);
        if (step_named("a")->per != PER_COMMAND)
            assert_int_equal(step_named("a")->n_commands, steps[i].at_once);
    }
}

static void plain_numbers_are_cut_with_a_notice(void **state)
{
    (void)state;
    assert_string_equal(plan_text("[step a]\ncommand = x\nworkers = 9\n"),
                        "notice: workers = 9 of step a is cut to 4, all slots there are\n");
    assert_int_equal(made, 0);
    assert_int_equal(at_once("a"), 4);
    assert_string_equal(plan_text("[cleanup a]\ncommand = x\nworkers = 9\n[step b]\ncommand = x\n"),
                        "notice: workers = 9 of cleanup step a is cut to 4, all slots there are\n");
}

static void weight_fits_on_one_host(void **state)
{
    (void)state;
    assert_string_equal(plan_hosts("[step a]\ncommand = x\nweight = 4\n"
                                   "[step b]\ncommand = x\nweight = 3\nhosts = n w\n"),
                        "");
    assert_string_equal(plan_hosts("[step a]\ncommand = x\nweight = 5\n"),
                        "notice: weight = 5 of step a is cut to 4, all slots it can have\n");
    assert_string_equal(plan_hosts("[step a]\ncommand = x\nweight = 5\nhosts = n w\n"),
                        "notice: weight = 5 of step a is cut to 3, all slots it can have\n");
    assert_int_equal(step_named("a")->weight, 3);
    assert_string_equal(plan_hosts("[step a]\ncommand = x\nweight = 3\nworkers = 2\n"),
                        "notice: weight = 3 of step a is cut to 2, all slots it can have\n");
    assert_string_equal(plan_hosts("[step a]\ncommand = x\nweight = 2\nhosts = s\n"),
                        "notice: weight = 2 of step a is cut to 1, all slots it can have\n");
}

/* -j, else [ciplug] workers, else CPUs or the most that a step asks for. */
static void local_slots(const char *ini, uint32_t workers, uint32_t slots)
{
    const struct plan_request request = {.workers = workers};
    plan_request(ini, &request);
    assert_int_equal(made, 0);
    assert_int_equal(plan.hosts[0].slots, slots);
}

static void this_machine_has_what_is_asked_for(void **state)
{
    (void)state;
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    uint32_t cpus = (uint32_t)CPU_COUNT(&set), more = cpus + 7;
    local_slots("[step a]\ncommand = x\n", 0, cpus);
    local_slots("[step a]\ncommand = x\n", 3, 3);
    local_slots("[ciplug]\nworkers = 5\n[step a]\ncommand = x\n", 0, 5);
    local_slots("[ciplug]\nworkers = 5\n[step a]\ncommand = x\n", 2, 2);
    static const char *const asks[][2] = {
        {"workers = ", ""}, {"workers = 2-", ""}, {"workers = ", "-"}};
    for (size_t i = 0; i < ARRAY_SIZE(asks); i++) {
        AUTO_FREE char *ini =
            xasprintf("[step a]\ncommand = x\n%s%u%s\n", asks[i][0], more, asks[i][1]);
        local_slots(ini, 0, more);
    }
    /* What other hosts have is not asked of this one. */
    AUTO_FREE char *ini = xasprintf("[step a]\ncommand = x\nhosts = all\nworkers = %u\n"
                                    "[host h]\nworkers = 3\n",
                                    more);
    local_slots(ini, 0, more - 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_has_local_first),
        cmocka_unit_test(steps_count_within_their_hosts),
        cmocka_unit_test(plain_numbers_are_cut_with_a_notice),
        cmocka_unit_test(weight_fits_on_one_host),
        cmocka_unit_test(this_machine_has_what_is_asked_for),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
