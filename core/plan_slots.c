/* SPDX-License-Identifier: MIT
 *
 * Hosts, the slot table, and which of its slots a step may use. A step counts slots within its
 * hosts, in the order of the table, whatever the order of the words in `hosts`.
 */
#include "options.h"
#include "plan_internal.h"
#include "util.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOTS_MAX 10000

/* --- reading --- */

static bool brings_workspace(const struct host *host)
{
    for (size_t i = 0; i < host->n_uses; i++) {
        if (host->uses[i].builder->prepare)
            return true;
    }
    return false;
}

static void read_host(struct build *b, struct host *host)
{
    const struct config_section *section = host->section;
    plan_check_keys(b, section, plan_host_options, "host");
    const struct config_value *workers = config_get(section, "workers");
    const struct config_value *sync = config_get(section, "sync");
    const char *error;
    int64_t slots;
    if (workers && parse_integer(workers->value, 1, SLOTS_MAX, &slots, &error) == 0)
        host->slots = (uint32_t)slots;
    if (sync)
        (void)parse_bool(sync->value, &host->sync, &error);
    plan_read_uses(b, config_get(section, "uses"), &host->uses, &host->n_uses);
    if (host->sync && !brings_workspace(host))
        plan_complain(b, sync, "sync: nothing in uses brings the workspace there (ssh does)");
    for (size_t i = 0; i < host->n_uses; i++) {
        if (host->uses[i].builder->flags & CIPLUG_BUILDER_LEAF)
            plan_complain(b, config_get(section, "uses"),
                          "%s runs no other command: it cannot lead to a host", host->uses[i].name);
    }
    plan_check_options(b, section);
    plan_read_host_env(b, host);
}

void plan_read_hosts(struct build *b)
{
    struct plan *plan = b->plan;
    plan->hosts = xcalloc(b->config->n + 1, sizeof *plan->hosts);
    plan->hosts[plan->n_hosts++] = (struct host){.name = xstrdup("local"), .slots = 1};
    strv_push(&b->host_names, "local");
    for (size_t i = 0; i < b->config->n; i++) {
        const struct config_section *section = &b->config->sections[i];
        if (strcmp(section->kind, "host") != 0)
            continue;
        struct host *host = &plan->hosts[plan->n_hosts++];
        *host = (struct host){.name = xstrdup(section->name), .section = section, .slots = 1};
        strv_push(&b->host_names, host->name);
        read_host(b, host);
    }
    strv_push(&b->host_names, "all");
}

static void mark_host(struct build *b, const struct config_value *value, const char *word,
                      bool *chosen)
{
    const struct plan *plan = b->plan;
    bool all = strcmp(word, "all") == 0, found = false;
    for (size_t i = 0; i < plan->n_hosts; i++) {
        if (all || strcmp(plan->hosts[i].name, word) == 0)
            chosen[i] = found = true;
    }
    if (found)
        return;
    AUTO_FREE char *hint = plan_hint(word, &b->host_names);
    plan_complain(b, value, "hosts: there is no [host %s]%s", word, hint);
}

void plan_read_step_hosts(struct build *b, struct step *step)
{
    const struct plan *plan = b->plan;
    const struct config_value *value = plan_value(b, step->section, "hosts");
    AUTO_FREE bool *chosen = xcalloc(plan->n_hosts, sizeof *chosen);
    AUTO_STRV struct strv words = STRV_INIT;
    strv_split(&words, value ? value->value : "");
    for (size_t i = 0; i < words.n; i++)
        mark_host(b, value, words.v[i], chosen);
    step->on_hosts = xcalloc(plan->n_hosts, sizeof *step->on_hosts);
    for (size_t i = 0; i < plan->n_hosts; i++) {
        if (!chosen[i])
            continue;
        step->on_hosts[step->hosts.n] = i;
        strv_push(&step->hosts, plan->hosts[i].name);
    }
    if (step->hosts.n == 0)
        strv_push(&step->hosts, "local");
}

