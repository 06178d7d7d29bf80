/* SPDX-License-Identifier: MIT */
#include "errands.h"
#include "classify.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE 8

/* One that runs. */
struct going {
    struct errands *errands; /* NULL: free */
    struct errand *errand;
    struct attempt *attempt;
    struct mask_stream masks[2];
    struct strbuf out, err; /* the line that comes */
    bool err_complete;      /* err is whole, and the last one so far */
};

struct errands {
    struct hands *hands;
    struct errands_request request;
    void (*done)(void *data);
    void *data;
    size_t next, running;
    bool killed, starting;
    struct going going[AT_ONCE];
};

void errand_clear(struct errand *errand)
{
    argv_free(&errand->argv);
    strv_free(&errand->lines);
    strbuf_free(&errand->what);
}

/* ---- what they print ---- */

static void add_char(struct strbuf *line, char c)
{
    unsigned char u = (unsigned char)c;
    if (line->len < ERRAND_LINE_MAX)
        strbuf_addch(line, u == '\t' ? ' ' : (char)(u < ' ' || u == 0x7f ? '?' : c));
}

static void end_line(struct going *going)
{
    while (going->out.len > 0 && going->out.buf[going->out.len - 1] == ' ')
        strbuf_cut(&going->out, going->out.len - 1);
    if (going->out.len > 0 && going->errand->lines.n < ERRAND_LINES_MAX)
        strv_push(&going->errand->lines, going->out.buf);
    strbuf_clear(&going->out);
}

static void note_out(struct going *going, const struct strbuf *text)
{
    for (size_t i = 0; i < text->len; i++) {
        if (text->buf[i] == '\n')
            end_line(going);
        else if (text->buf[i] != '\r')
            add_char(&going->out, text->buf[i]);
    }
}

/* The last line that is not empty says why. */
static void note_err(struct going *going, const struct strbuf *text)
{
    for (size_t i = 0; i < text->len; i++) {
        char c = text->buf[i];
        if (c == '\n' || c == '\r') {
            going->err_complete = true;
            continue;
        }
        if (going->err_complete)
            strbuf_clear(&going->err);
        going->err_complete = false;
        add_char(&going->err, c);
    }
}

static void note(struct going *going, int stream, const struct strbuf *text)
{
    if (stream == CIPLUG_STDERR)
        note_err(going, text);
    else
        note_out(going, text);
}

static void on_started(void *data, const struct attempt_end *so_far)
{
    (void)data;
    (void)so_far;
}

static void on_bytes(void *data, int stream, const void *bytes, size_t length)
{
    struct going *going = data;
    /* Masked before it is cut to lines: half a secret is not known as one any more. */
    AUTO_STRBUF struct strbuf clear = STRBUF_INIT;
    mask_feed(&going->masks[stream - 1], bytes, length, &clear);
    note(going, stream, &clear);
}

/* ---- one after the other ---- */

static void advance(struct errands *errands);

static void judge(struct going *going, const struct attempt_end *end)
{
    struct errand *errand = going->errand;
    int outcome = classify_end(end, &errand->what);
    if (end->unread)
        strbuf_addf(&errand->what, "%sits output could not be read: %s",
                    errand->what.len ? ": " : "", strerror(end->unread));
    else if (outcome == CIPLUG_PASSED || outcome == CIPLUG_FAILED)
        errand->status = end->status;
    if (outcome == CIPLUG_TIMEOUT) {
        char limit[24];
        format_duration(limit, sizeof limit, errand->timeout_ns);
        strbuf_addf(&errand->what, " after %s", limit);
    }
    if (end->unkillable > 0) {
        errand->status = -1;
        strbuf_addf(&errand->what, "%scannot be killed", errand->what.len ? ", and " : "");
    }
    if (going->err.len)
        strbuf_addf(&errand->what, "%s%s", errand->what.len ? ": " : "", going->err.buf);
}

static void on_done(void *data, const struct attempt_end *end)
{
    struct going *going = data;
    struct errands *errands = going->errands;
    for (int stream = CIPLUG_STDOUT; stream <= CIPLUG_STDERR; stream++) {
        AUTO_STRBUF struct strbuf rest = STRBUF_INIT;
        mask_end(&going->masks[stream - 1], &rest);
        note(going, stream, &rest);
    }
    end_line(going);
    judge(going, end);
    strbuf_free(&going->out);
    strbuf_free(&going->err);
    *going = (struct going){0};
    errands->running--;
    advance(errands);
}

static struct going *free_place(struct errands *errands)
{
    for (size_t i = 0; i < AT_ONCE; i++) {
        if (!errands->going[i].errands)
            return &errands->going[i];
    }
    return NULL;
}

