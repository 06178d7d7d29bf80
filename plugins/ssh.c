/* SPDX-License-Identifier: MIT
 *
 * ssh: run commands on another machine, by the system's OpenSSH client, so that people's own
 * configuration, agents, keys and jump hosts work.
 *
 * A host that uses it has connections of the run's own (hold), which its commands share: a session
 * each. A client whose connection is gone, or has no room, must not make one of its own: where a
 * server is busy, that is what brings it down, and of a host that is lost nobody would notice. So
 * such a client gets a proxy that only says so.
 *
 * What a client could take for an option is refused by build(), and "--" stands in front of the
 * address.
 */
#include "ssh.h"
#include "engine_kill_sh.h"
#include "engine_pick_sh.h"
#include "safeguard.h"
#include "ssh_cd_sh.h"
#include "ssh_check_sh.h"
#include "ssh_far_sh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_MASTER                                                                                  \
    "sh -c \"echo the connection that the run holds to this host is gone or has no room >&2\""

static int ssh_open(const struct ciplug_api *api, void **self)
{
    struct ssh *ssh = calloc(1, sizeof *ssh);
    if (!ssh)
        return -1;
    ssh->api = api;
    *self = ssh;
    return 0;
}

static void ssh_close(void *self)
{
    free(self);
}

const struct ciplug_api *ssh_api(const void *self)
{
    return ((const struct ssh *)self)->api;
}

int ssh_complain(const struct ciplug_api *api, const char *text, const char *what)
{
    char line[ADDRESS_MAX + 200];
    snprintf(line, sizeof line, "%s%s%.*s", text, what ? ": " : "", ADDRESS_MAX, what ? what : "");
    api->message(api, CIPLUG_LOG_ERROR, line);
    return -1;
}

static const char address_bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789._:@%[]-";

/* [USER@]HOST, also an IPv6 address with a zone. */
int ssh_accept(const struct ciplug_api *api, const char *address)
{
    if (!address || !*address)
        return ssh_complain(api, "needs the option address", NULL);
    if (!SAFEGUARD(ssh_addresses))
        return 0;
    if (*address == '-' || strstr(address, "@-"))
        return ssh_complain(api, "an address may not begin with -, ssh would take it for an option",
                            address);
    if (strlen(address) > ADDRESS_MAX || address[strspn(address, address_bytes)])
        return ssh_complain(api, "no address ([USER@]HOST, of letters, digits and ._:@%[]-)",
                            address);
    return 0;
}

/* ---- the client ---- */

/* How many of the host's slots share one connection: beside a command there may be one more
 * session, that looks for it, ends it or fetches from it. */
static uint32_t slots_each(const struct ciplug_api *api, const struct ciplug_command *command)
{
    const char *text = api->option(api, command, "sessions");
    unsigned long sessions = text ? strtoul(text, NULL, 10) : 10;
    return sessions < 4 ? 1 : (uint32_t)(sessions / 2);
}

/* The number-th connection's socket. The caller's; NULL: no memory. */
static char *socket_path(const struct ciplug_command *command, uint32_t number)
{
    char *path = NULL;
    unsigned first = (unsigned)(command->worker - command->host_slot + 1);
    if (asprintf(&path, "%s/%u.%u", command->held, first, (unsigned)number) < 0)
        return NULL;
    return path;
}

void ssh_setting(struct engine_line *line, const char *setting)
{
    engine_pair(line, "-o", setting);
}

/* Through the connection of the command's slot, or by one of its own. */
static void add_sharing(struct engine_line *line, const struct ciplug_command *command)
{
    ssh_setting(line, "ControlMaster=no");
    if (!command->held) {
        ssh_setting(line, "ControlPath=none");
        return;
    }
    char *path = socket_path(command, (command->host_slot - 1) / slots_each(line->api, command));
    if (!path)
        line->failed = true;
    engine_pair(line, "-S", path);
    if (SAFEGUARD(ssh_no_fallback))
        ssh_setting(line, "ProxyCommand=" NO_MASTER);
    free(path);
}

/* ssh and what it has to be told in every case; what stands first wins. */
struct engine_line ssh_client(const struct ciplug_api *api, const char *binary, const char *config,
                              struct ciplug_argv *out)
{
    static const char *const forced[] = {"BatchMode=yes", "ConnectTimeout=10",
                                         "ServerAliveInterval=4", "ServerAliveCountMax=3"};
    struct engine_line line = {.api = api, .out = out};
    if (!binary || *binary == '-')
        line.failed = true;
    engine_word(&line, binary);
    engine_pair(&line, "-F", config);
    for (size_t i = 0; i < sizeof forced / sizeof *forced; i++)
        ssh_setting(&line, forced[i]);
    return line;
}

struct engine_line ssh_begin(const struct ciplug_api *api, const struct ciplug_command *command,
                             struct ciplug_argv *out)
{
    const char *binary = api->option(api, command, "binary");
    return ssh_client(api, binary, api->option(api, command, "config"), out);
}

