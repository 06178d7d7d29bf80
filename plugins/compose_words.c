/* SPDX-License-Identifier: MIT */
#include "compose_words.h"
#include "compose_awk.h"
#include "compose_lib_sh.h"
#include "compose_mounts_awk.h"
#include "safeguard.h"

#include <ctype.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WHITE " \t\r\n\v\f"

static int refuse(const struct ciplug_api *api, const char *what, const char *text, const char *why)
{
    char line[512];
    snprintf(line, sizeof line, "%s '%.200s' %s", what, text, why);
    api->message(api, CIPLUG_LOG_ERROR, line);
    return -1;
}

/* Words of files, which may be anywhere. */
static int accept_paths(const struct ciplug_api *api, const char *what, const char *text)
{
    const char *at = text ? text : "";
    for (at += strspn(at, WHITE); *at; at += strspn(at, WHITE)) {
        if (*at == '-')
            return refuse(api, what, at, "begins with a dash: write ./ in front of it");
        at += strcspn(at, WHITE);
    }
    for (at = text ? text : ""; *at; at++) {
        if (iscntrl((unsigned char)*at) && !strchr(WHITE, *at))
            return refuse(api, what, text, "holds bytes that no path should have");
    }
    return 0;
}

/* "10.213.0.0/16", or "none". */
static int accept_pool(const struct ciplug_api *api, const char *pool, const char *size)
{
    unsigned a, b, c, d, bits;
    int end = 0;
    if (!pool || strcmp(pool, "none") == 0)
        return 0;
    if (sscanf(pool, "%3u.%3u.%3u.%3u/%2u%n", &a, &b, &c, &d, &bits, &end) != 5 || pool[end] ||
        a > 255 || b > 255 || c > 255 || d > 255)
        return refuse(api, "pool", pool, "is no network: expected ADDRESS/BITS, or none");
    uint32_t address = (uint32_t)a << 24 | b << 16 | c << 8 | d;
    if (bits < 8 || bits > (unsigned)atoi(size))
        return refuse(api, "pool", pool, "has to be of 8 bits at least and pool_size at most");
    if (address & (UINT32_MAX >> bits))
        return refuse(api, "pool", pool, "has bits of a host behind those of the network");
    return 0;
}

int compose_accept(const struct ciplug_api *api, const struct ciplug_command *command)
{
    const char *service = api->option(api, command, "service");
    if (engine_accept(api, ENGINE_NAME, "service", service) ||
        engine_accept(api, ENGINE_NAME, "project", compose_project(command)) ||
        engine_accept_words(api, ENGINE_NAME, "services", api->option(api, command, "services")) ||
        engine_accept_words(api, ENGINE_NAME, "profiles", api->option(api, command, "profiles")) ||
        engine_accept(api, ENGINE_USER, "user", api->option(api, command, "user")) ||
        accept_paths(api, "file", api->option(api, command, "file")) ||
        accept_paths(api, "binary", api->option(api, command, "binary")))
        return -1;
    const char *size = api->option(api, command, "pool_size");
    return accept_pool(api, api->option(api, command, "pool"), size ? size : "26");
}

const char *compose_project(const struct ciplug_command *command)
{
    if (!command->project)
        return "";
    return SAFEGUARD(own_project) ? command->project : "everybodys";
}

void compose_set(struct engine_line *line, const char *name, const char *value)
{
    if (!value)
        return;
    char *text = NULL;
    int n = asprintf(&text, "%s=%s", name, value);
    engine_word(line, n < 0 ? NULL : text);
    if (n >= 0)
        free(text);
}

void compose_pass(struct engine_line *line, const struct ciplug_command *command,
                  const char *option, const char *name)
{
    compose_set(line, name, line->api->option(line->api, command, option));
}

bool compose_is_yes(const struct ciplug_api *api, const struct ciplug_command *command,
                    const char *option)
{
    return engine_is_yes(api->option(api, command, option));
}

void compose_pass_yes(struct engine_line *line, const struct ciplug_command *command,
                      const char *option, const char *name)
{
    compose_set(line, name, compose_is_yes(line->api, command, option) ? "yes" : "no");
}

