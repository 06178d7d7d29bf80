/* SPDX-License-Identifier: MIT */
#include "trailer.h"
#include "util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BEGIN                                                                                      \
    "\x1e"                                                                                         \
    "ciplug-begin n0nce\n"
#define HEAD                                                                                       \
    "\x1e"                                                                                         \
    "ciplug-end n0nce "
#define NEVER "(never)"

/* A stream: what stands in front of its begin mark (NEVER: it has none, all of it does), what comes
 * behind, what of this is output (NULL: all, it has no trailer). */
static const struct {
    const char *before, *text, *output;
    int exit_code;
    unsigned left;
} streams[] = {
    {"", HEAD "exit 0 left 0\n", "", 0, 0},
    {"", HEAD "exit 255 left 0\n", "", 255, 0},
    {"", HEAD "exit 0 left 1\n", "", 0, 1},
    {"", HEAD "exit 10 left 10\n", "", 10, 10},
    {"", HEAD "exit 137 left 9999\n", "", 137, 9999},
    {"", "no newline" HEAD "exit 7 left 0\n", "no newline", 7, 0},
    {"", "line\n" HEAD "exit 10 left 0\n", "line\n", 10, 0},
    {"", "\x1e\x1e" HEAD "exit 1 left 0\n", "\x1e\x1e", 1, 0},
    {"", HEAD "exit 1 left 0\n" HEAD "exit 2 left 0\n", HEAD "exit 1 left 0\n", 2, 0},
    {"", HEAD "exi" HEAD "exit 3 left 0\n", HEAD "exi", 3, 0},
    {"", HEAD "exit 3 le" HEAD "exit 3 left 2\n", HEAD "exit 3 le", 3, 2},
    {"Welcome\n", "out" HEAD "exit 4 left 0\n", "out", 4, 0},
    {"\x1e", "out" HEAD "exit 4 left 0\n", "out", 4, 0},
    {"\x1e"
     "ciplug-begin n0nc",
     "out" HEAD "exit 4 left 0\n", "out", 4, 0},
    {"\x1e"
     "ciplug-begin n0nce ",
     "", NULL, 0, 0},
    {HEAD "exit 0 left 0\n", HEAD "exit 5 left 0\n", "", 5, 0},
    {"", BEGIN HEAD "exit 6 left 0\n", BEGIN, 6, 0},
    {"", "", NULL, 0, 0},
    {"", "output\n", NULL, 0, 0},
    {"", "\x1e", NULL, 0, 0},
    {"", HEAD, NULL, 0, 0},
    {"", HEAD "exit", NULL, 0, 0},
    {"", HEAD "exit 0", NULL, 0, 0},
    {"", HEAD "exit 0\n", NULL, 0, 0},
    {"", HEAD "exit 0 left", NULL, 0, 0},
    {"", HEAD "exit 0 left 0", NULL, 0, 0},
    {"", HEAD "exit 0 left 0\n\n", NULL, 0, 0},
    {"", HEAD "exit 0 left 0\nlate", NULL, 0, 0},
    {"", HEAD "exit 0 left 0\n\x1e", NULL, 0, 0},
    {"", HEAD "exit 0 left 0\r\n", NULL, 0, 0},
    {"", HEAD "exit  left 0\n", NULL, 0, 0},
    {"", HEAD "exit 0 left \n", NULL, 0, 0},
    {"", HEAD "exit  1 left 0\n", NULL, 0, 0},
    {"", HEAD "exit -1 left 0\n", NULL, 0, 0},
    {"", HEAD "exit +1 left 0\n", NULL, 0, 0},
    {"", HEAD "exit 00 left 0\n", NULL, 0, 0},
    {"", HEAD "exit 01 left 0\n", NULL, 0, 0},
    {"", HEAD "exit 0 left 00\n", NULL, 0, 0},
    {"", HEAD "exit 0 left 01\n", NULL, 0, 0},
    {"", HEAD "exit 0 left -1\n", NULL, 0, 0},
    {"", HEAD "exit 0 left 10000\n", NULL, 0, 0},
    {"", HEAD "exit 256 left 0\n", NULL, 0, 0},
    {"", HEAD "exit 4294967296 left 0\n", NULL, 0, 0},
    {"", HEAD "exit 0 left 4294967296\n", NULL, 0, 0},
    {"", HEAD "exit 1 left 0 \n", NULL, 0, 0},
    {"", HEAD "signal 9\n", NULL, 0, 0},
    {"", HEAD "signal 9 left 0\n", NULL, 0, 0},
    {"",
     "\x1e"
     "ciplug-end n0ncf exit 0 left 0\n",
     NULL, 0, 0},
    {"",
     "\x1e"
     "ciplug-end n0nce2 exit 0 left 0\n",
     NULL, 0, 0},
    {"",
     "\x1e"
     "ciplug-end  exit 0 left 0\n",
     NULL, 0, 0},
    {"", "ciplug-end n0nce exit 0 left 0\n", NULL, 0, 0},
    {NEVER, "", NULL, 0, 0},
    {NEVER, "Error response from daemon: no such container\n", NULL, 0, 0},
    {NEVER, "\x1e", NULL, 0, 0},
    {NEVER, HEAD "exit 0 left 0\n", NULL, 0, 0},
    {NEVER,
     "\x1e"
     "ciplug-begin n0nce",
     NULL, 0, 0},
    {NEVER,
     "\x1e"
     "ciplug-begin n0nce2\n",
     NULL, 0, 0},
    {NEVER,
     "\x1e"
     "ciplug-begin n0nce\r\n",
     NULL, 0, 0},
};

