/* SPDX-License-Identifier: MIT
 *
 * Reads JUnit files in a process of its own, which a hand holds: they are the word of commands, may
 * be large, lie on a filesystem that does not answer, or be made to hurt who reads them.
 *
 * What it writes to standard output are records: a kind, then fields, each ended by a NUL.
 *   C suite classname name file line outcome flags duration type message text    a case
 *   B text                                 a file is refused: which, and why
 *   F name inode size mtime ctime hash     a file whose cases came before (times in ns; the hash
 *                                          is that of its bytes)
 *   L                                      a file counts more than it shows
 *   E                                      the end: there is no more
 */
#ifndef CIPLUG_CORE_RESULTS_READER_H
#define CIPLUG_CORE_RESULTS_READER_H

/* The first word of ciplug's command line that makes it the reader. */
#define RESULTS_READER "--read-results"

/* The word, and files (or folders, with all that is in them) after it. Exit status. */
int results_reader(int argc, char **argv);

#endif
