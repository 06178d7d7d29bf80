/* SPDX-License-Identifier: MIT
 *
 * What expand() writes is put before real shells: hostile values must come out byte for byte, and
 * nothing in them may run. One folder is the shells' current one; a file in it at the end is one
 * that a value made.
 */
#include "expand.h"
#include "util.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const shells[][3] = {{"dash", NULL}, {"bash", NULL}, {"busybox", "sh", NULL}};

/* Run a script and add its output. The shell's status, or -1: it is not installed. */
static int run_shell(const char *const *shell, const char *script, struct strbuf *out)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const char *argv[5] = {shell[0]};
        size_t n = shell[1] ? 2 : 1;
        argv[1] = shell[1];
        argv[n] = "-ec";
        argv[n + 1] = script;
        int null = open("/dev/null", O_RDWR);
        if (dup2(null, 0) < 0 || dup2(fileno(file), 1) < 0 || dup2(null, 2) < 0)
            _exit(126);
        execvp(argv[0], (char *const *)argv);
        _exit(99);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    char bytes[4096];
    rewind(file);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, file)) > 0;)
        strbuf_add(out, bytes, n);
    fclose(file);
    return WIFEXITED(status) && WEXITSTATUS(status) == 99 ? -1 : status;
}

/* One printf of each template; the bytes that must come out around the value. */
static const struct {
    const char *text, *before, *after;
    bool costly; /* it forks: not for every value */
} templates[] = {
    {"printf '%s\\0' {item}", "", ""},
    {"printf '%s\\0' --out={item}.log", "--out=", ".log"},
    {"printf '%s\\0' x{item}y'z'", "x", "yz"},
    {"printf '%s\\0' \\\n{item}", "", ""},
    {"printf '%s\\0' {item}>&1", "", ""},
    {"printf '%s\\0' a/{item}", "a/", ""},
    {"printf '%s\\0' {number}{item}{py}>&1", "7", "it's"},
    {"v={item}; printf '%s\\0' \"$v\"", "", ""},
    {"f() { printf '%s\\0' \"$1\"; }; f {item}", "", ""},
    {"for v in {item}; do printf '%s\\0' \"$v\"; done", "", ""},
    {"set -- {item}; printf '%s\\0' \"$#$1\"", "1", ""},
    {"# x 'y' {number} \"\nprintf '%s\\0' {item} # it's", "", ""},
    {"case x{item} in x{item}) printf '%s\\0' =\"\"{item};; esac", "=", ""},
    {"printf '%s\\0' \"$(printf '%s.' {item})\"", "", ".", true},
    {"printf '%s\\0' \"a $(printf '%s' \"b$(printf '%s.' {item})c\")d\"", "a b", ".cd", true},
    {"printf '%s\\0' \"${X_Y_Z:-$(printf '%s.' {item})}\"", "", ".", true},
    {"printf '%s\\0' \"$((1+$(: {item}; echo 2)))\"{item}", "3", "", true},
    {"v=$(case a in (b) ;; a) printf '%s.' {item};; esac); printf '%s\\0' \"$v\"", "", ".", true},
    {"cat <<E; printf '%s\\0' {item}\n{number}E\nE", "7E\n", "", true},
    {"(printf '%s\\0' {item})", "", "", true},
};

