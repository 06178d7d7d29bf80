/* SPDX-License-Identifier: MIT */
#include "cli.h"
#include "msg.h"
#include "output.h"
#include "plugin_call.h"
#include "record.h"
#include "results_reader.h"
#include "safeguard.h"
#include "strbuf.h"
#include "util.h"
#include "verb_plugins.h"
#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

/* Descriptors 0, 1 and 2 are open afterwards, so that no log file or socket ever becomes one of
 * them; what else the caller left open reaches no command. */
static int sort_descriptors(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
        if (fd < 0)
            return -1;
    } while (fd <= 2 && SAFEGUARD(open_0_1_2));
    close(fd);
    if (!SAFEGUARD(close_inherited))
        return 0;
    return close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0 && errno != ENOSYS && errno != EINVAL ? -1
                                                                                              : 0;
}

/* Whatever the caller blocked or ignored: children are to be waited for, writes are to fail with
 * EPIPE and EFBIG. Returns whether SIGHUP was ignored (nohup), which is a wish. */
static bool sort_signals(void)
{
    struct sigaction old, standard = {.sa_handler = SIG_DFL}, ignore = {.sa_handler = SIG_IGN};
    sigset_t none;
    sigaction(SIGHUP, NULL, &old);
    for (int signo = 1; signo < SIGRTMAX; signo++) {
        if (signo == SIGKILL || signo == SIGSTOP || signo == SIGHUP)
            continue;
        /* To ignore a signal forgets one that waits blocked, say an alarm of the caller's; that
         * somebody wants our end is not to be forgotten. */
        if (signo != SIGTERM && signo != SIGINT && signo != SIGQUIT)
            (void)sigaction(signo, &ignore, NULL);
        (void)sigaction(signo, &standard, NULL);
    }
    sigemptyset(&none);
    if (SAFEGUARD(empty_signal_mask))
        sigprocmask(SIG_SETMASK, &none, NULL);
    if (SAFEGUARD(ignore_sigpipe))
        sigaction(SIGPIPE, &ignore, NULL);
    if (SAFEGUARD(ignore_file_size_signal))
        sigaction(SIGXFSZ, &ignore, NULL);
    sigaction(SIGUSR1, &ignore, NULL); /* until there is a run that could answer it */
    return old.sa_handler == SIG_IGN && SAFEGUARD(hangup_stays_ignored);
}

/* The keeper has forked before: commands keep the limit that the caller set. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int show_plugins(const struct cli *cli)
{
    struct plugins plugins = {0};
    plugins_init(&plugins, cli->plugin_path);
    AUTO_STRV struct strv words = STRV_INIT;
    strv_push(&words, "plugins");
    if (cli->json)
        strv_push(&words, "--json");
    if (cli->new_plugin)
        strv_push(&words, "--new");
    strv_copy(&words, &cli->words);
    int status = verb_plugins((int)words.n, words.v, &plugins);
    plugins_close(&plugins);
    return status;
}

static int run_verb(struct cli *cli, struct keeper *keeper)
{
    switch (cli->verb) {
    case VERB_RUN:
        return verb_run(cli, keeper);
    case VERB_LIST:
        return verb_show(cli);
    case VERB_CHECK:
        return verb_check(cli, keeper);
    case VERB_REPORT:
        return verb_report(cli);
    case VERB_REAP:
        return verb_reap(cli, keeper);
    case VERB_PLUGINS:
        return show_plugins(cli);
    }
    return 2;
}

/* A library that finds no memory would abort, or take a record for a bad one. */
static void lend_allocators(void)
{
    record_lend_memory();
    (void)uv_replace_allocator(xmalloc, xrealloc, xcalloc, free);
}

int main(int argc, char **argv)
{
    struct keeper keeper = {.fd = -1};
    if (argc > 1 && strcmp(argv[1], RESULTS_READER) == 0)
        return results_reader(argc - 1, argv + 1);
    if (sort_descriptors() < 0)
        return 3;
    bool hangup_ignored = sort_signals();
    /* Before anything else: it stays small, and commands inherit what the caller gave. */
    if (keeper_start(&keeper) < 0) {
        msg(MSG_ERROR, "cannot start the keeper: %s", strerror(errno));
        return 3;
    }
    /* Should a hand and the keeper be killed, what they held comes to us and not to init. */
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    raise_descriptor_limit();
    lend_allocators();
    struct cli cli;
    int status = cli_parse(&cli, argc, argv);
    if (status < 0) {
        cli.run.hangup_ignored = hangup_ignored;
        msg_set_verbosity(cli.run.verbosity);
        plugin_call_guard();
        status = output_take() < 0 ? 3 : run_verb(&cli, &keeper);
    }
    cli_free(&cli);
    if (keeper.fd >= 0)
        (void)keeper_finish(&keeper, NS_PER_S);
    plugin_call_over();
    return status;
}
