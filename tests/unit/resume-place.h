/* SPDX-License-Identifier: MIT
 *
 * Journals of a step s, written as a run would.
 */
#ifndef CIPLUG_TESTS_RESUME_PLACE_H
#define CIPLUG_TESTS_RESUME_PLACE_H

#include "journal.h"
#include "plan-place.h"
#include "resume.h"

#define NAMES_MAX 64

/* A command and how it ended. */
struct said {
    uint32_t number, attempt, worker;
    const char *names[NAMES_MAX + 1]; /* of its units; none: known by its number */
    size_t n;
    int outcome;
    unsigned flags;
    bool tried_again;
    uint64_t key, grouping;
};

static inline void begin_journal(struct journal *journal, const char *path)
{
    const struct ciplug_event event = {.kind = CIPLUG_RUN_STARTED, .run = "abcd1234"};
    const struct journal_header header = {.name = "x", .config = "ci.ini", .version = "1"};
    (void)unlink(path);
    assert_int_equal(journal_create(journal, path), 0);
    assert_int_equal(journal_run_started(journal, &event, &header), 0);
}

static inline void say_event(struct journal *journal, const struct said *said, int kind)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    for (size_t i = 0; i < said->n; i++)
        strbuf_addf(&text, "%s%s", i ? "\n" : "", said->names[i]);
    const struct ciplug_command command = {
        .size = sizeof command,
        .step = "s",
        .number = said->number,
        .attempt = said->attempt ? said->attempt : 1,
        .worker = said->worker,
        .item = said->n ? strbuf_text(&text) : NULL,
        .items = said->n ? said->names : NULL,
    };
    const struct ciplug_result result = {.size = sizeof result,
                                         .outcome = said->outcome,
                                         .flags = said->flags,
                                         .final = !said->tried_again};
    const struct ciplug_event event = {
        .kind = kind, .run = "abcd1234", .step = "s", .command = &command, .result = &result};
    const struct journal_extra extra = {.key = said->key, .grouping = said->grouping};
    assert_int_equal(journal_event(journal, &event, &extra), 0);
}

static inline void say_started(struct journal *journal, const struct said *said)
{
    say_event(journal, said, CIPLUG_COMMAND_STARTED);
}

static inline void say_finished(struct journal *journal, const struct said *said)
{
    say_event(journal, said, CIPLUG_COMMAND_FINISHED);
}

#endif
