/* SPDX-License-Identifier: MIT */
#include "shellscan.h"
#include "strbuf.h"
#include "util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* In a text each @ is a place to ask about; the letters are the answers in order. */
static const char letters[] = "WSDBHLCPAE+?";

static const struct {
    const char *text, *answers;
} cases[] = {
    /* quotes */
    {"a @ b", "W"},
    {"a '@' @", "SW"},
    {"a \"@\" @", "DW"},
    {"a 'b' @", "W"},
    {"a 'b'@'c'", "W"},
    {"a \"b\"@\"c\"", "W"},
    {"a \"b '@' c\" @", "DW"},
    {"a 'b \"@\" c' @", "SW"},
    {"a \"b\" '@'", "S"},
    {"\\\"@", "W"},
    {"\\'@'@'", "WS"},
    {"\"\\\"@\"@", "DW"},
    {"\"\\\\\"@\"@\"", "WD"},
    {"'\\'@", "W"},
    {"\\@", "E"},
    {"\\\\@", "W"},
    {"a\\\n@", "W"},
    {"$'@'@", "SW"},
    {"$'a\\\\'@", "W"},
    {"$'a\\'@'", "?"},
    {"$\"@\"@", "DW"},
    {"\"$'@'\"@", "DW"},
    {"echo it's @", "S"},
    {"echo \"@", "D"},
    {"'a\n@\nb' @", "SW"},
    /* expansions */
    {"$@ @", "WW"},
    {"$$@", "W"},
    {"${X:-@}@", "PW"},
    {"${X:-'@'}@", "SW"},
    {"${X:-'}'}@", "W"},
    {"${X:-\"@}\"}@", "DW"},
    {"${X:-\\}@}@", "PW"},
    {"${X:-{@}@", "PW"},
    {"${#X} @", "W"},
    {"${X#'}'}@", "W"},
    {"${X#\\#} # @", "C"},
    {"\"${X:-@}\"@", "PW"},
    {"\"${X:-'@}'}\"@", "??"},
    {"\"${X:-\"@\"}\"@", "DW"},
    {"\"${X:-\"}\"}\"@", "?"},
    {"${X:-${Y:-@}@}@", "PPW"},
    {"${X:-$(echo @)@}@", "WPW"},
    {"${ echo @; }@", "??"},
    {"$(( 1 + @ ))@", "AW"},
    {"$(( (1) + @ ))@", "AW"},
    {"\"$((1+@))@\"@", "ADW"},
    {"$((1+$(wc -l @)))@", "WW"},
    {"$((1<<2))\n@", "W"},
    {"$((16#ff)) @", "W"},
    {"$((a); (@))", "?"},
    {"$((1+\"@\"))@", "??"},
    {"$[1+@]@", "??"},
    {"$\\\n@", "?"},
    {"$(echo @)@", "WW"},
    {"\"$(echo @)@\"@", "WDW"},
    {"\"$(echo \"@\" @)@\"@", "DWDW"},
    {"\"$(echo '\"' @)@\"@", "WDW"},
    {"\"$(echo \"$(echo @ \"@\")@\")@\"@", "WDDDW"},
    {"$(echo \\) @)\"@\"", "WD"},
    {"$( (a) @)\"@\"", "WD"},
    {"$(echo ')' @)\"@\"", "WD"},
    {"$(a # ) ' @\n@)\"@\"", "CWD"},
    {"`echo @`@", "BW"},
    {"`echo \\`@\\``@", "BW"},
    {"\"`echo @`@\"@", "BDW"},
    {"`echo @", "B"},
    /* comments */
    {"# it's @\n@", "CW"},
    {"a # \"@\n@", "CW"},
    {"x#y @", "W"},
    {"''#@", "W"},
    {"$X#@", "W"},
    {"$# @", "W"},
    {"a;#@\n@", "CW"},
    {"a \\\n# @\n@", "CW"},
    {"a\\\n# @", "W"},
    {"# a\\\n@", "W"},
    {"(#@\n@)", "CW"},
    {"\\#@", "W"},
    /* here-documents */
    {"cat <<EOF\n@\nEOF\n@", "HW"},
    {"cat <<'EOF'\n@\nEOF\n@", "HW"},
    {"cat <<\"E F\"\n@\nEOF\nE F\n@", "HW"},
    {"cat <<\\EOF\n@ '\nEOF\n@", "HW"},
    {"cat <<-EOF\n\t@\n\tEOF\n@", "HW"},
    {"cat <<EOF\n\tEOF\n@\nEOF\n@", "HW"},
    {"cat <<EOF @\n@\nEOF\n@", "WHW"},
    {"cat << EOF; echo '@\n@' @\n@\nEOF\n@", "SSWHW"},
    {"cat <<A <<B\n@\nA\n@\nB\n@", "HHW"},
    {"cat <<A - 3<<B\n@\nB\n@\nA\nit's\nB\n@", "HHW"},
    {"cat <<@\n@\n@\n@", "LHWW"},
    {"cat <<EOF\n$(echo @)\nEOF\n@", "HW"},
    {"cat <<EOF\n$(\nEOF\n@", "?"},
    {"cat <<EOF\n`\nEOF\n@", "?"},
    {"cat <<'EOF'\n$(\nEOF\n@", "W"},
    {"cat <<EOF\n@", "H"},
    {"cat <<EOF\nEOF \n@\nEOF", "H"},
    {"cat <<EOF\na\\\nEOF\n@\nEOF\n@", "??"},
    {"cat <<EOF\nE\\\nOF\n@\nEOF\n@", "??"},
    {"cat <<EOF\na\\\nb\n@\nEOF\n@", "HW"},
    {"cat <<'EOF'\na\\\nEOF\n@", "W"},
    {"cat <<''\n@\n\n@", "HW"},
    {"cat <<$(a)\n@", "?"},
    {"cat <<\n@", "?"},
    {"cat <<EOF | tr a b\n@\nEOF\n@", "HW"},
    {"(cat <<EOF)\n@\nEOF\n@", "HW"},
    {"\"$(cat <<EOF\n@ \"\nEOF\n)@\"@", "HDW"},
    {"\"$(cat <<EOF)@\"\n@\nEOF\n@", "???"},
    {"if cat <<EOF; then\n@\nEOF\necho @; fi", "HW"},
    {"cat <<EOF # @\n@\nEOF\n@", "CHW"},
    {"cat <<<@ @", "WW"},
    {"cat <<<\"@\"\n@", "DW"},
    {"cat <@ >@ 2>&1 >|@", "WWW"},
    /* case */
    {"case x in a) echo @;; esac @", "WW"},
    {"case x in @) a;; esac", "W"},
    {"\"$(case x in a) echo @;; esac)@\"@", "WDW"},
    {"\"$(case x in (a) echo @;; (b|c) @ ;; esac)@\"@", "WWDW"},
    {"\"$(case x in a) echo @; esac)@\"@", "WDW"},
    {"\"$(case x\nin\n# it's\na) echo @\n;;\nesac)@\"@", "WDW"},
    {"\"$(case in in esac) @;; esac)@\"", "DD"},
    {"\"$(case x in (esac) @;; esac)@\"", "??"},
    {"\"$(case \"$1\" in a) case y in b) @;; esac;; c) @;; esac)@\"@", "WWDW"},
    {"\"$(echo case x in a)@\"@", "DW"},
    {"\"$(for x in case; do echo @; done)@\"@", "WDW"},
    {"\"$(for x do case $x in a) @;; esac; done)@\"@", "WDW"},
    {"\"$(if a; then case x in b) @;; esac; fi)@\"@", "WDW"},
    {"\"$(ca\\\nse x in a) @;; esac)@\"@", "WDW"},
    {"\"$('case' x in a)@\"@", "DW"},
    {"\"$(f() { case x in a) @;; esac; }; f)@\"@", "WDW"},
    {"\"$(echo a >case; echo @)@\"@", "WDW"},
    {"\"$(case x in a|esac) @;; esac)@\"@", "WDW"},
    {"\"$(case x in a) @;;& b) @;& c) @;; esac)@\"@", "WWWDW"},
    {"\"$(! case x in a) @;; esac)@\"@", "WDW"},
    {"\"$(case x on a) @;; esac)@\"@", "???"},
    /* parentheses */
    {"(a @) @", "WW"},
    {"f() { echo @; }", "W"},
    {"a=(case '@' @) @", "SWW"},
    {"\"$(a=(case x); echo @)@\"@", "WDW"},
    {"diff <(sort @) <(sort \"@\") @", "WDW"},
    {"\"$(diff <(case x in a) @;; esac) b)@\"@", "WDW"},
    {"((x = @)) && echo @", "AW"},
    {"for ((i = 0; i < 3; i++)); do echo @; done", "W"},
    {"((a); (b)) @", "?"},
    {"((x<<@))\n@", "??"},
    {"a) @", "?"},
    {"[[ a =~ ^(b|c)$ ]] && echo \"@\" @", "DW"},
    {"[[ ( a && b ) ]] && @ '@'", "WS"},
    {"find . -exec echo @ {} +", "W"},
    {"{ echo @; } && echo '@'", "WS"},
    {"a &>@ &&@ |& @", "WWW"},
};

