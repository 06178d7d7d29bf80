/* SPDX-License-Identifier: MIT */
#include "junit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What all have in common: very many attempts, few places. */
static size_t unique(void *list, size_t n, size_t size, int (*order)(const void *, const void *))
{
    char *at = list;
    size_t kept = 0;
    if (n)
        qsort(list, n, size, order);
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || order(at + (kept - 1) * size, at + i * size) != 0)
            memmove(at + kept++ * size, at + i * size, size);
    }
    return kept;
}

static char *join_numbers(const uint32_t *numbers, size_t n)
{
    size_t size = n * sizeof "4294967295" + 1, length = 0;
    char *text = calloc(1, size);
    for (size_t i = 0; text && i < n; i++)
        length +=
            (size_t)snprintf(text + length, size - length, "%s%" PRIu32, i ? " " : "", numbers[i]);
    return text;
}

static char *join_names(const char *const *names, size_t n)
{
    size_t size = 1;
    for (size_t i = 0; i < n; i++)
        size += strlen(names[i]) + 1;
    char *text = calloc(1, size), *at = text;
    for (size_t i = 0; text && i < n; i++)
        at += snprintf(at, size - (size_t)(at - text), "%s%s", i ? " " : "", names[i]);
    return text;
}

int junit_places_find(struct junit_places *places, const struct fold_step *step)
{
    uint32_t *numbers = calloc(step->n + 1, sizeof *numbers);
    const char **names = calloc(step->n + 1, sizeof *names);
    size_t n_numbers = 0, n_names = 0;
    *places = (struct junit_places){NULL, NULL};
    for (size_t i = 0; numbers && names && i < step->n; i++) {
        const struct fold_attempt *attempt = &step->attempts[i];
        if (attempt->worker)
            numbers[n_numbers++] = attempt->worker;
        /* Of a name that is made of blanks nothing would be left. */
        if (attempt->host[strspn(attempt->host, " \t\r\n")])
            names[n_names++] = attempt->host;
    }
    if (numbers && names) {
        n_numbers = unique(numbers, n_numbers, sizeof *numbers, by_number);
        n_names = unique(names, n_names, sizeof *names, by_text);
        places->workers = join_numbers(numbers, n_numbers);
        places->hosts = join_names(names, n_names);
    }
    free(numbers);
    free(names);
    return places->workers && places->hosts ? 0 : -1;
}

void junit_places_free(struct junit_places *places)
{
    free(places->workers);
    free(places->hosts);
    *places = (struct junit_places){NULL, NULL};
}
