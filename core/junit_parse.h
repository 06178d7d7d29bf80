/* SPDX-License-Identifier: MIT
 *
 * Reads a JUnit file piece by piece, as test tools write them: <testsuites> or <testsuite> with
 * suites and cases in it. There is no standard; what Ant, Maven, pytest, gtest, RSpec, jest and
 * Go's gotestsum write was looked at. What is no such file, is torn, or contradicts itself is
 * refused as a whole: nobody may take the cases before that point for all there are.
 */
#ifndef CIPLUG_CORE_JUNIT_PARSE_H
#define CIPLUG_CORE_JUNIT_PARSE_H

#include "strbuf.h"
#include <ciplug/plugin.h>

#include <stdbool.h>

/* Bytes kept of the text of a failure, error or skip, and of any other value. */
#define JUNIT_TEXT_MAX  65536
#define JUNIT_VALUE_MAX 4096

struct junit_parser; /* junit_parse.c */

/* `found` is called for each case when it ends; the case is borrowed until it returns. */
struct junit_parser *junit_parser_new(void (*found)(void *data, const struct ciplug_test *test),
                                      void *data);
/* The next bytes; `last`: there are no more (length may be 0). 0, or -1: refused. */
int junit_parse(struct junit_parser *parser, const void *bytes, size_t length, bool last);
/* After -1: why, with the line ("line 3: mismatched tag"). The parser's own. */
const char *junit_parser_error(const struct junit_parser *parser);
/* Whether some suite counts more cases, or more failures and errors, than it shows: it was cut
 * short (fail-fast, a crash), so that what it shows is true, and not all. */
bool junit_parser_partial(const struct junit_parser *parser);
void junit_parser_free(struct junit_parser *parser);

#endif