static void add_target(struct engine_line *line, const struct ciplug_command *command)
{
    const struct ciplug_api *api = line->api;
    const char *address = api->option(api, command, "address");
    if (ssh_accept(api, address) < 0)
        line->failed = true;
    engine_pair(line, "-p", api->option(api, command, "port"));
    engine_pair(line, "-i", api->option(api, command, "identity"));
    engine_words(line, "-o", api->option(api, command, "options"));
    engine_word(line, "--");
    engine_word(line, address);
}

/* The whole client; what is added behind it is the line for the shell over there. */
struct engine_line ssh_reach(const struct ciplug_api *api, const struct ciplug_command *command,
                             struct ciplug_argv *out)
{
    struct engine_line line = ssh_begin(api, command, out);
    engine_word(&line, "-T");
    add_sharing(&line, command);
    add_target(&line, command);
    return line;
}

/* What stands behind the first words of the line is one more. */
int ssh_join(struct engine_line *line, size_t first)
{
    if (!line->failed && line->api->argv_join(line->out, first))
        line->failed = true;
    return engine_end(line);
}

/* ---- where a command starts ---- */

/* In front of what is run there. */
static void add_folder(struct engine_line *line, const struct ciplug_command *command,
                       const char *folder)
{
    const char *base = line->api->option(line->api, command, "cwd");
    char *own = command->synced && !(base && *base) ? ssh_workspace(command, WORKSPACES) : NULL;
    if (own)
        base = own;
    if ((base && *base) || (folder && *folder)) {
        engine_word(line, "sh");
        engine_word(line, "-c");
        engine_word(line, ssh_cd_text);
        engine_word(line, "ciplug-ssh");
        engine_word(line, base ? base : "");
        engine_word(line, folder ? folder : "");
    }
    free(own);
}

/* ---- callbacks ---- */

/* Without a guard the server decides which variables it takes. */
static void send_variables(struct engine_line *line, const struct ciplug_command *command)
{
    char *names = strdup("SendEnv=");
    for (const char *const *name = command->env; names && name && *name; name++) {
        char *longer = NULL;
        if (asprintf(&longer, "%s%s%s", names, name == command->env ? "" : " ", *name) < 0)
            longer = NULL;
        free(names);
        names = longer;
    }
    if (!names)
        line->failed = true;
    else if (command->env && *command->env)
        ssh_setting(line, names);
    free(names);
}

static int ssh_build(void *self, const struct ciplug_command *command,
                     const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    const struct ciplug_api *api = ssh_api(self);
    struct engine_line line = ssh_begin(api, command, out);
    engine_word(&line, "-T");
    if (!inner)
        return ssh_complain(api, "needs a command", NULL);
    if (!command->guarded)
        send_variables(&line, command);
    add_sharing(&line, command);
    add_target(&line, command);
    size_t first = line.n;
    add_folder(&line, command, command->guarded ? NULL : command->cwd);
    engine_inner(&line, inner);
    return ssh_join(&line, first);
}

/* A command there, where one logs in. */
static int run_there(void *self, const struct ciplug_command *command, const char *const *words,
                     struct ciplug_argv *out)
{
    const struct ciplug_api *api = ssh_api(self);
    struct engine_line line = ssh_reach(api, command, out);
    size_t first = line.n;
    for (; *words; words++)
        engine_word(&line, *words);
    return ssh_join(&line, first);
}

static int ssh_stop(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    const char *const words[] = {"sh", "-c", engine_kill_text, "ciplug-kill", command->job, NULL};
    return command->job ? run_there(self, command, words, out) : 0;
}

static int ssh_alive(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    static const char *const words[] = {"true", NULL};
    return run_there(self, command, words, out);
}

static int ssh_fetch(void *self, const struct ciplug_command *command, const char *const *patterns,
                     struct ciplug_argv *out)
{
    static const char *const words[] = {"sh", "-c", engine_pick_text, "ciplug-pick", "/", NULL};
    const struct ciplug_api *api = ssh_api(self);
    struct engine_line line = ssh_reach(api, command, out);
    size_t first = line.n;
    add_folder(&line, command, command->cwd);
    for (size_t i = 0; words[i]; i++)
        engine_word(&line, words[i]);
    for (; *patterns; patterns++)
        engine_word(&line, *patterns);
    return ssh_join(&line, first);
}

static int ssh_enter(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    const struct ciplug_api *api = ssh_api(self);
    struct engine_line line = {.api = api, .out = out};
    engine_word(&line, api->option(api, command, "binary"));
    engine_pair(&line, "-F", api->option(api, command, "config"));
    engine_word(&line, "-t");
    add_target(&line, command);
    return engine_end(&line);
}

static int ssh_check(void *self, const struct ciplug_command *command, struct ciplug_argv *out)
{
    const struct ciplug_api *api = ssh_api(self);
    struct engine_line line = {.api = api, .out = out};
    char slots[16], name[ADDRESS_MAX];
    snprintf(slots, sizeof slots, "%u", (unsigned)command->host_slots);
    snprintf(name, sizeof name, "host %s", command->host);
    const char *const words[] = {"sh",           "-c",
                                 ssh_check_text, "ciplug-ssh",
                                 name,           command->synced ? "sh tar rsync" : "sh tar",
                                 slots,          api->option(api, command, "sessions"),
                                 ssh_far_text,   NULL};
    for (size_t i = 0; words[i]; i++)
        engine_word(&line, words[i]);
    struct engine_line client = ssh_reach(api, command, out);
    return line.failed || client.failed ? -1 : 0;
}

