/* SPDX-License-Identifier: MIT */
#include "screen_thread.h"

#include "harmless.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH_SIZE ((size_t)32 * 1024)
/* So that a slow reader can be told from one that is gone for lunch. */
#define WRITE_SIZE ((size_t)4096)

static bool gives_up(const struct screen *screen)
{
    return __atomic_load_n(&screen->error, __ATOMIC_RELAXED) != 0 ||
           __atomic_load_n(&screen->abandoned, __ATOMIC_RELAXED);
}

static void move(struct screen *screen)
{
    __atomic_add_fetch(&screen->moved, 1, __ATOMIC_RELAXED);
}

/* A terminal that hung up, a socket that was reset: the reader went away. */
static void fail(struct screen *screen, int error)
{
    if ((error == EIO && screen->terminal) || error == ECONNRESET)
        error = EPIPE;
    __atomic_store_n(&screen->error, error, __ATOMIC_RELEASE);
}

/* One write(2): the only place where the thread may be cancelled. The descriptor may have been made
 * non-blocking by somebody who shares it. */
static ssize_t write_some(int fd, const char *bytes, size_t length)
{
    int ignored;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &ignored);
    ssize_t n = write(fd, bytes, length);
    int error = errno;
    if (n < 0 && error == EAGAIN) {
        struct pollfd pfd = {.fd = fd, .events = POLLOUT};
        poll(&pfd, 1, -1);
    }
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &ignored);
    errno = error;
    return n;
}

static void write_out(struct screen *screen, const char *bytes, size_t length)
{
    size_t most = screen->regular ? length : WRITE_SIZE;
    while (length > 0 && !gives_up(screen)) {
        ssize_t n = write_some(screen->fd, bytes, length < most ? length : most);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            fail(screen, errno);
        if (n <= 0)
            continue;
        bytes += n;
        length -= (size_t)n;
        move(screen);
    }
}

static void draw_area(struct screen *screen)
{
    if (!screen->area_text || !*screen->area_text || screen->middle)
        return;
    struct winsize size = {0};
    if (ioctl(screen->fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        size.ws_col = 80;
    statusarea_draw(&screen->area, screen->area_text, size.ws_col, size.ws_row ? size.ws_row : 24,
                    &screen->batch);
}

/* Text goes into the batch between these two, so that area and text change in one write. */
static void batch_begin(struct screen *screen)
{
    strbuf_clear(&screen->batch);
    if (__atomic_exchange_n(&screen->forget, false, __ATOMIC_RELAXED))
        screen->area.drawn = 0;
    statusarea_clear(&screen->area, &screen->batch);
}

static void batch_end(struct screen *screen)
{
    draw_area(screen);
    write_out(screen, strbuf_text(&screen->batch), screen->batch.len);
    strbuf_clear(&screen->batch);
}

static void batch_full(struct screen *screen)
{
    if (screen->batch.len < BATCH_SIZE)
        return;
    batch_end(screen);
    batch_begin(screen);
}

static void add_bytes(struct screen *screen, const struct screen_entry *entry)
{
    struct harmless harmless = {.color = screen->color, .prefix = entry->prefix};
    for (size_t done = 0; done < entry->length && !gives_up(screen);) {
        size_t n = entry->length - done;
        n = n < BATCH_SIZE ? n : BATCH_SIZE;
        harmless_feed(&harmless, entry->data + done, n, &screen->batch);
        screen->middle = harmless.middle;
        done += n;
        batch_full(screen);
    }
    harmless_end(&harmless, &screen->batch, entry->finish);
    screen->middle = harmless.middle;
}

/* -1 with errno. Logs are regular files; what else may lie there is left alone. */
static int open_regular(const char *path)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
    struct stat st;
    if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        errno = EINVAL;
        return -1;
    }
    return fd;
}

/* The file of the last range stays open: the next one is often of the same. */
static int open_log(struct screen *screen, const char *path)
{
    if (screen->log_fd >= 0 && strcmp(screen->log_path, path) == 0)
        return screen->log_fd;
    if (screen->log_fd >= 0)
        close(screen->log_fd);
    free(screen->log_path);
    screen->log_path = xstrdup(path);
    screen->log_fd = open_regular(path);
    return screen->log_fd;
}

static void cannot_read(struct screen *screen, const char *path)
{
    int error = errno;
    if (!screen->unread)
        screen->unread = error;
    strbuf_addstr(&screen->batch, "ciplug: cannot show ");
    harmless_name(&screen->batch, path, 1000);
    /* Not strerror(): another thread may use it. */
    const char *text = strerrordesc_np(error);
    strbuf_addf(&screen->batch, ": %s\n", text ? text : "unknown error");
}

