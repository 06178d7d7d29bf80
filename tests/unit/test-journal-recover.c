/* SPDX-License-Identifier: MIT
 *
 * The journal of a dead run is opened for appending: whatever happened to its end, nothing good is
 * lost, and what is appended is read.
 */
#include "journal-place.h"

#include <errno.h>
#include <sys/stat.h>

#define RECORDS 200

/* Every byte where the time is there; CIPLUG_TEST_REPEATS: where the same was tried in full before.
 */
static size_t stride(size_t usual)
{
    return getenv("CIPLUG_TEST_REPEATS") ? 53 : getenv("CIPLUG_TEST_ALL_BITS") ? 1 : usual;
}

struct original {
    char *data;
    size_t length;
    size_t ends[RECORDS + 1]; /* of each record; ends[0] = 0 */
};

static void make(const struct place *place, struct original *original)
{
    struct journal journal = {0};
    start(&journal, place);
    for (unsigned i = 1; i < RECORDS; i++) {
        char text[32];
        snprintf(text, sizeof text, "%u%s", i, i % 7 ? "" : " {\"}\\ \xc3\xa4");
        assert_int_equal(notice(&journal, text), 0);
    }
    assert_int_equal(journal_close(&journal), 0);
    content(place, &original->data, &original->length);
    size_t n = 0;
    original->ends[0] = 0;
    for (size_t i = 0; i < original->length; i++) {
        if (original->data[i] == '\n')
            original->ends[++n] = i + 1;
    }
    assert_int_equal(n, RECORDS);
}

static size_t whole_records(const struct original *original, size_t length)
{
    size_t n = 0;
    while (n < RECORDS && original->ends[n + 1] <= length)
        n++;
    return n;
}

/* What is on the disk now is reopened; at least `least` records come back as they were, and an
 * appended one is read behind those that were kept. How many were kept. */
static size_t recover_and_append(const struct place *place, const struct original *original,
                                 size_t least)
{
    struct journal journal;
    assert_int_equal(journal_reopen(&journal, place->dir), 0);
    uint64_t kept = journal.seq, end = journal.written;
    assert_true(kept >= least && end >= original->ends[least]);
    assert_int_equal(notice(&journal, "appended"), 0);
    assert_int_equal(journal_close(&journal), 0);
    uint64_t good, seq;
    assert_int_equal(journal_recover(place->dir, &good, &seq), 0);
    assert_int_equal(seq, kept + 1);
    struct stat st;
    assert_int_equal(stat(place->path, &st), 0);
    assert_int_equal(st.st_size, good);
    AUTO_FREE char *data = NULL;
    size_t length;
    content(place, &data, &length);
    assert_int_equal(length, good);
    assert_memory_equal(data, original->data, original->ends[least]);
    assert_true(str_starts(data + end, "{\"event\":\"run_notice\""));
    return kept;
}

static void every_prefix(void **state)
{
    (void)state;
    struct place place = place_make();
    struct original original;
    make(&place, &original);
    unsigned long lost = 0, tried = 0;
    for (size_t length = 0; length <= original.length; length += stride(1)) {
        size_t whole = whole_records(&original, length);
        set_content(&place, original.data, length);
        size_t kept = recover_and_append(&place, &original, whole);
        lost += whole - kept;
        tried++;
        assert_int_equal(kept, whole);
    }
    print_message("%lu prefixes of a journal of %d records, %lu records lost\n", tried, RECORDS,
                  lost);
    free(original.data);
    place_remove(&place);
}

/* Bytes are xor'ed by one value in its turn, with CIPLUG_TEST_ALL_BITS each by all eight bits. */
static void every_byte_damaged(void **state)
{
    (void)state;
    static const unsigned char values[] = {1, 2, 4, 8, 16, 32, 64, 128, 255};
    struct place place = place_make();
    struct original original;
    make(&place, &original);
    bool all = getenv("CIPLUG_TEST_ALL_BITS") != NULL;
    unsigned long tried = 0;
    for (size_t i = 0; i < original.length; i += stride(5)) {
        for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
            if (!all && v != i % ARRAY_SIZE(values))
                continue;
            original.data[i] = (char)(original.data[i] ^ values[v]);
            set_content(&place, original.data, original.length);
            recover_and_append(&place, &original, whole_records(&original, i));
            original.data[i] = (char)(original.data[i] ^ values[v]);
            tried++;
        }
    }
    print_message("%lu damaged journals, no record in front of the damage lost\n", tried);
    free(original.data);
    place_remove(&place);
}

/* What a power cut leaves: the size is on the disk, the data is not. */
static void tails_of_nul(void **state)
{
    (void)state;
    static const size_t tails[] = {1, 2, 272, 4096, 65536};
    struct place place = place_make();
    struct original original;
    make(&place, &original);
    for (size_t t = 0; t < ARRAY_SIZE(tails); t++) {
        for (size_t n = 0; n <= RECORDS; n += 40) {
            for (size_t torn = 0; torn < 40; torn += 13) {
                size_t length = original.ends[n] + (n < RECORDS ? torn : 0);
                set_content(&place, original.data, length);
                assert_int_equal(truncate(place.path, (off_t)(length + tails[t])), 0);
                assert_int_equal(recover_and_append(&place, &original, n), n);
            }
        }
    }
    free(original.data);
    place_remove(&place);
}

