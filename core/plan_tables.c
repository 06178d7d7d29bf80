/* SPDX-License-Identifier: MIT
 *
 * The options of [step], [cleanup], [host] and [ciplug]: one table for checking, converting,
 * `ciplug plugins`, and the manual page.
 */
#include "plan.h"

#define OPTION(variable, ...)                                                                      \
    static const struct ciplug_option variable = {.size = sizeof(struct ciplug_option), __VA_ARGS__}
#define STRING   .type = CIPLUG_OPTION_STRING
#define BOOL     .type = CIPLUG_OPTION_BOOL
#define INTEGER  .type = CIPLUG_OPTION_INTEGER
#define DURATION .type = CIPLUG_OPTION_DURATION
#define WORDS    .type = CIPLUG_OPTION_WORDS
#define CHOICE   .type = CIPLUG_OPTION_CHOICE
#define PATH     .type = CIPLUG_OPTION_PATH

#define CHOICES(variable, ...) static const char *const variable[] = {__VA_ARGS__, NULL}

/* The order of the words is that of the constants they stand for. */
CHOICES(per_choices, "worker", "host");
CHOICES(host_loss_choices, "requeue", "fail");
CHOICES(flaky_choices, "pass", "fail");
CHOICES(leak_choices, "kill", "fail", "keep");
CHOICES(output_choices, "group", "live", "failures", "none");
CHOICES(stderr_choices, "separate", "merge");
CHOICES(when_choices, "always", "success", "failure");

OPTION(command, .name = "command", STRING,
       .help = "The command to run, a line or a small script, handed to the words of `shell`.");
OPTION(uses, .name = "uses", WORDS,
       .help = "Builders that take the command to the place where it runs, outermost first, such "
               "as `ssh docker.exec`.");
OPTION(needs, .name = "needs", WORDS,
       .help = "Steps that must have passed before this one starts; without the key the step "
               "above, with an empty value none.");
OPTION(cleanup_needs, .name = "needs", WORDS,
       .help = "Run this cleanup step only if one of these steps was started; without the key it "
               "always runs.");
OPTION(if_command, .name = "if", STRING,
       .help = "A command that is run once on this machine: status 0 runs the step, 1 skips it, "
               "anything else is an error.");
OPTION(ready, .name = "ready", STRING,
       .help = "Makes the step a service: it counts as passed when this command exits with status "
               "0, and lives until the last step that needs it has ended.");
OPTION(count, .name = "count", INTEGER, .min = 0, .max = PLAN_UNITS_MAX,
       .help = "So many commands, numbered from 1.");
OPTION(items, .name = "items", STRING,
       .help = "One command for each word; a word with *, ? or [ stands for the files that match, "
               "where ** is any number of folders.");
OPTION(items_from, .name = "items_from", STRING,
       .help = "One command for each line that the commands of this step printed; implies that it "
               "is needed.");
OPTION(items_file, .name = "items_file", PATH,
       .help = "One command for each line of this file; empty lines do not count.");
OPTION(matrix, .name = "matrix.NAME", WORDS,
       .help = "Values of {NAME}: the commands are multiplied by the cross product of all such "
               "keys, the last one varying fastest.");
OPTION(matrix_exclude, .name = "matrix_exclude", STRING,
       .help = "Cells of the matrix to leave out, one a line, each as NAME=VALUE words that must "
               "all match.");
OPTION(split, .name = "split", INTEGER, .min = 1, .max = PLAN_UNITS_MAX,
       .help = "Deal the items into so many groups of about the same duration, one command each "
               "with {items}.");
OPTION(run_alone, .name = "run_alone", WORDS,
       .help = "With `split`: these items (or globs) get a group of their own each, in front of "
               "the others.");
OPTION(batch, .name = "batch", STRING,
       .help = "Give a command up to so many items at a time, as {items}; `auto` takes fewer "
               "toward the end.");
OPTION(
    results, .name = "results", STRING,
    .help =
        "Globs of JUnit files that the commands write: their cases decide, too, and stand in the "
        "reports; where a command has several items, each gets its own verdict.");
