/* SPDX-License-Identifier: MIT */
#include "harmless.h"

#include "safeguard.h"
#include "util.h"

#include <stdint.h>
#include <string.h>

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f;
}

/* Shared by all threads: the bytes are there before their number is. */
static unsigned char forbidden[8];
static size_t n_forbidden;

void harmless_forbid(const char *bytes)
{
    size_t n = strlen(bytes);
    if (n == 0 || n > sizeof forbidden || n_forbidden || !SAFEGUARD(forbidden_bytes))
        return;
    memcpy(forbidden, bytes, n);
    __atomic_store_n(&n_forbidden, n, __ATOMIC_RELEASE);
}

static void remember(struct harmless_past *past, const unsigned char *p, size_t length)
{
    const size_t most = sizeof past->bytes;
    if (length > most) {
        p += length - most;
        length = most;
    }
    size_t stay = past->n < most - length ? past->n : most - length;
    memmove(past->bytes, past->bytes + past->n - stay, stay);
    memcpy(past->bytes + stay, p, length);
    past->n = stay + length;
}

/* Whether what was last said is what is forbidden, but for its last byte. */
static bool nearly_forbidden(const struct harmless_past *past, size_t n)
{
    return past->n >= n - 1 && memcmp(past->bytes + past->n - (n - 1), forbidden, n - 1) == 0;
}

/* ^X for C0 and DEL, <XX> for the rest. */
static void show_byte(struct strbuf *out, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";
    if (c < 0x20 || c == 0x7f)
        strbuf_add(out, (const char[]){'^', (char)(c ^ 0x40)}, 2);
    else if (c < 0x80)
        strbuf_addch(out, (char)c);
    else
        strbuf_add(out, (const char[]){'<', digits[c >> 4], digits[c & 15], '>'}, 4);
}

/* Bytes that can be shown as they are, unless they are forbidden. */
static void add_plain(struct harmless_past *past, const unsigned char *p, size_t length,
                      struct strbuf *out)
{
    size_t n = __atomic_load_n(&n_forbidden, __ATOMIC_ACQUIRE);
    const unsigned char *end = p + length;
    while (n && p < end) {
        const unsigned char *last = memchr(p, forbidden[n - 1], (size_t)(end - p));
        size_t before = (size_t)((last ? last : end) - p);
        strbuf_add(out, p, before);
        remember(past, p, before);
        p += before;
        if (!last)
            return;
        if (nearly_forbidden(past, n))
            strbuf_addf(out, "<%02X>", (unsigned)*p);
        else
            strbuf_add(out, p, 1);
        remember(past, p++, 1);
    }
    strbuf_add(out, p, (size_t)(end - p));
}

static size_t utf8_length(unsigned char lead)
{
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef)
        return 3;
    return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

static uint32_t utf8_value(const unsigned char *p, size_t length)
{
    uint32_t value = p[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++)
        value = value << 6 | (p[i] & 0x3f);
    return value;
}

