/* SPDX-License-Identifier: MIT */
#include "intent.h"
#include "safeguard.h"
#include "util.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define WHAT_MAX  4096
#define VALUE_MAX 4096
#define ENV_MAX   64

static uint64_t hash_text(uint64_t hash, const char *text)
{
    return hash_bytes(hash, text ? text : "", text ? strlen(text) + 1 : 1);
}

static uint64_t hash_of(const struct intent *intent)
{
    uint64_t hash = hash_text(HASH_START, intent->kind);
    hash = hash_text(hash, intent->what);
    hash = hash_text(hash, intent->by_kind);
    hash = hash_text(hash, intent->by_what);
    for (size_t i = 0; i < intent->env.n; i++)
        hash = hash_text(hash, intent->env.v[i]);
    return hash;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool intent_is_ours(const char *kind)
{
    return strcmp(kind, INTENT_CGROUP) == 0 || strcmp(kind, INTENT_FOLDER) == 0;
}

static bool same(const struct intent *a, const struct intent *b)
{
    return a->hash == b->hash && same_text(a->kind, b->kind) && same_text(a->what, b->what) &&
           same_text(a->by_kind, b->by_kind) && same_text(a->by_what, b->by_what) &&
           strv_same(&a->env, &b->env);
}

bool intents_add(struct intents *intents, const struct intent *intent)
{
    struct intent copy = *intent;
    copy.hash = hash_of(&copy);
    for (size_t i = 0; i < intents->n; i++) {
        if (same(&intents->list[i], &copy))
            return false;
    }
    copy.kind = xstrdup(intent->kind);
    copy.what = xstrdup(intent->what);
    copy.by_kind = intent->by_kind ? xstrdup(intent->by_kind) : NULL;
    copy.by_what = intent->by_what ? xstrdup(intent->by_what) : NULL;
    copy.env = (struct strv)STRV_INIT;
    strv_copy(&copy.env, &intent->env);
    ARRAY_GROW(intents->list, intents->n, intents->alloc);
    intents->list[intents->n++] = copy;
    return true;
}

void intent_clear(struct intent *intent)
{
    free(intent->kind);
    free(intent->what);
    free(intent->by_kind);
    free(intent->by_what);
    strv_free(&intent->env);
}

void intents_free(struct intents *intents)
{
    for (size_t i = 0; i < intents->n; i++)
        intent_clear(&intents->list[i]);
    free(intents->list);
    *intents = (struct intents){0};
}

/* ---- those of a journal ---- */

static bool is_line(const char *text, size_t max)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return false;
    }
    return length > 0 && length <= max;
}

/* COMPOSE_ for compose, and those that lead every client to its engine. Never PATH, LD_PRELOAD,
 * BASH_ENV: what they name would be run. */
bool intent_variable(const char *kind, const char *name, size_t length)
{
    size_t n = strlen(kind);
    if (strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") < length)
        return false;
    if (length > strlen("DOCKER_") && str_starts(name, "DOCKER_"))
        return true;
    for (size_t i = 0; i < n; i++) {
        if (toupper((unsigned char)kind[i]) != name[i] && !(kind[i] == '-' && name[i] == '_'))
            return false;
    }
    return length > n + 1 && name[n] == '_';
}

/* A folder of settings names programs, too (plugins, credential helpers): only the one that we
 * would use anyway. */
static bool names_programs(const char *name, size_t length)
{
    static const char end[] = "_CONFIG";
    return length >= strlen(end) && strncmp(name + length - strlen(end), end, strlen(end)) == 0;
}

static bool is_our_own(const char *name, size_t length, const char *value)
{
    AUTO_FREE char *copy = xstrndup(name, length);
    const char *own = getenv(copy);
    return own && strcmp(own, value) == 0;
}

static char *disbelieved_variable(const char *kind, const char *text)
{
    size_t length = strcspn(text, "=");
    const char *value = text + length + (text[length] == '=');
    if (!is_line(text, VALUE_MAX))
        return xstrdup("its journal holds something that is no variable");
    if (!intent_variable(kind, text, length))
        return xasprintf("its journal sets %.*s, which leads to no place of '%s'", (int)length,
                         text, kind);
    if (names_programs(text, length) && *value && !is_our_own(text, length, value))
        return xasprintf("its journal sets %.*s to what is not set here: set it to '%s' if that is "
                         "right",
                         (int)length, text, value);
    /* ssh://-oProxyCommand=... */
    if (strstr(value, "//-") || strstr(value, "@-"))
        return xasprintf("its journal sets %.*s to what looks like an option", (int)length, text);
    return NULL;
}

char *intent_disbelieved(const struct intent *intent)
{
    if (!SAFEGUARD(journal_is_only_a_file))
        return NULL;
    if (!is_line(intent->what, WHAT_MAX) || !utf8_valid(intent->what, strlen(intent->what)))
        return xstrdup("its journal names nothing that could be asked for");
    if (intent->by_what && (!is_line(intent->by_what, WHAT_MAX) ||
                            !utf8_valid(intent->by_what, strlen(intent->by_what))))
        return xstrdup("its journal names no way that could be gone");
    for (size_t i = 0; i < intent->env.n; i++) {
        char *why = i < ENV_MAX ? disbelieved_variable(intent->kind, intent->env.v[i])
                                : xstrdup("its journal sets too many variables");
        if (why)
            return why;
    }
    return NULL;
}
