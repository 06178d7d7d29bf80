/* SPDX-License-Identifier: MIT
 *
 * The sweep over /proc for processes that carry a marker in their environment: it finds what no
 * parent leads to, as processes in a container of a daemon on this machine. It costs milliseconds
 * and misses what cleared its environment, so it comes last and only after signals.
 */
#ifndef CIPLUG_CORE_MARKER_H
#define CIPLUG_CORE_MARKER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MARKER_RUN_MAX 80
/* "CIPLUG_JOB=RUN.PID-START.", with PID and start of the runner: what the markers of all commands
 * of a run begin with. The id alone is chance, and a copied state folder has it twice. */
void marker_of_run(char buf[MARKER_RUN_MAX], const char *run, pid_t runner, uint64_t start);

/* SIGKILL every process that has `marker` ("NAME=VALUE") in its environment and was started at
 * `start` (clock ticks since boot, 0: ever) or later; wait at most `patience_ms` for their end. How
 * many there were. The caller itself is left out. */
unsigned marker_kill(const char *marker, uint64_t start, unsigned patience_ms);
/* The same for every process with a marker that begins like this. */
unsigned marker_kill_all(const char *beginning, uint64_t start, unsigned patience_ms);

#endif
