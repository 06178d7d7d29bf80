/* SPDX-License-Identifier: MIT */
#include "strbuf.h"
#include "util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void strbuf_grows_and_cuts(void **state)
{
    (void)state;
    struct strbuf sb = STRBUF_INIT;
    assert_string_equal(strbuf_text(&sb), "");
    strbuf_cut(&sb, 0);
    for (int i = 0; i < 1000; i++)
        strbuf_addf(&sb, "%d,", i);
    assert_int_equal(sb.len, strlen(sb.buf));
    strbuf_cut(&sb, 4);
    assert_string_equal(sb.buf, "0,1,");
    strbuf_cut(&sb, 400);
    assert_int_equal(sb.len, 4);
    strbuf_clear(&sb);
    assert_string_equal(strbuf_text(&sb), "");
    strbuf_free(&sb);
}

static void setenv_replaces_whole_names_only(void **state)
{
    (void)state;
    struct strv env = STRV_INIT;
    strv_setenv(&env, "AB=1");
    strv_setenv(&env, "A=2");
    strv_setenv(&env, "AB=3");
    assert_int_equal(env.n, 2);
    assert_string_equal(strv_getenv(&env, "AB"), "3");
    assert_string_equal(strv_getenv(&env, "A"), "2");
    assert_null(strv_getenv(&env, "B"));
    strv_free(&env);
}

static void utf8_follows_rfc3629(void **state)
{
    (void)state;
    static const char *const good[] = {"", "a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    static const char *const bad[] = {"\x80", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\xc3", "\xff"};
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_true(utf8_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(utf8_valid(bad[i], strlen(bad[i])));
    assert_false(utf8_valid("a\0b", 3));
}

static void times_go_there_and_back(void **state)
{
    (void)state;
    char text[32];
    uint64_t back;
    format_rfc3339(text, sizeof text, UINT64_C(1700000000123) * NS_PER_MS);
    assert_string_equal(text, "2023-11-14T22:13:20.123Z");
    assert_int_equal(parse_rfc3339(text, &back), 0);
    assert_true(back == UINT64_C(1700000000123) * NS_PER_MS);
    assert_int_equal(parse_rfc3339("yesterday", &back), -1);
    assert_int_equal(parse_rfc3339("2026-00-02T03:04:05.678Z", &back), -1);
    assert_int_equal(parse_rfc3339("2026-01-02T03:04:75.678Z", &back), -1);
    assert_int_equal(parse_rfc3339("2026-02-30T03:04:05.678Z", &back), -1);
    assert_int_equal(parse_rfc3339("2026-1- 2T+3:04:05.678Z", &back), -1);
    assert_int_equal(parse_rfc3339("9999-01-02T03:04:05.678Z", &back), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strbuf_grows_and_cuts),
        cmocka_unit_test(setenv_replaces_whole_names_only),
        cmocka_unit_test(utf8_follows_rfc3629),
        cmocka_unit_test(times_go_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
