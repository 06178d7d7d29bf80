/* SPDX-License-Identifier: MIT */
#include "replay_fields.h"
#include "base64.h"
#include "event.h"
#include "record.h"
#include "util.h"

#include <string.h>

const json_t *reading_field(const struct reading *reading, const char *key)
{
    const json_t *value = json_object_get(reading->root, key);
    return json_is_null(value) ? NULL : value;
}

const char *reading_text_of(struct reading *reading, const json_t *value)
{
    if (value && !json_is_string(value))
        reading->bad = true;
    return json_string_value(value);
}

const char *reading_text(struct reading *reading, const char *key)
{
    return reading_text_of(reading, reading_field(reading, key));
}

static uint64_t number_of(struct reading *reading, const json_t *value, uint64_t most)
{
    if (!value)
        return 0;
    json_int_t number = json_integer_value(value);
    if (json_is_integer(value) && number >= 0 && (uint64_t)number <= most)
        return (uint64_t)number;
    reading->bad = true;
    return 0;
}

uint64_t reading_number(struct reading *reading, const char *key, uint64_t most)
{
    return number_of(reading, reading_field(reading, key), most);
}

bool reading_bool(struct reading *reading, const char *key, bool otherwise)
{
    const json_t *value = reading_field(reading, key);
    if (!value)
        return otherwise;
    if (!json_is_boolean(value))
        reading->bad = true;
    return json_is_true(value);
}

uint64_t reading_time(struct reading *reading, const char *key)
{
    const char *text = reading_text(reading, key);
    uint64_t time = 0;
    if (text && parse_rfc3339(text, &time) < 0)
        reading->bad = true;
    return time;
}

const json_t *reading_array(struct reading *reading, const char *key)
{
    const json_t *value = reading_field(reading, key);
    if (value && !json_is_array(value))
        reading->bad = true;
    return json_is_array(value) ? value : NULL;
}

const char *reading_decode(struct reading *reading, const char *text)
{
    AUTO_STRBUF struct strbuf bytes = STRBUF_INIT;
    if (!text)
        return NULL;
    if (base64_decode(&bytes, text, strlen(text)) < 0 || strlen(strbuf_text(&bytes)) != bytes.len) {
        reading->bad = true;
        return NULL;
    }
    strv_push(&reading->owned, strbuf_text(&bytes));
    return reading->owned.v[reading->owned.n - 1];
}

const char *reading_exact(struct reading *reading, const char *key, const char *key64)
{
    const char *text = reading_text(reading, key);
    if (text)
        return text;
    return reading_decode(reading, reading_text(reading, key64));
}

int reading_outcome(struct reading *reading, int otherwise)
{
    const char *name = reading_text(reading, "outcome");
    int outcome = name ? outcome_parse(name) : otherwise;
    return outcome || !name ? outcome : CIPLUG_ERROR;
}

const struct ciplug_ledger *reading_ledger(struct reading *reading, const char *key,
                                           struct ciplug_ledger *ledger)
{
    const json_t *object = reading_field(reading, key);
    if (!object)
        return NULL;
    if (!json_is_object(object))
        reading->bad = true;
    ledger->size = sizeof *ledger;
    for (const struct record_counter *c = record_counters; c->name; c++) {
        const json_t *value = json_object_get(object, c->name);
        uint64_t number = number_of(reading, json_is_null(value) ? NULL : value, INT64_MAX);
        memcpy((char *)ledger + c->offset, &number, sizeof number);
    }
    return ledger;
}
