/* SPDX-License-Identifier: MIT */
#include "screen.h"

#include "safeguard.h"
#include "screen_thread.h"
#include "util.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define QUEUE_LIMIT ((size_t)4 * 1024 * 1024)
/* Above so many entries, ranges of files join earlier ones of the same file. */
#define RANGES_LIMIT  4096
#define RANGES_SEARCH 256
#define LOOK_AGAIN_NS (20 * NS_PER_MS)
#define JOIN_SECONDS  1

void screen_entry_free(struct screen_entry *entry)
{
    if (!entry)
        return;
    free(entry->prefix);
    free(entry->data);
    free(entry);
}

static struct screen_entry *entry_new(enum screen_kind kind, const void *data, size_t length,
                                      const char *prefix, bool finish)
{
    struct screen_entry *entry = xcalloc(1, sizeof *entry);
    entry->kind = kind;
    entry->data = xmemdup(data, length);
    entry->length = length;
    entry->prefix = prefix ? xstrdup(prefix) : NULL;
    entry->finish = finish;
    return entry;
}

/* Under the mutex, as all that follows up to screen_text. */
static void append(struct screen *screen, struct screen_entry *entry)
{
    entry->previous = screen->last;
    *(screen->last ? &screen->last->next : &screen->first) = entry;
    screen->last = entry;
    screen->count++;
    screen->queued += entry->length;
    pthread_cond_signal(&screen->work);
}

static uint64_t count_lines(const char *text, size_t length)
{
    uint64_t lines = 0;
    const char *end = text + length;
    for (const char *p = text; p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++)
        lines++;
    return lines ? lines : 1;
}

/* Leave text out, and say so in its place. */
static void drop(struct screen *screen, const char *text, size_t length)
{
    if (!screen->last || screen->last->kind != SCREEN_DROPPED)
        append(screen, entry_new(SCREEN_DROPPED, "", 0, NULL, true));
    screen->last->lines += count_lines(text, length);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool joins(const struct screen_entry *entry, const char *path, uint64_t offset,
                  const char *prefix)
{
    return entry->kind == SCREEN_RANGE && !entry->finish && entry->rest != UINT64_MAX &&
           entry->offset + entry->rest == offset && strcmp(entry->data, path) == 0 &&
           same_text(entry->prefix, prefix);
}

/* A queued range that ends where this one begins: the last, or, when the reader is far behind, an
 * earlier one, so that a stuck terminal costs no memory. Whole lines may thus overtake others. */
static struct screen_entry *find_range(struct screen *screen, const char *path, uint64_t offset,
                                       const char *prefix)
{
    size_t search = screen->count > RANGES_LIMIT ? RANGES_SEARCH : 1;
    for (struct screen_entry *entry = screen->last; entry && search; entry = entry->previous) {
        if (joins(entry, path, offset, prefix))
            return entry;
        search--;
    }
    return NULL;
}

static bool discards(const struct screen *screen)
{
    return __atomic_load_n(&screen->error, __ATOMIC_RELAXED) != 0;
}

/* Wait a little for the thread. Under the mutex. */
static void wait_a_little(struct screen *screen)
{
    uint64_t until = clock_mono_ns() + LOOK_AGAIN_NS;
    struct timespec t = {.tv_sec = (time_t)(until / NS_PER_S), .tv_nsec = (long)(until % NS_PER_S)};
    pthread_cond_timedwait(&screen->done, &screen->mutex, &t);
}

static void wait_unguarded(struct screen *screen)
{
    while (!SAFEGUARD(screen_never_waits) && (screen->first || screen->current) &&
           !discards(screen))
        wait_a_little(screen);
}

static void push_bytes(struct screen *screen, enum screen_kind kind, const void *bytes,
                       size_t length, const char *prefix, bool finish, bool droppable)
{
    if (length == 0 || discards(screen))
        return;
    pthread_mutex_lock(&screen->mutex);
    wait_unguarded(screen);
    if (droppable && screen->queued + length > QUEUE_LIMIT)
        drop(screen, bytes, length);
    else
        append(screen, entry_new(kind, bytes, length, prefix, finish));
    pthread_mutex_unlock(&screen->mutex);
}

void screen_text(struct screen *screen, const char *text, size_t length, bool droppable)
{
    push_bytes(screen, SCREEN_TEXT, text, length, NULL, false, droppable);
}

void screen_mark(struct screen *screen, const char *text, size_t length)
{
    push_bytes(screen, SCREEN_MARK, text, length, NULL, false, false);
}

void screen_output(struct screen *screen, const void *bytes, size_t length, const char *prefix,
                   bool finish)
{
    push_bytes(screen, SCREEN_OUTPUT, bytes, length, prefix, finish, true);
}

void screen_file(struct screen *screen, const char *path, uint64_t offset, uint64_t length,
                 const char *prefix, bool finish)
{
    if (length == 0 || discards(screen))
        return;
    pthread_mutex_lock(&screen->mutex);
    wait_unguarded(screen);
    struct screen_entry *entry = find_range(screen, path, offset, prefix);
    if (entry) {
        entry->rest = length == UINT64_MAX ? length : entry->rest + length;
        entry->finish = finish;
    } else {
        entry = entry_new(SCREEN_RANGE, path, strlen(path) + 1, prefix, finish);
        entry->length = 0; /* a path is no text that could be dropped */
        entry->offset = offset;
        entry->rest = length;
        append(screen, entry);
    }
    pthread_mutex_unlock(&screen->mutex);
}

void screen_status(struct screen *screen, const char *lines)
{
    if (!screen->terminal || discards(screen))
        return;
    pthread_mutex_lock(&screen->mutex);
    free(screen->status);
    screen->status = xstrdup(lines);
    pthread_cond_signal(&screen->work);
    pthread_mutex_unlock(&screen->mutex);
}

void screen_forget_status(struct screen *screen)
{
    __atomic_store_n(&screen->forget, true, __ATOMIC_RELAXED);
}

int screen_error(struct screen *screen)
{
    return __atomic_load_n(&screen->error, __ATOMIC_ACQUIRE);
}

static void conditions_init(struct screen *screen)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&screen->mutex, NULL);
    pthread_cond_init(&screen->work, NULL);
    pthread_cond_init(&screen->done, &attr);
    pthread_condattr_destroy(&attr);
}

