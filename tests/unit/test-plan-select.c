/* SPDX-License-Identifier: MIT
 *
 * STEP, STEP:GLOB, --only, and what ends with status 4.
 */
#include "plan-place.h"

static const char config_text[] = "[step build]\ncommand = x\n"
                                  "[step lint]\ncommand = x\nneeds =\n"
                                  "[step unit]\ncommand = x\nneeds = build\n"
                                  "items = spec/a_spec spec/b_spec models/c_spec\n"
                                  "[step shard]\ncommand = x\nneeds =\ncount = 10\n"
                                  "[step cells]\ncommand = x\nneeds =\nmatrix.py = 3.9 3.10\n"
                                  "[step grown]\ncommand = x {item}\nneeds =\nitems_from = lint\n"
                                  "[cleanup down]\ncommand = x\n";

/* Up to three selections. */
static const char *pick(bool only, const char *a, const char *b, const char *c)
{
    const char *const selections[] = {a, b, c, NULL};
    const struct plan_request request = {.workers = 2, .only = only, .selections = selections};
    return plan_request(config_text, &request);
}

static const char *picked(void)
{
    static struct strbuf text;
    strbuf_clear(&text);
    for (size_t i = 0; i < plan.n_steps + plan.n_cleanups; i++) {
        const struct step *step =
            i < plan.n_steps ? &plan.steps[i] : &plan.cleanups[i - plan.n_steps];
        if (step->selected)
            strbuf_addf(&text, "%s%s", text.len ? " " : "", step->name);
    }
    return strbuf_text(&text);
}

static void steps_come_with_what_they_need(void **state)
{
    (void)state;
    assert_string_equal(pick(false, NULL, NULL, NULL), "");
    assert_string_equal(picked(), "build lint unit shard cells grown down");
    pick(false, "unit", NULL, NULL);
    assert_int_equal(made, 0);
    assert_string_equal(picked(), "build unit down");
    pick(false, "grown", "shard", NULL);
    assert_string_equal(picked(), "lint shard grown down");
}

static void only_leaves_needs_out(void **state)
{
    (void)state;
    pick(true, "unit", NULL, NULL);
    assert_int_equal(made, 0);
    assert_string_equal(picked(), "unit");
    assert_string_equal(pick(true, "grown", NULL, NULL),
                        "ciplug: --only: the items of step grown come from step lint, which is "
                        "left out\n");
    assert_int_equal(made, -1);
    assert_string_equal(pick(true, NULL, NULL, NULL),
                        "ciplug: --only: name the steps that are to run\n");
    pick(true, "grown", "lint", NULL);
    assert_int_equal(made, 0);
}

static void globs_pick_items(void **state)
{
    (void)state;
    pick(false, "unit:spec/*", NULL, NULL);
    assert_int_equal(made, 0);
    assert_string_equal(commands("unit"), "1:spec/a_spec|2:spec/b_spec");
    pick(false, "unit:*c_spec", "unit:spec/a_spec", NULL);
    assert_string_equal(commands("unit"), "1:spec/a_spec|3:models/c_spec");
    assert_int_equal(step_named("unit")->count_all, 3);
    pick(false, "unit:*c_spec", "unit", NULL);
    assert_int_equal(step_named("unit")->n_units, 3);
    pick(false, "shard:3", NULL, NULL);
    assert_string_equal(commands("shard"), "3:3");
    assert_int_equal(step_named("shard")->count_all, 10);
    pick(false, "cells:py=3.10", NULL, NULL);
    assert_string_equal(commands("cells"), "2:py=3.10");
    pick(false, "grown:anything", NULL, NULL);
    assert_int_equal(made, 0);
}

static void wrong_names_are_problems(void **state)
{
    (void)state;
    assert_string_equal(pick(false, "unti", "unit:", "down"),
                        "ciplug: 'down': cleanup steps always run, and cannot be chosen\n"
                        "ciplug: 'unit:': a glob for items is missing behind the colon\n"
                        "ciplug: there is no step 'unti' (did you mean 'unit'?)\n");
    assert_int_equal(made, -1);
}

static void globs_that_match_nothing_show_what_is_near(void **state)
{
    (void)state;
    assert_string_equal(pick(false, "unit:spec/a_spce", NULL, NULL),
                        "ciplug: no item of step unit matches 'spec/a_spce'; nearest: "
                        "'spec/a_spec'\n");
    assert_int_equal(made, 1);
    assert_string_equal(pick(false, "unit:*SPEC/*.rb*", "unit:spec/*", NULL),
                        "ciplug: no item of step unit matches '*SPEC/*.rb*'; nearest: "
                        "'spec/a_spec', 'spec/b_spec', 'models/c_spec'\n");
    assert_int_equal(made, 1);
    assert_string_equal(pick(false, "unit:spec", NULL, NULL),
                        "ciplug: no item of step unit matches 'spec'; nearest: 'spec/a_spec', "
                        "'spec/b_spec', 'models/c_spec'\n");
    const char *const selections[] = {"m:libary*", NULL};
    const struct plan_request request = {.workers = 2, .selections = selections};
    assert_string_equal(
        plan_request("[step m]\ncommand = x\nmatrix.c = 1 2\nitems = library\n", &request),
        "ciplug: no item of step m matches 'libary*'; nearest: 'library'\n");
}

static void nothing_to_run_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *ini, *said;
        int made;
    } texts[] = {
        {"", "ciplug: ci.ini: nothing to run: there is no [step NAME]\n", 1},
        {"[cleanup a]\ncommand = x\n", "ciplug: ci.ini: nothing to run: there is no [step NAME]\n",
         1},
        {"[step a]\ncommand = x\ncount = 0\n",
         "ciplug: ci.ini: nothing to run: no step has a command\n", 1},
        {"[step a]\ncommand = x\ncount = 0\nallow_empty = yes\n", "", 0},
        {"[step a]\ncommand = x\nitems =\n",
         "ciplug: ci.ini: nothing to run: no step has a command\n", 1},
        {"[step a]\ncommand = x\nmatrix.m = 1\nmatrix_exclude = m=1\n",
         "ciplug: ci.ini: nothing to run: no step has a command\n", 1},
        {"[step a]\ncommand = x\nitems = none/*\n", "", 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        assert_string_equal(plan_text(texts[i].ini), texts[i].said);
        assert_int_equal(made, texts[i].made);
    }
}

/* A glob of names that a step before may still make is not refused. */
static void what_may_come_is_not_missed(void **state)
{
    (void)state;
    const char *const selections[] = {"b:x*", NULL};
    const struct plan_request request = {.workers = 2, .selections = selections};
    assert_string_equal(plan_request("[step a]\ncommand = x\n"
                                     "[step b]\ncommand = x\nitems = made/*\n",
                                     &request),
                        "");
    assert_int_equal(made, 0);
    put("made/y", "");
    assert_string_equal(plan_request("[step a]\ncommand = x\n"
                                     "[step b]\ncommand = x\nitems = made/*\n",
                                     &request),
                        "ciplug: no item of step b matches 'x*'; nearest: 'made/y'\n");
    assert_int_equal(made, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_come_with_what_they_need),
        cmocka_unit_test(only_leaves_needs_out),
        cmocka_unit_test(globs_pick_items),
        cmocka_unit_test(wrong_names_are_problems),
        cmocka_unit_test(globs_that_match_nothing_show_what_is_near),
        cmocka_unit_test(nothing_to_run_is_said),
        cmocka_unit_test(what_may_come_is_not_missed),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
