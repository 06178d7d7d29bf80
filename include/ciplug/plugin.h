/* SPDX-License-Identifier: MIT
 *
 * The one header a ciplug plugin includes. C11 and C++17, needs no other header of ciplug.
 *
 * A plugin is a shared object with one `struct ciplug_plugin`, exported by CIPLUG_PLUGIN(). It
 * contributes builders (turn a command into the one that reaches the place where it must run),
 * a reporter (receives the run's events) or an advisor (says how long an item should take).
 *
 * Calls: everything is called on the loop thread and must not block.
 * Ownership: arguments are borrowed until the callback returns; what a plugin hands over through a
 * call of the api is copied; `self` is the plugin's own.
 * Growth: structs grow only at the end and carry their size; the core copies what both sides know
 * into zeroed ones; 0 or NULL means the default; arrays are of pointers, closed by NULL; numbers
 * are fixed-width with constants instead of enums; unknown event kinds are to be ignored, an
 * unknown outcome is to be read as CIPLUG_ERROR. Until 1.0 the header may still change.
 */
#ifndef CIPLUG_PLUGIN_H
#define CIPLUG_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A plugin of major N runs on every core of major N whose minor is at least the plugin's. One that
 * looks at api->abi_minor and at sizes before it uses what is newer may define a lower
 * CIPLUG_NEEDS_MINOR in front of this header. */
#define CIPLUG_ABI_MAJOR 0
#define CIPLUG_ABI_MINOR 5
#ifndef CIPLUG_NEEDS_MINOR
#define CIPLUG_NEEDS_MINOR CIPLUG_ABI_MINOR
#endif

/* Outcomes of a command: how it ended. Exactly one each. */
#define CIPLUG_PASSED   1
#define CIPLUG_FAILED   2 /* by its exit code */
#define CIPLUG_SIGNALED 3 /* died by a signal that ciplug did not send */
#define CIPLUG_TIMEOUT  4
#define CIPLUG_ERROR    5 /* could not be run, or its place was lost */
#define CIPLUG_CANCELLED                                                                           \
    6 /* fail-fast, signal, run_timeout; also what never started because of them */
#define CIPLUG_SKIPPED 7 /* skip code, `if`, or a failed need */

/* Flags on top of an outcome. */
#define CIPLUG_FLAG_FLAKY      1  /* passed after a retry */
#define CIPLUG_FLAG_LEAKED     2  /* left processes behind */
#define CIPLUG_FLAG_UNKILLABLE 4  /* something survived SIGKILL */
#define CIPLUG_FLAG_TRUNCATED  8  /* its log is not whole */
#define CIPLUG_FLAG_ALLOWED    16 /* did not pass, but the step says allow_failure */
#define CIPLUG_FLAG_CARRIED    32 /* skipped, because it passed in the run that this one resumes */
#define CIPLUG_FLAG_INTERRUPTED                                                                    \
    64 /* an error, because ciplug was killed meanwhile; only replayed, never live */

#define CIPLUG_FLAG_JUDGED                                                                         \
    128 /* since 1.5: of several items, which `results` told apart: they follow (`batch`) */

/* Kinds of events, in the order in which a run emits them. Also the bits of a reporter's mask. */
#define CIPLUG_RUN_STARTED      0x0001
#define CIPLUG_STEP_STARTED     0x0002
#define CIPLUG_COMMAND_STARTED  0x0004
#define CIPLUG_COMMAND_OUTPUT   0x0008 /* live only: bytes as they were written to the log */
#define CIPLUG_COMMAND_NOTICE   0x0010 /* slow, retried, held back: `text` says it */
#define CIPLUG_COMMAND_FINISHED 0x0020
#define CIPLUG_STEP_FINISHED    0x0040
#define CIPLUG_RUN_NOTICE       0x0080 /* `text`: of the run as a whole */
#define CIPLUG_RUN_FINISHED     0x0100
#define CIPLUG_TEST_FINISHED    0x0200 /* since 0.5; before the COMMAND_FINISHED that it is of */

#define CIPLUG_STDOUT 1
#define CIPLUG_STDERR 2

/* How many of what. `planned` equals the sum of the other seven when a run has ended. Counts items
 * where a step has them (also batched), else commands; cleanup steps stand apart. */
