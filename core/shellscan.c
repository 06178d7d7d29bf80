/* SPDX-License-Identifier: MIT */
#include "shellscan.h"
#include "shellscan_state.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

void scan_put(struct scan *scan, size_t count, enum shell_context context)
{
    if (count > scan->n - scan->pos)
        count = scan->n - scan->pos;
    memset(scan->contexts + scan->pos, context, count);
    scan->pos += count;
}

void scan_lose(struct scan *scan)
{
    scan_put(scan, scan->n, SHELL_UNSURE);
}

static struct frame *top(struct scan *scan)
{
    return &scan->frames[scan->depth - 1];
}

static struct frame *push(struct scan *scan, enum frame_kind kind)
{
    ARRAY_GROW(scan->frames, scan->depth + 1, scan->alloc);
    size_t own = scan->depth++;
    bool owns = kind == FRAME_TOP || kind == FRAME_COMSUB;
    size_t owner = owns ? own : scan->frames[own - 1].owner;
    scan->frames[own] = (struct frame){.kind = kind, .opened = scan->pos, .owner = owner};
    return &scan->frames[own];
}

static void begin_quoted(struct frame *frame)
{
    frame->in_word = true;
    frame->quoted = true;
}

static bool is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++) {
        if (strcmp(word, *list) == 0)
            return true;
    }
    return false;
}

static void command_word(struct scan *scan, struct frame *frame, const char *word)
{
    static const char *const more[] = {"if",    "then", "else", "elif", "do",     "while",
                                       "until", "!",    "{",    "time", "coproc", NULL};
    frame->command = is_one_of(word, more);
    if (strcmp(word, "for") == 0 || strcmp(word, "select") == 0) {
        frame->name = NAME_FOR;
    } else if (strcmp(word, "function") == 0) {
        frame->name = NAME_FUNCTION;
    } else if (strcmp(word, "case") == 0) {
        push(scan, FRAME_CASE);
    } else if (strcmp(word, "esac") == 0 && frame->kind == FRAME_CASE) {
        scan->depth--;
        top(scan)->command = false;
    }
}

static void case_word(struct scan *scan, struct frame *frame, const char *word)
{
    if (frame->state == CASE_SUBJECT && ++frame->words > 1) {
        if (strcmp(word, "in") != 0) {
            scan_lose(scan);
            return;
        }
        frame->state = CASE_PATTERN;
        frame->command = true;
    } else if (frame->state == CASE_PATTERN && frame->command) {
        frame->command = false;
        if (strcmp(word, "esac") == 0 && frame->joined) {
            scan_lose(scan); /* (esac): a pattern, but bash trips over it in $(..) */
        } else if (strcmp(word, "esac") == 0) {
            scan->depth--;
            top(scan)->command = false;
        }
    }
}

/* `for NAME do` and `function NAME {`: a reserved word may follow a name. */
static void name_word(struct frame *frame, const char *word)
{
    enum name_state name = frame->name;
    frame->name = name == NAME_FOR ? NAME_FOR_DO : NAME_NONE;
    frame->command = name == NAME_FUNCTION || (name == NAME_FOR_DO && strcmp(word, "do") == 0);
}

static void end_word(struct scan *scan)
{
    struct frame *frame = top(scan);
    if (!frame->in_word)
        return;
    char word[sizeof frame->word + 1] = "";
    if (!frame->quoted && frame->length <= sizeof frame->word)
        memcpy(word, frame->word, frame->length);
    frame->in_word = false;
    frame->quoted = false;
    frame->length = 0;
    if (frame->redirect)
        frame->redirect = false;
    else if (frame->kind == FRAME_CASE && frame->state != CASE_BODY)
        case_word(scan, frame, word);
    else if (frame->command && !frame->words_only)
        command_word(scan, frame, word);
    else
        name_word(frame, word);
}

/* From the byte behind an opening quote to the closing one. */
static void scan_until(struct scan *scan, char quote, bool escapes, enum shell_context context)
{
    size_t opened = scan->pos - 1;
    while (scan->pos < scan->n && scan_peek(scan, 0) != quote)
        scan_put(scan, escapes && scan_peek(scan, 0) == '\\' ? 2 : 1, context);
    if (scan->pos == scan->n && scan->unclosed == SHELL_CLOSED)
        scan->unclosed = opened;
    scan_put(scan, 1, context);
}

