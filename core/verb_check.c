/* SPDX-License-Identifier: MIT */
#include "verb_check.h"
#include "launch.h"
#include "output.h"
#include "util.h"
#include "verbs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DISK_LOW_MIB    64
#define FILES_PER_SLOT  8
#define FILES_OF_CIPLUG 64

static bool on_path(const char *program)
{
    if (strchr(program, '/'))
        return access(program, X_OK) == 0;
    const char *path = getenv("PATH");
    for (path = path ? path : "/usr/bin:/bin"; *path; path += *path == ':') {
        size_t n = strcspn(path, ":");
        AUTO_FREE char *full = xasprintf("%.*s/%s", (int)n, n ? path : ".", program);
        if (access(full, X_OK) == 0)
            return true;
        path += n;
    }
    return false;
}

static void check_program(const struct step *step, struct problems *problems)
{
    if (!step->command.text || step->n_uses > 0)
        return;
    if (step->shell.n && !on_path(step->shell.v[0]))
        problems_add(problems, step->command.file, step->command.line,
                     "the shell '%s' is not on PATH: install it, or set shell", step->shell.v[0]);
    if (step->shell.n)
        return;
    AUTO_STRV struct strv words = STRV_INIT;
    const char *error;
    if (argv_split(&words, step->command.text, &error) == 0 && words.n &&
        !strchr(words.v[0], '{') && !on_path(words.v[0]))
        problems_add(problems, step->command.file, step->command.line,
                     "the program '%s' is not on PATH: install it, or name its path", words.v[0]);
}

static void check_path(const struct plan *plan, const struct setting *setting, const char *what,
                       bool folder, struct problems *problems)
{
    if (!setting->text || strchr(setting->text, '{'))
        return;
    AUTO_FREE char *path = launch_path(plan, setting->text);
    struct stat st;
    if (stat(path, &st) < 0)
        problems_add(problems, setting->file, setting->line, "%s %s: %s", what, path,
                     strerror(errno));
    else if (folder && !S_ISDIR(st.st_mode))
        problems_add(problems, setting->file, setting->line, "%s %s is no folder", what, path);
}

static void check_step(const struct plan *plan, const struct step *step, struct problems *problems)
{
    check_program(step, problems);
    if (step->n_uses > 0)
        return;
    /* An earlier step may make them; a first one has nothing before it. */
    if (step->n_needs == 0) {
        check_path(plan, &step->cwd, "cwd", true, problems);
        check_path(plan, &step->stdin_file, "stdin", false, problems);
    }
}

static void check_state_dir(const char *state, struct problems *problems)
{
    struct statvfs fs;
    if (mkdirs(state, 0700) < 0) {
        problems_add(problems, NULL, 0, "the state folder %s cannot be made: %s (see --state-dir)",
                     state, strerror(errno));
        return;
    }
    if (access(state, W_OK | X_OK) < 0)
        problems_add(problems, NULL, 0, "the state folder %s: %s (see --state-dir)", state,
                     strerror(errno));
    if (statvfs(state, &fs) == 0 && fs.f_bavail * (fs.f_frsize >> 10) < DISK_LOW_MIB * 1024UL)
        problems_add(problems, NULL, 0,
                     "less than %d MiB are free for %s: make room, or name another --state-dir",
                     DISK_LOW_MIB, state);
}

static void check_limits(const struct plan *plan, struct problems *problems)
{
    struct rlimit limit;
    uint64_t wanted = FILES_OF_CIPLUG + (uint64_t)plan->n_slots * FILES_PER_SLOT;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < wanted)
        problems_add(
            problems, NULL, 0,
            "%u workers may need %llu open files, the limit is %llu: raise it (ulimit -Hn) "
            "or lower -j",
            (unsigned)plan->n_slots, (unsigned long long)wanted,
            (unsigned long long)limit.rlim_max);
}

static int print_verdict(const struct plan *plan)
{
    AUTO_FREE char *text = xasprintf(
        "%s: %zu step%s, %zu cleanup step%s, %u worker%s: no problem found\n", plan->config->file,
        plan->n_steps, plan->n_steps == 1 ? "" : "s", plan->n_cleanups,
        plan->n_cleanups == 1 ? "" : "s", (unsigned)plan->n_slots, plan->n_slots == 1 ? "" : "s");
    return write_all(output_fd(), text, strlen(text)) < 0 ? 3 : 0;
}

int verb_check(const struct cli *cli, struct keeper *keeper)
{
    struct loaded loaded = {0};
    int status = load_plan(&loaded, cli);
    if (status < 0) {
        struct problems problems = {0};
        for (size_t i = 0; i < loaded.plan.n_steps; i++)
            check_step(&loaded.plan, &loaded.plan.steps[i], &problems);
        for (size_t i = 0; i < loaded.plan.n_cleanups; i++)
            check_step(&loaded.plan, &loaded.plan.cleanups[i], &problems);
        check_state_dir(cli->run.state_dir, &problems);
        check_limits(&loaded.plan, &problems);
        check_builders(&loaded.plan, keeper, &problems);
        problems_print(&problems);
        status = problems.n ? 2 : print_verdict(&loaded.plan);
        problems_free(&problems);
    }
    unload_plan(&loaded);
    return status;
}
