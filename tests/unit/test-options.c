/* SPDX-License-Identifier: MIT */
#include "options.h"
#include "util.h"
#include "visible.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SYNTAX "expected a duration such as 10s, 5m or 1h30m"
#define ZERO   "expected a duration above zero"
#define LONG   "expected a duration of at most 366 days"
#define S      NS_PER_S

/* error NULL: `ns` comes out. */
static const struct {
    const char *text;
    uint64_t ns;
    const char *error;
} durations[] = {
    {"10", 10 * S, NULL},
    {"1", S, NULL},
    {"10s", 10 * S, NULL},
    {"90s", 90 * S, NULL},
    {"10m", 600 * S, NULL},
    {"5m", 300 * S, NULL},
    {"1h30m", 5400 * S, NULL},
    {"1h05m", 3900 * S, NULL},
    {"1h30m5s", 5405 * S, NULL},
    {"1h90m", 9000 * S, NULL},
    {"2d", 172800 * S, NULL},
    {"1d1h1m1s1ms", 90061 * S + NS_PER_MS, NULL},
    {"250ms", 250 * NS_PER_MS, NULL},
    {"1ms", NS_PER_MS, NULL},
    {"1m1ms", 60 * S + NS_PER_MS, NULL},
    {"1.5m", 90 * S, NULL},
    {"1h1.5m", 3690 * S, NULL},
    {"0.5", S / 2, NULL},
    {"0.5s", S / 2, NULL},
    {"0.1ms", 100000, NULL},
    {"1.000000001s", S + 1, NULL},
    {"0.000000001d", 86400, NULL},
    {"0.999999999d", 86400 * S - 86400, NULL},
    {"366d", DURATION_MAX_NS, NULL},
    {"365d24h", DURATION_MAX_NS, NULL},
    {"31622400", DURATION_MAX_NS, NULL},
    {"1e18", 0, SYNTAX},
    {"-1", 0, SYNTAX},
    {"+5", 0, SYNTAX},
    {"08", 0, SYNTAX},
    {"08s", 0, SYNTAX},
    {"00", 0, SYNTAX},
    {"0x10", 0, SYNTAX},
    {" 5", 0, SYNTAX},
    {"5 ", 0, SYNTAX},
    {"5 s", 0, SYNTAX},
    {"5\n", 0, SYNTAX},
    {"", 0, SYNTAX},
    {"s", 0, SYNTAX},
    {"inf", 0, SYNTAX},
    {"\xe2\x88\x9e", 0, SYNTAX},
    {"nan", 0, SYNTAX},
    {"none", 0, SYNTAX},
    {"1y", 0, SYNTAX},
    {"1w", 0, SYNTAX},
    {"1M", 0, SYNTAX},
    {"5S", 0, SYNTAX},
    {"10 parsecs", 0, SYNTAX},
    {"10sec", 0, SYNTAX},
    {"10ss", 0, SYNTAX},
    {"1h30", 0, SYNTAX},
    {"30m1h", 0, SYNTAX},
    {"1m1m", 0, SYNTAX},
    {"1.5h30m", 0, SYNTAX},
    {"1..5s", 0, SYNTAX},
    {"1.5.5s", 0, SYNTAX},
    {"5.s", 0, SYNTAX},
    {".5s", 0, SYNTAX},
    {"1,5s", 0, SYNTAX},
    {"0.0000000001d", 0, SYNTAX},
    {"0", 0, ZERO},
    {"0s", 0, ZERO},
    {"0ms", 0, ZERO},
    {"0h0m", 0, ZERO},
    {"0.0", 0, ZERO},
    {"0.000000001ms", 0, ZERO},
    {"367d", 0, LONG},
    {"366d1ms", 0, LONG},
    {"365d25h", 0, LONG},
    {"31622401", 0, LONG},
    {"4294967296", 0, LONG},
    {"18446744073709551616", 0, LONG},
    {"18446744073710s", 0, LONG},
    {"99999999999999999999999999999999999999d", 0, LONG},
    {"18446744073709551616ms", 0, LONG},
};

static void durations_are_read_strictly(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(durations); i++) {
        uint64_t ns = 7;
        const char *error = NULL;
        int status = parse_duration(durations[i].text, false, &ns, &error);
        if (status != (durations[i].error ? -1 : 0))
            fail_msg("'%s': %s", durations[i].text, status ? error : "accepted");
        if (durations[i].error)
            assert_string_equal(error, durations[i].error);
        assert_true(ns == (durations[i].error ? 7 : durations[i].ns));
    }
}

static void none_is_a_duration_where_allowed(void **state)
{
    (void)state;
    uint64_t ns = 7;
    const char *error;
    assert_int_equal(parse_duration("none", true, &ns, &error), 0);
    assert_true(ns == 0);
    assert_int_equal(parse_duration("None", true, &ns, &error), -1);
    assert_string_equal(error, SYNTAX ", or none");
    assert_int_equal(parse_duration("0", true, &ns, &error), -1);
    assert_string_equal(error, ZERO ", or none");
}

