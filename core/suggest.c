/* SPDX-License-Identifier: MIT */
#include "suggest.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Nobody mistypes longer names; it bounds the table below. */
#define NAME_MAX_LENGTH 64

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool same(char a, char b)
{
    return lower(a) == lower(b);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Damerau-Levenshtein (optimal string alignment), without regard to case. */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
    size_t rows[NAME_MAX_LENGTH + 1][NAME_MAX_LENGTH + 1];
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        rows[i][0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = rows[i - 1][j - 1] + !same(a[i - 1], b[j - 1]);
            best = least(best, least(rows[i - 1][j], rows[i][j - 1]) + 1);
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                best = least(best, rows[i - 2][j - 2] + 1);
            rows[i][j] = best;
        }
    }
    return rows[n][m];
}

const char *suggest(const char *name, const char *const *names)
{
    size_t n = strlen(name);
    if (n == 0 || n > NAME_MAX_LENGTH)
        return NULL;
    size_t limit = n / 3 > 1 ? n / 3 : 1;
    const char *nearest = NULL;
    size_t nearest_score = 2 * limit + 2;
    for (; *names; names++) {
        size_t m = strlen(*names);
        if (m > n + limit || n > m + limit || m > NAME_MAX_LENGTH)
            continue;
        size_t away = distance(name, n, *names, m);
        /* In halves, so that a wrong case is better than a wrong letter. */
        size_t score = 2 * away + (away == 0 && strcmp(name, *names) != 0);
        if (away > limit || away >= (n > m ? n : m) || score >= nearest_score)
            continue;
        nearest = *names;
        nearest_score = score;
    }
    return nearest;
}
