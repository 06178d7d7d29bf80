/* SPDX-License-Identifier: MIT
 *
 * Input: a byte that says what is converted, a text. Each conversion is compared with a second one
 * that is written down here in another way, and what it accepts is written out and read again.
 */
#include "argv.h"
#include "base64.h"
#include "fuzz.h"
#include "options.h"
#include "record.h"

#include <inttypes.h>

/* ---- whole numbers ---- */

static const struct {
    int64_t min, max;
} ranges[] = {
    {0, 0},    {INT64_MIN, INT64_MAX}, {0, INT64_MAX},         {INT64_MIN, 0},         {1, 255},
    {-10, 10}, {1, 1000000},           {INT64_MAX, INT64_MAX}, {INT64_MIN, INT64_MIN}, {-5, -2}};

static bool model_integer(const char *text, int64_t min, int64_t max, int64_t *number)
{
    char back[32];
    if (strlen(text) > 20)
        return false;
    char *end;
    *number = strtoll(text, &end, 10); /* at the limits where it does not fit */
    snprintf(back, sizeof back, "%" PRId64, *number);
    return strcmp(text, back) == 0 && *number >= min && *number <= max;
}

static void try_integer(const char *text)
{
    for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
        const char *error = NULL;
        int64_t number = 42, expected;
        int status = parse_integer(text, ranges[i].min, ranges[i].max, &number, &error);
        bool good = model_integer(text, ranges[i].min, ranges[i].max, &expected);
        HOLDS(good == (status == 0));
        HOLDS(good ? number == expected : number == 42 && error && *error);
    }
}

/* ---- durations ---- */

/* Nanoseconds, or -1: no duration. One part at a time: digits, perhaps a fraction, letters. */
static __int128 model_duration(const char *text)
{
    static const char *const names[] = {"d", "h", "m", "s", "ms"};
    static const __int128 units[] = {86400 * (__int128)NS_PER_S, 3600 * (__int128)NS_PER_S,
                                     60 * (__int128)NS_PER_S, NS_PER_S, NS_PER_MS};
    const __int128 far = (__int128)1 << 70;
    __int128 sum = 0;
    size_t next = 0; /* the largest unit that may still come */
    bool first = true;
    if (!*text || (text[0] == '0' && text[1] >= '0' && text[1] <= '9'))
        return -1;
    for (; *text; first = false) {
        char letters[3] = "";
        size_t digits = strspn(text, "0123456789"), fraction = 0, n, i;
        __int128 whole = 0, part = 0, scale = NS_PER_S;
        for (i = 0; i < digits; i++)
            whole = whole < far ? whole * 10 + (text[i] - '0') : whole;
        text += digits;
        if (*text == '.') {
            fraction = strspn(++text, "0123456789");
            for (i = 0; i < fraction && i < 9; i++)
                part += (text[i] - '0') * (scale /= 10);
            text += fraction;
            if (fraction == 0 || fraction > 9)
                return -1;
        }
        n = strspn(text, "abcdefghijklmnopqrstuvwxyz");
        if (digits == 0 || n > 2 || (n == 0 && (!first || *text)))
            return -1;
        memcpy(letters, n ? text : "s", n ? n : 1);
        text += n;
        for (i = next; i < ARRAY_SIZE(names) && strcmp(names[i], letters) != 0;)
            i++;
        if (i == ARRAY_SIZE(names) || (fraction && *text))
            return -1;
        next = i + 1;
        sum += whole * units[i] + part * units[i] / NS_PER_S;
        sum = sum < far ? sum : far;
    }
    return sum;
}

static void duration_round_trip(uint64_t ns)
{
    char shown[32];
    const char *error;
    uint64_t again;
    AUTO_FREE char *text = xasprintf("%" PRIu64 ".%09" PRIu64 "s", ns / NS_PER_S, ns % NS_PER_S);
    HOLDS(parse_duration(text, false, &again, &error) == 0 && again == ns);
    format_duration(shown, sizeof shown, ns);
    HOLDS(strlen(shown) < 24);
}

static void try_duration(const char *text)
{
    for (int none = 0; none < 2; none++) {
        const char *error = NULL;
        uint64_t ns = 42;
        int status = parse_duration(text, none, &ns, &error);
        __int128 expected = model_duration(text);
        bool is_none = none && strcmp(text, "none") == 0;
        bool good = is_none || (expected > 0 && expected <= (__int128)DURATION_MAX_NS);
        HOLDS(good == (status == 0));
        HOLDS(good ? ns == (is_none ? 0 : (uint64_t)expected) : ns == 42 && error && *error);
        if (good && !is_none)
            duration_round_trip(ns);
    }
}

