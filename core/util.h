/* SPDX-License-Identifier: MIT
 *
 * Memory, clock, files: the ground floor.
 *
 * Allocation: the x-functions never return NULL. When memory is gone the runner writes one line
 * and leaves with status 3; the keeper then sees end of file on its socket and ends every command,
 * and the journal holds all that was shown. keeper.c and hand.c do not use them: they allocate
 * before they are needed and answer a failure with an error message to the runner.
 */
#ifndef CIPLUG_CORE_UTIL_H
#define CIPLUG_CORE_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Clean up a local at the end of its scope. */
#define AUTO_FREE  __attribute__((cleanup(auto_free)))
#define AUTO_CLOSE __attribute__((cleanup(auto_close)))
void auto_free(void *pointer_to_pointer);
void auto_close(int *fd);

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t length);
void *xmemdup(const void *data, size_t length);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Grow *array (elements of `size` bytes, *alloc of them) so that index `count` fits; new elements
 * are zero. */
void *array_grow(void *array, size_t count, size_t *alloc, size_t size);
#define ARRAY_GROW(array, count, alloc)                                                            \
    ((array) = array_grow((array), (count), &(alloc), sizeof *(array)))

/* CLOCK_MONOTONIC, for every deadline and duration; CLOCK_REALTIME, for display only. */
uint64_t clock_mono_ns(void);
uint64_t clock_wall_ns(void);
/* RFC 3339 in UTC with milliseconds, "2026-01-02T03:04:05.678Z"; `buf` of at least 32 bytes. */
void format_rfc3339(char *buf, size_t size, uint64_t wall_ns);
/* The reverse, with up to nine digits of a fraction, or none. 0, or -1 when `text` is not of that
 * form or no time since 1970 that fits. */
int parse_rfc3339(const char *text, uint64_t *wall_ns);
/* "850ms", "12.3s", "4m05s", "2h03m": for people. `buf` of at least 24 bytes. */
void format_duration(char *buf, size_t size, uint64_t ns);

/* Write everything, asking again after EINTR and short writes. 0, or -1 with errno. */
int write_all(int fd, const void *data, size_t length);
/* flock(2) and ftruncate(2), asking again after EINTR. */
int file_lock(int fd, int operation);
int file_truncate(int fd, uint64_t length);
/* Read a whole regular file of at most `limit` bytes; *data is NUL-terminated and the caller's.
 * 0, or -1 with errno (EFBIG when longer, EINVAL when it is no regular file). Never blocks on a
 * FIFO. */
int read_file(const char *path, size_t limit, char **data, size_t *length);
/* mkdir -p for a path; `mode`, less the umask, for what it makes. 0, or -1 with errno. */
int mkdirs(const char *path, mode_t mode);

bool str_starts(const char *text, const char *prefix);
/* Whether `text` is well-formed UTF-8 without NUL (RFC 3629: no surrogates, no overlong forms). */
bool utf8_valid(const char *text, size_t length);
/* How much of UTF-8 of that length to keep, so that it is `most` at most and no character is cut.
 */
size_t utf8_cut(const char *text, size_t length, size_t most);
/* FNV-1a, 64 bits, for names of files and keys; not for secrets. */
#define HASH_START UINT64_C(0xcbf29ce484222325)
uint64_t hash_bytes(uint64_t hash, const void *data, size_t length);
/* `length` random letters a-z0-9 and a NUL, from getrandom(2). */
void random_name(char *buf, size_t length);

#endif
