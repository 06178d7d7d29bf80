/* SPDX-License-Identifier: MIT
 *
 * What the reader of JUnit files said, and whose the cases are.
 */
#include "results.h"
#include "results_taken.h"
#include "util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static struct results results;

static int forget(void **state)
{
    (void)state;
    results_free(&results);
    return 0;
}

#define CASE(suite, class, name, file, outcome)                                                    \
    "C\0" suite "\0" class "\0" name "\0" file "\0"                                                \
                           "7\0" outcome "\0"                                                      \
                           "0\0"                                                                   \
                           "1500\0"                                                                \
                           "T\0M\0text\0"
#define PASSED "1"
#define FAILED "2"
#define ERROR  "5"
#define SKIP   "7"

static void feed_pieces(const char *bytes, size_t length, size_t piece)
{
    results_free(&results);
    for (size_t at = 0; at < length; at += piece) {
        size_t n = length - at < piece ? length - at : piece;
        AUTO_FREE char *part = xmemdup(bytes + at, n);
        results_feed(&results, part, n);
    }
}

#define FEED(bytes) feed_pieces(bytes, sizeof bytes - 1, sizeof bytes)

/* --- records --- */

static const char stream[] = CASE("s", "c", "n\n", "f", FAILED) CASE("", "", "", "", PASSED)
    CASE("x", "y", "z", "f", SKIP) "F\0a/b.xml\0"
                                   "18446744073709551615\0"
                                   "10\0"
                                   "20\0"
                                   "30\0"
                                   "40\0"
                                   "E\0";

static void any_borders_of_reads_give_the_same(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= sizeof stream; piece++) {
        feed_pieces(stream, sizeof stream - 1, piece);
        assert_true(results.ended && !results.problem);
        assert_int_equal(results.n_cases, 3);
        const struct ciplug_test *test = &results.cases[0].test;
        assert_int_equal(test->size, sizeof *test);
        assert_string_equal(test->suite, "s");
        assert_string_equal(test->classname, "c");
        assert_string_equal(test->name, "n\n");
        assert_string_equal(test->file, "f");
        assert_int_equal(test->line, 7);
        assert_int_equal(test->outcome, CIPLUG_FAILED);
        assert_int_equal(test->duration_ns, 1500);
        assert_string_equal(test->type, "T");
        assert_string_equal(test->message, "M");
        assert_string_equal(test->text, "text");
        assert_int_equal(results.cases[0].unit, RESULTS_NO_UNIT);
        assert_int_equal(results.n_files, 1);
        assert_string_equal(results.files[0].name, "a/b.xml");
        assert_int_equal(results.files[0].inode, UINT64_MAX);
        assert_int_equal(results.files[0].size, 10);
        assert_int_equal(results.files[0].mtime_ns, 20);
        assert_int_equal(results.files[0].ctime_ns, 30);
        assert_int_equal(results.files[0].hash, 40);
        results_end(&results, 0, "");
        assert_null(results.problem);
    }
}

static void a_reader_that_breaks_off_is_not_believed(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof stream - 1; n++) {
        feed_pieces(stream, n, sizeof stream);
        assert_false(results.ended);
        results_end(&results, 0, "");
        assert_string_equal(results.problem, "they could not be read: the reader broke off");
    }
    FEED(stream);
    results_end(&results, 9, "killed by signal 9");
    assert_string_equal(results.problem, "they could not be read: killed by signal 9");
}

static void unknown_kinds_are_refused(void **state)
{
    (void)state;
    FEED("Q\0E\0");
    assert_string_equal(results.problem, "the reader of JUnit files said something else");
    FEED("\0E\0");
    assert_non_null(results.problem);
    /* As long as a case, but none. */
    FEED("Cx\0s\0c\0n\0f\0"
         "0\0"
         "1\0"
         "0\0"
         "0\0\0\0\0"
         "E\0");
    assert_true(results.ended);
    assert_int_equal(results.n_cases, 0);
    assert_string_equal(results.problem, "the reader of JUnit files said something else");
}

static void the_first_reason_counts(void **state)
{
    (void)state;
    FEED("B\0a.xml: line 1: torn\0B\0b.xml: %s%n\0E\0");
    results_end(&results, 1, "later");
    assert_string_equal(results.problem, "a.xml: line 1: torn");
    FEED("B\0b.xml: %s%n\0E\0");
    assert_string_equal(results.problem, "b.xml: %s%n");
}

