/* SPDX-License-Identifier: MIT */
#include "mask.h"
#include "util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct mask *mask_of(const char *const *values)
{
    AUTO_STRV struct strv list = STRV_INIT;
    for (; *values; values++)
        strv_push(&list, *values);
    return mask_new(&list);
}

static void check_text(const struct mask *mask, const char *text, const char *expected)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    mask_text(mask, text, &out);
    assert_string_equal(strbuf_text(&out), expected);
}

static void values_become_stars(void **state)
{
    (void)state;
    struct mask *mask =
        mask_of((const char *[]){"secret", "secretary", "etaryx1", "line1\nline2", "aabaab", NULL});
    check_text(mask, "", "");
    check_text(mask, "nothing", "nothing");
    check_text(mask, "secret", "***");
    check_text(mask, "a secret, b", "a ***, b");
    check_text(mask, "secretary", "***");
    check_text(mask, "secretar", "***ar");
    check_text(mask, "secretsecret", "******");
    check_text(mask, "secresecret", "secre***");
    check_text(mask, "secretaryx1!", "***!");
    check_text(mask, "secretaryx!", "***x!");
    check_text(mask, "line1\nline2\n", "***\n");
    check_text(mask, "line1\nline3", "line1\nline3");
    check_text(mask, "aabaabaab", "***");
    check_text(mask, "aabaab aabaab", "*** ***");
    mask_free(mask);
}

static void nothing_to_mask_is_null(void **state)
{
    (void)state;
    struct strv none = STRV_INIT, empty = STRV_INIT;
    strv_push(&empty, "");
    assert_null(mask_new(NULL));
    assert_null(mask_new(&none));
    assert_null(mask_new(&empty));
    strv_free(&empty);
    check_text(NULL, "secret", "secret");
    assert_false(mask_found(NULL, "secret"));
    struct mask_stream stream = {.mask = NULL};
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    mask_feed(&stream, "a\0b", 3, &out);
    mask_end(&stream, &out);
    assert_int_equal(out.len, 3);
    mask_free(NULL);
}

static void only_what_may_be_a_secret_is_held(void **state)
{
    (void)state;
    struct mask *mask = mask_of((const char *[]){"secret", "secretary", NULL});
    struct mask_stream stream = {.mask = mask};
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    static const struct {
        const char *in, *out;
    } steps[] = {{"abc", "abc"}, {"s", ""},       {"x", "sx"},    {"ase", "a"},   {"secre", "se"},
                 {"t", ""},      {"ab", "***ab"}, {"secret", ""}, {"ary", "***"}, {"sec", ""}};
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        strbuf_clear(&out);
        mask_feed(&stream, steps[i].in, strlen(steps[i].in), &out);
        assert_string_equal(strbuf_text(&out), steps[i].out);
    }
    strbuf_clear(&out);
    mask_end(&stream, &out);
    assert_string_equal(strbuf_text(&out), "sec");
    /* The stream may start anew. */
    mask_feed(&stream, "ret", 3, &out);
    assert_string_equal(strbuf_text(&out), "secret");
    mask_end(&stream, &out);
    mask_free(mask);
}

static void words_with_secrets_are_found(void **state)
{
    (void)state;
    struct mask *mask = mask_of((const char *[]){"secret", "abcabd", NULL});
    assert_true(mask_found(mask, "--token=secret"));
    assert_true(mask_found(mask, "abcabcabd"));
    assert_false(mask_found(mask, "secre t"));
    assert_false(mask_found(mask, ""));
    mask_free(mask);
}

/* The plain way: mark what any value covers, then one "***" for each group that overlaps. */
static void reference(const struct strv *values, const char *text, size_t length,
                      struct strbuf *out)
{
    AUTO_FREE unsigned char *hidden = xcalloc(length + 1, 1); /* 1: hidden, 2: and goes on */
    for (size_t v = 0; v < values->n; v++) {
        size_t n = strlen(values->v[v]);
        for (size_t i = 0; i + n <= length; i++) {
            if (memcmp(text + i, values->v[v], n) != 0)
                continue;
            for (size_t k = i; k < i + n; k++)
                hidden[k] |= k + 1 < i + n ? 3 : 1;
        }
    }
    for (size_t i = 0; i < length; i++) {
        if (!hidden[i])
            strbuf_addch(out, text[i]);
        else if (!(hidden[i] & 2))
            strbuf_addstr(out, "***");
    }
}

static void random_text(struct strbuf *text, const struct strv *values, int letters)
{
    for (int n = rand() % 12; n >= 0; n--) {
        const char *value = values->v[(size_t)rand() % values->n];
        size_t length = strlen(value), part = (size_t)rand() % (length + 1);
        switch (rand() % 4) {
        case 0:
            strbuf_addstr(text, value);
            break;
        case 1:
            strbuf_add(text, value, part);
            break;
        case 2:
            strbuf_addstr(text, value + part);
            break;
        default:
            for (int k = rand() % 9; k > 0; k--)
                strbuf_addch(text, (char)('a' + rand() % letters));
        }
    }
}

static void random_values(struct strv *values, int letters)
{
    for (int n = rand() % 5; n >= 0; n--) {
        char value[24];
        size_t length = 1 + (size_t)rand() % (letters < 3 ? 8 : 20);
        for (size_t i = 0; i < length; i++)
            value[i] = (char)('a' + rand() % letters);
        strv_pushn(values, value, length);
    }
}