static void begin(struct errands *errands, struct going *going, struct errand *errand)
{
    static const struct attempt_hooks hooks = {
        .started = on_started, .bytes = on_bytes, .done = on_done};
    uint64_t now = clock_mono_ns(), end = errands->request.end_ns;
    if (now >= end) {
        strbuf_addstr(&errand->what, "there was no time left for it");
        return;
    }
    if (errand->timeout_ns > end - now)
        errand->timeout_ns = end - now;
    *going = (struct going){.errands = errands, .errand = errand};
    going->masks[0].mask = going->masks[1].mask = errands->request.mask;
    struct attempt_request request = {
        .argv = &errand->argv,
        .stdin_fd = -1,
        .timeout_ns = SAFEGUARD(errands_are_bounded) ? errand->timeout_ns : 0,
        .grace_ns = NS_PER_S,
        .confirm_ns = 5 * NS_PER_S,
        .on_leak = HAND_LEAK_KILL,
    };
    going->attempt = attempt_start(errands->hands, &request, &hooks, going);
    if (going->attempt) {
        errands->running++;
        return;
    }
    strbuf_addf(&errand->what, "could not be started: %s", strerror(errno));
    *going = (struct going){0};
}

static void advance(struct errands *errands)
{
    struct going *going;
    const struct errands_request *request = &errands->request;
    while (errands->next < request->n && !errands->killed && (going = free_place(errands)))
        begin(errands, going, &request->list[errands->next++]);
    if (errands->running > 0 || errands->starting)
        return;
    while (errands->next < request->n)
        strbuf_addstr(&request->list[errands->next++].what, "there was no time left for it");
    errands->done(errands->data);
    free(errands);
}

struct errands *errands_start(struct hands *hands, const struct errands_request *request,
                              void (*done)(void *data), void *data)
{
    struct errands *errands = xcalloc(1, sizeof *errands);
    *errands = (struct errands){.hands = hands, .request = *request, .done = done, .data = data};
    for (size_t i = 0; i < request->n; i++)
        request->list[i].status = -1;
    errands->starting = true;
    advance(errands);
    errands->starting = false;
    if (errands->running > 0)
        return errands;
    advance(errands);
    return NULL;
}

void errands_kill(struct errands *errands)
{
    errands->killed = true;
    for (size_t i = 0; i < AT_ONCE; i++) {
        if (errands->going[i].errands)
            attempt_kill(errands->going[i].attempt);
    }
}

/* ---- on a loop of its own ---- */

static const int heeded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

struct stay {
    uv_loop_t loop;
    struct hands hands;
    uv_signal_t signals[ARRAY_SIZE(heeded)];
    struct errands *errands;
    bool asked; /* to end */
};

static void on_signal(uv_signal_t *handle, int signo)
{
    struct stay *stay = handle->data;
    (void)signo;
    stay->asked = true;
    if (stay->errands)
        errands_kill(stay->errands);
}

static bool is_ignored(int signo)
{
    struct sigaction now;
    return sigaction(signo, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

static void heed_signals(struct stay *stay)
{
    for (size_t i = 0; i < ARRAY_SIZE(heeded); i++) {
        uv_signal_init(&stay->loop, &stay->signals[i]);
        stay->signals[i].data = stay;
        if (!is_ignored(heeded[i])) /* nohup */
            uv_signal_start(&stay->signals[i], on_signal, heeded[i]);
        uv_unref((uv_handle_t *)&stay->signals[i]);
    }
}

static void all_done(void *data)
{
    struct stay *stay = data;
    stay->errands = NULL;
    uv_stop(&stay->loop);
}

static void fail_all(const struct errands_request *request, const char *why)
{
    for (size_t i = 0; i < request->n; i++) {
        request->list[i].status = -1;
        strbuf_addstr(&request->list[i].what, why);
    }
}

bool errands_run(struct keeper *keeper, const struct errands_request *request, bool heed)
{
    struct stay stay = {.errands = NULL};
    if (request->n == 0)
        return false;
    int error = uv_loop_init(&stay.loop);
    if (error < 0) {
        fail_all(request, strerror(-error));
        return false;
    }
    hands_init(&stay.hands, &stay.loop, keeper);
    if (heed)
        heed_signals(&stay);
    stay.errands = errands_start(&stay.hands, request, all_done, &stay);
    if (stay.errands)
        uv_run(&stay.loop, UV_RUN_DEFAULT);
    for (size_t i = 0; heed && i < ARRAY_SIZE(heeded); i++)
        uv_close((uv_handle_t *)&stay.signals[i], NULL);
    hands_close(&stay.hands);
    uv_run(&stay.loop, UV_RUN_DEFAULT);
    hands_free(&stay.hands);
    uv_loop_close(&stay.loop);
    return stay.asked;
}