static void cases_have_a_bound(void **state)
{
    (void)state;
    static const char one[] = CASE("", "", "n", "", PASSED);
    AUTO_STRBUF struct strbuf many = STRBUF_INIT;
    for (int i = 0; i < 1000; i++)
        strbuf_add(&many, one, sizeof one - 1);
    results_free(&results);
    for (int i = 0; i < RESULTS_CASES_MAX / 1000; i++)
        results_feed(&results, many.buf, many.len);
    assert_null(results.problem);
    assert_int_equal(results.n_cases, RESULTS_CASES_MAX);
    results_feed(&results, one, sizeof one - 1);
    assert_string_equal(results.problem, "more than 200000 cases");
    assert_int_equal(results.n_cases, RESULTS_CASES_MAX);
}

/* --- whose they are --- */

static size_t unit_of(const char *suite, const char *classname, const char *name, const char *file,
                      const char *const *items, size_t n)
{
    AUTO_STRBUF struct strbuf record = STRBUF_INIT;
    const char *const fields[] = {"C", suite, classname, name, file, "0",
                                  "1", "0",   "0",       "",   "",   ""};
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        strbuf_add(&record, fields[i], strlen(fields[i]) + 1);
    feed_pieces(record.buf, record.len, record.len);
    assert_int_equal(results.n_cases, 1);
    results_match(&results, items, n);
    return results.cases[0].unit;
}

#define UNIT(suite, class, name, file, ...)                                                        \
    unit_of(suite, class, name, file, (const char *const[]){__VA_ARGS__},                          \
            sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))
#define NONE RESULTS_NO_UNIT

static void one_item_has_all_cases(void **state)
{
    (void)state;
    assert_int_equal(UNIT("", "", "", "", "anything"), 0);
    assert_int_equal(unit_of("", "", "", "", NULL, 0), 0);
}

static void paths_are_found_in_files_and_classes(void **state)
{
    (void)state;
    /* RSpec, jest, PHPUnit */
    assert_int_equal(UNIT("rspec", "spec.models.box_spec", "Box opens", "./spec/models/box_spec.rb",
                          "spec/a_spec.rb", "spec/models/box_spec.rb"),
                     1);
    assert_int_equal(UNIT("rspec", "spec.box_spec", "x", "./spec/box_spec.rb", "./spec/box_spec.rb",
                          "./spec/a_spec.rb"),
                     0);
    assert_int_equal(UNIT("box", "box opens", "box opens", "src/box.test.js", "src/a.test.js",
                          "src/box.test.js"),
                     1);
    assert_int_equal(UNIT("App\\BoxTest", "App.BoxTest", "testOpen", "/app/tests/BoxTest.php",
                          "tests/ATest.php", "tests/BoxTest.php"),
                     1);
    /* pytest, with and without files */
    assert_int_equal(UNIT("pytest", "tests.test_a.TestBox", "test_b[x-1]", "", "tests/test_b.py",
                          "tests/test_a.py"),
                     1);
    assert_int_equal(UNIT("pytest", "tests.test_a", "test_b", "tests/test_a.py", "tests/test_b.py",
                          "tests/test_a.py"),
                     1);
    /* a module that could not be collected */
    assert_int_equal(UNIT("pytest", "", "tests.test_b", "", "tests/test_a.py", "tests/test_b.py"),
                     1);
    /* folders */
    assert_int_equal(UNIT("", "spec.b.x_spec", "n", "./spec/b/x_spec.rb", "spec/a", "spec/b"), 1);
    assert_int_equal(UNIT("ex.org/box", "ex.org/box", "TestOpen", "", "./lid", "./box"), 1);
}

static void classes_and_names_are_found(void **state)
{
    (void)state;
    assert_int_equal(UNIT("a.BoxTest", "a.BoxTest", "opens", "", "a.LidTest", "a.BoxTest"), 1);
    assert_int_equal(UNIT("a.BoxTest", "a.BoxTest", "opens", "", "LidTest", "BoxTest"), 1);
    assert_int_equal(UNIT("App\\BoxTest", "App.BoxTest", "x", "", "App\\LidTest", "App\\BoxTest"),
                     1);
    assert_int_equal(UNIT("Box", "Box", "Opens", "", "Box.Shuts", "Box.Opens"), 1);
    assert_int_equal(UNIT("ex.org/box", "ex.org/box", "TestOpen/a", "", "TestShut", "TestOpen"), 1);
    assert_int_equal(UNIT("box.suite", "", "n", "", "lid.suite", "box.suite"), 1);
}