/* Returns the bytes read, 0 at the end of the file or where it cannot be read. */
static size_t read_log(struct screen *screen, int fd, uint64_t offset, uint64_t rest)
{
    size_t wanted = rest < sizeof screen->raw ? (size_t)rest : sizeof screen->raw;
    ssize_t n;
    do
        n = pread(fd, screen->raw, wanted, (off_t)offset);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        cannot_read(screen, screen->log_path);
    return n > 0 ? (size_t)n : 0;
}

static void add_range(struct screen *screen, const struct screen_entry *entry)
{
    struct harmless harmless = {.color = screen->color, .prefix = entry->prefix};
    int fd = open_log(screen, entry->data);
    if (fd < 0) {
        cannot_read(screen, entry->data);
        return;
    }
    uint64_t offset = entry->offset, rest = entry->rest;
    while (rest > 0 && !gives_up(screen)) {
        size_t n = read_log(screen, fd, offset, rest);
        if (n == 0)
            break;
        harmless_feed(&harmless, screen->raw, n, &screen->batch);
        screen->middle = harmless.middle;
        offset += n;
        rest -= rest == UINT64_MAX ? 0 : n;
        batch_full(screen);
    }
    harmless_end(&harmless, &screen->batch, entry->finish);
    screen->middle = harmless.middle;
}

static void add_entry(struct screen *screen, const struct screen_entry *entry)
{
    switch (entry->kind) {
    case SCREEN_MARK:
        /* A log may be shorter than its last line once was. */
        if (screen->middle)
            strbuf_addch(&screen->batch, '\n');
        /* fall through */
    case SCREEN_TEXT:
        strbuf_add(&screen->batch, entry->data, entry->length);
        screen->middle = entry->data[entry->length - 1] != '\n';
        break;
    case SCREEN_OUTPUT:
        add_bytes(screen, entry);
        break;
    case SCREEN_RANGE:
        add_range(screen, entry);
        break;
    case SCREEN_DROPPED:
        strbuf_addf(&screen->batch,
                    "ciplug: %llu lines are left out here: they were not read in time\n",
                    (unsigned long long)entry->lines);
        break;
    }
}

static void take_status(struct screen *screen)
{
    if (!screen->status)
        return;
    free(screen->area_text);
    screen->area_text = screen->status;
    screen->status = NULL;
}

static struct screen_entry *take_entry(struct screen *screen)
{
    struct screen_entry *entry = screen->first;
    if (!entry)
        return NULL;
    screen->first = entry->next;
    *(entry->next ? &entry->next->previous : &screen->last) = NULL;
    screen->count--;
    screen->queued -= entry->length;
    return entry;
}

/* Whatever is queued now or comes meanwhile, and the live area below it. */
static void work_off(struct screen *screen)
{
    batch_begin(screen);
    for (;;) {
        pthread_mutex_lock(&screen->mutex);
        screen->current = take_entry(screen);
        take_status(screen);
        pthread_mutex_unlock(&screen->mutex);
        if (!screen->current)
            break;
        if (!gives_up(screen))
            add_entry(screen, screen->current);
        batch_full(screen);
        screen_entry_free(screen->current);
        screen->current = NULL;
        move(screen);
    }
    batch_end(screen);
}

static void *thread_run(struct screen *screen)
{
    pthread_mutex_lock(&screen->mutex);
    for (;;) {
        while (!screen->first && !screen->status && !screen->closing)
            pthread_cond_wait(&screen->work, &screen->mutex);
        if (!screen->first && !screen->status)
            break;
        pthread_mutex_unlock(&screen->mutex);
        work_off(screen);
        pthread_mutex_lock(&screen->mutex);
    }
    pthread_mutex_unlock(&screen->mutex);
    /* Nothing of the live area stays behind. */
    batch_begin(screen);
    write_out(screen, strbuf_text(&screen->batch), screen->batch.len);
    pthread_mutex_lock(&screen->mutex);
    screen->ended = true;
    pthread_cond_signal(&screen->done);
    pthread_mutex_unlock(&screen->mutex);
    return NULL;
}

void *screen_thread_main(void *screen)
{
    int ignored;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &ignored);
    return thread_run(screen);
}

void screen_thread_clear(struct screen *screen)
{
    screen_entry_free(screen->current);
    strbuf_free(&screen->batch);
    free(screen->area_text);
    free(screen->log_path);
    if (screen->log_fd >= 0)
        close(screen->log_fd);
}
