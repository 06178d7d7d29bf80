/* SPDX-License-Identifier: MIT */
#include "engine.h"
#include "engine_kill_sh.h"
#include "engine_pick_sh.h"
#include "engine_sh.h"
#include "safeguard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHITE " \t\r\n\v\f"
#define ALPHA "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"
#define ALNUM ALPHA DIGIT

/* ---- lines ---- */

void engine_word(struct engine_line *line, const char *word)
{
    if (!line->failed && line->api->argv_add(line->out, word))
        line->failed = true;
    line->n++;
}

void engine_pair(struct engine_line *line, const char *flag, const char *value)
{
    if (!value || !*value)
        return;
    engine_word(line, flag);
    engine_word(line, value);
}

void engine_pair_of(struct engine_line *line, const char *flag, const char *prefix,
                    const char *value)
{
    if (!value || !*value)
        return;
    size_t size = strlen(prefix) + strlen(value) + 1;
    char *text = malloc(size);
    if (text)
        snprintf(text, size, "%s%s", prefix, value);
    engine_word(line, flag);
    engine_word(line, text);
    free(text);
}

/* The next word of *text, malloced, or NULL at its end; *failed when there is no memory. */
static char *next_word(const char **text, bool *failed)
{
    *text += strspn(*text, WHITE);
    size_t n = strcspn(*text, WHITE);
    if (n == 0)
        return NULL;
    char *word = strndup(*text, n);
    *text += n;
    if (!word)
        *failed = true;
    return word;
}

void engine_words(struct engine_line *line, const char *flag, const char *text)
{
    char *word;
    while (text && (word = next_word(&text, &line->failed))) {
        if (flag)
            engine_word(line, flag);
        engine_word(line, word);
        free(word);
    }
}

void engine_env(struct engine_line *line, const struct ciplug_command *command)
{
    for (const char *const *name = command->env; name && *name; name++) {
        if (strcmp(*name, "CIPLUG_JOB") != 0)
            engine_pair(line, "-e", *name);
    }
    if (!command->shown)
        engine_pair(line, "-e", "CIPLUG_JOB");
}

void engine_labels(struct engine_line *line, const struct ciplug_command *command)
{
    engine_pair_of(line, "--label", "ciplug.run=", command->run);
    engine_pair_of(line, "--label", "ciplug.owner=", command->owner);
    engine_pair_of(line, "--label", "ciplug.step=", command->step);
}

char *engine_folder(const char *workdir, const char *cwd)
{
    char *text = NULL;
    if (!cwd || !*cwd)
        return strdup(workdir ? workdir : "");
    if (*cwd == '/' || !workdir || !*workdir)
        return strdup(cwd);
    return asprintf(&text, "%s/%s", workdir, cwd) < 0 ? NULL : text;
}

bool engine_is_yes(const char *text)
{
    static const char *const words[] = {"yes", "true", "on", "1"};
    for (size_t i = 0; text && i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) == 0)
            return true;
    }
    return false;
}

void engine_inner(struct engine_line *line, const struct ciplug_argv *inner)
{
    if (!line->failed && inner && line->api->argv_append(line->out, inner))
        line->failed = true;
}

int engine_end(const struct engine_line *line)
{
    return line->failed ? -1 : 0;
}

/* ---- names ---- */

static const struct kind {
    const char *first, *rest;
    const char *rule;
    size_t longest;
} kinds[] = {
    [ENGINE_NAME] = {ALNUM, ALNUM "_.-", "letters, digits and _.-, a letter or digit in front",
                     255},
    [ENGINE_IMAGE] = {ALNUM, ALNUM "_.:/@-", "[HOST[:PORT]/]NAME[:TAG][@DIGEST]", 512},
    [ENGINE_USER] = {ALNUM "_", ALNUM "_.:@$-", "USER[:GROUP], no dash in front", 255},
    [ENGINE_NETWORK] = {ALNUM, ALNUM "_.:,=-", "a name, host, none or container:NAME", 512},
};

/* Each of its parts begins with a letter or digit, and there is no empty one. */
static bool has_parts(const char *image)
{
    for (size_t n; n = strcspn(image, "/:@"), image[n]; image += n + 1) {
        if (!strchr(ALNUM "_", image[n + 1]) || !image[n + 1])
            return false;
    }
    return true;
}

