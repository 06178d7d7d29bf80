/* SPDX-License-Identifier: MIT
 *
 * What the tests of keeper and hands share: one keeper with one hand per test, with or without a
 * cgroup; running a shell script in it; looking for survivors.
 */
#ifndef CIPLUG_TESTS_KEEPER_FIXTURE_H
#define CIPLUG_TESTS_KEEPER_FIXTURE_H

#include "keeper.h"
#include "util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct fixture {
    struct keeper keeper;
    struct hand hand;
    struct argv argv;
    struct hand_request request; /* words of a shell script, marker, 10 s of everything */
    char marker[64];
    int null;
    int output; /* a memfd: 1 and 2 of the command */
    /* The last event of each kind, and how many of it. */
    struct hand_event event[HAND_DONE + 1];
    unsigned count[HAND_DONE + 1];
};

/* For cmocka; the flags of keeper_start_with() are those of fixture_flags. */
extern unsigned fixture_flags;
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Prepare `sh -c script`; change f->request afterwards as needed. */
void fixture_script(struct fixture *f, const char *script);
void fixture_start(struct fixture *f);
/* Receive until `kind` comes (also HAND_REFUSED, HAND_DONE end it); fails after 30 s. The kind that
 * came last; -1: the hand has died. */
int fixture_wait(struct fixture *f, enum hand_event_kind kind);
/* All three; HAND_DONE or HAND_REFUSED. */
int fixture_run(struct fixture *f, const char *script);
/* What the command wrote so far; static. */
const char *fixture_output(struct fixture *f);
/* Wait until the command has written `text`. */
void fixture_await(struct fixture *f, const char *text);

/* Living processes with `marker` in their environment. */
unsigned survivors(const char *marker);
/* Wait up to `ms` until there are none. How many there are. */
unsigned survivors_after(const char *marker, unsigned ms);
/* Wait until there are `n` at least: in the middle of its exec a process shows no environment. */
void await_living(const char *marker, unsigned n);
pid_t parent_of(pid_t pid);

#endif
