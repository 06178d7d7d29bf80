/* SPDX-License-Identifier: MIT
 *
 * A guarded command's streams, taken apart into what is its own and what its client said.
 */
#include "marked.h"
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
#define END                                                                                        \
    "\x1e"                                                                                         \
    "ciplug-end n0nce "

static const struct {
    const char *in[2];
    bool merged, begun, whole;
    const char *out[2], *said;
    int exit_code;
    unsigned left;
} cases[] = {
    {{BEGIN END "exit 0 left 0\n", BEGIN END "exit 0 left 0\n"},
     false,
     true,
     true,
     {"", ""},
     "",
     0,
     0},
    {{BEGIN "out" END "exit 7 left 2\n", BEGIN "err\n" END "exit 7 left 2\n"},
     false,
     true,
     true,
     {"out", "err\n"},
     "",
     7,
     2},
    /* The client says something before and after. */
    {{"pulling\n" BEGIN "out\n" END "exit 3 left 0\n", BEGIN END "exit 3 left 0\nexit status 3\n"},
     false,
     true,
     true,
     {"out\n", ""},
     "pulling\nexit status 3\n",
     3,
     0},
    {{BEGIN END "exit 3 left 0\n",
      "a\nb" BEGIN "c" END "exit 3 left 0\n\x1e" END "exit 4 left 0\n"},
     false,
     true,
     true,
     {"", "c"},
     "a\nb\x1e" END "exit 4 left 0\n",
     3,
     0},
    /* Not on the standard output. */
    {{BEGIN END "exit 0 left 0\nx", BEGIN END "exit 0 left 0\n"},
     false,
     true,
     false,
     {END "exit 0 left 0\nx", ""},
     ""},
    {{BEGIN "out" END "exit 0 left 0\n", BEGIN "err"}, false, true, false, {"out", "err"}, ""},
    {{BEGIN "out", BEGIN "err" END "exit 0 left 0\n"}, false, true, false, {"out", "err"}, ""},
    {{BEGIN END "exit 0 left 0\n", BEGIN END "exit 1 left 0\n"}, false, true, false, {"", ""}, ""},
    {{BEGIN END "exit 0 left 0\n", BEGIN END "exit 0 left 1\n"}, false, true, false, {"", ""}, ""},
    {{BEGIN END "exit 0 left", BEGIN END "exit 0 left 0\n"},
     false,
     true,
     false,
     {END "exit 0 left", ""},
     ""},
    {{"", "Error response from daemon\n"},
     false,
     false,
     false,
     {"", ""},
     "Error response from daemon\n"},
    {{"", ""}, false, false, false, {"", ""}, ""},
    /* Of one stream only the standard output is the command's. */
    {{BEGIN "both" END "exit 0 left 0\n", "warning\n"},
     true,
     true,
     true,
     {"both", ""},
     "warning\n",
     0,
     0},
    {{BEGIN "both", BEGIN END "exit 0 left 0\n"},
     true,
     true,
     false,
     {"both", ""},
     BEGIN END "exit 0 left 0\n"},
};

static void feed(struct marked *marked, int stream, const char *text, size_t chunk,
                 struct strbuf *out)
{
    size_t length = strlen(text);
    for (size_t at = 0; at < length; at += chunk) {
        size_t n = chunk < length - at ? chunk : length - at;
        AUTO_FREE char *exact = xmemdup(text + at, n);
        marked_feed(marked, stream, exact, n, out);
    }
}

static void check(size_t i, size_t chunk)
{
    struct strbuf out[2] = {STRBUF_INIT, STRBUF_INIT};
    struct marked marked;
    struct trailer_status status = {0, 0};
    char said[256];
    marked_init(&marked, "n0nce", cases[i].merged, NULL);
    for (int stream = 1; stream <= 2; stream++)
        feed(&marked, stream, cases[i].in[stream - 1], chunk, &out[stream - 1]);
    assert_int_equal(marked_begun(&marked), cases[i].begun);
    assert_int_equal(marked_whole(&marked, &status), cases[i].whole);
    if (cases[i].whole) {
        assert_int_equal(status.exit_code, cases[i].exit_code);
        assert_int_equal(status.left, cases[i].left);
    }
    for (int stream = 1; stream <= 2; stream++) {
        marked_end(&marked, stream, &out[stream - 1]);
        assert_string_equal(strbuf_text(&out[stream - 1]), cases[i].out[stream - 1]);
        strbuf_free(&out[stream - 1]);
    }
    marked_said(&marked, said, sizeof said);
    assert_string_equal(said, cases[i].said);
    marked_free(&marked);
}