/* $'..': a backslash in front of a quote keeps bash inside and lets dash out. */
static void scan_dollar_quote(struct scan *scan, enum shell_context context)
{
    scan_put(scan, 2, context);
    while (scan->pos < scan->n && scan_peek(scan, 0) != '\'') {
        bool escape = scan_peek(scan, 0) == '\\';
        if (escape && scan_peek(scan, 1) == '\'') {
            scan_lose(scan);
            return;
        }
        scan_put(scan, escape ? 2 : 1, SHELL_SINGLE);
    }
    scan_put(scan, 1, SHELL_SINGLE);
}

static void scan_param(struct scan *scan, enum shell_context context, bool quoted)
{
    scan_put(scan, 2, context);
    push(scan, FRAME_PARAM)->quoted = quoted;
    char c = scan_peek(scan, 0);
    if (c && strchr(" \t\n|", c))
        scan_lose(scan); /* bash 5.3 runs commands in there */
}

/* At a dollar. `context`: where it stands; `quoted`: inside double quotes. */
static void scan_dollar(struct scan *scan, enum shell_context context, bool quoted)
{
    char next = scan_peek(scan, 1), after = scan_peek(scan, 2);
    bool split = next == '\\' && after == '\n';
    split = split || (next == '(' && after == '\\' && scan_peek(scan, 3) == '\n');
    if (split || next == '[') {
        scan_lose(scan); /* $[..] is arithmetic in bash and a pattern elsewhere */
    } else if (next == '(' && after == '(') {
        scan_put(scan, 3, context);
        push(scan, FRAME_ARITH);
    } else if (next == '(') {
        scan_put(scan, 2, context);
        push(scan, FRAME_COMSUB)->command = true;
    } else if (next == '{') {
        scan_param(scan, context, quoted);
    } else if (next == '\'' && !quoted) {
        scan_dollar_quote(scan, context);
    } else {
        scan_put(scan, next && strchr("$#!?*@-_0123456789", next) ? 2 : 1, context);
    }
}

/* What means the same in words, "..", ${..} and $((..)). false: nothing of that. */
static bool scan_common(struct scan *scan, enum shell_context context, bool quoted)
{
    switch (scan_peek(scan, 0)) {
    case '$':
        scan_dollar(scan, context, quoted);
        return true;
    case '`':
        scan_put(scan, 1, context);
        scan_until(scan, '`', true, SHELL_BACKTICK);
        return true;
    default:
        return false;
    }
}

static void step_double(struct scan *scan)
{
    char c = scan_peek(scan, 0);
    if (c == '"') {
        scan_put(scan, 1, SHELL_DOUBLE);
        scan->depth--;
    } else if (c == '}' && scan->frames[scan->depth - 2].kind == FRAME_PARAM &&
               scan->frames[scan->depth - 2].quoted) {
        scan_lose(scan); /* "${X:-"}"}": shells differ */
    } else if (!scan_common(scan, SHELL_DOUBLE, true)) {
        scan_put(scan, c == '\\' ? 2 : 1, SHELL_DOUBLE);
    }
}

static void step_param(struct scan *scan)
{
    bool quoted = top(scan)->quoted;
    char c = scan_peek(scan, 0);
    if (c == '}') {
        scan_put(scan, 1, SHELL_PARAM);
        scan->depth--;
    } else if (c == '\'' && quoted) {
        scan_lose(scan); /* a quote behind # and %, a plain byte behind :- */
    } else if (c == '\'') {
        scan_put(scan, 1, SHELL_PARAM);
        scan_until(scan, '\'', false, SHELL_SINGLE);
    } else if (c == '"') {
        push(scan, FRAME_DOUBLE);
        scan_put(scan, 1, SHELL_PARAM);
    } else if (!scan_common(scan, SHELL_PARAM, quoted)) {
        scan_put(scan, c == '\\' ? 2 : 1, SHELL_PARAM);
    }
}

