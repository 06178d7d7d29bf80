/* SPDX-License-Identifier: MIT
 *
 * Which item a case is of. Test tools name what they ran in ways of their own: pytest the module
 * and class with dots, RSpec and jest the file, others the class. Items are what the user's command
 * takes: mostly paths, sometimes classes or pytest's `file::class::name`.
 */
#include "results.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

/* Where the ending of the file begins in a path of that length; NULL: it has none. Of a class with
 * dots the last part is no ending. */
static const char *ending_of(const char *path, size_t length, bool is_path)
{
    static const char *const known[] = {".py", ".rb",  ".js",  ".ts",  ".jsx", ".tsx",
                                        ".go", ".php", ".exs", ".sh",  ".t",   ".lua",
                                        ".rs", ".pl",  ".mjs", ".cjs", ".bats"};
    const char *dot = memrchr(path, '.', length);
    const char *slash = memrchr(path, '/', length);
    if (!dot || dot == path || (slash && dot < slash))
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        size_t n = strlen(known[i]);
        is_path |= n == length - (size_t)(dot - path) && memcmp(dot, known[i], n) == 0;
    }
    return slash || is_path ? dot : NULL;
}

static void add_dots(struct strbuf *out, const char *text, size_t length)
{
    for (const char *p = text; p < text + length; p++) {
        if (p[0] == ':' && p[1] == ':')
            p++;
        strbuf_addch(out, *p == '/' || *p == '\\' || *p == ':' ? '.' : *p);
    }
}

/* A path without "./" in front, without the ending of its file, and with dots where it has '/',
 * '\' or "::"; so that "./spec/a_spec.rb" and "spec.a_spec" are the same. */
static void add_dotted(struct strbuf *out, const char *text)
{
    while (text[0] == '.' && (text[1] == '/' || text[1] == '\\') && text[2])
        text += 2;
    const char *colons = strstr(text, "::");
    size_t path = colons ? (size_t)(colons - text) : strlen(text);
    const char *end = ending_of(text, path, colons != NULL);
    add_dots(out, text, end ? (size_t)(end - text) : path);
    add_dots(out, text + path, strlen(text + path));
}

static char *dotted(const char *text)
{
    struct strbuf out = STRBUF_INIT;
    add_dotted(&out, text);
    return strbuf_detach(&out);
}

/* `before` and the name of a test, with dots. */
static char *inside(const char *before, const char *name)
{
    struct strbuf out = STRBUF_INIT;
    strbuf_addf(&out, "%s.", before);
    add_dots(&out, name, strlen(name));
    return strbuf_detach(&out);
}

/* Whether `text` is the item, something in it ("a.B" in "a", "f[1]" of "f"), or it below another
 * folder ("app.a" for "a"). Both are dotted. It has to begin in the first `most` bytes. */
static bool names_item(const char *text, size_t most, const char *item, size_t length)
{
    const char *at = text;
    while ((at = strstr(at, item)) && (size_t)(at - text) < most) {
        bool begins = at == text || at[-1] == '.';
        bool ends = at[length] == '\0' || at[length] == '.' || at[length] == '[';
        if (begins && ends)
            return true;
        at++;
    }
    return false;
}

struct names {
    char *dotted; /* of the item */
    size_t length;
};

/* Where items are looked for. A test may have the name of another's file: so what stands before its
 * name is where they begin. */
struct place {
    const char *text;
    size_t most;
};

static bool is_named(const struct names *item, const struct place *places, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (item->length && names_item(places[i].text, places[i].most, item->dotted, item->length))
            return true;
    }
    return false;
}

/* The longest, if it has the others in it: else nobody knows whose the case is. Whether any is
 * named. */
static bool longest(const struct names *items, size_t n, const struct place *places,
                    size_t n_places, size_t *unit)
{
    size_t best = 0, named = 0;
    *unit = RESULTS_NO_UNIT;
    for (size_t i = 0; i < n; i++) {
        if (!is_named(&items[i], places, n_places))
            continue;
        if (named++ == 0 || items[i].length > items[best].length)
            best = i;
    }
    for (size_t i = 0; named > 1 && i < n; i++) {
        if (i == best || !is_named(&items[i], places, n_places))
            continue;
        if (items[i].length == items[best].length ||
            !names_item(items[best].dotted, SIZE_MAX, items[i].dotted, items[i].length))
            return true;
    }
    if (named > 0)
        *unit = best;
    return named > 0;
}

static size_t unit_of(const struct names *items, size_t n, const struct ciplug_test *test)
{
    AUTO_FREE char *file = dotted(test->file), *classname = dotted(test->classname);
    AUTO_FREE char *name = dotted(test->name), *suite = dotted(test->suite);
    AUTO_FREE char *both = xasprintf("%s.%s", file, classname);
    AUTO_FREE char *in_class = inside(classname, test->name);
    AUTO_FREE char *in_file = inside(both, test->name);
    AUTO_FREE char *plain_file = inside(file, test->name);
    const struct place first[] = {
        {in_class, strlen(classname)}, {in_file, strlen(both)}, {plain_file, strlen(file)}};
    const struct place then[] = {{name, SIZE_MAX}, {suite, SIZE_MAX}};
    size_t unit;
    if (!longest(items, n, first, ARRAY_SIZE(first), &unit))
        longest(items, n, then, ARRAY_SIZE(then), &unit);
    return unit;
}

void results_match(struct results *results, const char *const *items, size_t n)
{
    AUTO_FREE struct names *names = xcalloc(n ? n : 1, sizeof *names);
    for (size_t i = 0; i < n; i++) {
        names[i].dotted = dotted(items[i]);
        names[i].length = strlen(names[i].dotted);
    }
    for (size_t i = 0; i < results->n_cases; i++) {
        struct results_case *c = &results->cases[i];
        c->unit = n <= 1 ? 0 : unit_of(names, n, &c->test);
    }
    for (size_t i = 0; i < n; i++)
        free(names[i].dotted);
}
