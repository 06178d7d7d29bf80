/* SPDX-License-Identifier: MIT
 *
 * What an event says, without secrets: done once, before journal, screen and reporters see it, and
 * before anybody cuts a text to fit.
 */
#ifndef CIPLUG_CORE_RUN_HIDE_H
#define CIPLUG_CORE_RUN_HIDE_H

#include "argv.h"
#include "mask.h"
#include <ciplug/plugin.h>

/* A copy of an event in which texts are masked; zeroed at first. */
struct hidden_event {
    struct ciplug_event event;
    struct ciplug_command command;
    struct ciplug_result result;
    struct ciplug_test test;
    struct strv texts; /* owns the masked ones */
    const char **items, **words;
};

/* `event` itself where nothing is to be hidden, else the copy, which borrows what is not masked. */
const struct ciplug_event *hide_event(struct hidden_event *hidden, const struct mask *mask,
                                      const struct ciplug_event *event);
void hidden_event_free(struct hidden_event *hidden);

#endif