static bool turns_direction(uint32_t c)
{
    return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* One character above ASCII. Returns the bytes taken, 0 when more are needed. */
static size_t take_wide(const unsigned char *p, size_t length, struct strbuf *out)
{
    size_t n = utf8_length(p[0]);
    size_t have = 1;
    while (have < n && have < length && (p[have] & 0xc0) == 0x80)
        have++;
    if (n && have < n && have == length)
        return 0;
    if (!n || have < n || !utf8_valid((const char *)p, n)) {
        show_byte(out, p[0]);
        return 1;
    }
    uint32_t c = utf8_value(p, n);
    if (c < 0xa0)
        show_byte(out, (unsigned char)c);
    else if (turns_direction(c))
        strbuf_addf(out, "<U+%04X>", (unsigned)c);
    else
        strbuf_add(out, p, n);
    return n;
}

/* Length of the SGR sequence at `p`, 0 when it is none, SIZE_MAX when more bytes are needed. */
static size_t sgr_length(const unsigned char *p, size_t length)
{
    size_t i = 1;
    if (i < length && p[i++] != '[')
        return 0;
    while (i < length && i < HARMLESS_HELD &&
           ((p[i] >= '0' && p[i] <= '9') || p[i] == ';' || p[i] == ':'))
        i++;
    if (i == HARMLESS_HELD)
        return 0;
    if (i == length)
        return SIZE_MAX;
    return p[i] == 'm' ? i + 1 : 0;
}

static void begin_line(struct harmless *h, struct strbuf *out)
{
    if (!h->middle && h->prefix)
        strbuf_addstr(out, h->prefix);
    h->middle = true;
}

static void switch_off(struct harmless *h, struct strbuf *out)
{
    if (h->colored)
        strbuf_addstr(out, "\033[0m");
    h->colored = false;
}

static void end_line(struct harmless *h, struct strbuf *out)
{
    if (h->prefix) {
        begin_line(h, out);
        switch_off(h, out);
    }
    strbuf_addch(out, '\n');
    h->middle = false;
    h->past.n = 0;
}

static size_t take_escape(struct harmless *h, const unsigned char *p, size_t length,
                          struct strbuf *out)
{
    size_t n = h->color ? sgr_length(p, length) : 0;
    if (n == SIZE_MAX)
        return 0;
    begin_line(h, out);
    if (n == 0) {
        show_byte(out, p[0]);
        return 1;
    }
    strbuf_add(out, p, n);
    h->colored = strspn((const char *)p + 2, "0;") + 3 < n;
    return n;
}

/* One character. Returns the bytes taken, 0 when more are needed. */
static size_t take_one(struct harmless *h, const unsigned char *p, size_t length,
                       struct strbuf *out)
{
    if (*p == '\r') {
        h->cr = true;
        return 1;
    }
    if (h->cr && *p != '\n' && h->middle)
        end_line(h, out);
    h->cr = false;
    if (*p == '\n') {
        end_line(h, out);
        return 1;
    }
    if (*p == 033)
        return take_escape(h, p, length, out);
    begin_line(h, out);
    if (is_plain(*p)) {
        add_plain(&h->past, p, 1, out);
        return 1;
    }
    h->past.n = 0;
    if (*p >= 0x80)
        return take_wide(p, length, out);
    if (*p == '\t')
        strbuf_addch(out, '\t');
    else
        show_byte(out, *p);
    return 1;
}

/* Returns how many bytes are done; the others are the start of something. */
static size_t take_all(struct harmless *h, const unsigned char *p, size_t length,
                       struct strbuf *out)
{
    size_t done = 0;
    while (done < length) {
        size_t run = done;
        while (run < length && is_plain(p[run]))
            run++;
        size_t n = run - done;
        if (n && !h->cr && h->middle)
            add_plain(&h->past, p + done, n, out);
        else
            n = take_one(h, p + done, length - done, out);
        if (n == 0)
            break;
        done += n;
    }
    return done;
}

static void hold(struct harmless *h, const void *data, size_t length)
{
    if (length)
        memcpy(h->held, data, length);
    h->n_held = length;
}

void harmless_feed(struct harmless *harmless, const void *data, size_t length, struct strbuf *out)
{
    const unsigned char *p = data;
    if (!SAFEGUARD(harmless_output)) {
        strbuf_add(out, data, length);
        return;
    }
    if (harmless->n_held == 0) {
        size_t done = take_all(harmless, p, length, out);
        hold(harmless, p + done, length - done);
        return;
    }
    AUTO_STRBUF struct strbuf joined = STRBUF_INIT;
    strbuf_add(&joined, harmless->held, harmless->n_held);
    strbuf_add(&joined, data, length);
    p = (const unsigned char *)joined.buf;
    size_t done = take_all(harmless, p, joined.len, out);
    hold(harmless, p + done, joined.len - done);
}

void harmless_end(struct harmless *harmless, struct strbuf *out, bool finish)
{
    if (harmless->n_held)
        begin_line(harmless, out);
    for (size_t i = 0; i < harmless->n_held; i++)
        show_byte(out, harmless->held[i]);
    harmless->n_held = 0;
    harmless->cr = false;
    switch_off(harmless, out);
    if (finish && harmless->middle)
        end_line(harmless, out);
}

static bool is_wide(uint32_t c)
{
    static const uint32_t ranges[][2] = {
        {0x1100, 0x115f},   {0x231a, 0x231b},   {0x23e9, 0x23ec}, {0x25fd, 0x25fe},
        {0x2614, 0x2615},   {0x26a1, 0x26a1},   {0x2705, 0x2705}, {0x274c, 0x274c},
        {0x2728, 0x2728},   {0x2753, 0x2755},   {0x2795, 0x2797}, {0x2b50, 0x2b55},
        {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xa960, 0xa97c}, {0xac00, 0xd7a3},
        {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60}, {0xffe0, 0xffe6},
        {0x1f000, 0x1faff}, {0x20000, 0x3fffd},
    };
    for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    }
    return false;
}

/* Bytes and columns of the character or colour sequence at `p`. */
static size_t measure(const unsigned char *p, size_t length, size_t *columns)
{
    size_t n = p[0] == 033 ? sgr_length(p, length) : 0;
    *columns = n && n != SIZE_MAX ? 0 : 1;
    if (!*columns)
        return n;
    n = utf8_length(p[0]);
    if (!n || n > length || !utf8_valid((const char *)p, n))
        return 1;
    *columns = is_wide(utf8_value(p, n)) ? 2 : 1;
    return n;
}

size_t harmless_fit(const char *text, size_t length, size_t columns)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t done = 0, used = 0;
    while (done < length) {
        size_t width;
        size_t n = measure(p + done, length - done, &width);
        if (used + width > columns)
            break;
        used += width;
        done += n;
    }
    return done;
}

void harmless_name(struct strbuf *out, const char *text, size_t columns)
{
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    struct harmless_past past = {.n = 0};
    const unsigned char *p = (const unsigned char *)text;
    size_t left = strlen(text);
    /* A name of megabytes is cut before it is looked at; no character shrinks below 1/4. */
    while (left && line.len <= 4 * columns) {
        size_t n = *p >= 0x80 ? take_wide(p, left, &line) : 0;
        if (is_plain(*p))
            add_plain(&past, p, 1, &line);
        else if (n == 0)
            show_byte(&line, *p);
        past.n = is_plain(*p) ? past.n : 0;
        n = n ? n : 1;
        p += n;
        left -= n;
    }
    if (harmless_fit(strbuf_text(&line), line.len, columns) == line.len && !left) {
        strbuf_add(out, strbuf_text(&line), line.len);
        return;
    }
    size_t room = columns > 3 ? columns - 3 : 0;
    strbuf_add(out, strbuf_text(&line), harmless_fit(strbuf_text(&line), line.len, room));
    strbuf_addstr(out, room ? "..." : "");
}