static void arith_close(struct scan *scan, struct frame *frame)
{
    if (frame->depth) {
        frame->depth--;
        scan_put(scan, 1, SHELL_ARITH);
    } else if (scan_peek(scan, 1) == ')') {
        scan_put(scan, 2, SHELL_ARITH);
        scan->depth--;
    } else {
        scan_lose(scan); /* it was $( (..) ..) */
    }
}

static void step_arith(struct scan *scan)
{
    struct frame *frame = top(scan);
    char c = scan_peek(scan, 0);
    bool doubtful = strchr("'\"", c) != NULL;
    if (frame->double_paren)
        doubtful = doubtful || strchr("\n#\\", c) || (c == ';' && frame->name != NAME_FOR) ||
                   (c == '<' && scan_peek(scan, 1) == '<');
    if (doubtful) {
        scan_lose(scan);
    } else if (c == ')') {
        arith_close(scan, frame);
    } else if (!scan_common(scan, SHELL_ARITH, true)) {
        frame->depth += c == '(';
        scan_put(scan, c == '\\' ? 2 : 1, SHELL_ARITH);
    }
}

static void open_paren(struct scan *scan)
{
    struct frame *frame = top(scan);
    bool pattern = frame->kind == FRAME_CASE && frame->state == CASE_PATTERN;
    bool joined = frame->in_word;
    if (frame->kind == FRAME_CASE && frame->state == CASE_SUBJECT) {
        scan_lose(scan);
        return;
    }
    if (!joined && pattern) {
        frame->joined = true;
        scan_put(scan, 1, SHELL_WORD);
        return;
    }
    bool twice = !joined && !frame->words_only && scan_peek(scan, 1) == '(';
    enum name_state name = frame->name;
    frame->name = NAME_NONE;
    frame->command = name == NAME_FOR; /* for ((..)) do */
    scan_put(scan, twice ? 2 : 1, SHELL_WORD);
    frame = push(scan, twice ? FRAME_ARITH : FRAME_PAREN);
    frame->name = twice ? name : NAME_NONE;
    frame->double_paren = twice;
    frame->joined = joined;
    frame->words_only = joined;
    frame->command = !joined;
}

static void close_frame(struct scan *scan)
{
    struct frame closed = *top(scan);
    scan->depth--;
    if (closed.kind == FRAME_COMSUB)
        return;
    struct frame *frame = top(scan);
    bool function = closed.joined && closed.opened + 1 == scan->pos;
    frame->in_word = closed.joined && !function;
    frame->quoted = frame->in_word;
    frame->command = !frame->in_word;
    frame->length = 0;
}

static void close_paren(struct scan *scan)
{
    end_word(scan);
    struct frame *frame = top(scan);
    bool pattern = frame->kind == FRAME_CASE && frame->state == CASE_PATTERN;
    bool closes = frame->kind == FRAME_PAREN ||
                  (frame->kind == FRAME_COMSUB && !heredoc_due(scan, scan->depth - 1));
    if (!pattern && !closes) {
        scan_lose(scan);
        return;
    }
    scan_put(scan, 1, SHELL_WORD);
    if (pattern) {
        frame->state = CASE_BODY;
        frame->joined = false;
        frame->command = true;
    } else {
        close_frame(scan);
    }
}

static void redirection(struct scan *scan)
{
    end_word(scan);
    struct frame *frame = top(scan);
    char c = scan_peek(scan, 0), next = scan_peek(scan, 1);
    if (c == '<' && next == '<' && scan_peek(scan, 2) != '<') {
        bool tabs = scan_peek(scan, 2) == '-';
        scan_put(scan, tabs ? 3 : 2, SHELL_WORD);
        heredoc_announce(scan, tabs, top(scan)->owner);
    } else if (next == '(') {
        scan_put(scan, 1, SHELL_WORD); /* <(..): commands that are part of a word */
        begin_quoted(frame);
        open_paren(scan);
        top(scan)->words_only = false;
        top(scan)->command = true;
    } else {
        bool here_string = c == '<' && next == '<';
        bool longer = next && strchr("&|<>", next);
        scan_put(scan, here_string ? 3 : longer ? 2 : 1, SHELL_WORD);
        frame->redirect = true;
    }
}

