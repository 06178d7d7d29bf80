/* SPDX-License-Identifier: MIT
 *
 * What the files of hosts share: hosts.c says what a host is worth, hosts_hold.c has what is held
 * for it.
 */
#ifndef CIPLUG_CORE_HOSTS_INTERNAL_H
#define CIPLUG_CORE_HOSTS_INTERNAL_H

#include "hosts.h"
#include "side.h"

#include <stdbool.h>

enum place_state { PLACE_OFF, PLACE_OPENING, PLACE_UP, PLACE_RESTING };

/* Something that runs as long as the host is used. */
struct hold {
    struct place *place;
    struct attempt *attempt;
    bool at_work;
    struct strbuf said; /* the last line of its standard error */
    bool complete;
    struct hold *next;
};

struct place {
    struct hosts *hosts;
    const struct host *host;
    size_t index;
    enum place_state state;
    struct hold *holds;
    uint32_t opened;            /* holds that are at work */
    struct launch_list reaches; /* what is asked before it can be used */
    size_t reached;
    struct side *asking; /* it is prepared, or whether it answers */
    uv_timer_t timer;
    bool overdue;     /* the time to open is over, but for one more look */
    bool opens;       /* there is something to do before it can be used */
    unsigned tries;   /* that failed, since it was steady */
    uint64_t up_ns;   /* since when it is up; 0: never was */
    uint64_t lost_ns; /* since when it is not; 0: it is */
    bool gone;
    bool silent; /* it is gone since what is needed there did not answer */
    bool told;   /* that it is not there */
    char *why;
};

struct hosts {
    uv_loop_t *loop;
    struct hands *hands;
    struct launcher *launcher;
    struct hosts_hooks hooks;
    void *data;
    struct place *places; /* beside plan->hosts */
    size_t n;
    char *folder;
    bool started, ending;
};

/* Start what the host is to hold next. When it is at work, place_open_next(). */
void place_hold(struct place *place, const struct argv *argv);
/* What it needs next: another hold, to be prepared, an answer, or nothing more. */
void place_open_next(struct place *place);
/* It cannot be used, or no more; it is tried again later. */
void place_fall(struct place *place, const char *why);

#endif
