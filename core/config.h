/* SPDX-License-Identifier: MIT
 *
 * INI -> sections of {key, value, file:line}, in file order. The only user of inih.
 * Knows the form of the file (continuation lines, comments, byte-order mark, CRLF, limits), not the
 * meaning of any key: duplicates are found here, unknown keys by whoever owns the table.
 */
#ifndef CIPLUG_CORE_CONFIG_H
#define CIPLUG_CORE_CONFIG_H

#include "msg.h"

#include <stddef.h>

struct config_value {
    char *key;
    char *value;      /* lines joined by \n, the first continuation's indentation removed */
    const char *file; /* where it was said; "--set" for the command line's */
    int line;         /* 0 for the command line's */
};

struct config_section {
    char *kind; /* "ciplug", "step", "cleanup", "host", or a plugin's name */
    char *name; /* of step, cleanup, host; NULL elsewhere */
    const char *file;
    int line;
    struct config_value *values;
    size_t n;
    size_t alloc;
};

struct config {
    char *file; /* as it is shown: the path as given, or "<stdin>" */
    char *dir;  /* absolute: where relative paths start */
    struct config_section *sections;
    size_t n;
    size_t alloc;
};

/* What was reported is left out: duplicate and misnamed keys, and whole sections whose header is no
 * good. Names of sections are letters, digits, '_', '-', at most 64 bytes; keys may have '.', too.
 * Limits: a file of 16 MiB, a value of 64 KiB (65,536 bytes). */
#define CONFIG_FILE_MAX  (16U << 20)
#define CONFIG_VALUE_MAX (64U << 10)

/* Read `path` ("-": standard input until its end; relative paths then start at the working folder).
 * Everything that is wrong with the form goes into `problems`, at most a hundred and "and N more";
 * -1 when nothing could be read at all. Does not hang on a FIFO, take a directory for an empty
 * file, or follow NULs. config_free() is right after both. */
int config_load(struct config *config, const char *path, struct problems *problems);
/* One --set: STEP.KEY=VALUE, ciplug.KEY=VALUE, PLUGIN.KEY=VALUE, also for hosts and cleanups. Where
 * a step, cleanup or host (in this order) has that name it is meant; else the section [NAME], which
 * is made when there is none (sections may move). Replaces the value, which is taken as it is, or
 * adds the key. */
void config_set(struct config *config, const char *assignment, struct problems *problems);
void config_free(struct config *config);

struct config_section *config_find(const struct config *config, const char *kind, const char *name);
const struct config_value *config_get(const struct config_section *section, const char *key);

#endif
