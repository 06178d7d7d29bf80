/* SPDX-License-Identifier: MIT */
#include "journal.h"
#include "event.h"
#include "record.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESERVE_STEP  (64U << 10)
#define RESERVE_LEAST (32U << 10)
#define END_MAX       (256 << 10) /* the last records of a run are no longer */

/* Put space aside, so that there is always room for what is still running when the disk is full. */
static void reserve(struct journal *journal, size_t length)
{
    uint64_t end = journal->written + length;
    if (journal->reserved >= end + RESERVE_LEAST)
        return;
    off_t from = (off_t)journal->reserved, to = (off_t)(end + RESERVE_STEP);
    int result;
    do
        result = fallocate(journal->fd, FALLOC_FL_KEEP_SIZE, from, to - from);
    while (result < 0 && errno == EINTR);
    journal->reserve_error = 0;
    if (result == 0)
        journal->reserved = (uint64_t)to;
    else if (errno == ENOSPC || errno == EDQUOT)
        journal->reserve_error = errno;
    else
        journal->reserved = UINT64_MAX;
}

int journal_create(struct journal *journal, const char *path)
{
    const struct mask *mask = journal->mask;
    *journal = (struct journal){.fd = -1, .mask = mask};
    journal->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (journal->fd < 0)
        return -1;
    reserve(journal, 0);
    return 0;
}

/* A short write says nothing of its cause: a limit of the process, or else the disk. */
static int short_write_errno(const struct journal *journal, size_t length)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < journal->written + length)
        return EFBIG;
    return ENOSPC;
}

static int write_line(struct journal *journal, const struct strbuf *line)
{
    ssize_t n;
    reserve(journal, line->len);
    do
        n = write(journal->fd, line->buf, line->len);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)line->len) {
        journal->written += line->len;
        journal->seq++;
        return 0;
    }
    journal->error = n < 0 ? errno : short_write_errno(journal, line->len);
    if (n > 0 && file_truncate(journal->fd, journal->written) < 0)
        return -1; /* the torn line stays, and ends every replay there */
    return -1;
}

static int add_bytes(const char *bytes, size_t length, void *data)
{
    strbuf_add(data, bytes, length);
    return 0;
}

static int append(struct journal *journal, json_t *record)
{
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    if (!record || json_dump_callback(record, add_bytes, &line, JSON_COMPACT) < 0) {
        journal->error = ENOMEM;
        return -1;
    }
    strbuf_addch(&line, '\n');
    return write_line(journal, &line);
}

static int append_and_free(struct journal *journal, json_t *record)
{
    if (!SAFEGUARD(record_before_report)) { /* written when the next one comes */
        static json_t *late;
        json_t *next = record;
        record = late ? late : json_null();
        late = next;
        if (json_is_null(record)) {
            journal->seq++;
            return 0;
        }
    }
    int result = append(journal, record);
    json_decref(record);
    return result;
}

static bool usable(struct journal *journal)
{
    if (!journal->error && journal->fd < 0)
        journal->error = EBADF;
    return journal->error == 0;
}

int journal_run_started(struct journal *journal, const struct ciplug_event *event,
                        const struct journal_header *header)
{
    if (!usable(journal))
        return -1;
    return append_and_free(journal,
                           record_run_started(event, header, journal->seq + 1, journal->mask));
}

static bool recorded(int kind)
{
    return kind == CIPLUG_STEP_STARTED || kind == CIPLUG_COMMAND_STARTED ||
           kind == CIPLUG_COMMAND_NOTICE || kind == CIPLUG_COMMAND_FINISHED ||
           kind == CIPLUG_TEST_FINISHED || kind == CIPLUG_STEP_FINISHED ||
           kind == CIPLUG_RUN_NOTICE || kind == CIPLUG_RUN_FINISHED;
}

int journal_event(struct journal *journal, const struct ciplug_event *event,
                  const struct journal_extra *extra)
{
    if (!usable(journal))
        return -1;
    if (!recorded(event->kind))
        return 0;
    return append_and_free(journal, record_event(event, extra, journal->seq + 1, journal->mask));
}

