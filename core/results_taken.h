/* SPDX-License-Identifier: MIT
 *
 * Which JUnit files commands of a run have taken for theirs: the same file is nobody else's.
 */
#ifndef CIPLUG_CORE_RESULTS_TAKEN_H
#define CIPLUG_CORE_RESULTS_TAKEN_H

#include <stddef.h>
#include <stdint.h>

struct results_owner {
    uint64_t file; /* what tells it from others and from a later one of its name; 0: free */
    char *step;
    uint32_t number, attempt;
};

/* Starts zeroed. */
struct results_taken {
    struct results_owner *slots; /* by hash */
    size_t n, room;
};

/* Take it. NULL: it is its own, perhaps since before. Or who else has it (borrowed until the next
 * call). */
const struct results_owner *results_take(struct results_taken *taken, uint64_t file,
                                         const char *step, uint32_t number, uint32_t attempt);
void results_taken_free(struct results_taken *taken);

#endif
