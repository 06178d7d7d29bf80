/* SPDX-License-Identifier: MIT */
#include "options.h"
#include "safeguard.h"
#include "util.h"
#include "visible.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* In one section; more is no help. And from here on nobody reads what is near to a name. */
#define UNKNOWN_KEYS_MAX 100
#define SUGGESTIONS_MAX  200

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int fail(const char **error, const char *expected)
{
    *error = expected;
    return -1;
}

static const char *integer_expected(int64_t min, int64_t max)
{
    static char text[96];
    if (min == INT64_MIN && max == INT64_MAX)
        return "expected a whole number";
    if (max == INT64_MAX)
        snprintf(text, sizeof text, "expected a whole number, at least %" PRId64, min);
    else if (min == INT64_MIN)
        snprintf(text, sizeof text, "expected a whole number, at most %" PRId64, max);
    else
        snprintf(text, sizeof text, "expected a whole number from %" PRId64 " to %" PRId64, min,
                 max);
    return text;
}

int parse_integer(const char *text, int64_t min, int64_t max, int64_t *number, const char **error)
{
    const char *expected = integer_expected(min, max);
    bool negative = min < 0 && *text == '-';
    const char *p = negative ? text + 1 : text;
    int64_t value = 0;
    /* 08 and -0 are no numbers anybody means. */
    if (!is_digit(*p) || (*p == '0' && (p[1] || negative)))
        return fail(error, expected);
    for (; is_digit(*p); p++) {
        int digit = negative ? '0' - *p : *p - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return fail(error, expected);
    }
    if ((*p && SAFEGUARD(strict_numbers)) || value < min || value > max)
        return fail(error, expected);
    *number = value;
    return 0;
}

struct unit {
    const char *name;
    uint64_t ns;
};

/* The largest first: they may stand in that order only. The last is for a number alone. */
static const struct unit units[] = {
    {"d", 86400 * NS_PER_S}, {"h", 3600 * NS_PER_S}, {"m", 60 * NS_PER_S},
    {"s", NS_PER_S},         {"ms", NS_PER_MS},      {"", NS_PER_S},
};
#define UNIT_ALONE (ARRAY_SIZE(units) - 1)

/* Digits with at most nine behind a point, as a whole part (where it is too large for any unit,
 * just some such number) and billionths. Returns what follows, or NULL. */
static const char *take_number(const char *p, uint64_t *whole, uint64_t *billionths)
{
    *whole = *billionths = 0;
    if (!is_digit(*p))
        return NULL;
    for (; is_digit(*p); p++) {
        if (*whole <= DURATION_MAX_NS)
            *whole = *whole * 10 + (uint64_t)(*p - '0');
    }
    if (*p != '.')
        return p;
    if (!is_digit(*++p))
        return NULL;
    for (uint64_t scale = 100000000; is_digit(*p); p++, scale /= 10) {
        if (scale == 0)
            return NULL;
        *billionths += (uint64_t)(*p - '0') * scale;
    }
    return p;
}

static size_t take_unit(const char **p)
{
    size_t length = strspn(*p, "abcdefghijklmnopqrstuvwxyz");
    size_t i = 0;
    while (i < ARRAY_SIZE(units) &&
           (strlen(units[i].name) != length || strncmp(units[i].name, *p, length) != 0))
        i++;
    *p += length;
    return i;
}

static void add_part(uint64_t *sum, uint64_t whole, uint64_t billionths, uint64_t unit)
{
    /* Every unit is a multiple of a million, and a day of them times a billion fits. */
    uint64_t part = billionths * (unit / 1000000) / 1000;
    if (__builtin_mul_overflow(whole, unit, &whole) || __builtin_add_overflow(part, whole, &part) ||
        __builtin_add_overflow(*sum, part, sum) || *sum > DURATION_MAX_NS)
        *sum = DURATION_MAX_NS + 1;
}

/* Add the number with its unit at *p to the sum; *last is the unit before. */
static int take_part(const char **p, size_t *last, uint64_t *sum)
{
    uint64_t whole, billionths;
    const char *start = *p;
    const char *end = take_number(start, &whole, &billionths);
    bool first = *last == SIZE_MAX;
    if (!end || (first && start[0] == '0' && is_digit(start[1])))
        return -1;
    *p = end;
    size_t unit = take_unit(p);
    if (unit >= ARRAY_SIZE(units) || (!first && (unit <= *last || unit == UNIT_ALONE)))
        return -1;
    if (**p && memchr(start, '.', (size_t)(end - start)))
        return -1;
    add_part(sum, whole, billionths, units[unit].ns);
    *last = unit;
    return 0;
}

int parse_duration(const char *text, bool none_allowed, uint64_t *ns, const char **error)
{
    uint64_t sum = 0;
    size_t last = SIZE_MAX;
    if (none_allowed && strcmp(text, "none") == 0) {
        *ns = 0;
        return 0;
    }
    do {
        if (take_part(&text, &last, &sum) < 0)
            return fail(error, none_allowed
                                   ? "expected a duration such as 10s, 5m or 1h30m, or none"
                                   : "expected a duration such as 10s, 5m or 1h30m");
    } while (*text);
    if (sum > DURATION_MAX_NS && SAFEGUARD(bounded_durations))
        return fail(error, "expected a duration of at most 366 days");
    if (sum == 0 && SAFEGUARD(no_zero_duration))
        return fail(error, none_allowed ? "expected a duration above zero, or none"
                                        : "expected a duration above zero");
    *ns = sum;
    return 0;
}

