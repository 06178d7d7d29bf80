/* SPDX-License-Identifier: MIT
 *
 * An attempt's logs: bytes through the mask to the files, and no more reading while the disk is
 * behind.
 */
#include "executor.h"
#include "safeguard.h"
#include "util.h"

#define LOG_PENDING_HIGH (1U << 20)
#define LOG_PENDING_LOW  (1U << 18)

static void log_failed(struct execution *execution, int error)
{
    if (execution->log_error)
        return;
    execution->log_error = error;
    execution->executor->hooks.disk_failed(execution->executor->data, error);
}

static void on_log_closed(void *data, uint64_t total, int error)
{
    struct exec_log *log = data;
    log->open = false;
    log->bytes = total;
    if (error)
        log_failed(log->execution, error);
    execution_advance(log->execution);
}

static void end_log(struct exec_log *log)
{
    if (!log->file)
        return;
    AUTO_STRBUF struct strbuf rest = STRBUF_INIT;
    mask_end(&log->mask, &rest);
    if (rest.len)
        logfile_write(log->file, rest.buf, rest.len);
    struct logfile *file = log->file;
    log->file = NULL;
    logfile_close(file, on_log_closed, log);
}

void execution_end_logs(struct execution *execution)
{
    end_log(&execution->logs[0]);
    end_log(&execution->logs[1]);
}

static void on_written(void *data, const void *bytes, size_t length, uint64_t offset, int error)
{
    struct exec_log *log = data;
    struct execution *execution = log->execution;
    struct executor *executor = execution->executor;
    if (error)
        log_failed(execution, error);
    if (length)
        executor->hooks.output(executor->data, execution, log->stream, bytes, length, offset);
    if (log->held && log->file && logfile_pending(log->file) < LOG_PENDING_LOW) {
        log->held = false;
        if (execution->attempt)
            attempt_hold_reading(execution->attempt, log->stream, false);
    }
}

void execution_log(struct execution *execution, int stream, const void *bytes, size_t length)
{
    struct exec_log *log = &execution->logs[stream - 1];
    if (!log->file)
        log = &execution->logs[0];
    if (!log->file)
        return;
    if (log->mask.mask) {
        AUTO_STRBUF struct strbuf clear = STRBUF_INIT;
        mask_feed(&log->mask, bytes, length, &clear);
        if (clear.len)
            logfile_write(log->file, clear.buf, clear.len);
    } else {
        logfile_write(log->file, bytes, length);
    }
    if (!log->held && execution->attempt && logfile_pending(log->file) > LOG_PENDING_HIGH &&
        SAFEGUARD(hold_reading)) {
        log->held = true;
        attempt_hold_reading(execution->attempt, log->stream, true);
    }
}

static int open_log(struct execution *execution, int stream)
{
    struct exec_log *log = &execution->logs[stream - 1];
    const struct task *task = execution->task;
    if (log->open)
        return 0; /* from an earlier try */
    log->execution = execution;
    log->stream = stream;
    log->mask.mask = execution->executor->launcher.mask;
    int fd = rundir_log(execution->executor->dir, task->step->name, task->number, task->attempt,
                        stream == CIPLUG_STDERR ? "err" : "out", &log->path);
    if (fd < 0)
        return -1;
    log->file = logfile_new(execution->executor->logwriter, fd, on_written, log);
    log->open = true;
    return 0;
}

int execution_open_logs(struct execution *execution)
{
    if (open_log(execution, CIPLUG_STDOUT) < 0)
        return -1;
    execution->result.log_out = execution->logs[0].path;
    if (execution->task->step->stderr_merge)
        return 0;
    if (open_log(execution, CIPLUG_STDERR) < 0)
        return -1;
    execution->result.log_err = execution->logs[1].path;
    return 0;
}
