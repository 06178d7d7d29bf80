/* SPDX-License-Identifier: MIT
 *
 * Each promise in docs/faults.md is kept by some expression in the code, and a test of the promise
 * is worth something only if it fails without that expression. SAFEGUARD(name) marks it. It is the
 * constant true, but in a test build (configure --enable-safeguard-switches), where it is false
 * while the environment's CIPLUG_SAFEGUARDS_OFF names it: "name,name". tests/faults/controls runs
 * each test that way and wants to see it fail.
 */
#ifndef CIPLUG_CORE_SAFEGUARD_H
#define CIPLUG_CORE_SAFEGUARD_H

#include <stdbool.h>

#ifdef SAFEGUARD_SWITCHES

#include <stdlib.h>
#include <string.h>

/* No allocation, no lock: also for a child between clone and exec. */
static inline bool safeguard_on(const char *name)
{
    const char *off = getenv("CIPLUG_SAFEGUARDS_OFF");
    size_t length = strlen(name);
    while (off && *off) {
        size_t word = strcspn(off, ",");
        if (word == length && memcmp(off, name, length) == 0)
            return false;
        off += word + (off[word] == ',');
    }
    return true;
}

#define SAFEGUARD(name) safeguard_on(#name)
#define BUILD_KIND      " (test build: safeguards can be switched off)"

#else

#define SAFEGUARD(name) true
#define BUILD_KIND      ""

#endif
#endif
