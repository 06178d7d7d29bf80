/* SPDX-License-Identifier: MIT */
#include "run_hide.h"
#include "safeguard.h"
#include "util.h"

#include <stdlib.h>

static const char *hide(struct hidden_event *hidden, const struct mask *mask, const char *text)
{
    if (!text || !mask_found(mask, text))
        return text;
    struct strbuf clear = STRBUF_INIT;
    mask_text(mask, text, &clear);
    /* The vector moves when it grows, its texts do not. */
    strv_take(&hidden->texts, strbuf_detach(&clear));
    return hidden->texts.v[hidden->texts.n - 1];
}

static const char **hide_all(struct hidden_event *hidden, const struct mask *mask,
                             const char *const *texts)
{
    size_t n = 0;
    while (texts && texts[n])
        n++;
    const char **copy = xcalloc(n + 1, sizeof *copy);
    for (size_t i = 0; i < n; i++)
        copy[i] = hide(hidden, mask, texts[i]);
    return copy;
}

static void hide_command(struct hidden_event *hidden, const struct mask *mask)
{
    struct ciplug_command *command = &hidden->command;
    command->item = hide(hidden, mask, command->item);
    command->label = hide(hidden, mask, command->label);
    command->script = hide(hidden, mask, command->script);
    command->cwd = hide(hidden, mask, command->cwd);
    if (command->items)
        command->items = hidden->items = hide_all(hidden, mask, command->items);
    if (command->words)
        command->words = hidden->words = hide_all(hidden, mask, command->words);
}

static void hide_test(struct hidden_event *hidden, const struct mask *mask)
{
    struct ciplug_test *test = &hidden->test;
    test->suite = hide(hidden, mask, test->suite);
    test->classname = hide(hidden, mask, test->classname);
    test->name = hide(hidden, mask, test->name);
    test->file = hide(hidden, mask, test->file);
    test->type = hide(hidden, mask, test->type);
    test->message = hide(hidden, mask, test->message);
    test->text = hide(hidden, mask, test->text);
}

const struct ciplug_event *hide_event(struct hidden_event *hidden, const struct mask *mask,
                                      const struct ciplug_event *event)
{
    if (!mask || !SAFEGUARD(mask_events))
        return event;
    hidden->event = *event;
    hidden->event.text = hide(hidden, mask, event->text);
    if (event->command) {
        hidden->command = *event->command;
        hidden->event.command = &hidden->command;
        hide_command(hidden, mask);
    }
    if (event->result) {
        hidden->result = *event->result;
        hidden->event.result = &hidden->result;
        hidden->result.reason = hide(hidden, mask, event->result->reason);
    }
    if (event->test) {
        hidden->test = *event->test;
        hidden->event.test = &hidden->test;
        hide_test(hidden, mask);
    }
    return &hidden->event;
}

void hidden_event_free(struct hidden_event *hidden)
{
    strv_free(&hidden->texts);
    free(hidden->items);
    free(hidden->words);
}
