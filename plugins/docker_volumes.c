/* SPDX-License-Identifier: MIT
 *
 * What stands in front of `docker run`, and its volumes: names, and folders of the machine on which
 * the engine is.
 */
#include "docker.h"
#include "docker_volumes_sh.h"
#include "safeguard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The next of the words, moved on. The caller's; NULL: there is none, or no memory (*failed). */
static char *next_volume(const char **words, bool *failed)
{
    if (!*words)
        return NULL;
    *words += strspn(*words, WHITE);
    size_t n = strcspn(*words, WHITE);
    char *word = n ? strndup(*words, n) : NULL;
    *failed = n && !word;
    *words += n;
    return word;
}

/* What begins with a dot is a path beside the configuration, so of this machine, or of the one on
 * which the client will run. */
static bool is_relative(const char *word)
{
    return *word == '.';
}

/* 0, or -1 after a message. */
static int accept(const struct ciplug_api *api, const struct ciplug_command *command,
                  const char *word)
{
    const char *elsewhere = engine_elsewhere(api, command);
    char line[640];
    if (*word == '-')
        return docker_complain(api, "a volume begins with a dash");
    if (!is_relative(word))
        return 0;
    if (strchr(command->paths_from, ':'))
        return docker_complain(api,
                               "a volume beside the configuration cannot be named to the engine: "
                               "there is a ':' in that folder's name");
    if (!elsewhere || engine_shares_files(api, command) || !SAFEGUARD(mounts_are_here))
        return 0;
    snprintf(
        line, sizeof line,
        "the volume %.150s is a folder of this machine, and the engine at %.150s is on another "
        "one: copy it into the image or a volume, run the client there (uses = ssh, "
        "sync = yes), or say mounts = allow where it sees the same files",
        word, elsewhere);
    return docker_complain(api, line);
}

static void add_here(struct engine_line *line, const char *from, const char *word)
{
    char *text = NULL;
    bool relative = is_relative(word);
    if (asprintf(&text, "%s%s%s", relative ? from : "", relative ? "/" : "", word) < 0)
        text = NULL;
    engine_word(line, "-v");
    engine_word(line, text);
    free(text);
}

void docker_volumes(struct engine_line *line, const struct ciplug_command *command)
{
    const char *words = docker_option(line->api, command, "volumes");
    bool away = docker_volumes_away(command, words);
    char *word;
    while (!line->failed && (word = next_volume(&words, &line->failed))) {
        if (accept(line->api, command, word) < 0)
            line->failed = true;
        else if (!away)
            add_here(line, command->paths_from, word);
        free(word);
    }
}

bool docker_volumes_away(const struct ciplug_command *command, const char *volumes)
{
    bool failed = false, any = false;
    char *word;
    while (command->away && !command->shown && !any && (word = next_volume(&volumes, &failed))) {
        any = is_relative(word);
        free(word);
    }
    return any;
}

/* Only there it is known which folder that is, and whether there is one: an engine would make an
 * empty one. */
void docker_find_volumes(struct engine_line *line, const struct ciplug_command *command,
                         const char *client)
{
    const char *words = docker_option(line->api, command, "volumes");
    char count[16], *word;
    unsigned n = 0;
    if (!docker_volumes_away(command, words))
        return;
    for (const char *rest = words; (word = next_volume(&rest, &line->failed)); n++)
        free(word);
    snprintf(count, sizeof count, "%u", n);
    const char *const script[] = {"sh",   "-c",  docker_volumes_text, "ciplug-docker",
                                  client, count, command->paths_from};
    for (size_t i = 0; i < sizeof script / sizeof *script; i++)
        engine_word(line, script[i]);
    while ((word = next_volume(&words, &line->failed))) {
        engine_word(line, word);
        free(word);
    }
}

/* A try with a guard that found no shell has left a container of this name, where it was to be kept
 * for its artifacts. */
int docker_make_room(const struct ciplug_api *api, const struct ciplug_command *command,
                     struct ciplug_argv *out)
{
    static const char script[] =
        "id=$(\"$1\" container inspect -f '{{.Id}} {{index .Config.Labels \"ciplug.run\"}}' \"$2\" "
        "2>/dev/null); case $id in *\" $3\") \"$1\" rm -f -v \"${id%% *}\" >/dev/null 2>&1 ;; "
        "esac; "
        "shift 3; exec \"$@\"";
    const char *guard = docker_option(api, command, "guard");
    struct engine_line line = {.api = api, .out = out};
    if (command->guarded || command->shown || !command->fetches || !guard ||
        strcmp(guard, "auto") != 0)
        return 0;
    char *name = docker_name_to_run(api, command);
    engine_word(&line, "sh");
    engine_word(&line, "-c");
    engine_word(&line, script);
    engine_word(&line, "ciplug-docker");
    engine_word(&line, docker_client(api, command));
    engine_word(&line, name);
    engine_word(&line, command->run);
    free(name);
    return engine_end(&line);
}
