/* SPDX-License-Identifier: MIT */
#include "priority.h"
#include "safeguard.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <unistd.h>

__attribute__((no_sanitize("address", "undefined"))) static bool
is_ordinary(const struct priority *usual)
{
    return usual->policy == SCHED_OTHER || usual->policy == SCHED_BATCH ||
           usual->policy == SCHED_IDLE;
}

void priority_read(struct priority *usual)
{
    int policy = sched_getscheduler(0);
    *usual = (struct priority){.policy = policy < 0 ? SCHED_OTHER : policy & ~SCHED_RESET_ON_FORK};
    errno = 0;
    int nice = getpriority(PRIO_PROCESS, 0);
    usual->nice = errno ? 0 : nice;
}

void priority_ahead(const struct priority *usual)
{
    const struct sched_param param = {.sched_priority = 1};
    /* What the kernel resets in a child could not be restored. */
    if (usual->nice < 0 && geteuid() != 0)
        return;
    if (is_ordinary(usual) && SAFEGUARD(ahead_of_what_it_kills))
        (void)sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &param);
}

/* No instrumentation: it runs on a small stack, between clone and exec. */
__attribute__((no_sanitize("address", "undefined"))) void
priority_restore(const struct priority *usual)
{
    const struct sched_param param = {.sched_priority = 0};
    if (!is_ordinary(usual))
        return;
    if (usual->policy != SCHED_OTHER)
        (void)sched_setscheduler(0, usual->policy, &param);
    if (usual->nice != 0)
        (void)setpriority(PRIO_PROCESS, 0, usual->nice);
}
