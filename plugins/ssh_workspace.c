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

/* The run's copy of the workspace, behind `before`. The caller's. */
char *ssh_workspace(const struct ciplug_command *command, const char *before)
{
    char *path = NULL;
    if (asprintf(&path, "%srun-%s-%s", before, command->run, command->host) < 0)
        return NULL;
    return path;
}

static void note_run(struct ssh *ssh, const struct ciplug_command *command)
{
    snprintf(ssh->run, sizeof ssh->run, "%s", command->run);
}

/* Whether the run itself asks at its end, and not somebody after its death. */
static bool is_own(const struct ssh *ssh, const struct ciplug_intent *intent)
{
    return *ssh->run && strcmp(ssh->run, intent->run) == 0;
}

static const char *const client_options[] = {"binary", "config"};
static const char *const client_words[] = {"binary=", "config="};

/* NAME and the value as a word: blanks are %20, and % is %25. */
static void add_packed(struct engine_line *line, const char *name, const char *value)
{
    char *word = malloc(strlen(name) + 3 * strlen(value) + 1), *to = word;
    if (word)
        to = stpcpy(word, name);
    for (; word && *value; value++) {
        if (*value == ' ' || *value == '%')
            to = stpcpy(to, *value == ' ' ? "%20" : "%25");
        else
            *to++ = *value;
    }
    if (word)
        *to = '\0';
    engine_word(line, word);
    free(word);
}

static char *unpack(char *word)
{
    char *to = word;
    for (const char *from = word; *from; to++) {
        bool blank = strncmp(from, "%20", 3) == 0, packed = blank || strncmp(from, "%25", 3) == 0;
        *to = blank ? ' ' : *from;
        from += packed ? 3 : 1;
    }
    *to = '\0';
    return word;
}

/* Unless they are the default. */
static void add_client(struct engine_line *line, const struct ciplug_command *command)
{
    for (size_t i = 0; i < 2; i++) {
        const char *value = line->api->option(line->api, command, client_options[i]);
        if (value && *value && strcmp(value, "ssh") != 0)
            add_packed(line, client_words[i], value);
    }
}

/* ADDRESS PORT IDENTITY [binary=PROGRAM] [config=FILE] OPTION...: how to get there. */
int ssh_way(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    const struct ciplug_api *api = ssh_api(self);
    note_run(self, command);
    struct engine_line line = {.api = api, .out = out};
    const char *address = api->option(api, command, "address");
    const char *port = api->option(api, command, "port");
    const char *identity = api->option(api, command, "identity");
    if (ssh_accept(api, address) < 0)
        return -1;
    engine_word(&line, address);
    engine_word(&line, port ? port : "-");
    add_packed(&line, "", identity && *identity ? identity : "-");
    add_client(&line, command);
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
    const struct ciplug_api *api = ssh_api(self);
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
    note_run(self, command);
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

/* The program and the configuration that led there. A run that ends takes its own. A journal may
 * name a file of a checkout, which is owned by the user and no one else can write, and which can
 * run any program (ProxyCommand): of that, only what is set here, too, is believed. */
static int take_client(const struct ssh *ssh, const struct ciplug_intent *intent, char **options,
                       const char *values[2])
{
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(client_words[i]);
        values[i] = ssh->api->option(ssh->api, NULL, client_options[i]);
        if (!*options || strncmp(*options, client_words[i], n) != 0)
            continue;
        char *word = unpack(cut_word(options));
        const char *here = values[i];
        values[i] = word + n;
        if (!is_own(ssh, intent) && (!here || strcmp(here, values[i]) != 0))
            return ssh_complain(ssh->api, "a journal may not say so, set it in [ssh]", word);
    }
    return 0;
}

/* ssh to where the words of way() lead, and what is run there. A login shell may have something to
 * say first, which is nothing that was removed: what counts stands behind a mark. */
static int go_there(const struct ssh *ssh, const struct ciplug_intent *intent,
                    struct ciplug_argv *out)
{
    const struct ciplug_api *api = ssh->api;
    static const char *const closed[] = {"ForwardAgent=no", "ForwardX11=no",
                                         "ClearAllForwardings=yes"};
    static const char *const heard[] = {"sh", "-c", ssh_heard_text, "ciplug-ssh", NULL};
    static const char *const marked[] = {"sh", "-c", "echo; echo ciplug-reap; exec \"$@\"",
                                         "ciplug-ssh", NULL};
    char *copy = strdup(intent->what), *rest = copy;
    if (!copy)
        return -1;
    const char *address = cut_word(&rest), *port = cut_word(&rest);
    char *identity = cut_word(&rest);
    if (identity)
        identity = unpack(identity);
    struct engine_line here = {.api = api, .out = out};
    add_words(&here, heard);
    const char *client[2] = {NULL, NULL};
    int result = take_client(ssh, intent, &rest, client);
    struct engine_line line = ssh_client(api, client[0], client[1], out);
    line.failed |= here.failed;
    engine_word(&line, "-T");
    engine_pair(&line, "-S", "none");
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++)
        ssh_setting(&line, closed[i]);
    if (result == 0)
        result = add_way(&line, address, port, identity, rest);
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
        return go_there(self, intent, out);
    const char *folder = strncmp(intent->what, WORKSPACE, sizeof WORKSPACE - 1) == 0
                             ? intent->what + sizeof WORKSPACE - 1
                             : NULL;
    if (!its_folder(intent, folder))
        return -1;
    struct engine_line line = {.api = api, .out = out};
    /* That a run takes its own folder along is nothing to tell. */
    bool own = is_own(self, intent);
    add_words(&line, (const char *const[]){"sh", "-c", ssh_reap_text, "ciplug-ssh", intent->run,
                                           folder, own ? "own" : "", NULL});
    return engine_end(&line);
}