static int parse_slot(const char *text, size_t length, uint32_t *slot)
{
    AUTO_FREE char *copy = xstrndup(text, length);
    const char *error;
    int64_t number;
    if (parse_integer(copy, 1, SLOTS_MAX, &number, &error) < 0)
        return -1;
    *slot = (uint32_t)number;
    return 0;
}

static int parse_range(const char *text, struct range *range)
{
    size_t first = strcspn(text, "-");
    *range = (struct range){.given = true, .plain = !text[first]};
    if (parse_slot(text, first, &range->lo) < 0)
        return -1;
    range->hi = range->lo;
    if (range->plain)
        range->lo = 1;
    else if (!text[first + 1])
        range->hi = UINT32_MAX;
    else if (parse_slot(text + first + 1, strlen(text + first + 1), &range->hi) < 0)
        return -1;
    return range->lo <= range->hi ? 0 : -1;
}

void plan_read_workers(struct build *b, struct step *step)
{
    const struct config_value *value = config_get(step->section, "workers");
    if (!value || parse_range(value->value, &step->workers) == 0)
        return;
    step->workers = (struct range){0};
    plan_complain(b, value, "workers: expected N, A-B or A- with slots from 1 to %d, got '%s'",
                  SLOTS_MAX, value->value);
}

/* --- the table --- */

static uint32_t host_slots(const struct plan *plan, const struct step *step, bool local)
{
    uint32_t n = 0;
    for (size_t i = 0; i < step->hosts.n; i++) {
        if (local || step->on_hosts[i] != 0)
            n += plan->hosts[step->on_hosts[i]].slots;
    }
    return n;
}

/* How many slots of this machine the step asks for. */
static uint32_t asks_for(const struct plan *plan, const struct step *step)
{
    const struct range *range = &step->workers;
    if (!range->given || step->on_hosts[0] != 0)
        return 0;
    uint32_t most = range->hi == UINT32_MAX ? range->lo : range->hi;
    uint32_t elsewhere = host_slots(plan, step, false);
    return most > elsewhere ? most - elsewhere : 0;
}

static uint32_t cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (uint32_t)CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (uint32_t)n : 1;
}

static uint32_t local_slots(const struct build *b)
{
    const struct plan *plan = b->plan;
    const struct config_value *value = b->run ? config_get(b->run, "workers") : NULL;
    const char *error;
    int64_t number;
    if (b->request->workers)
        return b->request->workers;
    if (value && parse_integer(value->value, 1, SLOTS_MAX, &number, &error) == 0)
        return (uint32_t)number;
    uint32_t most = cpus();
    for (size_t i = 0; i < plan->n_steps + plan->n_cleanups; i++) {
        uint32_t asked = asks_for(plan, plan->by_name[i]);
        if (asked > most)
            most = asked;
    }
    return most;
}

static void check_range(struct build *b, struct step *step)
{
    const struct config_value *value = config_get(step->section, "workers");
    struct range *range = &step->workers;
    uint32_t n = host_slots(b->plan, step, true);
    AUTO_FREE char *title = plan_step_title(step);
    if (!range->given)
        return;
    if (range->plain && range->hi > n) {
        strv_take(&b->plan->notices,
                  xasprintf("workers = %s of %s is cut to %u, all slots there are", value->value,
                            title, n));
        range->hi = n;
    } else if (range->lo > n || (range->hi > n && range->hi != UINT32_MAX)) {
        plan_complain(b, value, "workers = %s: %s has only %u slot%s", value->value, title, n,
                      n == 1 ? "" : "s");
        *range = (struct range){0};
    }
}

/* A command runs on one host, so that is where its slots must be. */
static uint32_t most_on_one_host(const struct plan *plan, const struct step *step)
{
    uint32_t most = 1;
    for (size_t i = 0; i < step->hosts.n; i++) {
        const struct host *host = &plan->hosts[step->on_hosts[i]];
        uint32_t n = 0;
        for (uint32_t k = 0; k < host->slots; k++)
            n += plan_slot_allowed(plan, step, host->first + k);
        if (n > most)
            most = n;
    }
    uint32_t all = plan_step_slots(plan, step);
    return most < all ? most : all;
}

