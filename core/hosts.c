/* SPDX-License-Identifier: MIT */
#include "attempt.h"
#include "hosts_internal.h"
#include "safeguard.h"
#include "tree.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREPARE_NS  (600 * NS_PER_S)
#define REACH_NS    (10 * NS_PER_S)
#define REST_MS     1000 /* doubled with each try that fails, up to */
#define REST_MAX_MS 60000
#define STEADY_NS   (60 * NS_PER_S) /* up for so long: the next loss is the first again */
#define PATIENCE_NS (60 * NS_PER_S) /* lost for so long: nobody waits for it any more */
#define FOLDER_MAX  60              /* as the public header promises */

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
    if (place->asking)
        side_kill(place->asking);
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
    else if (place->gone && !was_gone && !place->told)
        tell(place, "cannot be reached: %s; the run goes on without it", place->why);
    place->told |= place->gone;
}

void place_fall(struct place *place, const char *why)
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
    if (place->lost_ns && place->opens) {
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
    if (place->holds || place->asking) {
        uv_timer_start(timer, on_rested, 100, 0);
        return;
    }
    place->state = PLACE_OPENING;
    place->opened = 0;
    place->reached = 0;
    place_open_next(place);
}

/* ---- prepared, and reached ---- */

static void ask(struct place *place, const struct argv *argv, uint64_t limit_ns,
                const struct side_hooks *hooks)
{
    struct hosts *hosts = place->hosts;
    uv_timer_stop(&place->timer);
    place->asking = side_start(hosts->hands, argv, limit_ns, hosts->launcher->mask, hooks, place);
    if (!place->asking)
        place_fall(place, strerror(errno));
}

static void reach_next(struct place *place);

static void on_reached(void *data, int status, const char *what)
{
    struct place *place = data;
    place->asking = NULL;
    if (place->state != PLACE_OPENING || place->hosts->ending)
        return;
    place->silent = status != 0;
    if (status != 0) {
        place_fall(place, what);
        return;
    }
    place->reached++;
    reach_next(place);
}

static void reach_next(struct place *place)
{
    static const struct side_hooks hooks = {.steady = true, .done = on_reached};
    if (place->reached < place->reaches.n && SAFEGUARD(reached_before_used))
        ask(place, &place->reaches.list[place->reached], REACH_NS, &hooks);
    else
        rise(place);
}

static void reach(struct place *place)
{
    AUTO_FREE char *error = NULL;
    if (place->reaches.n == 0 &&
        launch_reaches(&place->reaches, place->hosts->launcher, place->host, &error) < 0) {
        launch_list_free(&place->reaches);
        place_fall(place, error);
        return;
    }
    reach_next(place);
}

static void on_prepared(void *data, int status, const char *what)
{
    struct place *place = data;
    place->asking = NULL;
    if (place->state != PLACE_OPENING || place->hosts->ending)
        return;
    AUTO_FREE char *why = xasprintf("it cannot be prepared: %s", what);
    if (status == 0)
        reach(place);
    else
        place_fall(place, why);
}

static void prepare(struct place *place, const struct launch *launch, const struct argv *argv)
{
    static const struct side_hooks hooks = {.done = on_prepared};
    struct hosts *hosts = place->hosts;
    if (hosts->hooks.intents(hosts->data, launch) == 0)
        ask(place, argv, PREPARE_NS, &hooks);
    else
        place_fall(place, strerror(errno));
}

/* What it needs next: another hold, to be prepared, an answer, or nothing more. */
void place_open_next(struct place *place)
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
        place_hold(place, &argv);
    } else if (found == 0) {
        launch_free(&launch);
        found = launch_host(&launch, launcher, place->host, LAUNCH_PREPARE, 0, &argv, &error);
        if (found > 0)
            prepare(place, &launch, &argv);
        else if (found == 0)
            reach(place);
    }
    launch_free(&launch);
    if (found < 0)
        place_fall(place, error);
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

bool hosts_want(struct hosts *hosts, size_t host)
{
    struct place *place = &hosts->places[host];
    if (place->state != PLACE_RESTING || !place->gone || !place->silent || hosts->ending)
        return false;
    place->gone = false;
    uv_timer_start(&place->timer, on_rested, 1, 0);
    return true;
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
    place_fall(place, why);
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

/* Whether there is something to do before commands can start there. */
static bool opens(const struct plan *plan, const struct host *host)
{
    const struct step *lists[] = {plan->steps, plan->cleanups};
    const size_t n[] = {plan->n_steps, plan->n_cleanups};
    bool used = false, reaches = false;
    for (size_t list = 0; list < ARRAY_SIZE(lists); list++) {
        for (size_t i = 0; i < n[list]; i++) {
            const struct step *step = &lists[list][i];
            bool here = plan_step_uses(plan, step, host);
            used |= here;
            for (size_t k = 0; here && k < step->n_uses; k++)
                reaches |= step->uses[k].builder->reach != NULL;
        }
    }
    for (size_t i = 0; i < host->n_uses; i++)
        reaches |= host->uses[i].builder->reach != NULL;
    return used && host->section && (reaches || launch_holds(host));
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
        place->opens = opens(plan, place->host);
        if (!place->opens)
            continue;
        if (!hosts->folder && launch_holds(place->host)) {
            if (make_folder(hosts) < 0)
                return -1;
            hosts->hooks.folder(hosts->data, hosts->folder);
        }
        place->state = PLACE_OPENING;
        place_open_next(place);
    }
    hosts->started = true;
    return 0;
}

static bool busy(const struct hosts *hosts)
{
    for (size_t i = 0; i < hosts->n; i++) {
        if (hosts->places[i].holds || hosts->places[i].asking)
            return true;
    }
    return false;
}

void hosts_quiet(struct hosts *hosts)
{
    hosts->ending = true;
    for (size_t i = 0; i < hosts->n; i++) {
        uv_timer_stop(&hosts->places[i].timer);
        if (hosts->places[i].asking)
            side_kill(hosts->places[i].asking);
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

static void place_free(struct place *place)
{
    free(place->why);
    launch_list_free(&place->reaches);
}

void hosts_free(struct hosts *hosts)
{
    for (size_t i = 0; hosts && i < hosts->n; i++)
        place_free(&hosts->places[i]);
    if (!hosts)
        return;
    free(hosts->places);
    free(hosts->folder);
    free(hosts);
}
