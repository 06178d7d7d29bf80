/* SPDX-License-Identifier: MIT */
#include "expand.h"
#include "util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char a_b[] = "a b", braces[] = "{number}";
static char *two[] = {a_b, braces, NULL};
static char py[] = "py", db[] = "db-name";
static char *py_names[] = {py, db, NULL};
static char v310[] = "3.10", its[] = "it's";
static char *py_values[] = {v310, its, NULL};
static const struct strv items = {two, 2, 0}, names = {py_names, 2, 0}, values = {py_values, 2, 0};
static const struct expand_vars vars = {.items = &items,
                                        .item = "a b",
                                        .number = "7",
                                        .count = "9",
                                        .worker = "2",
                                        .host = "local",
                                        .step = "unit",
                                        .run = "abcd1234",
                                        .attempt = "1",
                                        .project = "ciabcd1234w2",
                                        .names = &names,
                                        .values = &values};
static const struct expand_allowed all = {true, &names}, none = {false, NULL};

static void check_expand(const char *text, enum expand_mode mode, const char *expected)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    const char *error = NULL;
    if (expand(&out, text, mode, &vars, &error) < 0)
        fail_msg("<%s>: %s", text, error);
    if (strcmp(strbuf_text(&out), expected) != 0)
        fail_msg("<%s> became <%s>, not <%s>", text, strbuf_text(&out), expected);
}

static void texts_take_values_as_they_are(void **state)
{
    (void)state;
    setenv("EXPAND_TEST", "e {item}", 1);
    check_expand("", EXPAND_TEXT, "");
    check_expand("plain", EXPAND_TEXT, "plain");
    check_expand("{item}-{number}/{count} {worker} {host} {step} {run} {attempt} {project}",
                 EXPAND_TEXT, "a b-7/9 2 local unit abcd1234 1 ciabcd1234w2");
    check_expand("{py} {db-name}", EXPAND_TEXT, "3.10 it's");
    check_expand("{items}", EXPAND_TEXT, "a b {number}");
    check_expand("{item:raw} {items:raw} {py:raw} {number:raw}", EXPAND_TEXT,
                 "a b a b {number} 3.10 7");
    check_expand("{item:literal} {py:literal} {itme:literal}", EXPAND_TEXT, "{item} {py} {itme}");
    check_expand("{env:EXPAND_TEST}", EXPAND_TEXT, "e {item}");
}

static const char *const foreign[] = {
    "awk '{print $2}'",
    "${VAR}",
    "${item}",
    "{{.ID}}",
    "{{item}}",
    "{{ item }}",
    "{a,b}",
    "{1..3}",
    "find . -exec ls {} +",
    "{\"item\": 1}",
    "{item }",
    "{ item}",
    "{item,step}",
    "{",
    "{item",
    "{}",
    "{:}",
    "{:raw}",
    "{item:}",
    "{item:quote}",
    "{env}",
    "{env:}",
    "{env:1a}",
    "{env:a-b}",
    "{other}",
    "{p}",
    "{x:literal}",
    "{item1}",
    "${py}",
    "}{",
    "{item:raw:raw}",
};

static void other_braces_are_left_alone(void **state)
{
    (void)state;
    struct problems problems = {0};
    for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
        for (int mode = EXPAND_TEXT; mode <= EXPAND_KEY; mode++) {
            check_expand(foreign[i], (enum expand_mode)mode, foreign[i]);
            assert_int_equal(
                expand_check(foreign[i], (enum expand_mode)mode, &all, "f", 1, &problems), 0);
        }
    }
    assert_int_equal(problems.n, 0);
    problems_free(&problems);
    check_expand("{{item},{py}}", EXPAND_TEXT, "{a b,3.10}");
    check_expand("x{{number},}", EXPAND_TEXT, "x{7,}");
}

/* A matrix may have names that are near to others. */
static void known_names_are_no_near_misses(void **state)
{
    (void)state;
    struct problems problems = {0};
    AUTO_STRV struct strv close = STRV_INIT;
    strv_split(&close, "envs iter runs host2");
    const struct expand_allowed allowed = {true, &close};
    assert_int_equal(expand_check("{envs:raw} {iter} {runs} {host2} {env:PATH} {run}", EXPAND_TEXT,
                                  &allowed, NULL, 0, &problems),
                     0);
    assert_int_equal(expand_check("{host3}", EXPAND_TEXT, &allowed, NULL, 0, &problems), -1);
    problems_free(&problems);
}

