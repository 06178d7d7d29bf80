/* SPDX-License-Identifier: MIT
 *
 * journal.jsonl: one JSON object a line, one write(2) a line, in space reserved ahead. Written by
 * the fan-out's first listener, read by replay, report and resume.
 *
 * Every record has "event", "seq" (from 1, without gaps) and "time" (RFC 3339, UTC).
 *   run_started      version (1), run, name, config, argv, pid, pid_started, boot_id, ciplug
 *   step_started     step, cleanup, planned
 *   command_started  step, number, item | items | item_base64, worker, host, attempt, command (as
 * shown, masked) intent           kind, what (before anything outside is created; a cgroup, later
 * containers) notice           text, and step, number, attempt of the command it is about
 *   command_finished step, number, item, items, worker, host, attempt, outcome, exit_code, signal,
 *                    started, duration_ns, bytes_out, bytes_err, flags, reason, final, cleanup,
 * log_out, log_err (relative to the run folder), key (of --resume) step_finished    step, cleanup,
 * outcome, reason run_finished     ledger {planned, passed, ...}, cleanup_ledger, exit_status,
 * reason
 */
#ifndef CIPLUG_CORE_JOURNAL_H
#define CIPLUG_CORE_JOURNAL_H

#include "ledger.h"
#include "strbuf.h"
#include <ciplug/plugin.h>

#include <stdbool.h>
#include <stdint.h>

struct journal {
    int fd; /* -1: closed */
    uint64_t seq;
    uint64_t written;  /* bytes */
    uint64_t reserved; /* bytes that fallocate(KEEP_SIZE) has put aside */
    int error; /* errno of the first write that failed; 0: none. Nothing is written after it. */
    const struct mask *mask; /* borrowed; NULL: none */
};

/* What run_started says beside the event. */
struct journal_header {
    const char *name, *config, *version;
    const struct strv *argv;
};

/* Create `path` (O_EXCL, O_NOFOLLOW, 0600) and reserve space. 0, or -1 with errno. */
int journal_create(struct journal *journal, const char *path);
/* The rest return 0, or -1 (journal->error says why); the caller turns that into status 3. */
int journal_run_started(struct journal *journal, const struct ciplug_event *event,
                        const struct journal_header *header);
/* Every kind but RUN_STARTED and COMMAND_OUTPUT. `key` goes with COMMAND_FINISHED (resume; 0:
 * none), `shown` with COMMAND_STARTED, `cleanup` with RUN_FINISHED; each may be NULL. */
struct journal_extra {
    uint64_t key;
    const char *shown;
    const struct ciplug_ledger *cleanup;
};
int journal_event(struct journal *journal, const struct ciplug_event *event,
                  const struct journal_extra *extra);
int journal_intent(struct journal *journal, const char *kind, const char *what);
int journal_close(struct journal *journal);

/* Read a journal, also one of a killed run: ends at the first record that does not parse, a gap in
 * seq, or a NUL. Calls `event` for each record, as the live run emitted them (replayed = 1, logs'
 * paths absolute), with `extra` where the record has one; intents and the header's words go to
 * `other` where it is given: the record's event name and the parsed record (jansson's json_t as
 * void *). Returns bytes of good records in *good. 0, or -1 with errno. */
struct journal_reader {
    void (*event)(void *data, const struct ciplug_event *event, const struct journal_extra *extra);
    void (*other)(void *data, const char *name, const void *record);
    void *data;
};
int journal_replay(const char *run_dir, const struct journal_reader *reader, uint64_t *good);

#endif
