/* SPDX-License-Identifier: MIT
 *
 * What the files of the junit plugin share: junit.c is the plugin, junit_write.c writes the
 * document and junit_nested.c the cases of JUnit files in it, junit_cases.c and junit_places.c say
 * what stands in it, and junit_xml.c writes XML.
 */
#ifndef CIPLUG_PLUGINS_JUNIT_H
#define CIPLUG_PLUGINS_JUNIT_H

#include "fold.h"
#include "writer.h"

struct junit_settings {
    bool ant; /* nothing but what Ant's schema knows */
    uint64_t max_output;
    const char *commit; /* NULL: unknown */
};

/* Sorts the attempts of `fold` on the way. */
void junit_write(struct writer *writer, struct fold *fold, const struct junit_settings *settings);

/* ---- cases ---- */

/* Where a walk over a step's cases is; start with the step, which is sorted, and its batches. */
struct junit_walk {
    const struct fold_step *step;
    const struct fold_batches *batches;
    size_t next, first;
    uint32_t unit;
    const char *name;
};

struct junit_case {
    const char *name;
    const struct fold_attempt *last; /* the one that counts */
    /* The one that is shown: that one, or of a case that failed the first that ended like it. */
    const struct fold_attempt *shown;
    uint64_t ms;
    bool alone; /* the output is its own; or the first of a batch, with that of all */
    /* The others: */
    const struct fold_attempt *first;
    const struct fold_batch *batch;
    const struct fold_batches *batches;
};

bool junit_next(struct junit_walk *walk, struct junit_case *one);
/* The next of a case's failed attempts that are not shown, as they were made; NULL: no more. Once
 * for each case. */
const struct fold_attempt *junit_next_other(struct junit_case *one);
uint64_t junit_time(const struct fold_step *step); /* of all its cases, ms */

/* Where the attempts of a step were, each once: numbers and names with blanks between them. */
struct junit_places {
    char *workers, *hosts;
};

/* 0 or -1 (no memory). */
int junit_places_find(struct junit_places *places, const struct fold_step *step);
void junit_places_free(struct junit_places *places);

/* ---- the document ---- */

struct xml;
struct document {
    struct xml *xml;
    struct writer *writer;
    const struct junit_settings *settings;
    const struct fold_run *run;
    uint64_t suites;
};

const char *junit_kind(int32_t outcome); /* failure, error, skipped */
/* Attributes of a suite; its properties. */
void junit_put_where(struct document *document, uint64_t started_us,
                     const struct junit_places *places);
void junit_put_sums(const struct document *document, uint64_t tests, uint64_t failures,
                    uint64_t errors, uint64_t skipped);
void junit_put_properties(const struct document *document, const struct junit_places *places);
/* Suites of what JUnit files tell of a step that is sorted; and what is in them, where they are in
 * the step's own. */
void junit_put_nested(struct document *document, const struct fold_step *step);
struct fold_case_sums junit_nested_sums(const struct document *document,
                                        const struct fold_step *step);

/* ---- XML ---- */

/* The document as it is written. Texts may hold any bytes. What goes wrong sets writer->failed. */
struct xml;

/* NULL, where there was no memory, after setting writer->failed. */
struct xml *xml_open(struct writer *writer);
void xml_close(struct xml *xml);
void xml_start(struct xml *xml, const char *name);
void xml_end(struct xml *xml);
void xml_text(struct xml *xml, const char *bytes);
void xml_format(struct xml *xml, const char *format, ...) __attribute__((format(printf, 2, 3)));
void xml_attribute(struct xml *xml, const char *name, const char *bytes);
void xml_number(struct xml *xml, const char *name, uint64_t number);
void xml_time(struct xml *xml, uint64_t ms);
void xml_timestamp(struct xml *xml, uint64_t time_us);

struct xml_log {
    const char *path; /* borrowed */
    int fd;
    uint64_t size;
};

/* Whether there is a log that is not empty; then xml_log() has to follow. */
bool xml_log_open(struct xml_log *log, const char *path);
/* Its end, at most `most` bytes, where the rest is left out with a pointer to it. Closes it. */
void xml_log(struct xml *xml, const struct xml_log *log, uint64_t most);

#endif
