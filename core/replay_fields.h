/* SPDX-License-Identifier: MIT
 *
 * For replay.c: the fields of a record. Absent and null are the default; a wrong type makes the
 * record bad. What is returned is the record's own, or `owned`.
 */
#ifndef CIPLUG_CORE_REPLAY_FIELDS_H
#define CIPLUG_CORE_REPLAY_FIELDS_H

#include "journal.h"
#include "strbuf.h"

#include <jansson.h>

/* One record while it is handed out. */
struct reading {
    json_t *root;
    const char *run_dir;
    bool bad; /* a field of a wrong type */
    struct ciplug_event event;
    struct ciplug_command command;
    struct ciplug_result result;
    struct ciplug_test test;
    struct ciplug_ledger ledger, cleanup;
    struct journal_extra extra;
    const char **items;
    struct strv owned; /* decoded and joined texts */
};

const json_t *reading_field(const struct reading *reading, const char *key);
const char *reading_text_of(struct reading *reading, const json_t *value);
const char *reading_text(struct reading *reading, const char *key);
uint64_t reading_number(struct reading *reading, const char *key, uint64_t most);
bool reading_bool(struct reading *reading, const char *key, bool otherwise);
/* RFC 3339 as nanoseconds since 1970. */
uint64_t reading_time(struct reading *reading, const char *key);
const json_t *reading_array(struct reading *reading, const char *key);
/* base64. */
const char *reading_decode(struct reading *reading, const char *text);
/* KEY, or what KEY_base64 (key64) holds. */
const char *reading_exact(struct reading *reading, const char *key, const char *key64);
int reading_outcome(struct reading *reading, int otherwise);
const struct ciplug_ledger *reading_ledger(struct reading *reading, const char *key,
                                           struct ciplug_ledger *ledger);

#endif
