/* SPDX-License-Identifier: MIT
 *
 * Input: eight bytes that say where to cut, then a JUnit file. Whether it is refused and what is in
 * it does not depend on where it was cut, and all of it can be believed by who shows it.
 */
#include "fuzz.h"
#include "junit_parse.h"

struct seen {
    struct strbuf cases;
    bool refused;
};

static void add_text(struct strbuf *out, const char *text, size_t most)
{
    size_t length = strlen(text);
    HOLDS(length <= most);
    HOLDS(utf8_valid(text, length));
    strbuf_add(out, text, length + 1);
}

static void on_case(void *data, const struct ciplug_test *test)
{
    struct strbuf *out = data;
    HOLDS(test->size == sizeof *test);
    HOLDS(test->outcome == CIPLUG_PASSED || test->outcome == CIPLUG_FAILED ||
          test->outcome == CIPLUG_ERROR || test->outcome == CIPLUG_SKIPPED);
    HOLDS(test->flags == 0 || (test->flags == CIPLUG_FLAG_FLAKY && test->outcome == CIPLUG_PASSED));
    HOLDS(test->duration_ns <= UINT64_C(1000000000000000000));
    bool passed = test->outcome == CIPLUG_PASSED;
    HOLDS(!passed || (!*test->type && !*test->message && !*test->text));
    const char *const values[] = {test->suite, test->classname, test->name,
                                  test->file,  test->type,      test->message};
    for (size_t i = 0; i < ARRAY_SIZE(values); i++)
        add_text(out, values[i], JUNIT_VALUE_MAX);
    add_text(out, test->text, JUNIT_TEXT_MAX);
    strbuf_addf(out, "%u %d %u %llu\n", (unsigned)test->line, (int)test->outcome,
                (unsigned)test->flags, (unsigned long long)test->duration_ns);
}

static void parse(struct seen *seen, const uint8_t *bytes, size_t length, uint64_t borders)
{
    struct junit_parser *parser = junit_parser_new(on_case, &seen->cases);
    int status = 0;
    for (size_t at = 0; at < length && status == 0;) {
        size_t n = next_piece(&borders, length - at);
        AUTO_FREE uint8_t *piece = xmemdup(bytes + at, n);
        status = junit_parse(parser, piece, n, false);
        at += n;
    }
    if (status == 0)
        status = junit_parse(parser, NULL, 0, true);
    seen->refused = status < 0;
    const char *error = junit_parser_error(parser);
    HOLDS(seen->refused == (*error != '\0'));
    HOLDS(utf8_valid(error, strlen(error)));
    junit_parser_free(parser);
}

/* Of what was accepted nothing can be missing: its last tag does not go without its end. */
static void check_torn(const uint8_t *bytes, size_t length)
{
    struct seen torn = {0};
    while (length > 0 && bytes[length - 1] != '>')
        length--;
    if (length > 0)
        parse(&torn, bytes, length - 1, 0);
    HOLDS(length == 0 || torn.refused || memchr(bytes, 0, length) || bytes[0] >= 0x80 ||
          memmem(bytes, length, "-->", 3) || memmem(bytes, length, "?>", 2));
    strbuf_free(&torn.cases);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, data + size};
    uint64_t borders = input_borders(&input);
    const uint64_t ways[] = {borders, CUT_BYTES};
    struct seen whole = {0};
    parse(&whole, input.at, input_left(&input), 0);
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        struct seen cut = {0};
        parse(&cut, input.at, input_left(&input), ways[i]);
        HOLDS(cut.refused == whole.refused);
        /* Of what is refused the cases before that count for nothing. */
        HOLDS(whole.refused ||
              (cut.cases.len == whole.cases.len &&
               (!cut.cases.len || memcmp(cut.cases.buf, whole.cases.buf, cut.cases.len) == 0)));
        strbuf_free(&cut.cases);
    }
    if (!whole.refused)
        check_torn(input.at, input_left(&input));
    strbuf_free(&whole.cases);
    return 0;
}
