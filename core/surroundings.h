/* SPDX-License-Identifier: MIT
 *
 * What a plugin's code may change for the whole process, and what is put right when it returns.
 */
#ifndef CIPLUG_CORE_SURROUNDINGS_H
#define CIPLUG_CORE_SURROUNDINGS_H

#include <sys/types.h>

/* Current folder and umask. */
struct surroundings {
    int folder;
    mode_t mask;
};
struct surroundings surroundings_keep(void);
void surroundings_restore(struct surroundings *kept);

/* What signals do now is what they do from now on, after each surroundings_mend(). */
void surroundings_keep_signals(void);
void surroundings_forget_signals(void);
/* Only these; NULL: nothing is said (from another thread). */
void surroundings_mend_signals(const char *plugin);
/* After a call of the plugin: signals as they were kept, the locale "C", as numbers of ours and of
 * other plugins would have commas. What the plugin had changed is said once. */
void surroundings_mend(const char *plugin);

#endif
