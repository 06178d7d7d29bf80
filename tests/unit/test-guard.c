/* SPDX-License-Identifier: MIT */
#include "guard.h"
#include "trailer.h"
#include "util.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define WORDS   10000
#define LONGEST 24

static const struct guard_settings settings = {"n0nce", 15, true};

static void show(const struct argv *argv, const char *expected)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    guard_prelude(&out, argv, &settings);
    assert_string_equal(strbuf_text(&out), expected);
}

static void preludes_are_lines_of_printable_text(void **state)
{
    (void)state;
    AUTO_ARGV struct argv argv = ARGV_INIT;
    strv_push(&argv.words, "sh");
    show(&argv, "1 n0nce 15 1\nw sh\ngo\n");
    strv_push(&argv.words, "");
    strv_push(&argv.words, "-ec");
    strv_push(&argv.words, "echo \"a b\"\n");
    strv_push(&argv.words, "\\\x01\x7f\xff~ 7");
    strv_push(&argv.env, "A=b c ");
    strv_push(&argv.env, "UID=7");
    strv_push(&argv.env, "B=\t");
    argv.cwd = xstrdup("/a b");
    show(&argv, "1 n0nce 15 1\nv A=b c \nV B=\\0011\ne UID=7\nw sh\nw \nw -ec\n"
                "W echo \"a b\"\\0012\nW \\0134\\0001\\0177\\0377~ 7\nd /a b\ngo\n");
}

static void names_that_trouble_shells_go_through_env(void **state)
{
    (void)state;
    static const char *const odd[] = {"=",         "1A=",  "A-B=",     "A.B=",
                                      "\xc3\xa4=", "UID=", "BASH_X",   "g_nonce",
                                      "EPOCHx=1",  "_=",   "RANDOM=4", "A B=c"};
    static const char *const plain[] = {"A=",    "_A=",   "a1_=", "UIDS=1",
                                        "XUID=", "PATH=", "IFS=", "xg_="};
    for (size_t i = 0; i < ARRAY_SIZE(odd) + ARRAY_SIZE(plain); i++) {
        AUTO_ARGV struct argv argv = ARGV_INIT;
        AUTO_STRBUF struct strbuf out = STRBUF_INIT;
        bool is_odd = i < ARRAY_SIZE(odd);
        strv_push(&argv.env, is_odd ? odd[i] : plain[i - ARRAY_SIZE(odd)]);
        guard_prelude(&out, &argv, &settings);
        const char *line = strchr(out.buf, '\n') + 1;
        assert_int_equal(*line | 0x20, is_odd ? 'e' : 'v');
    }
}

static void nonces_are_letters_and_digits(void **state)
{
    (void)state;
    char one[GUARD_NONCE_SIZE], two[GUARD_NONCE_SIZE];
    assert_int_equal(guard_nonce(one), 0);
    assert_int_equal(guard_nonce(two), 0);
    assert_int_equal(strlen(one), GUARD_NONCE_SIZE - 1);
    assert_int_equal(strspn(one, "0123456789abcdef"), GUARD_NONCE_SIZE - 1);
    assert_string_not_equal(one, two);
    assert_true(GUARD_NONCE_SIZE - 1 <= TRAILER_NONCE_MAX);
}

static void the_guard_travels_as_an_argument(void **state)
{
    (void)state;
    AUTO_STRV struct strv words = STRV_INIT;
    guard_argv(&words);
    assert_int_equal(words.n, 4);
    assert_string_equal(words.v[0], "sh");
    assert_string_equal(words.v[1], "-c");
    assert_string_equal(words.v[3], "ciplug-guard");
    assert_true(strlen(words.v[2]) <
                16384); /* a word of a command line: 128 KiB with all escapes */
    assert_null(strstr(words.v[2], "\n\n"));
    assert_null(strstr(words.v[2], "\n#"));
    assert_null(strstr(words.v[2], "    #"));
}

/* Bytes but NUL, those that shells and printf know more often. */
static void random_word(char word[LONGEST + 1])
{
    static const char special[] = "\\\n\t '\"$`*?[]%0127cnax=-w\x80\xff\x01\x7f";
    size_t length = (size_t)random() % (LONGEST + 1);
    for (size_t i = 0; i < length; i++) {
        int byte = random() % 3 ? special[(size_t)random() % (sizeof special - 1)]
                                : (int)(random() % 255 + 1);
        word[i] = (char)byte;
    }
    word[length] = '\0';
}

static FILE *temporary(const struct strbuf *data)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    if (data) {
        assert_int_equal(fwrite(data->buf, 1, data->len, file), data->len);
        rewind(file);
    }
    return file;
}

/* A loop like the guard's, in a shell: the values, each with a NUL behind it. A substitution is a
 * process, so only some go through one. */
static const char loop[] =
    "IFS=' ' read -r x; i=0; while IFS= read -r line; do value=${line#? }; i=$((i + 1));"
    "case $line in go) exit ;;"
    "[W]*) case $i in *7) value=$(printf '%b.' \"$value\"); value=${value%.} ;;"
    "*) printf '%b\\0' \"$value\"; continue ;; esac ;; esac;"
    "printf '%s\\0' \"$value\"; done";

static void read_back(const char *shell, const struct strbuf *prelude, struct strbuf *out)
{
    FILE *in = temporary(prelude), *result = temporary(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fileno(in), 0);
        dup2(fileno(result), 1);
        execlp(shell, "sh", "-c", loop, (char *)NULL);
        _exit(errno == ENOENT ? 77 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WEXITSTATUS(status) == 77 && !getenv("CIPLUG_TEST_NO_SKIP"))
        skip();
    assert_int_equal(status, 0);
    rewind(result);
    char buffer[65536];
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, result)) > 0;)
        strbuf_add(out, buffer, n);
    fclose(in);
    fclose(result);
}

static void check_round_trip(const char *shell)
{
    AUTO_ARGV struct argv argv = ARGV_INIT;
    AUTO_STRBUF struct strbuf prelude = STRBUF_INIT, wanted = STRBUF_INIT, found = STRBUF_INIT;
    srandom(4);
    for (size_t i = 0; i < WORDS; i++) {
        char word[LONGEST + 1];
        random_word(word);
        strv_push(&argv.words, word);
        strbuf_add(&wanted, word, strlen(word) + 1);
    }
    guard_prelude(&prelude, &argv, &settings);
    read_back(shell, &prelude, &found);
    assert_int_equal(found.len, wanted.len);
    assert_memory_equal(found.buf, wanted.buf, wanted.len);
}

static void values_come_back_from_dash(void **state)
{
    (void)state;
    check_round_trip("dash");
}

static void values_come_back_from_busybox(void **state)
{
    (void)state;
    check_round_trip("busybox");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preludes_are_lines_of_printable_text),
        cmocka_unit_test(names_that_trouble_shells_go_through_env),
        cmocka_unit_test(nonces_are_letters_and_digits),
        cmocka_unit_test(the_guard_travels_as_an_argument),
        cmocka_unit_test(values_come_back_from_dash),
        cmocka_unit_test(values_come_back_from_busybox),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