struct ciplug_ledger {
    size_t size;
    uint64_t planned;
    uint64_t passed;
    uint64_t failed;
    uint64_t signaled;
    uint64_t timeout;
    uint64_t error;
    uint64_t cancelled;
    uint64_t skipped;
    uint64_t flaky;            /* among passed */
    uint64_t commands_allowed; /* not passed, but the step says allow_failure */
};

/* What is run. */
struct ciplug_command {
    size_t size;
    const char *step;
    int32_t cleanup;  /* 1: of a cleanup step */
    uint32_t number;  /* 1..count */
    uint32_t count;   /* 0: not known yet (batch) */
    const char *item; /* NULL: none; several joined by newlines when batched; any bytes but NUL */
    const char *const *items; /* each of them; NULL when none */
    uint32_t worker;          /* slot in the run's table, 1..; 0: not placed yet */
    const char *host;         /* "local" or the [host]'s name; NULL: not placed yet */
    uint32_t attempt;         /* 1.. */
    const char *project;      /* unique per run and worker; NULL: not placed yet */
    const char *script;       /* `command`, expanded, for a shell; NULL: none */
    const char *const *words; /* `command` split into words and expanded, where `shell = none` */
    const char *const
        *shell;        /* words in front of the script, "sh" "-ec"; NULL where `shell = none` */
    const char *label; /* for people: item, cell or number */

    /* Since 0.2. */
    const char *run; /* run id, 8 of a-z0-9; also in front of what is created outside */
    const char
        *owner; /* who has to be alive for it: BOOT-ID.PID.START of the run's runner; a label */
    const char *config_dir; /* absolute; where relative paths of the file start */
    const char *run_dir;    /* absolute; NULL: there is none (dry run, check) */
    const char *const *env; /* NAMEs of the variables that the command has to get at its place */
    const char *cwd; /* where it starts at its place, as a guard does by itself; NULL: anywhere */
    int32_t guarded; /* 1: `inner` is a guard: it brings variables itself, by its input, which
                        has to reach it (docker exec -i) */
    int32_t fetches; /* not 0: so often fetch() will be asked when it has ended; 1: the last time */
    int32_t shown; /* 1: for people to read and paste, it is not run: where what is run is a script,
                      the plain command that does the same for them */
    const char *started; /* RFC 3339, UTC, when its attempt began; NULL while it is built */

    /* Since 0.3. */
    const char *job;     /* in stop() only: value of CIPLUG_JOB in what runs of it at its place */
    const char *held;    /* for a builder of a [host]: the folder in which is what its hold() made;
                            absolute, private, at most 60 bytes. NULL: nothing is held */
    uint32_t host_slot;  /* the worker's position among those of its host, 1..; 0: not placed yet */
    uint32_t host_slots; /* how many its host has */
    int32_t synced;      /* 1: for a builder of a [host] with `sync = yes` */
    int32_t away; /* 1: what it writes does not run here: a builder outside of it brings it to
                     another machine */
    const char *paths_from; /* where relative paths of the file start there, and options of type
                               PATH with them: config_dir; or ".", the folder in which it starts,
                               where the workspace is brought along */
};

/* How it ended. */
struct ciplug_result {
    size_t size;
    int32_t outcome;
    int32_t exit_code; /* -1: none */
    int32_t signal;    /* 0: none */
    uint32_t flags;
    int32_t final;        /* 1: the last attempt, this outcome counts */
    uint64_t started_ns;  /* wall clock, since 1970; 0: never started */
    uint64_t duration_ns; /* monotonic */
    uint64_t bytes_out;
    uint64_t bytes_err;
    const char *reason;  /* one line, never NULL */
    const char *log_out; /* absolute paths; NULL: none */
    const char *log_err;
    /* Since 0.5. Not 0: it was not started by itself but ran in the batch of this number, and this
     * is the verdict that `results` gave its item. Logs and start are the batch's. */
    uint32_t batch;
};

/* Since 0.5. A test case, as a JUnit file that `results` names tells it. No text is NULL unless it
 * says so. */
