/* SPDX-License-Identifier: MIT */
#include "journal-place.h"

#include <errno.h>
#include <sys/stat.h>

/* What was emitted live comes back as it was, and folds to the same numbers. */
static void random_runs_survive_a_round_trip(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 40; seed++) {
        struct place place = place_make();
        struct journal journal = {0};
        struct strbuf live = STRBUF_INIT;
        struct ledger ledger = {0};
        struct random_event r = {.seed = seed, .run_dir = place.dir};
        start(&journal, &place);
        for (int i = 0; i < 50; i++) {
            random_event_make(&r);
            assert_int_equal(journal_event(&journal, &r.event, &r.extra), 0);
            describe_event(&live, &r.event, &r.extra);
            ledger_event(&ledger, &r.event);
        }
        journal_close(&journal);
        struct seen seen = replay(&place);
        assert_int_equal(seen.n, 51);
        assert_int_equal(seen.good, journal.written);
        const char *first_end = strchr(seen.events.buf, '\n');
        assert_string_equal(first_end + 1, live.buf);
        assert_true(ledger_equal(&seen.ledger.run, &ledger.run));
        assert_true(ledger_equal(&seen.ledger.cleanup, &ledger.cleanup));
        for (int no_verdict = 0; no_verdict < 2; no_verdict++)
            assert_int_equal(ledger_exit_status(&seen.ledger, no_verdict, false),
                             ledger_exit_status(&ledger, no_verdict, false));
        strbuf_free(&live);
        seen_free(&seen);
        random_event_free(&r);
        place_remove(&place);
    }
}

static void intents_and_header_go_to_other(void **state)
{
    (void)state;
    struct place place = place_make();
    struct journal journal = {0};
    start(&journal, &place);
    assert_int_equal(journal_own_intent(&journal, "cgroup", "/sys/fs/cgroup/x"), 0);
    assert_int_equal(notice(&journal, "hello"), 0);
    journal_close(&journal);
    struct seen seen = replay(&place);
    assert_string_equal(seen.others.buf, "run_started() intent(/sys/fs/cgroup/x) ");
    assert_int_equal(seen.n, 2);
    assert_non_null(strstr(seen.events.buf, "run=abcd1234"));
    assert_non_null(strstr(seen.events.buf, "text=2 steps#7"));
    seen_free(&seen);
    place_remove(&place);
}

/* Every `mix`th record is a random one. */
static void fill(const struct place *place, int records, int mix)
{
    struct journal journal = {0};
    struct random_event r = {.seed = 4711, .run_dir = "/r"};
    start(&journal, place);
    for (int i = 1; i < records; i++) {
        if (i % mix == 0) {
            random_event_make(&r);
            assert_int_equal(journal_event(&journal, &r.event, &r.extra), 0);
        } else {
            assert_int_equal(notice(&journal, "n"), 0);
        }
    }
    random_event_free(&r);
    journal_close(&journal);
}

/* Cut at every byte in every `thorough`th record, and all around the ends of the others. */
static void check_prefixes(unsigned records, int mix, unsigned thorough)
{
    struct place place = place_make();
    char *data;
    size_t length;
    fill(&place, (int)records, mix);
    content(&place, &data, &length);
    unsigned whole = records;
    size_t end = length; /* of the whole records */
    for (size_t cut = length; cut-- > 0;) {
        if (data[cut] == '\n') {
            whole--;
            for (end = cut; end > 0 && data[end - 1] != '\n';)
                end--;
        }
        bool border = cut - end < 3 || strcspn(data + cut, "\n") < 3;
        if (!border && whole % thorough != 0)
            continue;
        uint64_t good;
        assert_int_equal(truncate(place.path, (off_t)cut), 0);
        assert_int_equal(replay_count(&place, &good), whole);
        assert_int_equal(good, end);
    }
    assert_int_equal(whole, 0);
    free(data);
    place_remove(&place);
}

static void prefixes_give_their_whole_records(void **state)
{
    (void)state;
    check_prefixes(14, 2, 1);
    check_prefixes(200, 20, 25);
}

/* After a power cut: the file is longer than what was written, with NULs in the end. */
static void tails_of_nul_or_rubbish_are_left_out(void **state)
{
    (void)state;
    static const char junk[] = "{\"event\":\"run_notice\",\"seq\":6,\"time\":\"20";
    static const struct {
        const char *text;
        size_t length;
    } tails[] = {
        {"\0", 1},
        {"\0\n", 2},
        {"\0\0\0\0\0\0\0\0", 8},
        {"\n", 1},
        {"null\n", 5},
        {"[]\n", 3},
        {junk, sizeof junk - 1},
        {"{\"event\":\"run_notice\",\"seq\":6,\"text\":\"a\0b\"}\n", 45},
        {"{\"event\":\"run_notice\",\"seq\":6}\0\n", 33},
        {"{\"event\":\"run_notice\",\"seq\":6} {}\n", 35},
    };
    struct place place = place_make();
    fill(&place, 5, 2);
    char *data;
    size_t length;
    content(&place, &data, &length);
    for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
        AUTO_STRBUF struct strbuf torn = STRBUF_INIT;
        uint64_t good;
        strbuf_add(&torn, data, length);
        strbuf_add(&torn, tails[i].text, tails[i].length);
        set_content(&place, torn.buf, torn.len);
        assert_int_equal(replay_count(&place, &good), 5);
        assert_int_equal(good, length);
    }
    free(data);
    place_remove(&place);
}

/* A flipped bit may change a text unseen, but never hurts what stands in front of it, and never
 * the reader. */
