/* SPDX-License-Identifier: MIT
 *
 * A plugin to begin with: `ciplug plugins --new NAME`.
 */
#ifndef CIPLUG_CORE_PLUGIN_SKELETON_H
#define CIPLUG_CORE_PLUGIN_SKELETON_H

/* Make the folder NAME, which must not be there, with NAME.c, Makefile, ci.ini and test.sh. The name
 * is made of a-z, 0-9 and _, a letter first: it becomes a part of C's names. 0, or -1 after a
 * message; then nothing of it is left. */
int plugin_skeleton_write(const char *name);

#endif
