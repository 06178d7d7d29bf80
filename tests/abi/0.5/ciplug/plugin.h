/* SPDX-License-Identifier: MIT
 * The one header of a ciplug plugin: C11 and C++17, needs no other of ciplug. docs/plugins.md says how
 * it is used. A plugin is a shared object with one `struct ciplug_plugin`, exported by CIPLUG_PLUGIN():
 * builders (turn a command into the one that reaches the place where it must run), a reporter
 * (receives the run's events), an advisor (says how long an item should take).
 *
 * Calls: all on the loop's thread; none may block. Ownership: arguments are borrowed until the callback
 * returns; what is handed over through the api is copied; `self` is the plugin's own.
 * Growth: structs carry their size and grow only at the end; the core copies what both sides know into
 * zeroed ones; 0 or NULL is the default; arrays are of pointers, closed by NULL; numbers have fixed
 * widths; unknown events are to be ignored, an unknown outcome is CIPLUG_ERROR. [0.2]: since ABI 0.2;
 * without: since 0.0. Times are nanoseconds; paths absolute; text is NULL where there is none.
 */
#ifndef CIPLUG_PLUGIN_H
#define CIPLUG_PLUGIN_H
/* clang-format off: tables */
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#define CIPLUG_EXPORT extern "C" __attribute__((visibility("default")))
#else
#define CIPLUG_EXPORT __attribute__((visibility("default")))
#endif
/* A plugin of major N runs on every core of major N whose minor is at least the plugin's. One that looks at sizes
 * before it uses what is newer may define a lower CIPLUG_NEEDS_MINOR. */
#define CIPLUG_ABI_MAJOR 0
#define CIPLUG_ABI_MINOR 5
#ifndef CIPLUG_NEEDS_MINOR
#define CIPLUG_NEEDS_MINOR CIPLUG_ABI_MINOR
#endif

/* Outcomes: how a command ended, exactly one each. */
#define CIPLUG_PASSED    1
#define CIPLUG_FAILED    2 /* by its exit code */
#define CIPLUG_SIGNALED  3 /* by a signal that ciplug did not send */
#define CIPLUG_TIMEOUT   4
#define CIPLUG_ERROR     5 /* could not be run, or its place was lost */
#define CIPLUG_CANCELLED 6 /* fail-fast, signal, run_timeout; also what never started because of them */
#define CIPLUG_SKIPPED   7 /* skip code, `if`, or a failed need */
/* Flags on top of it. */
#define CIPLUG_FLAG_FLAKY       1   /* passed after a retry */
#define CIPLUG_FLAG_LEAKED      2   /* left processes behind */
#define CIPLUG_FLAG_UNKILLABLE  4   /* something survived SIGKILL */
#define CIPLUG_FLAG_TRUNCATED   8   /* its log is not whole */
#define CIPLUG_FLAG_ALLOWED     16  /* did not pass, but the step says allow_failure */
#define CIPLUG_FLAG_CARRIED     32  /* skipped: it passed in the run that this one resumes */
#define CIPLUG_FLAG_INTERRUPTED 64  /* [0.1] an error, as ciplug was killed meanwhile; only replayed */
#define CIPLUG_FLAG_JUDGED      128 /* [0.5] of several items, which `results` told apart: they follow */
/* Kinds of events, in their order but for the last; also the bits of a reporter's mask. */
#define CIPLUG_RUN_STARTED      0x0001
#define CIPLUG_STEP_STARTED     0x0002
#define CIPLUG_COMMAND_STARTED  0x0004
#define CIPLUG_COMMAND_OUTPUT   0x0008 /* live only: bytes as they were written to the log */
#define CIPLUG_COMMAND_NOTICE   0x0010 /* slow, retried, held back: `text` says it */
#define CIPLUG_COMMAND_FINISHED 0x0020
#define CIPLUG_STEP_FINISHED    0x0040
#define CIPLUG_RUN_NOTICE       0x0080 /* `text`: of the run as a whole */
#define CIPLUG_RUN_FINISHED     0x0100
#define CIPLUG_TEST_FINISHED    0x0200 /* [0.5] before the COMMAND_FINISHED of what wrote it */
#define CIPLUG_STDOUT 1
#define CIPLUG_STDERR 2
/* How many of what: items where a step has them (also batched), else commands; cleanup steps stand
 * apart. `planned` equals the sum of the seven outcomes when a run has ended. */