struct ciplug_test {
    size_t size;
    const char *suite; /* of the innermost <testsuite>; "": it has no name */
    const char *classname;
    const char *name;
    const char *file;     /* where it stands, as the test tool says; "": not said */
    uint32_t line;        /* 1..; 0: not said */
    int32_t outcome;      /* PASSED, FAILED, ERROR or SKIPPED */
    uint32_t flags;       /* CIPLUG_FLAG_FLAKY */
    uint64_t duration_ns; /* 0: not said */
    const char *type;     /* of the failure, error or skip */
    const char *message;
    const char *text; /* its whole text, such as a trace; cut at 64 KiB */
};

struct ciplug_event {
    size_t size;
    int32_t kind;
    uint64_t time_ns;    /* wall clock, since 1970 */
    const char *run;     /* run id, 8 of a-z0-9 */
    const char *run_dir; /* absolute */
    const char *step;    /* of step and command events */
    int32_t cleanup;     /* 1: of a cleanup step */
    const struct ciplug_command *command;
    const struct ciplug_result
        *result; /* COMMAND_FINISHED; on COMMAND_STARTED and _OUTPUT with the logs' paths */
    const struct ciplug_ledger
        *ledger;         /* STEP_STARTED, STEP_FINISHED: of that step; RUN_FINISHED: of all */
    int32_t outcome;     /* STEP_FINISHED */
    int32_t exit_status; /* RUN_FINISHED */
    int32_t replayed;    /* 1: from a journal, not live */
    const char *text;    /* notices; STEP_FINISHED: reason */
    const void *bytes;   /* COMMAND_OUTPUT */
    size_t length;
    int32_t stream;  /* CIPLUG_STDOUT or CIPLUG_STDERR */
    uint64_t offset; /* of these bytes in that log */
    int32_t output;  /* the step's `output`: CIPLUG_OUTPUT_... */
    /* TEST_FINISHED, since 0.5; `command` has step, cleanup, number, attempt, and as item the one
     * that the case belongs to (NULL: not known), nothing else. */
    const struct ciplug_test *test;
};

/* `output` of a step or a run. */
#define CIPLUG_OUTPUT_GROUP    1
#define CIPLUG_OUTPUT_LIVE     2
#define CIPLUG_OUTPUT_FAILURES 3
#define CIPLUG_OUTPUT_NONE     4

/* A command under construction. Opaque. */
struct ciplug_argv;
/* A file under construction, likewise. */
struct ciplug_file;

#define CIPLUG_LOG_ERROR   0
#define CIPLUG_LOG_WARNING 1
#define CIPLUG_LOG_NOTICE  2
#define CIPLUG_LOG_DEBUG   3

/* What the core does for a plugin. The first argument is the api itself, as given to open(); it is
 * valid until close() has returned. Only on the loop thread. */
struct ciplug_api {
    size_t size;
    uint32_t abi_minor;
    /* Add a word at the end. Copies. 0, or -1 (a NULL word). */
    int (*argv_add)(struct ciplug_argv *argv, const char *word);
    /* Add all words of another command, its environment and folder. Copies. 0 or -1. */
    int (*argv_append)(struct ciplug_argv *argv, const struct ciplug_argv *inner);
    /* Set a variable for the process that is started, or replace it. Copies. 0, or -1 (a name that
     * is not made of letters, digits and _, a NULL value). */
    int (*argv_env)(struct ciplug_argv *argv, const char *name, const char *value);
    /* The value of one of the plugin's own options for this command: the step's, else the host's,
     * else the plugin's section, else the default; placeholders expanded. NULL when unset. Borrowed
     * until the callback returns. It must stand in the plugin's table. `command` NULL (0.1), for
     * reporters: the plugin's section, else the default; not before RUN_STARTED. */
    const char *(*option)(const struct ciplug_api *api, const struct ciplug_command *command,
                          const char *name);
    /* One line for people; "plugin NAME: " is put in front. */
    void (*message)(const struct ciplug_api *api, int32_t level, const char *text);

