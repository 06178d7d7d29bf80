/* SPDX-License-Identifier: MIT */
#include "runclock.h"
#include "safeguard.h"
#include "util.h"

#include <stdlib.h>
#include <time.h>

/* Like CLOCK_MONOTONIC, but goes on while the machine sleeps. */
static uint64_t boot_ns(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

void runclock_start(struct runclock *clock)
{
    clock->wall_ns = clock_wall_ns();
    clock->boot_ns = boot_ns();
}

uint64_t runclock_wall(const struct runclock *clock)
{
    if (!SAFEGUARD(steady_time_of_day))
        return clock_wall_ns();
    return clock->wall_ns + (boot_ns() - clock->boot_ns);
}

void runclock_pause(struct runclock *clock, uint64_t from_ns, uint64_t to_ns)
{
    if (to_ns <= from_ns || !SAFEGUARD(run_clock_stands_still))
        return;
    ARRAY_GROW(clock->pauses, clock->n, clock->alloc);
    clock->pauses[clock->n++] = (struct pause){from_ns, to_ns};
}

uint64_t runclock_at(const struct runclock *clock, uint64_t mono_ns)
{
    uint64_t paused = 0;
    for (size_t i = 0; i < clock->n && clock->pauses[i].from_ns < mono_ns; i++) {
        uint64_t to = clock->pauses[i].to_ns;
        paused += (to < mono_ns ? to : mono_ns) - clock->pauses[i].from_ns;
    }
    return mono_ns - paused;
}

uint64_t runclock_now(const struct runclock *clock)
{
    return runclock_at(clock, clock_mono_ns());
}

void runclock_free(struct runclock *clock)
{
    free(clock->pauses);
    *clock = (struct runclock){0};
}
