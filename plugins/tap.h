/* SPDX-License-Identifier: MIT
 *
 * What the files of the tap plugin share: tap.c is the plugin, tap_write.c writes the document, and
 * tap_text.c the texts of others in it.
 */
#ifndef CIPLUG_PLUGINS_TAP_H
#define CIPLUG_PLUGINS_TAP_H

#include "fold.h"
#include "writer.h"

/* On one line, with `#` and `\` escaped, so that no part of it is taken for a directive. In quotes
 * where blanks at an end would be lost, or a brace there would begin a block for some parsers. */
void tap_line(struct writer *writer, const char *bytes);
/* A quoted scalar of YAML 1.2, on one line. */
void tap_string(struct writer *writer, const char *bytes);
/* The end of a log, at most `most` bytes, as a YAML list of its lines under `key`, each line of the
 * report with `indent` blanks in front. Nothing where there is no log, or an empty one. */
void tap_log(struct writer *writer, unsigned indent, const char *key, const char *path,
             uint64_t most);

struct tap_settings {
    const char *version;
    uint64_t max_output;
};

/* Sorts the attempts of `fold` on the way. */
void tap_write(struct writer *writer, struct fold *fold, const struct tap_settings *settings);

#endif
