/* SPDX-License-Identifier: MIT */
#include "expand.h"
#include "placeholder.h"
#include "shellscan.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

struct check {
    const char *text;
    enum expand_mode mode;
    const struct expand_allowed *allowed;
    const char *file;
    int line;
    struct problems *problems;
    unsigned char *contexts; /* of a shell command; NULL elsewhere */
    size_t unclosed;
    size_t found;
};

/* Problems name a placeholder as it is written. */
#define SHOWN(placeholder) (int)(placeholder)->length, (placeholder)->start

/* What to do about a placeholder that cannot be kept one word. */
static char *remedy(const struct placeholder *placeholder, const char *first)
{
    if (placeholder->kind != PH_MATRIX)
        return xasprintf("%swrite \"$CI_ITEM\"", first);
    const char *name = placeholder->meant;
    return xasprintf("%sset env.NAME = {%s} and write \"$NAME\"", first, name);
}

static void refuse_context(struct check *check, const struct placeholder *placeholder,
                           const char *where, const char *first)
{
    AUTO_FREE char *what = remedy(placeholder, first);
    problems_add(check->problems, check->file, check->line,
                 "%.*s stands %s, where it cannot be kept one word: %s", SHOWN(placeholder), where,
                 what);
    check->found++;
}

static void refuse_comment(struct check *check, const struct placeholder *placeholder)
{
    problems_add(check->problems, check->file, check->line,
                 "%.*s stands in a comment, which a line break in it would end: leave it out, or "
                 "write {%.*s:literal}",
                 SHOWN(placeholder), (int)placeholder->name_length, placeholder->name);
    check->found++;
}

static void refuse_unsure(struct check *check, const struct placeholder *placeholder)
{
    AUTO_FREE char *what = remedy(placeholder, "");
    problems_add(check->problems, check->file, check->line,
                 "cannot tell in what quotes %.*s stands here, as shells read this command "
                 "differently: %s",
                 SHOWN(placeholder), what);
    check->found++;
}

static void check_quotes(struct check *check, const struct placeholder *placeholder, size_t at)
{
    static const char drop_quotes[] = "drop the quotes, or ";
    bool open = check->unclosed != SHELL_CLOSED && at > check->unclosed;
    switch ((enum shell_context)check->contexts[at]) {
    case SHELL_SINGLE:
        refuse_context(check, placeholder,
                       open ? "inside single quotes that are never closed" : "inside single quotes",
                       drop_quotes);
        break;
    case SHELL_DOUBLE:
        refuse_context(check, placeholder,
                       open ? "inside double quotes that are never closed" : "inside double quotes",
                       drop_quotes);
        break;
    case SHELL_BACKTICK:
        refuse_context(check, placeholder, "inside backticks", "use $(...), or ");
        break;
    case SHELL_HEREDOC:
        refuse_context(check, placeholder, "in a here-document", "");
        break;
    case SHELL_DELIMITER:
        refuse_context(check, placeholder, "in the delimiter of a here-document", "");
        break;
    case SHELL_PARAM:
        refuse_context(check, placeholder, "inside ${...}", "");
        break;
    case SHELL_ARITH:
        refuse_context(check, placeholder, "inside $((...))", "");
        break;
    case SHELL_ESCAPED:
        refuse_context(check, placeholder, "behind a backslash", "drop the backslash, or ");
        break;
    case SHELL_COMMENT:
        refuse_comment(check, placeholder);
        break;
    case SHELL_UNSURE:
        refuse_unsure(check, placeholder);
        break;
    case SHELL_WORD:
    case SHELL_CONTINUED:
        break;
    }
}

/* Line continuations do not count as neighbours. */
static bool alone_before(const struct check *check, size_t at)
{
    while (at >= 2 && check->contexts[at - 1] == SHELL_CONTINUED)
        at -= 2;
    if (at == 0)
        return true;
    if (check->contexts[at - 1] != SHELL_WORD)
        return check->contexts[at - 1] == SHELL_HEREDOC;
    char c = check->text[at - 1];
    bool redirects = at >= 2 && (c == '&' || c == '|') && strchr("<>", check->text[at - 2]);
    return strchr(" \t\n;&|(", c) && !redirects;
}

static bool alone_behind(const struct check *check, size_t at)
{
    while (check->text[at] && check->contexts[at] == SHELL_CONTINUED)
        at += 2;
    return check->text[at] == '\0' || strchr(" \t\n;&|)<>", check->text[at]);
}