static void streams_are_taken_apart_at_any_border(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        for (size_t chunk = 1; chunk < 80; chunk++)
            check(i, chunk);
        check(i, 4096);
    }
}

/* The order in which the streams come says nothing. */
static void whole_is_only_as_long_as_nothing_follows(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    struct marked marked;
    marked_init(&marked, "n0nce", false, NULL);
    feed(&marked, 2, BEGIN END "exit 1 left 0\n", 1, &out);
    assert_false(marked_begun(&marked));
    feed(&marked, 1, BEGIN END "exit 1 left 0\n", 1, &out);
    assert_true(marked_whole(&marked, NULL));
    feed(&marked, 2, "Connection closed.\n", 19, &out);
    assert_true(marked_whole(&marked, NULL));
    assert_int_equal(out.len, 0);
    feed(&marked, 1, "x", 1, &out);
    assert_false(marked_whole(&marked, NULL));
    assert_string_equal(strbuf_text(&out), END "exit 1 left 0\nx");
    marked_free(&marked);
}

static void what_never_began_has_no_output(void **state)
{
    (void)state;
    struct marked marked;
    char said[64];
    marked_init(&marked, "n0nce", false, NULL);
    feed(&marked, 1,
         "\x1e"
         "ciplug-beg",
         3, NULL);
    marked_end(&marked, 1, NULL);
    marked_end(&marked, 2, NULL);
    marked_said(&marked, said, sizeof said);
    assert_string_equal(said, "\x1e"
                              "ciplug-beg");
    marked_free(&marked);
}

/* Long words are cut in front, at a line; secrets are masked before that, across any border. */
static void last_words_are_masked_and_cut(void **state)
{
    (void)state;
    AUTO_STRV struct strv values = STRV_INIT;
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    strv_push(&values, "hidden-value");
    struct mask *mask = mask_new(&values);
    for (int i = 0; i < 20000; i++)
        strbuf_addf(&text, "%d hidden-value\n", i);
    for (size_t chunk = 1; chunk < 9000; chunk = chunk * 3 + 1) {
        struct marked marked;
        char said[1000];
        marked_init(&marked, "n0nce", false, mask);
        feed(&marked, 1, strbuf_text(&text), chunk, &out);
        marked_end(&marked, 1, &out);
        marked_said(&marked, said, sizeof said);
        assert_int_equal(out.len, 0);
        assert_true(strlen(said) > sizeof said - 20);
        assert_memory_equal(said, "199", 3);
        assert_memory_equal(said + 5, " ***\n", 5);
        assert_non_null(strstr(said, "19999 ***\n"));
        for (size_t n = 3; n < 12; n++) {
            char part[16];
            memcpy(part, "hidden-value", n);
            part[n] = '\0';
            assert_null(strstr(said, part));
        }
        marked_free(&marked);
    }
    mask_free(mask);
}

static void nul_bytes_cut_nothing(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    struct marked marked;
    char said[32];
    marked_init(&marked, "n0nce", false, NULL);
    marked_feed(&marked, 1, "a\0b\n", 4, &out);
    marked_feed(&marked, 1, BEGIN "a\0b", sizeof BEGIN + 2, &out);
    assert_int_equal(out.len, 3);
    assert_memory_equal(out.buf, "a\0b", 3);
    marked_said(&marked, said, sizeof said);
    assert_string_equal(said, "a b\n");
    marked_free(&marked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_are_taken_apart_at_any_border),
        cmocka_unit_test(whole_is_only_as_long_as_nothing_follows),
        cmocka_unit_test(what_never_began_has_no_output),
        cmocka_unit_test(last_words_are_masked_and_cut),
        cmocka_unit_test(nul_bytes_cut_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
