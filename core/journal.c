/* SPDX-License-Identifier: MIT */
#include "journal.h"
#include "event.h"
#include "record.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#define RESERVE_STEP  (64U << 10)
#define RESERVE_LEAST (32U << 10)

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
    if (n > 0 && ftruncate(journal->fd, (off_t)journal->written) < 0)
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
           kind == CIPLUG_STEP_FINISHED || kind == CIPLUG_RUN_NOTICE || kind == CIPLUG_RUN_FINISHED;
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

int journal_intent(struct journal *journal, const char *kind, const char *what)
{
    if (!usable(journal))
        return -1;
    return append_and_free(journal, record_intent(kind, what, journal->seq + 1, journal->mask));
}

int journal_close(struct journal *journal)
{
    if (journal->fd < 0)
        return journal->error ? -1 : 0;
    /* To its own size: gives back the blocks behind the end. What fails here costs no record. */
    if (!journal->error && ftruncate(journal->fd, (off_t)journal->written) < 0)
        journal->reserve_error = errno;
    if (close(journal->fd) < 0 && errno != EINTR && !journal->error)
        journal->error = errno;
    journal->fd = -1;
    return journal->error ? -1 : 0;
}
