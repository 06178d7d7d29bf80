/* SPDX-License-Identifier: MIT
 *
 * Texts of others in a TAP document: what stands there, and that no bytes leave their line or their
 * quotes.
 */
#include "../../plugins/plain.c"
#include "../../plugins/tap_text.c"
#include "../../plugins/writer.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static char made[1 << 16];
static size_t n_made;

static int collect(struct ciplug_file *file, const void *bytes, size_t length)
{
    (void)file;
    assert_true(length < sizeof made - n_made);
    memcpy(made + n_made, bytes, length);
    n_made += length;
    made[n_made] = '\0';
    return 0;
}

static const struct ciplug_api api = {.size = sizeof api, .file_write = collect};
static struct writer writer = {.api = &api};

static const char *collected(void)
{
    n_made = 0;
    made[0] = '\0';
    flush(&writer);
    assert_false(writer.failed);
    return made;
}

static const char *line_of(const char *bytes)
{
    tap_line(&writer, bytes);
    return collected();
}

static const char *string_of(const char *bytes)
{
    tap_string(&writer, bytes);
    return collected();
}

static void a_line_has_no_directive(void **state)
{
    (void)state;
    assert_string_equal(line_of("a # SKIP b"), "a \\# SKIP b");
    assert_string_equal(line_of("a \\# TODO"), "a \\\\\\# TODO");
    assert_string_equal(line_of("\\"), "\\\\");
}

static void a_line_is_one_line(void **state)
{
    (void)state;
    assert_string_equal(line_of("a\nb\tc\rd"), "a b c d");
    assert_string_equal(line_of("a\302\205b\342\200\250c\177d\357\273\277e"), "a b c d e");
    assert_string_equal(line_of("\033[31mred\033[0m\377"), "red\357\277\275");
}

static void quotes_keep_what_would_be_lost(void **state)
{
    (void)state;
    assert_string_equal(line_of(""), "\"\"");
    assert_string_equal(line_of(" a"), "\" a\"");
    assert_string_equal(line_of("a "), "\"a \"");
    assert_string_equal(line_of("a {"), "\"a {\"");
    assert_string_equal(line_of("{ a }"), "{ a }");
}

static void strings_are_quoted(void **state)
{
    (void)state;
    assert_string_equal(string_of(""), "\"\"");
    assert_string_equal(string_of("a: \"b\" \\ 'c' # d"), "\"a: \\\"b\\\" \\\\ 'c' # d\"");
    assert_string_equal(string_of("a\nb\tc"), "\"a\\nb\\tc\"");
    assert_string_equal(string_of("\302\205\342\200\251\357\273\277\177"),
                        "\"\\u0085\\u2029\\ufeff\\u007f\"");
    assert_string_equal(string_of("\303\251\377"), "\"\303\251\357\277\275\"");
}

static uint64_t seed = 14;

static unsigned draw(unsigned below)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return (unsigned)(seed >> 33) % below;
}

static void check_line(const char *line)
{
    assert_null(strpbrk(line, "\n\t\r"));
    for (const char *c = line; *c; c++) {
        assert_int_not_equal(*c, '#');
        if (*c == '\\')
            assert_true(*++c == '\\' || *c == '#');
    }
}

/* One scalar, from the first quote to the last byte. */
static void check_string(const char *string)
{
    size_t length = strlen(string);
    assert_true(length >= 2 && string[0] == '"' && string[length - 1] == '"');
    for (size_t i = 1; i + 1 < length; i++) {
        assert_true((unsigned char)string[i] >= 0x20 && string[i] != 0x7f && string[i] != '"');
        if (string[i] != '\\')
            continue;
        assert_non_null(strchr("\"\\ntu", string[++i]));
        assert_true(i + 1 < length);
    }
}

static void any_bytes_stay_where_they_are(void **state)
{
    static const char nasty[] = "\n\t\r #\\\"{}\033[]\302\205\342\200\250\357\273\277\177a";
    (void)state;
    for (int round = 0; round < 20000; round++) {
        char bytes[24];
        unsigned n = draw(sizeof bytes);
        for (unsigned i = 0; i < n; i++)
            bytes[i] = draw(4) ? nasty[draw(sizeof nasty - 1)] : (char)(1 + draw(255));
        bytes[n] = '\0';
        check_line(line_of(bytes));
        check_string(string_of(bytes));
    }
}

static const char *log_of(const char *content, uint64_t most)
{
    char path[] = "/tmp/ciplug-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    close(fd);
    tap_log(&writer, 2, "stdout", path, most);
    unlink(path);
    return collected();
}

static void logs_are_lists_of_lines(void **state)
{
    (void)state;
    assert_string_equal(log_of("a\n\n\"b\"", 99),
                        "  stdout:\n    - \"a\"\n    - \"\"\n    - \"\\\"b\\\"\"\n");
    assert_string_equal(log_of("one\ntwo\nthree\n", 8),
                        "  stdout_bytes: 14\n  stdout:\n    - \"three\"\n");
    assert_string_equal(log_of("no end", 2), "  stdout_bytes: 6\n  stdout:\n    - \"nd\"\n");
    assert_string_equal(log_of("", 99), "");
    assert_string_equal(log_of("a", 0), "");
    tap_log(&writer, 2, "stdout", "/nonexistent", 99);
    assert_string_equal(collected(), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_no_directive),        cmocka_unit_test(a_line_is_one_line),
        cmocka_unit_test(quotes_keep_what_would_be_lost), cmocka_unit_test(strings_are_quoted),
        cmocka_unit_test(any_bytes_stay_where_they_are),  cmocka_unit_test(logs_are_lists_of_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
