/* SPDX-License-Identifier: MIT
 *
 * Input: eight bytes that say where to cut, three items, then what the reader of JUnit files said.
 */
#include "fuzz.h"
#include "results.h"

#define ITEMS 3

static void feed(struct results *results, const struct input *input, uint64_t borders)
{
    for (size_t at = 0; at < input_left(input);) {
        size_t n = next_piece(&borders, input_left(input) - at);
        AUTO_FREE uint8_t *piece = xmemdup(input->at + at, n);
        results_feed(results, piece, n);
        at += n;
    }
    bool ended = results->ended;
    results_end(results, 0, "");
    HOLDS(ended || results->problem);
}

static void check_sums(const struct results *results)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    uint64_t cases = 0;
    for (size_t i = 0; i <= ITEMS; i++) {
        size_t unit = i < ITEMS ? i : RESULTS_NO_UNIT;
        const struct results_sum *sum = results_sum(results, unit);
        HOLDS(sum->bad + sum->skipped <= sum->cases);
        HOLDS((sum->outcome == 0) == (sum->cases == 0));
        HOLDS((sum->outcome == CIPLUG_FAILED) == (sum->bad > 0));
        cases += sum->cases;
        results_say_bad(results, i == ITEMS ? RESULTS_ALL : unit, &text);
    }
    HOLDS(cases == results->n_cases);
}

static void check_same(const struct results *a, const struct results *b)
{
    HOLDS(a->n_cases == b->n_cases && a->n_files == b->n_files && a->ended == b->ended);
    HOLDS(!a->problem == !b->problem && (!a->problem || strcmp(a->problem, b->problem) == 0));
    for (size_t i = 0; i < a->n_cases; i++) {
        const struct ciplug_test *left = &a->cases[i].test, *right = &b->cases[i].test;
        HOLDS(strcmp(left->name, right->name) == 0 && strcmp(left->text, right->text) == 0);
        HOLDS(left->outcome == right->outcome && a->cases[i].unit == b->cases[i].unit);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, data + size};
    const uint64_t ways[] = {0, input_borders(&input), CUT_BYTES};
    struct results results[ARRAY_SIZE(ways)] = {0};
    char *items[ITEMS];
    for (size_t i = 0; i < ITEMS; i++)
        items[i] = input_text(&input);
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        feed(&results[i], &input, ways[i]);
        results_match(&results[i], (const char *const *)items, ITEMS);
        for (size_t k = 0; k < results[i].n_cases; k++)
            HOLDS(results[i].cases[k].unit < ITEMS || results[i].cases[k].unit == RESULTS_NO_UNIT);
        check_sums(&results[i]);
        check_same(&results[0], &results[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
        results_free(&results[i]);
    for (size_t i = 0; i < ITEMS; i++)
        free(items[i]);
    return 0;
}