OPTION(workers, .name = "workers", STRING,
       .help = "Slots that the step may use, counted within its hosts: N of them, the slots A-B, "
               "or A- (from A on); without the key all.");
OPTION(hosts, .name = "hosts", WORDS, .def = "local",
       .help = "Names of [host] sections, or `all`; `local` is this machine.");
OPTION(per, .name = "per", CHOICE, .choices = per_choices,
       .help = "Exactly one command on each slot or host of the step, {number} being its "
               "position.");
OPTION(on_host_loss, .name = "on_host_loss", CHOICE, .choices = host_loss_choices, .def = "requeue",
       .help = "What becomes of a command whose place was lost: it runs again elsewhere (at most "
               "3 times) or has failed.");
OPTION(timeout, .name = "timeout", DURATION, .def = "none",
       .help = "How long one attempt may take, from the moment the command runs.");
OPTION(cleanup_timeout, .name = "timeout", DURATION, .def = "5m",
       .help = "How long one attempt may take, from the moment the command runs; the default of "
               "[ciplug] does not reach cleanup steps.");
OPTION(start_timeout, .name = "start_timeout", DURATION, .def = "none",
       .help = "How long it may take until the command runs.");
OPTION(grace, .name = "grace", DURATION, .min = 1, .def = "10s",
       .help = "Time between the soft signal and the hard kill of everything a command started.");
OPTION(slow, .name = "slow", DURATION, .def = "60s",
       .help = "After this long a command is reported as slow.");
OPTION(retries, .name = "retries", INTEGER, .min = 0, .max = 100, .def = "0",
       .help = "Extra attempts for a command that did not pass.");
OPTION(retry_delay, .name = "retry_delay", DURATION, .def = "none",
       .help = "Pause before the first extra attempt; it grows with each one, with some jitter.");
OPTION(retry_on, .name = "retry_on", WORDS, .def = "failed signaled timeout error",
       .help = "Outcomes that are worth another attempt: failed, signaled, timeout, error.");
OPTION(flaky, .name = "flaky", CHOICE, .choices = flaky_choices, .def = "pass",
       .help = "Whether a command that passed after a retry counts as passed.");
OPTION(skip_codes, .name = "skip_codes", WORDS,
       .help = "Exit codes (1 to 255) that mean skipped; 77 is the custom.");
OPTION(fail_fast, .name = "fail_fast", BOOL, .def = "no",
       .help = "The first command that fails cancels the rest of the step.");
OPTION(allow_failure, .name = "allow_failure", BOOL, .def = "no",
       .help = "A failure of this step is shown but does not fail the run.");
OPTION(allow_empty, .name = "allow_empty", BOOL, .def = "no",
       .help = "A step that finds no item has passed; otherwise the run ends with status 4.");
OPTION(rerun, .name = "rerun", BOOL,
       .help = "Whether --resume runs the step again when something needs it; without the key yes "
               "for services and for builders that create something, else no.");
OPTION(on_leak, .name = "on_leak", CHOICE, .choices = leak_choices, .def = "kill",
       .help = "What to do about processes that a command left behind: kill and flag them, fail "
               "the command, or keep them until after the cleanup steps.");
OPTION(on_failure, .name = "on_failure", STRING,
       .help = "A command run on this machine before a failed or timed-out command is killed; its "
               "output joins the attempt's.");
OPTION(lock, .name = "lock", STRING,
       .help = "Names of mutexes that each command holds while it runs, across steps.");
OPTION(weight, .name = "weight", INTEGER, .min = 1, .max = 10000, .def = "1",
       .help = "Slots that one command takes.");
OPTION(env, .name = "env.NAME", STRING, .help = "A variable for the commands, wherever they run.");
OPTION(env_file, .name = "env_file", PATH,
       .help = "A file of NAME=VALUE lines; keys env.NAME win over it.");
OPTION(cwd, .name = "cwd", STRING, .help = "The folder to run in; without the key the INI file's.");
OPTION(shell, .name = "shell", STRING, .def = "sh -ec",
       .help = "Words in front of the command; `none` splits the command into words and uses no "
               "shell.");
