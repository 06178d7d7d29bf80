/* SPDX-License-Identifier: MIT
 *
 * What the plugins' plain text promises, for any bytes and wherever they are cut.
 */
#include "../../plugins/plain.c"
#include "util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static char out[PLAIN_SIZE(4096)];

static const char *plain_of(const char *bytes, size_t length)
{
    struct plain plain = {0};
    size_t n = plain_feed(&plain, bytes, length, out);
    (void)plain_end(&plain, out + n);
    return out;
}

#define PLAIN(bytes) plain_of(bytes, sizeof(bytes) - 1)

static void escape_sequences_are_left_out(void **state)
{
    (void)state;
    assert_string_equal(PLAIN("\033[1;31mred\033[0m"), "red");
    assert_string_equal(PLAIN("\033]0;title\007a\033]8;;http://x\033\\b\033(Bc\033=d"), "abcd");
    assert_string_equal(PLAIN("\033]never ended\nnext"), "\nnext");
    assert_string_equal(PLAIN("a\033"), "a");
    assert_string_equal(PLAIN("\033\303\251"), "\303\251");
}

static void ends_of_lines_are_newlines(void **state)
{
    (void)state;
    assert_string_equal(PLAIN("a\r\nb\rc\n\nd\r\r\n"), "a\nb\nc\n\nd\n\n");
}

static void what_is_forbidden_is_replaced(void **state)
{
    (void)state;
    assert_string_equal(PLAIN("\0\001\b\t\177"), BAD BAD BAD "\t\177");
    assert_string_equal(PLAIN("\357\277\276\357\277\277\357\277\275"), BAD BAD BAD);
    assert_string_equal(PLAIN("\355\240\200"), BAD BAD BAD);
    assert_string_equal(PLAIN("\300\200\364\220\200\200"), BAD BAD BAD BAD BAD BAD);
    assert_string_equal(PLAIN("\342\202x\360\237\230\200\303"), BAD BAD "x\360\237\230\200" BAD);
}

static uint64_t seed = 68;

static unsigned draw(unsigned below)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return (unsigned)(seed >> 33) % below;
}

static size_t draw_bytes(char *bytes)
{
    static const char tempting[] = "\033[]\\m\007\r\n\t\303\251\342\202\254\360\237\230\200\355\240"
                                   "\357\277\276\277\300\364\220a;1";
    size_t length = draw(40);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (char)(draw(4) ? (unsigned char)tempting[draw(sizeof tempting)] : draw(256));
    return length;
}

static bool allowed(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p < 0x20 && *p != '\t' && *p != '\n')
            return false;
        if (p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe)
            return false;
    }
    return utf8_valid(text, strlen(text));
}

static void any_bytes_cut_anywhere(void **state)
{
    (void)state;
    for (int round = 0; round < 200000; round++) {
        char bytes[40], whole[PLAIN_SIZE(40)], cut[PLAIN_SIZE(40) + 32];
        size_t length = draw_bytes(bytes), n = 0;
        const char *plain_text = plain_of(bytes, length);
        memcpy(whole, plain_text, strlen(plain_text) + 1);
        assert_true(strlen(whole) < PLAIN_SIZE(length));
        assert_true(allowed(whole));
        struct plain plain = {0};
        for (size_t at = 0, piece; at < length; at += piece) {
            piece = 1 + draw((unsigned)(length - at));
            n += plain_feed(&plain, bytes + at, piece, cut + n);
        }
        (void)plain_end(&plain, cut + n);
        assert_string_equal(cut, whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escape_sequences_are_left_out),
        cmocka_unit_test(ends_of_lines_are_newlines),
        cmocka_unit_test(what_is_forbidden_is_replaced),
        cmocka_unit_test(any_bytes_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
