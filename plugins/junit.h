/* SPDX-License-Identifier: MIT
 *
 * What the files of the junit plugin share: junit.c takes the events in, junit_xml.c writes.
 */
#ifndef CIPLUG_PLUGINS_JUNIT_H
#define CIPLUG_PLUGINS_JUNIT_H

#include <ciplug/plugin.h>

#include <stdbool.h>

#define NS_PER_MS UINT64_C(1000000)

struct testcase {
    char *name;
    char *reason;
    char *logs[2]; /* out, err; NULL: none, or with another case of the same batch */
    int32_t outcome;
    uint64_t ms;
};

struct suite {
    char *name, *run;
    struct testcase *cases;
    size_t n, alloc;
    uint64_t started_ns, ms;
    uint64_t failures, errors, skipped;
};

struct junit {
    const struct ciplug_api *api;
    char *file;
    uint64_t max_output;
    struct suite *suites;
    size_t n, alloc;
    /* The run that is read; report may name several. */
    size_t first; /* its first suite */
    bool begun, ended;
    int32_t exit_status;
    char *run, *reason;
    bool failed; /* no memory */
};

/* The document. 0; or -1: there was no memory for it. What cannot be written says file_close(). */
int junit_write(const struct junit *junit, struct ciplug_file *file);

#endif
