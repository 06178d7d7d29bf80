/* SPDX-License-Identifier: MIT */
#include "console_state.h"
#include "event.h"
#include "harmless.h"

#include <string.h>

/* Asked of the reporters, since nobody else writes to the screen. */
static void ask(const struct console *console, int what, const char *line,
                const struct ciplug_event *event, struct strbuf *out)
{
    if (console->settings.events)
        events_mark(console->settings.events, what, line, event, out);
}

void console_marks_begin(struct console *console)
{
    AUTO_STRBUF struct strbuf never = STRBUF_INIT;
    ask(console, CIPLUG_MARK_NEVER, NULL, NULL, &never);
    if (never.len)
        harmless_forbid(never.buf);
}

static bool show(struct console *console, const struct strbuf *text)
{
    if (text->len)
        screen_mark(console->settings.screen, text->buf, text->len);
    return text->len > 0;
}

bool console_mark_open(struct console *console, const struct strbuf *line,
                       const struct ciplug_event *event)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT, plain = STRBUF_INIT;
    if (console->block)
        return false;
    if (line) {
        /* Without what aligns it, and without its newline. */
        const char *from = strbuf_text(line) + strspn(strbuf_text(line), " ");
        strbuf_add(&plain, from, strcspn(from, "\n"));
    }
    ask(console, CIPLUG_MARK_OPEN, line ? strbuf_text(&plain) : NULL, event, &text);
    console->block = line && text.len;
    return show(console, &text) && line;
}

void console_mark_close(struct console *console, const struct ciplug_event *event)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    ask(console, CIPLUG_MARK_CLOSE, NULL, event, &text);
    console->block = false;
    (void)show(console, &text);
}
