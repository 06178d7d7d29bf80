/* SPDX-License-Identifier: MIT
 *
 * The terminal, or whatever stdout is: a bounded queue and a thread that writes it, blocking.
 * Nobody waits for it but the very end of the program. Own descriptors are never made non-blocking.
 *
 * Bytes that come from commands are made harmless on their way: control characters are shown as ^X
 * or <9B>, but for newline, tab, and SGR colour sequences where colour is on; a carriage return in
 * the middle of a line becomes a newline. Logs keep the raw bytes.
 */
#ifndef CIPLUG_CORE_SCREEN_H
#define CIPLUG_CORE_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct screen;

/* Whether `fd` is a terminal that can do more than print (TERM is set and not dumb). */
bool screen_is_terminal(int fd);
/* `when`: auto, always, never. auto: on such a terminal, unless NO_COLOR is set and not empty. */
bool screen_wants_color(int fd, const char *when);

/* `fd` is borrowed (1). NULL with errno. */
struct screen *screen_new(int fd, bool color);
/* Text of ciplug itself, written as it is. When more than 4 MiB are queued, text marked droppable
 * is left out and one line says how many lines were. */
void screen_text(struct screen *screen, const char *text, size_t length, bool droppable);
/* Likewise, whole lines for whoever reads the screen: never left out, and where something stands
 * in the line already, a new one is begun. */
void screen_mark(struct screen *screen, const char *text, size_t length);
/* Bytes of a command, made harmless; `prefix` (may be NULL; copied) is put in front of each line.
 * Left out like droppable text when too much is queued. Keeps no state over calls: the caller hands
 * over whole lines, or the rest of one at the end. Adds a newline when the last line has none and
 * `finish` says so. */
void screen_output(struct screen *screen, const void *bytes, size_t length, const char *prefix,
                   bool finish);
/* The same for a range of a file, read by the thread: costs no memory, is never dropped. `length`
 * UINT64_MAX: to its end; a file that is shorter ends early. Where the reader is far behind, a
 * range may be shown together with the one before it of the same file, ahead of others: hand over
 * whole lines. A file that cannot be read is named in its place. */
void screen_file(struct screen *screen, const char *path, uint64_t offset, uint64_t length,
                 const char *prefix, bool finish);
/* The live area below the scrolling text: replaced as a whole; "" removes it. Lines end with a
 * newline, hold text of ciplug itself, and are cut to the terminal's width. Only on a terminal. */
void screen_status(struct screen *screen, const char *lines);
/* Others have written to the terminal (a shell, while ciplug was stopped): what was drawn stays
 * where it stands and is drawn anew below. */
void screen_forget_status(struct screen *screen);
/* errno of the first failed write: EPIPE means that the reader went away (no fault of the run; also
 * a terminal that hung up), others a fault. 0: none so far: the thread may be behind. What
 * comes after an error is thrown away. */
int screen_error(struct screen *screen);
/* Wait until all is written, or nothing moved for `stall_ns`, or *cancel becomes true (may be
 * NULL); end the thread. 0, or why not all was shown: screen_error(), ETIMEDOUT, or the errno of a log
 * that could not be read. */
int screen_free(struct screen *screen, uint64_t stall_ns, const volatile bool *cancel);

#endif