static const struct {
    const char *text;
    int64_t min, max;
    bool good;
    int64_t number;
} integers[] = {
    {"0", 0, 5, true, 0},
    {"5", 0, 5, true, 5},
    {"6", 0, 5, false, 0},
    {"0", 1, 5, false, 0},
    {"4294967295", 0, UINT32_MAX, true, UINT32_MAX},
    {"4294967296", 0, UINT32_MAX, false, 0},
    {"9223372036854775807", INT64_MIN, INT64_MAX, true, INT64_MAX},
    {"9223372036854775808", INT64_MIN, INT64_MAX, false, 0},
    {"-9223372036854775808", INT64_MIN, INT64_MAX, true, INT64_MIN},
    {"-9223372036854775809", INT64_MIN, INT64_MAX, false, 0},
    {"18446744073709551617", 0, 5, false, 0},
    {"-3", -5, 5, true, -3},
    {"-3", 0, 5, false, 0},
    {"-0", -5, 5, false, 0},
    {"--3", -5, 5, false, 0},
    {"-", -5, 5, false, 0},
    {"+5", 0, 5, false, 0},
    {"08", 0, 99, false, 0},
    {"00", 0, 99, false, 0},
    {"-08", -99, 99, false, 0},
    {"0x10", 0, 99, false, 0},
    {"1e3", 0, 9999, false, 0},
    {"1.0", 0, 99, false, 0},
    {"1,000", 0, 9999, false, 0},
    {"1_000", 0, 9999, false, 0},
    {" 5 ", 0, 5, false, 0},
    {" 5", 0, 5, false, 0},
    {"5 ", 0, 5, false, 0},
    {"5\n", 0, 5, false, 0},
    {"", 0, 5, false, 0},
    {"five", 0, 5, false, 0},
    {"\xd9\xa5", 0, 5, false, 0},
};

static void integers_are_read_strictly(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(integers); i++) {
        int64_t number = 7;
        const char *error = NULL;
        int status =
            parse_integer(integers[i].text, integers[i].min, integers[i].max, &number, &error);
        if (status != (integers[i].good ? 0 : -1))
            fail_msg("'%s' in %lld..%lld", integers[i].text, (long long)integers[i].min,
                     (long long)integers[i].max);
        assert_true(number == (integers[i].good ? integers[i].number : 7));
        assert_true(integers[i].good || error);
    }
}

static void integers_say_what_range_was_expected(void **state)
{
    (void)state;
    int64_t number;
    const char *error;
    assert_int_equal(parse_integer("x", 1, 255, &number, &error), -1);
    assert_string_equal(error, "expected a whole number from 1 to 255");
    assert_int_equal(parse_integer("x", 1, INT64_MAX, &number, &error), -1);
    assert_string_equal(error, "expected a whole number, at least 1");
    assert_int_equal(parse_integer("x", INT64_MIN, -1, &number, &error), -1);
    assert_string_equal(error, "expected a whole number, at most -1");
    assert_int_equal(parse_integer("x", INT64_MIN, INT64_MAX, &number, &error), -1);
    assert_string_equal(error, "expected a whole number");
}

static void bools_have_eight_spellings(void **state)
{
    (void)state;
    static const char *const yes[] = {"yes", "true", "on", "1"};
    static const char *const no[] = {"no", "false", "off", "0"};
    static const char *const bad[] = {"",     "Yes", "y",  "TRUE",    "2",
                                      "yes ", " no", "01", "enabled", "-1"};
    const char *error;
    for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
        bool value = false;
        assert_int_equal(parse_bool(yes[i], &value, &error), 0);
        assert_true(value);
        assert_int_equal(parse_bool(no[i], &value, &error), 0);
        assert_false(value);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        bool value;
        assert_int_equal(parse_bool(bad[i], &value, &error), -1);
        assert_string_equal(error, "expected yes or no");
    }
}

