/* SPDX-License-Identifier: MIT
 *
 * Memory of jansson: all that one record takes is in one piece, and given back at once. A journal
 * has hundreds of thousands of them.
 */
#include "record.h"
#include "util.h"

#include <stdlib.h>

#define ROOM_FIRST ((size_t)64 * 1024)
#define ALIGNED    16

void record_lend_memory(void)
{
    json_set_alloc_funcs(xmalloc, free);
}

static struct {
    char *room;
    size_t size, used;
    size_t wanted; /* by the record so far, where the room was too small */
} lent;

static void *lend(size_t size)
{
    size_t step = (size + ALIGNED - 1) / ALIGNED * ALIGNED;
    lent.wanted += step;
    if (step > lent.size - lent.used)
        return xmalloc(size);
    char *memory = lent.room + lent.used;
    lent.used += step;
    return memory;
}

static void take_back(void *memory)
{
    char *at = memory;
    if (at < lent.room || at >= lent.room + lent.size)
        free(memory);
}

static void make_room(size_t size)
{
    free(lent.room);
    lent.size = size > ROOM_FIRST ? size : ROOM_FIRST;
    lent.room = xmalloc(lent.size);
}

json_t *record_load(const char *line, size_t length)
{
    json_error_t error;
    if (!lent.room)
        make_room(0);
    json_set_alloc_funcs(lend, take_back);
    json_t *root = json_loadb(line, length, JSON_REJECT_DUPLICATES, &error);
    record_lend_memory();
    return root;
}

void record_unload(json_t *root)
{
    json_set_alloc_funcs(lend, take_back);
    json_decref(root);
    record_lend_memory();
    if (lent.wanted > lent.size)
        make_room(lent.wanted);
    lent.used = lent.wanted = 0;
}
