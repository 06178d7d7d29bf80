/* SPDX-License-Identifier: MIT */
#include "elfcheck.h"
#include "safeguard.h"
#include "util.h"
#include <ciplug/plugin.h>

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Notes are a few hundred bytes; whoever has more than this in one segment is not read further. */
#define NOTES_MAX (UINT64_C(64) << 10)

/* Nor are more bytes of symbols than this, or of their names. */
#define SYMBOLS_MAX (UINT64_C(16) << 20)

/* The linker puts it in front of every program: the header of the one that runs. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

struct elf_file {
    int fd;
    uint64_t size;
    struct strbuf *why;
};

static const char *machine_name(unsigned machine, char *buf, size_t size)
{
    static const struct {
        unsigned machine;
        const char *name;
    } names[] = {
        {EM_386, "i386"},    {EM_X86_64, "x86_64"},   {EM_ARM, "arm"},    {EM_AARCH64, "aarch64"},
        {EM_PPC, "powerpc"}, {EM_PPC64, "powerpc64"}, {EM_S390, "s390"},  {EM_RISCV, "riscv"},
        {EM_MIPS, "mips"},   {EM_SPARCV9, "sparc64"}, {EM_IA_64, "ia64"}, {258, "loongarch"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (names[i].machine == machine)
            return names[i].name;
    }
    snprintf(buf, size, "number %u", machine);
    return buf;
}

static bool within(uint64_t size, uint64_t offset, uint64_t length)
{
    return offset <= size && length <= size - offset;
}

/* Callers have made sure that the bytes are within the file; it may have shrunk since. */
static int read_at(const struct elf_file *file, void *data, size_t length, uint64_t offset)
{
    char *to = data;
    while (length > 0) {
        ssize_t n = pread(file->fd, to, length, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            strbuf_addf(file->why, "cannot be read: %s", n < 0 ? strerror(errno) : "it ended");
            return -1;
        }
        to += n;
        offset += (uint64_t)n;
        length -= (size_t)n;
    }
    return 0;
}

static int check_magic(const struct elf_file *file)
{
    unsigned char magic[SELFMAG];
    if (file->size < SELFMAG) {
        strbuf_addstr(file->why, file->size ? "not a shared object" : "the file is empty");
        return -1;
    }
    if (read_at(file, magic, sizeof magic, 0))
        return -1;
    if (memcmp(magic, ELFMAG, SELFMAG) != 0) {
        strbuf_addstr(file->why, "not a shared object");
        return -1;
    }
    /* The smallest header there is; below, the one of this program's class is read. */
    if (file->size < sizeof(Elf32_Ehdr)) {
        strbuf_addf(file->why, "truncated: %" PRIu64 " bytes hold no whole ELF header", file->size);
        return -1;
    }
    return 0;
}

/* Both classes have ident, type and machine at the same place. */
static int check_machine(const struct elf_file *file)
{
    Elf32_Ehdr header;
    if (read_at(file, &header, sizeof header, 0))
        return -1;
    const unsigned char *ours = __ehdr_start.e_ident;
    bool swapped = header.e_ident[EI_DATA] != ours[EI_DATA];
    unsigned machine = header.e_machine;
    if (swapped)
        machine = __builtin_bswap16(header.e_machine);
    if (machine != __ehdr_start.e_machine) {
        char a[24], b[24];
        strbuf_addf(file->why, "file is for machine %s, this program is %s",
                    machine_name(machine, a, sizeof a),
                    machine_name(__ehdr_start.e_machine, b, sizeof b));
        return -1;
    }
    if (swapped) {
        strbuf_addstr(file->why, "file has another byte order than this program");
        return -1;
    }
    if (header.e_ident[EI_CLASS] != ours[EI_CLASS]) {
        bool wide = ours[EI_CLASS] == ELFCLASS64;
        strbuf_addf(file->why, "file is %s-bit, this program is %s-bit", wide ? "32" : "64",
                    wide ? "64" : "32");
        return -1;
    }
    return 0;
}

