/* SPDX-License-Identifier: MIT */
#include "results_taken.h"
#include "util.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static struct results_owner *slot_of(const struct results_taken *taken, uint64_t file)
{
    size_t at = (size_t)(file % taken->room);
    while (taken->slots[at].file && taken->slots[at].file != file)
        at = (at + 1) % taken->room;
    return &taken->slots[at];
}

static void grow(struct results_taken *taken)
{
    struct results_taken old = *taken;
    taken->room = old.room ? old.room * 2 : 64;
    taken->slots = xcalloc(taken->room, sizeof *taken->slots);
    for (size_t i = 0; i < old.room; i++) {
        if (old.slots[i].file)
            *slot_of(taken, old.slots[i].file) = old.slots[i];
    }
    free(old.slots);
}

static bool is_its(const struct results_owner *owner, const char *step, uint32_t number,
                   uint32_t attempt)
{
    return owner->number == number && owner->attempt == attempt && strcmp(owner->step, step) == 0;
}

const struct results_owner *results_take(struct results_taken *taken, uint64_t file,
                                         const char *step, uint32_t number, uint32_t attempt)
{
    if (taken->n >= taken->room / 2)
        grow(taken);
    struct results_owner *slot = slot_of(taken, file ? file : 1);
    if (slot->file)
        return is_its(slot, step, number, attempt) ? NULL : slot;
    *slot = (struct results_owner){file ? file : 1, xstrdup(step), number, attempt};
    taken->n++;
    return NULL;
}

void results_taken_free(struct results_taken *taken)
{
    for (size_t i = 0; i < taken->room; i++)
        free(taken->slots[i].step);
    free(taken->slots);
    *taken = (struct results_taken){0};
}
