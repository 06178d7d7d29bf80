/* SPDX-License-Identifier: MIT
 *
 * The copy of the workspace on a host: brought there, declared, removed.
 */
#include "ssh.h"
#include "ssh_heard_sh.h"
#include "ssh_reap_sh.h"
#include "ssh_sync_sh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHAT_MAX  1000
#define WORKSPACE "workspace "
#define WHITE     " \t\r\n\v\f"

/* The run's copy of the workspace, behind `before`. The caller's. */
char *ssh_workspace(const struct ciplug_command *command, const char *before)
{
    char *path = NULL;
    if (asprintf(&path, "%srun-%s-%s", before, command->run, command->host) < 0)
        return NULL;
    return path;
}

/* ADDRESS PORT IDENTITY OPTION...: how to get there. */
int ssh_way(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    const struct ciplug_api *api = ssh_api(self);
    struct engine_line line = {.api = api, .out = out};
    const char *address = api->option(api, command, "address");
    const char *port = api->option(api, command, "port");
    const char *identity = api->option(api, command, "identity");
    if (ssh_accept(api, address) < 0)
        return -1;
    engine_word(&line, address);
    engine_word(&line, port ? port : "-");
    engine_word(&line, identity && !strpbrk(identity, WHITE) ? identity : "-");
    engine_words(&line, NULL, api->option(api, command, "options"));
    return engine_end(&line);
}

/* What reap() is told of it. */
static int declare(const struct ciplug_api *api, const struct ciplug_command *command,
                   const char *folder)
{
    char what[WHAT_MAX];
    int n = snprintf(what, sizeof what, WORKSPACE "%s", folder);
    return n < 0 || n >= WHAT_MAX ? -1 : api->intent(api, command, what, NULL);
}

static void add_words(struct engine_line *line, const char *const *words)
{
    for (; *words; words++)
        engine_word(line, *words);
}

int ssh_prepare(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    struct ssh *ssh = self;
    const struct ciplug_api *api = ssh->api;
    if (!command->synced)
        return 0;
    char *folder = ssh_workspace(command, ""), *state = strdup(command->run_dir);
    /* STATE/runs/RUN */
    for (int i = 0; state && i < 2 && strrchr(state, '/'); i++)
        *strrchr(state, '/') = '\0';
    struct engine_line line = {.api = api, .out = out, .failed = !folder || !state};
    add_words(&line,
              (const char *const[]){"sh", "-c", ssh_sync_text, "ciplug-ssh", folder ? folder : "",
                                    command->run, command->config_dir, state ? state : "", NULL});
    snprintf(ssh->run, sizeof ssh->run, "%s", command->run);
    struct engine_line client = ssh_reach(api, command, out);
    bool failed = line.failed || client.failed || declare(api, command, folder) < 0;
    free(folder);
    free(state);
    return failed ? -1 : 0;
}

/* Of a journal, so by anybody: options that can do no more than lead to another place. */
static bool harmless(const char *option, size_t length)
{
    static const char *const names[] = {"User=",
                                        "HostName=",
                                        "IdentityFile=",
                                        "IdentitiesOnly=",
                                        "UserKnownHostsFile=",
                                        "GlobalKnownHostsFile=",
                                        "HostKeyAlias=",
                                        "StrictHostKeyChecking=yes",
                                        "StrictHostKeyChecking=accept-new",
                                        "AddressFamily=",
                                        "CertificateFile=",
                                        "Ciphers=",
                                        "Compression=",
                                        "ConnectTimeout=",
                                        "KexAlgorithms=",
                                        "LogLevel=",
                                        "Port=",
                                        "ProxyJump=",
                                        "ServerAliveInterval="};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n = strlen(names[i]);
        if (length >= n && strncmp(option, names[i], n) == 0)
            return true;
    }
    return false;
}

/* The next word of *text, of the copy that is cut up. NULL: none. */
static char *cut_word(char **text)
{
    char *word = strtok_r(*text, " ", text);
    return word;
}

static bool its_folder(const struct ciplug_intent *intent, const char *folder)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t n = strlen(intent->run);
    return folder && strncmp(folder, "run-", 4) == 0 && strncmp(folder + 4, intent->run, n) == 0 &&
           folder[4 + n] == '-' && folder[5 + n] && folder[4 + strspn(folder + 4, allowed)] == '\0';
}

/* The client to the place that the words of an intent lead to. */
static int add_way(struct engine_line *line, const char *address, const char *port,
                   const char *identity, char *options)
{
    char *option;
    if (!port || !identity || ssh_accept(line->api, address) < 0 ||
        (strcmp(port, "-") != 0 && port[strspn(port, "0123456789")]) ||
        (strcmp(identity, "-") != 0 && *identity != '/'))
        return -1;
    engine_pair(line, "-p", *port == '-' ? NULL : port);
    engine_pair(line, "-i", *identity == '-' ? NULL : identity);
    while ((option = cut_word(&options))) {
        if (!harmless(option, strlen(option)))
            return ssh_complain(line->api, "no option that a journal may set", option);
        ssh_setting(line, option);
    }
    engine_word(line, "--");
    engine_word(line, address);
    return 0;
}

/* ssh to where the words of way() lead, and what is run there. A login shell may have something to
 * say first, which is nothing that was removed: what counts stands behind a mark. */
static int go_there(const struct ciplug_api *api, const struct ciplug_intent *intent,
                    struct ciplug_argv *out)
{
    static const char *const closed[] = {"ForwardAgent=no", "ForwardX11=no",
                                         "ClearAllForwardings=yes"};
    static const char *const heard[] = {"sh", "-c", ssh_heard_text, "ciplug-ssh", NULL};
    static const char *const marked[] = {"sh", "-c", "echo; echo ciplug-reap; exec \"$@\"",
                                         "ciplug-ssh", NULL};
    char *copy = strdup(intent->what), *rest = copy;
    if (!copy)
        return -1;
    const char *address = cut_word(&rest), *port = cut_word(&rest), *identity = cut_word(&rest);
    struct engine_line here = {.api = api, .out = out};
    add_words(&here, heard);
    struct engine_line line = ssh_begin(api, NULL, out);
    line.failed |= here.failed;
    engine_word(&line, "-T");
    engine_pair(&line, "-S", "none");
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++)
        ssh_setting(&line, closed[i]);
    int result = add_way(&line, address, port, identity, rest);
    size_t first = here.n + line.n;
    free(copy);
    add_words(&line, marked);
    engine_inner(&line, intent->inner);
    return result == 0 ? ssh_join(&line, first) : -1;
}

int ssh_reap(void *self, const struct ciplug_intent *intent, struct ciplug_argv *out)
{
    const struct ciplug_api *api = ssh_api(self);
    if (intent->inner)
        return go_there(api, intent, out);
    const char *folder = strncmp(intent->what, WORKSPACE, sizeof WORKSPACE - 1) == 0
                             ? intent->what + sizeof WORKSPACE - 1
                             : NULL;
    if (!its_folder(intent, folder))
        return -1;
    struct engine_line line = {.api = api, .out = out};
    /* That a run takes its own folder along is nothing to tell. */
    bool own = strcmp(((const struct ssh *)self)->run, intent->run) == 0;
    add_words(&line, (const char *const[]){"sh", "-c", ssh_reap_text, "ciplug-ssh", intent->run,
                                           folder, own ? "own" : "", NULL});
    return engine_end(&line);
}
