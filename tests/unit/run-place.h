/* SPDX-License-Identifier: MIT
 *
 * A state folder for each test, and what was said.
 */
#ifndef CIPLUG_TESTS_RUN_PLACE_H
#define CIPLUG_TESTS_RUN_PLACE_H

#include "msg.h"
#include "rundir.h"
#include "runs.h"
#include "strbuf.h"
#include "tree.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char base[64], where[96]; /* a folder of the test, the state folder in it */
static struct strbuf said;

static inline void catch_message(void *data, const char *line, size_t length)
{
    strbuf_add(data, line, length);
}

static inline int make_base(void **state)
{
    (void)state;
    snprintf(base, sizeof base, "/tmp/test-rundir-XXXXXX");
    if (!mkdtemp(base))
        return -1;
    snprintf(where, sizeof where, "%s/.ciplug", base);
    strbuf_clear(&said);
    msg_set_sink(catch_message, &said);
    return 0;
}

static inline int remove_base(void **state)
{
    (void)state;
    strbuf_free(&said);
    return tree_remove(AT_FDCWD, base);
}

static inline bool exists(const char *run, const char *name)
{
    AUTO_FREE char *path = xasprintf("%s/runs/%s/%s", where, run, name);
    return access(path, F_OK) == 0;
}

static inline void create(struct rundir *dir)
{
    if (rundir_create(dir, where) < 0)
        fail_msg("%s", strbuf_text(&said));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_base, remove_base)

#endif
