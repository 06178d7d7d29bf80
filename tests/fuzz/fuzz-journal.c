/* SPDX-License-Identifier: MIT
 *
 * Input: a journal. What is good of it stays good whatever follows, and means the same when it is
 * written again by the writer of journals.
 */
#include "fuzz.h"
#include "journal.h"
#include "ledger.h"
#include "random-event.h"
#include "record.h"

#define RUN_DIR "/state/runs/abcd1234"

/* What came of a journal: events as texts, their numbers, and the same written again. */
struct seen {
    struct strbuf events, written;
    struct ledger ledger;
    uint64_t good, seq;
    json_t *header; /* of the run_started that is on its way */
};

static int add_bytes(const char *bytes, size_t length, void *data)
{
    strbuf_add(data, bytes, length);
    return 0;
}

static void write_again(struct seen *seen, json_t *record)
{
    HOLDS(record);
    HOLDS(json_dump_callback(record, add_bytes, &seen->written, JSON_COMPACT) == 0);
    strbuf_addch(&seen->written, '\n');
    json_decref(record);
}

static const char *text_of(const json_t *record, const char *key)
{
    return json_string_value(json_object_get(record, key));
}

static void see_other(void *data, const char *name, const void *record)
{
    struct seen *seen = data;
    const json_t *texts = json_object_get(record, "env");
    if (strcmp(name, "intent") == 0) {
        bool by = json_object_get(record, "by_kind") && json_object_get(record, "by_what");
        struct intent intent = {.kind = xstrdup(text_of(record, "kind")),
                                .what = xstrdup(text_of(record, "what")),
                                .by_kind = by ? xstrdup(text_of(record, "by_kind")) : NULL,
                                .by_what = by ? xstrdup(text_of(record, "by_what")) : NULL};
        for (size_t i = 0; i < json_array_size(texts); i++)
            strv_push(&intent.env, json_string_value(json_array_get(texts, i)));
        write_again(seen, record_intent(&intent, ++seen->seq, NULL));
        intent_clear(&intent);
    } else {
        json_decref(seen->header);
        seen->header = json_deep_copy(record);
    }
}

static void write_header(struct seen *seen, const struct ciplug_event *event)
{
    AUTO_STRV struct strv argv = STRV_INIT;
    const json_t *words = json_object_get(seen->header, "argv");
    for (size_t i = 0; i < json_array_size(words); i++) {
        const char *word = json_string_value(json_array_get(words, i));
        strv_push(&argv, word ? word : "");
    }
    const struct journal_header header = {text_of(seen->header, "name"),
                                          text_of(seen->header, "config"),
                                          text_of(seen->header, "ciplug"), &argv};
    write_again(seen, record_run_started(event, &header, ++seen->seq, NULL));
    json_decref(seen->header);
    seen->header = NULL;
}

static void see_event(void *data, const struct ciplug_event *event,
                      const struct journal_extra *extra)
{
    struct seen *seen = data;
    HOLDS(event->replayed == 1 && event->size == sizeof *event && event->run && event->run_dir);
    HOLDS(event->kind != CIPLUG_COMMAND_OUTPUT &&
          event_parse(event_name(event->kind)) == event->kind);
    HOLDS(event->kind != CIPLUG_COMMAND_FINISHED || (event->command && event->result));
    HOLDS(!event->result || event->result->reason);
    describe_event(&seen->events, event, extra);
    ledger_event(&seen->ledger, event);
    if (event->kind == CIPLUG_RUN_STARTED)
        write_header(seen, event);
    else
        write_again(seen, record_event(event, extra, ++seen->seq, NULL));
}

static struct seen replay(const char *text, size_t length)
{
    struct seen seen = {0};
    struct journal_reader reader = {see_event, see_other, &seen};
    AUTO_FREE char *exact = xmemdup(text, length);
    seen.good = journal_replay_text(RUN_DIR, exact, length, &reader);
    HOLDS(seen.good <= length);
    HOLDS(seen.good == 0 || text[seen.good - 1] == '\n');
    return seen;
}

static void seen_free(struct seen *seen)
{
    strbuf_free(&seen->events);
    strbuf_free(&seen->written);
    json_decref(seen->header);
}

static bool starts_with(const struct strbuf *whole, const struct strbuf *part)
{
    return part->len <= whole->len &&
           (part->len == 0 || memcmp(whole->buf, part->buf, part->len) == 0);
}

static bool same(const struct strbuf *a, const struct strbuf *b)
{
    return a->len == b->len && starts_with(a, b);
}

/* Only the good part; then with a record behind it that the runner was killed over. */
static void what_follows_does_not_matter(const struct seen *all, const char *text)
{
    AUTO_STRBUF struct strbuf torn = STRBUF_INIT;
    size_t good = (size_t)all->good;
    struct seen alone = replay(text, good);
    strbuf_add(&torn, text, good);
    strbuf_addstr(&torn, "{\"event\":\"command_finished\",\"seq\":");
    struct seen longer = replay(torn.buf, torn.len);
    HOLDS(alone.good == all->good && same(&alone.events, &all->events));
    HOLDS(longer.good == all->good && same(&longer.events, &all->events));
    seen_free(&alone);
    seen_free(&longer);
}

/* At every line's end, and in the middle. */
static void a_part_is_the_start(const struct seen *all, const char *text)
{
    size_t good = (size_t)all->good;
    struct seen half = replay(text, good / 2);
    HOLDS(half.good <= good / 2 && starts_with(&all->events, &half.events));
    const char *end = memchr(text, '\n', good);
    size_t first = (size_t)(end - text) + 1;
    struct seen one = replay(text, first);
    HOLDS(one.good == first && starts_with(&all->events, &one.events));
    seen_free(&half);
    seen_free(&one);
}

/* The first time some fields go that have no place in their record; from then on nothing changes.
 */
static void written_again_it_is_the_same(const struct seen *all)
{
    struct seen once = replay(strbuf_text(&all->written), all->written.len);
    HOLDS(once.good == all->written.len);
    HOLDS(memcmp(&once.ledger, &all->ledger, sizeof once.ledger) == 0);
    struct seen twice = replay(strbuf_text(&once.written), once.written.len);
    HOLDS(twice.good == once.written.len && same(&once.events, &twice.events));
    seen_free(&once);
    seen_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen all = replay((const char *)data, size);
    if (all.good) {
        what_follows_does_not_matter(&all, (const char *)data);
        a_part_is_the_start(&all, (const char *)data);
        written_again_it_is_the_same(&all);
    }
    seen_free(&all);
    return 0;
}
