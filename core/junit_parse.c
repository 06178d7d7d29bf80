/* SPDX-License-Identifier: MIT */
#include "junit_parse.h"
#include "safeguard.h"
#include "util.h"

#include <expat.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SUITES_DEEP 64
#define WORD_MAX    1024      /* of a word that was cut */
#define PIECE       (1 << 20) /* expat takes an int */

/* A <testsuite> or <testsuites> that is open. */
struct suite {
    char *name, *file;
    uint64_t says_bad, says; /* failures and errors that it counts; all tests */
    uint64_t bad, cases;     /* cases in it that are so; all */
};

/* The case that is open: copies of what it says. */
struct open_case {
    bool open;
    char *classname, *name, *file;
    uint32_t line, flags;
    int32_t outcome;
    uint64_t duration_ns;
    char *type, *message;
    struct strbuf text;
    bool full; /* the text is as long as it may be */
};

struct junit_parser {
    XML_Parser xml;
    void (*found)(void *data, const struct ciplug_test *test);
    void *data;
    struct suite suites[SUITES_DEEP];
    size_t deep;
    bool rooted;  /* the root was seen */
    bool partial; /* a suite counts more than it shows */
    struct open_case c;
    bool in_text;   /* inside of what gives the case its outcome */
    unsigned below; /* elements inside of that */
    struct strbuf error;
};

static void refuse(struct junit_parser *parser, const char *what, const char *which)
{
    if (parser->error.len)
        return;
    strbuf_addf(&parser->error, "line %llu: %s%s",
                (unsigned long long)XML_GetCurrentLineNumber(parser->xml), what, which);
    XML_StopParser(parser->xml, XML_FALSE);
}

static const char *attribute(const XML_Char **attributes, const char *name)
{
    for (; attributes[0]; attributes += 2) {
        if (strcmp(attributes[0], name) == 0)
            return attributes[1];
    }
    return NULL;
}

/* Where a text is cut, its last word goes, too: it may be half of a secret, which nobody would know
 * for one. */
static size_t whole_words(const char *text, size_t cut)
{
    size_t end = cut;
    while (end > 0 && cut - end < WORD_MAX && !strchr(" \t\r\n", text[end - 1]))
        end--;
    return utf8_cut(text, cut, end);
}

static char *value_of(const XML_Char **attributes, const char *name)
{
    const char *value = attribute(attributes, name);
    if (!value)
        value = "";
    size_t length = strlen(value);
    if (length > JUNIT_VALUE_MAX)
        length = whole_words(value, utf8_cut(value, length, JUNIT_VALUE_MAX));
    return xstrndup(value, length);
}

/* Seconds with a fraction, as "1.5", "1,234.5" (Surefire), "2e-05" (pytest); else 0. */
static uint64_t duration_of(const char *text)
{
    AUTO_STRBUF struct strbuf digits = STRBUF_INIT;
    for (; text && *text; text++) {
        if (*text != ',')
            strbuf_addch(&digits, *text);
    }
    char *end;
    double seconds = strtod(strbuf_text(&digits), &end);
    if (end == strbuf_text(&digits) || !isfinite(seconds) || seconds <= 0)
        return 0;
    return seconds > 1e9 ? (uint64_t)1e18 : (uint64_t)(seconds * 1e9 + 0.5);
}

static uint64_t count_of(const XML_Char **attributes, const char *name)
{
    const char *text = attribute(attributes, name);
    return text && *text >= '0' && *text <= '9' ? strtoull(text, NULL, 10) : 0;
}

/* ---- suites ---- */

static void open_suite(struct junit_parser *parser, const XML_Char **attributes)
{
    if (parser->deep == SUITES_DEEP) {
        refuse(parser, "its suites are nested too deep", "");
        return;
    }
    struct suite *suite = &parser->suites[parser->deep++];
    *suite = (struct suite){
        .name = value_of(attributes, "name"),
        .file = value_of(attributes, attribute(attributes, "file") ? "file" : "filepath"),
        .says_bad = count_of(attributes, "failures") + count_of(attributes, "errors"),
        .says = count_of(attributes, "tests"),
    };
    parser->rooted = true;
}