int parse_bool(const char *text, bool *value, const char **error)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcmp(text, words[i]) != 0)
            continue;
        *value = i % 2;
        return 0;
    }
    return fail(error, "expected yes or no");
}

static int check_choice(const struct ciplug_option *option, const struct config_value *value,
                        struct problems *problems)
{
    AUTO_STRBUF struct strbuf all = STRBUF_INIT;
    for (size_t i = 0; option->choices[i]; i++) {
        if (strcmp(option->choices[i], value->value) == 0)
            return 0;
        strbuf_addf(&all, "%s%s", i > 0 ? ", " : "", option->choices[i]);
    }
    AUTO_FREE char *shown = visible(value->value);
    const char *near = suggest(value->value, option->choices);
    problems_add(problems, value->file, value->line, "%s: expected one of %s, got '%s'%s%s%s",
                 value->key, strbuf_text(&all), shown, near ? " (did you mean '" : "",
                 near ? near : "", near ? "'?)" : "");
    return -1;
}

/* The value read as the option's type; what comes out is not kept. */
/* For what is given to programs that take options: letters, digits and so on, no dash in front. */
static int try_bytes(const char *text, const char *only, const char **error)
{
    *error = "it may not begin with -";
    if (*text == '-')
        return -1;
    *error = "it has a character that cannot be in it";
    while (*text) {
        size_t n = *text == '{' ? strcspn(text, "}") : 0;
        if (n > 0 && text[n])
            text += n + 1;
        else if (strchr(only, *text))
            text++;
        else
            return -1;
    }
    return 0;
}

static int try_value(const struct ciplug_option *option, const char *text, const char **error)
{
    bool flag, any = option->min == 0 && option->max == 0;
    int64_t number;
    uint64_t ns;
    switch (option->type) {
    case CIPLUG_OPTION_BOOL:
        return parse_bool(text, &flag, error);
    case CIPLUG_OPTION_INTEGER:
        return parse_integer(text, any ? INT64_MIN : option->min, any ? INT64_MAX : option->max,
                             &number, error);
    case CIPLUG_OPTION_DURATION:
        return parse_duration(text, option->min <= 0, &ns, error);
    case CIPLUG_OPTION_STRING:
        return option->only && SAFEGUARD(ssh_addresses) ? try_bytes(text, option->only, error) : 0;
    default:
        return 0;
    }
}

int option_check(const struct ciplug_option *option, const struct config_value *value,
                 struct problems *problems)
{
    const char *error;
    if (option->type == CIPLUG_OPTION_CHOICE && option->choices)
        return check_choice(option, value, problems);
    if (try_value(option, value->value, &error) == 0)
        return 0;
    AUTO_FREE char *shown = visible(value->value);
    problems_add(problems, value->file, value->line, "%s: %s, got '%s'", value->key, error, shown);
    return -1;
}

const struct ciplug_option *option_find(const struct ciplug_option *const *table, const char *name)
{
    for (; *table; table++) {
        if (strcmp((*table)->name, name) == 0)
            return *table;
    }
    return NULL;
}

static bool has_prefix(const char *key, const char *const *prefixes)
{
    for (; prefixes && *prefixes; prefixes++) {
        if (str_starts(key, *prefixes))
            return true;
    }
    return false;
}

/* What was meant by an unknown key; the caller's, or NULL. Behind a mistyped prefix the rest is
 * kept: evn.PATH -> env.PATH. */
static char *suggest_key(const char *key, const struct ciplug_option *const *table,
                         const char *const *prefixes)
{
    AUTO_STRV struct strv names = STRV_INIT;
    const char *dot = strchr(key, '.');
    for (; *table; table++)
        strv_push(&names, (*table)->name);
    const char *near = names.n ? suggest(key, (const char *const *)names.v) : NULL;
    if (near)
        return xstrdup(near);
    AUTO_FREE char *head = dot ? xstrndup(key, (size_t)(dot - key) + 1) : xasprintf("%s.", key);
    near = prefixes ? suggest(head, prefixes) : NULL;
    return near ? xasprintf("%s%s", near, dot ? dot + 1 : "NAME") : NULL;
}

static void report_unknown(const struct config_section *section, const struct config_value *value,
                           char *near, const char *what, struct problems *problems)
{
    problems_add(problems, value->file, value->line, "unknown key '%s' in [%s%s%s]%s%s%s",
                 value->key, what ? what : section->kind, section->name ? " " : "",
                 section->name ? section->name : "", near ? " (did you mean '" : "",
                 near ? near : "", near ? "'?)" : "");
}

void options_check_section(const struct config_section *section,
                           const struct ciplug_option *const *table, const char *const *prefixes,
                           const char *what, struct problems *problems)
{
    size_t unknown = 0;
    const struct config_value *last = NULL;
    for (size_t i = 0; i < section->n; i++) {
        const struct config_value *value = &section->values[i];
        const struct ciplug_option *option = option_find(table, value->key);
        if (option)
            option_check(option, value, problems);
        if (option || has_prefix(value->key, prefixes) || !SAFEGUARD(unknown_keys))
            continue;
        last = value;
        if (++unknown > UNKNOWN_KEYS_MAX)
            continue;
        AUTO_FREE char *near =
            problems->n < SUGGESTIONS_MAX ? suggest_key(value->key, table, prefixes) : NULL;
        report_unknown(section, value, near, what, problems);
    }
    if (unknown > UNKNOWN_KEYS_MAX)
        problems_add(problems, last->file, last->line, "and %zu more unknown keys",
                     unknown - UNKNOWN_KEYS_MAX);
}