static void flipped_bits_spare_what_is_in_front(void **state)
{
    (void)state;
    struct place place = place_make();
    fill(&place, 9, 2);
    char *data;
    size_t length;
    content(&place, &data, &length);
    int fd = open(place.path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    unsigned before = 0;
    for (size_t i = 0; i < length; i++) {
        for (int bit = 0; bit < 8; bit += 1 + (int)(i % 3)) {
            char flipped = (char)(data[i] ^ (1 << bit));
            uint64_t good;
            assert_int_equal(pwrite(fd, &flipped, 1, (off_t)i), 1);
            assert_true(replay_count(&place, &good) >= before);
            assert_true(good <= length);
        }
        assert_int_equal(pwrite(fd, &data[i], 1, (off_t)i), 1);
        before += data[i] == '\n';
    }
    close(fd);
    free(data);
    place_remove(&place);
}

#define FINISHED "{\"event\":\"command_finished\",\"seq\":1,"

static void wrong_fields_end_the_journal(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"event\":\"run_notice\",\"seq\":2}",
        "{\"event\":\"run_notice\",\"seq\":0}",
        "{\"event\":\"run_notice\",\"seq\":\"1\"}",
        "{\"event\":\"run_notice\",\"seq\":1.0}",
        "{\"event\":\"run_notice\"}",
        "{\"event\":7,\"seq\":1}",
        "{\"seq\":1}",
        "{\"event\":\"run_notice\",\"seq\":1,\"seq\":1}",
        "{\"event\":\"run_notice\",\"seq\":1,\"time\":\"soon\"}",
        "{\"event\":\"run_notice\",\"seq\":1,\"text\":[]}",
        "{\"event\":\"later\",\"seq\":2}",
        "{\"event\":\"intent\",\"seq\":1,\"kind\":\"x\",\"what\":5}",
        "{\"event\":\"run_finished\",\"seq\":1,\"ledger\":[]}",
        "{\"event\":\"run_finished\",\"seq\":1,\"ledger\":{\"passed\":-1}}",
        FINISHED "\"number\":-1}",
        FINISHED "\"number\":4294967296}",
        FINISHED "\"number\":99999999999999999999}",
        FINISHED "\"worker\":\"1\"}",
        FINISHED "\"final\":1}",
        FINISHED "\"flags\":\"flaky\"}",
        FINISHED "\"flags\":[1]}",
        FINISHED "\"items\":\"a\"}",
        FINISHED "\"items\":[\"a\",null]}",
        FINISHED "\"items_base64\":[\"a\"]}",
        FINISHED "\"item_base64\":\"AA==\"}",
        FINISHED "\"exit_code\":\"0\"}",
        FINISHED "\"started\":17}",
        FINISHED "\"duration_ns\":1e9}",
        FINISHED "\"key\":\"12\"}",
        FINISHED "\"outcome\":1}",
    };
    struct place place = place_make();
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        AUTO_STRBUF struct strbuf line = STRBUF_INIT;
        uint64_t good;
        strbuf_addf(&line, "%s\n", bad[i]);
        set_content(&place, line.buf, line.len);
        if (replay_count(&place, &good) != 0 || good != 0)
            fail_msg("taken: %s", bad[i]);
    }
    place_remove(&place);
}

static void take_default(void *data, const struct ciplug_event *event,
                         const struct journal_extra *extra)
{
    (void)extra;
    unsigned *n = data;
    if (event->kind != CIPLUG_COMMAND_FINISHED)
        return;
    ++*n;
    assert_int_equal(event->result->outcome, CIPLUG_ERROR);
    assert_int_equal(event->result->exit_code, -1);
    assert_int_equal(event->result->final, 1);
    assert_int_equal(event->result->flags, CIPLUG_FLAG_LEAKED);
    assert_string_equal(event->result->reason, "");
    assert_null(event->result->log_out);
    assert_null(event->command->items);
    assert_null(event->command->item);
}

static void other_versions_are_read_as_far_as_known(void **state)
{
    (void)state;
    static const char text[] = FINISHED
        "\"flags\":[\"leaked\",\"shiny\"],\"new\":{\"a\":[1]},\"outcome\":\"melted\"}\n"
        "{\"event\":\"step_paused\",\"seq\":2,\"step\":7,\"number\":\"x\"}\n"
        "{\"event\":\"command_output\",\"seq\":3}\n"
        "{\"event\":\"command_finished\",\"seq\":4,\"flags\":[\"leaked\"],\"host\":null}\n";
    struct place place = place_make();
    set_content(&place, text, sizeof text - 1);
    unsigned n = 0;
    uint64_t good;
    struct journal_reader reader = {take_default, NULL, &n};
    assert_int_equal(journal_replay(place.dir, &reader, &good), 0);
    assert_int_equal(n, 2);
    assert_int_equal(good, sizeof text - 1);
    reader.event = NULL;
    assert_int_equal(journal_replay(place.dir, &reader, NULL), 0);
    place_remove(&place);
}

static void replay_says_what_cannot_be_read(void **state)
{
    (void)state;
    struct place place = place_make();
    struct journal_reader reader = {0};
    assert_int_equal(journal_replay(place.dir, &reader, NULL), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(journal_replay("no/such/run", &reader, NULL), -1);
    assert_int_equal(mkfifo(place.path, 0600), 0);
    assert_int_equal(journal_replay(place.dir, &reader, NULL), -1);
    place_remove(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_runs_survive_a_round_trip),
        cmocka_unit_test(intents_and_header_go_to_other),
        cmocka_unit_test(prefixes_give_their_whole_records),
        cmocka_unit_test(tails_of_nul_or_rubbish_are_left_out),
        cmocka_unit_test(flipped_bits_spare_what_is_in_front),
        cmocka_unit_test(wrong_fields_end_the_journal),
        cmocka_unit_test(other_versions_are_read_as_far_as_known),
        cmocka_unit_test(replay_says_what_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
