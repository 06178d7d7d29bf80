/* SPDX-License-Identifier: MIT
 *
 * Any shared object: no note.
 */
#include "touch.h"

int just_a_library(void);

int just_a_library(void)
{
    return 1;
}
