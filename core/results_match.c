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

/* ---- the items by their names ---- */

struct name {
    char *dotted; /* of the item */
    size_t length, unit;
    bool twice; /* another item has the same */
};

struct names {
    struct name *all;
    size_t *slots; /* by hash; index in `all` and 1; 0: free */
    size_t n, room, longest;
    size_t *found; /* in a case */
    size_t n_found, a_found;
};

/* Where it stands, or would. */
static size_t *slot_of(const struct names *names, uint64_t hash, const char *text, size_t length)
{
    size_t at = (size_t)hash & (names->room - 1);
    for (; names->slots[at]; at = (at + 1) & (names->room - 1)) {
        const struct name *name = &names->all[names->slots[at] - 1];
        if (name->length == length && memcmp(name->dotted, text, length) == 0)
            break;
    }
    return &names->slots[at];
}

static void add_name(struct names *names, const char *item, size_t unit)
{
    char *text = dotted(item);
    size_t length = strlen(text);
    size_t *slot = slot_of(names, hash_bytes(HASH_START, text, length), text, length);
    if (length == 0 || *slot) {
        if (*slot)
            names->all[*slot - 1].twice = true;
        free(text);
        return;
    }
    names->all[names->n++] = (struct name){.dotted = text, .length = length, .unit = unit};
    *slot = names->n;
    if (length > names->longest)
        names->longest = length;
}

static void names_init(struct names *names, const char *const *items, size_t n)
{
    *names = (struct names){.all = xcalloc(n + 1, sizeof *names->all), .room = 64};
    while (names->room < n * 2)
        names->room *= 2;
    names->slots = xcalloc(names->room, sizeof *names->slots);
    for (size_t i = 0; i < n; i++)
        add_name(names, items[i], i);
}

static void names_free(struct names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->all[i].dotted);
    free(names->all);
    free(names->slots);
    free(names->found);
}

/* ---- what a case names ---- */

static bool ends_at(const char *text, size_t at)
{
    return text[at] == '\0' || text[at] == '.' || text[at] == '[';
}

/* Items that the text at `begin` is, or is in ("a.B" in "a", "f[1]" of "f"). */
static void find_from(struct names *names, const char *text, size_t begin)
{
    uint64_t hash = HASH_START;
    for (size_t n = 1; n <= names->longest && text[begin + n - 1]; n++) {
        hash = hash_bytes(hash, text + begin + n - 1, 1);
        size_t index = ends_at(text, begin + n) ? *slot_of(names, hash, text + begin, n) : 0;
        if (index == 0)
            continue;
        ARRAY_GROW(names->found, names->n_found, names->a_found);
        names->found[names->n_found++] = index - 1;
    }
}

/* Also below another folder ("app.a" for "a"). They have to begin in the first `most` bytes. */
static void find_in(struct names *names, const char *text, size_t most)
{
    for (size_t i = 0; i < most && text[i]; i++) {
        if (i == 0 || text[i - 1] == '.')
            find_from(names, text, i);
    }
}

/* Whether a shorter one is in it. */
static bool has_in_it(const struct name *name, const struct name *other)
{
    const char *at = name->dotted;
    for (; (at = strstr(at, other->dotted)); at++) {
        if ((at == name->dotted || at[-1] == '.') && ends_at(at, other->length))
            return true;
    }
    return false;
}

/* The longest that was found, if it has the others in it: else nobody knows whose the case is. */
static size_t longest(const struct names *names)
{
    const struct name *best = NULL;
    for (size_t i = 0; i < names->n_found; i++) {
        const struct name *name = &names->all[names->found[i]];
        if (!best || name->length > best->length)
            best = name;
    }
    if (!best || best->twice)
        return RESULTS_NO_UNIT;
    for (size_t i = 0; i < names->n_found; i++) {
        if (!has_in_it(best, &names->all[names->found[i]]))
            return RESULTS_NO_UNIT;
    }
    return best->unit;
}

static size_t unit_of(struct names *names, const struct ciplug_test *test)
{
    AUTO_FREE char *file = dotted(test->file), *classname = dotted(test->classname);
    AUTO_FREE char *name = dotted(test->name), *suite = dotted(test->suite);
    AUTO_FREE char *both = xasprintf("%s.%s", file, classname);
    AUTO_FREE char *in_class = inside(classname, test->name);
    AUTO_FREE char *in_file = inside(both, test->name);
    AUTO_FREE char *plain_file = inside(file, test->name);
    names->n_found = 0;
    /* A test may have the name of another's file, so what stands before its name is where they
     * begin. */
    find_in(names, in_class, strlen(classname));
    find_in(names, in_file, strlen(both));
    find_in(names, plain_file, strlen(file));
    if (names->n_found == 0) {
        find_in(names, name, SIZE_MAX);
        find_in(names, suite, SIZE_MAX);
    }
    return longest(names);
}

void results_match(struct results *results, const char *const *items, size_t n)
{
    struct names names;
    names_init(&names, items, n > 1 ? n : 0);
    for (size_t i = 0; i < results->n_cases; i++) {
        struct results_case *c = &results->cases[i];
        c->unit = n <= 1 ? 0 : unit_of(&names, &c->test);
    }
    results_add_up(results, n > 1 ? n : 1);
    names_free(&names);
}