void compose_pass_seconds(struct engine_line *line, const struct ciplug_command *command,
                          const char *option, const char *name)
{
    const char *text = line->api->option(line->api, command, option);
    double seconds = 0;
    char *end, number[32];
    if (!text)
        return;
    for (; *text && strcmp(text, "none") != 0; text = end) {
        double value = strtod(text, &end);
        if (end == text)
            break;
        double unit = *end == 'd' ? 86400 : *end == 'h' ? 3600 : 1;
        if (*end == 'm')
            unit = end[1] == 's' ? 0.001 : 60;
        seconds += value * unit;
        end += strspn(end, "dhms");
    }
    snprintf(number, sizeof number, "%.0f", seconds < 1 ? seconds * 2 : seconds);
    compose_set(line, name, number);
}

/* One blank between them: what the scripts look for in them stands between blanks. */
void compose_pass_words(struct engine_line *line, const struct ciplug_command *command,
                        const char *name)
{
    const char *text = line->api->option(line->api, command, name);
    char *words = text ? strdup(text) : NULL, *to = words;
    if (!text || !words) {
        line->failed = line->failed || text;
        return;
    }
    for (text += strspn(text, WHITE); *text; text += strspn(text, WHITE)) {
        size_t n = strcspn(text, WHITE);
        if (to != words)
            *to++ = ' ';
        memmove(to, text, n);
        to += n;
        text += n;
    }
    *to = '\0';
    compose_set(line, name, words);
    free(words);
}

static void write_path(FILE *to, const char *folder, const char *path, size_t n)
{
    if (*path != '/')
        fprintf(to, "%s/", folder);
    fprintf(to, "%.*s\n", (int)n, path);
}

/* A word a line: -f and the path of each file, from that folder, --env-file and its path. NULL: no
 * memory. */
static char *client_words(const struct ciplug_api *api, const struct ciplug_command *command,
                          const char *from)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        return NULL;
    const char *file = api->option(api, command, "file");
    const char *env_file = api->option(api, command, "env_file");
    file = file ? file : "";
    for (file += strspn(file, WHITE); *file; file += strspn(file, WHITE)) {
        size_t n = strcspn(file, WHITE);
        fputs("-f\n", to);
        write_path(to, from, file, n);
        file += n;
    }
    if (env_file && *env_file) {
        fputs("--env-file\n", to);
        write_path(to, from, env_file, strlen(env_file));
    }
    if (fclose(to)) {
        free(text);
        return NULL;
    }
    return text;
}

/* The folder of the first file: where the client looks for .env, as it does by itself. The
 * caller's; NULL: no memory. */