static bool is(enum engine_kind kind, const char *text)
{
    const struct kind *k = &kinds[kind];
    if (strlen(text) > k->longest || !strchr(k->first, *text) ||
        text[strspn(text, k->rest)] != '\0')
        return false;
    return kind != ENGINE_IMAGE || has_parts(text);
}

int engine_accept(const struct ciplug_api *api, enum engine_kind kind, const char *what,
                  const char *text)
{
    if (!text || !*text || is(kind, text) || !SAFEGUARD(engine_names))
        return 0;
    char line[512];
    snprintf(line, sizeof line, "%s '%.200s' is no such name: %s", what, text, kinds[kind].rule);
    api->message(api, CIPLUG_LOG_ERROR, line);
    return -1;
}

int engine_accept_words(const struct ciplug_api *api, enum engine_kind kind, const char *what,
                        const char *text)
{
    bool failed = false;
    int result = 0;
    char *word;
    while (result == 0 && text && (word = next_word(&text, &failed))) {
        result = engine_accept(api, kind, what, word);
        free(word);
    }
    return failed ? -1 : result;
}

/* ---- what is created ---- */

/* Which engine that is. */
static const char *const engine_variables[] = {"DOCKER_HOST",      "DOCKER_CONTEXT",
                                               "DOCKER_CONFIG",    "DOCKER_TLS_VERIFY",
                                               "DOCKER_CERT_PATH", NULL};

/* Clients that a journal may name: it is not to choose which program of this machine runs. */
static bool is_client(const char *name)
{
    static const char *const known[] = {"docker", "podman", "nerdctl"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(name, known[i]) == 0)
            return true;
    }
    return false;
}

int engine_intent(const struct ciplug_api *api, const struct ciplug_command *command,
                  const char *client)
{
    char what[32] = "engine";
    if (!api->intent)
        return 0;
    if (is_client(client))
        snprintf(what, sizeof what, "engine %s", client);
    return api->intent(api, command, what, engine_variables);
}

/* The client that it names, "" for none; NULL: it is no intent of ours. */
static const char *client_of(const struct ciplug_intent *intent)
{
    static const char word[] = "engine";
    const char *what = intent->what;
    if (!what || strncmp(what, word, sizeof word - 1) != 0)
        return NULL;
    what += sizeof word - 1;
    if (*what == ' ' && is_client(what + 1))
        return what + 1;
    return *what ? NULL : what;
}

/* sh -c TEXT ciplug-engine VERB CLIENT */
static struct engine_line script(const struct ciplug_api *api, struct ciplug_argv *out,
                                 const char *verb, const char *client)
{
    struct engine_line line = {.api = api, .out = out};
    engine_word(&line, "sh");
    engine_word(&line, "-c");
    engine_word(&line, engine_text);
    engine_word(&line, "ciplug-engine");
    engine_word(&line, verb);
    engine_word(&line, client);
    return line;
}

static bool is_run(const char *text)
{
    return text && strlen(text) == 8 && text[strspn(text, "abcdefghijklmnopqrstuvwxyz" DIGIT)] == 0;
}

int engine_reap(const struct ciplug_api *api, const char *client,
                const struct ciplug_intent *intent, struct ciplug_argv *out)
{
    const char *named = client_of(intent);
    if (!is_run(intent->run) || !named) {
        api->message(api, CIPLUG_LOG_ERROR, "the journal says something that was never an intent");
        return -1;
    }
    if (!intent->owner || !*intent->owner) {
        api->message(api, CIPLUG_LOG_ERROR, "the journal does not say who made what is there");
        return -1;
    }
    struct engine_line line = script(api, out, "reap", *named ? named : client);
    engine_word(&line, intent->run);
    engine_word(&line, intent->owner);
    return engine_end(&line);
}

/* ---- where it is ---- */