static struct strv hostile(void)
{
    /* clang-format off */
    static const char *const names[] = {
        "$(touch pwned)", "`touch pwned`", "; touch pwned", "| touch pwned", "& touch pwned",
        "&& touch pwned", "|| touch pwned", "\ntouch pwned\n", "a\ntouch pwned",
        "${IFS}touch${IFS}pwned", "'; touch pwned; '", "\"; touch pwned; \"", "';touch pwned;\"",
        "\\'; touch pwned; \\'", "'\\''; touch pwned", ") touch pwned", "); touch pwned; (",
        "}; touch pwned; {", ";; esac; touch pwned", "* ) touch pwned;;", "\nE\ntouch pwned\n",
        "# \ntouch pwned", "> pwned", ">pwned", ">>pwned", ">|pwned", "<>pwned", "2>pwned",
        "< /etc/passwd", "<(touch pwned)", "$((1+1))", "$((x=$(touch pwned)))", "a[$(touch pwned)]",
        "${x:-$(touch pwned)}", "${x:=y}", "$'\\n'", "$\"x\"", "!", "!!", "!x", "~", "~root", "~+",
        "*", "?", "[a-z]", "[!a]", "{a,b}", "{1..3}", "{", "}", "{}", "(", ")", "()", "((", "))",
        "[", "]", "[[", "]]", "<", ">", "<<", "<<E", "<<<x", "|", "||", "&", "&&", ";", ";;", "\\",
        "\\\\", "\\\n", "\n", "\n\n", "a\n", " ", "  ", "\t", " a ", "\r", "a\r\n", "'", "''", "\"",
        "\"\"", "`", "``", "$", "$$", "$x", "$1", "$@", "$*", "$#", "$?", "$!", "$-", "#", "#x",
        "x#", "-", "--", "-n", "-e", "-c", "--help", "-\n", "=", "A=b", "A=", "=b", "PATH=",
        "PATH=/x", "A+=b", "if", "then", "else", "elif", "fi", "case", "esac", "in", "for", "while",
        "until", "do", "done", "select", "time", "function", "coproc", "exit", "return", "break",
        "eval", "exec", "set", ".", ":", "..", "/", "//", "1", "2", "10", "007", "1.5", "0x1",
        "1e5", "%s", "%n", "%1", "%%", "\\0", "\\n", "\\c", "\\x41", "\\101", "@", "^", "+", ",",
        "a,b", "a:b", "_", "null", "{item}", "{number}", "{item:raw}", "${item}", "{{item}}",
        "{env:HOME}", "{itme}", "\xc3\xa4", "\xff", "\xc3", "\xed\xa0\x80", "\xf0\x9f\x98\x80",
        "\xe2\x80\xae", "\x01", "\x01\x01", "\x7f", "\x01\x7f", "\x1b[31m", "\x1b]0;x\x07", "\x08",
        "\x0b", "\x0c", "\x80\x81\x82", "'\xff'", "it's", "a'b'c", "a\"b\"c", "a\\b", "a b", "a  b",
        "O'Reilly & Sons; \"x\" $y `z`", "spec/a b/c'd_spec.rb[1:2]", "x;y", "x&y", "x|y", "x>y",
        "x<y", "x(y)", "x*y", "x?y", "x=y", "x~y", "x!y", "x^y", "",
    };
    /* clang-format on */
    struct strv values = STRV_INIT;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        strv_push(&values, names[i]);
    for (int byte = 1; byte < 256; byte++)
        strv_take(&values, xasprintf("%c", byte));
    return values;
}

static char *random_value(void)
{
    static const char likely[] = "'\"`$(){}[]<>|&;\\ \n\t#*?!~=-,:%@ab12";
    char value[40];
    size_t length = (size_t)rand() % (sizeof value - 1);
    for (size_t i = 0; i < length; i++)
        value[i] =
            rand() % 2 ? likely[(size_t)rand() % (sizeof likely - 1)] : (char)(1 + rand() % 255);
    value[length] = '\0';
    return xstrdup(value);
}

static void add_case(struct strbuf *script, struct strbuf *expected, const char *value, size_t t)
{
    static char name[] = "py", its[] = "it's", *name_v[] = {name, NULL}, *its_v[] = {its, NULL};
    const struct strv names = {name_v, 1, 0}, values = {its_v, 1, 0};
    const struct expand_vars vars = {
        .item = value, .number = "7", .names = &names, .values = &values};
    const char *error = NULL;
    if (expand(script, templates[t].text, EXPAND_SHELL, &vars, &error) < 0)
        fail_msg("%s: %s", templates[t].text, error);
    strbuf_addch(script, '\n');
    strbuf_addf(expected, "%s%s%s", templates[t].before, value, templates[t].after);
    strbuf_add(expected, "", 1);
}

