/* SPDX-License-Identifier: MIT */
#include "harmless.h"
#include "util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct example {
    const char *in;
    const char *out;
};

/* Feed `in` in pieces of `step` bytes. */
static void check_stepped(const struct example *example, struct harmless start, bool finish,
                          size_t step)
{
    struct strbuf out = STRBUF_INIT;
    size_t length = strlen(example->in);
    for (size_t i = 0; i < length; i += step)
        harmless_feed(&start, example->in + i, length - i < step ? length - i : step, &out);
    harmless_end(&start, &out, finish);
    assert_string_equal(strbuf_text(&out), example->out);
    strbuf_free(&out);
}

static void check(const struct example *list, size_t n, struct harmless start, bool finish)
{
    for (size_t i = 0; i < n; i++) {
        check_stepped(&list[i], start, finish, 1);
        check_stepped(&list[i], start, finish, 2);
        check_stepped(&list[i], start, finish, 5);
        check_stepped(&list[i], start, finish, 1000);
    }
}

static void controls_become_visible(void **state)
{
    (void)state;
    static const struct example list[] = {
        {"", ""},
        {"plain\ttext\n", "plain\ttext\n"},
        {"\033]52;c;eA==\a", "^[]52;c;eA==^G"},
        {"\033[2A\033[K", "^[[2A^[[K"},
        {"\033[31mred\033[0m", "^[[31mred^[[0m"},
        {"\x7f\b\x01", "^?^H^A"},
        {"a\x9b"
         "b",
         "a<9B>b"},
        {"\xc2\x9b"
         "5m",
         "<9B>5m"},
        {"\xc2\xa0\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
         "\xc2\xa0\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\xc0\x80\xed\xa0\x80", "<C0><80><ED><A0><80>"},
        {"\xe2\x82", "<E2><82>"},
        {"\xe2\x82x", "<E2><82>x"},
        {"\xe2\x80\xae"
         "abc",
         "<U+202E>abc"},
        {"\033", "^["},
    };
    check(list, ARRAY_SIZE(list), (struct harmless){0}, false);
}

static void carriage_returns(void **state)
{
    (void)state;
    static const struct example list[] = {
        {"a\r\nb\r\n", "a\nb\n"}, {"10%\r20%\r\n", "10%\n20%\n"},
        {"a\r\r\n", "a\n"},       {"\rb", "b\n"},
        {"a\r", "a\n"},           {"a\r\033[K", "a\n^[[K\n"},
        {"\n\n", "\n\n"},         {"a\r\r\rb", "a\nb\n"},
    };
    check(list, ARRAY_SIZE(list), (struct harmless){0}, true);
}

static void colours_only_where_wanted(void **state)
{
    (void)state;
    static const struct example list[] = {
        {"\033[1;31mred\033[0m\n", "\033[1;31mred\033[0m\n"},
        {"\033[1;31mred\n", "\033[1;31mred\n\033[0m"},
        {"\033[mx", "\033[mx"},
        {"\033[38:5:1mx", "\033[38:5:1mx\033[0m"},
        {"\033[31Kx", "^[[31Kx"},
        {"\033[31", "^[[31"},
        {"\033[1111111111111111111111111111111111m", "^[[1111111111111111111111111111111111m"},
        {"\033\033[1m", "^[\033[1m\033[0m"},
    };
    check(list, ARRAY_SIZE(list), (struct harmless){.color = true}, false);
    static const struct example prefixed[] = {
        {"\033[31ma\nb\n", "[x] \033[31ma\033[0m\n[x] b\n"},
        {"\n", "[x] \n"},
        {"a\rb", "[x] a\n[x] b\n"},
    };
    check(prefixed, ARRAY_SIZE(prefixed), (struct harmless){.color = true, .prefix = "[x] "}, true);
}

static void names_are_one_line(void **state)
{
    (void)state;
    static const struct example list[] = {
        {"a\nb\tc\r", "a^Jb^Ic^M"},
        {"\033[32mPASS", "^[[32mPASS"},
        {"12345678901234567890", "12345678901234567890"},
        {"123456789012345678901", "12345678901234567..."},
        {"\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0\xe4"
         "\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0",
         "\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0\xe4"
         "\xbd\xa0..."},
        {"\xff\xe2\x82", "<FF><E2><82>"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
        struct strbuf out = STRBUF_INIT;
        harmless_name(&out, list[i].in, 20);
        assert_string_equal(strbuf_text(&out), list[i].out);
        strbuf_free(&out);
    }
}

/* Whatever comes in: no control but newline and tab goes out, and cuts change nothing. */
static void random_bytes_stay_harmless(void **state)
{
    (void)state;
    srand(1);
    for (int round = 0; round < 3000; round++) {
        unsigned char in[64];
        static const unsigned char often[] = {033,  '[',  '1',  'm',  '\r', '\n',
                                              0xe2, 0x82, 0xc2, 0x9b, ';'};
        for (size_t i = 0; i < sizeof in; i++)
            in[i] = rand() % 2 ? often[(size_t)rand() % sizeof often] : (unsigned char)rand();
        struct harmless whole = {.color = round % 2}, cut = whole;
        struct strbuf a = STRBUF_INIT, b = STRBUF_INIT;
        harmless_feed(&whole, in, sizeof in, &a);
        harmless_end(&whole, &a, true);
        for (size_t i = 0; i < sizeof in;) {
            size_t n = 1 + (size_t)rand() % 9;
            n = n < sizeof in - i ? n : sizeof in - i;
            harmless_feed(&cut, in + i, n, &b);
            i += n;
        }
        harmless_end(&cut, &b, true);
        assert_int_equal(a.len, b.len);
        assert_memory_equal(a.buf, b.buf, a.len);
        assert_true(utf8_valid(a.buf, a.len));
        for (size_t i = 0; i < a.len; i++) {
            unsigned char c = (unsigned char)a.buf[i];
            assert_true(c >= 0x20 || c == '\n' || c == '\t' || (c == 033 && round % 2));
        }
        strbuf_free(&a);
        strbuf_free(&b);
    }
}

/* The last: it is for the rest of the program. */
static void forbidden_bytes_never_stand(void **state)
{
    (void)state;
    static const struct example list[] = {
        {"##[group]x\n", "##<5B>group]x\n"},        {"a ##[x] ###[##[", "a ##<5B>x] ###<5B>##<5B>"},
        {"#[ [# # #[\n##\n[", "#[ [# # #[\n##\n["}, {"##\r[", "##\n["},
        {"##\t[##\xc3\xa4[", "##\t[##\xc3\xa4["},
    };
    static const struct example colored[] = {
        {"#\033[1m#\033[0m[", "#\033[1m#\033[0m<5B>"},
    };
    harmless_forbid("##[");
    check(list, ARRAY_SIZE(list), (struct harmless){0}, false);
    check(colored, ARRAY_SIZE(colored), (struct harmless){.color = true}, false);
    AUTO_STRBUF struct strbuf name = STRBUF_INIT;
    harmless_name(&name, "a##[b]", 20);
    assert_string_equal(strbuf_text(&name), "a##<5B>b]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(controls_become_visible),    cmocka_unit_test(carriage_returns),
        cmocka_unit_test(colours_only_where_wanted),  cmocka_unit_test(names_are_one_line),
        cmocka_unit_test(random_bytes_stay_harmless), cmocka_unit_test(forbidden_bytes_never_stand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