/* Feed in pieces of `chunk` bytes, the first one of `first`, each at the very end of its memory. */
static void feed(struct trailer *trailer, const char *text, size_t first, size_t chunk,
                 struct strbuf *out)
{
    size_t length = strlen(text);
    for (size_t at = 0, n = first; at < length; at += n, n = chunk) {
        n = n < length - at ? n : length - at;
        AUTO_FREE char *exact = xmemdup(text + at, n);
        trailer_feed(trailer, exact, n, out);
    }
}

static char *whole_stream(size_t i)
{
    if (strcmp(streams[i].before, NEVER) == 0)
        return xstrdup(streams[i].text);
    return xasprintf("%s%s%s", streams[i].before, BEGIN, streams[i].text);
}

static void check(size_t i, size_t first, size_t chunk)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    struct trailer trailer;
    struct trailer_status status = {-2, 77};
    bool never = strcmp(streams[i].before, NEVER) == 0;
    const char *text = streams[i].text, *output = streams[i].output;
    AUTO_FREE char *stream = whole_stream(i);
    trailer_init(&trailer, "n0nce");
    feed(&trailer, stream, first, chunk, &out);
    bool found = trailer_end(&trailer, &out, &status);
    assert_int_equal(trailer_begun(&trailer), !never);
    assert_int_equal(found, output != NULL);
    assert_string_equal(strbuf_text(&out), never ? "" : found ? output : text);
    assert_string_equal(strbuf_text(&trailer.before), never ? text : streams[i].before);
    assert_int_equal(status.exit_code, found ? streams[i].exit_code : -2);
    assert_int_equal(status.left, found ? streams[i].left : 77);
    trailer_free(&trailer);
}

static void trailers_are_told_from_output(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
        AUTO_FREE char *stream = whole_stream(i);
        size_t length = strlen(stream);
        for (size_t cut = 0; cut <= length; cut++)
            check(i, cut, length + 1);
        for (size_t chunk = 1; chunk < 4; chunk++)
            check(i, chunk, chunk);
    }
}

static void every_status_is_read(void **state)
{
    (void)state;
    for (int number = -1; number < 10100; number++) {
        struct trailer trailer;
        struct trailer_status status;
        AUTO_STRBUF struct strbuf out = STRBUF_INIT;
        AUTO_FREE char *code = xasprintf(BEGIN HEAD "exit %d left 3\n", number);
        AUTO_FREE char *left = xasprintf(HEAD "exit 3 left %d\n", number);
        trailer_init(&trailer, "n0nce");
        trailer_feed(&trailer, code, strlen(code), &out);
        assert_int_equal(trailer_end(&trailer, &out, &status), number >= 0 && number < 256);
        assert_true(out.len || (status.exit_code == number && status.left == 3));
        strbuf_clear(&out);
        trailer_feed(&trailer, left, strlen(left), &out);
        assert_int_equal(trailer_end(&trailer, &out, &status), number >= 0 && number < 10000);
        assert_true(out.len || (status.exit_code == 3 && status.left == (unsigned)number));
        trailer_free(&trailer);
    }
}

