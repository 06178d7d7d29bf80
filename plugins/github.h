/* SPDX-License-Identifier: MIT
 *
 * What the files of the github plugin share.
 *
 *   github.c          events in; marks out: groups, fences
 *   github_note.c     annotations of what failed
 *   github_cases.c    cases of JUnit files that failed
 *   github_place.c    which file and line an output names
 *   github_summary.c  the job summary
 */
#ifndef CIPLUG_PLUGINS_GITHUB_H
#define CIPLUG_PLUGINS_GITHUB_H

#include "text.h"
#include <ciplug/plugin.h>

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define PLACES_MAX   3
#define FAILURES_MAX 500
#define FLAKY_MAX    200
#define SLOWEST_MAX  10

/* A file of the workspace that an output names. */
struct place {
    char *file;            /* relative to the workspace */
    uint32_t line, column; /* 0: none */
    char *text;            /* the line that names it; NULL: it says nothing more */
};

struct places {
    struct place list[PLACES_MAX];
    size_t n;
};

struct entry {
    char *name;
    char *reason;
    int32_t outcome;
    uint64_t ns;
    bool allowed;
};

struct entries {
    struct entry *list;
    size_t n, alloc;
    uint64_t more; /* that are not kept */
};

/* One run, as the summary tells it. */
struct tale {
    char *run, *reason;
    uint64_t started_ns, last_ns;
    bool begun, ended;
    int32_t exit_status;
    struct ciplug_ledger ledger;
    struct entries failures, cleanups, flaky, slowest;
};

struct failed_case {
    char *item, *file, *text; /* as told; item: "" not known */
    uint32_t line;
};

/* Of the attempt that ends next, or has just ended: they come in one piece. */
struct cases {
    char *step; /* NULL: none yet */
    uint32_t number, attempt;
    struct failed_case *list;
    size_t n, alloc;
};

struct github {
    const struct ciplug_api *api;
    bool decided, active, replayed;
    bool failed; /* no memory, no token */
    char *file;  /* where the summary goes; NULL: GITHUB_STEP_SUMMARY */
    char workspace[PATH_MAX];
    struct text mark;
    char token[33]; /* of the fence that is open; "": none */
    bool group;     /* one is open */
    uint32_t most, n_errors, n_warnings;
    struct text notes; /* of a replayed run */
    struct cases cases;
    struct tale tale;
    struct text summary; /* of the runs that have been told */
};

/* github_note.c: the annotations of a command that has ended, as whole lines. */
bool github_deserves(const struct ciplug_event *event);
void github_note(struct github *github, const struct ciplug_event *event, struct text *out);
/* One for a run that failed otherwise, or has no end. */
void github_note_run(struct github *github, struct text *out);
/* Data of a workflow command; a property of one where `property` is set. */
void github_escape(struct text *out, const char *plain, bool property);
/* "unit 4 [x]", the bytes as they are. */
void github_name(struct text *out, const struct ciplug_command *command);

/* github_cases.c */
void github_case(struct github *github, const struct ciplug_event *event);
/* Of what has ended, the first (`at` NULL) and the next; NULL: no more. */
const struct failed_case *github_case_of(const struct github *github,
                                         const struct ciplug_event *event,
                                         const struct failed_case *at);
void github_cases_free(struct github *github);

/* github_place.c */
void github_places(const struct github *github, const struct ciplug_event *event,
                   struct places *places);
/* A path, relative or absolute, as a file of the workspace: relative to it, the caller's; NULL. */
char *github_resolve(const struct github *github, const struct ciplug_command *command,
                     const char *path, size_t length);
void github_places_free(struct places *places);

/* github_summary.c */
void github_tale_event(struct github *github, const struct ciplug_event *event);
/* Add what is known to the summary, and forget it. */
void github_tell(struct github *github);
/* Append to a file that others may have begun. 0, or -1 after a message. */
int github_append(struct github *github, const char *path);
void github_tale_free(struct tale *tale);

#endif