static void node_ids_are_found(void **state)
{
    (void)state;
    const char *const ids[] = {"tests/test_a.py",
                               "tests/test_a.py::TestBox",
                               "tests/test_a.py::TestBox::test_b",
                               "tests/test_a.py::TestBox::test_b[x-1]",
                               "tests/test_a.py::test_c",
                               "tests/test_a.py::test_c[a/b:c]"};
    const struct {
        const char *classname, *name;
        size_t unit;
    } all[] = {
        {"tests.test_a.TestBox", "test_b[x-1]", 3}, {"tests.test_a.TestBox", "test_b[x-2]", 2},
        {"tests.test_a.TestBox", "test_bb", 1},     {"tests.test_a", "test_c", 4},
        {"tests.test_a", "test_c[a/b:c]", 5},       {"tests.test_a", "test_d", 0},
        {"tests.test_aa", "test_d", NONE},
    };
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        assert_int_equal(unit_of("pytest", all[i].classname, all[i].name, "", ids, ARRAY_SIZE(ids)),
                         all[i].unit);
        const char *file = all[i].unit == NONE ? "tests/test_aa.py" : "tests/test_a.py";
        assert_int_equal(
            unit_of("pytest", all[i].classname, all[i].name, file, ids, ARRAY_SIZE(ids)),
            all[i].unit);
    }
}

static void the_longest_has_the_case(void **state)
{
    (void)state;
    assert_int_equal(
        UNIT("", "", "n", "./spec/admin/user_spec.rb", "user_spec.rb", "admin/user_spec.rb"), 1);
    assert_int_equal(UNIT("", "", "n", "./spec/user_spec.rb", "user_spec.rb", "admin/user_spec.rb"),
                     0);
    assert_int_equal(UNIT("", "", "n", "spec/a/x_spec.rb", "spec", "spec/a", "a"), 1);
}

static void parts_of_words_are_nobodys(void **state)
{
    (void)state;
    assert_int_equal(UNIT("", "tests.test_ab", "n", "", "test_a.py", "b.py"), NONE);
    assert_int_equal(UNIT("", "xtest_a", "n", "", "test_a.py", "b.py"), NONE);
    assert_int_equal(UNIT("", "", "n", "", "a", "b"), NONE);
    assert_int_equal(UNIT("", "c", "n", "f", "", "."), NONE);
    assert_int_equal(UNIT("", "a.b", "n", "", "", "a.b", "a", "."), 1);
}

/* The verdict on one would else be that on another, which passes although its test failed. */
static void a_test_named_as_another_items_file_stays_where_it_is(void **state)
{
    (void)state;
    assert_int_equal(UNIT("pytest", "test_user", "test_login", "", "test_user.py", "test_login.py"),
                     0);
    assert_int_equal(
        UNIT("pytest", "test_user", "test_login", "test_user.py", "test_login.py", "test_user.py"),
        1);
}

static void what_two_items_could_have_is_nobodys(void **state)
{
    (void)state;
    assert_int_equal(UNIT("", "", "n", "/app/library/x_test.php", "app", "library"), NONE);
    assert_int_equal(UNIT("app", "", "app", "/app/library/x_test.php", "app", "library"), NONE);
    assert_int_equal(UNIT("", "", "n", "spec/a_spec.rb", "spec/a_spec.rb:3", "spec/a_spec.rb:9"),
                     NONE);
    assert_int_equal(UNIT("", "a.T", "n", "", "a.T", "a.T"), NONE);
}

/* While they are matched, the run stands still. */
static void many_cases_of_many_items_are_matched_soon(void **state)
{
    (void)state;
    static const char one[] = CASE("", "spec.models.box_999_spec", "opens", "", PASSED);
    static char names[1000][40];
    static const char *items[ARRAY_SIZE(names)];
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        snprintf(names[i], sizeof names[i], "spec/models/box_%zu_spec.rb", i);
        items[i] = names[i];
    }
    results_free(&results);
    for (int i = 0; i < 50000; i++)
        results_feed(&results, one, sizeof one - 1);
    clock_t before = clock();
    results_match(&results, items, ARRAY_SIZE(items));
    assert_true(clock() - before < 4 * CLOCKS_PER_SEC);
    assert_int_equal(results.cases[49999].unit, 999);
}

/* --- sums --- */