struct ciplug_ledger {
    size_t size;
    uint64_t planned, passed, failed, signaled, timeout, error, cancelled, skipped;
    uint64_t flaky, commands_allowed; /* among passed; did not pass, but the step says allow_failure */
};
/* What is run. */
struct ciplug_command {
    size_t size;
    const char *step;
    int32_t cleanup;              /* 1: of a cleanup step */
    uint32_t number, count;       /* 1..count; count 0: not known yet (batch) */
    const char *item;             /* any bytes but NUL; several joined by newlines when batched */
    const char *const *items;     /* each of them; NULL: none */
    uint32_t worker;              /* slot in the run's table, 1..; 0: not placed yet */
    const char *host;             /* "local" or the [host]'s name; NULL: not placed yet */
    uint32_t attempt;             /* 1.. */
    const char *project;          /* unique per run and worker; NULL: not placed yet */
    const char *script;           /* `command`, expanded, for a shell; NULL: `shell = none`, and then: */
    const char *const *words, *const *shell; /* `command` in words; in front of a script, "sh" "-ec" */
    const char *label;            /* for people: item, cell or number */
    const char *run;              /* [0.2] run id, 8 of a-z0-9; in front of what is created outside */
    const char *owner;            /* [0.2] has to be alive for it: BOOT-ID.PID.START of the runner; a label */
    const char *config_dir, *run_dir; /* [0.2] where relative paths of the file start; NULL: none (dry run, check) */
    const char *const *env;       /* [0.2] NAMEs of the variables that it has to get at its place */
    const char *cwd;              /* [0.2] where it starts there, as a guard does by itself; NULL: anywhere */
    int32_t guarded;              /* [0.2] 1: `inner` is a guard: variables come by its input, which has to reach it */
    int32_t fetches;              /* [0.2] so often fetch() is asked when it has ended; 1: the last time */
    int32_t shown;                /* [0.2] 1: for people to paste, not run: a plain command that does the same */
    const char *started;          /* [0.2] RFC 3339, UTC, of its attempt; NULL while it is built */
    const char *job;              /* [0.3] in stop(): value of CIPLUG_JOB in what runs of it at its place */
    const char *held;             /* [0.3] of a [host]: folder, private, at most 60 bytes, of what hold() made */
    uint32_t host_slot, host_slots; /* [0.3] the worker's position on its host, 1..; of how many */
    int32_t synced;               /* [0.3] 1: of a [host] with `sync = yes` */
    int32_t away;                 /* [0.3] 1: a builder outside of this one brings it to another machine */
    const char *paths_from;       /* [0.3] where relative paths start there: config_dir, or "." where the
                                     workspace is brought along; options of type PATH start there */
};
/* How it ended. */
struct ciplug_result {
    size_t size;
    int32_t outcome;
    int32_t exit_code, signal;          /* -1: none; 0: none */
    uint32_t flags;
    int32_t final;                      /* 1: the last attempt, this outcome counts */
    uint64_t started_ns, duration_ns;   /* wall clock, since 1970 (0: never started); monotonic */
    uint64_t bytes_out, bytes_err;
    const char *reason;                 /* one line, never NULL */
    const char *log_out, *log_err;
    uint32_t batch;                     /* [0.5] not 0: its item's verdict from the results of the batch of this
                                           number; not started by itself, logs and start are the batch's */
};
/* [0.5] A case of a JUnit file that `results` names. No text is NULL; "" and 0: not said. */
struct ciplug_test {
    size_t size;
    const char *suite, *classname, *name; /* suite: the innermost */
    const char *file;                     /* where it stands, as the test tool says */
    uint32_t line;                        /* 1.. */
    int32_t outcome;                      /* PASSED, FAILED, ERROR or SKIPPED */
    uint32_t flags;                       /* CIPLUG_FLAG_FLAKY */
    uint64_t duration_ns;
    const char *type, *message;           /* of the failure, error or skip */
    const char *text;                     /* its whole text, such as a trace; cut at 64 KiB */
};
struct ciplug_event {
    size_t size;
    int32_t kind;
    uint64_t time_ns;                    /* wall clock, since 1970 */
    const char *run, *run_dir, *step;    /* step: of step and command events */
    int32_t cleanup;                     /* 1: of a cleanup step */
    const struct ciplug_command *command;
    const struct ciplug_result *result;  /* COMMAND_FINISHED; COMMAND_STARTED and _OUTPUT: its logs' paths */
    const struct ciplug_ledger *ledger;  /* STEP_STARTED, STEP_FINISHED: of the step; RUN_FINISHED: of all */
    int32_t outcome, exit_status;        /* STEP_FINISHED; RUN_FINISHED */
    int32_t replayed;                    /* 1: from a journal, not live */
    const char *text;                    /* notices; STEP_FINISHED: reason */
    const void *bytes;                   /* COMMAND_OUTPUT, with the next three: */
    size_t length;
    int32_t stream;                      /* CIPLUG_STDOUT or CIPLUG_STDERR */
    uint64_t offset;                     /* of these bytes in that log */
    int32_t output;                      /* the step's: CIPLUG_OUTPUT_... */
    const struct ciplug_test *test;      /* [0.5] TEST_FINISHED; `command` then has step, cleanup, number, attempt,
                                            and as item the one that the case belongs to (NULL: not known), no more */
};
#define CIPLUG_OUTPUT_GROUP    1
#define CIPLUG_OUTPUT_LIVE     2
#define CIPLUG_OUTPUT_FAILURES 3
#define CIPLUG_OUTPUT_NONE     4
struct ciplug_argv; /* a command under construction; opaque */
struct ciplug_file; /* a file under construction; opaque */
#define CIPLUG_LOG_ERROR   0
#define CIPLUG_LOG_WARNING 1
#define CIPLUG_LOG_NOTICE  2
#define CIPLUG_LOG_DEBUG   3
/* What the core does for a plugin; valid until close() has returned. Where nothing else is said: 0, or -1. */
struct ciplug_api {
    size_t size;
    uint32_t abi_minor;
    int (*argv_add)(struct ciplug_argv *argv, const char *word); /* at the end; -1: NULL */
    int (*argv_append)(struct ciplug_argv *argv, const struct ciplug_argv *inner); /* words, environment and folder */
    /* Set a variable for the process that is started; -1: a name not of letters, digits and _, or no value. */
    int (*argv_env)(struct ciplug_argv *argv, const char *name, const char *value);
    /* An option of the plugin: the step's, else the host's, else the section's, else the default, expanded. NULL: unset.
     * Borrowed until the callback returns. `command` NULL [0.1]: of none, for reporters, from RUN_STARTED on. */
    const char *(*option)(const struct ciplug_api *api, const struct ciplug_command *command, const char *name);
    void (*message)(const struct ciplug_api *api, int32_t level, const char *text); /* a line for people; CIPLUG_LOG_... */
    /* [0.1] Files that others read: whole, or not at all; each call says itself what went wrong. At a RUN_STARTED
     * that is not replayed, remove what an earlier run left (a regular file only). */
    int (*file_remove)(const struct ciplug_api *api, const char *path);
    /* [0.1] Begin one; missing folders are made, what is there stays until it is closed. NULL: it cannot be. */
    struct ciplug_file *(*file_create)(const struct ciplug_api *api, const char *path);
    int (*file_write)(struct ciplug_file *file, const void *bytes, size_t length); /* [0.1] file_close() says what failed */
    /* [0.1] 1: put it in its place, synced; 0: throw it away. -1: the old one is still there. `file` is gone. */
    int (*file_close)(struct ciplug_file *file, int32_t keep);
    /* [0.2] In build(), prepare(): what the command may create outside, a line for reap(), which is asked at the end of
     * the run or after its death. Journaled before it starts, with these variables (NAME_... of the plugin, DOCKER_...). */
    int (*intent)(const struct ciplug_api *api, const struct ciplug_command *command, const char *what, const char *const *names);
    /* [0.3] Make one word, a line for a shell elsewhere, of the first-th (0..) and those behind it; variables by env(1). */
    int (*argv_join)(struct ciplug_argv *argv, size_t first);
    /* [0.3] The value that a variable has for the process that is started here; NULL: unset, or masked. Borrowed, too. */
    const char *(*variable)(const struct ciplug_api *api, const struct ciplug_command *command, const char *name);
};
/* From the journal of a run, so a file that anybody may have written: believe nothing that looks odd. */
struct ciplug_intent {
    size_t size;
    const char *run, *what, *owner;  /* as in struct ciplug_command, and as given to intent() */
    const struct ciplug_argv *inner; /* [0.3] `what` is what way() said: write the command that runs this there */
};
#define CIPLUG_OPTION_STRING   1 /* placeholders allowed */
#define CIPLUG_OPTION_BOOL     2 /* yes, no */
#define CIPLUG_OPTION_INTEGER  3 /* min..max */
#define CIPLUG_OPTION_DURATION 4 /* 10s, 5m, 1h30m */
#define CIPLUG_OPTION_WORDS    5 /* separated by white space */
#define CIPLUG_OPTION_CHOICE   6 /* one of `choices` */
#define CIPLUG_OPTION_PATH     7 /* relative to the configuration's folder */

