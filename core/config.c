/* SPDX-License-Identifier: MIT */
#include "config.h"
#include "config_parse.h"
#include "strbuf.h"
#include "util.h"
#include "visible.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const config_named_kinds[] = {"step", "cleanup", "host", NULL};

bool config_kind_named(const char *kind)
{
    for (size_t i = 0; config_named_kinds[i]; i++) {
        if (strcmp(kind, config_named_kinds[i]) == 0)
            return true;
    }
    return false;
}

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

const char *config_name_fault(const char *name)
{
    for (const char *p = name; *p; p++) {
        if (!name_char(*p))
            return "names are made of letters, digits, '_' and '-'";
    }
    if (!*name)
        return "a name is missing";
    return strlen(name) > CONFIG_NAME_MAX ? "names have at most 64 bytes" : NULL;
}

const char *config_key_fault(const char *key)
{
    for (const char *p = key; *p; p++) {
        if (!name_char(*p) && *p != '.')
            return "keys are made of letters, digits, '_', '-' and '.'";
    }
    if (!*key)
        return "a key is missing";
    return strlen(key) > CONFIG_KEY_MAX ? "keys have at most 128 bytes" : NULL;
}

struct config_section *config_add_section(struct config *config, const char *kind, const char *name,
                                          const char *file, int line)
{
    ARRAY_GROW(config->sections, config->n, config->alloc);
    struct config_section *section = &config->sections[config->n++];
    *section = (struct config_section){
        .kind = xstrdup(kind), .name = name ? xstrdup(name) : NULL, .file = file, .line = line};
    return section;
}

struct config_value *config_add_value(struct config_section *section, const char *key,
                                      const char *value, const char *file, int line)
{
    ARRAY_GROW(section->values, section->n, section->alloc);
    struct config_value *added = &section->values[section->n++];
    *added = (struct config_value){xstrdup(key), xstrdup(value), file, line};
    return added;
}

/* A descriptor that somebody else made non-blocking must not look like an error. */
static ssize_t read_some(int fd, void *buf, size_t size)
{
    for (;;) {
        ssize_t n = read(fd, buf, size);
        if (n >= 0 || (errno != EINTR && errno != EAGAIN))
            return n;
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (errno == EAGAIN && poll(&ready, 1, -1) < 0 && errno != EINTR)
            return -1;
    }
}

static int read_stdin(char **data, size_t *length)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    char buf[16384];
    ssize_t n;
    while ((n = read_some(0, buf, sizeof buf)) > 0) {
        strbuf_add(&text, buf, (size_t)n);
        if (text.len > CONFIG_FILE_MAX) {
            errno = EFBIG;
            return -1;
        }
    }
    if (n < 0)
        return -1;
    *length = text.len;
    *data = strbuf_detach(&text);
    return 0;
}

/* The absolute path of the folder that `path` stands in, NULL with errno. A link to a file in
 * another folder counts where the link is. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    AUTO_FREE char *folder = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");
    return realpath(folder, NULL);
}

static void report_unreadable(struct problems *problems, const char *file)
{
    if (errno == EFBIG)
        problems_add(problems, file, 0, "longer than %u MiB", CONFIG_FILE_MAX >> 20);
    else if (errno == EINVAL)
        problems_add(problems, file, 0, "cannot be read: not a regular file");
    else
        problems_add(problems, file, 0, "cannot be read: %s", strerror(errno));
}

int config_load(struct config *config, const char *path, struct problems *problems)
{
    bool is_stdin = strcmp(path, "-") == 0;
    *config = (struct config){.file = xstrdup(is_stdin ? "<stdin>" : path)};
    AUTO_FREE char *text = NULL;
    size_t length = 0;
    int status =
        is_stdin ? read_stdin(&text, &length) : read_file(path, CONFIG_FILE_MAX, &text, &length);
    if (status < 0) {
        report_unreadable(problems, config->file);
        return -1;
    }
    config->dir = folder_of(is_stdin ? "" : path);
    if (!config->dir) {
        problems_add(problems, config->file, 0, "its folder cannot be found: %s", strerror(errno));
        return -1;
    }
    return config_parse(config, text, length, problems);
}

static struct config_value *find_value(const struct config_section *section, const char *key)
{
    for (size_t i = 0; i < section->n; i++) {
        if (strcmp(section->values[i].key, key) == 0)
            return &section->values[i];
    }
    return NULL;
}

/* NULL, and a problem, where a name is needed and there is no such section. */
static struct config_section *section_to_set(struct config *config, const char *name,
                                             const char *shown, struct problems *problems)
{
    struct config_section *section = NULL;
    for (size_t i = 0; config_named_kinds[i] && !section; i++)
        section = config_find(config, config_named_kinds[i], name);
    if (!section)
        section = config_find(config, name, NULL);
    if (section)
        return section;
    if (!config_kind_named(name))
        return config_add_section(config, name, NULL, "--set", 0);
    problems_add(problems, "--set", 0,
                 "'%s': write the section's own name, NAME.KEY=VALUE, without %s", shown, name);
    return NULL;
}

/* The halves are the caller's. -1 after a problem. */
static int split_assignment(const char *assignment, const char *shown, char **name, char **key,
                            struct problems *problems)
{
    const char *equals = strchr(assignment, '=');
    const char *dot = equals ? memchr(assignment, '.', (size_t)(equals - assignment)) : NULL;
    if (!dot) {
        problems_add(problems, "--set", 0, "expected STEP.KEY=VALUE, got '%s'", shown);
        return -1;
    }
    *name = xstrndup(assignment, (size_t)(dot - assignment));
    *key = xstrndup(dot + 1, (size_t)(equals - dot - 1));
    const char *fault = config_name_fault(*name);
    if (!fault)
        fault = config_key_fault(*key);
    if (!fault && strlen(equals + 1) > CONFIG_VALUE_MAX)
        fault = "values have at most 65536 bytes";
    if (fault)
        problems_add(problems, "--set", 0, "expected STEP.KEY=VALUE, got '%s': %s", shown, fault);
    return fault ? -1 : 0;
}

void config_set(struct config *config, const char *assignment, struct problems *problems)
{
    AUTO_FREE char *name = NULL;
    AUTO_FREE char *key = NULL;
    AUTO_FREE char *shown = visible(assignment);
    if (split_assignment(assignment, shown, &name, &key, problems) < 0)
        return;
    struct config_section *section = section_to_set(config, name, shown, problems);
    if (!section)
        return;
    const char *text = strchr(assignment, '=') + 1;
    struct config_value *value = find_value(section, key);
    if (!value) {
        config_add_value(section, key, text, "--set", 0);
        return;
    }
    free(value->value);
    value->value = xstrdup(text);
    value->file = "--set";
    value->line = 0;
}

static void free_section(struct config_section *section)
{
    for (size_t i = 0; i < section->n; i++) {
        free(section->values[i].key);
        free(section->values[i].value);
    }
    free(section->values);
    free(section->kind);
    free(section->name);
}

void config_free(struct config *config)
{
    for (size_t i = 0; i < config->n; i++)
        free_section(&config->sections[i]);
    free(config->sections);
    free(config->file);
    free(config->dir);
    *config = (struct config){0};
}

struct config_section *config_find(const struct config *config, const char *kind, const char *name)
{
    for (size_t i = 0; i < config->n; i++) {
        struct config_section *section = &config->sections[i];
        if (strcmp(section->kind, kind) != 0 || !section->name != !name)
            continue;
        if (!name || strcmp(section->name, name) == 0)
            return section;
    }
    return NULL;
}

const struct config_value *config_get(const struct config_section *section, const char *key)
{
    return find_value(section, key);
}
