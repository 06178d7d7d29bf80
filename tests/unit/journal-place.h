/* SPDX-License-Identifier: MIT
 *
 * A journal in a temporary folder, and what a reader sees of it.
 */
#ifndef CIPLUG_TESTS_JOURNAL_PLACE_H
#define CIPLUG_TESTS_JOURNAL_PLACE_H

#include "journal.h"
#include "ledger.h"
#include "random-event.h"
#include "strbuf.h"
#include "util.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

struct place {
    char dir[64];
    char path[96]; /* of the journal */
};

static inline struct place place_make(void)
{
    struct place place;
    snprintf(place.dir, sizeof place.dir, "/tmp/test-journal-XXXXXX");
    assert_non_null(mkdtemp(place.dir));
    snprintf(place.path, sizeof place.path, "%s/journal.jsonl", place.dir);
    return place;
}

static inline void place_remove(const struct place *place)
{
    unlink(place->path);
    assert_int_equal(rmdir(place->dir), 0);
}

static inline void content(const struct place *place, char **data, size_t *length)
{
    assert_int_equal(read_file(place->path, 64 << 20, data, length), 0);
}

static inline void set_content(const struct place *place, const char *data, size_t length)
{
    int fd = open(place->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write_all(fd, data, length), 0);
    close(fd);
}

/* ---- what a reader saw ---- */

struct seen {
    struct strbuf events, others;
    struct ledger ledger;
    uint64_t good;
    unsigned n;
};

static inline void see_event(void *data, const struct ciplug_event *event,
                             const struct journal_extra *extra)
{
    struct seen *seen = data;
    assert_int_equal(event->replayed, 1);
    assert_non_null(extra);
    describe_event(&seen->events, event, extra);
    ledger_event(&seen->ledger, event);
    seen->n++;
}

static inline void see_other(void *data, const char *name, const void *record)
{
    struct seen *seen = data;
    const char *what = json_string_value(json_object_get(record, "what"));
    strbuf_addf(&seen->others, "%s(%s) ", name, what ? what : "");
}

static inline struct seen replay(const struct place *place)
{
    struct seen seen = {0};
    struct journal_reader reader = {see_event, see_other, &seen};
    assert_int_equal(journal_replay(place->dir, &reader, &seen.good), 0);
    return seen;
}

static inline void seen_free(struct seen *seen)
{
    strbuf_free(&seen->events);
    strbuf_free(&seen->others);
}

static inline void count_event(void *data, const struct ciplug_event *event,
                               const struct journal_extra *extra)
{
    (void)event;
    (void)extra;
    ++*(unsigned *)data;
}

static inline unsigned replay_count(const struct place *place, uint64_t *good)
{
    unsigned n = 0;
    struct journal_reader reader = {count_event, NULL, &n};
    assert_int_equal(journal_replay(place->dir, &reader, good), 0);
    return n;
}

/* ---- writing ---- */

static inline void start(struct journal *journal, const struct place *place)
{
    struct ciplug_event event = {.kind = CIPLUG_RUN_STARTED, .run = "abcd1234", .text = "2 steps"};
    struct strv argv = STRV_INIT;
    strv_push(&argv, "ciplug");
    strv_push(&argv, "-c\xff");
    struct journal_header header = {"name", "ci.ini", "0.1", &argv};
    assert_int_equal(journal_create(journal, place->path), 0);
    assert_int_equal(journal_run_started(journal, &event, &header), 0);
    strv_free(&argv);
}

static inline int notice(struct journal *journal, const char *text)
{
    struct ciplug_event event = {.kind = CIPLUG_RUN_NOTICE, .text = text};
    return journal_event(journal, &event, NULL);
}

static inline json_t *last_record(const struct place *place)
{
    char *data;
    size_t length;
    content(place, &data, &length);
    assert_true(length > 1 && data[length - 1] == '\n');
    data[length - 1] = '\0';
    const char *line = strrchr(data, '\n');
    json_t *record = json_loads(line ? line + 1 : data, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(record);
    free(data);
    return record;
}

static inline void assert_text(const json_t *record, const char *key, const char *expected)
{
    const char *text = json_string_value(json_object_get(record, key));
    if (!text || strcmp(text, expected) != 0)
        fail_msg("%s is '%s', not '%s'", key, text ? text : "(none)", expected);
}

#endif