static void keys_hold_what_names_a_unit(void **state)
{
    (void)state;
    check_expand("{item} {items} {step} {py} {item:raw}", EXPAND_KEY,
                 "a b a b {number} unit 3.10 a b");
    check_expand("{number} {worker} {run:raw} {env:HOME} {item:literal} {host}", EXPAND_KEY,
                 "{number} {worker} {run:raw} {env:HOME} {item:literal} {host}");
}

static void shell_words_are_quoted(void **state)
{
    (void)state;
    check_expand("x {item}", EXPAND_SHELL, "x 'a b'");
    check_expand("--out={item}.log", EXPAND_SHELL, "--out='a b'.log");
    check_expand("x {items} y", EXPAND_SHELL, "x 'a b' '{number}' y");
    check_expand("x {db-name}{py}", EXPAND_SHELL, "x 'it'\\''s''3.10'");
    check_expand("x {py} {item:raw} {item:literal}", EXPAND_SHELL, "x 3.10 a b {item}");
    check_expand("echo \"{number} '{run}'\"", EXPAND_SHELL, "echo \"7 'abcd1234'\"");
    check_expand("echo {number}>x", EXPAND_SHELL, "echo '7'>x");
    check_expand("echo \"{number}>x\" {number}", EXPAND_SHELL, "echo \"7>x\" 7");
}

/* Plain values stay readable, but not where they would be more than a word. */
static void plain_values_are_quoted_where_they_would_act(void **state)
{
    (void)state;
    static const struct {
        const char *value, *text, *expected;
    } texts[] = {
        {"spec/a_spec.rb", "rspec {item}", "rspec spec/a_spec.rb"},
        {"models", "rspec {item} -v", "rspec models -v"},
        {"models", "x --a={item} b/{item}/c {item}.log", "x --a=models b/models/c models.log"},
        {"-n", "x {item}", "x -n"},
        {"", "x {item} y", "x '' y"},
        {"2", "echo {item}>log", "echo '2'>log"},
        {"2", "echo {item} >log", "echo 2 >log"},
        {"2", "echo 1{item}>log", "echo 1'2'>log"},
        {"done", "{item}", "'done'"},
        {"one", "d{item}", "d'one'"},
        {"PATH", "{item}=x ls", "'PATH'=x ls"},
        {"A+", "{item}=x ls", "'A+'=x ls"},
        {"A=b", "{item} ls", "'A=b' ls"},
        {"x,y", "echo {a,{item}}", "echo {a,'x,y'}"},
        {"root", "ls ~{item}", "ls ~'root'"},
        {"root/x", "ls ~{item}", "ls ~'root/x'"},
        {"~", "ls {item}", "ls '~'"},
        {"#x", "ls {item}", "ls '#x'"},
        {"se", "ca\\\n{item}", "ca\\\n'se'"},
        {"if", "a;{item}", "a;'if'"},
        {"f", "{item}() { x; }", "'f'() { x; }"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        AUTO_STRBUF struct strbuf out = STRBUF_INIT;
        const char *error = NULL;
        struct expand_vars one = {.item = texts[i].value};
        assert_int_equal(expand(&out, texts[i].text, EXPAND_SHELL, &one, &error), 0);
        assert_string_equal(strbuf_text(&out), texts[i].expected);
    }
}

static void missing_values_are_named(void **state)
{
    (void)state;
    static const char *const texts[] = {"item", "items", "number",  "count",   "worker", "host",
                                        "step", "run",   "attempt", "project", "py"};
    const struct expand_vars empty = {.names = &names};
    unsetenv("EXPAND_TEST");
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        AUTO_STRBUF struct strbuf out = STRBUF_INIT;
        AUTO_FREE char *text = xasprintf("{%s}", texts[i]);
        const char *error = NULL;
        assert_int_equal(expand(&out, text, EXPAND_TEXT, &empty, &error), -1);
        assert_non_null(strstr(error, i < 10 ? text : "matrix"));
    }
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    const char *error = NULL;
    assert_int_equal(expand(&out, "{env:EXPAND_TEST}", EXPAND_TEXT, &vars, &error), -1);
    assert_non_null(strstr(error, "{env:NAME}"));
    assert_int_equal(expand(&out, "{env:PATH}", EXPAND_SHELL, &vars, &error), -1);
    assert_non_null(strstr(error, "write \"$NAME\""));
    const struct expand_vars evil = {.host = "$(x)"};
    assert_int_equal(expand(&out, "\"{host}\"", EXPAND_SHELL, &evil, &error), -1);
}

