/* SPDX-License-Identifier: MIT */
#include "base64.h"
#include "strbuf.h"
#include "util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void base64_is_strict(void **state)
{
    (void)state;
    static const char *const bad[] = {"A",    "AA",   "AAA",      "AA=A",  "====", "A===",
                                      "AB==", "AAB=", "AA==AAAA", "AA=\n", "A-_A", " AAA"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        AUTO_STRBUF struct strbuf out = STRBUF_INIT;
        assert_int_equal(base64_decode(&out, bad[i], strlen(bad[i])), -1);
    }
    for (size_t length = 0; length < 40; length++) {
        AUTO_STRBUF struct strbuf text = STRBUF_INIT, back = STRBUF_INIT;
        unsigned char bytes[40];
        for (size_t i = 0; i < length; i++)
            bytes[i] = (unsigned char)(i * 37 + length * 101);
        base64_encode(&text, bytes, length);
        assert_int_equal(base64_decode(&back, strbuf_text(&text), text.len), 0);
        assert_int_equal(back.len, length);
        assert_memory_equal(strbuf_text(&back), bytes, length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_is_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
