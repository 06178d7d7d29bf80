/* SPDX-License-Identifier: MIT */
#include "shellscan_state.h"
#include "strbuf.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

/* Quotes inside a delimiter. false: shells differ about this one. */
static bool delimiter_quote(struct scan *scan, char quote, struct strbuf *word)
{
    scan_put(scan, 1, SHELL_DELIMITER);
    while (scan->pos < scan->n && scan_peek(scan, 0) != quote) {
        char c = scan_peek(scan, 0);
        if (c == '\n' || (quote == '"' && strchr("\\`$", c)))
            return false;
        strbuf_addch(word, c);
        scan_put(scan, 1, SHELL_DELIMITER);
    }
    scan_put(scan, 1, SHELL_DELIMITER);
    return true;
}

static bool delimiter_byte(struct scan *scan, struct strbuf *word, bool *quoted)
{
    char c = scan_peek(scan, 0), next = scan_peek(scan, 1);
    if (c == '`' || (c == '$' && strchr("'\"({", next)) || (c == '\\' && (!next || next == '\n')))
        return false;
    if (c == '\'' || c == '"') {
        *quoted = true;
        return delimiter_quote(scan, c, word);
    }
    if (c == '\\') {
        *quoted = true;
        scan_put(scan, 1, SHELL_DELIMITER);
        c = next;
    }
    strbuf_addch(word, c);
    scan_put(scan, 1, SHELL_DELIMITER);
    return true;
}

void heredoc_announce(struct scan *scan, bool tabs, size_t owner)
{
    AUTO_STRBUF struct strbuf word = STRBUF_INIT;
    bool quoted = false, known = true;
    while (scan_peek(scan, 0) == ' ' || scan_peek(scan, 0) == '\t')
        scan_put(scan, 1, SHELL_WORD);
    size_t start = scan->pos;
    while (known && scan->pos < scan->n && !strchr(" \t\n;&|()<>", scan_peek(scan, 0)))
        known = delimiter_byte(scan, &word, &quoted);
    if (!known || scan->pos == start) {
        scan_lose(scan);
        return;
    }
    ARRAY_GROW(scan->heredocs, scan->n_heredocs, scan->alloc_heredocs);
    scan->heredocs[scan->n_heredocs++] = (struct heredoc){
        .delimiter = strbuf_detach(&word), .quoted = quoted, .tabs = tabs, .owner = owner};
}

bool heredoc_due(const struct scan *scan, size_t owner)
{
    return scan->n_heredocs && scan->heredocs[scan->n_heredocs - 1].owner == owner;
}

void heredoc_clear(struct scan *scan)
{
    for (size_t i = 0; i < scan->n_heredocs; i++)
        free(scan->heredocs[i].delimiter);
    free(scan->heredocs);
}

static bool line_is(const char *line, const char *end, const char *delimiter, bool tabs)
{
    while (tabs && line < end && *line == '\t')
        line++;
    size_t length = strlen(delimiter);
    return (size_t)(end - line) == length && memcmp(line, delimiter, length) == 0;
}

/* The same for a line that was continued by backslashes, from its very start. */
static bool joined_is(const char *line, const char *end, const char *delimiter, bool tabs)
{
    while (tabs && line < end && *line == '\t')
        line++;
    for (; line < end; line++) {
        if (*line == '\\' && line + 1 < end && line[1] == '\n')
            line++;
        else if (*delimiter == '\0' || *line != *delimiter++)
            return false;
    }
    return *delimiter == '\0';
}

static bool is_continued(const char *line, const char *end)
{
    size_t count = 0;
    while (end > line && end[-1] == '\\') {
        end--;
        count++;
    }
    return count % 2 == 1;
}

/* Whether $(..), ${..} and `..` seem to end inside the body. Counted without regard to quotes: a
 * wrong no only makes the scan unsure. */
static bool balanced(const char *text, const char *end)
{
    size_t parens = 0, braces = 0;
    bool tick = false;
    for (; text < end; text++) {
        if (*text == '\\' && text + 1 < end) {
            text++;
        } else if (*text == '`') {
            tick = !tick;
        } else if (*text == '(' && (parens || text[-1] == '$')) {
            parens++;
        } else if (*text == '{' && (braces || text[-1] == '$')) {
            braces++;
        } else if (*text == ')' && parens) {
            parens--;
        } else if (*text == '}' && braces) {
            braces--;
        }
    }
    return !tick && !parens && !braces;
}

/* The end of the body: the line break of its last line, or the end of the text; NULL: shells
 * differ about where it ends. *last is where its delimiter line starts. */
static const char *find_end(const struct heredoc *heredoc, const char *text, const char *limit,
                            const char **last)
{
    const char *joined = text; /* start of the line that backslashes continue */
    for (const char *line = text; line < limit;) {
        const char *end = memchr(line, '\n', (size_t)(limit - line));
        end = end ? end : limit;
        bool is = line_is(line, end, heredoc->delimiter, heredoc->tabs);
        if (joined == line && is) {
            *last = line;
            return end;
        }
        if (joined != line && (is || joined_is(joined, end, heredoc->delimiter, heredoc->tabs)))
            return NULL;
        bool continued = !heredoc->quoted && is_continued(line, end);
        line = end < limit ? end + 1 : limit;
        if (!continued)
            joined = line;
    }
    *last = limit;
    return limit;
}

static void skip_body(struct scan *scan, const struct heredoc *heredoc)
{
    const char *text = scan->text + scan->pos, *limit = scan->text + scan->n, *last = limit;
    const char *end = find_end(heredoc, text, limit, &last);
    if (!end) {
        scan_lose(scan);
        return;
    }
    bool known = heredoc->quoted || balanced(text, last);
    scan_put(scan, (size_t)(end - text) + 1, SHELL_HEREDOC);
    if (!known)
        scan_lose(scan);
}

void heredoc_bodies(struct scan *scan, size_t owner)
{
    size_t first = scan->n_heredocs;
    while (first && scan->heredocs[first - 1].owner == owner)
        first--;
    for (size_t i = first; i < scan->n_heredocs; i++) {
        skip_body(scan, &scan->heredocs[i]);
        free(scan->heredocs[i].delimiter);
    }
    scan->n_heredocs = first;
}