/* ---- yes and no, lists ---- */

static void try_bool(const char *text)
{
    const char *error = NULL;
    bool value = false;
    bool yes =
        !strcmp(text, "yes") || !strcmp(text, "true") || !strcmp(text, "on") || !strcmp(text, "1");
    bool no =
        !strcmp(text, "no") || !strcmp(text, "false") || !strcmp(text, "off") || !strcmp(text, "0");
    HOLDS((parse_bool(text, &value, &error) == 0) == (yes || no));
    HOLDS(value == yes && (yes || no || error));
}

static void same_words(const struct strv *a, const struct strv *b)
{
    HOLDS(a->n == b->n);
    for (size_t i = 0; i < a->n; i++)
        HOLDS(strcmp(a->v[i], b->v[i]) == 0);
}

static void try_list(const char *text)
{
    AUTO_STRV struct strv words = STRV_INIT, quoted = STRV_INIT, again = STRV_INIT;
    AUTO_STRBUF struct strbuf joined = STRBUF_INIT;
    const char *error = NULL;
    strv_split(&words, text);
    for (size_t i = 0; i < words.n; i++) {
        HOLDS(*words.v[i] && !strpbrk(words.v[i], " \t\r\n\v\f"));
        strbuf_addf(&joined, "%s\n", words.v[i]);
    }
    strv_split(&again, strbuf_text(&joined));
    same_words(&words, &again);
    if (argv_split(&quoted, text, &error) < 0) {
        HOLDS(error && strpbrk(text, "'\""));
        return;
    }
    strv_clear(&again);
    strbuf_clear(&joined);
    for (size_t i = 0; i < quoted.n; i++) {
        shell_quote(&joined, quoted.v[i]);
        strbuf_addch(&joined, ' ');
    }
    HOLDS(argv_split(&again, strbuf_text(&joined), &error) == 0);
    same_words(&quoted, &again);
    if (!strpbrk(text, "'\"\\\v\f"))
        same_words(&words, &quoted);
}

/* ---- what is checked against a table ---- */

static void try_table(const char *text)
{
    static const char *const choices[] = {"auto", "always", "never", NULL};
    static char key[] = "key";
    char *value = (char *)text;
    const struct config_value given = {key, value, "ci.ini", 7};
    for (int type = 0; type < 10; type++) {
        struct problems problems = {0};
        const struct ciplug_option option = {.size = sizeof option,
                                             .name = key,
                                             .type = type,
                                             .choices = choices,
                                             .min = 1,
                                             .max = 9};
        int status = option_check(&option, &given, &problems);
        HOLDS(problems.n == (size_t)(status < 0));
        HOLDS(status == 0 || strncmp(problems.list[0].text, "key: ", 5) == 0);
        problems_free(&problems);
    }
}

/* ---- time and base64, as the journal has them ---- */

static void try_time(const char *text)
{
    uint64_t ns, again;
    char back[40];
    if (parse_rfc3339(text, &ns) == 0) {
        record_time(back, sizeof back, ns);
        HOLDS(parse_rfc3339(back, &again) == 0 && again == ns - ns % 1000);
        /* The same text but for how many digits the fraction has. */
        HOLDS(strncmp(text, back, strlen("2026-01-02T03:04:05")) == 0);
    }
}

static void try_base64(const char *text)
{
    AUTO_STRBUF struct strbuf bytes = STRBUF_INIT, back = STRBUF_INIT;
    size_t length = strlen(text);
    base64_encode(&bytes, text, length);
    HOLDS(bytes.len == (length + 2) / 3 * 4);
    HOLDS(base64_decode(&back, strbuf_text(&bytes), bytes.len) == 0);
    HOLDS(back.len == length && strcmp(strbuf_text(&back), text) == 0);
    strbuf_clear(&bytes);
    strbuf_clear(&back);
    if (base64_decode(&bytes, text, length) < 0)
        return;
    base64_encode(&back, strbuf_text(&bytes), bytes.len);
    HOLDS(strcmp(strbuf_text(&back), text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(const char *) = {try_integer, try_duration, try_bool,  try_list,
                                                  try_table,   try_time,     try_base64};
    static const char letters[] = "idbltr6"; /* a corpus is to be read */
    struct input input = {data, data + size};
    uint8_t which = input_byte(&input);
    AUTO_FREE char *text = input_text(&input);
    const char *letter = memchr(letters, which, ARRAY_SIZE(tries));
    if (letter)
        tries[letter - letters](text);
    return 0;
}
