/* SPDX-License-Identifier: MIT
 *
 * Whether anybody but root and this user could have written a file, or could put another in its
 * place.
 */
#ifndef CIPLUG_CORE_PATHTRUST_H
#define CIPLUG_CORE_PATHTRUST_H

#include "strbuf.h"

/* `path`: added, absolute and without symbolic links, as the kernel knows the open file `fd`; also
 * when the answer is no. The file and every folder above must belong to root or the effective user
 * and not be writable by others, nor by a group that somebody else is in; a folder may when it is
 * sticky. 0, or -1 and the reason, one line without newline, in `why`. */
int pathtrust(int fd, struct strbuf *path, struct strbuf *why);

#endif
