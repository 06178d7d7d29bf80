/* SPDX-License-Identifier: MIT
 *
 * For the tests that load plugins: the .c files of ../plugins are compiled by $CC into a temporary
 * folder. $srcdir is the folder of tests (default: the current one).
 */
#ifndef CIPLUG_TESTS_PLUGIN_FIXTURES_H
#define CIPLUG_TESTS_PLUGIN_FIXTURES_H

#include "plugins.h"

#include <stddef.h>

extern char *fixtures_base;  /* holds the others and whatever a test makes */
extern char *fixtures_dir;   /* good, older, newer and shell; on the path of each test */
extern char *fixtures_other; /* empty: for plugins that do not load */
extern char *fixtures_lines; /* what msg() and problems_print() said in this test */

/* Of the group of tests. */
int fixtures_make(void **state);
int fixtures_remove(void **state);
/* Of each test: *state is a struct plugins. */
int fixtures_begin(void **state);
int fixtures_end(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixtures_begin, fixtures_end)

/* "FOLDER/NAME"; the caller's. */
char *in(const char *folder, const char *name);
const char *source_dir(void);
/* Compile a shared object; the status of the compiler, a word for the shell. */
int run_compiler(const char *compiler, const char *source, const char *output, const char *flags);
/* FOLDER/NAME.so from `source`, relative to the folder of tests. */
void compile(const char *folder, const char *name, const char *source, const char *flags);

struct plugin *must_load(struct plugins *plugins, const char *name);
/* Refused with exactly one problem that names the place and holds both texts. */
void refused(struct plugins *plugins, const char *name, const char *first, const char *second);
void words_are(const struct ciplug_argv *out, const char *const *words);

/* A whole file, the caller's; and its making, mode 0644. */
char *slurp(const char *path, size_t *size);
void spill(const char *path, const void *data, size_t size);

#endif
