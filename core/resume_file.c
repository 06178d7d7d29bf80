/* SPDX-License-Identifier: MIT
 *
 * resumed.jsonl: a line for each command that was taken over, its units by their hashes. Only
 * ciplug itself reads it, so what does not parse ends it. Paths are relative to the run's folder,
 * as in the journal.
 */
#include "resume.h"
#include "strbuf.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "resumed.jsonl"

static const char *const states[] = {
    [RESUME_FAILED] = "failed", [RESUME_PASSED] = "passed", [RESUME_OPEN] = "open"};

struct resume_command *resume_add(struct resume *resume)
{
    ARRAY_GROW(resume->commands, resume->n_commands, resume->a_commands);
    return &resume->commands[resume->n_commands++];
}

/* --- reading --- */

static uint64_t hex(const json_t *value)
{
    const char *text = json_string_value(value);
    return text ? strtoull(text, NULL, 16) : 0;
}

static void read_units(struct resume_command *command, const json_t *units)
{
    command->n_units = json_array_size(units);
    command->units = xcalloc(command->n_units, sizeof *command->units);
    for (size_t i = 0; i < command->n_units; i++)
        command->units[i] = hex(json_array_get(units, i));
}

static void read_line(struct resume *resume, const json_t *object, const char *run_dir)
{
    const char *state = json_string_value(json_object_get(object, "state"));
    const char *log = json_string_value(json_object_get(object, "log_out"));
    struct resume_command *command = resume_add(resume);
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        if (state && strcmp(state, states[i]) == 0)
            command->state = (enum resume_state)i;
    }
    command->key = hex(json_object_get(object, "key"));
    command->grouping = hex(json_object_get(object, "grouping"));
    command->number = (uint32_t)json_integer_value(json_object_get(object, "number"));
    command->started = json_is_true(json_object_get(object, "started"));
    command->taken_over = true;
    command->n_all = (size_t)json_integer_value(json_object_get(object, "all"));
    command->bytes = (uint64_t)json_integer_value(json_object_get(object, "bytes_out"));
    if (log)
        command->log_out = *log == '/' ? xstrdup(log) : xasprintf("%s/%s", run_dir, log);
    read_units(command, json_object_get(object, "units"));
}

void resume_file_read(struct resume *resume, const char *run_dir)
{
    AUTO_FREE char *path = xasprintf("%s/" FILE_NAME, run_dir);
    AUTO_FREE char *data = NULL;
    size_t length;
    if (read_file(path, SIZE_MAX / 4, &data, &length) < 0)
        return;
    for (char *line = data, *end; (end = memchr(line, '\n', length)); line = end + 1) {
        json_error_t error;
        json_t *object = json_loadb(line, (size_t)(end - line), 0, &error);
        if (!json_is_object(object)) {
            json_decref(object);
            return;
        }
        read_line(resume, object, run_dir);
        json_decref(object);
        length -= (size_t)(end + 1 - line);
    }
}

/* --- writing --- */

static json_t *hex_value(uint64_t value)
{
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, value);
    return json_string(text);
}

/* Runs stand beside each other: the state folder may be moved. */
static json_t *path_value(const char *path, const char *dir)
{
    const char *slash = strrchr(dir, '/');
    size_t parent = slash ? (size_t)(slash + 1 - dir) : 0;
    if (!path || !parent || strncmp(path, dir, parent) != 0)
        return path ? json_string(path) : NULL;
    AUTO_FREE char *relative = xasprintf("../%s", path + parent);
    return json_string(relative);
}

static json_t *units_value(const struct resume_command *command)
{
    json_t *units = json_array();
    for (size_t i = 0; units && i < command->n_units; i++) {
        if (json_array_append_new(units, hex_value(command->units[i])) < 0) {
            json_decref(units);
            return NULL;
        }
    }
    return units;
}

static int add_line(struct strbuf *text, const struct resume_command *command, const char *dir)
{
    json_t *object =
        json_pack("{sI ss so so sb sI sI so so*}", "number", (json_int_t)command->number, "state",
                  states[command->state], "key", hex_value(command->key), "grouping",
                  hex_value(command->grouping), "started", (int)command->started, "all",
                  (json_int_t)command->n_all, "bytes_out", (json_int_t)command->bytes, "units",
                  units_value(command), "log_out", path_value(command->log_out, dir));
    char *line = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (!line) {
        errno = ENOMEM;
        return -1;
    }
    strbuf_addf(text, "%s\n", line);
    free(line);
    return 0;
}

int resume_file_write(const struct resume *resume, const char *dir)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    for (size_t i = 0; i < resume->n_commands; i++) {
        if (resume->commands[i].n_units > 0 && add_line(&text, &resume->commands[i], dir) < 0)
            return -1;
    }
    AUTO_FREE char *path = xasprintf("%s/" FILE_NAME, dir);
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd < 0 ? -1 : write_all(fd, strbuf_text(&text), text.len);
}