static const struct {
    const char *text;
    const char *problem; /* NULL: none */
} checks[] = {
    {"rspec {item}", NULL},
    {"rspec {items} {py} \"{number}\" '{run}' `{host}`", NULL},
    {"rspec \"{item}\"", "f:3: {item} stands inside double quotes, where it cannot be kept one "
                         "word: drop the quotes, or write \"$CI_ITEM\""},
    {"rspec '{item}'", "f:3: {item} stands inside single quotes, where it cannot be kept one "
                       "word: drop the quotes, or write \"$CI_ITEM\""},
    {"rspec $'{item}'", "inside single quotes"},
    {"x '{items}'", "{items} stands inside single quotes"},
    {"x \"{py}\"", "drop the quotes, or set env.NAME = {py} and write \"$NAME\""},
    {"`echo {item}`", "inside backticks, where it cannot be kept one word: use $(...), or"},
    {"cat <<EOF\n{item}\nEOF", "in a here-document"},
    {"cat <<'EOF'\n{item}\nEOF", "in a here-document"},
    {"cat <<-EOF\n\t{item}\n\tEOF\nx {item}", "in a here-document"},
    {"cat <<EOF\n{number} {step}\nEOF\necho {item}", NULL},
    {"cat <<EOF{item}\nEOF{item}", "in the delimiter of a here-document"},
    {"cat <<E{number}\n{item}\nE{worker}\nx\nE{number}\n", "in a here-document"},
    {"cat <<E{number}\nit's\nE{number}\n{item}", NULL},
    {"cat <<< {item}", NULL},
    {"\"$(cat {item})\"", NULL},
    {"\"$(cat \"{item}\")\"", "inside double quotes"},
    {"# it's {item}\n", "in a comment"},
    {"# it's {number} {item:raw} {item:literal}\n{item}", NULL},
    {"x#y {item}", NULL},
    {"${X:-{item}}", "inside ${...}"},
    {"${X:-{number}}{item}", NULL},
    {"${X:-{count}}\"{item}\"", "inside double quotes"},
    {"$((1 + {number}))", NULL},
    {"$((1 + {item}))", "inside $((...))"},
    {"\\{item}", "behind a backslash"},
    {"\\\"{item}", NULL},
    {"\"\\\"{item}\"", "inside double quotes"},
    {"case {item} in a) echo {item};; {py}) b;; esac", NULL},
    {"it's {item}", "inside single quotes that are never closed"},
    {"a \"b {item}", "inside double quotes that are never closed"},
    {"echo {item}; echo it's", NULL},
    {"$[1+{item}]", "cannot tell in what quotes {item} stands"},
    {"$\\\n{item}", "cannot tell"},
    {"\"{item:raw}\" '{item:literal}'", NULL},
    {"x={items}", "{items} becomes a word for each item"},
    {"{items}.log", "{items} becomes a word"},
    {"x \"a\"{items}", "{items} becomes a word"},
    {"x \\ {items}", "{items} becomes a word"},
    {"x >&{items}", "{items} becomes a word"},
    {"x {items}{item}", "{items} becomes a word"},
    {"rspec \\\n{items}\\\n -v;(x {items})|y {items}>z", NULL},
    {"cat <<E\nE\n{items}", NULL},
    {"echo {env:HOME}", "{env:HOME} does not work in a shell command: write \"$HOME\" instead"},
    {"{itme}", "f:3: unknown placeholder {itme} (did you mean {item}?)"},
    {"{Item}", "unknown placeholder {Item} (did you mean {item}?)"},
    {"{itemss}", "(did you mean {items}?)"},
    {"{iem}", "(did you mean {item}?)"},
    {"{nubmer}", "(did you mean {number}?)"},
    {"{wroker}", "(did you mean {worker}?)"},
    {"{PY}", "(did you mean {py}?)"},
    {"{dbname}", "(did you mean {db-name}?)"},
    {"{itme:raw}", "(did you mean {item:raw}?)"},
    {"{item:rwa}", "unknown placeholder {item:rwa} (did you mean {item:raw}?)"},
    {"{items:literl}", "(did you mean {items:literal}?)"},
    {"{evn:HOME}", "unknown placeholder {evn:HOME} (did you mean {env:HOME}?)"},
    {"{itme:literal}", NULL},
};