static void contexts_are_those_of_a_shell(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        size_t length = strlen(cases[i].text);
        /* Exactly as long as it is, so that tools see a read beyond it. */
        AUTO_FREE char *text = xmemdup(cases[i].text, length);
        AUTO_FREE unsigned char *contexts = xmalloc(length);
        AUTO_STRBUF struct strbuf answers = STRBUF_INIT;
        memset(contexts, 0xff, length);
        shellscan(text, length, contexts);
        for (size_t at = 0; at < length; at++) {
            if (contexts[at] > SHELL_UNSURE)
                fail_msg("%s: byte %zu was forgotten", cases[i].text, at);
            /* $@ is the shell's own; its byte counts too. */
            if (text[at] == '@')
                strbuf_addch(&answers, letters[contexts[at]]);
        }
        if (strcmp(strbuf_text(&answers), cases[i].answers) != 0)
            fail_msg("<%s>: %s, not %s", cases[i].text, answers.buf, cases[i].answers);
    }
}

static void unclosed_quotes_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at;
    } texts[] = {{"a 'b", 2},        {"a \"b", 2},
                 {"a `b", 2},        {"a 'b'", SHELL_CLOSED},
                 {"\"$(a 'b", 5},    {"# it's", SHELL_CLOSED},
                 {"", SHELL_CLOSED}, {"a\\'", SHELL_CLOSED}};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        unsigned char contexts[16];
        assert_true(shellscan(texts[i].text, strlen(texts[i].text), contexts) == texts[i].at);
    }
}