static void screen_destroy(struct screen *screen)
{
    while (screen->first) {
        struct screen_entry *entry = screen->first;
        screen->first = entry->next;
        screen_entry_free(entry);
    }
    screen_thread_clear(screen);
    pthread_mutex_destroy(&screen->mutex);
    pthread_cond_destroy(&screen->work);
    pthread_cond_destroy(&screen->done);
    free(screen->status);
    free(screen);
}

struct screen *screen_new(int fd, bool color)
{
    struct screen *screen = xcalloc(1, sizeof *screen);
    struct stat st;
    screen->fd = fd;
    screen->color = color;
    screen->terminal = isatty(fd) == 1;
    screen->regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    screen->log_fd = -1;
    conditions_init(screen);
    /* Signals belong to the loop; SIGPIPE of this thread becomes EPIPE. */
    sigset_t all, old;
    sigfillset(&all);
    if (!SAFEGUARD(ignore_sigpipe))
        sigdelset(&all, SIGPIPE);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&screen->thread, NULL, screen_thread_main, screen);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (error) {
        screen_destroy(screen);
        errno = error;
        return NULL;
    }
    return screen;
}

/* Returns whether the thread has ended. */
static bool wait_for_end(struct screen *screen, uint64_t stall_ns, const volatile bool *cancel)
{
    uint64_t moved = 0, since = clock_mono_ns();
    pthread_mutex_lock(&screen->mutex);
    screen->closing = true;
    pthread_cond_signal(&screen->work);
    while (!screen->ended && !(cancel && *cancel)) {
        wait_a_little(screen);
        uint64_t now = clock_mono_ns();
        uint64_t current = __atomic_load_n(&screen->moved, __ATOMIC_RELAXED);
        if (current != moved)
            since = now;
        else if (now - since >= stall_ns)
            break;
        moved = current;
    }
    bool ended = screen->ended;
    pthread_mutex_unlock(&screen->mutex);
    return ended;
}

int screen_free(struct screen *screen, uint64_t stall_ns, const volatile bool *cancel)
{
    if (!screen)
        return 0;
    int error = 0;
    /* A thread that is stuck in write(2) can be cancelled there, and only there. */
    if (!wait_for_end(screen, stall_ns, cancel)) {
        __atomic_store_n(&screen->abandoned, true, __ATOMIC_RELAXED);
        pthread_cancel(screen->thread);
        error = ETIMEDOUT;
    }
    struct timespec limit;
    clock_gettime(CLOCK_MONOTONIC, &limit);
    limit.tv_sec += JOIN_SECONDS;
    /* Stuck in the kernel, on a dead network file system: left to the end of the program. */
    if (pthread_clockjoin_np(screen->thread, NULL, CLOCK_MONOTONIC, &limit) != 0) {
        pthread_detach(screen->thread);
        return ETIMEDOUT;
    }
    if (screen_error(screen))
        error = screen_error(screen);
    else if (!error)
        error = screen->unread;
    screen_destroy(screen);
    return error;
}

bool screen_is_terminal(int fd)
{
    const char *term = getenv("TERM");
    return isatty(fd) && term && strcmp(term, "dumb") != 0;
}

bool screen_wants_color(int fd, const char *when)
{
    const char *no = getenv("NO_COLOR");
    if (strcmp(when, "auto") != 0)
        return strcmp(when, "always") == 0;
    return screen_is_terminal(fd) && !(no && *no);
}
