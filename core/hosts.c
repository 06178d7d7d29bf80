/* SPDX-License-Identifier: MIT */
#include "hosts.h"
#include "attempt.h"
#include "classify.h"
#include "side.h"
#include "tree.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_MS     30000 /* until one of its holds says that it is at work */
#define PREPARE_NS  (600 * NS_PER_S)
#define REST_MS     1000 /* doubled with each try that fails, up to */
#define REST_MAX_MS 60000
#define STEADY_NS   (60 * NS_PER_S) /* up for so long: the next loss is the first again */
#define PATIENCE_NS (60 * NS_PER_S) /* lost for so long: nobody waits for it any more */
#define SAID_MAX    200
#define FOLDER_MAX  60 /* as the public header promises */

enum place_state { PLACE_OFF, PLACE_OPENING, PLACE_UP, PLACE_RESTING };

/* Something that runs as long as the host is used. */
struct hold {
    struct place *place;
    struct attempt *attempt;
    bool at_work;
    struct strbuf said; /* the last line of its standard error */
    bool complete;
    struct hold *next;
};

struct place {
    struct hosts *hosts;
    const struct host *host;
    size_t index;
    enum place_state state;
    struct hold *holds;
    uint32_t opened; /* holds that are at work */
    struct side *prepare;
    uv_timer_t timer;
    bool overdue;     /* the time to open is over, but for one more look */
    unsigned tries;   /* that failed, since it was steady */
    uint64_t up_ns;   /* since when it is up; 0: never was */
    uint64_t lost_ns; /* since when it is not; 0: it is */
    bool gone;
    char *why;
};

struct hosts {
    uv_loop_t *loop;
    struct hands *hands;
    struct launcher *launcher;
    struct hosts_hooks hooks;
    void *data;
    struct place *places; /* beside plan->hosts */
    size_t n;
    char *folder;
    bool started, ending;
};

static void open_next(struct place *place);
static void on_rested(uv_timer_t *timer);

/* ---- up and down ---- */

static void tell(const struct place *place, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void tell(const struct place *place, const char *format, ...)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    va_list args;
    strbuf_addf(&text, "host %s ", place->host->name);
    va_start(args, format);
    strbuf_vaddf(&text, format, args);
    va_end(args);
    place->hosts->hooks.tell(place->hosts->data, strbuf_text(&text));
}

static void changed(struct place *place)
{
    struct hosts *hosts = place->hosts;
    if (hosts->started && !hosts->ending)
        hosts->hooks.changed(hosts->data, place->index, hosts_state(hosts, place->index));
}

static void end_holds(struct place *place)
{
    for (struct hold *hold = place->holds; hold; hold = hold->next)
        attempt_kill(hold->attempt);
    if (place->prepare)
        side_kill(place->prepare);
}

static uint64_t rest_ms(const struct place *place)
{
    unsigned doublings = place->tries < 7 ? place->tries : 7;
    uint64_t ms = (uint64_t)REST_MS << (doublings ? doublings - 1 : 0);
    return ms < REST_MAX_MS ? ms : REST_MAX_MS;
}

/* The first time is worth a line, and when nobody waits for it any more. */
static void tell_fall(struct place *place, bool was_up, bool was_gone)
{
    if (was_up)
        tell(place, "is lost: %s; it is tried again", place->why);
    else if (place->gone && !was_gone && place->up_ns)
        tell(place, "is not back after %d s: %s; nothing waits for it any more",
             (int)(PATIENCE_NS / NS_PER_S), place->why);
    else if (place->gone && !was_gone)
        tell(place, "cannot be reached: %s; the run goes on without it", place->why);
}

static void fall(struct place *place, const char *why)
{
    uint64_t now = clock_mono_ns();
    bool was_up = place->state == PLACE_UP, was_gone = place->gone;
    if (place->state == PLACE_RESTING || place->hosts->ending)
        return;
    if (was_up && now - place->up_ns > STEADY_NS)
        place->tries = 0;
    if (place->lost_ns == 0 || (was_up && place->tries == 0))
        place->lost_ns = now;
    place->tries++;
    place->state = PLACE_RESTING;
    /* One that never was there is waited for by nobody. */
    place->gone = place->up_ns == 0 || now - place->lost_ns >= PATIENCE_NS;
    free(place->why);
    place->why = xstrdup(why);
    end_holds(place);
    tell_fall(place, was_up, was_gone);
    uv_timer_start(&place->timer, on_rested, rest_ms(place), 0);
    changed(place);
}

static void rise(struct place *place)
{
    uv_timer_stop(&place->timer);
    if (place->lost_ns && launch_holds(place->host)) {
        tell(place, "is %s", place->up_ns ? "back" : "there now");
        place->lost_ns = 0;
    }
    place->state = PLACE_UP;
    place->up_ns = clock_mono_ns();
    place->gone = false;
    changed(place);
}

