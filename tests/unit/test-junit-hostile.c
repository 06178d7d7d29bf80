/* SPDX-License-Identifier: MIT
 *
 * JUnit files that are made to hurt, in any encoding, of any length.
 */
#include "junit-place.h"

#include <time.h>
#include <unistd.h>

static void entity_bombs_end_soon(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    strbuf_addstr(&text, "<!DOCTYPE t [<!ENTITY e0 \"lol lol lol lol lol lol\">");
    for (int i = 1; i < 30; i++)
        strbuf_addf(&text, "<!ENTITY e%d \"&e%d;&e%d;&e%d;&e%d;&e%d;&e%d;&e%d;&e%d;\">", i, i - 1,
                    i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    strbuf_addstr(&text, "]><testsuite><testcase><failure>&e29;</failure></testcase></testsuite>");
    clock_t before = clock();
    assert_refused(strbuf_text(&text), "line ");
    AUTO_STRBUF struct strbuf value = STRBUF_INIT;
    strbuf_add(&value, text.buf, (size_t)(strchr(text.buf, ']') - text.buf));
    strbuf_addstr(&value, "]><testsuite name=\"&e29;\"/>");
    assert_refused(strbuf_text(&value), "line ");
    assert_true(clock() - before < 10 * CLOCKS_PER_SEC);
    assert_refused("<!DOCTYPE t [<!ENTITY a \"&b;\"><!ENTITY b \"&a;\">]><testsuite>&a;"
                   "</testsuite>",
                   "recursive entity");
}

static void nothing_from_outside_is_fetched(void **state)
{
    (void)state;
    char path[] = "/tmp/ciplug-junit-XXXXXX";
    AUTO_CLOSE int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "secret", 6), 6);
    AUTO_FREE char *in_text = xasprintf(
        "<!DOCTYPE t [<!ENTITY e SYSTEM \"file://%s\">]><testsuite><testcase><failure>a&e;"
        "b</failure></testcase></testsuite>",
        path);
    AUTO_FREE char *in_value =
        xasprintf("<!DOCTYPE t [<!ENTITY e SYSTEM \"%s\">]><testsuite name=\"&e;\"/>", path);
    AUTO_FREE char *dtd =
        xasprintf("<!DOCTYPE t SYSTEM \"%s\"><testsuite><testcase/></testsuite>", path);
    const char *said = parse(in_text);
    assert_null(strstr(strbuf_text(&cases), "secret"));
    assert_true(strcmp(said, "refused") == 0 || strcmp(said, "2 |||:0|0|||ab\n") == 0);
    assert_refused(in_value, "external entity");
    assert_string_equal(parse(dtd), "1 |||:0|0|||\n");
    unlink(path);
}

static void suites_nest_to_a_bound(void **state)
{
    (void)state;
    for (int deep = 63; deep <= 66; deep++) {
        AUTO_STRBUF struct strbuf text = STRBUF_INIT;
        for (int i = 0; i < deep; i++)
            strbuf_addstr(&text, "<testsuite>");
        strbuf_addstr(&text, "<testcase name=\"a\"/>");
        for (int i = 0; i < deep; i++)
            strbuf_addstr(&text, "</testsuite>");
        if (deep <= 64)
            assert_string_equal(parse(strbuf_text(&text)), "1 ||a|:0|0|||\n");
        else
            assert_refused(strbuf_text(&text), "nested too deep");
    }
}

static void other_elements_may_be_very_deep(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    strbuf_addstr(&text, "<testsuite><testcase><failure>");
    for (int i = 0; i < 100000; i++)
        strbuf_addstr(&text, "<a>");
    assert_refused(strbuf_text(&text), "no element found");
    for (int i = 0; i < 100000; i++)
        strbuf_addstr(&text, "</a>");
    strbuf_addstr(&text, "x</failure></testcase></testsuite>");
    assert_string_equal(parse(strbuf_text(&text)), "2 |||:0|0|||x\n");
}

/* --- bytes --- */

static void encodings_are_utf8_in_the_end(void **state)
{
    (void)state;
    static const char latin1[] = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><testsuite>"
                                 "<testcase name=\"\xe4\"/></testsuite>";
    assert_string_equal(parse(latin1), "1 ||\xc3\xa4|:0|0|||\n");
    static const char plain[] = "<testsuite><testcase name=\"ab\"/></testsuite>";
    AUTO_STRBUF struct strbuf little = STRBUF_INIT, big = STRBUF_INIT;
    strbuf_add(&little, "\xff\xfe", 2);
    strbuf_add(&big, "\xfe\xff", 2);
    for (const char *p = plain; *p; p++) {
        bool a = *p == 'a' && p[1] == 'b'; /* becomes U+20AC */
        strbuf_add(&little, a ? "\xac\x20" : (char[]){*p, 0}, 2);
        strbuf_add(&big, a ? "\x20\xac" : (char[]){0, *p}, 2);
    }
    assert_string_equal(parse_bytes(little.buf, little.len), "1 ||\u20acb|:0|0|||\n");
    assert_string_equal(parse_bytes(big.buf, big.len), "1 ||\u20acb|:0|0|||\n");
    assert_int_equal(parse_pieces(big.buf, big.len, 1), 0);
    assert_string_equal(parse_bytes(big.buf, big.len - 1), "refused");
    assert_string_equal(parse("\xef\xbb\xbf<testsuite><testcase/></testsuite>"), "1 |||:0|0|||\n");
}