int journal_intent(struct journal *journal, const struct intent *intent)
{
    if (!usable(journal))
        return -1;
    return append_and_free(journal, record_intent(intent, journal->seq + 1, journal->mask));
}

int journal_own_intent(struct journal *journal, const char *kind, const char *what)
{
    struct intent intent = {.kind = xstrdup(kind), .what = xstrdup(what)};
    int result = journal_intent(journal, &intent);
    intent_clear(&intent);
    return result;
}

int journal_run_reaped(struct journal *journal, const struct journal_reaped *reaped)
{
    if (!usable(journal))
        return -1;
    return append_and_free(journal, record_reaped(reaped, journal->seq + 1));
}

/* ---- the journal of a dead run ---- */

static int cut(struct journal *journal, const char *run_dir)
{
    struct stat st;
    if ((file_lock(journal->fd, LOCK_EX | LOCK_NB) < 0 && SAFEGUARD(one_reaper)) ||
        fstat(journal->fd, &st) < 0 ||
        journal_recover(run_dir, &journal->written, &journal->seq) < 0)
        return -1;
    if ((uint64_t)st.st_size == journal->written || !SAFEGUARD(recover_cut))
        return 0;
    return file_truncate(journal->fd, journal->written);
}

int journal_reopen(struct journal *journal, const char *run_dir)
{
    AUTO_FREE char *path = xasprintf("%s/journal.jsonl", run_dir);
    *journal = (struct journal){.fd = -1};
    int fd = open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -1;
    journal->fd = fd;
    if (cut(journal, run_dir) == 0) {
        reserve(journal, 0);
        return 0;
    }
    int error = errno;
    close(fd);
    *journal = (struct journal){.fd = -1};
    errno = error;
    return -1;
}

static int end_of_run(const json_t *finished)
{
    if (json_is_true(json_object_get(finished, "kept")))
        return JOURNAL_KEPT;
    return json_array_size(json_object_get(finished, "left")) > 0 ? JOURNAL_LEFT : JOURNAL_FINISHED;
}

/* What a last record says; -1: the one before it decides. */
static int end_of(const char *line)
{
    json_t *record = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    const char *name = json_string_value(json_object_get(record, "event"));
    int end = JOURNAL_OPEN;
    if (name && strcmp(name, event_name(CIPLUG_RUN_NOTICE)) == 0)
        end = -1;
    else if (name && strcmp(name, event_name(CIPLUG_RUN_FINISHED)) == 0)
        end = end_of_run(record);
    else if (name && strcmp(name, "run_reaped") == 0 &&
             json_array_size(json_object_get(record, "left")) == 0)
        end = JOURNAL_REAPED;
    json_decref(record);
    return end;
}

static int end_of_text(char *text, size_t length, bool whole)
{
    int end = -1;
    while (end < 0 && length > 0 && text[length - 1] == '\n') {
        text[--length] = '\0';
        char *before = memrchr(text, '\n', length);
        if (!before && !whole)
            return -1; /* its beginning is not here */
        size_t start = before ? (size_t)(before - text) + 1 : 0;
        end = strlen(text + start) == length - start ? end_of(text + start) : JOURNAL_OPEN;
        length = start;
    }
    return end;
}

enum journal_end journal_end(const char *run_dir)
{
    AUTO_FREE char *path = xasprintf("%s/journal.jsonl", run_dir);
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return JOURNAL_NONE;
    off_t from = st.st_size > END_MAX ? st.st_size - END_MAX : 0;
    AUTO_FREE char *text = xmalloc(END_MAX + 1);
    ssize_t n = pread(fd, text, END_MAX, from);
    int end = n > 0 ? end_of_text(text, (size_t)n, from == 0) : -1;
    return end < 0 ? JOURNAL_OPEN : (enum journal_end)end;
}

int journal_close(struct journal *journal)
{
    if (journal->fd < 0)
        return journal->error ? -1 : 0;
    /* To its own size: gives back the blocks behind the end. What fails here costs no record. */
    if (!journal->error && file_truncate(journal->fd, journal->written) < 0)
        journal->reserve_error = errno;
    if (close(journal->fd) < 0 && errno != EINTR && !journal->error)
        journal->error = errno;
    journal->fd = -1;
    return journal->error ? -1 : 0;
}