/* The core checks and converts by these; what does not fit ends ciplug with status 2 before anything starts. */
struct ciplug_option {
    size_t size;
    const char *name;           /* letters, digits, _ and - */
    int32_t type;
    const char *def;            /* as it would stand in the file */
    const char *help;           /* one sentence */
    const char *const *choices; /* CHOICE */
    int64_t min, max;           /* INTEGER; both 0: any */
    const char *only;           /* [0.3] STRING: the bytes it may be made of, no '-' first; NULL: any. What
                                   placeholders bring build() has to look at itself. */
};
#define CIPLUG_BUILDER_LEAF    1 /* takes no inner command */
#define CIPLUG_BUILDER_REMOTE  2 /* what it starts lives elsewhere: status and death do not travel */
#define CIPLUG_BUILDER_CREATES 4 /* makes surroundings: --resume runs it again when something needs it */
#define CIPLUG_BUILDER_RAMPED  8 /* [0.2] the option `ramp` (INTEGER): so many such commands at once on a host */
#define CIPLUG_NO_PLACE        4 /* [0.5] exit status of fetch(): there is no such place (yet) */

/* Callbacks write a command; those behind build() one that the core runs beside the run, in the surroundings of the command
 * it is about, through the builders outside of this one. 0; nothing written, or NULL: nothing to do; -1 after a message.
 * A REMOTE one that is no leaf has a CHOICE option `guard` (auto, yes, no). */