/* Step by step: what is no mark any more goes out at once. */
static void only_what_may_be_a_mark_is_held(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
        bool whole;
    } steps[] = {{"client\x1e", "", false},
                 {BEGIN, "", false},
                 {"abc\n", "abc\n", false},
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
                 {HEAD "s", HEAD "s", false},
                 {HEAD "exit 25 left 0", "", false},
                 {"\n", "", true},
                 {"\x1e", HEAD "exit 25 left 0\n", false},
                 {"ciplug-end n0nce exit 3 left 12\n", "", true}};
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
    assert_int_equal(status.left, 12);
    assert_int_equal(out.len, 0);
    assert_string_equal(strbuf_text(&trailer.before), "client\x1e");
    /* Nothing is left of it. */
    assert_false(trailer_end(&trailer, &out, &status));
    trailer_free(&trailer);
}

static void nul_bytes_are_output(void **state)
{
    (void)state;
    static const char text[] = BEGIN "a\0\x1e\0" HEAD "exit 0 left 0\0\n" HEAD "exit 0 left 0\n";
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    struct trailer trailer;
    size_t length = sizeof text - 1, begin = strlen(BEGIN), end = strlen(HEAD "exit 0 left 0\n");
    trailer_init(&trailer, "n0nce");
    trailer_feed(&trailer, text, length, &out);
    assert_true(trailer_end(&trailer, &out, NULL));
    assert_int_equal(out.len, length - begin - end);
    assert_memory_equal(out.buf, text + begin, out.len);
    trailer_free(&trailer);
}

/* However it comes, the last bytes in front of the mark are kept, and no more. */
static void the_end_of_what_stands_before_is_kept(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    for (unsigned i = 0; text.len < 3 * TRAILER_BEFORE_MAX; i++)
        strbuf_addf(&text, "%u\x1e", i);
    for (size_t length = TRAILER_BEFORE_MAX - 3; length < text.len; length += 1 + length / 7) {
        for (size_t chunk = 1; chunk <= length; chunk = chunk * 9 + 1) {
            AUTO_STRBUF struct strbuf out = STRBUF_INIT;
            AUTO_FREE char *part = xstrndup(text.buf, length);
            struct trailer trailer;
            trailer_init(&trailer, "n0nce");
            feed(&trailer, part, chunk, chunk, &out);
            assert_false(trailer_end(&trailer, &out, NULL));
            assert_int_equal(out.len, 0);
            size_t kept = length < TRAILER_BEFORE_MAX ? length : TRAILER_BEFORE_MAX;
            assert_string_equal(strbuf_text(&trailer.before), part + length - kept);
            trailer_free(&trailer);
        }
    }
}

static void a_long_nonce_fits(void **state)
{
    (void)state;
    char nonce[TRAILER_NONCE_MAX + 1];
    memset(nonce, 'x', TRAILER_NONCE_MAX);
    nonce[TRAILER_NONCE_MAX] = '\0';
    AUTO_FREE char *text = xasprintf("\x1e"
                                     "ciplug-begin %s\nout\x1e"
                                     "ciplug-end %s exit 255 left 9999\n",
                                     nonce, nonce);
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    struct trailer trailer;
    struct trailer_status status;
    trailer_init(&trailer, nonce);
    trailer_feed(&trailer, text, strlen(text), &out);
    assert_true(trailer_end(&trailer, &out, &status));
    assert_int_equal(status.left, 9999);
    assert_string_equal(strbuf_text(&out), "out");
    trailer_free(&trailer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trailers_are_told_from_output),
        cmocka_unit_test(every_status_is_read),
        cmocka_unit_test(only_what_may_be_a_mark_is_held),
        cmocka_unit_test(nul_bytes_are_output),
        cmocka_unit_test(the_end_of_what_stands_before_is_kept),
        cmocka_unit_test(a_long_nonce_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