static void what_is_in_no_known_encoding_is_refused(void **state)
{
    (void)state;
    assert_refused("<?xml version=\"1.0\" encoding=\"KOI8-R\"?><testsuite/>", "unknown encoding");
    assert_refused("<?xml version=\"1.0\" encoding=\"UTF-16\"?><testsuite/>", "encoding");
    assert_refused("<testsuite name=\"\xe4\"/>", "line 1: ");
    assert_refused("<testsuite name=\"\xc0\x80\"/>", "line 1: ");
    assert_refused("<testsuite name=\"\xed\xa0\x80\"/>", "line 1: ");
    assert_refused("<testsuite name=\"&#0;\"/>", "invalid character number");
    assert_refused("<testsuite name=\"&#x1b;\"/>", "invalid character number");
    assert_refused("<testsuite name=\"\x1b\"/>", "line 1: ");
    static const char nul[] = "<testsuite name=\"a\0b\"/>", after[] = "<testsuite/>\0";
    assert_string_equal(parse_bytes(nul, sizeof nul - 1), "refused");
    assert_string_equal(parse_bytes(after, sizeof after - 1), "refused");
}

/* --- lengths --- */

static size_t text_length;
static char *text_end;

static void on_long(void *data, const struct ciplug_test *test)
{
    (void)data;
    assert_true(utf8_valid(test->text, strlen(test->text)));
    assert_true(utf8_valid(test->message, strlen(test->message)));
    assert_true(strlen(test->message) <= JUNIT_VALUE_MAX);
    text_length = strlen(test->text);
    free(text_end);
    text_end = xstrdup(test->text + text_length - (text_length < 4 ? text_length : 4));
}

/* A failure of `before` bytes of 'x' and then the text; how much is kept. */
static size_t keep(size_t before, const char *text, size_t piece)
{
    AUTO_STRBUF struct strbuf all = STRBUF_INIT;
    struct junit_parser *parser = junit_parser_new(on_long, NULL);
    strbuf_addstr(&all, "<testsuite><testcase><failure message=\"");
    for (size_t i = 0; i < JUNIT_VALUE_MAX - 1; i++)
        strbuf_addch(&all, 'm');
    strbuf_addstr(&all, "\u20ac\">");
    for (size_t i = 0; i < before; i++)
        strbuf_addch(&all, 'x');
    strbuf_addf(&all, "%s</failure></testcase></testsuite>", text);
    for (size_t at = 0; at < all.len; at += piece) {
        size_t n = all.len - at < piece ? all.len - at : piece;
        assert_int_equal(junit_parse(parser, all.buf + at, n, false), 0);
    }
    assert_int_equal(junit_parse(parser, NULL, 0, true), 0);
    junit_parser_free(parser);
    return text_length;
}

/* A word is not cut in two, so that a part of a secret is not taken for something else. */
static void text_is_cut_between_words(void **state)
{
    (void)state;
    static const size_t pieces[] = {1, 1000, 1 << 20};
    for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
        size_t piece = pieces[i];
        assert_int_equal(keep(JUNIT_TEXT_MAX, "", piece), JUNIT_TEXT_MAX);
        assert_int_equal(keep(JUNIT_TEXT_MAX - 3, "\u20ac", piece), JUNIT_TEXT_MAX);
        assert_string_equal(text_end + 1, "\u20ac");
        assert_int_equal(keep(JUNIT_TEXT_MAX - 5, " secret", piece), JUNIT_TEXT_MAX - 4);
        assert_string_equal(text_end, "xxx ");
        /* What comes after a character that had no room is not kept either. */
        assert_int_equal(keep(JUNIT_TEXT_MAX - 3, "\n\u20acz", piece), JUNIT_TEXT_MAX - 2);
        assert_int_equal(keep(JUNIT_TEXT_MAX - 4, "\n\U0001f600\nz", piece), JUNIT_TEXT_MAX - 3);
        assert_int_equal(keep(JUNIT_TEXT_MAX - 4, "\nab</failure><failure>more", piece),
                         JUNIT_TEXT_MAX);
        /* A word as long as a book is cut somewhere. */
        size_t kept = keep(3 * JUNIT_TEXT_MAX, "\n", piece);
        assert_true(kept < JUNIT_TEXT_MAX && kept > JUNIT_TEXT_MAX / 2);
    }
}

static int forget(void **state)
{
    free(text_end);
    return forget_cases(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entity_bombs_end_soon),
        cmocka_unit_test(nothing_from_outside_is_fetched),
        cmocka_unit_test(suites_nest_to_a_bound),
        cmocka_unit_test(other_elements_may_be_very_deep),
        cmocka_unit_test(encodings_are_utf8_in_the_end),
        cmocka_unit_test(what_is_in_no_known_encoding_is_refused),
        cmocka_unit_test(text_is_cut_between_words),
    };
    return cmocka_run_group_tests(tests, NULL, forget);
}
