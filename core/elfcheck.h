/* SPDX-License-Identifier: MIT
 *
 * Whether a file is a shared object that this program can load, and the ABI note in it, by reading
 * only: dlopen() runs constructors before anybody can ask, has misleading words for files of other
 * machines, and dies by SIGBUS on truncated ones.
 */
#ifndef CIPLUG_CORE_ELFCHECK_H
#define CIPLUG_CORE_ELFCHECK_H

#include "strbuf.h"

#include <stdbool.h>
#include <stdint.h>

struct elf_abi {
    uint32_t major;
    uint32_t minor;
};

/* Class, byte order and machine are those of the running program; it is a shared object; headers
 * and every segment are within the file; there is a note of CIPLUG_NOTE_OWNER. Reads with pread():
 * the offset of `fd` does not matter. 0, or -1 and the reason, one line without newline, in `why`.
 */
int elfcheck(int fd, struct elf_abi *abi, struct strbuf *why);
/* After it: whether it is sure that the file exports no symbol of that name. A file without sections
 * does not tell. */
bool elfcheck_lacks(int fd, const char *name);

#endif