static void on_rested(uv_timer_t *timer)
{
    struct place *place = timer->data;
    if (place->hosts->ending)
        return;
    if (place->holds || place->prepare) {
        uv_timer_start(timer, on_rested, 100, 0);
        return;
    }
    place->state = PLACE_OPENING;
    place->opened = 0;
    open_next(place);
}

/* We may be late ourselves, or were stopped: one more look at what has come. */
static void on_not_opened(uv_timer_t *timer)
{
    struct place *place = timer->data;
    if (place->overdue) {
        fall(place, "no connection within 30 s");
        return;
    }
    place->overdue = true;
    uv_timer_start(timer, on_not_opened, 1, 0);
}

/* ---- what is held ---- */

static void note_said(struct hold *hold, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '\n') {
            hold->complete = true;
        } else if (c >= ' ' && c != 0x7f) {
            if (hold->complete)
                strbuf_clear(&hold->said);
            hold->complete = false;
            if (hold->said.len < SAID_MAX)
                strbuf_addch(&hold->said, bytes[i]);
        }
    }
}

static void on_hold_started(void *data, const struct attempt_end *so_far)
{
    (void)data;
    (void)so_far;
}

static void on_hold_bytes(void *data, int stream, const void *bytes, size_t length)
{
    struct hold *hold = data;
    struct place *place = hold->place;
    if (stream != CIPLUG_STDOUT) {
        note_said(hold, bytes, length);
        return;
    }
    if (hold->at_work || !memchr(bytes, '\n', length) || place->state != PLACE_OPENING)
        return;
    hold->at_work = true;
    place->opened++;
    open_next(place);
}

static void on_hold_done(void *data, const struct attempt_end *end)
{
    struct hold *hold = data;
    struct place *place = hold->place;
    AUTO_STRBUF struct strbuf why = STRBUF_INIT;
    (void)classify_end(end, &why);
    if (hold->said.len) {
        strbuf_clear(&why);
        strbuf_addstr(&why, hold->said.buf);
    }
    for (struct hold **at = &place->holds; *at; at = &(*at)->next) {
        if (*at == hold) {
            *at = hold->next;
            break;
        }
    }
    strbuf_free(&hold->said);
    free(hold);
    fall(place, why.len ? why.buf : "its connection has ended");
}

static void start_hold(struct place *place, const struct argv *argv)
{
    static const struct attempt_hooks hooks = {
        .started = on_hold_started, .bytes = on_hold_bytes, .done = on_hold_done};
    const struct attempt_request request = {.argv = argv,
                                            .stdin_fd = -1,
                                            .grace_ns = NS_PER_S,
                                            .confirm_ns = 5 * NS_PER_S,
                                            .on_leak = HAND_LEAK_KILL,
                                            .steady = true};
    struct hold *hold = xcalloc(1, sizeof *hold);
    hold->place = place;
    hold->attempt = attempt_start(place->hosts->hands, &request, &hooks, hold);
    if (!hold->attempt) {
        int error = errno;
        free(hold);
        fall(place, strerror(error));
        return;
    }
    hold->next = place->holds;
    place->holds = hold;
    place->overdue = false;
    uv_timer_start(&place->timer, on_not_opened, OPEN_MS, 0);
}

static void on_prepared(void *data, int status, const char *what)
{
    struct place *place = data;
    place->prepare = NULL;
    if (place->state != PLACE_OPENING)
        return;
    AUTO_FREE char *why = xasprintf("it cannot be prepared: %s", what);
    if (status == 0)
        rise(place);
    else
        fall(place, why);
}

static void prepare(struct place *place, const struct launch *launch, const struct argv *argv)
{
    static const struct side_hooks hooks = {.done = on_prepared};
    struct hosts *hosts = place->hosts;
    uv_timer_stop(&place->timer);
    if (hosts->hooks.intents(hosts->data, launch) == 0)
        place->prepare =
            side_start(hosts->hands, argv, PREPARE_NS, hosts->launcher->mask, &hooks, place);
    if (!place->prepare)
        fall(place, strerror(errno));
}

/* What it needs next: another hold, or to be prepared, or nothing more. */
static void open_next(struct place *place)
{
    const struct launcher *launcher = place->hosts->launcher;
    struct launch launch;
    AUTO_ARGV struct argv argv = ARGV_INIT;
    AUTO_FREE char *error = NULL;
    if (place->hosts->ending)
        return;
    int found =
        launch_host(&launch, launcher, place->host, LAUNCH_HOLD, place->opened, &argv, &error);
    if (found > 0) {
        start_hold(place, &argv);
    } else if (found == 0) {
        launch_free(&launch);
        found = launch_host(&launch, launcher, place->host, LAUNCH_PREPARE, 0, &argv, &error);
        if (found > 0)
            prepare(place, &launch, &argv);
        else if (found == 0)
            rise(place);
    }
    launch_free(&launch);
    if (found < 0)
        fall(place, error);
}

