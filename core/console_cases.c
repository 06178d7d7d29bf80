/* SPDX-License-Identifier: MIT */
#include "console_format.h"
#include "console_state.h"
#include "event.h"
#include "harmless.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

#define CASES_SHOWN 5 /* of one command */
#define INDENT      "        - "

static bool same(const struct console_cases *cases, const struct ciplug_command *command,
                 uint32_t number)
{
    return cases->step && strcmp(cases->step, command->step) == 0 && cases->number == number &&
           cases->attempt == command->attempt;
}

void console_cases_clear(struct console_cases *cases)
{
    free(cases->step);
    strv_free(&cases->lines);
    strv_free(&cases->items);
    *cases = (struct console_cases){0};
}

static void add_place(struct strbuf *line, const struct ciplug_test *test)
{
    if (!*test->file)
        return;
    strbuf_addstr(line, " (");
    harmless_name(line, test->file, FORMAT_COLUMNS);
    if (test->line)
        strbuf_addf(line, ":%u", (unsigned)test->line);
    strbuf_addch(line, ')');
}

void console_case(struct console *console, const struct ciplug_event *event)
{
    struct console_cases *cases = &console->cases;
    const struct ciplug_command *command = event->command;
    const struct ciplug_test *test = event->test;
    if (!same(cases, command, command->number)) {
        console_cases_clear(cases);
        cases->step = xstrdup(command->step);
        cases->number = command->number;
        cases->attempt = command->attempt;
    }
    if (test->outcome != CIPLUG_FAILED && test->outcome != CIPLUG_ERROR)
        return;
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    strbuf_addstr(&line, INDENT);
    harmless_name(&line, test->name, FORMAT_COLUMNS);
    add_place(&line, test);
    AUTO_FREE char *first = xstrndup(test->message, strcspn(test->message, "\r\n"));
    format_reason(&line, first);
    strbuf_addch(&line, '\n');
    strv_push(&cases->lines, strbuf_text(&line));
    strv_push(&cases->items, command->item ? command->item : "");
}

char *console_cases_of(const struct console *console, const struct ciplug_event *event)
{
    const struct console_cases *cases = &console->cases;
    const struct ciplug_command *command = event->command;
    uint32_t batch = event->result->batch;
    struct strbuf text = STRBUF_INIT;
    size_t n = 0;
    if (!same(cases, command, batch ? batch : command->number))
        return NULL;
    for (size_t i = 0; i < cases->lines.n; i++) {
        bool its = !batch || (command->item && strcmp(cases->items.v[i], command->item) == 0);
        if (its && n++ < CASES_SHOWN)
            strbuf_addstr(&text, cases->lines.v[i]);
    }
    if (n > CASES_SHOWN)
        strbuf_addf(&text, INDENT "and %zu more\n", n - CASES_SHOWN);
    return n ? strbuf_detach(&text) : NULL;
}