static void separator(struct scan *scan)
{
    end_word(scan);
    struct frame *frame = top(scan);
    char c = scan_peek(scan, 0), next = scan_peek(scan, 1);
    if (c == '&' && next == '>') {
        scan_put(scan, 1, SHELL_WORD);
        return;
    }
    bool in_case = frame->kind == FRAME_CASE;
    if (in_case && frame->state != CASE_BODY && c != '|') {
        scan_lose(scan);
        return;
    }
    bool ends = c == ';' && (next == ';' || next == '&');
    scan_put(scan, !ends ? 1 : next == ';' && scan_peek(scan, 2) == '&' ? 3 : 2, SHELL_WORD);
    if (in_case && ends)
        frame->state = CASE_PATTERN;
    frame->command = !in_case || frame->state == CASE_BODY || ends;
    frame->name = NAME_NONE;
    frame->redirect = false;
}

static void line_break(struct scan *scan)
{
    end_word(scan);
    struct frame *frame = top(scan);
    if (frame->kind != FRAME_CASE || frame->state == CASE_BODY)
        frame->command = true;
    if (frame->name != NAME_FOR_DO)
        frame->name = NAME_NONE;
    frame->redirect = false;
    scan_put(scan, 1, SHELL_WORD);
    heredoc_bodies(scan, top(scan)->owner);
}

static void backslash(struct scan *scan)
{
    if (scan_peek(scan, 1) == '\n') {
        scan_put(scan, 2, SHELL_CONTINUED);
        return;
    }
    begin_quoted(top(scan));
    scan_put(scan, 1, SHELL_WORD);
    scan_put(scan, 1, SHELL_ESCAPED);
}

static void plain_byte(struct scan *scan, char c)
{
    struct frame *frame = top(scan);
    frame->in_word = true;
    if (frame->length < sizeof frame->word)
        frame->word[frame->length] = c;
    frame->length++;
    scan_put(scan, 1, SHELL_WORD);
}

static void quote(struct scan *scan, char c)
{
    begin_quoted(top(scan));
    if (c == '"')
        push(scan, FRAME_DOUBLE);
    scan_put(scan, 1, SHELL_WORD);
    if (c == '\'')
        scan_until(scan, '\'', false, SHELL_SINGLE);
}

static void step_words(struct scan *scan)
{
    char c = scan_peek(scan, 0);
    switch (c) {
    case '\\':
        backslash(scan);
        break;
    case '\'':
    case '"':
        quote(scan, c);
        break;
    case '$':
    case '`':
        begin_quoted(top(scan));
        scan_common(scan, SHELL_WORD, false);
        break;
    case '\n':
        line_break(scan);
        break;
    case ' ':
    case '\t':
        end_word(scan);
        scan_put(scan, 1, SHELL_WORD);
        break;
    case ';':
    case '&':
    case '|':
        separator(scan);
        break;
    case '<':
    case '>':
        redirection(scan);
        break;
    case '(':
        open_paren(scan);
        break;
    case ')':
        close_paren(scan);
        break;
    default:
        if (c == '#' && !top(scan)->in_word) {
            const char *end = memchr(scan->text + scan->pos, '\n', scan->n - scan->pos);
            const char *limit = end ? end : scan->text + scan->n;
            scan_put(scan, (size_t)(limit - scan->text) - scan->pos, SHELL_COMMENT);
        } else {
            plain_byte(scan, c);
        }
    }
}

static void note_unclosed(struct scan *scan)
{
    for (size_t i = 0; i < scan->depth && scan->unclosed == SHELL_CLOSED; i++) {
        if (scan->frames[i].kind == FRAME_DOUBLE)
            scan->unclosed = scan->frames[i].opened;
    }
}

size_t shellscan(const char *text, size_t length, unsigned char *contexts)
{
    struct scan scan = {.text = text, .n = length, .contexts = contexts, .unclosed = SHELL_CLOSED};
    push(&scan, FRAME_TOP)->command = true;
    while (scan.pos < scan.n) {
        switch (top(&scan)->kind) {
        case FRAME_DOUBLE:
            step_double(&scan);
            break;
        case FRAME_PARAM:
            step_param(&scan);
            break;
        case FRAME_ARITH:
            step_arith(&scan);
            break;
        default:
            step_words(&scan);
        }
    }
    note_unclosed(&scan);
    heredoc_clear(&scan);
    free(scan.frames);
    return scan.unclosed;
}