/* ---- the run's side ---- */

enum host_state hosts_state(const struct hosts *hosts, size_t host)
{
    const struct place *place = &hosts->places[host];
    if (place->state == PLACE_OFF || place->state == PLACE_UP)
        return HOST_USABLE;
    return place->gone ? HOST_GONE : HOST_AWAY;
}

const char *hosts_lost(const struct hosts *hosts, size_t host)
{
    const struct place *place = &hosts->places[host];
    return hosts_state(hosts, host) == HOST_USABLE ? NULL : place->why;
}

void hosts_note_lost(struct hosts *hosts, size_t host, const char *why, uint64_t when_ns)
{
    struct place *place = &hosts->places[host];
    if (place->state == PLACE_UP && place->up_ns > when_ns)
        return;
    if (place->state == PLACE_OFF) {
        place->state = PLACE_UP;
        place->up_ns = clock_mono_ns();
    }
    fall(place, why);
}

struct hosts *hosts_new(uv_loop_t *loop, struct hands *hands, struct launcher *launcher,
                        const struct hosts_hooks *hooks, void *data)
{
    const struct plan *plan = launcher->plan;
    struct hosts *hosts = xcalloc(1, sizeof *hosts);
    *hosts = (struct hosts){.loop = loop,
                            .hands = hands,
                            .launcher = launcher,
                            .hooks = *hooks,
                            .data = data,
                            .n = plan->n_hosts};
    hosts->places = xcalloc(hosts->n, sizeof *hosts->places);
    for (size_t i = 0; i < hosts->n; i++) {
        struct place *place = &hosts->places[i];
        *place = (struct place){.hosts = hosts, .host = &plan->hosts[i], .index = i};
        uv_timer_init(loop, &place->timer);
        place->timer.data = place;
    }
    return hosts;
}

static bool any_uses(const struct step *steps, size_t n, size_t host)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; steps[i].selected && k < steps[i].hosts.n; k++) {
            if (steps[i].on_hosts[k] == host)
                return true;
        }
    }
    return false;
}

/* Short, for sockets, and nobody else's. */
static int make_folder(struct hosts *hosts)
{
    const char *base = getenv("XDG_RUNTIME_DIR");
    bool good = base && *base == '/' && strlen(base) < 30 && access(base, W_OK | X_OK) == 0;
    hosts->folder = xasprintf("%s/ciplug-%s-XXXXXX", good ? base : "/tmp", hosts->launcher->run);
    if (strlen(hosts->folder) > FOLDER_MAX || !mkdtemp(hosts->folder)) {
        free(hosts->folder);
        hosts->folder = NULL;
        return -1;
    }
    hosts->launcher->held = hosts->folder;
    return 0;
}

int hosts_start(struct hosts *hosts)
{
    const struct plan *plan = hosts->launcher->plan;
    for (size_t i = 0; i < hosts->n; i++) {
        struct place *place = &hosts->places[i];
        if (!launch_holds(place->host) || (!any_uses(plan->steps, plan->n_steps, i) &&
                                           !any_uses(plan->cleanups, plan->n_cleanups, i)))
            continue;
        if (!hosts->folder) {
            if (make_folder(hosts) < 0)
                return -1;
            hosts->hooks.folder(hosts->data, hosts->folder);
        }
        place->state = PLACE_OPENING;
        open_next(place);
    }
    hosts->started = true;
    return 0;
}

static bool busy(const struct hosts *hosts)
{
    for (size_t i = 0; i < hosts->n; i++) {
        if (hosts->places[i].holds || hosts->places[i].prepare)
            return true;
    }
    return false;
}

void hosts_quiet(struct hosts *hosts)
{
    hosts->ending = true;
    for (size_t i = 0; i < hosts->n; i++) {
        uv_timer_stop(&hosts->places[i].timer);
        if (hosts->places[i].prepare)
            side_kill(hosts->places[i].prepare);
    }
}

void hosts_finish(struct hosts *hosts)
{
    hosts_quiet(hosts);
    for (size_t i = 0; i < hosts->n; i++)
        end_holds(&hosts->places[i]);
    while (busy(hosts) && uv_run(hosts->loop, UV_RUN_ONCE))
        ;
    for (size_t i = 0; i < hosts->n; i++)
        uv_close((uv_handle_t *)&hosts->places[i].timer, NULL);
    if (hosts->folder)
        (void)tree_remove(AT_FDCWD, hosts->folder);
}

void hosts_free(struct hosts *hosts)
{
    for (size_t i = 0; hosts && i < hosts->n; i++)
        free(hosts->places[i].why);
    if (!hosts)
        return;
    free(hosts->places);
    free(hosts->folder);
    free(hosts);
}
