/* SPDX-License-Identifier: MIT */
#include "logfile.h"

#include "util.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* Small writes share a chunk until the thread takes it, large ones have their own. */
#define CHUNK_SIZE  ((size_t)16 * 1024)
#define BATCH_MAX   64
#define BATCH_BYTES ((size_t)256 * 1024)

struct chunk {
    struct chunk *next;
    struct logfile *file;
    bool close; /* no bytes: the end of the file */
    int error;  /* of this chunk; the thread sets it */
    uint64_t offset;
    size_t length;
    size_t room;
    char bytes[];
};

struct chunks {
    struct chunk *first;
    struct chunk **end; /* of the list; NULL: the list is empty */
};

struct logwriter {
    uv_async_t async;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t work, idle;
    size_t underway; /* chunks that were queued and not delivered; the loop's */
    /* Under the mutex. */
    struct chunks queue, done;
    bool busy;     /* the thread has chunks in its hands */
    bool ending;   /* no more will come */
    uint64_t turn; /* how often the thread took the queue */
};

struct logfile {
    struct logwriter *writer;
    int fd;
    int error; /* the thread's until the closing chunk is done */
    void (*written)(void *data, const void *bytes, size_t length, uint64_t offset, int error);
    void *data;
    void (*closed)(void *data, uint64_t total, int error);
    void *closed_data;
    size_t pending;     /* the loop's */
    uint64_t total;     /* the loop's */
    struct chunk *last; /* may grow while the queue is the one of `turn` */
    uint64_t turn;
};

static void chunks_append(struct chunks *list, struct chunk *first, struct chunk **end)
{
    *(list->first ? list->end : &list->first) = first;
    list->end = end;
}

static struct chunk *chunks_take(struct chunks *list)
{
    struct chunk *first = list->first;
    list->first = NULL;
    return first;
}

/* EAGAIN comes only where somebody else made a shared FIFO non-blocking. */
static bool wait_writable(int fd)
{
    struct pollfd pfd = {.fd = fd, .events = POLLOUT};
    return poll(&pfd, 1, -1) >= 0 || errno == EINTR;
}

/* Returns how many could not be written, with errno. */
static int write_vector(int fd, struct iovec *iov, int n)
{
    while (n > 0) {
        ssize_t wrote = writev(fd, iov, n);
        if (wrote < 0 && (errno == EINTR || (errno == EAGAIN && wait_writable(fd))))
            continue;
        if (wrote < 0)
            return n;
        size_t left = (size_t)wrote;
        for (; n > 0 && left >= iov->iov_len; iov++, n--)
            left -= iov->iov_len;
        if (n > 0) {
            iov->iov_base = (char *)iov->iov_base + left;
            iov->iov_len -= left;
        }
    }
    return 0;
}

/* Write as many chunks as follow each other in one file; returns the first that is left. An error
 * is told with the first chunk that is not whole. */
static struct chunk *write_batch(struct chunk *first)
{
    struct logfile *file = first->file;
    struct iovec iov[BATCH_MAX];
    int n = 0;
    size_t bytes = 0;
    struct chunk *chunk = first;
    while (chunk && chunk->file == file && !chunk->close && n < BATCH_MAX && bytes < BATCH_BYTES) {
        iov[n++] = (struct iovec){.iov_base = chunk->bytes, .iov_len = chunk->length};
        bytes += chunk->length;
        chunk = chunk->next;
    }
    int left = file->error ? 0 : write_vector(file->fd, iov, n);
    if (left) {
        file->error = errno;
        for (int i = n - left; i > 0; i--)
            first = first->next;
        first->error = file->error;
    }
    return chunk;
}

static struct chunk *write_next(struct chunk *chunk)
{
    if (!chunk->close)
        return write_batch(chunk);
    struct logfile *file = chunk->file;
    /* Some file systems tell only here that the disk is full. EINTR: closed all the same. */
    if (close(file->fd) < 0 && errno != EINTR && file->error == 0)
        file->error = errno;
    return chunk->next;
}

/* Done chunks go back batch by batch, so that a blocked file holds up no news of others. */
static void write_list(struct logwriter *writer, struct chunk *chunk)
{
    while (chunk) {
        struct chunk *first = chunk;
        struct chunk *next = write_next(chunk);
        while (chunk->next != next)
            chunk = chunk->next;
        chunk->next = NULL;
        pthread_mutex_lock(&writer->mutex);
        chunks_append(&writer->done, first, &chunk->next);
        pthread_mutex_unlock(&writer->mutex);
        uv_async_send(&writer->async);
        chunk = next;
    }
}

static void *writer_main(void *data)
{
    struct logwriter *writer = data;
    pthread_mutex_lock(&writer->mutex);
    for (;;) {
        while (!writer->queue.first && !writer->ending)
            pthread_cond_wait(&writer->work, &writer->mutex);
        if (!writer->queue.first)
            break;
        struct chunk *list = chunks_take(&writer->queue);
        writer->turn++;
        writer->busy = true;
        pthread_mutex_unlock(&writer->mutex);
        write_list(writer, list);
        pthread_mutex_lock(&writer->mutex);
        writer->busy = false;
        pthread_cond_signal(&writer->idle);
    }
    pthread_mutex_unlock(&writer->mutex);
    return NULL;
}