static void feed_chunks(const struct mask *mask, const struct strbuf *text, size_t chunk,
                        struct strbuf *out)
{
    struct mask_stream stream = {.mask = mask};
    for (size_t at = 0; at < text->len;) {
        size_t n = chunk ? chunk : (size_t)rand() % 7;
        n = n < text->len - at ? n : text->len - at;
        AUTO_FREE char *exact = xmemdup(text->buf + at, n);
        mask_feed(&stream, exact, n, out);
        at += n;
    }
    mask_end(&stream, out);
}

static void feed_halves(const struct mask *mask, const struct strbuf *text, size_t cut,
                        struct strbuf *out)
{
    struct mask_stream stream = {.mask = mask};
    mask_feed(&stream, text->buf, cut, out);
    mask_feed(&stream, text->buf + cut, text->len - cut, out);
    mask_end(&stream, out);
}

static void chunks_do_not_matter(void **state)
{
    (void)state;
    srand(11);
    for (int round = 0; round < 3000; round++) {
        AUTO_STRV struct strv values = STRV_INIT;
        AUTO_STRBUF struct strbuf text = STRBUF_INIT, expected = STRBUF_INIT, out = STRBUF_INIT;
        int letters = 1 + rand() % 4;
        random_values(&values, letters);
        random_text(&text, &values, letters);
        strbuf_addch(&text, '.');
        reference(&values, text.buf, text.len, &expected);
        struct mask *mask = mask_new(&values);
        for (size_t cut = 0; cut <= text.len; cut++) {
            strbuf_clear(&out);
            feed_halves(mask, &text, cut, &out);
            assert_string_equal(out.buf, expected.buf);
        }
        for (size_t chunk = 0; chunk < 4; chunk++) {
            strbuf_clear(&out);
            feed_chunks(mask, &text, chunk, &out);
            assert_string_equal(out.buf, expected.buf);
        }
        for (size_t i = 0; i < values.n; i++)
            assert_null(strstr(out.buf, values.v[i]));
        bool found = strcmp(text.buf, expected.buf) != 0;
        assert_int_equal(mask_found(mask, text.buf), found);
        mask_free(mask);
    }
}

/* Slow ways through: values that nearly match everywhere, byte by byte. A quadratic one would take
 * minutes. */
static void long_values_are_linear(void **state)
{
    (void)state;
    enum { LENGTH = 65536 };
    AUTO_STRV struct strv values = STRV_INIT;
    for (int i = 0; i < 20; i++) {
        char *value = xmalloc(LENGTH + 1);
        memset(value, 'a', LENGTH);
        memset(value + LENGTH - i - 1, 'b', (size_t)i + 1);
        value[LENGTH] = '\0';
        strv_take(&values, value);
    }
    strv_push(&values, "aaaaaaa");
    struct mask *mask = mask_new(&values);
    struct mask_stream stream = {.mask = mask};
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    for (int i = 0; i < 500000; i++)
        mask_feed(&stream, i % 200000 == 199999 ? "c" : "a", 1, &out);
    assert_true(stream.held.len < 3 * LENGTH);
    mask_feed(&stream, "ba", 2, &out);
    mask_end(&stream, &out);
    assert_string_equal(out.buf, "***c***c***a");
    mask_free(mask);
}

static void what_was_cut_off_shows_no_half(void **state)
{
    (void)state;
    const struct {
        const char *text, *expected;
    } cases[] = {
        {"a secret b", "a *** b"},
        {"a sec|, next", "a ..., next"},
        {"a sec", "a sec"},
        {"secret|", "***..."},
        {"|", "..."},
        {"", ""},
        {"secsec|secret", "sec...***"},
    };
    AUTO_STRV struct strv values = STRV_INIT;
    strv_push(&values, "secret");
    struct mask *mask = mask_new(&values);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        AUTO_STRBUF struct strbuf out = STRBUF_INIT;
        mask_cut_text(mask, cases[i].text, '|', &out);
        assert_string_equal(strbuf_text(&out), cases[i].expected);
    }
    AUTO_STRBUF struct strbuf plain = STRBUF_INIT;
    mask_cut_text(NULL, "sec|ret", '|', &plain);
    assert_string_equal(strbuf_text(&plain), "sec...ret");
    mask_free(mask);
}

static void texts_are_replaced_in_place(void **state)
{
    (void)state;
    AUTO_STRV struct strv values = STRV_INIT;
    strv_push(&values, "secret");
    struct mask *mask = mask_new(&values);
    AUTO_FREE char *text = xstrdup("a secret"), *none = NULL;
    mask_replace(mask, &text);
    mask_replace(mask, &none);
    assert_string_equal(text, "a ***");
    assert_null(none);
    mask_free(mask);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_cut_off_shows_no_half),
        cmocka_unit_test(texts_are_replaced_in_place),
        cmocka_unit_test(values_become_stars),
        cmocka_unit_test(nothing_to_mask_is_null),
        cmocka_unit_test(only_what_may_be_a_secret_is_held),
        cmocka_unit_test(words_with_secrets_are_found),
        cmocka_unit_test(chunks_do_not_matter),
        cmocka_unit_test(long_values_are_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
