/* SPDX-License-Identifier: MIT */
#include "config_parse.h"
#include "ini_lines.h"
#include "names.h"
#include "safeguard.h"
#include "strbuf.h"
#include "suggest.h"
#include "util.h"
#include "visible.h"

#include <stdlib.h>
#include <string.h>

/* Debian's library has its options as variables and hands over line numbers. */
#if HAVE_DECL_INI_MAX_LINE && !defined INI_HANDLER_LINENO
#define INI_HANDLER_LINENO 1
#endif
#include <ini.h>

/* A key, a separator and a value, with some room for white space and the line's end. */
#define LINE_MAX_BYTES (CONFIG_VALUE_MAX + 2 * CONFIG_KEY_MAX)

/* inih splits lines into keys and values. It says nothing about empty sections and bad headers and
 * cuts long names, so the section a key belongs to is known from the lines on their way to it. */
struct parser {
    struct config *config;
    struct config lost; /* sections that were reported: their keys are checked, but not kept */
    struct config_section *section; /* NULL before the first */
    uint32_t serial;                /* of the section */
    struct names names;
    struct ini_lines lines;
    struct ini_line line; /* that inih has now */
    bool answered;        /* it called the handler, or had no need to */
    bool orphans;         /* keys before any section were reported */
    struct complaints complaints;
};

/* Groups of names in one table: keys have their section's serial number, which starts above. */
enum { GROUP_STEP, GROUP_HOST, GROUP_OTHER, GROUP_KEYS };

/* Split the inside of a header into kind and the rest; both stay in `text`. */
static void split_header(char *text, char **kind, char **name)
{
    char *end = text + strlen(text);
    while (end > text && ini_space(end[-1]))
        *--end = '\0';
    while (ini_space(*text))
        text++;
    *kind = text;
    while (*text && !ini_space(*text))
        text++;
    *name = NULL;
    if (!*text)
        return;
    *text++ = '\0';
    while (ini_space(*text))
        text++;
    *name = text;
}

/* The inside of "[...]" (the caller's), or NULL after a complaint. */
static char *header_inside(struct parser *p)
{
    const struct ini_line *line = &p->line;
    const char *close = memchr(line->text, ']', line->length);
    const char *fault = NULL;
    if (!close)
        fault = "section header without ']'";
    else if (close + 1 != line->text + line->length)
        fault = "text behind the ']' of a section header (comments stand on lines of their own)";
    if (!fault)
        return xstrndup(line->text + 1, line->length - 2);
    AUTO_FREE char *shown = visible_bytes(line->text, line->length);
    complain(&p->complaints, line->line, "%s: %s", fault, shown);
    return NULL;
}

static char *unknown_kind(const char *kind)
{
    const char *near = suggest(kind, config_named_kinds);
    AUTO_FREE char *hint = near ? xasprintf(" (did you mean '%s'?)", near) : xstrdup("");
    return xasprintf("only step, cleanup and host sections have names of their own%s", hint);
}

/* NULL, or what is wrong with the words of a header; the caller's. */
static char *header_fault(const char *kind, const char *name)
{
    const char *fault = config_name_fault(kind);
    if (!*kind)
        fault = "it has no name";
    else if (config_kind_named(kind) && !name)
        fault = "it needs a name of its own";
    else if (config_kind_named(kind) && strcmp(kind, "host") == 0 && strcmp(name, "local") == 0)
        fault = "'local' is the name of this machine";
    else if (config_kind_named(kind))
        fault = config_name_fault(name);
    else if (!fault && name && strcmp(kind, "ciplug") == 0)
        fault = "it takes no name";
    else if (!fault && name)
        return unknown_kind(kind);
    return fault ? xstrdup(fault) : NULL;
}

static int check_header(struct parser *p, const char *kind, const char *name)
{
    AUTO_FREE char *fault = header_fault(kind, name);
    if (!fault)
        return 0;
    AUTO_FREE char *words = name ? xasprintf("%s %s", kind, name) : xstrdup(kind);
    AUTO_FREE char *shown = visible(words);
    complain(&p->complaints, p->line.line, "bad section [%s]: %s", shown, fault);
    return -1;
}