static void compare(const char *shell, const struct strbuf *out, const struct strbuf *expected)
{
    size_t same = 0;
    while (same < out->len && same < expected->len && out->buf[same] == expected->buf[same])
        same++;
    if (same < out->len || same < expected->len)
        fail_msg("%s: other bytes at %zu: %s, not %s", shell, same, strbuf_text(out) + same,
                 strbuf_text(expected) + same);
}

static void run_batch(struct strbuf *script, struct strbuf *expected)
{
    for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
        AUTO_STRBUF struct strbuf out = STRBUF_INIT;
        if (run_shell(shells[i], script->buf, &out) != -1)
            compare(shells[i][0], &out, expected);
    }
    strbuf_clear(script);
    strbuf_clear(expected);
}

static void templates_pass_the_check(void **state)
{
    (void)state;
    struct problems problems = {0};
    static char name[] = "py", *name_v[] = {name, NULL};
    const struct strv names = {name_v, 1, 0};
    const struct expand_allowed allowed = {true, &names};
    for (size_t t = 0; t < ARRAY_SIZE(templates); t++)
        assert_int_equal(expand_check(templates[t].text, EXPAND_SHELL, &allowed, "f", 1, &problems),
                         0);
    for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
        AUTO_STRBUF struct strbuf out = STRBUF_INIT;
        if (run_shell(shells[i], ":", &out) == -1)
            print_message("no %s here: not tried\n", shells[i][0]);
    }
}

static void values_come_out_byte_for_byte(void **state)
{
    (void)state;
    enum { RANDOM = 2000, SCRIPT = 60000 };
    AUTO_STRV struct strv values = hostile();
    AUTO_STRBUF struct strbuf script = STRBUF_INIT, expected = STRBUF_INIT;
    size_t fixed = values.n;
    srand(3);
    for (int i = 0; i < RANDOM; i++)
        strv_take(&values, random_value());
    for (size_t i = 0; i < values.n; i++) {
        for (size_t t = 0; t < ARRAY_SIZE(templates); t++) {
            if (!templates[t].costly || (i + t) % (i < fixed ? 16 : 128) == 0)
                add_case(&script, &expected, values.v[i], t);
        }
        if (script.len > SCRIPT || i + 1 == values.n)
            run_batch(&script, &expected);
    }
}

static void many_items_are_a_word_each(void **state)
{
    (void)state;
    AUTO_STRV struct strv values = hostile();
    AUTO_STRBUF struct strbuf script = STRBUF_INIT, expected = STRBUF_INIT;
    const struct expand_vars vars = {.items = &values};
    const char *error = NULL;
    assert_int_equal(expand(&script, "printf '%s\\0' {items}>&1; echo {items} >/dev/null",
                            EXPAND_SHELL, &vars, &error),
                     0);
    for (size_t i = 0; i < values.n; i++)
        strbuf_add(&expected, values.v[i], strlen(values.v[i]) + 1);
    run_batch(&script, &expected);
}

/* At the place of a command a value is a command's name, never a keyword or an assignment. */
static void values_are_no_syntax(void **state)
{
    (void)state;
    static const char *const words[] = {"if", "done", "esac", "fi",  "time",  "then", "X=1", "!",
                                        "{",  "}",    "case", "for", "while", "do",   "in",  "2"};
    AUTO_STRBUF struct strbuf script = STRBUF_INIT, expected = STRBUF_INIT;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        const struct expand_vars vars = {.item = words[i]};
        const char *error = NULL;
        assert_int_equal(
            expand(&script, "{item} x || printf '%s\\0' \"$?\"\n", EXPAND_SHELL, &vars, &error), 0);
        strbuf_add(&expected, "127", 4);
    }
    run_batch(&script, &expected);
}

