/* SPDX-License-Identifier: MIT */
#include "placeholder.h"
#include "util.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const char *const known[] = {
    [PH_ITEM] = "item",       [PH_ITEMS] = "items",    [PH_NUMBER] = "number", [PH_COUNT] = "count",
    [PH_WORKER] = "worker",   [PH_HOST] = "host",      [PH_STEP] = "step",     [PH_RUN] = "run",
    [PH_ATTEMPT] = "attempt", [PH_PROJECT] = "project"};

static const char *const forms[] = {[PH_PLAIN] = "", [PH_RAW] = "raw", [PH_LITERAL] = "literal"};

/* The parts of {name} and {name:form} as they stand in the text. */
struct group {
    const char *name, *form; /* form NULL: no colon */
    size_t name_length, form_length;
};

static size_t span_name(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
}

static bool is(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && memcmp(text, word, length) == 0;
}

static bool same_letter(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static bool same(const char *a, const char *b, size_t length)
{
    return strncasecmp(a, b, length) == 0;
}

/* One letter changed, left out, put in, or two neighbours swapped; upper and lower case are the
 * same. Words of one or two letters are near to too much: only their case counts. */
static bool is_near(const char *a, size_t n, const char *b)
{
    size_t m = strlen(b), i = 0;
    if (n == m && same(a, b, n))
        return true;
    if (n + 1 < m || m + 1 < n || n < 3 || m < 3)
        return false;
    while (i < n && i < m && same_letter(a[i], b[i]))
        i++;
    if (n < m)
        return same(a + i, b + i + 1, n - i);
    if (n > m)
        return same(a + i + 1, b + i, m - i);
    if (same(a + i + 1, b + i + 1, n - i - 1))
        return true;
    return i + 1 < n && same_letter(a[i], b[i + 1]) && same_letter(a[i + 1], b[i]) &&
           same(a + i + 2, b + i + 2, n - i - 2);
}

/* Take {name} or {name:form} at `text`; the length with braces, 0: it is none. */
static size_t parse_group(struct group *group, const char *text)
{
    *group = (struct group){.name = text + 1, .name_length = span_name(text + 1)};
    const char *end = group->name + group->name_length;
    if (*end == ':') {
        group->form = end + 1;
        group->form_length = span_name(group->form);
        end = group->form + group->form_length;
        if (group->form_length == 0)
            return 0;
    }
    return *end == '}' && group->name_length ? (size_t)(end + 1 - text) : 0;
}

static bool is_variable(const char *name, size_t length)
{
    return !isdigit((unsigned char)*name) && !memchr(name, '-', length);
}

/* 0, or -1: no known name. */
static int find_name(struct placeholder *placeholder, const struct group *group,
                     const struct strv *names)
{
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (is(group->name, group->name_length, known[i])) {
            placeholder->kind = (enum placeholder_kind)i;
            placeholder->meant = known[i];
            return 0;
        }
    }
    for (size_t i = 0; names && i < names->n; i++) {
        if (is(group->name, group->name_length, names->v[i])) {
            placeholder->kind = PH_MATRIX;
            placeholder->index = i;
            placeholder->meant = names->v[i];
            return 0;
        }
    }
    return -1;
}

static bool has_digit(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (isdigit((unsigned char)text[i]))
            return true;
    }
    return false;
}

/* {a1} is far from {ab}: what holds digits is compared with names that hold some. */
static const char *near_name(const char *name, size_t length, const struct strv *names)
{
    bool digit = has_digit(name, length);
    for (size_t i = 0; !digit && i < ARRAY_SIZE(known); i++) {
        if (is_near(name, length, known[i]))
            return known[i];
    }
    for (size_t i = 0; names && i < names->n; i++) {
        if (digit == has_digit(names->v[i], strlen(names->v[i])) &&
            is_near(name, length, names->v[i]))
            return names->v[i];
    }
    return NULL;
}

/* 0: a form that there is; 1: nearly one; -1: none. */
static int find_form(struct placeholder *placeholder, const struct group *group)
{
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        if (is(group->form ? group->form : "", group->form_length, forms[i])) {
            placeholder->form = (enum placeholder_form)i;
            return 0;
        }
    }
    for (size_t i = PH_RAW; i < ARRAY_SIZE(forms); i++) {
        if (is_near(group->form, group->form_length, forms[i])) {
            placeholder->form = (enum placeholder_form)i;
            return 1;
        }
    }
    return -1;
}

static bool take_env(struct placeholder *placeholder, const struct group *group,
                     enum placeholder_kind kind)
{
    bool fits = kind == PH_ENV ? is(group->name, group->name_length, "env")
                               : is_near(group->name, group->name_length, "env");
    if (!fits || !group->form || !is_variable(group->form, group->form_length))
        return false;
    placeholder->kind = kind;
    placeholder->form = PH_PLAIN;
    placeholder->meant = "env";
    placeholder->name = group->form;
    placeholder->name_length = group->form_length;
    return true;
}

/* No name and form that there are: something like it? {itme:literal} is the way to write {itme}. */
static bool take_near(struct placeholder *placeholder, const struct group *group, int form,
                      const struct strv *names, bool near)
{
    if (near && take_env(placeholder, group, PH_NEAR))
        return true;
    if (form < 0)
        return false;
    if (!placeholder->meant)
        placeholder->meant = near_name(group->name, group->name_length, names);
    bool literal = form == 0 && placeholder->form == PH_LITERAL;
    placeholder->kind = literal ? PH_TEXT : PH_NEAR;
    return placeholder->meant && (near || literal);
}

/* At a brace that may start one. */
static bool take(struct placeholder *placeholder, const char *start, const struct strv *names,
                 bool near)
{
    struct group group;
    size_t length = parse_group(&group, start);
    if (length == 0)
        return false;
    *placeholder = (struct placeholder){
        .start = start, .length = length, .name = group.name, .name_length = group.name_length};
    if (take_env(placeholder, &group, PH_ENV))
        return true;
    int form = find_form(placeholder, &group);
    bool exact = form >= 0 && find_name(placeholder, &group, names) == 0;
    return (exact && form == 0) || take_near(placeholder, &group, form, names, near);
}

bool placeholder_next(struct placeholder *placeholder, const char *text, const char *from,
                      const struct strv *names, bool near)
{
    for (const char *at = strchr(from, '{'); at; at = strchr(at + 1, '{')) {
        if (at > text && at[-1] == '$')
            continue;
        if (!take(placeholder, at, names, near))
            continue;
        if (at > text && at[-1] == '{' && at[placeholder->length] == '}')
            continue;
        return true;
    }
    return false;
}

bool placeholder_is_free(const struct placeholder *placeholder)
{
    return placeholder->kind == PH_ITEM || placeholder->kind == PH_ITEMS ||
           placeholder->kind == PH_MATRIX;
}
