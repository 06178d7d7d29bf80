/* SPDX-License-Identifier: MIT */
#include "trailer.h"
#include "util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD                                                                                       \
    "\x1e"                                                                                         \
    "ciplug-end n0nce "

/* NULL: the stream has a trailer. */
static const struct {
    const char *text, *output;
    int exit_code, signal;
} streams[] = {
    {HEAD "exit 0\n", "", 0, 0},
    {HEAD "exit 255\n", "", 255, 0},
    {HEAD "signal 9\n", "", -1, 9},
    {HEAD "signal 64\n", "", -1, 64},
    {"no newline" HEAD "exit 7\n", "no newline", 7, 0},
    {"line\n" HEAD "exit 10\n", "line\n", 10, 0},
    {"\x1e\x1e" HEAD "exit 1\n", "\x1e\x1e", 1, 0},
    {HEAD "exit 1\n" HEAD "exit 2\n", HEAD "exit 1\n", 2, 0},
    {HEAD "exi" HEAD "exit 3\n", HEAD "exi", 3, 0},
    {"", NULL, 0, 0},
    {"output\n", NULL, 0, 0},
    {"\x1e", NULL, 0, 0},
    {HEAD, NULL, 0, 0},
    {HEAD "exit", NULL, 0, 0},
    {HEAD "exit 0", NULL, 0, 0},
    {HEAD "exit 0\n\n", NULL, 0, 0},
    {HEAD "exit 0\nlate", NULL, 0, 0},
    {HEAD "exit 0\n\x1e", NULL, 0, 0},
    {HEAD "exit 0\r\n", NULL, 0, 0},
    {HEAD "exit \n", NULL, 0, 0},
    {HEAD "exit  1\n", NULL, 0, 0},
    {HEAD "exit -1\n", NULL, 0, 0},
    {HEAD "exit +1\n", NULL, 0, 0},
    {HEAD "exit 00\n", NULL, 0, 0},
    {HEAD "exit 01\n", NULL, 0, 0},
    {HEAD "exit 256\n", NULL, 0, 0},
    {HEAD "exit 4294967296\n", NULL, 0, 0},
    {HEAD "exit 1 \n", NULL, 0, 0},
    {HEAD "signal 0\n", NULL, 0, 0},
    {HEAD "signal 65\n", NULL, 0, 0},
    {HEAD "signal\n", NULL, 0, 0},
    {HEAD "stop 1\n", NULL, 0, 0},
    {"\x1e"
     "ciplug-end n0ncf exit 0\n",
     NULL, 0, 0},
    {"\x1e"
     "ciplug-end n0nce2 exit 0\n",
     NULL, 0, 0},
    {"\x1e"
     "ciplug-end  exit 0\n",
     NULL, 0, 0},
    {"ciplug-end n0nce exit 0\n", NULL, 0, 0},
};

/* Feed in pieces of `chunk` bytes, the first one of `first`, each at the very end of its memory. */
static void check(size_t i, size_t first, size_t chunk)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    struct trailer trailer;
    struct trailer_status status = {-2, -2};
    const char *text = streams[i].text;
    size_t length = strlen(text);
    trailer_init(&trailer, "n0nce");
    for (size_t at = 0, n = first; at < length; at += n, n = chunk) {
        n = n < length - at ? n : length - at;
        AUTO_FREE char *exact = xmemdup(text + at, n);
        trailer_feed(&trailer, exact, n, &out);
    }
    bool found = trailer_end(&trailer, &out, &status);
    assert_int_equal(found, streams[i].output != NULL);
    assert_string_equal(strbuf_text(&out), found ? streams[i].output : text);
    assert_int_equal(status.exit_code, found ? streams[i].exit_code : -2);
    assert_int_equal(status.signal, found ? streams[i].signal : -2);
}

static void trailers_are_told_from_output(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
        size_t length = strlen(streams[i].text);
        for (size_t cut = 0; cut <= length; cut++)
            check(i, cut, length + 1);
        for (size_t chunk = 1; chunk < 4; chunk++)
            check(i, chunk, chunk);
    }
}

