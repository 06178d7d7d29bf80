/* SPDX-License-Identifier: MIT */
#include "visible.h"
#include "strbuf.h"
#include "util.h"

#include <string.h>

/* Length of the character at `text` if it can be shown as it is, else 0. */
static size_t shown(const char *text, size_t length)
{
    unsigned char c = (unsigned char)*text;
    if (c < 0x80)
        return c >= 0x20 && c != 0x7f;
    size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (n > length || !utf8_valid(text, n))
        return 0;
    /* U+0080 to U+009F are control characters too. */
    return c == 0xc2 && (unsigned char)text[1] < 0xa0 ? 0 : n;
}

static void add_escaped(struct strbuf *out, char c)
{
    if (c == '\n')
        strbuf_addstr(out, "\\n");
    else if (c == '\t')
        strbuf_addstr(out, "\\t");
    else
        strbuf_addf(out, "\\x%02x", (unsigned)(unsigned char)c);
}

char *visible_bytes(const char *text, size_t length)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    size_t i = 0;
    while (i < length && i < VISIBLE_MAX) {
        size_t n = shown(text + i, length - i);
        if (n > 0)
            strbuf_add(&out, text + i, n);
        else
            add_escaped(&out, text[i]);
        i += n ? n : 1;
    }
    if (i < length)
        strbuf_addstr(&out, "...");
    return strbuf_detach(&out);
}

char *visible(const char *text)
{
    return visible_bytes(text, strlen(text));
}
