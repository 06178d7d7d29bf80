/* SPDX-License-Identifier: MIT */
#include "classify.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define WORDS_MAX 300
#define SPACES    " \t\r\n"

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

/* What the client said last, as one line. */
static void say_last_words(const struct attempt_end *end, struct strbuf *reason)
{
    const char *text = end->client_said + strspn(end->client_said, SPACES);
    size_t n = strlen(text);
    while (n > 0 && strchr(SPACES, text[n - 1]))
        n--;
    if (n > WORDS_MAX) {
        text += n - WORDS_MAX;
        n = WORDS_MAX;
        const char *line = memchr(text, '\n', n);
        if (line) {
            n -= (size_t)(line - text);
            text = line;
        }
        strbuf_addstr(reason, "...");
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        bool space = c <= ' ' || c == 0x7f;
        if (!space || (reason->len && reason->buf[reason->len - 1] != ' '))
            strbuf_addch(reason, space ? ' ' : text[i]);
    }
}

static void say_client(const struct attempt_end *end, struct strbuf *reason)
{
    if (end->code == CLD_EXITED)
        strbuf_addf(reason, "the client ended with %d", end->status);
    else
        strbuf_addf(reason, "the client died by signal %d (SIG%s)", end->status,
                    signal_name(end->status));
}

/* It ended by itself, but nobody has said how: the client's exit code says nothing. */
static int classify_unconfirmed(const struct attempt_end *end, struct strbuf *reason)
{
    bool words = end->client_said[strspn(end->client_said, SPACES)];
    strbuf_addstr(reason, end->begun ? "its end is not known: " : "did not begin: ");
    if (end->begun || !words) {
        say_client(end, reason);
        strbuf_addstr(reason, words ? ": " : "");
        say_last_words(end, reason);
    } else {
        say_last_words(end, reason);
        strbuf_addstr(reason, " (");
        say_client(end, reason);
        strbuf_addstr(reason, ")");
    }
    return CIPLUG_ERROR;
}

/* As its guard has said. */
static int classify_confirmed(const struct attempt_end *end, struct strbuf *reason)
{
    if (end->guard_exit == 0)
        return CIPLUG_PASSED;
    strbuf_addf(reason, "exit code %d", end->guard_exit);
    const char *name = end->guard_exit > 128 ? sigabbrev_np(end->guard_exit - 128) : NULL;
    if (name)
        strbuf_addf(reason, " (128 + SIG%s)", name);
    return CIPLUG_FAILED;
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
    if (end->guarded && SAFEGUARD(client_is_no_evidence))
        return end->confirmed ? classify_confirmed(end, reason) : classify_unconfirmed(end, reason);
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

static void say_left(unsigned n, bool kept, struct strbuf *reason)
{
    strbuf_addf(reason, "%sleft %u process%s behind (%s)", reason->len ? "; " : "", n,
                n == 1 ? "" : "es", kept ? "kept" : "killed");
}

static void say_leaks(const struct step *step, const struct attempt_end *end,
                      struct ciplug_result *result, struct strbuf *reason)
{
    unsigned elsewhere =
        end->confirmed && end->ended == HAND_ENDED_ITSELF && !end->lost ? end->guard_left : 0;
    if (end->leaked == 0 && elsewhere == 0)
        return;
    result->flags |= CIPLUG_FLAG_LEAKED;
    if (elsewhere > 0)
        say_left(elsewhere, false, reason);
    if (end->leaked > 0) {
        say_left(end->leaked, step->on_leak == ON_LEAK_KEEP, reason);
        strbuf_addf(reason, ": %s", end->text);
    }
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
    if (end->guarded && SAFEGUARD(client_is_no_evidence))
        result->exit_code = own && end->confirmed ? end->guard_exit : -1;
    else if (own && end->code == CLD_EXITED)
        result->exit_code = end->status;
    else if (own)
        result->signal = end->status;
    if (result->outcome == CIPLUG_TIMEOUT) {
        char limit[24];
        format_duration(limit, sizeof limit, step->timeout_ns);
        strbuf_addf(reason, " after %s", limit);
    }
    if (end->confirmed && !end->lost && !own)
        strbuf_addstr(reason, "; ended by its guard");
    if (result->outcome == CIPLUG_FAILED && step->skip_codes[result->exit_code & 0xff]) {
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