static void text_of(const struct problem *problem, struct strbuf *out)
{
    strbuf_addf(out, "%s:%d: %s", problem->file, problem->line, problem->text);
}

static void commands_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
        struct problems problems = {0};
        AUTO_STRBUF struct strbuf text = STRBUF_INIT;
        int status = expand_check(checks[i].text, EXPAND_SHELL, &all, "f", 3, &problems);
        if (problems.n)
            text_of(&problems.list[0], &text);
        bool good = checks[i].problem ? status == -1 && problems.n >= 1 &&
                                            strstr(strbuf_text(&text), checks[i].problem)
                                      : status == 0 && problems.n == 0;
        if (!good)
            fail_msg("<%s>: %d, %zu problems: %s", checks[i].text, status, problems.n,
                     strbuf_text(&text));
        problems_free(&problems);
    }
}

static void texts_are_checked(void **state)
{
    (void)state;
    struct problems problems = {0};
    setenv("EXPAND_TEST", "", 1);
    assert_int_equal(
        expand_check("'{item}' {env:EXPAND_TEST} x{items}", EXPAND_TEXT, &all, "f", 1, &problems),
        0);
    unsetenv("EXPAND_TEST");
    assert_int_equal(expand_check("{env:EXPAND_TEST}", EXPAND_TEXT, &all, "f", 1, &problems), -1);
    assert_string_equal(problems.list[0].text,
                        "{env:EXPAND_TEST}: the variable EXPAND_TEST is not set");
    assert_int_equal(expand_check("{item}", EXPAND_TEXT, &none, "f", 1, &problems), -1);
    assert_string_equal(problems.list[1].text, "{item}: this step has no items");
    assert_int_equal(expand_check("\"{items:raw}\"", EXPAND_SHELL, &none, "f", 1, &problems), -1);
    assert_string_equal(problems.list[2].text, "{items:raw}: this step has no items");
    assert_int_equal(
        expand_check("{item:literal} {number} {py}", EXPAND_TEXT, &none, NULL, 0, &problems), 0);
    /* All of them at once. */
    assert_int_equal(expand_check("{itme} {itmes} {evn:A}", EXPAND_KEY, &all, NULL, 0, &problems),
                     -1);
    assert_int_equal(problems.n, 6);
    problems_free(&problems);
}

static void words_stay_words(void **state)
{
    (void)state;
    AUTO_STRV struct strv words = STRV_INIT;
    const char *error = NULL;
    assert_int_equal(expand_words(&words, "x '{item} y' {items} a{items} {item} ''", &vars, &error),
                     0);
    static const char *const expected[] = {"x",   "a b y", "a b", "{number}", "aa b {number}",
                                           "a b", ""};
    assert_int_equal(words.n, ARRAY_SIZE(expected));
    for (size_t i = 0; i < words.n; i++)
        assert_string_equal(words.v[i], expected[i]);
    assert_int_equal(expand_words(&words, "x 'y", &vars, &error), -1);
    assert_non_null(strstr(error, "not closed"));
    const struct expand_vars empty = {0};
    assert_int_equal(expand_words(&words, "x {items}", &empty, &error), -1);
    assert_non_null(strstr(error, "{items}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_take_values_as_they_are),
        cmocka_unit_test(other_braces_are_left_alone),
        cmocka_unit_test(known_names_are_no_near_misses),
        cmocka_unit_test(keys_hold_what_names_a_unit),
        cmocka_unit_test(shell_words_are_quoted),
        cmocka_unit_test(plain_values_are_quoted_where_they_would_act),
        cmocka_unit_test(missing_values_are_named),
        cmocka_unit_test(commands_are_checked),
        cmocka_unit_test(texts_are_checked),
        cmocka_unit_test(words_stay_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
