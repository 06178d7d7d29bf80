/* SPDX-License-Identifier: MIT */
#include "console_format.h"

#include "event.h"
#include "harmless.h"
#include "util.h"

#include <string.h>

static size_t count_items(const struct ciplug_command *command)
{
    size_t n = 0;
    while (command->items && command->items[n])
        n++;
    return n;
}

static void add_label(struct strbuf *out, const struct ciplug_command *command)
{
    size_t items = count_items(command);
    const char *label = command->label ? command->label : command->item;
    AUTO_FREE char *number = xasprintf("%u", (unsigned)command->number);
    if (items > 1)
        label = command->items[0];
    if (!label || strcmp(label, number) == 0 || (!items && strcmp(label, command->step) == 0))
        return;
    strbuf_addstr(out, " [");
    harmless_name(out, label, FORMAT_COLUMNS);
    if (items > 1)
        strbuf_addf(out, " and %zu more", items - 1);
    strbuf_addch(out, ']');
}

void format_name(struct strbuf *out, const struct ciplug_command *command)
{
    strbuf_addstr(out, command->cleanup ? "cleanup " : "");
    harmless_name(out, command->step ? command->step : "?", FORMAT_COLUMNS);
    if (command->count != 1 || command->item || command->items)
        strbuf_addf(out, " %u", (unsigned)command->number);
    if (command->step)
        add_label(out, command);
}

static const char *color_of(const char *word)
{
    static const char *const colors[][2] = {
        {"PASS", "\033[32m"},     {"FLAKY", "\033[33m"},     {"FAIL", "\033[1;31m"},
        {"SIGNAL", "\033[1;31m"}, {"TIMEOUT", "\033[1;31m"}, {"ERROR", "\033[1;31m"},
        {"RETRY", "\033[33m"},    {"NOTE", "\033[33m"},      {"CANCEL", "\033[35m"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(colors); i++) {
        if (strcmp(word, colors[i][0]) == 0)
            return colors[i][1];
    }
    return "\033[36m";
}

void format_word(struct strbuf *out, const char *word, bool color)
{
    strbuf_addf(out, "%*s", 7 - (int)strlen(word), "");
    strbuf_addf(out, "%s%s%s ", color ? color_of(word) : "", word, color ? "\033[0m" : "");
}

const char *format_outcome(const struct ciplug_result *result)
{
    if (!result->final && !(result->flags & CIPLUG_FLAG_JUDGED))
        return "RETRY";
    switch (result->outcome) {
    case CIPLUG_PASSED:
        return result->flags & CIPLUG_FLAG_FLAKY ? "FLAKY" : "PASS";
    case CIPLUG_FAILED:
        return "FAIL";
    case CIPLUG_SIGNALED:
        return "SIGNAL";
    case CIPLUG_TIMEOUT:
        return "TIMEOUT";
    case CIPLUG_CANCELLED:
        return "CANCEL";
    case CIPLUG_SKIPPED:
        return "SKIP";
    default:
        return "ERROR";
    }
}

void format_place(struct strbuf *out, const struct ciplug_command *command)
{
    if (!command->worker)
        return;
    strbuf_addf(out, "worker %u", (unsigned)command->worker);
    if (!command->host || strcmp(command->host, "local") == 0)
        return;
    strbuf_addstr(out, " on ");
    harmless_name(out, command->host, FORMAT_COLUMNS);
}

/* Flaky is said by the word, carried by the reason. */
static void add_flags(struct strbuf *out, uint32_t flags)
{
    flags &= ~(uint32_t)(CIPLUG_FLAG_FLAKY | CIPLUG_FLAG_CARRIED | CIPLUG_FLAG_JUDGED);
    for (unsigned i = 0; i < 32 && flag_name(i); i++) {
        if (flags & (UINT32_C(1) << i))
            strbuf_addf(out, ", %s", flag_name(i));
    }
}

void format_reason(struct strbuf *out, const char *reason)
{
    if (!reason || !*reason)
        return;
    strbuf_addstr(out, ": ");
    harmless_name(out, reason, 2 * FORMAT_COLUMNS);
}

/* A result of an unknown kind, or one without a reason, still says how it ended. */
static void add_what_happened(struct strbuf *out, const struct ciplug_result *result)
{
    bool said = result->reason && *result->reason;
    if (said || result->outcome == CIPLUG_PASSED || result->outcome == CIPLUG_SKIPPED)
        format_reason(out, result->reason);
    else if (result->outcome == CIPLUG_FAILED && result->exit_code >= 0)
        strbuf_addf(out, ": exit code %d", (int)result->exit_code);
    else if (result->outcome == CIPLUG_SIGNALED)
        strbuf_addf(out, ": died by signal %d", (int)result->signal);
}

void format_result(struct strbuf *out, const struct ciplug_command *command,
                   const struct ciplug_result *result, bool color)
{
    char took[24];
    format_duration(took, sizeof took, result->duration_ns);
    format_word(out, format_outcome(result), color);
    format_name(out, command);
    add_what_happened(out, result);
    strbuf_addf(out, " (%s", took);
    strbuf_addstr(out, command->worker ? ", " : "");
    format_place(out, command);
    if (command->attempt > 1 || !result->final)
        strbuf_addf(out, ", attempt %u", (unsigned)command->attempt);
    add_flags(out, result->flags);
    strbuf_addstr(out, ")\n");
}

void format_elapsed(struct strbuf *out, uint64_t ns)
{
    unsigned long long s = ns / NS_PER_S;
    if (s < 60)
        strbuf_addf(out, "%llus", s);
    else if (s < 3600)
        strbuf_addf(out, "%llum%02llus", s / 60, s % 60);
    else
        strbuf_addf(out, "%lluh%02llum", s / 3600, s % 3600 / 60);
}

void format_path(struct strbuf *out, const char *cwd, const char *path)
{
    size_t length = cwd ? strlen(cwd) : 0;
    if (length && strncmp(path, cwd, length) == 0 && path[length] == '/')
        path += length + 1;
    harmless_name(out, path, 4096);
}

void format_exit(struct strbuf *out, int exit_status)
{
    const char *signal = exit_status > 128 ? sigabbrev_np(exit_status - 128) : NULL;
    if (exit_status == 0)
        strbuf_addstr(out, "passed");
    else if (signal)
        strbuf_addf(out, "was ended by SIG%s (status %d)", signal, exit_status);
    else if (exit_status == 3)
        strbuf_addstr(out, "has no verdict (status 3)");
    else if (exit_status == 4)
        strbuf_addstr(out, "had nothing to run (status 4)");
    else
        strbuf_addf(out, "failed (status %d)", exit_status);
}
