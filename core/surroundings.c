/* SPDX-License-Identifier: MIT */
#include "surroundings.h"
#include "msg.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct surroundings surroundings_keep(void)
{
    struct surroundings kept = {.folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)};
    kept.mask = umask(077);
    umask(kept.mask);
    return kept;
}

void surroundings_restore(struct surroundings *kept)
{
    umask(kept->mask);
    if (kept->folder >= 0 && SAFEGUARD(folder_after_plugins) && fchdir(kept->folder) < 0)
        msg(MSG_WARNING, "cannot return to the current folder: %s", strerror(errno));
    auto_close(&kept->folder);
}

/* Those that end a run, and those that would end the runner. */
static const int kept_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGXFSZ, SIGCHLD};
static struct sigaction kept_actions[ARRAY_SIZE(kept_signals)];
static bool signals_kept;

void surroundings_keep_signals(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(kept_signals); i++)
        (void)sigaction(kept_signals[i], NULL, &kept_actions[i]);
    signals_kept = true;
}

void surroundings_forget_signals(void)
{
    signals_kept = false;
}

/* Once for each kind: a plugin that does it once does it with each call. */
static void tell(bool *told, const char *plugin, const char *what)
{
    if (!*told)
        msg(MSG_WARNING, "plugin '%s' has changed %s, which is put back", plugin, what);
    *told = true;
}

void surroundings_mend_signals(const char *plugin)
{
    static bool told;
    for (size_t i = 0; signals_kept && i < ARRAY_SIZE(kept_signals); i++) {
        struct sigaction now;
        if (sigaction(kept_signals[i], NULL, &now) < 0 ||
            now.sa_handler == kept_actions[i].sa_handler)
            continue;
        (void)sigaction(kept_signals[i], &kept_actions[i], NULL);
        if (plugin)
            tell(&told, plugin, "what a signal does");
    }
}

static void mend_locale(const char *plugin)
{
    static bool told;
    const char *now = setlocale(LC_ALL, NULL);
    bool global = uselocale((locale_t)0) == LC_GLOBAL_LOCALE;
    if (global && now && strcmp(now, "C") == 0)
        return;
    (void)uselocale(LC_GLOBAL_LOCALE);
    (void)setlocale(LC_ALL, "C");
    tell(&told, plugin, "the locale");
}

void surroundings_mend(const char *plugin)
{
    if (SAFEGUARD(signals_after_plugins))
        surroundings_mend_signals(plugin);
    if (SAFEGUARD(locale_after_plugins))
        mend_locale(plugin);
}
