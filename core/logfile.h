/* SPDX-License-Identifier: MIT
 *
 * Bytes on their way to a file, written by one thread so that a slow disk delays no deadline.
 * All functions are called on the loop thread; callbacks come on the loop thread.
 */
#ifndef CIPLUG_CORE_LOGFILE_H
#define CIPLUG_CORE_LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct logwriter; /* the thread and its queue; keeps the loop alive while bytes are underway */
/* NULL with errno when the thread cannot be made. */
struct logwriter *logwriter_new(uv_loop_t *loop);
/* Waits until everything is written, calls what callbacks are left, ends the thread. All files must
 * have been closed before. The loop must run once more afterwards (handle close). */
void logwriter_free(struct logwriter *writer);

struct logfile;
/* `fd` belongs to the logfile from now on. `written` is called for each chunk that has reached the
 * file: bytes, length, offset of its first byte; chunks come in order, without gaps, and need not
 * be those of logfile_write. With error != 0 it is called once, for the chunk whose write failed:
 * nothing more is written to that file, but bytes are still taken and handed to `written` with the
 * offset they would have had. May be NULL. */
struct logfile *logfile_new(struct logwriter *writer, int fd,
                            void (*written)(void *data, const void *bytes, size_t length,
                                            uint64_t offset, int error),
                            void *data);
/* Queue a copy of the bytes. */
void logfile_write(struct logfile *file, const void *bytes, size_t length);
/* Bytes that are queued and not yet written: stop reading the pipe above 1 MiB. */
size_t logfile_pending(const struct logfile *file);
/* After all bytes were written: `closed` is called with the total of the bytes that were queued and
 * the first error (0: none; of close(2) too); the logfile is gone then. Nothing may be queued after
 * logfile_close. */
void logfile_close(struct logfile *file, void (*closed)(void *data, uint64_t total, int error),
                   void *data);

#endif