const char *engine_elsewhere(const struct ciplug_api *api, const struct ciplug_command *command)
{
    static const char *const here[] = {
        "unix:", "npipe:", "fd:", "tcp://127.", "tcp://localhost", "tcp://[::1]"};
    const char *host = api->variable ? api->variable(api, command, "DOCKER_HOST") : NULL;
    if (!host || !*host)
        return NULL;
    for (size_t i = 0; i < sizeof here / sizeof *here; i++) {
        if (strncmp(host, here[i], strlen(here[i])) == 0)
            return NULL;
    }
    return host;
}

bool engine_shares_files(const struct ciplug_api *api, const struct ciplug_command *command)
{
    const char *mounts = api->option(api, command, "mounts");
    return mounts && strcmp(mounts, "allow") == 0;
}

int engine_reach(const struct ciplug_api *api, const char *client, struct ciplug_argv *out)
{
    struct engine_line line = script(api, out, "reach", client);
    return engine_end(&line);
}

const char *engine_script(void)
{
    return engine_text;
}

/* ---- beside a command ---- */

static void add_place(struct engine_line *line, const struct engine_place *place)
{
    char *text = NULL;
    int n;
    if (place->container && place->run)
        n = asprintf(&text, "own=%s/%s", place->run, place->container);
    else if (place->container)
        n = asprintf(&text, "name=%s", place->container);
    else if (!place->service)
        n = asprintf(&text, "project=%s", place->project);
    else
        n = asprintf(&text, "service=%s/%s%s%s", place->project, place->service,
                     place->index ? "/" : "", place->index ? place->index : "");
    engine_word(line, n < 0 ? NULL : text);
    if (n >= 0)
        free(text);
}

static void add_text(struct engine_line *line, const char *text)
{
    engine_word(line, text ? text : "");
}

int engine_stop(const struct ciplug_api *api, const struct engine_place *place,
                struct ciplug_argv *out)
{
    struct engine_line line = script(api, out, "stop", place->client);
    add_place(&line, place);
    add_text(&line, place->user);
    engine_word(&line, engine_kill_text);
    return engine_end(&line);
}

int engine_remove(const struct ciplug_api *api, const struct engine_place *place,
                  struct ciplug_argv *out)
{
    struct engine_line line = script(api, out, "remove", place->client);
    add_place(&line, place);
    return engine_end(&line);
}

int engine_alive(const struct ciplug_api *api, const struct engine_place *place,
                 struct ciplug_argv *out)
{
    struct engine_line line = script(api, out, "alive", place->client);
    add_place(&line, place);
    engine_word(&line, place->own ? "yes" : "no");
    return engine_end(&line);
}

int engine_evidence(const struct ciplug_api *api, const struct engine_place *place,
                    const struct ciplug_command *command, const struct ciplug_result *result,
                    struct ciplug_argv *out)
{
    char code[16] = "-";
    if (result->outcome == CIPLUG_FAILED)
        snprintf(code, sizeof code, "%d", (int)result->exit_code);
    else if (result->outcome == CIPLUG_SIGNALED)
        snprintf(code, sizeof code, "%d", 128 + (int)result->signal);
    else if (result->outcome == CIPLUG_TIMEOUT)
        snprintf(code, sizeof code, "any");
    struct engine_line line = script(api, out, "evidence", place->client);
    add_place(&line, place);
    engine_word(&line, place->own                           ? "run"
                       : place->container || place->service ? "exec"
                                                            : "project");
    add_text(&line, command->started);
    engine_word(&line, code);
    return engine_end(&line);
}

int engine_fetch(const struct ciplug_api *api, const struct engine_place *place,
                 const char *const *patterns, struct ciplug_argv *out)
{
    struct engine_line line = script(api, out, "fetch", place->client);
    add_place(&line, place);
    add_text(&line, place->user);
    add_text(&line, place->folder);
    engine_word(&line, place->remove ? "yes" : "no");
    engine_word(&line, engine_pick_text);
    for (; *patterns; patterns++)
        engine_word(&line, *patterns);
    return engine_end(&line);
}

int engine_check(const struct ciplug_api *api, const char *client, const char *verb,
                 const char *image, const char *dockerfile, struct ciplug_argv *out)
{
    struct engine_line line = script(api, out, "check", client);
    engine_word(&line, verb);
    add_text(&line, image);
    add_text(&line, dockerfile);
    return engine_end(&line);
}