static const char *type_name(unsigned type)
{
    switch (type) {
    case ET_REL:
        return "an object file that is not linked";
    case ET_EXEC:
        return "a program";
    case ET_CORE:
        return "a core dump";
    default:
        return "an ELF file of unknown type";
    }
}

static int check_header(const struct elf_file *file, const ElfW(Ehdr) * header)
{
    if (header->e_type != ET_DYN) {
        strbuf_addf(file->why, "not a shared object but %s", type_name(header->e_type));
        return -1;
    }
    if (header->e_version != EV_CURRENT || header->e_phentsize != sizeof(ElfW(Phdr)) ||
        header->e_phnum == 0 || header->e_phnum == PN_XNUM) {
        strbuf_addstr(file->why, "damaged: its ELF header makes no sense");
        return -1;
    }
    uint64_t programs = (uint64_t)header->e_phnum * sizeof(ElfW(Phdr));
    /* Nobody loads the section table, but it is the end of the file: so a cut is seen. */
    uint64_t sections = header->e_shoff ? (uint64_t)header->e_shnum * header->e_shentsize : 0;
    if (!within(file->size, header->e_phoff, programs) ||
        (SAFEGUARD(whole_plugin_file) && !within(file->size, header->e_shoff, sections))) {
        strbuf_addf(file->why, "truncated: its tables reach beyond its %" PRIu64 " bytes",
                    file->size);
        return -1;
    }
    return 0;
}

static int check_segment(const struct elf_file *file, const ElfW(Phdr) * segment)
{
    if (segment->p_filesz > 0 && SAFEGUARD(whole_plugin_file) &&
        !within(file->size, segment->p_offset, segment->p_filesz)) {
        strbuf_addf(file->why, "truncated: a segment reaches beyond its %" PRIu64 " bytes",
                    file->size);
        return -1;
    }
    if (segment->p_type == PT_LOAD && segment->p_filesz > segment->p_memsz) {
        strbuf_addstr(file->why, "damaged: a segment is larger than its memory");
        return -1;
    }
    return 0;
}

static size_t align_up(size_t value, size_t align)
{
    return (value + align - 1) & ~(align - 1);
}

static bool is_ours(const char *note, const ElfW(Nhdr) * header)
{
    return header->n_type == CIPLUG_NOTE_TYPE && header->n_namesz == sizeof CIPLUG_NOTE_OWNER &&
           memcmp(note + sizeof *header, CIPLUG_NOTE_OWNER, sizeof CIPLUG_NOTE_OWNER) == 0 &&
           header->n_descsz >= sizeof(struct elf_abi);
}

/* Whether the ABI note is among the notes in `buf`. */
static bool find_note(const char *buf, size_t size, size_t align, struct elf_abi *abi)
{
    ElfW(Nhdr) header;
    while (size >= sizeof header) {
        memcpy(&header, buf, sizeof header);
        if (header.n_namesz > size || header.n_descsz > size)
            return false;
        size_t data = align_up(sizeof header + header.n_namesz, align);
        if (!within(size, data, header.n_descsz))
            return false;
        if (is_ours(buf, &header)) {
            memcpy(abi, buf + data, sizeof *abi);
            return true;
        }
        size_t next = align_up(data + header.n_descsz, align);
        if (next >= size)
            return false;
        buf += next;
        size -= next;
    }
    return false;
}

/* 1: found, 0: not here, -1: cannot be read. */
static int read_notes(const struct elf_file *file, const ElfW(Phdr) * segment, struct elf_abi *abi)
{
    uint64_t size = segment->p_filesz < NOTES_MAX ? segment->p_filesz : NOTES_MAX;
    AUTO_FREE char *buf = xmalloc((size_t)size + 1);
    if (read_at(file, buf, (size_t)size, segment->p_offset))
        return -1;
    return find_note(buf, (size_t)size, segment->p_align == 8 ? 8 : 4, abi);
}