    /* Since 0.1. Files that others read are written by these calls only: whatever happens, they
     * are there as a whole or not at all. Each says itself what went wrong.
     * What an earlier run left at `path` (a regular file, else nothing is done): remove it, so that
     * nobody takes it for this run's. A reporter does that at RUN_STARTED, unless it is replayed.
     * 0 or -1. */
    int (*file_remove)(const struct ciplug_api *api, const char *path);
    /* Begin to write. What stands at `path` stays until file_close(); missing folders are made.
     * NULL when that cannot be. */
    struct ciplug_file *(*file_create)(const struct ciplug_api *api, const char *path);
    /* 0 or -1; the error is said, and returned, by file_close(). */
    int (*file_write)(struct ciplug_file *file, const void *bytes, size_t length);
    /* 1: put it in its place, synced; 0: throw it away. 0; or -1, then the old file is still there.
     * `file` is gone afterwards. */
    int (*file_close)(struct ciplug_file *file, int32_t keep);

    /* Since 0.2, only inside build() (and prepare()). Say what the command may create outside,
     * before it does: it is journaled before the command starts, once for each different one, with
     * the variables `names` (closed by NULL; of the command's surroundings; what is not set is
     * unset then, what is masked not at all), which are those of NAME_ for a plugin "name" and
     * DOCKER_. When the run ends, or after its death, the plugin's reap() is asked to remove it.
     * `what`: one line that reap() understands. 0 or -1. */
    int (*intent)(const struct ciplug_api *api, const struct ciplug_command *command,
                  const char *what, const char *const *names);

    /* Since 0.3. Make one word of the first-th (0..) and those behind it: the line with which a
     * shell elsewhere runs them (ssh). The variables of `argv` go along by env(1), and are no
     * longer set for the process here. 0, or -1 (there is no such word). */
    int (*argv_join)(struct ciplug_argv *argv, size_t first);
    /* Since 0.3, inside a builder's callbacks. The value that this variable has for the process
     * that is started with what it writes, as far as the core knows. NULL: unset, or masked.
     * Borrowed until the callback returns. */
    const char *(*variable)(const struct ciplug_api *api, const struct ciplug_command *command,
                            const char *name);
};

/* What a run said that it would create; from its journal, so of a file that anybody may have
 * written: believe no word of it that does not look right. */
struct ciplug_intent {
    size_t size;
    const char *run;   /* 8 of a-z0-9 */
    const char *what;  /* as given to intent() */
    const char *owner; /* as in struct ciplug_command, of the run that is dead or ends; NULL: its
                          journal does not say */
    const struct ciplug_argv *inner; /* since 0.3; not NULL: `what` is what way() said; write the
                                        command that runs this one there */
};

/* Types of options: the core checks and converts, so that a plugin sees only what fits. */
#define CIPLUG_OPTION_STRING   1 /* placeholders allowed */
#define CIPLUG_OPTION_BOOL     2 /* yes, no */
#define CIPLUG_OPTION_INTEGER  3 /* min..max */
#define CIPLUG_OPTION_DURATION 4 /* 10s, 5m, 1h30m */
#define CIPLUG_OPTION_WORDS    5 /* separated by white space */
#define CIPLUG_OPTION_CHOICE   6 /* one of `choices` */
#define CIPLUG_OPTION_PATH     7 /* relative to the configuration's folder */

struct ciplug_option {
    size_t size;
    const char *name; /* letters, digits, _ and - */
    int32_t type;
    const char *def;            /* as it would stand in the file; NULL: none */
    const char *help;           /* one sentence */
    const char *const *choices; /* CHOICE; closed by NULL */
    int64_t min, max;           /* INTEGER; both 0: any */
    /* Since 0.3. STRING: the bytes that it may be made of, and then none begins with '-'; NULL:
     * any. What placeholders bring is only known to build(), which has to look itself. */
    const char *only;
};

/* Takes no inner command. */
#define CIPLUG_BUILDER_LEAF 1
/* What it starts lives on another machine or in a container: status and death do not travel. */
#define CIPLUG_BUILDER_REMOTE 2
/* It creates surroundings: --resume runs it again when something needs it. */
#define CIPLUG_BUILDER_CREATES 4
/* Since 0.2. The plugin's option `ramp` (INTEGER) says how many commands of such a step run at once
 * on one host, whatever the number of its workers. */
#define CIPLUG_BUILDER_RAMPED 8

