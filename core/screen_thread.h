/* SPDX-License-Identifier: MIT
 *
 * Between screen.c, which fills the queue, and screen_thread.c, which empties it. Nobody else
 * includes this.
 */
#ifndef CIPLUG_CORE_SCREEN_THREAD_H
#define CIPLUG_CORE_SCREEN_THREAD_H

#include "statusarea.h"
#include "strbuf.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum screen_kind {
    SCREEN_TEXT,    /* written as it is */
    SCREEN_MARK,    /* likewise, on a line of its own */
    SCREEN_OUTPUT,  /* made harmless */
    SCREEN_RANGE,   /* of a file, made harmless */
    SCREEN_DROPPED, /* says how many lines are missing here */
};

struct screen_entry {
    struct screen_entry *next, *previous;
    enum screen_kind kind;
    bool finish;
    char *prefix;          /* NULL: none */
    char *data;            /* bytes; RANGE: path */
    size_t length;         /* of bytes */
    uint64_t offset, rest; /* RANGE; rest UINT64_MAX: to the end */
    uint64_t lines;        /* DROPPED */
};

struct screen {
    int fd;
    bool color;
    bool terminal;
    bool regular; /* a file: writes need not be small to show that something moves */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t work, done;
    /* Under the mutex. */
    struct screen_entry *first, *last;
    size_t count;
    size_t queued; /* bytes of text */
    char *status;  /* new live area; NULL: unchanged */
    bool closing, ended;
    /* Atomic. */
    int error;
    uint64_t moved; /* counts writes and entries */
    bool abandoned; /* nobody waits any more */
    bool forget;    /* the live area was left behind */
    /* The thread's own until its end; freed by screen_thread_clear. */
    int unread; /* errno of the first log that could not be shown */
    struct screen_entry *current;
    struct strbuf batch;
    char raw[16 * 1024];
    char *area_text;
    struct statusarea area;
    bool middle; /* the last line that was written has no newline yet */
    int log_fd;
    char *log_path;
};

void *screen_thread_main(void *screen);
/* Give back what the thread had in its hands when it ended or was cancelled. */
void screen_thread_clear(struct screen *screen);
void screen_entry_free(struct screen_entry *entry);

#endif
