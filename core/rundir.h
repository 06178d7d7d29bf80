/* SPDX-License-Identifier: MIT
 *
 * The state folder: .ciplug/runs/RUN/{journal.jsonl,lock,logs/,artifacts/}, .ciplug/latest.
 * Folders are made 0700, files 0600, nothing is followed through a planted link.
 */
#ifndef CIPLUG_CORE_RUNDIR_H
#define CIPLUG_CORE_RUNDIR_H

#include "strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUNDIR_FRESH ".latest-" /* and the run: renamed to "latest" */

struct rundir {
    char run[9]; /* id: 8 of a-z0-9, first a letter */
    char *state; /* absolute path of the state folder */
    char *path;  /* absolute path of the run's folder */
    int fd;      /* of that folder */
    int error;   /* errno of a create that failed; 0: the folder is not fit for use */
    int lock;    /* flock()ed while the run lives: who can take it knows that the run is dead */
};

/* Make state folder and run folder (exclusive), take the lock, point `latest` at it (a temporary
 * link, renamed). A state folder that others own or anybody may write is refused. The lock lives
 * in the open file: nothing may be forked from this process that keeps it without exec. 0, or -1
 * after a message. */
int rundir_create(struct rundir *dir, const char *state);
/* Remove all but the newest `keep` runs, this one counted; never a living one, never `except` (a
 * run id or NULL), nor those whose folder `spare` wants (NULL: none). Says what could not be
 * removed. Also removes what others that were killed half made or half removed. */
void rundir_prune(const struct rundir *dir, unsigned keep, const char *except,
                  bool (*spare)(const char *path));
/* The folder of an existing run: RUN id, unique beginning of one, or "latest"/NULL (the newest,
 * where the link is gone). Absolute, the caller's; or NULL after a message. */
char *rundir_find(const char *state, const char *run);
/* Whether its runner is still there; also true when that cannot be known. */
bool rundir_alive(const char *run_path);
/* Open logs/STEP/N.KIND ("out", "err", "evidence"; N.A.out for attempt > 1) for writing, exclusive.
 * *path gets the absolute path, the caller's, or NULL. The descriptor, or -1 with errno. The folder
 * of a step with more than 200 letters is its beginning and a hash. */
int rundir_log(const struct rundir *dir, const char *step, unsigned number, unsigned attempt,
               const char *kind, char **path);
/* Keep the standard output of a command of an older run, `bytes` long, as that of this one's
 * command N: by a link, else, when it is `needed`, by a copy. The absolute path, the caller's; NULL
 * with errno where there is no such file of that length. */
char *rundir_keep_log(const struct rundir *dir, const char *step, unsigned number,
                      const char *older, uint64_t bytes, bool needed);
/* Absolute path of KIND/STEP/N (N.A), which is made ("artifacts"); that it is there already is an
 * error. The caller's, or NULL with errno. */
char *rundir_kept(const struct rundir *dir, const char *kind, const char *step, unsigned number,
                  unsigned attempt);
/* Gives the lock back. Closing twice, or after a failed create, does nothing. */
void rundir_close(struct rundir *dir);

#endif