static void clear_suite(struct suite *suite)
{
    free(suite->name);
    free(suite->file);
}

/* A suite that counts failures which none of its cases has does not show all. */
static void close_suite(struct junit_parser *parser)
{
    struct suite *suite = &parser->suites[--parser->deep];
    if (suite->says_bad > 0 && suite->bad == 0 && SAFEGUARD(results_add_up))
        refuse(parser, "it counts failures, and no case failed in suite ",
               *suite->name ? suite->name : "without a name");
    parser->partial |= suite->says_bad > suite->bad || suite->says > suite->cases;
    if (parser->deep > 0) {
        parser->suites[parser->deep - 1].bad += suite->bad;
        parser->suites[parser->deep - 1].cases += suite->cases;
    }
    clear_suite(suite);
}

/* ---- cases ---- */

static void clear_case(struct open_case *c)
{
    free(c->classname);
    free(c->name);
    free(c->file);
    free(c->type);
    free(c->message);
    strbuf_free(&c->text);
    *c = (struct open_case){0};
}

static void open_case(struct junit_parser *parser, const XML_Char **attributes)
{
    struct open_case *c = &parser->c;
    if (c->open || parser->deep == 0) {
        refuse(parser, c->open ? "a case inside of a case" : "a case outside of a suite", "");
        return;
    }
    uint64_t line = count_of(attributes, "line");
    *c = (struct open_case){
        .open = true,
        .classname = value_of(attributes, "classname"),
        .name = value_of(attributes, "name"),
        .file = value_of(attributes, attribute(attributes, "file") ? "file" : "filepath"),
        .line = line <= UINT32_MAX ? (uint32_t)line : 0,
        .outcome = CIPLUG_PASSED,
        .duration_ns = duration_of(attribute(attributes, "time")),
    };
    /* gtest says so here, and only some of its versions with <skipped> as well. */
    const char *status = attribute(attributes, "status"), *ended = attribute(attributes, "result");
    if ((status && strcmp(status, "notrun") == 0) || (ended && strcmp(ended, "skipped") == 0))
        c->outcome = CIPLUG_SKIPPED;
}

static bool is_bad(int32_t outcome)
{
    return outcome == CIPLUG_FAILED || outcome == CIPLUG_ERROR;
}

static void close_case(struct junit_parser *parser)
{
    struct open_case *c = &parser->c;
    struct suite *suite = &parser->suites[parser->deep - 1];
    struct ciplug_test test = {
        .size = sizeof test,
        .suite = suite->name,
        .classname = c->classname,
        .name = c->name,
        .file = *c->file ? c->file : suite->file,
        .line = c->line,
        .outcome = c->outcome,
        .flags = c->outcome == CIPLUG_PASSED ? c->flags : 0,
        .duration_ns = c->duration_ns,
        .type = c->type ? c->type : "",
        .message = c->message ? c->message : "",
        .text = strbuf_text(&c->text),
    };
    suite->cases++;
    suite->bad += is_bad(c->outcome);
    parser->found(parser->data, &test);
    clear_case(c);
}

/* What tells how a case ended; 0: something else. */
static int32_t outcome_of(const char *element)
{
    if (strcmp(element, "failure") == 0)
        return CIPLUG_FAILED;
    if (strcmp(element, "error") == 0)
        return CIPLUG_ERROR;
    return strcmp(element, "skipped") == 0 ? CIPLUG_SKIPPED : 0;
}

/* The first word that is worse than those before counts; later ones of the same kind add text. */
static void open_ending(struct junit_parser *parser, int32_t outcome, const XML_Char **attributes)
{
    struct open_case *c = &parser->c;
    bool bad = is_bad(c->outcome);
    if (bad && outcome == CIPLUG_SKIPPED)
        return;
    if (!bad) {
        free(c->type);
        free(c->message);
        strbuf_clear(&c->text);
        c->full = false;
        c->type = value_of(attributes, "type");
        c->message = value_of(attributes, "message");
        c->outcome = outcome;
    } else if (c->text.len < JUNIT_TEXT_MAX) {
        strbuf_addstr(&c->text, "\n");
    }
    parser->in_text = true;
    parser->below = 0;
}

