/* SPDX-License-Identifier: MIT */
#include "config-place.h"

/* The only value of a good file that starts with [step x]. */
static const char *value_of(const char *text)
{
    AUTO_FREE char *whole = xasprintf("[step x]\n%s", text);
    assert_string_equal(load(whole), "");
    assert_int_equal(config.n, 1);
    assert_int_equal(config.sections[0].n, 1);
    return config.sections[0].values[0].value;
}

static void sections_and_values_keep_order_and_lines(void **state)
{
    (void)state;
    assert_string_equal(load("; about\n"
                             "[ciplug]\n"
                             "plugins = shell junit\n"
                             "# more\n"
                             "\n"
                             "[compose]\n"
                             "   ; and more\n"
                             "[step image]\n"
                             "uses=compose.build\n"
                             "env.A_b  =  1\n"
                             "[ cleanup\tdown ]  \n"
                             "[host a-1_B]\n"
                             "workers\t=\t2   "),
                        "");
    assert_string_equal(read_back(),
                        "[ciplug]plugins=<shell junit>[compose][step image]uses=<compose.build>"
                        "env.A_b=<1>[cleanup down][host a-1_B]workers=<2>");
    assert_int_equal(config.sections[1].line, 6);
    assert_int_equal(config.sections[4].line, 12);
    assert_int_equal(config.sections[4].values[0].line, 13);
    assert_string_equal(config.sections[4].values[0].file, "ci.ini");
    assert_string_equal(config.sections[4].file, "ci.ini");
    const struct config_section *image = config_find(&config, "step", "image");
    assert_ptr_equal(image, &config.sections[2]);
    assert_string_equal(config_get(image, "env.A_b")->value, "1");
    assert_int_equal(config_get(image, "env.A_b")->line, 10);
    assert_null(config_get(image, "env"));
    assert_ptr_equal(config_find(&config, "compose", NULL), &config.sections[1]);
    assert_null(config_find(&config, "step", NULL));
    assert_null(config_find(&config, "cleanup", "image"));
    assert_null(config_find(&config, "compose", "image"));
}

static void values_hold_any_text(void **state)
{
    (void)state;
    assert_string_equal(value_of("c = a ; b"), "a ; b");
    assert_string_equal(value_of("c = a # b"), "a # b");
    assert_string_equal(value_of("c = ; b"), "; b");
    assert_string_equal(value_of("c = #b"), "#b");
    assert_string_equal(value_of("c = \"q ; q\"  \t"), "\"q ; q\"");
    assert_string_equal(value_of("c = x=y:z = [w]"), "x=y:z = [w]");
    assert_string_equal(value_of("c == x"), "= x");
    assert_string_equal(value_of("c=[x]"), "[x]");
    assert_string_equal(value_of("c = \xff\xfe \xc3\xa4\x01"), "\xff\xfe \xc3\xa4\x01");
    assert_string_equal(value_of("c ="), "");
    assert_string_equal(value_of("c =   \n\n"), "");
}

static void indented_lines_continue_a_value(void **state)
{
    (void)state;
    assert_string_equal(value_of("c = first\n  second\n"), "first\nsecond");
    assert_string_equal(value_of("c =\n  if x; then\n    y\n  fi\n"), "if x; then\n  y\nfi");
    assert_string_equal(value_of("c =\n    a\n  b\n\tc\n      d"), "a\nb\nc\n  d");
    assert_string_equal(value_of("c =\n\ta\n\t\tb\n"), "a\n\tb");
    assert_string_equal(value_of("c =\n  k = v\n  [no section]\n"), "k = v\n[no section]");
    assert_string_equal(value_of("c =\n  a  \n  b  \n"), "a  \nb");
    assert_string_equal(value_of("c = a \t\n  b"), "a\nb");
}

