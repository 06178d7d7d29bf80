/* SPDX-License-Identifier: MIT
 *
 * One record of the journal: an event, or an intent, as a JSON object. No I/O but /proc.
 * All text but names that the configuration fixes passes the mask. All return a new object, or NULL
 * when there was no memory for it.
 */
#ifndef CIPLUG_CORE_RECORD_H
#define CIPLUG_CORE_RECORD_H

#include "journal.h"

#include <jansson.h>

#define RECORD_VERSION 1

/* Of what was removed or left, a record holds so many texts, each so long: a journal's end has to
 * be found near the end of the file. */
#define RECORD_TEXTS_MAX 40
#define RECORD_TEXT_MAX  600

json_t *record_run_started(const struct ciplug_event *event, const struct journal_header *header,
                           uint64_t seq, const struct mask *mask);
json_t *record_event(const struct ciplug_event *event, const struct journal_extra *extra,
                     uint64_t seq, const struct mask *mask);
json_t *record_intent(const struct intent *intent, uint64_t seq, const struct mask *mask);
json_t *record_reaped(const struct journal_reaped *reaped, uint64_t seq);

/* Of this boot, the caller's; NULL where the kernel does not say. */
char *record_boot_id(void);

/* From here on jansson takes its memory as the rest of the runner does, so that a record for which
 * there is none is never taken for a bad one. */
void record_lend_memory(void);
/* One record, read; NULL: it is no JSON, or has a key twice. One at a time: nobody keeps a part of
 * it beyond record_unload(), which also follows a NULL. */
json_t *record_load(const char *line, size_t length);
void record_unload(json_t *root);
/* Name of the bit 1 << `index` of HAND_VIA_...; NULL after the last. */
const char *record_via_name(unsigned index);

/* RFC 3339 in UTC with microseconds; `buf` of at least 40 bytes. */
void record_time(char *buf, size_t size, uint64_t wall_ns);

/* Name and place of each number of a ledger, closed by NULL. */
struct record_counter {
    const char *name;
    size_t offset;
};
extern const struct record_counter record_counters[];

#endif
