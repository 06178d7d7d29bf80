/* SPDX-License-Identifier: MIT
 *
 * The text of an INI file as logical lines: headers and "key = value" lines, each value with the
 * lines that continue it. inih would join those wrongly, so they are kept from it. Reports what no
 * line may hold.
 */
#ifndef CIPLUG_CORE_INI_LINES_H
#define CIPLUG_CORE_INI_LINES_H

#include "msg.h"

#include <stdbool.h>
#include <stddef.h>

/* Problems of one file, the first hundred of them. */
#define COMPLAINTS_MAX 100
struct complaints {
    struct problems *problems;
    const char *file;
    size_t n;
    int first_left_out; /* its line */
};
void complain(struct complaints *complaints, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "and N more", where more were left out. */
void complaints_end(struct complaints *complaints);

struct ini_lines {
    const char *at;
    const char *end;
    int line; /* that `at` stands in front of, less one */
    bool stray;
    struct complaints *complaints;
};

struct ini_line {
    const char *text; /* in the file's text, from its first column, no white space at its end */
    size_t length;
    int line;
    bool header; /* starts with '[' */
    bool bad;    /* was reported; only headers come so */
    char *more;  /* the lines that continue it, joined by newlines; NULL: none. The caller's. */
};

/* `text` must stay. A byte-order mark at its start is skipped. */
void ini_lines_init(struct ini_lines *lines, const char *text, size_t length,
                    struct complaints *complaints);
/* The next logical line; false at the end. */
bool ini_lines_next(struct ini_lines *lines, struct ini_line *line);

/* White space that can stand within a line. */
bool ini_space(char c);

#endif
