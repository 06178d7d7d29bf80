/* SPDX-License-Identifier: MIT
 *
 * journal.jsonl: one JSON object a line, one write(2) a line, in space reserved ahead. Written by
 * the fan-out's first listener, read by replay, report and resume. docs/journal.md has the format.
 *
 * Every record has "event", "seq" (from 1, without gaps) and "time" (RFC 3339, UTC, microseconds).
 *   run_started       version (1), run, name, config, argv, pid, pid_started, boot_id, ciplug,
 *                     text
 *   step_started      step, cleanup, planned
 *   command_started   what, command (as shown), log_out, log_err, key, grouping
 *   command_notice    what, text
 *   run_notice        text
 *   intent            kind, what, env: before anything outside is created
 *   command_finished  what, outcome, exit_code, signal, started, duration_ns, bytes_out, bytes_err,
 *                     flags, reason, final, log_out, log_err, kill_via, key and grouping (of
 *                     --resume)
 *   step_finished     step, cleanup, outcome, reason, ledger
 *   run_finished      exit_status, reason, ledger, cleanup_ledger, kept, left
 *   run_reaped        by, rebooted, processes, cgroups, removed, left: appended to a dead run's
 *                     journal
 * where "what" is step, cleanup, number, count, item, items, worker, host, attempt, project, label.
 * The words, script and shell of a command are not recorded: they are NULL in a replayed event.
 */
#ifndef CIPLUG_CORE_JOURNAL_H
#define CIPLUG_CORE_JOURNAL_H

#include "intent.h"
#include "ledger.h"
#include "strbuf.h"
#include <ciplug/plugin.h>

#include <stdbool.h>
#include <stdint.h>

struct journal {
    int fd; /* -1: closed */
    uint64_t seq;
    uint64_t written;  /* bytes */
    uint64_t reserved; /* bytes that fallocate(KEEP_SIZE) has put aside; UINT64_MAX: cannot be */
    int reserve_error; /* ENOSPC, EDQUOT: no more could be put aside; no error yet, but the moment
                          at which the run starts nothing new */
    int error; /* errno of the first write that failed; 0: none. Nothing is written after it. */
    const struct mask *mask; /* borrowed; NULL: none */
};

/* What run_started says beside the event. */
struct journal_header {
    const char *name, *config, *version;
    const struct strv *argv;
};

/* Create `path` (O_EXCL, O_NOFOLLOW, 0600) and reserve space. `journal` is zeroed but for ->mask,
 * which may also be set later. 0, or -1 with errno. SIGXFSZ has to be ignored by the process. */
int journal_create(struct journal *journal, const char *path);
/* The rest return 0, or -1 (journal->error says why); the caller turns that into status 3. */
int journal_run_started(struct journal *journal, const struct ciplug_event *event,
                        const struct journal_header *header);
/* Every kind but RUN_STARTED; COMMAND_OUTPUT and unknown kinds are left out. `key` and `grouping`
 * go with COMMAND_STARTED and COMMAND_FINISHED (resume; 0: none), `kill_via` (HAND_VIA_...) with
 * COMMAND_FINISHED, `shown` with COMMAND_STARTED, `cleanup` with RUN_FINISHED; each may be NULL,
 * and so may `extra`. */
struct journal_extra {
    uint64_t key, grouping;
    uint32_t kill_via;
    const char *shown;
    const struct ciplug_ledger *cleanup;
    bool kept;               /* with RUN_FINISHED: surroundings were left as they are */
    const struct strv *left; /* likewise: what could not be removed, and why; NULL: nothing */
};
int journal_event(struct journal *journal, const struct ciplug_event *event,
                  const struct journal_extra *extra);
int journal_intent(struct journal *journal, const struct intent *intent);
/* Of a kind of the core's. */
int journal_own_intent(struct journal *journal, const char *kind, const char *what);
/* Gives back what was reserved. Closing twice does nothing. */
int journal_close(struct journal *journal);

/* How a journal ends, from its last records alone: quick, however long it is. */
enum journal_end {
    JOURNAL_NONE,     /* there is none, or it cannot be read */
    JOURNAL_OPEN,     /* the run goes on, or was killed; what it left may not all be gone */
    JOURNAL_FINISHED, /* run_finished */
    JOURNAL_KEPT,     /* the same, and its surroundings were kept */
    JOURNAL_LEFT,     /* the same, but not all that it had created could be removed */
    JOURNAL_REAPED,   /* run_reaped, and nothing was left */
};
enum journal_end journal_end(const char *run_dir);

/* Open the journal of a dead run (the caller holds a lock that says so) for appending: cut it at
 * the first record that is not good, go on with its seq. One at a time. 0, or -1 with errno
 * (EWOULDBLOCK: somebody else has it open like this). */
int journal_reopen(struct journal *journal, const char *run_dir);
struct journal_reaped {
    const char *by; /* a run's id, or the verb */
    bool rebooted;  /* nothing of it can be there: that was before the machine was started */
    unsigned processes, cgroups; /* ended, removed */
    struct strv removed;         /* what was outside: "container web" */
    struct strv left;            /* what could not be, and why */
};
int journal_run_reaped(struct journal *journal, const struct journal_reaped *reaped);

/* Read a journal, also one of a killed run: ends at the first record that is no whole line, does
 * not parse, has a field of a wrong type, or leaves a gap in seq. Calls `event` for each record, as
 * the live run emitted them (replayed = 1, logs' paths absolute, times in whole microseconds);
 * `extra` is never NULL. Intents, run_reaped and the header's words go to `other` (before `event`):
 * the record's event name and the parsed record (jansson's json_t as void *). Everything is
 * borrowed until the callback returns; either may be NULL. Fields that are missing (older versions)
 * read as their default, records of unknown names (newer versions) are passed over. Returns bytes
 * of good records in *good (may be NULL). 0, or -1 with errno. */
struct journal_reader {
    void (*event)(void *data, const struct ciplug_event *event, const struct journal_extra *extra);
    void (*other)(void *data, const char *name, const void *record);
    void *data;
};
int journal_replay(const char *run_dir, const struct journal_reader *reader, uint64_t *good);
/* The same for what such a file holds; `run_dir` is absolute, and nothing is looked up there.
 * Returns the bytes of good records. */
uint64_t journal_replay_text(const char *run_dir, const char *text, size_t length,
                             const struct journal_reader *reader);
/* Bytes of good records, and the number of the last one. */
int journal_recover(const char *run_dir, uint64_t *good, uint64_t *seq);

#endif
