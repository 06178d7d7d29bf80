/* SPDX-License-Identifier: MIT
 *
 * Sources, globs, matrix, groups: which units and commands a step has.
 */
#include "plan-place.h"

static const char *labels_of(const char *keys)
{
    AUTO_FREE char *ini = xasprintf("[step a]\ncommand = x\nneeds =\n%s", keys);
    assert_string_equal(plan_text(ini), "");
    assert_int_equal(made, 0);
    return labels("a");
}

static const char *commands_of(const char *keys)
{
    labels_of(keys);
    return commands("a");
}

static void words_are_items(void **state)
{
    (void)state;
    assert_string_equal(labels_of("items = a 'b c' d\\ e a\n"), "a|b c|d e|a");
    assert_false(step_named("a")->preview);
    assert_string_equal(commands("a"), "1:a|2:b c|3:d e|4:a");
    assert_int_equal(step_named("a")->count_all, 4);
    assert_string_equal(step_named("a")->units[1].item, "b c");
    assert_string_equal(labels_of("items =\n  one\n  two\n"), "one|two");
    assert_string_equal(labels_of("count = 3\n"), "1|2|3");
    assert_null(step_named("a")->units[0].item);
}

static void globs_find_files(void **state)
{
    (void)state;
    put("g/b.rb", "");
    put("g/a.rb", "");
    put("g/B.rb", "");
    put("g/.hidden.rb", "");
    put("g/.dot/x.rb", "");
    put("g/sub/c.rb", "");
    put("g/sub/deep/er/d.rb", "");
    put("g/sub/e.txt", "");
    put("g/[x].rb", "");
    assert_int_equal(mkdir("g/dir.rb", 0700), 0);
    assert_int_equal(symlink("..", "g/sub/loop"), 0);
    assert_int_equal(symlink("sub", "g/link"), 0);
    assert_int_equal(symlink("nowhere", "g/broken.rb"), 0);
    static const struct {
        const char *pattern, *found;
    } globs[] = {
        {"g/*.rb", "g/B.rb|g/[x].rb|g/a.rb|g/b.rb|g/broken.rb|g/dir.rb"},
        {"g/[ab].rb", "g/a.rb|g/b.rb"},
        {"g/[!ab].rb", "g/B.rb"},
        {"g/?.rb", "g/B.rb|g/a.rb|g/b.rb"},
        {"g/.*.rb", "g/.hidden.rb"},
        {"g/.*/*.rb", "g/.dot/x.rb"},
        {"g/**/*.rb", "g/B.rb|g/[x].rb|g/a.rb|g/b.rb|g/broken.rb|g/sub/c.rb|g/sub/deep/er/d.rb"},
        {"g/**/**/d.rb", "g/sub/deep/er/d.rb"},
        {"g/sub/**", "g/sub/c.rb|g/sub/deep/er/d.rb|g/sub/e.txt"},
        {"g/**/deep/**/*", "g/sub/deep/er/d.rb"},
        {"**/sub/*.txt", "g/sub/e.txt"},
        {"g/*/", "g/dir.rb/|g/link/|g/sub/"},
        {"g/l*/c.rb", "g/link/c.rb"},
        {"./g/a*", "./g/a.rb"},
        {"g/../g/a*", "g/../g/a.rb"},
        {"g/none*", ""},
        {"none/*", ""},
        {"g/a.rb/*", ""},
        {"g/*/c.rb", "g/link/c.rb|g/sub/c.rb"},
        {"g/*.rb g/a.rb g/sub/*.rb g/*/c.rb g/a.rb",
         "g/B.rb|g/[x].rb|g/a.rb|g/b.rb|g/broken.rb|g/dir.rb|g/a.rb|g/sub/c.rb|g/link/c.rb|"
         "g/a.rb"},
        {"z 'g/[ab].rb' a", "z|g/a.rb|g/b.rb|a"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(globs); i++) {
        AUTO_FREE char *keys = xasprintf("items = %s\n", globs[i].pattern);
        assert_string_equal(labels_of(keys), globs[i].found);
        assert_true(step_named("a")->preview);
    }
    assert_string_equal(labels_of("items = g/**/er/ z\n"), "g/sub/deep/er/|z");
    AUTO_FREE char *keys = xasprintf("items = %s/g/a*\n", folder);
    AUTO_FREE char *found = xasprintf("%s/g/a.rb", folder);
    assert_string_equal(labels_of(keys), found);
}

/* Names are relative to the INI file, wherever ciplug was started. */
static void globs_start_at_the_file(void **state)
{
    (void)state;
    put("h/x.rb", "");
    load("[step a]\ncommand = x\nitems = h/*\n");
    assert_int_equal(chdir("/"), 0);
    const struct plan_request request = {.workers = 1};
    made = plan_make(&plan, &config, &plugins, &request, &problems);
    assert_int_equal(chdir(folder), 0);
    assert_string_equal(labels("a"), "h/x.rb");
}

static void files_are_read_by_line(void **state)
{
    (void)state;
    put("list", "one\r\n\n  two words \nthree");
    assert_string_equal(labels_of("items_file = list\n"), "one|  two words |three");
    assert_true(step_named("a")->preview);
    int fd = open("nul", O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write_all(fd, "a\0b", 3), 0);
    close(fd);
    assert_string_equal(plan_text("[step a]\ncommand = x\nitems_file = nul\n"),
                        "ci.ini:3: items_file: nul holds NUL bytes\n");
}

/* A step before may still make it. */
static void a_file_may_come_later(void **state)
{
    (void)state;
    const char *ini = "[step m]\ncommand = x\n[step a]\ncommand = x\nitems_file = later\n";
    char *error;
    assert_string_equal(plan_text(ini), "");
    assert_int_equal(made, 0);
    assert_int_equal(step_named("a")->n_units, 0);
    struct step *a = &plan.steps[1];
    assert_int_equal(plan_step_commands(&plan, a, NULL, &error), -1);
    assert_string_equal(error, "items_file: later cannot be read: No such file or directory");
    free(error);
    put("later", "x\ny\n");
    assert_int_equal(plan_step_commands(&plan, a, NULL, &error), 0);
    assert_string_equal(commands("a"), "1:x|2:y");
    unlink("later");
}

static void items_of_a_step_come_as_lines(void **state)
{
    (void)state;
    plan_text("[step m]\ncommand = x\n[step a]\ncommand = x {item}\nneeds =\nitems_from = m\n");
    struct step *a = &plan.steps[1];
    AUTO_STRV struct strv found = STRV_INIT;
    char *error;
    assert_int_equal(made, 0);
    assert_int_equal(a->n_needs, 1);
    assert_true(a->preview);
    assert_int_equal(a->n_units, 0);
    strv_push(&found, "p");
    strv_push(&found, "");
    strv_push(&found, "q\r");
    assert_int_equal(plan_step_commands(&plan, a, &found, &error), 0);
    assert_string_equal(commands("a"), "1:p|2:q");
    strv_clear(&found);
    assert_int_equal(plan_step_commands(&plan, a, &found, &error), 0);
    assert_int_equal(a->n_units, 0);
}

static void matrix_multiplies(void **state)
{
    (void)state;
    assert_string_equal(labels_of("matrix.py = 3.9 3.10\nmatrix.db = pg 'my sql'\n"),
                        "py=3.9 db=pg|py=3.9 db=my sql|py=3.10 db=pg|py=3.10 db=my sql");
    assert_string_equal(commands("a"), "1:py=3.9 db=pg|2:py=3.9 db=my sql|3:py=3.10 db=pg|"
                                       "4:py=3.10 db=my sql");
    assert_string_equal(step_named("a")->units[3].values.v[1], "my sql");
    assert_string_equal(labels_of("matrix.py = 1 2\nitems = a b\n"),
                        "a (py=1)|b (py=1)|a (py=2)|b (py=2)");
    assert_string_equal(labels_of("matrix.py = 1 2\ncount = 2\n"),
                        "1 (py=1)|2 (py=1)|1 (py=2)|2 (py=2)");
    const struct unit *units = step_named("a")->units;
    assert_true(plan_same_cell(&units[0], &units[1]));
    assert_false(plan_same_cell(&units[1], &units[2]));
    assert_string_equal(labels_of("[ciplug]\nmatrix.x = 1 2\nmatrix.y = 3\n"
                                  "[step b]\ncommand = x\nmatrix.y = 4\n"),
                        "x=1 y=3|x=2 y=3");
    assert_string_equal(labels("b"), "x=1 y=4|x=2 y=4");
}

static void matrix_leaves_cells_out(void **state)
{
    (void)state;
    assert_string_equal(
        labels_of(
            "matrix.py = 1 2 3\nmatrix.db = p m\nmatrix_exclude =\n  py=1 db=m\n  db=p py=3\n"),
        "py=1 db=p|py=2 db=p|py=2 db=m|py=3 db=m");
    assert_string_equal(labels_of("matrix.py = 1 2\nmatrix.db = p m\nmatrix_exclude = py=1\n"),
                        "py=2 db=p|py=2 db=m");
    assert_string_equal(labels_of("matrix.a = 'x y' z=1\nmatrix_exclude = 'a=x y'\n"), "a=z=1");
}

static void split_deals_round(void **state)
{
    (void)state;
    assert_string_equal(commands_of("items = p q r s t\nsplit = 2\n"), "1:p r t|2:q s");
    assert_int_equal(step_named("a")->count_all, 2);
    assert_string_equal(commands_of("items = p q\nsplit = 5\n"), "1:p|2:q");
    assert_string_equal(commands_of("items = p q r s t\nsplit = 2\nrun_alone = t q\n"),
                        "1:q|2:t|3:p s|4:r");
    assert_string_equal(commands_of("items = p1 q r1 s\nsplit = 1\nrun_alone = *1\n"),
                        "1:p1|2:r1|3:q s");
    assert_string_equal(commands_of("items = p q r\nsplit = 2\nmatrix.m = 1 2\n"),
                        "1:p (m=1) r (m=1)|2:q (m=1)|3:p (m=2) r (m=2)|4:q (m=2)");
}

/* a and c take 90 s, b takes 10 s, the mean of what is known is 63 s. */
static void split_balances_by_history(void **state)
{
    (void)state;
    load("[step s]\ncommand = x\nitems = a b c\nsplit = 2\n"
         "[step t]\ncommand = x\nitems = a b c x y\nsplit = 2\n");
    plugins_add(&plugins, &history_plugin, "built in");
    assert_int_equal(plugins_open(&plugins, &problems), 0);
    const struct plan_request request = {.workers = 2};
    assert_int_equal(plan_make(&plan, &config, &plugins, &request, &problems), 0);
    assert_string_equal(commands("s"), "1:a b|2:c");
    assert_string_equal(commands("t"), "1:a b x|2:c y");
}

static void run_alone_that_is_nowhere_is_noticed(void **state)
{
    (void)state;
    assert_string_equal(
        plan_text("[step a]\ncommand = x\nitems = p q\nsplit = 2\nrun_alone = r p\n"),
        "notice: run_alone of step a: there is no item 'r'\n");
    assert_int_equal(made, 0);
}

static void batches_are_left_to_the_schedule(void **state)
{
    (void)state;
    assert_string_equal(commands_of("items = p q\nbatch = 10\n"), "");
    assert_int_equal(step_named("a")->batch, 10);
    assert_int_equal(step_named("a")->n_units, 2);
    assert_int_equal(step_named("a")->count_all, 0);
    commands_of("items = p q\nbatch = auto\n");
    assert_int_equal(step_named("a")->batch, UINT32_MAX);
}

static void too_many_are_refused(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf axis = STRBUF_INIT;
    for (int i = 0; i < 1001; i++)
        strbuf_addf(&axis, " %d", i);
    AUTO_FREE char *two =
        xasprintf("[step a]\ncommand = x\nmatrix.x =%s\nmatrix.y =%s\n", axis.buf, axis.buf);
    plan_text(two);
    assert_int_equal(made, -1);
    assert_non_null(strstr(told(), "the matrix of step a has more than 1000000 cells"));
    AUTO_FREE char *one =
        xasprintf("[step a]\ncommand = x\nmatrix.x =%s\ncount = 1000\n", axis.buf);
    assert_string_equal(plan_text(one), "ci.ini:4: more than 1000000 items\n");
}

static void a_million_units_are_fine(void **state)
{
    (void)state;
    plan_text("[step a]\ncommand = x\ncount = 1000000\n");
    assert_int_equal(made, 0);
    assert_int_equal(step_named("a")->n_commands, 1000000);
    assert_string_equal(step_named("a")->units[999999].label, "1000000");
}

static void no_item_at_all_is_no_problem_of_the_plan(void **state)
{
    (void)state;
    assert_string_equal(plan_text("[step a]\ncommand = x\n[step b]\ncommand = x\ncount = 0\n"), "");
    assert_int_equal(made, 0);
    assert_int_equal(step_named("b")->n_units, 0);
    plan_text("[step b]\ncommand = x\nitems = none/*\n");
    assert_int_equal(made, 0);
    assert_true(step_named("b")->preview);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_items),
        cmocka_unit_test(globs_find_files),
        cmocka_unit_test(globs_start_at_the_file),
        cmocka_unit_test(files_are_read_by_line),
        cmocka_unit_test(a_file_may_come_later),
        cmocka_unit_test(items_of_a_step_come_as_lines),
        cmocka_unit_test(matrix_multiplies),
        cmocka_unit_test(matrix_leaves_cells_out),
        cmocka_unit_test(split_deals_round),
        cmocka_unit_test(split_balances_by_history),
        cmocka_unit_test(run_alone_that_is_nowhere_is_noticed),
        cmocka_unit_test(batches_are_left_to_the_schedule),
        cmocka_unit_test(too_many_are_refused),
        cmocka_unit_test(a_million_units_are_fine),
        cmocka_unit_test(no_item_at_all_is_no_problem_of_the_plan),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