static void blank_and_comment_lines_between_belong_to_the_value(void **state)
{
    (void)state;
    assert_string_equal(value_of("c =\n  a\n\n\n  b\n\n\n"), "a\n\n\nb");
    assert_string_equal(value_of("c = a\n\n  b\n"), "a\n\nb");
    assert_string_equal(value_of("c =\n\n   \n  a\n"), "a");
    assert_string_equal(value_of("c =\n  a\n    \n  b\n"), "a\n  \nb");
    assert_string_equal(value_of("c =\n  #!/bin/sh\n  a\n# b\n  # c\n"), "#!/bin/sh\na\n# b\n# c");
    assert_string_equal(value_of("c =\n  a\n# b\n  c\n# not\n\n# this\n"), "a\n# b\nc");
    assert_string_equal(value_of("c =\n# b\n  a\n"), "# b\na");
    assert_string_equal(value_of("c = a\n# no\n"), "a");
    assert_string_equal(value_of("c = a\n\n# no\n; no\n"), "a");
    assert_string_equal(value_of("c =\n  a\n; a comment\n  b\n"), "a\nb");
    assert_string_equal(value_of("c =\n; a comment\n  ; a value\n  b\n"), "; a value\nb");
    assert_string_equal(load("[step x]\nc =\n  a\n\n# of d\nd = 1\n# e\n[host h]\n"), "");
    assert_string_equal(read_back(), "[step x]c=<a>d=<1>[host h]");
    assert_int_equal(config.sections[0].values[0].line, 2);
    assert_int_equal(config.sections[0].values[1].line, 6);
}

static void crlf_and_a_mark_are_accepted(void **state)
{
    (void)state;
    assert_string_equal(load("\xef\xbb\xbf[step x]\r\nc = a\r\n  b\r\n\r\n  c \r\nd = 1\r"), "");
    assert_string_equal(read_back(), "[step x]c=<a\nb\n\nc>d=<1>");
    assert_string_equal(load("\xef\xbb\xbf"), "");
    assert_int_equal(config.n, 0);
    assert_string_equal(load("[step x]\n\xef\xbb\xbf"
                             "c = 1\n"),
                        "ci.ini:2: bad key '\xef\xbb\xbf"
                        "c': keys are made of letters, digits, '_', '-' and '.'\n");
    assert_string_equal(load("\xef\xbb\xbf\xef\xbb\xbf"
                             "c = 1\n"),
                        "ci.ini:1: expected [section] or key = value, got '\xef\xbb\xbf"
                        "c = 1'\n");
}

static void nothing_is_no_problem(void **state)
{
    (void)state;
    assert_string_equal(load(""), "");
    assert_string_equal(load("\n\n; x\n   # y\n \t \n"), "");
    assert_int_equal(config.n, 0);
}

