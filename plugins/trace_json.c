/* SPDX-License-Identifier: MIT */
#include "plain.h"
#include "trace.h"

#include <stdlib.h>
#include <string.h>

json_t *trace_text(const char *bytes)
{
    struct plain plain = {0};
    size_t length = strlen(bytes);
    char *text = malloc(PLAIN_SIZE(length));
    if (!text)
        return NULL;
    size_t n = plain_feed(&plain, bytes, length, text);
    n += plain_end(&plain, text + n);
    json_t *value = json_stringn(text, n);
    free(text);
    return value;
}

void trace_set(struct trace_out *out, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new_nocheck(object, key, value) < 0)
        out->writer->failed = true;
}

json_t *trace_number(uint64_t value)
{
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

json_t *trace_new(struct trace_out *out, const char *phase, json_t *name, uint32_t pid,
                  uint32_t tid)
{
    json_t *event = json_object();
    trace_set(out, event, "name", name);
    trace_set(out, event, "ph", json_string(phase));
    trace_set(out, event, "pid", trace_number(pid));
    trace_set(out, event, "tid", trace_number(tid));
    return event;
}

void trace_set_time(struct trace_out *out, json_t *event, uint64_t us)
{
    trace_set(out, event, "ts", trace_number(us > out->base_us ? us - out->base_us : 0));
}

static int on_bytes(const char *bytes, size_t length, void *data)
{
    writer_put(data, bytes, length);
    return 0;
}

void trace_dump(struct trace_out *out, json_t *value)
{
    if (!value || json_dump_callback(value, on_bytes, out->writer, JSON_COMPACT) < 0)
        out->writer->failed = true;
    json_decref(value);
}

void trace_emit(struct trace_out *out, json_t *event)
{
    writer_text(out->writer, out->any ? ",\n" : "\n");
    out->any = true;
    trace_dump(out, event);
}
