/* SPDX-License-Identifier: MIT
 *
 * Any shared object: no note.
 */
int just_a_library(void);

int just_a_library(void)
{
    return 1;
}