/* Any bytes give an answer for each byte, in bounded time, without a fault. */
static void any_text_is_survived(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "'",      "\"", "`",  "$(", ")",          "${",    "}",    "$((", "))", "<<E",
        "\nE\n",  "\n", "\\", "#",  "case x in ", "esac ", ";;",   "a",   " ",  "(",
        "<<-'E'", "$'", "$",  "|",  "&",          ";",     "for ", "do "};
    srand(7);
    for (int round = 0; round < 5000; round++) {
        AUTO_STRBUF struct strbuf text = STRBUF_INIT;
        for (int n = rand() % 30; n >= 0; n--)
            strbuf_addstr(&text, parts[(size_t)rand() % ARRAY_SIZE(parts)]);
        AUTO_FREE char *exact = xmemdup(text.buf, text.len);
        AUTO_FREE unsigned char *contexts = xmalloc(text.len);
        memset(contexts, 0xff, text.len);
        shellscan(exact, text.len, contexts);
        for (size_t i = 0; i < text.len; i++)
            assert_true(contexts[i] <= SHELL_UNSURE);
    }
}

static void deep_nesting_is_no_recursion(void **state)
{
    (void)state;
    static const char *const deep[] = {"$(",  "\"$(",          "${a:-", "(",
                                       "$((", "case a in a) ", "<<a\n", "(\n"};
    for (size_t i = 0; i < ARRAY_SIZE(deep); i++) {
        AUTO_STRBUF struct strbuf text = STRBUF_INIT;
        while (text.len < 1 << 17)
            strbuf_addstr(&text, deep[i]);
        AUTO_FREE unsigned char *contexts = xmalloc(text.len);
        shellscan(text.buf, text.len, contexts);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contexts_are_those_of_a_shell),
        cmocka_unit_test(unclosed_quotes_are_told),
        cmocka_unit_test(any_text_is_survived),
        cmocka_unit_test(deep_nesting_is_no_recursion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