static void every_status_is_read(void **state)
{
    (void)state;
    for (int number = -1; number < 1000; number++) {
        struct trailer trailer;
        struct trailer_status status;
        AUTO_STRBUF struct strbuf out = STRBUF_INIT;
        AUTO_FREE char *code = xasprintf(HEAD "exit %d\n", number);
        AUTO_FREE char *signal = xasprintf(HEAD "signal %d\n", number);
        trailer_init(&trailer, "n0nce");
        trailer_feed(&trailer, code, strlen(code), &out);
        assert_int_equal(trailer_end(&trailer, &out, &status), number >= 0 && number < 256);
        assert_true(out.len || (status.exit_code == number && status.signal == 0));
        strbuf_clear(&out);
        trailer_feed(&trailer, signal, strlen(signal), &out);
        assert_int_equal(trailer_end(&trailer, &out, &status), number > 0 && number < 65);
        assert_true(out.len || (status.exit_code == -1 && status.signal == number));
    }
}

/* Byte by byte: what is no trailer any more goes out at once. */
static void only_what_may_be_a_trailer_is_held(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
        bool whole;
    } steps[] = {{"abc\n", "abc\n", false},
                 {"a\x1e", "a", false},
                 {"b",
                  "\x1e"
                  "b",
                  false},
                 {HEAD, "", false},
                 {"exit 2", "", false},
                 {"5", "", false},
                 {"6", HEAD "exit 256", false},
                 {HEAD "exit 0", "", false},
                 {"1", HEAD "exit 01", false},
                 {HEAD "signal ", "", false},
                 {"0", HEAD "signal 0", false},
                 {HEAD "exit 25\n", "", true},
                 {"\x1e", HEAD "exit 25\n", false},
                 {"ciplug-end n0nce exit 3\n", "", true}};
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    struct trailer trailer;
    struct trailer_status status;
    trailer_init(&trailer, "n0nce");
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        strbuf_clear(&out);
        trailer_feed(&trailer, steps[i].in, strlen(steps[i].in), &out);
        assert_string_equal(strbuf_text(&out), steps[i].out);
        assert_int_equal(trailer_whole(&trailer, NULL), steps[i].whole);
    }
    assert_true(trailer_end(&trailer, &out, &status));
    assert_int_equal(status.exit_code, 3);
    assert_int_equal(out.len, 0);
    /* The next stream starts anew. */
    assert_false(trailer_end(&trailer, &out, &status));
}

static void nul_bytes_are_output(void **state)
{
    (void)state;
    static const char text[] = "a\0\x1e\0" HEAD "exit 0\0\n" HEAD "exit 0\n";
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    struct trailer trailer;
    size_t length = sizeof text - 1, end = strlen(HEAD "exit 0\n");
    trailer_init(&trailer, "n0nce");
    trailer_feed(&trailer, text, length, &out);
    assert_true(trailer_end(&trailer, &out, NULL));
    assert_int_equal(out.len, length - end);
    assert_memory_equal(out.buf, text, out.len);
}

static void a_long_nonce_fits(void **state)
{
    (void)state;
    char nonce[TRAILER_NONCE_MAX + 1];
    memset(nonce, 'x', TRAILER_NONCE_MAX);
    nonce[TRAILER_NONCE_MAX] = '\0';
    AUTO_FREE char *text = xasprintf("out\x1e"
                                     "ciplug-end %s signal 15\n",
                                     nonce);
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    struct trailer trailer;
    struct trailer_status status;
    trailer_init(&trailer, nonce);
    trailer_feed(&trailer, text, strlen(text), &out);
    assert_true(trailer_end(&trailer, &out, &status));
    assert_int_equal(status.signal, 15);
    assert_string_equal(strbuf_text(&out), "out");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trailers_are_told_from_output),
        cmocka_unit_test(every_status_is_read),
        cmocka_unit_test(only_what_may_be_a_trailer_is_held),
        cmocka_unit_test(nul_bytes_are_output),
        cmocka_unit_test(a_long_nonce_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
