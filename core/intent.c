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

static uint64_t hash_of(const char *kind, const char *what, const struct strv *env)
{
    uint64_t hash = hash_bytes(HASH_START, kind, strlen(kind) + 1);
    hash = hash_bytes(hash, what, strlen(what) + 1);
    for (size_t i = 0; i < env->n; i++)
        hash = hash_bytes(hash, env->v[i], strlen(env->v[i]) + 1);
    return hash;
}

static bool same_env(const struct strv *a, const struct strv *b)
{
    for (size_t i = 0; i < a->n && a->n == b->n; i++) {
        if (strcmp(a->v[i], b->v[i]) != 0)
            return false;
    }
    return a->n == b->n;
}

bool intent_is_ours(const char *kind)
{
    return strcmp(kind, INTENT_CGROUP) == 0 || strcmp(kind, INTENT_FOLDER) == 0;
}

bool intents_add(struct intents *intents, const char *kind, const char *what,
                 const struct strv *env)
{
    uint64_t hash = hash_of(kind, what, env);
    for (size_t i = 0; i < intents->n; i++) {
        const struct intent *known = &intents->list[i];
        if (known->hash == hash && strcmp(known->kind, kind) == 0 &&
            strcmp(known->what, what) == 0 && same_env(&known->env, env))
            return false;
    }
    ARRAY_GROW(intents->list, intents->n, intents->alloc);
    struct intent *intent = &intents->list[intents->n++];
    *intent = (struct intent){.kind = xstrdup(kind), .what = xstrdup(what), .hash = hash};
    strv_copy(&intent->env, env);
    return true;
}

void intents_free(struct intents *intents)
{
    for (size_t i = 0; i < intents->n; i++) {
        free(intents->list[i].kind);
        free(intents->list[i].what);
        strv_free(&intents->list[i].env);
    }
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
    for (size_t i = 0; i < intent->env.n; i++) {
        char *why = i < ENV_MAX ? disbelieved_variable(intent->kind, intent->env.v[i])
                                : xstrdup("its journal sets too many variables");
        if (why)
            return why;
    }
    return NULL;
}
