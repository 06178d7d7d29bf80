/* SPDX-License-Identifier: MIT
 *
 * Parses JUnit files from memory and tells what cases came of them.
 */
#ifndef CIPLUG_TESTS_JUNIT_PLACE_H
#define CIPLUG_TESTS_JUNIT_PLACE_H

#include "junit_parse.h"
#include "util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Cases, one a line: outcome suite|classname|name|file:line|duration in ms|type|message|text, and
 * " flaky"; or "refused". */
static struct strbuf cases;
static char *error;

static inline void on_case(void *data, const struct ciplug_test *test)
{
    (void)data;
    assert_int_equal(test->size, sizeof *test);
    strbuf_addf(&cases, "%d %s|%s|%s|%s:%u|%llu|%s|%s|%s%s\n", (int)test->outcome, test->suite,
                test->classname, test->name, test->file, (unsigned)test->line,
                (unsigned long long)(test->duration_ns / NS_PER_MS), test->type, test->message,
                test->text, test->flags & CIPLUG_FLAG_FLAKY ? " flaky" : "");
}

/* In pieces of that many bytes; 0: all at once. Each piece has no room to spare. */
static inline int parse_pieces(const void *bytes, size_t length, size_t piece)
{
    struct junit_parser *parser = junit_parser_new(on_case, NULL);
    int status = 0;
    strbuf_clear(&cases);
    for (size_t at = 0; piece && status == 0 && at < length; at += piece) {
        size_t n = length - at < piece ? length - at : piece;
        AUTO_FREE char *part = xmemdup((const char *)bytes + at, n);
        status = junit_parse(parser, part, n, false);
    }
    if (status == 0)
        status = junit_parse(parser, bytes, piece ? 0 : length, true);
    free(error);
    error = xstrdup(junit_parser_error(parser));
    assert_int_equal(status < 0, *error != '\0');
    junit_parser_free(parser);
    return status;
}

static inline const char *parse_bytes(const void *bytes, size_t length)
{
    return parse_pieces(bytes, length, 0) == 0 ? strbuf_text(&cases) : "refused";
}

static inline const char *parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static inline void assert_refused(const char *text, const char *why)
{
    assert_string_equal(parse(text), "refused");
    if (!strstr(error, why))
        fail_msg("%s", error);
}

static inline int forget_cases(void **state)
{
    (void)state;
    strbuf_free(&cases);
    free(error);
    error = NULL;
    return 0;
}

#endif