static void sums_are_those_of_an_item(void **state)
{
    (void)state;
    const struct results_sum *sum;
    FEED(CASE("", "a", "p", "", PASSED) CASE("", "a", "f", "", FAILED) CASE("", "b", "e", "", ERROR)
             CASE("", "c", "s", "", SKIP) CASE("", "d", "s", "", SKIP)
                 CASE("", "d", "p", "", PASSED) CASE("", "x", "n", "", PASSED) "E\0");
    const char *const items[] = {"a", "b", "c", "d", "none"};
    results_match(&results, items, ARRAY_SIZE(items));
    static const int outcomes[] = {CIPLUG_FAILED, CIPLUG_FAILED, CIPLUG_SKIPPED, CIPLUG_PASSED, 0};
    for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
        sum = results_sum(&results, i);
        assert_int_equal(sum->outcome, outcomes[i]);
        assert_int_equal(sum->duration_ns, sum->cases * 1500);
    }
    sum = results_sum(&results, RESULTS_NO_UNIT);
    assert_int_equal(sum->cases, 1);
    assert_int_equal(sum->outcome, CIPLUG_PASSED);
    sum = results_sum(&results, 0);
    assert_int_equal(sum->cases, 2);
    assert_int_equal(sum->bad, 1);
    sum = results_sum(&results, 3);
    assert_int_equal(sum->skipped, 1);
}

static const char *bad_of(size_t unit, bool all)
{
    static struct strbuf text;
    strbuf_clear(&text);
    results_say_bad(&results, all ? RESULTS_ALL : unit, &text);
    return strbuf_text(&text);
}

#define FIFTY "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void the_bad_are_named(void **state)
{
    (void)state;
    FEED(CASE("", "a", "one", "", FAILED));
    results_match(&results, NULL, 0);
    assert_string_equal(bad_of(0, false), "1 of 1 case failed: one");
    FEED(CASE("", "a", "1", "", FAILED) CASE("", "a", "2", "", ERROR) CASE("", "b", "3", "", FAILED)
             CASE("", "b", "4", "", FAILED) CASE("", "a", "ok", "", PASSED));
    const char *const items[] = {"a", "b"};
    results_match(&results, items, 2);
    assert_string_equal(bad_of(0, false), "2 of 3 cases failed: 1, 2");
    assert_string_equal(bad_of(1, false), "2 of 2 cases failed: 3, 4");
    assert_string_equal(bad_of(RESULTS_NO_UNIT, true), "4 of 5 cases failed: 1, 2, 3, ...");
}

static void a_file_is_taken_once(void **state)
{
    (void)state;
    struct results_taken taken = {0};
    for (uint64_t i = 1; i <= 5000; i++) {
        AUTO_FREE char *step = xasprintf("s%u", (unsigned)(i % 7));
        assert_null(results_take(&taken, i * 64, step, (uint32_t)i, 1));
    }
    for (uint64_t i = 1; i <= 5000; i++) {
        AUTO_FREE char *step = xasprintf("s%u", (unsigned)(i % 7));
        const struct results_owner *owner = results_take(&taken, i * 64, "other", 1, 1);
        assert_non_null(owner);
        assert_string_equal(owner->step, step);
        assert_int_equal(owner->number, i);
    }
    assert_null(results_take(&taken, 1, "other", 1, 1));
    assert_null(results_take(&taken, UINT64_MAX, "other", 2, 1));
    assert_int_equal(results_take(&taken, UINT64_MAX, "x", 9, 1)->number, 2);
    assert_null(results_take(&taken, UINT64_MAX, "other", 2, 1));
    assert_non_null(results_take(&taken, UINT64_MAX, "other", 2, 2));
    results_taken_free(&taken);
    assert_null(results_take(&taken, 0, "zero", 3, 1));
    assert_int_equal(results_take(&taken, 0, "x", 9, 1)->number, 3);
    results_taken_free(&taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_borders_of_reads_give_the_same),
        cmocka_unit_test(a_reader_that_breaks_off_is_not_believed),
        cmocka_unit_test(unknown_kinds_are_refused),
        cmocka_unit_test(the_first_reason_counts),
        cmocka_unit_test(cases_have_a_bound),
        cmocka_unit_test(one_item_has_all_cases),
        cmocka_unit_test(paths_are_found_in_files_and_classes),
        cmocka_unit_test(classes_and_names_are_found),
        cmocka_unit_test(node_ids_are_found),
        cmocka_unit_test(the_longest_has_the_case),
        cmocka_unit_test(parts_of_words_are_nobodys),
        cmocka_unit_test(a_test_named_as_another_items_file_stays_where_it_is),
        cmocka_unit_test(what_two_items_could_have_is_nobodys),
        cmocka_unit_test(many_cases_of_many_items_are_matched_soon),
        cmocka_unit_test(sums_are_those_of_an_item),
        cmocka_unit_test(the_bad_are_named),
        cmocka_unit_test(a_file_is_taken_once),
    };
    return cmocka_run_group_tests(tests, NULL, forget);
}
