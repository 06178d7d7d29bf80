/* SPDX-License-Identifier: MIT
 *
 * The words of the console: lines for results, names, times. Whatever comes from outside passes
 * harmless_name() here.
 */
#ifndef CIPLUG_CORE_CONSOLE_FORMAT_H
#define CIPLUG_CORE_CONSOLE_FORMAT_H

#include "strbuf.h"
#include <ciplug/plugin.h>

#include <stdbool.h>
#include <stdint.h>

#define FORMAT_COLUMNS 100 /* what a name or a reason may take */

/* "unit 4 [spec/a_spec.rb]", "cleanup down", "build" where a step has one command only. */
void format_name(struct strbuf *out, const struct ciplug_command *command);
/* "   FAIL ", right-aligned, in colour where wanted. */
void format_word(struct strbuf *out, const char *word, bool color);
/* What the outcome is called: PASS, FLAKY, FAIL, SIGNAL, TIMEOUT, ERROR, CANCEL, SKIP; RETRY where
 * another attempt follows. */
const char *format_outcome(const struct ciplug_result *result);
/* The whole line: word, name, reason, (time, worker, flags). With a newline. */
void format_result(struct strbuf *out, const struct ciplug_command *command,
                   const struct ciplug_result *result, bool color);
/* "worker 2", "worker 7 on alpha"; nothing while there is no place. */
void format_place(struct strbuf *out, const struct ciplug_command *command);
/* Whole seconds: "45s", "1m05s", "2h03m". */
void format_elapsed(struct strbuf *out, uint64_t ns);
/* Relative to `cwd` where it lies below. */
void format_path(struct strbuf *out, const char *cwd, const char *path);
/* "passed", "failed (status 1)", "was ended by SIGINT (status 130)", ... */
void format_exit(struct strbuf *out, int exit_status);
/* " reason" after a colon, nothing where it is NULL or empty. */
void format_reason(struct strbuf *out, const char *reason);

#endif
