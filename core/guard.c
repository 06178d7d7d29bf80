/* SPDX-License-Identifier: MIT */
#include "guard.h"
#include "guard_sh.h"
#include "util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

int guard_nonce(char nonce[GUARD_NONCE_SIZE])
{
    unsigned char bytes[(GUARD_NONCE_SIZE - 1) / 2];
    ssize_t n;
    do
        n = getrandom(bytes, sizeof bytes, 0);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof bytes)
        return -1;
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

void guard_argv(struct strv *words)
{
    strv_push(words, "sh");
    strv_push(words, "-c");
    strv_push(words, guard_text);
    strv_push(words, "ciplug-guard");
}

static bool is_plain(char c)
{
    return c >= ' ' && c <= '~' && c != '\\';
}

/* Whether a shell, of those that may be the guard's, cannot have the variable, gives it a meaning
 * of its own (an assignment fails, or another value reaches the command), or the guard itself has
 * it. */
static bool is_odd(const char *name, size_t length)
{
    static const char *const special[] = {
        "COMP_WORDBREAKS", "DIRSTACK", "EUID",   "FUNCNAME", "FUNCNEST",
        "GROUPS",          "HISTCMD",  "LINENO", "OPTIND",   "PIPESTATUS",
        "POSIXLY_CORRECT", "PPID",     "RANDOM", "SECONDS",  "SHELLOPTS",
        "SHLVL",           "SRANDOM",  "UID",    "_"};
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    for (size_t i = 0; i < ARRAY_SIZE(special); i++)
        if (strlen(special[i]) == length && memcmp(special[i], name, length) == 0)
            return true;
    return length == 0 || strspn(name, letters) < length || (*name >= '0' && *name <= '9') ||
           str_starts(name, "BASH") || str_starts(name, "EPOCH") || str_starts(name, "g_");
}

/* A line of `letter` and value; of the capital letter where the value is escaped for %b. */
static void add_line(struct strbuf *out, char letter, const char *value)
{
    bool plain = true;
    for (const char *c = value; *c; c++)
        plain = plain && is_plain(*c);
    strbuf_addch(out, plain ? letter : (char)(letter - 'a' + 'A'));
    strbuf_addch(out, ' ');
    for (const char *c = value; *c; c++) {
        if (is_plain(*c))
            strbuf_addch(out, *c);
        else
            strbuf_addf(out, "\\0%03o", (unsigned char)*c);
    }
    strbuf_addch(out, '\n');
}

static void add_variables(struct strbuf *out, const struct strv *env, bool odd)
{
    for (size_t i = 0; i < env->n; i++)
        if (is_odd(env->v[i], strcspn(env->v[i], "=")) == odd)
            add_line(out, odd ? 'e' : 'v', env->v[i]);
}

void guard_prelude(struct strbuf *out, const struct argv *argv,
                   const struct guard_settings *settings)
{
    strbuf_addf(out, "1 %s %u %d\n", settings->nonce, settings->lease_s, settings->merge);
    add_variables(out, &argv->env, false);
    add_variables(out, &argv->env, true);
    for (size_t i = 0; i < argv->words.n; i++)
        add_line(out, 'w', argv->words.v[i]);
    if (argv->cwd)
        add_line(out, 'd', argv->cwd);
    strbuf_addstr(out, "go\n");
}