/* Whether a section of that name was there before: steps and cleanups share their names. */
static int check_unique(struct parser *p, const struct config_section *section)
{
    uint32_t group = !section->name                       ? GROUP_OTHER
                     : strcmp(section->kind, "host") == 0 ? GROUP_HOST
                                                          : GROUP_STEP;
    const char *name = section->name ? section->name : section->kind;
    const struct names_slot *slot =
        names_add(&p->names, group, name, (uint32_t)(section - p->config->sections));
    if (!slot || !SAFEGUARD(unique_names))
        return 0;
    const struct config_section *first = &p->config->sections[slot->item];
    if (strcmp(first->kind, section->kind) == 0)
        complain(&p->complaints, section->line, "duplicate section [%s%s%s] (first at line %d)",
                 section->kind, section->name ? " " : "", section->name ? section->name : "",
                 first->line);
    else
        complain(&p->complaints, section->line,
                 "duplicate name: [%s %s] is already a %s (first at line %d)", section->kind, name,
                 first->kind, first->line);
    return -1;
}

static void drop_last_section(struct config *config)
{
    struct config_section *section = &config->sections[--config->n];
    free(section->kind);
    free(section->name);
    *section = (struct config_section){0};
}

/* -1 after a complaint. */
static int begin_good_section(struct parser *p)
{
    AUTO_FREE char *inside = header_inside(p);
    char *kind, *name;
    if (!inside)
        return -1;
    split_header(inside, &kind, &name);
    if (check_header(p, kind, name) < 0)
        return -1;
    p->section = config_add_section(p->config, kind, name, p->config->file, p->line.line);
    if (check_unique(p, p->section) == 0)
        return 0;
    drop_last_section(p->config);
    return -1;
}

/* A bad header begins a section, too, so that its keys go to no other. */
static void begin_section(struct parser *p)
{
    p->serial++;
    if (!p->line.bad && begin_good_section(p) == 0)
        return;
    p->section = config_add_section(&p->lost, "", NULL, p->config->file, p->line.line);
    p->line.bad = true;
}

static void drop_line(struct parser *p)
{
    /* A line that inih did not answer has no '='. */
    if (!p->answered) {
        AUTO_FREE char *shown = visible_bytes(p->line.text, p->line.length);
        complain(&p->complaints, p->line.line, "expected [section] or key = value, got '%s'",
                 shown);
    }
    free(p->line.more);
    p->line = (struct ini_line){0};
    p->answered = true;
}

/* Whether inih would cut the line: it is longer than the buffer, or, where that cannot be turned
 * off, it may hold a comment. */
static bool would_cut(const struct ini_line *line, size_t size)
{
    if (line->length + 2 > size)
        return true;
#if HAVE_DECL_INI_ALLOW_INLINE_COMMENTS
    return false;
#else
    return memchr(line->text, ';', line->length) != NULL;
#endif
}

/* Leave "key =" of the line; the rest becomes the first of the lines that continue it. */
static void keep_back_value(struct ini_line *line)
{
    const char *equals = memchr(line->text, '=', line->length);
    if (!equals)
        return;
    const char *end = line->text + line->length;
    const char *value = equals + 1;
    while (value < end && ini_space(*value))
        value++;
    AUTO_STRBUF struct strbuf more = STRBUF_INIT;
    strbuf_add(&more, value, (size_t)(end - value));
    strbuf_addch(&more, '\n');
    if (line->more)
        strbuf_addstr(&more, line->more);
    free(line->more);
    line->more = strbuf_detach(&more);
    line->length = (size_t)(equals + 1 - line->text);
}

/* inih's reader, in the manner of fgets: `size` is the longest line that it can take, with newline
 * and NUL. */
static char *feed(char *buf, int size, void *data)
{
    struct parser *p = data;
    do {
        drop_line(p);
        if (!ini_lines_next(&p->lines, &p->line))
            return NULL;
        /* inih need not see a header: the section is known here. A key it must see. */
        p->answered = p->line.header;
        if (p->line.header)
            begin_section(p);
        else if (would_cut(&p->line, (size_t)size))
            keep_back_value(&p->line);
    } while (p->line.bad || p->line.length + 2 > (size_t)size);
    memcpy(buf, p->line.text, p->line.length);
    memcpy(buf + p->line.length, "\n", 2);
    return buf;
}

/* Whether inih split the line as it is meant here: at a '=' (it also takes ':'), the key from the
 * first column (it skips a byte-order mark), and the value whole (some builds cut it at " ;"). */
static int check_split(struct parser *p, const char *key, const char *value)
{
    const char *text = p->line.text + strlen(key);
    const char *end = p->line.text + p->line.length;
    if (text > end || memcmp(p->line.text, key, strlen(key)) != 0) {
        p->answered = false;
        return -1;
    }
    while (text < end && ini_space(*text))
        text++;
    if (text < end && *text == ':') {
        complain(&p->complaints, p->line.line,
                 "expected '=' behind the key, got ':' (write key = value)");
        return -1;
    }
    text++;
    while (text < end && ini_space(*text))
        text++;
    if (text <= end && strlen(value) == (size_t)(end - text))
        return 0;
    complain(&p->complaints, p->line.line,
             "the inih library of this machine does not take this line whole: write the value on "
             "indented lines below its key");
    return -1;
}

