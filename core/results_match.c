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

/* A path without "./" in front, without the ending of its file, and with dots where it has '/',
 * '\' or "::"; so that "./spec/a_spec.rb" and "spec.a_spec" are the same. */
static void add_dotted(struct strbuf *out, const char *text)
{
    while (text[0] == '.' && (text[1] == '/' || text[1] == '\\') && text[2])
        text += 2;
    const char *colons = strstr(text, "::");
    size_t path = colons ? (size_t)(colons - text) : strlen(text);
    const char *end = ending_of(text, path, colons != NULL);
    for (const char *p = text; *p; p++) {
        if (end && p == end)
            p = text + path;
        if (!*p)
            break;
        if (p[0] == ':' && p[1] == ':')
            p++;
        strbuf_addch(out, *p == '/' || *p == '\\' || *p == ':' ? '.' : *p);
    }
}

static char *dotted(const char *text)
{
    struct strbuf out = STRBUF_INIT;
    add_dotted(&out, text);
    return strbuf_detach(&out);
}

/* Whether `text` is the item, something in it ("a.B" in "a", "f[1]" of "f"), or it below another
 * folder ("app.a" for "a"). Both are dotted. */
static bool names_item(const char *text, const char *item, size_t length)
{
    const char *at = text;
    while ((at = strstr(at, item))) {
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

static size_t longest(const struct names *items, size_t n, const char *const *texts, size_t n_texts)
{
    size_t best = RESULTS_NO_UNIT;
    for (size_t i = 0; i < n; i++) {
        bool named = false;
        for (size_t k = 0; k < n_texts && !named; k++)
            named = items[i].length && names_item(texts[k], items[i].dotted, items[i].length);
        if (named && (best == RESULTS_NO_UNIT || items[i].length > items[best].length))
            best = i;
    }
    return best;
}

static size_t unit_of(const struct names *items, size_t n, const struct ciplug_test *test)
{
    AUTO_FREE char *file = dotted(test->file), *classname = dotted(test->classname);
    AUTO_FREE char *name = dotted(test->name), *suite = dotted(test->suite);
    AUTO_FREE char *in_class = xasprintf("%s.%s", classname, test->name);
    AUTO_FREE char *in_file = xasprintf("%s.%s", file, in_class);
    AUTO_FREE char *plain_file = xasprintf("%s.%s", file, test->name);
    const char *const first[] = {file, in_class, in_file, plain_file, classname};
    const char *const then[] = {name, suite};
    size_t unit = longest(items, n, first, ARRAY_SIZE(first));
    return unit != RESULTS_NO_UNIT ? unit : longest(items, n, then, ARRAY_SIZE(then));
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
