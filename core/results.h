/* SPDX-License-Identifier: MIT
 *
 * What the JUnit files of a command say, as the reader (results_reader.h) tells it: cases, which of
 * the command's items each belongs to, and what follows for them. Pure data.
 */
#ifndef CIPLUG_CORE_RESULTS_H
#define CIPLUG_CORE_RESULTS_H

#include "strbuf.h"
#include <ciplug/plugin.h>

#include <stdbool.h>
#include <stdint.h>

/* More cases of one command than that are refused: they are kept until it ends. */
#define RESULTS_CASES_MAX 200000
#define RESULTS_NO_UNIT   SIZE_MAX
#define RESULTS_ALL       (SIZE_MAX - 1) /* for sums: whatever they belong to */

struct results_file {
    char *name;
    uint64_t inode, size, mtime_ns, ctime_ns, hash;
};

struct results_case {
    struct ciplug_test test; /* texts are in `block` */
    char *block;
    size_t unit; /* index of the command's item that it belongs to; RESULTS_NO_UNIT: none */
};

/* What some cases came to. */
struct results_sum {
    uint64_t cases, bad, skipped;
    uint64_t duration_ns;
    int outcome; /* PASSED, FAILED, SKIPPED (all of them are); 0: there is no case */
};

/* Start zeroed. */
struct results {
    struct results_file *files;
    size_t n_files, a_files;
    struct results_case *cases;
    size_t n_cases, a_cases;
    struct results_sum *sums; /* of each item, then of none, then of all; NULL: not matched yet */
    size_t n_units;
    char *problem; /* why they cannot be believed, the first one; NULL: they can, so far */
    bool partial;  /* some file counts more cases or failures than it shows */
    bool ended;    /* the reader came to its end */
    struct strbuf in;
};

/* What the reader wrote, for any borders of reads. */
void results_feed(struct results *results, const void *bytes, size_t length);
/* Not to be believed, for this reason (the first one counts). */
void results_refuse(struct results *results, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Nothing more comes: `status` and `what` of the reader's side command. */
void results_end(struct results *results, int status, const char *what);
void results_free(struct results *results);

/* Which item each case belongs to. One item, or none: all are its. Else an item that is named by
 * file, class, name or suite of the case, or by several of these, as a path or with dots; where
 * more than one is, the longest, if the others are in it ("a.py" in "a.py::test"); else none.
 * Sums are known from then on. */
void results_match(struct results *results, const char *const *items, size_t n);

/* The end of results_match(). */
void results_add_up(struct results *results, size_t n_units);
/* Of an item, of RESULTS_NO_UNIT or RESULTS_ALL. */
const struct results_sum *results_sum(const struct results *results, size_t unit);
/* "2 of 14 cases failed: a, b", of the same. */
void results_say_bad(const struct results *results, size_t unit, struct strbuf *out);

#endif
