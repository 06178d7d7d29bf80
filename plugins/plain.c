/* SPDX-License-Identifier: MIT */
#include "plain.h"
#include "safeguard.h"

#include <stdbool.h>
#include <string.h>

enum {
    TEXT,
    ESCAPE,  /* ESC */
    CONTROL, /* ESC [ ...: to a byte of 0x40 to 0x7e */
    STRING,  /* ESC ] ...: to BEL or ESC \ */
    STRING_ESCAPE
};

#define BAD "\xef\xbf\xbd"

static size_t put(char *out, const void *bytes, size_t length)
{
    memcpy(out, bytes, length);
    return length;
}

/* Length of the character that starts with `lead`, 0 for a byte that starts none; *low and *high
 * bound its second byte (RFC 3629, section 4). */
static size_t character_length(unsigned char lead, unsigned char *low, unsigned char *high)
{
    *low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    *high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

static bool fits(const struct plain *plain, unsigned char c)
{
    unsigned char low, high;
    (void)character_length(plain->held[0], &low, &high);
    return plain->n_held == 1 ? c >= low && c <= high : c >= 0x80 && c <= 0xbf;
}

static size_t give_up(struct plain *plain, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < plain->n_held; i++)
        n += put(out + n, BAD, 3);
    plain->n_held = 0;
    return n;
}

/* A byte above 0x7f. */
static size_t take_part(struct plain *plain, unsigned char c, char *out)
{
    size_t n = 0;
    unsigned char low, high;
    if (plain->n_held && !fits(plain, c))
        n = give_up(plain, out);
    if (!plain->n_held && character_length(c, &low, &high) == 0)
        return n + put(out + n, BAD, 3);
    plain->held[plain->n_held++] = c;
    if (plain->n_held < character_length(plain->held[0], &low, &high))
        return n;
    /* U+FFFE and U+FFFF. */
    bool forbidden = plain->held[0] == 0xef && plain->held[1] == 0xbf && plain->held[2] >= 0xbe;
    n += forbidden ? put(out + n, BAD, 3) : put(out + n, plain->held, plain->n_held);
    plain->n_held = 0;
    return n;
}

static size_t take_text(struct plain *plain, unsigned char c, char *out)
{
    if (c >= 0x80)
        return take_part(plain, c, out);
    size_t n = give_up(plain, out);
    bool after_cr = plain->cr;
    plain->cr = c == '\r';
    if (c == '\r' || (c == '\n' && !after_cr))
        return n + put(out + n, "\n", 1);
    if (c == '\n')
        return n;
    if (c == 0x1b)
        plain->state = ESCAPE;
    else if (c < 0x20 && c != '\t')
        n += put(out + n, BAD, 3);
    else
        n += put(out + n, &c, 1);
    return n;
}

/* Inside of an escape sequence. Whether the byte belongs to it. */
static bool take_escape(struct plain *plain, unsigned char c)
{
    int state = plain->state;
    plain->state = TEXT;
    switch (state) {
    case ESCAPE:
        if (c == '[')
            plain->state = CONTROL;
        else if (c && strchr("]PX^_", c))
            plain->state = STRING;
        else if (c >= 0x20 && c <= 0x2f)
            plain->state = ESCAPE;
        return c >= 0x20 && c <= 0x7e;
    case CONTROL:
        if (c >= 0x20 && c <= 0x3f)
            plain->state = CONTROL;
        return c >= 0x20 && c <= 0x7e;
    case STRING:
        /* One that nobody ends does not swallow what follows its line. */
        if (c == 0x1b)
            plain->state = STRING_ESCAPE;
        else if (c != 0x07 && c != '\n')
            plain->state = STRING;
        return c != '\n';
    default:
        return c == '\\';
    }
}

size_t plain_feed(struct plain *plain, const char *bytes, size_t length, char *out)
{
    size_t n = 0;
    if (!SAFEGUARD(plain_text))
        n = put(out, bytes, length), length = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (plain->state == TEXT || !take_escape(plain, c))
            n += take_text(plain, c, out + n);
    }
    out[n] = '\0';
    return n;
}

size_t plain_end(struct plain *plain, char *out)
{
    size_t n = give_up(plain, out);
    out[n] = '\0';
    *plain = (struct plain){0};
    return n;
}
