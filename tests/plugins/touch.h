/* SPDX-License-Identifier: MIT
 *
 * A constructor that leaves a file: so it is seen whether any of a plugin's code ran.
 */
#ifndef CIPLUG_TESTS_TOUCH_H
#define CIPLUG_TESTS_TOUCH_H

#include <stdio.h>
#include <stdlib.h>

static void __attribute__((constructor)) leave_a_file(void)
{
    const char *path = getenv("CIPLUG_TEST_TOUCH");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file)
        fclose(file);
}

#endif