static void finish_chunk(struct chunk *chunk)
{
    struct logfile *file = chunk->file;
    if (!chunk->close) {
        if (file->written)
            file->written(file->data, chunk->bytes, chunk->length, chunk->offset, chunk->error);
        file->pending -= chunk->length;
    } else {
        struct logfile gone = *file;
        free(file);
        if (gone.closed)
            gone.closed(gone.closed_data, gone.total, gone.error);
    }
    free(chunk);
}

/* Returns whether there was anything. */
static bool writer_deliver(struct logwriter *writer)
{
    pthread_mutex_lock(&writer->mutex);
    struct chunk *chunk = chunks_take(&writer->done);
    pthread_mutex_unlock(&writer->mutex);
    bool any = chunk;
    while (chunk) {
        struct chunk *next = chunk->next;
        if (--writer->underway == 0)
            uv_unref((uv_handle_t *)&writer->async);
        finish_chunk(chunk);
        chunk = next;
    }
    return any;
}

static void on_async(uv_async_t *async)
{
    writer_deliver(async->data);
}

/* With all signals blocked: they belong to the loop, and a write to a closed FIFO or above the
 * file size limit then returns EPIPE or EFBIG, whatever the program did about SIGPIPE, SIGXFSZ. */
static int thread_start(struct logwriter *writer)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&writer->thread, NULL, writer_main, writer);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return error;
}

static void on_close(uv_handle_t *handle)
{
    struct logwriter *writer = handle->data;
    pthread_mutex_destroy(&writer->mutex);
    pthread_cond_destroy(&writer->work);
    pthread_cond_destroy(&writer->idle);
    free(writer);
}

struct logwriter *logwriter_new(uv_loop_t *loop)
{
    struct logwriter *writer = xcalloc(1, sizeof *writer);
    int error = uv_async_init(loop, &writer->async, on_async);
    if (error) {
        free(writer);
        errno = -error;
        return NULL;
    }
    writer->async.data = writer;
    /* It keeps the loop alive only while something is underway. */
    uv_unref((uv_handle_t *)&writer->async);
    pthread_mutex_init(&writer->mutex, NULL);
    pthread_cond_init(&writer->work, NULL);
    pthread_cond_init(&writer->idle, NULL);
    error = thread_start(writer);
    if (error) {
        uv_close((uv_handle_t *)&writer->async, on_close);
        errno = error;
        return NULL;
    }
    return writer;
}

/* Callbacks may queue more, so ask again until both sides have nothing. */
static void writer_settle(struct logwriter *writer)
{
    bool more = true;
    while (more) {
        pthread_mutex_lock(&writer->mutex);
        while (writer->queue.first || writer->busy)
            pthread_cond_wait(&writer->idle, &writer->mutex);
        pthread_mutex_unlock(&writer->mutex);
        more = writer_deliver(writer);
    }
}

void logwriter_free(struct logwriter *writer)
{
    if (!writer)
        return;
    writer_settle(writer);
    pthread_mutex_lock(&writer->mutex);
    writer->ending = true;
    pthread_cond_signal(&writer->work);
    pthread_mutex_unlock(&writer->mutex);
    pthread_join(writer->thread, NULL);
    uv_close((uv_handle_t *)&writer->async, on_close);
}

struct logfile *logfile_new(struct logwriter *writer, int fd,
                            void (*written)(void *data, const void *bytes, size_t length,
                                            uint64_t offset, int error),
                            void *data)
{
    struct logfile *file = xcalloc(1, sizeof *file);
    file->writer = writer;
    file->fd = fd;
    file->written = written;
    file->data = data;
    return file;
}

static struct chunk *chunk_new(struct logfile *file, size_t room)
{
    struct chunk *chunk = xmalloc(sizeof *chunk + room);
    *chunk = (struct chunk){.file = file, .offset = file->total, .room = room};
    return chunk;
}

static void writer_push(struct logwriter *writer, struct chunk *chunk)
{
    if (writer->underway++ == 0)
        uv_ref((uv_handle_t *)&writer->async);
    pthread_mutex_lock(&writer->mutex);
    chunks_append(&writer->queue, chunk, &chunk->next);
    chunk->file->last = chunk;
    chunk->file->turn = writer->turn;
    pthread_cond_signal(&writer->work);
    pthread_mutex_unlock(&writer->mutex);
}

/* Into the chunk that waits in the queue already, where it has room. */
static bool append_to_last(struct logfile *file, const void *bytes, size_t length)
{
    bool fits = false;
    pthread_mutex_lock(&file->writer->mutex);
    struct chunk *last = file->writer->turn == file->turn ? file->last : NULL;
    if (last && last->room - last->length >= length) {
        memcpy(last->bytes + last->length, bytes, length);
        last->length += length;
        fits = true;
    }
    pthread_mutex_unlock(&file->writer->mutex);
    return fits;
}

void logfile_write(struct logfile *file, const void *bytes, size_t length)
{
    if (length == 0)
        return;
    if (!append_to_last(file, bytes, length)) {
        struct chunk *chunk = chunk_new(file, length > CHUNK_SIZE ? length : CHUNK_SIZE);
        memcpy(chunk->bytes, bytes, length);
        chunk->length = length;
        writer_push(file->writer, chunk);
    }
    file->total += length;
    file->pending += length;
}

size_t logfile_pending(const struct logfile *file)
{
    return file->pending;
}

void logfile_close(struct logfile *file, void (*closed)(void *data, uint64_t total, int error),
                   void *data)
{
    file->closed = closed;
    file->closed_data = data;
    struct chunk *chunk = chunk_new(file, 0);
    chunk->close = true;
    writer_push(file->writer, chunk);
}
