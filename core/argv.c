/* SPDX-License-Identifier: MIT */
#include "argv.h"
#include "mask.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

void argv_free(struct argv *argv)
{
    strv_free(&argv->words);
    strv_free(&argv->env);
    free(argv->cwd);
    argv->cwd = NULL;
}

void argv_copy(struct argv *to, const struct argv *from)
{
    strv_copy(&to->words, &from->words);
    strv_copy(&to->env, &from->env);
    if (from->cwd) {
        free(to->cwd);
        to->cwd = xstrdup(from->cwd);
    }
}

bool shell_is_reserved(const char *word)
{
    static const char *const words[] = {"if",   "then",   "else", "elif",     "fi",    "case",
                                        "esac", "for",    "in",   "while",    "until", "do",
                                        "done", "select", "time", "function", "coproc"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcmp(word, words[i]) == 0)
            return true;
    }
    return false;
}

void shell_quote_always(struct strbuf *out, const char *word)
{
    strbuf_addch(out, '\'');
    for (; *word; word++) {
        if (*word == '\'')
            strbuf_addstr(out, "'\\''");
        else
            strbuf_addch(out, *word);
    }
    strbuf_addch(out, '\'');
}

void shell_quote(struct strbuf *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "@%+=:,./_-";
    if (*word && word[strspn(word, plain)] == '\0')
        strbuf_addstr(out, word);
    else
        shell_quote_always(out, word);
}

/* The first place in `value` where the caller's value of a masked variable stands, or NULL. */
static const char *find_masked(const char *value, const struct strv *masked, const char **name)
{
    const char *first = NULL;
    for (size_t i = 0; masked && i < masked->n; i++) {
        const char *secret = getenv(masked->v[i]);
        const char *at = secret && *secret ? strstr(value, secret) : NULL;
        if (at && (!first || at < first)) {
            first = at;
            *name = masked->v[i];
        }
    }
    return first;
}

/* Masked before it is quoted: quotes change a secret that holds one. */
static void show_plain(struct strbuf *out, const char *text, const struct mask *mask)
{
    AUTO_STRBUF struct strbuf clear = STRBUF_INIT;
    mask_text(mask, text, &clear);
    shell_quote(out, strbuf_text(&clear));
}

/* Quoted; a secret in it by its name, which the shell that it is pasted into expands. */
static void show_value(struct strbuf *out, const char *value, const struct strv *masked,
                       const struct mask *mask)
{
    AUTO_STRBUF struct strbuf shown = STRBUF_INIT, left = STRBUF_INIT, clear = STRBUF_INIT;
    const char *name = NULL, *at, *rest = value;
    mask_text(mask, value, &clear);
    while ((at = find_masked(rest, masked, &name))) {
        AUTO_FREE char *before = xstrndup(rest, (size_t)(at - rest));
        strbuf_addf(&left, "%s***", before);
        if (*before)
            show_plain(&shown, before, mask);
        strbuf_addf(&shown, "\"$%s\"", name);
        rest = at + strlen(getenv(name));
    }
    strbuf_addstr(&left, rest);
    if (*rest)
        show_plain(&shown, rest, mask);
    /* Where secrets overlap, a piece of one may be left beside the name of another. */
    if (!mask || strcmp(strbuf_text(&left), strbuf_text(&clear)) == 0)
        strbuf_addstr(out, strbuf_text(&shown));
    else
        shell_quote(out, strbuf_text(&clear));
}

static void show_assignment(struct strbuf *out, const char *assignment, const struct strv *masked,
                            const struct mask *mask)
{
    size_t length = strcspn(assignment, "=");
    AUTO_FREE char *name = xstrndup(assignment, length);
    shell_quote(out, name);
    strbuf_addch(out, '=');
    if (masked && strv_has(masked, name))
        strbuf_addf(out, "\"$%s\"", name);
    else if (assignment[length] && !assignment[length + 1])
        strbuf_addstr(out, "''");
    else if (assignment[length])
        show_value(out, assignment + length + 1, masked, mask);
}

void argv_show(struct strbuf *out, const struct argv *argv, const struct strv *masked,
               const struct mask *mask)
{
    bool env = argv->env.n > 0 || argv->cwd;
    if (env)
        strbuf_addstr(out, "env ");
    if (argv->cwd) {
        strbuf_addstr(out, "-C ");
        show_plain(out, argv->cwd, mask);
        strbuf_addch(out, ' ');
    }
    for (size_t i = 0; i < argv->env.n; i++) {
        show_assignment(out, argv->env.v[i], masked, mask);
        strbuf_addch(out, ' ');
    }
    for (size_t i = 0; i < argv->words.n; i++) {
        const char *word = argv->words.v[i];
        bool command = i == 0 && (strchr(word, '=') || shell_is_reserved(word));
        if (i)
            strbuf_addch(out, ' ');
        if (command)
            shell_quote_always(out, word);
        else
            show_plain(out, word, mask);
    }
}

/* Take one word at *text; the position behind it comes back, NULL for an unfinished quote. */
static const char *split_word(const char *text, struct strbuf *word, const char **error)
{
    char quote = 0;
    for (; *text && (quote || !strchr(" \t\r\n", *text)); text++) {
        if (quote == '\'' && *text != '\'') {
            strbuf_addch(word, *text);
        } else if (*text == '\\' && text[1] == '\n') {
            text++; /* the line goes on */
        } else if (*text == '\\' && text[1] && (quote != '"' || strchr("\"\\$`", text[1]))) {
            strbuf_addch(word, *++text);
        } else if (*text == quote) {
            quote = 0;
        } else if (!quote && (*text == '\'' || *text == '"')) {
            quote = *text;
        } else {
            strbuf_addch(word, *text);
        }
    }
    if (quote) {
        *error = quote == '"' ? "a \" is not closed" : "a ' is not closed";
        return NULL;
    }
    return text;
}

/* Skip white space and continued lines. */
static const char *skip_white(const char *text)
{
    for (;;) {
        text += strspn(text, " \t\r\n");
        if (text[0] != '\\' || text[1] != '\n')
            return text;
        text += 2;
    }
}

int argv_split(struct strv *words, const char *text, const char **error)
{
    for (text = skip_white(text); *text; text = skip_white(text)) {
        struct strbuf word = STRBUF_INIT;
        text = split_word(text, &word, error);
        if (!text) {
            strbuf_free(&word);
            return -1;
        }
        strv_take(words, strbuf_detach(&word));
    }
    return 0;
}