static char *project_folder(const char *words, const char *from)
{
    if (strncmp(words, "-f\n", 3) != 0)
        return strdup(from);
    const char *path = words + 3, *end = strchr(path, '\n'), *slash = end;
    while (slash > path && *slash != '/')
        slash--;
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

/* What names of images begin with, where the file gives none: the same in all runs of a checkout,
 * and another one in each checkout. */
static void set_images(struct engine_line *line, const char *folder)
{
    uint32_t hash = 2166136261;
    const char *base = folder;
    for (const char *at = folder; *at; at++) {
        hash = (hash ^ (unsigned char)*at) * 16777619;
        if (*at == '/' && at[1])
            base = at + 1;
    }
    char text[64];
    int n = snprintf(text, sizeof text, "ciplug-");
    for (; *base && n < 40; base++) {
        if (isalnum((unsigned char)*base))
            text[n++] = (char)tolower((unsigned char)*base);
    }
    snprintf(text + n, sizeof text - (size_t)n, "-%08x", (unsigned)hash);
    compose_set(line, "images", text);
}

/* The files at the place where the client runs, and names for images by those here: a copy there is
 * another one in each run. */
static void set_files(struct engine_line *line, const struct ciplug_command *command)
{
    char *words = client_words(line->api, command, command->paths_from);
    char *folder = words ? project_folder(words, command->paths_from) : NULL;
    char *words_here = client_words(line->api, command, command->config_dir);
    char *folder_here = words_here ? project_folder(words_here, command->config_dir) : NULL;
    if (folder && folder_here) {
        compose_set(line, "directory", folder);
        compose_set(line, "files", words);
        set_images(line, folder_here);
    } else {
        line->failed = true;
    }
    free(folder_here);
    free(words_here);
    free(folder);
    free(words);
}

static void set_text(struct engine_line *line, const char *script)
{
    size_t size = sizeof compose_lib_text + strlen(script);
    char *text = malloc(size);
    if (text)
        snprintf(text, size, "%s%s", compose_lib_text, script);
    engine_word(line, "sh");
    engine_word(line, "-c");
    engine_word(line, text);
    engine_word(line, "ciplug-compose");
    free(text);
}

struct engine_line compose_script(const struct ciplug_api *api,
                                  const struct ciplug_command *command, struct ciplug_argv *out,
                                  const char *script)
{
    struct engine_line line = {.api = api, .out = out};
    set_text(&line, script);
    compose_set(&line, "project", compose_project(command));
    compose_set(&line, "run", command->run);
    compose_set(&line, "owner", command->owner);
    set_files(&line, command);
    compose_pass_words(&line, command, "binary");
    compose_pass_words(&line, command, "profiles");
    compose_pass_words(&line, command, "services");
    compose_pass_yes(&line, command, "isolate", "isolate");
    compose_pass(&line, command, "pool", "pool");
    compose_pass(&line, command, "pool_size", "size");
    compose_set(&line, "program", compose_awk_text);
    if (SAFEGUARD(mounts_are_here) && !engine_shares_files(api, command))
        compose_set(&line, "mounts", compose_mounts_awk_text);
    return line;
}

/* Whether there is such a program in one of the folders, which `:` separates; `below` them. */
static bool is_in(const char *folders, const char *below)
{
    for (size_t n; folders && *folders; folders += n + (folders[n] == ':')) {
        char path[PATH_MAX];
        n = strcspn(folders, ":");
        int length = snprintf(path, sizeof path, "%.*s/%s", (int)n, folders, below);
        if (n > 0 && length > 0 && (size_t)length < sizeof path && access(path, X_OK) == 0)
            return true;
    }
    return false;
}

/* Which one a run would find here, without asking it (compose_lib.sh does). The folders are those
 * in which the client of docker looks for plugins. */
static const char *usual_client(void)
{
    static const char plugin[] = "cli-plugins/docker-compose";
    const char *config = getenv("DOCKER_CONFIG");
    bool second = is_in("/usr/local/lib/docker:/usr/local/libexec/docker:"
                        "/usr/lib/docker:/usr/libexec/docker",
                        plugin) ||
                  (config && *config ? is_in(config, plugin)
                                     : is_in(getenv("HOME"), ".docker/cli-plugins/docker-compose"));
    return !second && is_in(getenv("PATH"), "docker-compose") ? "docker-compose" : "docker compose";
}

/* As people type it. */
static struct engine_line shown_client(const struct ciplug_api *api,
                                       const struct ciplug_command *command,
                                       struct ciplug_argv *out)
{
    struct engine_line line = {.api = api, .out = out};
    const char *binary = api->option(api, command, "binary");
    engine_words(&line, NULL, binary && *binary ? binary : usual_client());
    char *words = client_words(api, command, command->paths_from), *rest = words;
    if (!words)
        line.failed = true;
    for (char *word; rest && (word = strsep(&rest, "\n")) && *word;)
        engine_word(&line, word);
    free(words);
    engine_words(&line, "--profile", api->option(api, command, "profiles"));
    engine_pair(&line, "-p", compose_project(command));
    return line;
}

struct engine_line compose_client(const struct ciplug_api *api,
                                  const struct ciplug_command *command, struct ciplug_argv *out,
                                  const char *script)
{
    if (command->shown)
        return shown_client(api, command, out);
    struct engine_line line = compose_script(api, command, out, script);
    engine_word(&line, "--");
    return line;
}