/* One fault each, and what is said about it. */
static const struct {
    const char *text, *problem;
} faults[] = {
    {"[step x]\nrubbish\na = 1\n", "2: expected [section] or key = value, got 'rubbish'"},
    {"[step x]\n= 5\n", "2: bad key '': a key is missing"},
    {"[step x]\na : b\n", "2: expected '=' behind the key, got ':' (write key = value)"},
    {"[step x]\na: b = c\n", "2: expected '=' behind the key, got ':' (write key = value)"},
    {"[step x]\na b = c\n", "2: bad key 'a b': keys are made of letters, digits, '_', '-' and '.'"},
    {"[step x]\n\xc3\xa4 = c\n",
     "2: bad key '\xc3\xa4': keys are made of letters, digits, '_', '-' and '.'"},
    {"[step x]\n\xff = c\n",
     "2: bad key '\\xff': keys are made of letters, digits, '_', '-' and '.'"},
    {"[step x]\na\x1b = c\n",
     "2: bad key 'a\\x1b': keys are made of letters, digits, '_', '-' and '.'"},
    {"[step x]\na = 1\n\nb = 2\na = 3\n", "5: duplicate key 'a' (first at line 2)"},
    {"[step x]\n  a = 1\n  b = 2\n",
     "2: indented line, but there is no value above that it could continue"},
    {"\n  [step x]\n", "2: indented line, but there is no value above that it could continue"},
    {"a = 1\nb = 2\n[step x]\n", "1: key 'a' before any [section]"},
    {"a = 1\n  b\n[step x]\n", "1: key 'a' before any [section]"},
    {"[step x]\na = 1\rb = 2\n", "2: carriage return without a line feed in column 6"},
    {"[step x]\ra = 1\r\r", "1: carriage return without a line feed in column 9"},
    {"[step x]\n; a\rb\n", "2: carriage return without a line feed in column 4"},
    {"[step x]\na = 1\r\r\n", "2: carriage return without a line feed in column 6"},
    {"[step x]\na =\n  b\n  c\rd\n", "4: carriage return without a line feed in column 4"},
    {"[unclosed\na = 1\n", "1: section header without ']': [unclosed"},
    {"[step x\na = 1\na2 = 1\n  b\n", "1: section header without ']': [step x"},
    {"[step x] ; why\na = 1\n", "1: text behind the ']' of a section header (comments stand on "
                                "lines of their own): [step x] ; why"},
    {"[step x]]\n", "1: text behind the ']' of a section header (comments stand on lines of their "
                    "own): [step x]]"},
    {"[]\na = 1\n", "1: bad section []: it has no name"},
    {"[ \t ]\n", "1: bad section []: it has no name"},
    {"[step]\n", "1: bad section [step]: it needs a name of its own"},
    {"[ cleanup ]\n", "1: bad section [cleanup]: it needs a name of its own"},
    {"[host]\n", "1: bad section [host]: it needs a name of its own"},
    {"[host local]\n", "1: bad section [host local]: 'local' is the name of this machine"},
    {"[step a b]\n", "1: bad section [step a b]: names are made of letters, digits, '_' and '-'"},
    {"[step ../a]\n", "1: bad section [step ../a]: names are made of letters, digits, '_' and '-'"},
    {"[step .]\n", "1: bad section [step .]: names are made of letters, digits, '_' and '-'"},
    {"[step \xff]\n",
     "1: bad section [step \\xff]: names are made of letters, digits, '_' and '-'"},
    {"[a.b]\n", "1: bad section [a.b]: names are made of letters, digits, '_' and '-'"},
    {"[a;b]\n", "1: bad section [a;b]: names are made of letters, digits, '_' and '-'"},
    {"[ciplug x]\n", "1: bad section [ciplug x]: it takes no name"},
    {"[stp x]\na = 1\n", "1: bad section [stp x]: only step, cleanup and host sections have names "
                         "of their own (did you mean 'step'?)"},
    {"[Host x]\n", "1: bad section [Host x]: only step, cleanup and host sections have names of "
                   "their own (did you mean 'host'?)"},
    {"[compose x]\n",
     "1: bad section [compose x]: only step, cleanup and host sections have names of their own"},
    {"[step x]\na = 1\n[step y]\na = 1\n[step x]\na = 2\n",
     "5: duplicate section [step x] (first at line 1)"},
    {"[step x]\n[cleanup x]\n",
     "2: duplicate name: [cleanup x] is already a step (first at line 1)"},
    {"[cleanup x]\n[step x]\n",
     "2: duplicate name: [step x] is already a cleanup (first at line 1)"},
    {"[host x]\n[step x]\n[x]\n[host x]\n", "4: duplicate section [host x] (first at line 1)"},
    {"[ciplug]\n\n[ciplug]\n", "3: duplicate section [ciplug] (first at line 1)"},
    {"[junit]\n[ junit]\n", "2: duplicate section [junit] (first at line 1)"},
};

static void each_fault_is_one_problem_at_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
        AUTO_FREE char *expected = xasprintf("ci.ini:%s\n", faults[i].problem);
        assert_string_equal(load(faults[i].text), expected);
    }
}