/* Commands made of pieces at random: where the check lets {item} pass, nothing in it may run. */
static void what_the_check_lets_pass_is_safe(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "'",     "'",      "\"",   "\"",    "\"",      "`",    "$(",  "$(",        ")",
        ")",     "${X:-",  "${X#", "}",     "$((",     "))",   "1+",  "<<E ",      "<<'E' ",
        "<<-E ", "\nE\n",  "\n",   "\n",    "\\",      "\\\n", "#",   " # ",       "case x in ",
        "a) ",   "(a) ",   "esac", ";; ",   "echo ",   ": ",   "x",   " ",         " ",
        "(",     ";",      "|",    "&",     "$'",      "$",    "$X",  "for i in ", "for i do ",
        "do ",   "done\n", "if ",  "then ", "fi;",     "{ ",   "}; ", "<<<",       "f() ",
        "a=(",   "<(",     "((",   "=",     "{number}"};
    static const char *const values[] = {("x'\"`;touch pwned;$(touch pwned)`touch pwned`\ntouch "
                                          "pwned\nE\ntouch pwned\n}) )) touch pwned;;\n"),
                                         "'\ntouch pwned\n\"\ntouch pwned\n'",
                                         "\nE\ntouch pwned\n",
                                         "\"$(touch pwned)\"`touch pwned`",
                                         ")\ntouch pwned\n(",
                                         "a$(touch pwned)'$(touch pwned)",
                                         "#\ntouch pwned"};
    const struct expand_allowed allowed = {true, NULL};
    const char *rounds = getenv("CIPLUG_TEST_ROUNDS");
    unsigned passed = 0;
    srand(rounds ? (unsigned)strtoul(rounds, NULL, 10) : 5);
    for (long left = rounds ? strtol(rounds, NULL, 10) : 200; left > 0;) {
        AUTO_STRBUF struct strbuf text = STRBUF_INIT, script = STRBUF_INIT;
        for (int n = 2 + rand() % 14; n > 0; n--)
            strbuf_addstr(&text,
                          rand() % 5 ? parts[(size_t)rand() % ARRAY_SIZE(parts)] : " {item} ");
        struct problems problems = {0};
        int status = expand_check(text.buf, EXPAND_SHELL, &allowed, NULL, 0, &problems);
        problems_free(&problems);
        if (status < 0 || !strstr(text.buf, "{item}"))
            continue;
        left--;
        const struct expand_vars vars = {.item = values[(size_t)rand() % ARRAY_SIZE(values)],
                                         .number = "7"};
        const char *error = NULL;
        assert_int_equal(expand(&script, text.buf, EXPAND_SHELL, &vars, &error), 0);
        for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
            AUTO_STRBUF struct strbuf out = STRBUF_INIT;
            passed += run_shell(shells[i], script.buf, &out) == 0;
            if (unlink("pwned") == 0)
                fail_msg("%s ran it: <%s> became <%s>", shells[i][0], text.buf, script.buf);
        }
    }
    assert_true(passed > 0);
}

static char folder[] = "/tmp/expand-XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? chdir(folder) : -1;
}

/* Only an empty folder goes away like this. */
static int leave_folder(void **state)
{
    (void)state;
    return chdir("/") || rmdir(folder);
}

static int clear_folder(void **state)
{
    (void)state;
    AUTO_FREE char *script = xasprintf("rm -rf -- %s; mkdir %s", folder, folder);
    static const char *const sh[] = {"sh", NULL};
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    return chdir("/") || run_shell(sh, script, &out) || chdir(folder);
}

static int check_folder(void **state)
{
    return leave_folder(state) || mkdir(folder, 0700) || chdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_pass_the_check),
        cmocka_unit_test_teardown(values_come_out_byte_for_byte, check_folder),
        cmocka_unit_test_teardown(many_items_are_a_word_each, check_folder),
        cmocka_unit_test_teardown(values_are_no_syntax, check_folder),
        cmocka_unit_test_teardown(what_the_check_lets_pass_is_safe, clear_folder),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
