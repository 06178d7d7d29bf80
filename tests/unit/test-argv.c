/* SPDX-License-Identifier: MIT */
#include "argv.h"
#include "util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void check_quote(const char *word, const char *expected)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    shell_quote(&out, word);
    assert_string_equal(strbuf_text(&out), expected);
}

static void words_are_quoted_where_they_must(void **state)
{
    (void)state;
    check_quote("", "''");
    check_quote("abc", "abc");
    check_quote("-x", "-x");
    check_quote("a/b_c.d-e@f%g+h=i:j,k", "a/b_c.d-e@f%g+h=i:j,k");
    check_quote("a b", "'a b'");
    check_quote("it's", "'it'\\''s'");
    check_quote("'", "''\\'''");
    check_quote("a\nb", "'a\nb'");
    check_quote("~", "'~'");
    check_quote("$(x)", "'$(x)'");
    check_quote("\xc3\xa4", "'\xc3\xa4'");
    check_quote("a#b", "'a#b'");
    check_quote("{a}", "'{a}'");
}

static void show(const struct argv *argv, const struct strv *masked, const char *expected)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    argv_show(&out, argv, masked, NULL);
    assert_string_equal(strbuf_text(&out), expected);
}

static void commands_are_shown_to_be_pasted(void **state)
{
    (void)state;
    AUTO_ARGV struct argv argv = ARGV_INIT, copy = ARGV_INIT;
    AUTO_STRV struct strv masked = STRV_INIT;
    show(&argv, NULL, "");
    strv_push(&argv.words, "echo");
    strv_push(&argv.words, "a b");
    strv_push(&argv.words, "A=b");
    strv_push(&argv.words, "");
    show(&argv, NULL, "echo 'a b' A=b ''");
    strv_push(&argv.env, "X=");
    strv_push(&argv.env, "Y=it's");
    strv_push(&argv.env, "TOKEN=hunter2");
    strv_push(&masked, "TOKEN");
    argv.cwd = xstrdup("/a b");
    show(&argv, &masked, "env -C '/a b' X='' Y='it'\\''s' TOKEN=\"$TOKEN\" echo 'a b' A=b ''");
    argv_copy(&copy, &argv);
    show(&copy, &masked, "env -C '/a b' X='' Y='it'\\''s' TOKEN=\"$TOKEN\" echo 'a b' A=b ''");
}

/* What a shell would take for an assignment or a reserved word must not look like one. */
static void first_words_stay_words(void **state)
{
    (void)state;
    static const struct {
        const char *word, *shown;
    } words[] = {{"A=b", "'A=b'"}, {"if", "'if'"},     {"time", "'time'"},
                 {"ls", "ls"},     {"/a=b", "'/a=b'"}, {"./time", "./time"}};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        AUTO_ARGV struct argv argv = ARGV_INIT;
        strv_push(&argv.words, words[i].word);
        show(&argv, NULL, words[i].shown);
    }
}

static void check_split(const char *text, const char *const *expected)
{
    AUTO_STRV struct strv words = STRV_INIT;
    const char *error = NULL;
    assert_int_equal(argv_split(&words, text, &error), 0);
    size_t n = 0;
    for (; expected[n]; n++) {
        assert_true(n < words.n);
        assert_string_equal(words.v[n], expected[n]);
    }
    assert_int_equal(words.n, n);
}

static void templates_split_like_shell_words(void **state)
{
    (void)state;
    check_split("", (const char *[]){NULL});
    check_split(" \t\n ", (const char *[]){NULL});
    check_split("a  b\tc\nd", (const char *[]){"a", "b", "c", "d", NULL});
    check_split("'a b' \"c d\"", (const char *[]){"a b", "c d", NULL});
    check_split("a'b'\"c\"d", (const char *[]){"abcd", NULL});
    check_split("'' \"\"", (const char *[]){"", "", NULL});
    check_split("a\\ b \\'", (const char *[]){"a b", "'", NULL});
    check_split("'a\\b' \"a\\b\\\"\\\\\\$\"", (const char *[]){"a\\b", "a\\b\"\\$", NULL});
    check_split("a \\\n b c\\\nd \"e\\\nf\" 'g\\\nh'",
                (const char *[]){"a", "b", "cd", "ef", "g\\\nh", NULL});
    check_split("$X `y` *", (const char *[]){"$X", "`y`", "*", NULL});
    check_split("a\\", (const char *[]){"a\\", NULL});
    check_split("a # b", (const char *[]){"a", "#", "b", NULL});
}

static void unfinished_quotes_are_errors(void **state)
{
    (void)state;
    static const char *const texts[] = {"a 'b", "a \"b", "\"a\\\"", "a''b' "};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        AUTO_STRV struct strv words = STRV_INIT;
        const char *error = NULL;
        assert_int_equal(argv_split(&words, texts[i], &error), -1);
        assert_non_null(strstr(error, "is not closed"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_quoted_where_they_must),
        cmocka_unit_test(commands_are_shown_to_be_pasted),
        cmocka_unit_test(first_words_stay_words),
        cmocka_unit_test(templates_split_like_shell_words),
        cmocka_unit_test(unfinished_quotes_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
