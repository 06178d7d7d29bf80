/* SPDX-License-Identifier: MIT
 *
 * The guard of a command in another place (docs/guard.md): a small shell script, embedded here,
 * that stands in front of the command, and the prelude that tells it what to start.
 */
#ifndef CIPLUG_CORE_GUARD_H
#define CIPLUG_CORE_GUARD_H

#include "argv.h"
#include "strbuf.h"

#include <stdbool.h>

#define GUARD_NONCE_SIZE 33
/* How long a guard does without a word from here: after that the link counts as cut. */
#define GUARD_LEASE_S 15

struct guard_settings {
    const char *nonce; /* of guard_nonce() */
    unsigned lease_s;  /* silence after which the guard ends the command; 0: never */
    bool merge;        /* the command's standard error goes to its standard output */
};

/* 128 bits from getrandom(2) as letters and digits. 0, or -1 with errno. */
int guard_nonce(char nonce[GUARD_NONCE_SIZE]);
/* Add the words that start the guard: sh -c TEXT ciplug-guard. */
void guard_argv(struct strv *words);
/* Add the prelude, up to and with `go`. argv: the command's words, what goes over the environment
 * of the place, and its folder (NULL: where the place puts the guard). */
void guard_prelude(struct strbuf *out, const struct argv *argv,
                   const struct guard_settings *settings);

#endif
