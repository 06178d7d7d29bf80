/* SPDX-License-Identifier: MIT */
#include "names.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

/* The slot of the name, or the free one where it belongs. */
static struct names_slot *find(const struct names *names, uint32_t group, const char *text)
{
    uint64_t hash = hash_bytes(HASH_START, &group, sizeof group);
    size_t i = hash_bytes(hash, text, strlen(text)) & (names->size - 1);
    for (;; i = (i + 1) & (names->size - 1)) {
        struct names_slot *slot = &names->slots[i];
        if (!slot->text || (slot->group == group && strcmp(slot->text, text) == 0))
            return slot;
    }
}

static void grow(struct names *names)
{
    struct names old = *names;
    names->size = old.size ? old.size * 2 : 64;
    names->slots = xcalloc(names->size, sizeof *names->slots);
    for (size_t i = 0; i < old.size; i++) {
        const struct names_slot *slot = &old.slots[i];
        if (slot->text)
            *find(names, slot->group, slot->text) = *slot;
    }
    free(old.slots);
}

const struct names_slot *names_add(struct names *names, uint32_t group, const char *text,
                                   uint32_t item)
{
    if (names->n >= names->size / 2)
        grow(names);
    struct names_slot *slot = find(names, group, text);
    if (slot->text)
        return slot;
    *slot = (struct names_slot){text, group, item};
    names->n++;
    return NULL;
}

void names_free(struct names *names)
{
    free(names->slots);
    *names = (struct names){0};
}