static void suggestions_are_near_or_none(void **state)
{
    (void)state;
    static const char *const names[] = {"command", "timeout", "start_timeout", "needs",
                                        "cwd",     "workers", "retries",       "if",
                                        "env",     NULL};
    static const char *const pairs[][2] = {
        {"comand", "command"},
        {"Command", "command"},
        {"COMMAND", "command"},
        {"cmomand", "command"},
        {"timout", "timeout"},
        {"tiemout", "timeout"},
        {"need", "needs"},
        {"worker", "workers"},
        {"workres", "workers"},
        {"retrys", "retries"},
        {"start-timeout", "start_timeout"},
        {"cdw", "cwd"},
        {"IF", "if"},
        {"evn", "env"},
        {"cmd", "cwd"},
        {"x", NULL},
        {"", NULL},
        {"of", "if"},
        {"banana", NULL},
        {"timer", NULL},
        {"environment", NULL},
        {"cmnd", NULL},
        {"xyz", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        const char *near = suggest(pairs[i][0], names);
        if (!near != !pairs[i][1] || (near && strcmp(near, pairs[i][1]) != 0))
            fail_msg("'%s' -> %s", pairs[i][0], near ? near : "nothing");
    }
}

static void the_wrong_case_is_nearer_than_a_wrong_letter(void **state)
{
    (void)state;
    static const char *const names[] = {"abcx", "abcd", "ABCE", NULL};
    assert_string_equal(suggest("ABCD", names), "abcd");
    assert_string_equal(suggest("abce", names), "ABCE");
    char *endless = xcalloc(1, 100001);
    memset(endless, 'a', 100000);
    assert_null(suggest(endless, names));
    free(endless);
    static const char *const none[] = {NULL};
    assert_null(suggest("a", none));
}

static const char *const colours[] = {"auto", "always", "never", NULL};
static const struct ciplug_option o_command = {.name = "command", .type = CIPLUG_OPTION_STRING};
static const struct ciplug_option o_fast = {.name = "fail_fast", .type = CIPLUG_OPTION_BOOL};
static const struct ciplug_option o_workers = {
    .name = "workers", .type = CIPLUG_OPTION_INTEGER, .min = 1, .max = 99};
static const struct ciplug_option o_any = {.name = "any", .type = CIPLUG_OPTION_INTEGER};
static const struct ciplug_option o_timeout = {.name = "timeout", .type = CIPLUG_OPTION_DURATION};
static const struct ciplug_option o_grace = {
    .name = "grace", .type = CIPLUG_OPTION_DURATION, .min = 1};
static const struct ciplug_option o_color = {
    .name = "color", .type = CIPLUG_OPTION_CHOICE, .choices = colours};
static const struct ciplug_option o_words = {.name = "needs", .type = CIPLUG_OPTION_WORDS};
static const struct ciplug_option o_path = {.name = "cwd", .type = CIPLUG_OPTION_PATH};
static const struct ciplug_option *const table[] = {&o_command, &o_fast,  &o_workers, &o_any,
                                                    &o_timeout, &o_grace, &o_color,   &o_words,
                                                    &o_path,    NULL};

/* All problems as text, one a line; they are gone then. */
static const char *told(struct problems *problems)
{
    static struct strbuf text;
    strbuf_clear(&text);
    for (size_t i = 0; i < problems->n; i++)
        strbuf_addf(&text, "%s:%d: %s\n", problems->list[i].file, problems->list[i].line,
                    problems->list[i].text);
    problems_free(problems);
    return strbuf_text(&text);
}

static const char *checked(const struct ciplug_option *option, const char *text)
{
    AUTO_FREE char *key = xstrdup(option->name);
    AUTO_FREE char *value = xstrdup(text);
    struct config_value given = {key, value, "ci.ini", 3};
    struct problems problems = {0};
    int status = option_check(option, &given, &problems);
    assert_int_equal(status, problems.n ? -1 : 0);
    return told(&problems);
}

static void values_are_checked_by_type(void **state)
{
    (void)state;
    assert_string_equal(checked(&o_timeout, "10 parsecs"),
                        "ci.ini:3: timeout: expected a duration such as 10s, 5m or 1h30m, or none, "
                        "got '10 parsecs'\n");
    assert_string_equal(checked(&o_grace, "none"),
                        "ci.ini:3: grace: expected a duration such as 10s, 5m or 1h30m, got "
                        "'none'\n");
    assert_string_equal(checked(&o_timeout, "none"), "");
    assert_string_equal(checked(&o_workers, "08"),
                        "ci.ini:3: workers: expected a whole number from 1 to 99, got '08'\n");
    assert_string_equal(checked(&o_workers, "99"), "");
    assert_string_equal(checked(&o_any, "-12"), "");
    assert_string_equal(checked(&o_any, "1e3"),
                        "ci.ini:3: any: expected a whole number, got '1e3'\n");
    assert_string_equal(checked(&o_fast, "maybe"),
                        "ci.ini:3: fail_fast: expected yes or no, got 'maybe'\n");
    assert_string_equal(checked(&o_color, "alwais"),
                        "ci.ini:3: color: expected one of auto, always, never, got 'alwais' (did "
                        "you mean 'always'?)\n");
    assert_string_equal(checked(&o_color, ""),
                        "ci.ini:3: color: expected one of auto, always, never, got ''\n");
    assert_string_equal(checked(&o_color, "never"), "");
    assert_string_equal(checked(&o_command, "a\x1b\n\xff{item}"), "");
    assert_string_equal(checked(&o_words, "a b"), "");
    assert_string_equal(checked(&o_path, "../x"), "");
}

static void messages_show_bytes_safely(void **state)
{
    (void)state;
    assert_string_equal(checked(&o_fast, "a\x1b[2J\n\t\xff\xc3\xa4\xc2\x9b"),
                        "ci.ini:3: fail_fast: expected yes or no, got "
                        "'a\\x1b[2J\\n\\t\\xff\xc3\xa4\\xc2\\x9b'\n");
    char many[200];
    memset(many, 'x', sizeof many);
    AUTO_FREE char *cut = visible_bytes(many, sizeof many);
    assert_int_equal(strlen(cut), VISIBLE_MAX + 3);
    assert_string_equal(cut + VISIBLE_MAX, "...");
    AUTO_FREE char *whole = visible_bytes(many, VISIBLE_MAX);
    assert_int_equal(strlen(whole), VISIBLE_MAX);
}

static char text_x[] = "x", text_empty[] = "", text_bad[] = "often";
static char key_comand[] = "comand", key_command[] = "command", key_env[] = "env.A",
            key_evn[] = "evn.PATH", key_envonly[] = "env", key_fast[] = "fail_fast",
            key_banana[] = "banana";

static void unknown_keys_are_reported_with_the_nearest(void **state)
{
    (void)state;
    static const char *const prefixes[] = {"env.", "matrix.", NULL};
    struct config_value values[] = {
        {key_comand, text_x, "ci.ini", 2}, {key_env, text_x, "ci.ini", 3},
        {key_evn, text_x, "ci.ini", 4},    {key_envonly, text_x, "ci.ini", 5},
        {key_fast, text_bad, "ci.ini", 6}, {key_banana, text_x, "--set", 0},
        {key_command, text_empty, "c", 8},
    };
    char kind[] = "step", name[] = "x";
    struct config_section section = {kind, name, "ci.ini", 1, values, ARRAY_SIZE(values), 0};
    struct problems problems = {0};
    options_check_section(&section, table, prefixes, "step", &problems);
    assert_string_equal(told(&problems),
                        "ci.ini:2: unknown key 'comand' in [step x] (did you mean 'command'?)\n"
                        "ci.ini:4: unknown key 'evn.PATH' in [step x] (did you mean 'env.PATH'?)\n"
                        "ci.ini:5: unknown key 'env' in [step x] (did you mean 'env.NAME'?)\n"
                        "ci.ini:6: fail_fast: expected yes or no, got 'often'\n"
                        "--set:0: unknown key 'banana' in [step x]\n");
    char ciplug[] = "ciplug";
    struct config_section other = {ciplug, NULL, "ci.ini", 1, values + 1, 1, 0};
    options_check_section(&other, table, NULL, NULL, &problems);
    assert_string_equal(told(&problems), "ci.ini:3: unknown key 'env.A' in [ciplug]\n");
    const struct ciplug_option *const empty[] = {NULL};
    options_check_section(&section, empty, NULL, NULL, &problems);
    assert_int_equal(problems.n, ARRAY_SIZE(values));
    problems_free(&problems);
}

static void a_flood_of_unknown_keys_is_cut(void **state)
{
    (void)state;
    size_t n = 100000;
    struct config_value *values = xcalloc(n, sizeof *values);
    for (size_t i = 0; i < n; i++)
        values[i] = (struct config_value){key_comand, text_x, "ci.ini", (int)i + 2};
    char kind[] = "ciplug";
    struct config_section section = {kind, NULL, "ci.ini", 1, values, n, n};
    struct problems problems = {0};
    options_check_section(&section, table, NULL, NULL, &problems);
    assert_int_equal(problems.n, 101);
    assert_string_equal(problems.list[100].text, "and 99900 more unknown keys");
    assert_int_equal(problems.list[100].line, 100001);
    problems_free(&problems);
    free(values);
}

static void options_are_found_by_their_whole_name(void **state)
{
    (void)state;
    assert_ptr_equal(option_find(table, "timeout"), &o_timeout);
    assert_null(option_find(table, "time"));
    assert_null(option_find(table, "Timeout"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read_strictly),
        cmocka_unit_test(none_is_a_duration_where_allowed),
        cmocka_unit_test(integers_are_read_strictly),
        cmocka_unit_test(integers_say_what_range_was_expected),
        cmocka_unit_test(bools_have_eight_spellings),
        cmocka_unit_test(suggestions_are_near_or_none),
        cmocka_unit_test(the_wrong_case_is_nearer_than_a_wrong_letter),
        cmocka_unit_test(values_are_checked_by_type),
        cmocka_unit_test(messages_show_bytes_safely),
        cmocka_unit_test(unknown_keys_are_reported_with_the_nearest),
        cmocka_unit_test(a_flood_of_unknown_keys_is_cut),
        cmocka_unit_test(options_are_found_by_their_whole_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
