/* SPDX-License-Identifier: MIT
 *
 * The run's clock: CLOCK_MONOTONIC less the time that the run stood still (SIGTSTP to SIGCONT). It
 * knows every pause, because what happened before one may become known only after it.
 */
#ifndef CIPLUG_CORE_RUNCLOCK_H
#define CIPLUG_CORE_RUNCLOCK_H

#include <stddef.h>
#include <stdint.h>

struct runclock {
    struct pause {
        uint64_t from_ns, to_ns; /* CLOCK_MONOTONIC */
    } * pauses;                  /* in order */
    size_t n;
    size_t alloc;
    uint64_t wall_ns, boot_ns; /* of runclock_start() */
};

/* From now on runclock_wall() is steady. */
void runclock_start(struct runclock *clock);

/* It stood still between the two, which lie behind all earlier ones. */
void runclock_pause(struct runclock *clock, uint64_t from_ns, uint64_t to_ns);
/* What it showed at an instant of CLOCK_MONOTONIC. */
uint64_t runclock_at(const struct runclock *clock, uint64_t mono_ns);
uint64_t runclock_now(const struct runclock *clock);
/* The time of day for records and reports: that of the start and what has gone by since, so that
 * what is recorded later is later, and differences are true, whatever becomes of the machine's. */
uint64_t runclock_wall(const struct runclock *clock);
void runclock_free(struct runclock *clock);

#endif