static void open_in_case(struct junit_parser *parser, const char *element,
                         const XML_Char **attributes)
{
    int32_t outcome = outcome_of(element);
    if (outcome)
        open_ending(parser, outcome, attributes);
    else if (strcmp(element, "flakyFailure") == 0 || strcmp(element, "flakyError") == 0)
        parser->c.flags |= CIPLUG_FLAG_FLAKY;
}

/* ---- expat's calls ---- */

static bool is_suite(const char *element)
{
    return strcmp(element, "testsuite") == 0 || strcmp(element, "testsuites") == 0;
}

static void XMLCALL on_start(void *data, const XML_Char *element, const XML_Char **attributes)
{
    struct junit_parser *parser = data;
    bool suite = is_suite(element);
    if (parser->error.len)
        return;
    if (parser->in_text)
        parser->below++;
    else if (!parser->rooted && !suite)
        refuse(parser, "this is no JUnit file, but begins with ", element);
    else if (strcmp(element, "testcase") == 0)
        open_case(parser, attributes);
    else if (parser->c.open && !suite)
        open_in_case(parser, element, attributes);
    else if (suite && parser->c.open)
        refuse(parser, "a suite inside of a case", "");
    else if (suite)
        open_suite(parser, attributes);
    else if (strcmp(element, "failure") == 0 || strcmp(element, "error") == 0)
        refuse(parser, "a failure of no case", "");
}

static void XMLCALL on_end(void *data, const XML_Char *element)
{
    struct junit_parser *parser = data;
    if (parser->error.len)
        return;
    if (parser->in_text && parser->below > 0)
        parser->below--;
    else if (parser->in_text)
        parser->in_text = false;
    else if (strcmp(element, "testcase") == 0)
        close_case(parser);
    else if (is_suite(element))
        close_suite(parser);
}

static void XMLCALL on_text(void *data, const XML_Char *text, int length)
{
    struct junit_parser *parser = data;
    struct strbuf *all = &parser->c.text;
    if (!parser->in_text || parser->c.full)
        return;
    size_t room = JUNIT_TEXT_MAX - all->len;
    parser->c.full = (size_t)length > room;
    strbuf_add(all, text, utf8_cut(text, (size_t)length, room));
    if (parser->c.full)
        strbuf_cut(all, whole_words(all->buf, all->len));
}

struct junit_parser *junit_parser_new(void (*found)(void *data, const struct ciplug_test *test),
                                      void *data)
{
    static const XML_Memory_Handling_Suite memory = {xmalloc, xrealloc, free};
    struct junit_parser *parser = xcalloc(1, sizeof *parser);
    parser->found = found;
    parser->data = data;
    parser->xml = XML_ParserCreate_MM(NULL, &memory, NULL);
    XML_SetUserData(parser->xml, parser);
    XML_SetElementHandler(parser->xml, on_start, on_end);
    XML_SetCharacterDataHandler(parser->xml, on_text);
    return parser;
}

static int parse_piece(struct junit_parser *parser, const char *bytes, size_t length, bool last)
{
    if (XML_Parse(parser->xml, bytes, (int)length, last) == XML_STATUS_OK && !parser->error.len)
        return 0;
    refuse(parser, XML_ErrorString(XML_GetErrorCode(parser->xml)), "");
    return -1;
}

int junit_parse(struct junit_parser *parser, const void *bytes, size_t length, bool last)
{
    const char *at = bytes;
    for (; length > PIECE; at += PIECE, length -= PIECE) {
        if (parse_piece(parser, at, PIECE, false) < 0)
            return -1;
    }
    return parse_piece(parser, at, length, last);
}

bool junit_parser_partial(const struct junit_parser *parser)
{
    return parser->partial;
}

const char *junit_parser_error(const struct junit_parser *parser)
{
    return strbuf_text(&parser->error);
}

void junit_parser_free(struct junit_parser *parser)
{
    while (parser->deep > 0)
        clear_suite(&parser->suites[--parser->deep]);
    clear_case(&parser->c);
    strbuf_free(&parser->error);
    XML_ParserFree(parser->xml);
    free(parser);
}