static void faults_are_reported_all_together(void **state)
{
    (void)state;
    assert_string_equal(load("[step x]\n"
                             "rubbish\n"
                             "  with more of it\n"
                             "a = 1\n"
                             "[step y\n"
                             "a = 1\n"
                             "a = 2\n"
                             "[step x]\n"
                             "a = 3\n"
                             "more rubbish\n"
                             "[step z]\n"
                             "b = 1\n"),
                        "ci.ini:2: expected [section] or key = value, got 'rubbish'\n"
                        "ci.ini:5: section header without ']': [step y\n"
                        "ci.ini:7: duplicate key 'a' (first at line 6)\n"
                        "ci.ini:8: duplicate section [step x] (first at line 1)\n"
                        "ci.ini:10: expected [section] or key = value, got 'more rubbish'\n");
    assert_string_equal(read_back(), "[step x]a=<1>[step z]b=<1>");
}

#define NUL_FILE(...) load_bytes(__VA_ARGS__, sizeof(__VA_ARGS__) - 1)

static void nul_is_refused_wherever_it_stands(void **state)
{
    (void)state;
    assert_string_equal(NUL_FILE("[step x]\na = 1\0; rm -rf\n"),
                        "ci.ini:2: NUL byte in column 6\n");
    assert_string_equal(NUL_FILE("[step x]\n\0\n"), "ci.ini:2: NUL byte in column 1\n");
    assert_string_equal(NUL_FILE("[step x]\n\0  a\n"), "ci.ini:2: NUL byte in column 1\n");
    assert_string_equal(NUL_FILE("[step x]\n; a\0b\n"), "ci.ini:2: NUL byte in column 4\n");
    assert_string_equal(NUL_FILE("[step x]\n  a\0b\n"), "ci.ini:2: NUL byte in column 4\n");
    assert_string_equal(NUL_FILE("[step x\0]\na = 1\n"), "ci.ini:1: NUL byte in column 8\n");
    assert_string_equal(NUL_FILE("[step x]\na =\n  b\n  c\0d\n"),
                        "ci.ini:4: NUL byte in column 4\n");
    assert_string_equal(NUL_FILE("[step x]\na\0 = 1\n  b\nc = 2\n"),
                        "ci.ini:2: NUL byte in column 2\n");
    assert_string_equal(read_back(), "[step x]c=<2>");
    assert_string_equal(NUL_FILE("[step x]\na\0 = 1\n  b\n"), "ci.ini:2: NUL byte in column 2\n");
}

/* Whatever stands in a file, reading it ends, with problems at lines it has. */
static void mutations_do_no_harm(void **state)
{
    (void)state;
    static const char seed[] = "\xef\xbb\xbf; c\r\n[ciplug]\nplugins = a b\n\n[step x]\nc =\n"
                               "  if a; then\n# d\n    b ; c\n\n  fi\nenv.A : 1\n[host h]\n"
                               "=\nw = 3\n[cleanup x]\n[step\n";
    static const char spice[] = "\0\r\n\n []=:;#.ab\xef\xbb\xbf\t\v";
    unsigned random = 1;
    for (int round = 0; round < 3000; round++) {
        char text[sizeof seed];
        memcpy(text, seed, sizeof seed);
        for (int i = 0; i < 1 + round % 9; i++) {
            random = random * 1103515245U + 12345U;
            size_t at = (random >> 8) % (sizeof seed - 1);
            random = random * 1103515245U + 12345U;
            text[at] = spice[(random >> 8) % (sizeof spice - 1)];
        }
        int lines = 1;
        for (size_t i = 0; i < sizeof seed; i++)
            lines += text[i] == '\n';
        load_bytes(text, sizeof seed - 1 - (random >> 20) % 20);
        for (size_t i = 0; i < problems.n; i++) {
            assert_in_range(problems.list[i].line, 1, lines);
            for (size_t j = 0; j < i; j++)
                assert_true(problems.list[i].line != problems.list[j].line);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sections_and_values_keep_order_and_lines),
        TEST(values_hold_any_text),
        TEST(indented_lines_continue_a_value),
        TEST(blank_and_comment_lines_between_belong_to_the_value),
        TEST(crlf_and_a_mark_are_accepted),
        TEST(nothing_is_no_problem),
        TEST(each_fault_is_one_problem_at_its_line),
        TEST(faults_are_reported_all_together),
        TEST(nul_is_refused_wherever_it_stands),
        TEST(mutations_do_no_harm),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