static void check_items(struct check *check, const struct placeholder *placeholder, size_t at)
{
    if (check->contexts[at] != SHELL_WORD)
        return;
    if (alone_before(check, at) && alone_behind(check, at + placeholder->length))
        return;
    problems_add(check->problems, check->file, check->line,
                 "{items} becomes a word for each item, so in a shell command nothing may touch "
                 "it: put blanks around it, or write {item}");
    check->found++;
}

static void check_shell(struct check *check, const struct placeholder *placeholder)
{
    if (placeholder->kind == PH_ENV) {
        int length = (int)placeholder->name_length;
        problems_add(check->problems, check->file, check->line,
                     "%.*s does not work in a shell command: write \"$%.*s\" instead",
                     SHOWN(placeholder), length, placeholder->name);
        check->found++;
        return;
    }
    if (placeholder->form != PH_PLAIN || !placeholder_is_free(placeholder))
        return;
    size_t at = (size_t)(placeholder->start - check->text);
    check_quotes(check, placeholder, at);
    if (placeholder->kind == PH_ITEMS)
        check_items(check, placeholder, at);
}

static void check_env(struct check *check, const struct placeholder *placeholder)
{
    AUTO_FREE char *name = xstrndup(placeholder->name, placeholder->name_length);
    if (getenv(name))
        return;
    problems_add(check->problems, check->file, check->line, "{env:%s}: the variable %s is not set",
                 name, name);
    check->found++;
}

static void refuse_near(struct check *check, const struct placeholder *placeholder)
{
    static const char *const forms[] = {
        [PH_PLAIN] = "", [PH_RAW] = ":raw", [PH_LITERAL] = ":literal"};
    bool env = placeholder->name != placeholder->start + 1;
    int length = (int)placeholder->name_length;
    AUTO_FREE char *meant = env ? xasprintf("env:%.*s", length, placeholder->name)
                                : xasprintf("%s%s", placeholder->meant, forms[placeholder->form]);
    problems_add(check->problems, check->file, check->line,
                 "unknown placeholder %.*s (did you mean {%s}?)", SHOWN(placeholder), meant);
    check->found++;
}

static void check_placeholder(struct check *check, const struct placeholder *placeholder)
{
    bool items = placeholder->kind == PH_ITEM || placeholder->kind == PH_ITEMS;
    if (placeholder->kind == PH_NEAR) {
        refuse_near(check, placeholder);
        return;
    }
    if (placeholder->form == PH_LITERAL)
        return;
    if (items && !(check->allowed && check->allowed->items)) {
        problems_add(check->problems, check->file, check->line, "%.*s: this step has no items",
                     SHOWN(placeholder));
        check->found++;
        return;
    }
    if (check->mode == EXPAND_SHELL)
        check_shell(check, placeholder);
    else if (placeholder->kind == PH_ENV)
        check_env(check, placeholder);
}

/* The shell will not see the braces of placeholders, so the scan must not either; the letters stay,
 * so that two different ones are never the same word. */
static void scan_command(struct check *check, const struct strv *names)
{
    size_t length = strlen(check->text);
    AUTO_FREE char *text = xstrdup(check->text);
    struct placeholder placeholder;
    const char *at = check->text;
    while (placeholder_next(&placeholder, check->text, at, names, true)) {
        char *copy = text + (placeholder.start - check->text);
        at = placeholder.start + placeholder.length;
        if (placeholder.form == PH_LITERAL || placeholder.kind == PH_NEAR)
            continue;
        for (size_t i = 0; i < placeholder.length; i++) {
            if (strchr("{:}", copy[i]))
                copy[i] = '_';
        }
    }
    check->contexts = xmalloc(length + 1);
    check->unclosed = shellscan(text, length, check->contexts);
}

int expand_check(const char *text, enum expand_mode mode, const struct expand_allowed *allowed,
                 const char *file, int line, struct problems *problems)
{
    struct check check = {.text = text,
                          .mode = mode,
                          .allowed = allowed,
                          .file = file,
                          .line = line,
                          .problems = problems};
    const struct strv *names = allowed ? allowed->names : NULL;
    struct placeholder placeholder;
    if (mode == EXPAND_SHELL)
        scan_command(&check, names);
    for (const char *at = text; placeholder_next(&placeholder, text, at, names, true);) {
        check_placeholder(&check, &placeholder);
        at = placeholder.start + placeholder.length;
    }
    free(check.contexts);
    return check.found ? -1 : 0;
}
