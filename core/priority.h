/* SPDX-License-Identifier: MIT
 *
 * Keeper and hands run ahead of what they start. A storm of forks leaves no fair share of the
 * processors to who has to end it: with automatic groups of the scheduler (sched(7)) each session
 * of it counts as much as they do. They need little time themselves.
 */
#ifndef CIPLUG_CORE_PRIORITY_H
#define CIPLUG_CORE_PRIORITY_H

/* What a process would have without them. */
struct priority {
    int policy;
    int nice;
};

/* What the calling process has now. */
void priority_read(struct priority *usual);
/* Put the calling process ahead: at the lowest real-time priority, which no child inherits. Nothing
 * where that is not allowed (an ordinary user), or where the user chose a real-time policy. */
void priority_ahead(const struct priority *usual);
/* In a child: what the kernel has reset, so that `nice ciplug` holds for commands. Async-signal
 * safe. */
void priority_restore(const struct priority *usual);

#endif