static int check_key(struct parser *p, const char *key)
{
    const char *fault = config_key_fault(key);
    if (fault) {
        AUTO_FREE char *shown = visible(key);
        complain(&p->complaints, p->line.line, "bad key '%s': %s", shown, fault);
        return -1;
    }
    if (!p->section) {
        if (!p->orphans)
            complain(&p->complaints, p->line.line, "key '%s' before any [section]", key);
        p->orphans = true;
        return -1;
    }
    return 0;
}

/* The value with the lines that continue it; the caller's. */
static char *whole_value(const char *first, const char *more)
{
    AUTO_STRBUF struct strbuf whole = STRBUF_INIT;
    strbuf_addstr(&whole, first);
    if (more && *first)
        strbuf_addch(&whole, '\n');
    /* Blank lines below "key =" are no part of what follows them. */
    for (const char *end; more && !*first && (end = strchr(more, '\n')); more = end + 1) {
        const char *p = more;
        while (ini_space(*p))
            p++;
        if (p != end)
            break;
    }
    if (more)
        strbuf_addstr(&whole, more);
    while (whole.len > 0 &&
           (ini_space(whole.buf[whole.len - 1]) || whole.buf[whole.len - 1] == '\n'))
        strbuf_cut(&whole, whole.len - 1);
    return strbuf_detach(&whole);
}

static void keep_value(struct parser *p, const char *key, const char *first)
{
    AUTO_FREE char *value = whole_value(first, p->line.more);
    struct config_value *added =
        config_add_value(p->section, key, value, p->config->file, p->line.line);
    const struct names_slot *slot = names_add(&p->names, GROUP_KEYS + p->serial, added->key,
                                              (uint32_t)(added - p->section->values));
    if (slot && SAFEGUARD(unique_names)) {
        complain(&p->complaints, p->line.line, "duplicate key '%s' (first at line %d)", key,
                 p->section->values[slot->item].line);
        free(added->key);
        free(added->value);
        *added = (struct config_value){0};
        p->section->n--;
    } else if (strlen(value) > CONFIG_VALUE_MAX) {
        complain(&p->complaints, p->line.line, "value of '%s' has %zu bytes, at most %u are taken",
                 key, strlen(value), CONFIG_VALUE_MAX);
    }
}

#if INI_HANDLER_LINENO
static int handle(void *data, const char *section, const char *key, const char *value, int line)
#else
static int handle(void *data, const char *section, const char *key, const char *value)
#endif
{
    struct parser *p = data;
    (void)section;
#if INI_HANDLER_LINENO
    (void)line; /* of the lines that inih was given */
#endif
    /* Some builds call for headers and for lines without '=', too. */
    if (!key || !value)
        return 1;
    p->answered = true;
    if (check_split(p, key, value) == 0 && check_key(p, key) == 0)
        keep_value(p, key, value);
    return 1;
}

static void set_up_inih(void)
{
#if HAVE_DECL_INI_MAX_LINE && HAVE_DECL_INI_INITIAL_ALLOC && HAVE_DECL_INI_USE_STACK
    ini_use_stack = 0;
    ini_max_line = LINE_MAX_BYTES;
    ini_initial_alloc = LINE_MAX_BYTES;
#endif
#if HAVE_DECL_INI_ALLOW_REALLOC
    ini_allow_realloc = 0;
#endif
#if HAVE_DECL_INI_ALLOW_INLINE_COMMENTS
    ini_allow_inline_comments = 0;
#endif
#if HAVE_DECL_INI_ALLOW_MULTILINE
    ini_allow_multiline = 0;
#endif
#if HAVE_DECL_INI_ALLOW_NO_VALUE
    ini_allow_no_value = 0;
#endif
}

int config_parse(struct config *config, const char *text, size_t length, struct problems *problems)
{
    struct parser p = {.config = config, .answered = true};
    p.complaints = (struct complaints){.problems = problems, .file = config->file};
    ini_lines_init(&p.lines, text, length, &p.complaints);
    set_up_inih();
    int status = ini_parse_stream(feed, &p, handle, &p);
    drop_line(&p);
    complaints_end(&p.complaints);
    names_free(&p.names);
    config_free(&p.lost);
    if (status != -2)
        return 0;
    problems_add(problems, config->file, 0, "out of memory");
    return -1;
}
