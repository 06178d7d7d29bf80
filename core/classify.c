/* SPDX-License-Identifier: MIT */
#include "classify.h"
#include "util.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static const char *signal_name(int signo)
{
    const char *name = sigabbrev_np(signo);
    return name ? name : "?";
}

static void say_refused(const struct attempt_end *end, struct strbuf *reason)
{
    static const char *const what[] = {
        [HAND_WHERE_NONE] = "could not be started",
        [HAND_WHERE_CWD] = "could not be started: its folder (cwd) cannot be entered",
        [HAND_WHERE_PROGRAM] = "could not be started: its program cannot be run",
        [HAND_WHERE_ARGUMENTS] = "could not be started: arguments and environment are too long",
        [HAND_WHERE_FORK] = "could not be started: no new process can be made",
        [HAND_WHERE_EXEC_HUNG] = "could not be started: it did not reach exec within 5 s",
    };
    strbuf_addstr(reason, what[end->where]);
    if (end->text[0])
        strbuf_addf(reason, ": %s", end->text);
    if (end->error)
        strbuf_addf(reason, ": %s", strerror(end->error));
}

int classify_end(const struct attempt_end *end, struct strbuf *reason)
{
    if (end->refused) {
        say_refused(end, reason);
        return CIPLUG_ERROR;
    }
    if (end->lost) {
        strbuf_addstr(reason, "the process that held it died; the command was killed");
        return CIPLUG_ERROR;
    }
    if (end->ended == HAND_ENDED_TIMEOUT) {
        strbuf_addstr(reason, "timed out");
        return CIPLUG_TIMEOUT;
    }
    if (end->ended == HAND_ENDED_STOP) {
        strbuf_addstr(reason, "stopped");
        return CIPLUG_CANCELLED;
    }
    if (end->code != CLD_EXITED) {
        strbuf_addf(reason, "died by signal %d (SIG%s)%s", end->status, signal_name(end->status),
                    end->code == CLD_DUMPED ? ", core dumped" : "");
        return CIPLUG_SIGNALED;
    }
    if (end->status != 0) {
        strbuf_addf(reason, "exit code %d", end->status);
        return CIPLUG_FAILED;
    }
    return CIPLUG_PASSED;
}

static void say_leaks(const struct step *step, const struct attempt_end *end,
                      struct ciplug_result *result, struct strbuf *reason)
{
    if (end->leaked == 0)
        return;
    result->flags |= CIPLUG_FLAG_LEAKED;
    strbuf_addf(reason, "%sleft %u process%s behind (%s): %s", reason->len ? "; " : "", end->leaked,
                end->leaked == 1 ? "" : "es", step->on_leak == ON_LEAK_KEEP ? "kept" : "killed",
                end->text);
    if (step->on_leak == ON_LEAK_FAIL && result->outcome == CIPLUG_PASSED)
        result->outcome = CIPLUG_FAILED;
}

int classify(const struct step *step, const struct attempt_end *end, struct ciplug_result *result,
             struct strbuf *reason)
{
    result->outcome = classify_end(end, reason);
    result->exit_code = -1;
    result->signal = 0;
    bool own = !end->refused && !end->lost && end->ended == HAND_ENDED_ITSELF;
    if (own && end->code == CLD_EXITED)
        result->exit_code = end->status;
    else if (own)
        result->signal = end->status;
    if (result->outcome == CIPLUG_TIMEOUT) {
        char limit[24];
        format_duration(limit, sizeof limit, step->timeout_ns);
        strbuf_addf(reason, " after %s", limit);
    }
    if (result->outcome == CIPLUG_FAILED && step->skip_codes[end->status & 0xff]) {
        result->outcome = CIPLUG_SKIPPED;
        strbuf_addstr(reason, " means skipped");
    }
    if (end->unkillable > 0) {
        result->flags |= CIPLUG_FLAG_UNKILLABLE;
        strbuf_addf(reason, "%s%u process%s cannot be killed: %s", reason->len ? "; " : "",
                    end->unkillable, end->unkillable == 1 ? "" : "es", end->text);
    } else {
        say_leaks(step, end, result, reason);
    }
    return result->outcome;
}