static void one_at_a_time(void **state)
{
    (void)state;
    struct place place = place_make();
    struct original original;
    struct journal first, second;
    assert_int_equal(journal_reopen(&first, place.dir), -1);
    assert_int_equal(errno, ENOENT);
    make(&place, &original);
    assert_int_equal(journal_reopen(&first, place.dir), 0);
    assert_true(fcntl(first.fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(journal_reopen(&second, place.dir), -1);
    assert_int_equal(errno, EWOULDBLOCK);
    assert_int_equal(second.fd, -1);
    assert_int_equal(journal_close(&first), 0);
    assert_int_equal(journal_reopen(&second, place.dir), 0);
    assert_int_equal(journal_close(&second), 0);
    struct stat st;
    assert_int_equal(stat(place.path, &st), 0);
    assert_int_equal(st.st_size, original.length);
    unlink(place.path);
    assert_int_equal(symlink("/dev/null", place.path), 0);
    assert_int_equal(journal_reopen(&first, place.dir), -1);
    assert_int_equal(journal_end(place.dir), JOURNAL_NONE);
    free(original.data);
    place_remove(&place);
}

static void append_finished(const struct place *place, bool kept)
{
    struct journal journal;
    struct ciplug_event event = {.kind = CIPLUG_RUN_FINISHED};
    struct journal_extra extra = {.kept = kept};
    assert_int_equal(journal_reopen(&journal, place->dir), 0);
    assert_int_equal(journal_event(&journal, &event, &extra), 0);
    assert_int_equal(journal_close(&journal), 0);
}

static void append_reaped(const struct place *place, const char *left)
{
    struct journal journal;
    struct journal_reaped reaped = {.by = "abcd1234", .processes = 3, .cgroups = 1};
    if (left)
        strv_push(&reaped.left, left);
    assert_int_equal(journal_reopen(&journal, place->dir), 0);
    assert_int_equal(journal_run_reaped(&journal, &reaped), 0);
    assert_int_equal(journal_close(&journal), 0);
    strv_free(&reaped.left);
}

static void the_end_says_what_is_owed(void **state)
{
    (void)state;
    struct place place = place_make();
    struct journal journal = {0};
    assert_int_equal(journal_end(place.dir), JOURNAL_NONE);
    start(&journal, &place);
    assert_int_equal(journal_end(place.dir), JOURNAL_OPEN);
    AUTO_FREE char *long_text = xmalloc(40001);
    memset(long_text, 'x', 40000);
    long_text[40000] = '\0';
    assert_int_equal(notice(&journal, "{\"event\":\"run_finished\"}"), 0);
    assert_int_equal(notice(&journal, long_text), 0);
    assert_int_equal(journal_close(&journal), 0);
    assert_int_equal(journal_end(place.dir), JOURNAL_OPEN);
    append_finished(&place, false);
    assert_int_equal(journal_end(place.dir), JOURNAL_FINISHED);
    append_finished(&place, true);
    assert_int_equal(journal_end(place.dir), JOURNAL_KEPT);
    assert_int_equal(journal_reopen(&journal, place.dir), 0);
    assert_int_equal(notice(&journal, "a reporter could not write"), 0);
    assert_int_equal(journal_close(&journal), 0);
    assert_int_equal(journal_end(place.dir), JOURNAL_KEPT);
    append_reaped(&place, "container abc: no docker");
    assert_int_equal(journal_end(place.dir), JOURNAL_OPEN);
    append_reaped(&place, NULL);
    assert_int_equal(journal_end(place.dir), JOURNAL_REAPED);
    json_t *record = last_record(&place);
    assert_text(record, "event", "run_reaped");
    assert_text(record, "by", "abcd1234");
    assert_int_equal(json_integer_value(json_object_get(record, "processes")), 3);
    json_decref(record);
    struct seen seen = replay(&place);
    assert_int_equal(seen.n, 6); /* run_reaped is no event */
    assert_non_null(strstr(seen.others.buf, "run_reaped"));
    seen_free(&seen);
    struct stat st;
    assert_int_equal(stat(place.path, &st), 0);
    assert_int_equal(truncate(place.path, st.st_size + 1), 0);
    assert_int_equal(journal_end(place.dir), JOURNAL_OPEN);
    assert_int_equal(truncate(place.path, st.st_size - 1), 0);
    assert_int_equal(journal_end(place.dir), JOURNAL_OPEN);
    place_remove(&place);
}

/* Also when a plugin had a lot to say. */
static void the_end_is_found_however_much_was_left(void **state)
{
    (void)state;
    struct place place = place_make();
    struct journal journal = {0};
    struct journal_reaped reaped = {.by = "abcd1234"};
    AUTO_STRV struct strv many = STRV_INIT;
    for (unsigned i = 0; i < 5000; i++)
        strv_take(&many, xasprintf("container %0900u", i));
    struct ciplug_event event = {.kind = CIPLUG_RUN_FINISHED};
    struct journal_extra extra = {.left = &many};
    start(&journal, &place);
    assert_int_equal(journal_event(&journal, &event, &extra), 0);
    assert_int_equal(journal_close(&journal), 0);
    assert_int_equal(journal_end(place.dir), JOURNAL_LEFT);
    reaped.removed = many;
    assert_int_equal(journal_reopen(&journal, place.dir), 0);
    assert_int_equal(journal_run_reaped(&journal, &reaped), 0);
    assert_int_equal(journal_close(&journal), 0);
    assert_int_equal(journal_end(place.dir), JOURNAL_REAPED);
    json_t *record = last_record(&place);
    const json_t *removed = json_object_get(record, "removed");
    assert_int_equal(json_array_size(removed), 41);
    assert_string_equal(json_string_value(json_array_get(removed, 40)), "and 4960 more");
    json_decref(record);
    place_remove(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_prefix),
        cmocka_unit_test(every_byte_damaged),
        cmocka_unit_test(tails_of_nul),
        cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(the_end_says_what_is_owed),
        cmocka_unit_test(the_end_is_found_however_much_was_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
