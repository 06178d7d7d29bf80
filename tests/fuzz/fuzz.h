/* SPDX-License-Identifier: MIT
 *
 * What the fuzz targets share. Each is one function from bytes to nothing that ends the program
 * where a property does not hold; libFuzzer calls it (make fuzz), and so does corpus.c for what is
 * in tests/fuzz/corpus (make check).
 */
#ifndef CIPLUG_TESTS_FUZZ_H
#define CIPLUG_TESTS_FUZZ_H

#include "strbuf.h"
#include "util.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

_Noreturn static inline void fuzz_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

#define HOLDS(what)                                                                                \
    do {                                                                                           \
        if (!(what))                                                                               \
            fuzz_fail(__FILE__, __LINE__, #what);                                                  \
    } while (0)

/* An input that is taken apart piece by piece. */
struct input {
    const uint8_t *at, *end;
};

static inline uint8_t input_byte(struct input *input)
{
    return input->at < input->end ? *input->at++ : 0;
}

static inline size_t input_left(const struct input *input)
{
    return (size_t)(input->end - input->at);
}

/* The bytes to the next NUL, which is passed over, or to the end. The caller's, with no room to
 * spare, so that reading on is noticed. */
static inline char *input_text(struct input *input)
{
    size_t left = input_left(input);
    const uint8_t *nul = left ? memchr(input->at, '\0', left) : NULL;
    char *text = xstrndup((const char *)input->at, nul ? (size_t)(nul - input->at) : left);
    input->at = nul ? nul + 1 : input->end;
    return text;
}

/* Where to cut a stream: ten numbers of six bits, the lowest first and round again, are the lengths
 * of the pieces. CUT_BYTES cuts single bytes; 0 does not cut. */
#define CUT_BYTES UINT64_C(0x0041041041041041)

static inline size_t next_piece(uint64_t *borders, size_t left)
{
    size_t n = *borders ? *borders & 0x3f : left;
    *borders = (*borders >> 6 | *borders << 54) & ((UINT64_C(1) << 60) - 1);
    n = n ? n : 1;
    return n < left ? n : left;
}

static inline uint64_t input_borders(struct input *input)
{
    uint64_t borders = 0;
    for (int i = 0; i < 8; i++)
        borders = borders << 8 | input_byte(input);
    return borders & ((UINT64_C(1) << 60) - 1);
}

#endif