struct ciplug_builder {
    size_t size;
    const char *name, *help; /* name "": called like its plugin; else PLUGIN.NAME */
    uint32_t flags;
    /* The command that runs `inner` (NULL for a leaf) there. Touches nothing outside: also for --dry-run. */
    int (*build)(void *self, const struct ciplug_command *command, const struct ciplug_argv *inner, struct ciplug_argv *out);
    /* [0.2] End what is left of it there, when no guard has confirmed its end. 0: nothing is left; last line: how. */
    int (*stop)(void *self, const struct ciplug_command *command, struct ciplug_argv *out);
    /* [0.2] 0 within 5 s: the place answers. Asked while nothing is heard; three failures: it is lost. */
    int (*alive)(void *self, const struct ciplug_command *command, struct ciplug_argv *out);
    /* [0.2] What explains a failure, while its place is there; lines that begin with "! " join the reason. */
    int (*evidence)(void *self, const struct ciplug_command *command, const struct ciplug_result *result, struct ciplug_argv *out);
    /* [0.2] What matches the globs, as a tar of relative names on stdout: artifacts; results [0.5], also before it starts. */
    int (*fetch)(void *self, const struct ciplug_command *command, const char *const *patterns, struct ciplug_argv *out);
    /* [0.2] For `ciplug check`, 30 s: a line for each problem, with its remedy. enter: what a person types to look inside. */
    int (*check)(void *self, const struct ciplug_command *command, struct ciplug_argv *out);
    int (*enter)(void *self, const struct ciplug_command *command, struct ciplug_argv *out);
    /* [0.3] Of a [host] (`command`: of no step, on its first slot): runs here as long as it is used, number 0, 1, ... until
     * nothing is written; a line on stdout: it is at work. When it ends, the host is lost, for now. */
    int (*hold)(void *self, const struct ciplug_command *command, uint32_t number, struct ciplug_argv *out);
    /* [0.3] Then, before the first command there: the workspace. 0 within 10 minutes: it can be used. */
    int (*prepare)(void *self, const struct ciplug_command *command, struct ciplug_argv *out);
    /* [0.3] Of any builder, for a [host]: 0 within 10 s: what it needs there answers; last line: why not. Before the
     * first command, when a lost host is tried again, and when a LEAF failed there. */
    int (*reach)(void *self, const struct ciplug_command *command, struct ciplug_argv *out);
    /* [0.3] Of a REMOTE one: no command, but words by which reap() finds the place when the run is dead. */
    int (*way)(void *self, const struct ciplug_command *command, struct ciplug_argv *out);
};
#define CIPLUG_MARK_NEVER 1 /* [0.4] first: up to 8 bytes that nothing but marks may hold */
#define CIPLUG_MARK_OPEN  2 /* above output; `line`: what the console says of it, NULL: lines of several commands */
#define CIPLUG_MARK_CLOSE 3 /* where that ends; with `event` also below each COMMAND_FINISHED; once behind all */

