/* SPDX-License-Identifier: MIT
 *
 * Removing a folder and all that is in it.
 */
#ifndef CIPLUG_CORE_TREE_H
#define CIPLUG_CORE_TREE_H

/* Remove `name` in the folder `parent`, whatever it is. Follows no link, enters no mounted
 * filesystem, takes away what stands in its way of permissions, needs the same few descriptors
 * however deep it goes; others may do the same at the same time. 0, also when it is not there; -1
 * with errno when something is left. */
int tree_remove(int parent, const char *name);

#endif