static void check_weight(struct build *b, struct step *step)
{
    if (step->weight <= 1)
        return;
    AUTO_FREE char *title = plan_step_title(step);
    uint32_t most = most_on_one_host(b->plan, step);
    if (step->weight <= most)
        return;
    strv_take(&b->plan->notices, xasprintf("weight = %u of %s is cut to %u, all slots it can have",
                                           step->weight, title, most));
    step->weight = most;
}

void plan_make_slots(struct build *b)
{
    struct plan *plan = b->plan;
    plan->hosts[0].slots = local_slots(b);
    for (size_t i = 0; i < plan->n_hosts; i++) {
        plan->hosts[i].first = plan->n_slots + 1;
        plan->n_slots += plan->hosts[i].slots;
    }
    for (size_t i = 0; i < plan->n_steps + plan->n_cleanups; i++) {
        /* In file order, for the order of notices. */
        struct step *step =
            i < plan->n_steps ? &plan->steps[i] : &plan->cleanups[i - plan->n_steps];
        /* With -j 1 and one step named, the others may ask for what they like. */
        if (!step->selected)
            continue;
        check_range(b, step);
        check_weight(b, step);
    }
}

/* --- questions --- */

const struct host *plan_slot_host(const struct plan *plan, uint32_t slot)
{
    size_t low = 0, high = plan->n_hosts;
    if (slot == 0 || slot > plan->n_slots)
        return NULL;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (plan->hosts[middle].first <= slot)
            low = middle;
        else
            high = middle;
    }
    return &plan->hosts[low];
}

bool plan_slot_allowed(const struct plan *plan, const struct step *step, uint32_t slot)
{
    const struct range *range = &step->workers;
    bool bounded = range->given && (!range->plain || step->per != PER_COMMAND);
    uint32_t lo = bounded ? range->lo : 1;
    uint32_t hi = bounded ? range->hi : UINT32_MAX;
    uint32_t before = 0; /* slots of the step's hosts in front of this one */
    for (size_t i = 0; i < step->hosts.n; i++) {
        const struct host *host = &plan->hosts[step->on_hosts[i]];
        if (slot < host->first)
            return false;
        uint32_t place = before + (slot - host->first) + 1;
        if (slot - host->first >= host->slots) {
            before += host->slots;
            continue;
        }
        if (place < lo || place > hi)
            return false;
        /* The first that the range leaves of the host. */
        return step->per != PER_HOST || slot == host->first || place == lo;
    }
    return false;
}

bool plan_step_uses(const struct plan *plan, const struct step *step, const struct host *host)
{
    for (size_t i = 0; step->selected && i < step->hosts.n; i++) {
        if (&plan->hosts[step->on_hosts[i]] == host)
            return true;
    }
    return false;
}

uint32_t plan_allowed_slots(const struct plan *plan, const struct step *step)
{
    uint32_t n = 0;
    for (uint32_t slot = 1; slot <= plan->n_slots; slot++)
        n += plan_slot_allowed(plan, step, slot);
    return n;
}

uint32_t plan_nth_slot(const struct plan *plan, const struct step *step, uint32_t n)
{
    for (uint32_t slot = 1; slot <= plan->n_slots; slot++) {
        if (plan_slot_allowed(plan, step, slot) && n-- == 0)
            return slot;
    }
    return 0;
}

uint32_t plan_step_slots(const struct plan *plan, const struct step *step)
{
    uint32_t n = plan_allowed_slots(plan, step);
    const struct range *range = &step->workers;
    return range->given && range->plain && range->hi < n ? range->hi : n;
}

const struct config_value *plan_option(const struct plan *plan, const struct step *step,
                                       const struct host *host, const char *plugin,
                                       const char *option)
{
    AUTO_FREE char *key = xasprintf("%s.%s", plugin, option);
    const struct config_value *value = step ? config_get(step->section, key) : NULL;
    if (!value && host && host->section)
        value = config_get(host->section, key);
    if (value)
        return value;
    const struct config_section *section = config_find(plan->config, plugin, NULL);
    return section ? config_get(section, option) : NULL;
}