struct ciplug_reporter {
    size_t size;
    uint32_t events; /* mask of CIPLUG_... kinds */
    void (*event)(void *self, const struct ciplug_event *event);
    /* After RUN_FINISHED, which a killed run does not have. -1 after a message: status 3. */
    int (*finish)(void *self);
    /* [0.4] The console asks for whole lines around its own; NULL: none. `event`: COMMAND_FINISHED, or NULL while it runs. */
    const char *(*mark)(void *self, int32_t what, const char *line, const struct ciplug_event *event);
};
struct ciplug_advisor {
    size_t size;
    /* How long this item should take: 1 and *nanoseconds, or 0: not known. */
    int (*estimate)(void *self, const char *step, const char *item, uint64_t *nanoseconds);
};
/* Constant, with all that it points to. */
struct ciplug_plugin {
    size_t size;
    uint32_t abi_major, abi_minor;
    const char *name, *version, *summary; /* name: letters, digits, _ and -, the file's without .so; summary: a line */
    const struct ciplug_option *const *options;
    const struct ciplug_builder *const *builders;
    const struct ciplug_reporter *reporter;
    const struct ciplug_advisor *advisor;
    int (*open)(const struct ciplug_api *api, void **self); /* once, first: 0 and *self, or -1 after a message */
    void (*close)(void *self);                              /* once at the end, also after a failed run */
    /* [0.2] Write the command that removes all an intent stands for: 0 when nothing of it is left, a line for each thing. */
    int (*reap)(void *self, const struct ciplug_intent *intent, struct ciplug_argv *out);
};
/* The ELF note that the core reads before any code of the plugin runs: ABI major and the least minor. */
#define CIPLUG_NOTE_OWNER "ciplug"
#define CIPLUG_NOTE_TYPE  1
struct ciplug_note {
    uint32_t owner_size, data_size, type;
    char owner[8];
    uint32_t abi_major, abi_minor;
};
/* At a plugin's foot: CIPLUG_PLUGIN(shell_plugin); exports it under the name that the core looks up. */
#define CIPLUG_PLUGIN(table)                                                                                          \
    static const struct ciplug_note ciplug_abi_note __attribute__((used, aligned(4), section(".note.ciplug"))) = {    \
        sizeof(CIPLUG_NOTE_OWNER), 8, CIPLUG_NOTE_TYPE, CIPLUG_NOTE_OWNER, CIPLUG_ABI_MAJOR, CIPLUG_NEEDS_MINOR};     \
    CIPLUG_EXPORT const struct ciplug_plugin *ciplug_plugin(void);                                                    \
    const struct ciplug_plugin *ciplug_plugin(void) { return &(table); }                                              \
    typedef char ciplug_plugin_needs_semicolon

#ifdef __cplusplus
}
#endif
#endif /* clang-format on */
