/* SPDX-License-Identifier: MIT
 *
 * What needs what, circles, and files of 100,000 steps.
 */
#include "plan-place.h"

#include <time.h>

static const char *needs_of(const char *name)
{
    static struct strbuf text;
    const struct step *step = step_named(name);
    strbuf_clear(&text);
    for (size_t i = 0; i < step->n_needs; i++)
        strbuf_addf(&text, "%s%s", i ? " " : "", plan.steps[step->needs[i]].name);
    return strbuf_text(&text);
}

static void the_step_above_is_needed(void **state)
{
    (void)state;
    assert_string_equal(plan_text("[step a]\ncommand = x\n"
                                  "[cleanup z]\ncommand = x\n"
                                  "[step b]\ncommand = x\n"
                                  "[step c]\ncommand = x\nneeds =\n"
                                  "[step d]\ncommand = x\nneeds = b a b\n"
                                  "[step e]\ncommand = x {item}\nitems_from = a\n"
                                  "[step f]\ncommand = x {item}\nitems_from = a\nneeds = c a\n"),
                        "");
    assert_int_equal(made, 0);
    assert_string_equal(needs_of("a"), "");
    assert_string_equal(needs_of("b"), "a");
    assert_string_equal(needs_of("c"), "");
    assert_string_equal(needs_of("d"), "b a");
    assert_string_equal(needs_of("e"), "d a");
    assert_string_equal(needs_of("f"), "c a");
    assert_string_equal(needs_of("z"), "");
    assert_string_equal(plan.steps[step_named("f")->items_from].name, "a");
    assert_null(plan_find_step(&plan, "nobody"));
}

static void each_circle_is_told_once(void **state)
{
    (void)state;
    assert_string_equal(plan_text("[step a]\ncommand = x\nneeds = b\n"
                                  "[step b]\ncommand = x\nneeds = a c\n"
                                  "[step c]\ncommand = x\nneeds = b c\n"
                                  "[step d]\ncommand = x\nneeds = a f\n"
                                  "[step e]\ncommand = x\nneeds = d\n"
                                  "[step f]\ncommand = x\n"),
                        "ci.ini:1: steps need each other in a circle: a -> b -> a\n"
                        "ci.ini:4: steps need each other in a circle: b -> c -> b\n"
                        "ci.ini:7: a step needs itself: c -> c\n"
                        "ci.ini:10: steps need each other in a circle: d -> f -> e -> d\n");
}

static void many_circles_are_cut_short(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf ini = STRBUF_INIT;
    for (int i = 0; i < 100; i++)
        strbuf_addf(&ini, "[step s%d]\ncommand = x\nneeds = s%d\n", i, i);
    plan_text(ini.buf);
    assert_int_equal(problems.n, 21);
    assert_non_null(strstr(told(), "and 80 more circles of needs"));
}

static void chain(struct strbuf *ini, int n, int first_needs)
{
    if (first_needs >= 0)
        strbuf_addf(ini, "[step s0]\ncommand = x\nneeds = s%d\n", first_needs);
    else
        strbuf_addstr(ini, "[step s0]\ncommand = x\n");
    for (int i = 1; i < n; i++)
        strbuf_addf(ini, "[step s%d]\ncommand = x\n", i);
}

static void a_circle_of_a_thousand_is_told_whole(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf ini = STRBUF_INIT;
    chain(&ini, 1000, 999);
    plan_text(ini.buf);
    assert_int_equal(made, -1);
    assert_int_equal(problems.n, 1);
    assert_int_equal(problems.list[0].line, 1);
    assert_true(str_starts(problems.list[0].text,
                           "steps need each other in a circle: s0 -> s999 -> s998 -> "));
    assert_non_null(strstr(problems.list[0].text, " -> s2 -> s1 -> s0"));
}

/* Forwards and backwards; quadratic work or recursion would show. */
static void chains_of_a_hundred_thousand_are_fine(void **state)
{
    (void)state;
    enum { LENGTH = 100000 };
    AUTO_STRBUF struct strbuf ini = STRBUF_INIT;
    chain(&ini, LENGTH, -1);
    clock_t start = clock();
    assert_string_equal(plan_text(ini.buf), "");
    assert_int_equal(made, 0);
    assert_int_equal(plan.n_steps, LENGTH);
    assert_string_equal(needs_of("s99999"), "s99998");
    strbuf_clear(&ini);
    for (int i = 0; i < LENGTH; i++)
        strbuf_addf(&ini, "[step s%d]\ncommand = x\nneeds = %s%.0d\n", i, i + 1 < LENGTH ? "s" : "",
                    i + 1 < LENGTH ? i + 1 : 0);
    const char *const names[] = {"s0", NULL};
    const struct plan_request request = {.workers = 4, .selections = names};
    assert_string_equal(plan_request(ini.buf, &request), "");
    assert_int_equal(made, 0);
    assert_true(step_named("s99999")->selected);
    assert_true(clock() - start < 60 * CLOCKS_PER_SEC);
}

static void a_hundred_thousand_wrong_names_are_told(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf ini = STRBUF_INIT;
    for (int i = 0; i < 100000; i++)
        strbuf_addf(&ini, "[step s%d]\ncommand = x\nneeds = x%d\n", i, i);
    plan_text(ini.buf);
    assert_int_equal(made, -1);
    assert_int_equal(problems.n, 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_step_above_is_needed),
        cmocka_unit_test(each_circle_is_told_once),
        cmocka_unit_test(many_circles_are_cut_short),
        cmocka_unit_test(a_circle_of_a_thousand_is_told_whole),
        cmocka_unit_test(chains_of_a_hundred_thousand_are_fine),
        cmocka_unit_test(a_hundred_thousand_wrong_names_are_told),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