/* ---- connections of the run ---- */

/* It listens on its socket before it runs the local command, which says that it is there. What a
 * dead one left at the path would keep it from that. */
static int ssh_hold(void *self, const struct ciplug_command *command, uint32_t number,
                    struct ciplug_argv *out)
{
    static const char script[] = "rm -f \"$1\" && shift && exec \"$@\"";
    const struct ciplug_api *api = ssh_api(self);
    if (!command->held || number * slots_each(api, command) >= command->host_slots)
        return 0;
    char *path = socket_path(command, number);
    if (!path)
        return -1;
    struct engine_line line = {.api = api, .out = out};
    const char *const words[] = {"sh", "-c", script, "ciplug-ssh", path, NULL};
    for (size_t i = 0; words[i]; i++)
        engine_word(&line, words[i]);
    struct engine_line client = ssh_begin(api, command, out);
    client.failed |= line.failed;
    engine_word(&client, "-n");
    engine_word(&client, "-N");
    engine_word(&client, "-T");
    ssh_setting(&client, "ControlMaster=yes");
    ssh_setting(&client, "ControlPersist=no");
    engine_pair(&client, "-S", path);
    /* It lets only those variables of its clients pass that it might send itself. */
    ssh_setting(&client, "SendEnv=*");
    ssh_setting(&client, "PermitLocalCommand=yes");
    ssh_setting(&client, "LocalCommand=echo connected");
    add_target(&client, command);
    free(path);
    return engine_end(&client);
}

/* ---- tables ---- */

static const struct ciplug_builder ssh_builder = {
    .size = sizeof ssh_builder,
    .name = "",
    .help = "Runs the command on another machine.",
    .flags = CIPLUG_BUILDER_REMOTE,
    .build = ssh_build,
    .stop = ssh_stop,
    .alive = ssh_alive,
    .fetch = ssh_fetch,
    .check = ssh_check,
    .enter = ssh_enter,
    .hold = ssh_hold,
    .prepare = ssh_prepare,
    .way = ssh_way,
};
static const struct ciplug_builder *const ssh_builders[] = {&ssh_builder, NULL};

#define OPTION(option, kind, standard, text)                                                       \
    &(const struct ciplug_option)                                                                  \
    {                                                                                              \
        .size = sizeof(struct ciplug_option), .name = option, .type = CIPLUG_OPTION_##kind,        \
        .def = standard, .help = text                                                              \
    }

static const char *const guard_choices[] = {"auto", "yes", "no", NULL};

static const struct ciplug_option ssh_address = {
    .size = sizeof ssh_address,
    .name = "address",
    .type = CIPLUG_OPTION_STRING,
    .help = "[USER@]HOST, as ssh takes it; also a Host of its configuration.",
    .only = address_bytes};
static const struct ciplug_option ssh_port = {.size = sizeof ssh_port,
                                              .name = "port",
                                              .type = CIPLUG_OPTION_INTEGER,
                                              .help = "The server's port.",
                                              .min = 1,
                                              .max = 65535};
static const struct ciplug_option ssh_sessions = {
    .size = sizeof ssh_sessions,
    .name = "sessions",
    .type = CIPLUG_OPTION_INTEGER,
    .def = "10",
    .help = "How many sessions one connection has (MaxSessions of the server); a slot needs two.",
    .min = 2,
    .max = 10000};
static const struct ciplug_option ssh_guard = {
    .size = sizeof ssh_guard,
    .name = "guard",
    .type = CIPLUG_OPTION_CHOICE,
    .def = "auto",
    .help = "Whether a guard watches over the command on the host; it needs a shell there.",
    .choices = guard_choices};

static const struct ciplug_option *const ssh_options[] = {
    &ssh_address,
    &ssh_port,
    OPTION("identity", PATH, NULL, "A private key."),
    OPTION("options", WORDS, NULL, "NAME=VALUE for ssh's -o, each a word."),
    OPTION("config", PATH, NULL, "The client's configuration, instead of the user's own."),
    OPTION("cwd", STRING, NULL,
           "The folder on the host where `cwd` of a step starts (where one logs in; with sync: the "
           "workspace)."),
    &ssh_guard,
    &ssh_sessions,
    OPTION("binary", STRING, "ssh", "The client."),
    NULL};

static const struct ciplug_plugin ssh_plugin = {
    .size = sizeof ssh_plugin,
    .abi_major = CIPLUG_ABI_MAJOR,
    .abi_minor = CIPLUG_ABI_MINOR,
    .name = "ssh",
    .version = CIPLUG_VERSION,
    .summary = "Commands on other machines",
    .options = ssh_options,
    .builders = ssh_builders,
    .open = ssh_open,
    .close = ssh_close,
    .reap = ssh_reap,
};

CIPLUG_PLUGIN(ssh_plugin);
