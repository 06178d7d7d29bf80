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

void guard_prelude(struct strbuf *out, const struct argv *argv,
                   const struct guard_settings *settings)
{
    strbuf_addf(out, "1 %s %u %d\n", settings->nonce, settings->lease_s, settings->merge);
    for (size_t i = 0; i < argv->env.n; i++)
        add_line(out, 'v', argv->env.v[i]);
    for (size_t i = 0; i < argv->words.n; i++)
        add_line(out, 'w', argv->words.v[i]);
    if (argv->cwd)
        add_line(out, 'd', argv->cwd);
    strbuf_addstr(out, "go\n");
}
