/* SPDX-License-Identifier: MIT
 *
 * Which names were there before: a hash table, since a file may hold a million of them.
 */
#ifndef CIPLUG_CORE_NAMES_H
#define CIPLUG_CORE_NAMES_H

#include <stddef.h>
#include <stdint.h>

struct names_slot {
    const char *text; /* NULL: free */
    uint32_t group;
    uint32_t item;
};

/* Starts zeroed. */
struct names {
    struct names_slot *slots;
    size_t n;
    size_t size; /* a power of two */
};

/* Remember `text` (borrowed until names_free) of `group` as number `item`. NULL, or, where it was
 * there before, its slot. */
const struct names_slot *names_add(struct names *names, uint32_t group, const char *text,
                                   uint32_t item);
void names_free(struct names *names);

#endif
