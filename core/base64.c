/* SPDX-License-Identifier: MIT */
#include "base64.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct strbuf *out, const void *data, size_t length)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < length; i += 3) {
        size_t n = length - i < 3 ? length - i : 3;
        uint32_t bits = (uint32_t)p[i] << 16;
        if (n > 1)
            bits |= (uint32_t)p[i + 1] << 8;
        if (n > 2)
            bits |= p[i + 2];
        for (size_t k = 0; k < 4; k++)
            strbuf_addch(out, k > n ? '=' : alphabet[bits >> (18 - 6 * k) & 63]);
    }
}

static int value_of(char c)
{
    const char *at = c ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

/* The bytes that a group of four holds: 1 to 3. */
static size_t group_bytes(const char *group, bool last)
{
    if (!last || group[3] != '=')
        return 3;
    return group[2] == '=' ? 1 : 2;
}

int base64_decode(struct strbuf *out, const char *text, size_t length)
{
    if (length % 4)
        return -1;
    for (size_t i = 0; i < length; i += 4) {
        size_t n = group_bytes(text + i, i + 4 == length);
        uint32_t bits = 0;
        for (size_t k = 0; k < 4; k++) {
            int value = k > n ? 0 : value_of(text[i + k]);
            if (value < 0)
                return -1;
            bits = bits << 6 | (uint32_t)value;
        }
        if (bits & ((UINT32_C(1) << (8 * (3 - n))) - 1))
            return -1; /* bits that no encoder sets */
        for (size_t k = 0; k < n; k++)
            strbuf_addch(out, (char)(bits >> (16 - 8 * k) & 0xff));
    }
    return 0;
}