OPTION(stdin_file, .name = "stdin", STRING,
       .help = "A file as standard input, for commands on this machine; without the key "
               "/dev/null.");
OPTION(output, .name = "output", CHOICE, .choices = output_choices,
       .help = "What is shown of the commands: everything when one ends, line by line, failed ones "
               "only, or nothing; without the key what --output says.");
OPTION(stderr_mode, .name = "stderr", CHOICE, .choices = stderr_choices, .def = "separate",
       .help = "`merge` writes both streams into one log in their true order.");
OPTION(artifacts, .name = "artifacts", STRING,
       .help = "Globs of files that are copied to the run's folder when a command has ended.");
OPTION(plugin_option, .name = "PLUGIN.OPTION", STRING,
       .help = "An option of a plugin whose builder is used; see `ciplug plugins PLUGIN`.");
OPTION(when, .name = "when", CHOICE, .choices = when_choices, .def = "always",
       .help = "Run this cleanup step always, or only after success or failure.");

OPTION(host_workers, .name = "workers", INTEGER, .min = 1, .max = 10000, .def = "1",
       .help = "How many commands run on this host at the same time.");
OPTION(host_uses, .name = "uses", WORDS,
       .help = "Builders that lead to the host, put around those of the steps.");
OPTION(host_env, .name = "env.NAME", STRING,
       .help = "A variable for the client tools that lead to the host, such as DOCKER_HOST.");
OPTION(sync_files, .name = "sync", BOOL, .def = "no",
       .help = "Whether the files of the workspace are copied to the host (not in this version "
               "yet).");

OPTION(run_plugins, .name = "plugins", WORDS,
       .help = "Plugins to load: names, or paths of .so files; `shell` is always there.");
OPTION(run_name, .name = "name", STRING,
       .help = "The name of the run for reports; without the key that of the INI file's folder.");
OPTION(run_workers, .name = "workers", INTEGER, .min = 1, .max = 10000,
       .help = "Slots of this machine; without the key its CPUs, or the most a step asks for.");
OPTION(run_timeout, .name = "run_timeout", DURATION, .def = "none",
       .help = "How long all steps together may take; cleanup steps come after it.");
OPTION(keep_runs, .name = "keep_runs", INTEGER, .min = 1, .max = 1000000, .def = "10",
       .help = "How many runs are kept in the state folder.");
OPTION(mask, .name = "mask", WORDS,
       .help = "Names of variables whose values are secrets: shown as *** wherever they would "
               "appear.");

#define STEP_DEFAULTS                                                                              \
    &uses, &matrix, &matrix_exclude, &split, &run_alone, &batch, &results, &hosts, &per,           \
        &on_host_loss, &start_timeout, &grace, &slow, &retries, &retry_delay, &retry_on, &flaky,   \
        &skip_codes, &fail_fast, &allow_failure, &allow_empty, &rerun, &on_leak, &on_failure,      \
        &lock, &weight, &env, &env_file, &cwd, &shell, &stdin_file, &output, &stderr_mode,         \
        &artifacts

const struct ciplug_option *const plan_step_options[] = {
    &command,    &needs,   &if_command,   &ready,         &count,   &items, &items_from,
    &items_file, &workers, STEP_DEFAULTS, &plugin_option, &timeout, NULL,
};

const struct ciplug_option *const plan_cleanup_options[] = {
    &command,       &cleanup_needs,   &if_command, &when,    &count,
    &items,         &items_from,      &items_file, &workers, STEP_DEFAULTS,
    &plugin_option, &cleanup_timeout, NULL,
};

const struct ciplug_option *const plan_host_options[] = {
    &host_workers, &host_uses, &host_env, &sync_files, &plugin_option, NULL,
};

const struct ciplug_option *const plan_run_options[] = {
    &run_plugins, &run_name, &run_workers,  &run_timeout, &keep_runs,
    &mask,        &timeout,  STEP_DEFAULTS, NULL,
};