static int check_segments(const struct elf_file *file, const ElfW(Ehdr) * header,
                          struct elf_abi *abi)
{
    int found = 0;
    for (size_t i = 0; i < header->e_phnum; i++) {
        ElfW(Phdr) segment;
        if (read_at(file, &segment, sizeof segment, header->e_phoff + i * sizeof segment) ||
            check_segment(file, &segment))
            return -1;
        if (segment.p_type == PT_NOTE && !found)
            found = read_notes(file, &segment, abi);
        if (found < 0)
            return -1;
    }
    if (!found)
        strbuf_addstr(file->why, "it has no ABI note: not a plugin of ciplug");
    return found ? 0 : -1;
}

int elfcheck(int fd, struct elf_abi *abi, struct strbuf *why)
{
    struct stat st;
    if (fstat(fd, &st)) {
        strbuf_addf(why, "cannot be read: %s", strerror(errno));
        return -1;
    }
    if (!S_ISREG(st.st_mode)) {
        strbuf_addstr(why, S_ISDIR(st.st_mode) ? "it is a folder" : "not a regular file");
        return -1;
    }
    struct elf_file file = {fd, (uint64_t)st.st_size, why};
    ElfW(Ehdr) header;
    if (check_magic(&file) || check_machine(&file))
        return -1;
    if (file.size < sizeof header) {
        strbuf_addf(why, "truncated: %" PRIu64 " bytes hold no whole ELF header", file.size);
        return -1;
    }
    if (read_at(&file, &header, sizeof header, 0) || check_header(&file, &header))
        return -1;
    return check_segments(&file, &header, abi);
}

/* The table of dynamic symbols and its strings, from the sections. Both are within the file. */
static bool find_symbols(const struct elf_file *file, ElfW(Shdr) * symbols, ElfW(Shdr) * strings)
{
    ElfW(Ehdr) header;
    if (read_at(file, &header, sizeof header, 0) || header.e_shentsize != sizeof *symbols)
        return false;
    for (size_t i = 0; i < header.e_shnum; i++) {
        if (read_at(file, symbols, sizeof *symbols, header.e_shoff + i * sizeof *symbols))
            return false;
        if (symbols->sh_type != SHT_DYNSYM || symbols->sh_link >= header.e_shnum)
            continue;
        uint64_t at = header.e_shoff + symbols->sh_link * sizeof *strings;
        return read_at(file, strings, sizeof *strings, at) == 0 &&
               within(file->size, symbols->sh_offset, symbols->sh_size) &&
               within(file->size, strings->sh_offset, strings->sh_size);
    }
    return false;
}

static bool is_exported(const ElfW(Sym) * symbol, const char *name, const char *strings,
                        size_t length)
{
    size_t size = strlen(name) + 1;
    return symbol->st_shndx != SHN_UNDEF && within(length, symbol->st_name, size) &&
           memcmp(strings + symbol->st_name, name, size) == 0;
}

bool elfcheck_lacks(int fd, const char *name)
{
    AUTO_STRBUF struct strbuf why = STRBUF_INIT;
    struct stat st;
    ElfW(Shdr) table, texts;
    struct elf_file file = {fd, fstat(fd, &st) ? 0 : (uint64_t)st.st_size, &why};
    if (!find_symbols(&file, &table, &texts) || table.sh_size > SYMBOLS_MAX ||
        texts.sh_size > SYMBOLS_MAX)
        return false;
    AUTO_FREE char *strings = xmalloc(texts.sh_size + 1);
    AUTO_FREE ElfW(Sym) *symbols = xmalloc(table.sh_size + 1);
    if (read_at(&file, strings, texts.sh_size, texts.sh_offset) ||
        read_at(&file, symbols, table.sh_size, table.sh_offset))
        return false;
    for (size_t i = 0; i < table.sh_size / sizeof *symbols; i++) {
        if (is_exported(&symbols[i], name, strings, texts.sh_size))
            return false;
    }
    return true;
}
