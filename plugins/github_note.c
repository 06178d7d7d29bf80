/* SPDX-License-Identifier: MIT */
#include "github.h"
#include "safeguard.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TITLE_MAX   200
#define MESSAGE_MAX 1000

void github_escape(struct text *out, const char *plain, bool property)
{
    const char *special = property ? "%\r\n:," : "%\r\n";
    if (!SAFEGUARD(escaped_commands))
        special = "\r\n";
    while (*plain) {
        size_t n = strcspn(plain, special);
        text_add(out, plain, n);
        plain += n;
        if (*plain)
            text_format(out, "%%%02X", (unsigned)(unsigned char)*plain++);
    }
}

void github_name(struct text *out, const struct ciplug_command *command)
{
    char number[16];
    size_t items = 0;
    snprintf(number, sizeof number, "%" PRIu32, command->number);
    while (command->items && command->items[items])
        items++;
    const char *label = items ? command->items[0] : command->label ? command->label : command->item;
    text_put(out, command->cleanup ? "cleanup " : "");
    text_put(out, command->step ? command->step : "?");
    if (command->count != 1 || items || command->item)
        text_format(out, " %s", number);
    if (!label || strcmp(label, number) == 0 ||
        (!items && command->step && strcmp(label, command->step) == 0))
        return;
    text_put(out, " [");
    text_put(out, label);
    if (items > 1)
        text_format(out, " and %zu more", items - 1);
    text_put(out, "]");
}

static bool is_warning(const struct ciplug_event *event)
{
    return event->cleanup || (event->result->flags & CIPLUG_FLAG_ALLOWED);
}

bool github_deserves(const struct ciplug_event *event)
{
    const struct ciplug_result *result = event->result;
    if (event->kind != CIPLUG_COMMAND_FINISHED || !result || !event->command || !result->final)
        return false;
    return result->outcome != CIPLUG_PASSED && result->outcome != CIPLUG_SKIPPED &&
           result->outcome != CIPLUG_CANCELLED;
}

/* A property of a workflow command. */
static void add_property(struct text *out, const char *name, const char *value)
{
    text_put(out, name);
    text_put(out, "=");
    github_escape(out, value, true);
}

static void add_title(struct text *out, const struct ciplug_command *command)
{
    struct text name = {0}, plain = {0};
    github_name(&name, command);
    text_plain(&plain, text_string(&name), TITLE_MAX);
    out->failed = out->failed || name.failed || plain.failed;
    add_property(out, "title", text_string(&plain));
    text_free(&name);
    text_free(&plain);
}

static void add_message(struct text *out, const char *reason, const char *more)
{
    struct text plain = {0};
    text_plain(&plain, reason && *reason ? reason : "did not pass", MESSAGE_MAX);
    if (more) {
        text_put(&plain, ": ");
        text_plain(&plain, more, MESSAGE_MAX);
    }
    out->failed = out->failed || plain.failed;
    text_put(out, "::");
    github_escape(out, text_string(&plain), false);
    text_put(out, "\n");
    text_free(&plain);
}

/* Whether there may be one more of this kind; counted. */
static bool take(struct github *github, bool warning)
{
    uint32_t *n = warning ? &github->n_warnings : &github->n_errors;
    return (*n)++ < github->most || !SAFEGUARD(annotations_limit);
}

/* `instead`: what is said in place of the command's reason; NULL: that. */
static void note(struct github *github, const struct ciplug_event *event, const struct place *place,
                 const char *instead, struct text *out)
{
    char number[16];
    if (!take(github, is_warning(event)))
        return;
    text_put(out, is_warning(event) ? "::warning " : "::error ");
    if (place && place->file) {
        add_property(out, "file", place->file);
        text_put(out, ",");
    }
    if (place && place->file && place->line) {
        snprintf(number, sizeof number, "%" PRIu32, place->line);
        add_property(out, "line", number);
        text_put(out, ",");
    }
    if (place && place->column) {
        snprintf(number, sizeof number, "%" PRIu32, place->column);
        add_property(out, "col", number);
        text_put(out, ",");
    }
    add_title(out, event->command);
    add_message(out, instead ? instead : event->result->reason, place ? place->text : NULL);
}

/* Where the output names nothing, the item may be a file itself. */
static void look_at_items(const struct github *github, const struct ciplug_command *command,
                          struct places *places)
{
    const char *item = command->items && command->items[0] ? command->items[0] : command->item;
    if (places->n || !item || (command->items && command->items[0] && command->items[1]))
        return;
    char *file = github_resolve(github, command, item, strlen(item));
    if (file)
        places->list[places->n++] = (struct place){.file = file};
}

/* Whether there were any. */
static bool note_cases(struct github *github, const struct ciplug_event *event, struct text *out)
{
    const struct failed_case *one = github_case_of(github, event, NULL);
    bool any = one;
    for (; one; one = github_case_of(github, event, one)) {
        struct place place = {.line = one->line};
        uint32_t n = is_warning(event) ? github->n_warnings : github->n_errors;
        if (n < github->most && one->file && *one->file)
            place.file = github_resolve(github, event->command, one->file, strlen(one->file));
        note(github, event, &place, one->text, out);
        free(place.file);
    }
    return any;
}

void github_note(struct github *github, const struct ciplug_event *event, struct text *out)
{
    struct places places = {0};
    if (note_cases(github, event, out))
        return;
    uint32_t n = is_warning(event) ? github->n_warnings : github->n_errors;
    /* Nobody would see what the logs name. */
    if (n < github->most)
        github_places(github, event, &places);
    look_at_items(github, event->command, &places);
    for (size_t i = 0; i < places.n; i++)
        note(github, event, &places.list[i], NULL, out);
    if (!places.n)
        note(github, event, NULL, NULL, out);
    github_places_free(&places);
}

void github_note_run(struct github *github, struct text *out)
{
    const struct tale *tale = &github->tale;
    bool passed = tale->ended && tale->exit_status == 0;
    if (passed || github->n_errors || !take(github, false))
        return;
    text_put(out, "::error ");
    add_property(out, "title", "ciplug");
    char text[64] = "the run has not finished";
    if (tale->ended)
        snprintf(text, sizeof text, "the run ended with status %" PRId32, tale->exit_status);
    add_message(out, text, tale->reason);
}
