/* SPDX-License-Identifier: MIT
 *
 * A file that is there as a whole or not at all: written under a temporary name in its folder,
 * synced, renamed. Whoever is killed meanwhile leaves the old one.
 *
 * A device or a FIFO, and /dev/stdout, are written as they are; 60 s without a reader is an error.
 * A link to a regular file, or to nothing, stays: what it points to is replaced.
 */
#ifndef CIPLUG_CORE_ATOMICFILE_H
#define CIPLUG_CORE_ATOMICFILE_H

#include <stdbool.h>
#include <stddef.h>

struct atomicfile {
    int fd;             /* what is written; -1: none */
    int dir;            /* of its folder; -1: not replaced, but written as it is */
    char *name;         /* in that folder */
    char temporary[24]; /* likewise */
    int error;          /* errno of the first write that failed; 0: none */
};

/* Makes missing folders. 0, or -1 with errno; then there is nothing to close. */
int atomicfile_open(struct atomicfile *file, const char *path);
/* All of it. 0, or -1 with errno. After an error nothing is written any more. */
int atomicfile_write(struct atomicfile *file, const void *bytes, size_t length);
/* `keep`: put it in its place, unless a write has failed. Else, and when that fails, the temporary
 * file is removed and the old one stays. 0, or -1 with errno, also of a write before. */
int atomicfile_close(struct atomicfile *file, bool keep);
/* Remove what stands there, where it is a regular file. 0, also when there is none; -1 with errno.
 */
int atomicfile_remove(const char *path);

#endif
