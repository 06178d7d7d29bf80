/* SPDX-License-Identifier: MIT
 *
 * Calls that have a safer form here. Included by every .c of the core through util.h's users:
 * Makefile.am forces it with -include, so that no file can forget it.
 */
#ifndef CIPLUG_CORE_BANNED_H
#define CIPLUG_CORE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok gets system popen gmtime  \
    localtime ctime asctime tmpnam mktemp atoi atol atof

#endif
