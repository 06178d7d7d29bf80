/* SPDX-License-Identifier: MIT */
#include "journal-place.h"
#include "record.h"

static void finished_command_has_the_promised_fields(void **state)
{
    (void)state;
    static const char *const names[] = {"step",      "number",    "item",    "items",
                                        "worker",    "host",      "attempt", "outcome",
                                        "exit_code", "signal",    "started", "duration_ns",
                                        "bytes_out", "bytes_err", "flags",   "reason"};
    struct ciplug_command command = {.step = "s",
                                     .number = 2,
                                     .worker = 3,
                                     .host = "local",
                                     .attempt = 1,
                                     .item = "a b",
                                     .label = "a b"};
    struct ciplug_result result = {.outcome = CIPLUG_FAILED,
                                   .exit_code = 7,
                                   .final = 1,
                                   .flags = CIPLUG_FLAG_LEAKED | CIPLUG_FLAG_TRUNCATED,
                                   .started_ns = UINT64_C(1700000000123456789),
                                   .duration_ns = 5,
                                   .reason = "exit code 7"};
    struct ciplug_event event = {
        .kind = CIPLUG_COMMAND_FINISHED, .step = "s", .command = &command, .result = &result};
    json_t *record = record_event(&event, NULL, 1, NULL);
    assert_non_null(record);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        assert_non_null(json_object_get(record, names[i]));
    assert_text(record, "event", "command_finished");
    assert_text(record, "started", "2023-11-14T22:13:20.123456Z");
    assert_text(record, "item", "a b");
    assert_text(record, "outcome", "failed");
    assert_true(json_is_null(json_object_get(record, "items")));
    assert_true(json_is_null(json_object_get(record, "signal")));
    assert_int_equal(json_integer_value(json_object_get(record, "exit_code")), 7);
    assert_int_equal(json_array_size(json_object_get(record, "flags")), 2);
    json_decref(record);
}

static json_t *record_items(const char *const *items)
{
    struct ciplug_command command = {.step = "s", .items = items, .item = items[0]};
    struct ciplug_event event = {.kind = CIPLUG_COMMAND_STARTED, .command = &command};
    json_t *record = record_event(&event, NULL, 1, NULL);
    assert_non_null(record);
    return record;
}

static void items_come_as_text_array_or_base64(void **state)
{
    (void)state;
    json_t *record = record_items((const char *const[]){"\xff", NULL});
    assert_true(json_is_null(json_object_get(record, "item")));
    assert_text(record, "item_base64", "/w==");
    json_decref(record);
    record = record_items((const char *const[]){"a", "b\n", NULL});
    assert_true(json_is_null(json_object_get(record, "item")));
    const json_t *items = json_object_get(record, "items");
    assert_int_equal(json_array_size(items), 2);
    assert_string_equal(json_string_value(json_array_get(items, 1)), "b\n");
    json_decref(record);
    record = record_items((const char *const[]){"a", "\xff", NULL});
    assert_true(json_is_null(json_object_get(record, "items")));
    items = json_object_get(record, "items_base64");
    assert_string_equal(json_string_value(json_array_get(items, 0)), "YQ==");
    assert_string_equal(json_string_value(json_array_get(items, 1)), "/w==");
    json_decref(record);
}

static void free_text_is_made_utf8(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"plain", "plain"},
        {"\xc3\xa4\n\x01", "\xc3\xa4\n\x01"},
        {"a\xffz", "a\xef\xbf\xbdz"},
        {"\xc3", "\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf0\x9f\x98\x80\xf0\x9f", "\xf0\x9f\x98\x80\xef\xbf\xbd\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct ciplug_event event = {.kind = CIPLUG_RUN_NOTICE, .text = texts[i][0]};
        json_t *record = record_event(&event, NULL, 1, NULL);
        assert_text(record, "text", texts[i][1]);
        json_decref(record);
    }
}

static void times_parse_with_any_fraction(void **state)
{
    (void)state;
    uint64_t ns, second = UINT64_C(1700000000) * NS_PER_S;
    char text[40];
    record_time(text, sizeof text, second + 999999999);
    assert_string_equal(text, "2023-11-14T22:13:20.999999Z");
    assert_int_equal(parse_rfc3339("2023-11-14T22:13:20Z", &ns), 0);
    assert_true(ns == second);
    assert_int_equal(parse_rfc3339("2023-11-14T22:13:20.5Z", &ns), 0);
    assert_true(ns == second + NS_PER_S / 2);
    assert_int_equal(parse_rfc3339("2023-11-14T22:13:20.000000001Z", &ns), 0);
    assert_true(ns == second + 1);
    assert_int_equal(parse_rfc3339("2023-11-14T22:13:20.Z", &ns), -1);
    assert_int_equal(parse_rfc3339("2023-11-14T22:13:20.1", &ns), -1);
    assert_int_equal(parse_rfc3339("2023-11-14T22:13:20.1Zx", &ns), -1);
    assert_int_equal(parse_rfc3339("", &ns), -1);
    /* The last of them that 64 bits hold, and one later. */
    assert_int_equal(parse_rfc3339("2554-07-21T23:34:33.709551615Z", &ns), 0);
    assert_true(ns == UINT64_MAX);
    assert_int_equal(parse_rfc3339("2554-07-21T23:34:33.709551616Z", &ns), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finished_command_has_the_promised_fields),
        cmocka_unit_test(items_come_as_text_array_or_base64),
        cmocka_unit_test(free_text_is_made_utf8),
        cmocka_unit_test(times_parse_with_any_fraction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