#define CIPLUG_NO_PLACE 4 /* since 1.5 */

struct ciplug_builder {
    size_t size;
    const char
        *name; /* "" for the builder that is called like its plugin; else PLUGIN.NAME in the file */
    const char *help;
    uint32_t flags;
    /* Write into `out` the command that runs `inner` (NULL for a leaf, and for the innermost)
     * there. 0, or -1 after a message. Must not touch the outside: it is also called for --dry-run.
     */
    int (*build)(void *self, const struct ciplug_command *command, const struct ciplug_argv *inner,
                 struct ciplug_argv *out);

    /* Since 0.2. Each writes into `out` a command that the core runs beside the run, with the
     * environment of the command that it is about, through the same host, and with a deadline. 0;
     * nothing written: there is nothing to do; -1 after a message. NULL: never anything to do.
     * A REMOTE builder has a CHOICE option `guard` (auto, yes, no); `no` is for places that have no
     * POSIX shell. `auto` tries, and goes on without a guard where there is none.
     *
     * End what is left of the command where it runs. Asked when no guard has confirmed its end:
     * there was none, its client died, the place does not answer. Ends with 0 when nothing is left;
     * its last line says how it was ended ("container x was killed"). */
    int (*stop)(void *self, const struct ciplug_command *command, struct ciplug_argv *out);
    /* Exit 0 within 5 s: the place answers. Asked while nothing is heard of the command; when it
     * fails three times in a row, the place counts as lost. */
    int (*alive)(void *self, const struct ciplug_command *command, struct ciplug_argv *out);
    /* What to save when the command did not pass, while its place is still there. Its output is
     * kept with the attempt's logs; a line that begins with "! " becomes a part of the outcome's
     * reason ("! service db exited with 137, out of memory"). */
    int (*evidence)(void *self, const struct ciplug_command *command,
                    const struct ciplug_result *result, struct ciplug_argv *out);
    /* What matches `patterns` (globs, closed by NULL) at the place, as a tar with relative names on
     * standard output: artifacts, and (since 1.5) results, which are also looked for before the
     * command starts. Ends with CIPLUG_NO_PLACE where there is no such place (yet). */
    int (*fetch)(void *self, const struct ciplug_command *command, const char *const *patterns,
                 struct ciplug_argv *out);
    /* For `ciplug check`, once for each different command. A line on standard output for each
     * problem, with its remedy. */
    int (*check)(void *self, const struct ciplug_command *command, struct ciplug_argv *out);
    /* What a person types to look inside; shown after a failure with --keep. Not run. */
    int (*enter)(void *self, const struct ciplug_command *command, struct ciplug_argv *out);

    /* Since 0.3, for builders of a [host]; `command` is of no step and stands on the host's first
     * slot.
     * What has to run here as long as the host is used (a connection that its commands share):
     * number 0, 1, ... until nothing is written. Each is started when the one before it has said
     * with a line on its standard output that it is at work. When one ends, the host is lost; it is
     * tried again later, from 0. */
    int (*hold)(void *self, const struct ciplug_command *command, uint32_t number,
                struct ciplug_argv *out);
    /* Each time when that is at work, before the first command starts there: the workspace. Exit 0
     * within 10 minutes: the host can be used. intent() may be called. */
    int (*prepare)(void *self, const struct ciplug_command *command, struct ciplug_argv *out);

    /* Since 0.3, of any builder; `command` is of no step and stands on the first slot of a [host].
     * Exit 0 within 10 s: what the builder needs there answers (an engine); its last line says why
     * not. Asked before the first command of a host that uses it, when a host that was lost is
     * tried again, and when a LEAF has failed there: that may have been its place. */
    int (*reach)(void *self, const struct ciplug_command *command, struct ciplug_argv *out);
    /* Since 0.3, of REMOTE ones. Words without blanks by which the plugin's reap() finds the place
     * again when the run is dead: this one, or a builder inside of it, creates something there.
     * They are journaled with its intent, and what removes it is run there. */
    int (*way)(void *self, const struct ciplug_command *command, struct ciplug_argv *out);
};

