/* SPDX-License-Identifier: MIT */
#include "elfcheck.h"
#include "plugin-fixtures.h"
#include "util.h"

#include <elf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int check_bytes(int fd, const void *data, size_t size, struct strbuf *why)
{
    struct elf_abi abi;
    strbuf_clear(why);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(write_all(fd, data, size), 0);
    return elfcheck(fd, &abi, why);
}

static int scratch(void)
{
    AUTO_FREE char *path = in(fixtures_base, "scratch");
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

static void elf_reads_the_note(void **state)
{
    (void)state;
    AUTO_FREE char *path = in(fixtures_dir, "good.so");
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    AUTO_STRBUF struct strbuf why = STRBUF_INIT;
    struct elf_abi abi = {77, 77};
    assert_int_equal(elfcheck(fd, &abi, &why), 0);
    assert_int_equal(abi.major, CIPLUG_ABI_MAJOR);
    assert_int_equal(abi.minor, CIPLUG_ABI_MINOR);
    assert_int_equal(why.len, 0);
}

static void elf_refuses_other_headers(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        unsigned char value;
        const char *why;
    } cases[] = {
        {EI_CLASS, 3, "-bit, this program is "},
        {EI_DATA, 3, "file is for machine "},
        {offsetof(Elf64_Ehdr, e_machine), 0xb8, "file is for machine number 184, this program is "},
        {offsetof(Elf64_Ehdr, e_machine), EM_S390, "file is for machine s390, this program is "},
        {offsetof(Elf64_Ehdr, e_type), ET_EXEC, "not a shared object but a program"},
        {offsetof(Elf64_Ehdr, e_type), ET_REL, "not a shared object but an object file"},
        {offsetof(Elf64_Ehdr, e_version), 9, "damaged"},
    };
    AUTO_FREE char *path = in(fixtures_dir, "good.so");
    AUTO_CLOSE int fd = scratch();
    AUTO_STRBUF struct strbuf why = STRBUF_INIT;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        size_t size;
        AUTO_FREE char *data = slurp(path, &size);
        data[cases[i].at] = (char)cases[i].value;
        assert_int_equal(check_bytes(fd, data, size, &why), -1);
        if (!strstr(why.buf, cases[i].why))
            fail_msg("not \"%s\": %s", cases[i].why, why.buf);
    }
}

static void elf_refuses_every_cut(void **state)
{
    (void)state;
    AUTO_FREE char *path = in(fixtures_dir, "good.so");
    AUTO_CLOSE int fd = scratch();
    AUTO_STRBUF struct strbuf why = STRBUF_INIT;
    size_t size;
    AUTO_FREE char *data = slurp(path, &size);
    assert_int_equal(check_bytes(fd, data, size, &why), 0);
    while (size-- > 0) {
        struct elf_abi abi;
        strbuf_clear(&why);
        assert_int_equal(ftruncate(fd, (off_t)size), 0);
        assert_int_equal(elfcheck(fd, &abi, &why), -1);
        if (size >= SELFMAG && !str_starts(why.buf, "truncated: "))
            fail_msg("%zu bytes: %s", size, why.buf);
    }
}

/* Whatever the bytes say, the answer is a yes or a reason; the sanitizers watch. */
static void elf_survives_damage(void **state)
{
    (void)state;
    AUTO_FREE char *path = in(fixtures_dir, "good.so");
    AUTO_CLOSE int fd = scratch();
    AUTO_STRBUF struct strbuf why = STRBUF_INIT;
    size_t size;
    AUTO_FREE char *data = slurp(path, &size);
    uint32_t random = 12345;
    for (int round = 0; round < 3000; round++) {
        AUTO_FREE char *copy = xmemdup(data, size);
        for (int i = 0; i < 3; i++) {
            random = random * 1664525 + 1013904223;
            copy[(random >> 8) % 1024] = (char)(random >> 24);
        }
        if (check_bytes(fd, copy, size, &why))
            assert_true(why.len > 0 && !strchr(why.buf, '\n'));
        else
            assert_int_equal(why.len, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(elf_reads_the_note),
        TEST(elf_refuses_other_headers),
        TEST(elf_refuses_every_cut),
        TEST(elf_survives_damage),
    };
    return cmocka_run_group_tests(tests, fixtures_make, fixtures_remove);
}
