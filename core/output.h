/* SPDX-License-Identifier: MIT
 *
 * Standard output, which is for what was asked for: a plugin that prints must not spoil it.
 */
#ifndef CIPLUG_CORE_OUTPUT_H
#define CIPLUG_CORE_OUTPUT_H

/* Take standard output for ourselves; what else is written to descriptor 1 goes to standard error.
 * Once, before plugins are loaded. 0, or -1 with errno. */
int output_take(void);
/* The descriptor to write to: 1 until output_take(). */
int output_fd(void);

#endif