struct ciplug_reporter {
    size_t size;
    uint32_t events; /* bits of CIPLUG_... kinds */
    void (*event)(void *self, const struct ciplug_event *event);
    /* After RUN_FINISHED, which a run that was killed does not have: write what has to be written.
     * 0, or -1 after a message: status 3. */
    int (*finish)(void *self);
    /* Since 0.4, for CI services that fold their log. Only the console writes to the screen; here
     * it asks what else has to stand there (`what`: CIPLUG_MARK_...). NULL: nothing; else whole
     * lines, which are written as they are. Borrowed until the next call. */
    const char *(*mark)(void *self, int32_t what, const char *line,
                        const struct ciplug_event *event);
};

/* Before anything is shown: up to 8 bytes which nothing but marks may hold; elsewhere the last of
 * them is shown as <5B>. */
#define CIPLUG_MARK_NEVER 1
/* Above output. `line`: what the console says of the one command whose output follows; it is shown
 * in the mark only; `event`: its COMMAND_FINISHED, NULL while it runs. `line` NULL: there follow
 * lines of several commands, with their names in front. */
#define CIPLUG_MARK_OPEN 2
/* Where that ends; with `event` also below all that is shown of a COMMAND_FINISHED, with or without
 * output; and once behind everything. */
#define CIPLUG_MARK_CLOSE 3

struct ciplug_advisor {
    size_t size;
    /* How long this item of this step should take. 1 and *nanoseconds, or 0: not known. */
    int (*estimate)(void *self, const char *step, const char *item, uint64_t *nanoseconds);
};

/* Name, version and so on; whatever it points to is constant and stays as it is. */
struct ciplug_plugin {
    size_t size;
    uint32_t abi_major;
    uint32_t abi_minor;
    const char *name; /* letters, digits, _ and -; the same as the file's without .so */
    const char *version;
    const char *summary; /* one line */
    const struct ciplug_option *const *options;
    const struct ciplug_builder *const *builders;
    const struct ciplug_reporter *reporter;
    const struct ciplug_advisor *advisor;
    /* Called once, before anything else. 0 and *self, or -1 after a message. May be NULL. */
    int (*open)(const struct ciplug_api *api, void **self);
    /* Called once at the end, also after a failed run. May be NULL. */
    void (*close)(void *self);
    /* Since 0.2. The command that removes all that the intent stands for, and ends with 0 when
     * nothing of it is there any more; it prints a line for each thing that it removed. Also asked
     * by another ciplug, after the death of the run. 0, or -1 after a message. May be NULL. */
    int (*reap)(void *self, const struct ciplug_intent *intent, struct ciplug_argv *out);
};

/* The ELF note that the core reads before it lets the plugin's code run: owner "ciplug", type 1,
 * two 32-bit words: ABI major and the least minor. */
#define CIPLUG_NOTE_OWNER "ciplug"
#define CIPLUG_NOTE_TYPE  1

struct ciplug_note {
    uint32_t owner_size;
    uint32_t data_size;
    uint32_t type;
    char owner[8];
    uint32_t abi_major;
    uint32_t abi_minor;
};

#ifdef __cplusplus
#define CIPLUG_EXPORT extern "C" __attribute__((visibility("default")))
#else
#define CIPLUG_EXPORT __attribute__((visibility("default")))
#endif

/* At the foot of a plugin: CIPLUG_PLUGIN(shell_plugin); exports it under the name the core looks
 * up. */
#define CIPLUG_PLUGIN(table)                                                                       \
    static const struct ciplug_note ciplug_abi_note                                                \
        __attribute__((used, aligned(4), section(".note.ciplug"))) = {                             \
            sizeof(CIPLUG_NOTE_OWNER), 8, CIPLUG_NOTE_TYPE, CIPLUG_NOTE_OWNER, CIPLUG_ABI_MAJOR,   \
            CIPLUG_NEEDS_MINOR};                                                                   \
    CIPLUG_EXPORT const struct ciplug_plugin *ciplug_plugin(void);                                 \
    const struct ciplug_plugin *ciplug_plugin(void)                                                \
    {                                                                                              \
        return &(table);                                                                           \
    }                                                                                              \
    typedef char ciplug_plugin_needs_semicolon

#ifdef __cplusplus
}
#endif

#endif
