/* SPDX-License-Identifier: MIT
 *
 * timings: how long items take, from the text file `timings.txt` of the current folder, or that which
 * CIPLUG_TIMINGS names: STEP ITEM SECONDS, one a line.
 *
 *     [step unit]
 *     items = spec/a_spec.rb spec/b_spec.rb spec/c_spec.rb
 *     split = 2
 *     command = rspec {items}
 *
 * `split` then makes groups of about the same duration.
 */
#include <ciplug/plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct timing {
    char step[256], item[1024];
    double seconds;
};

struct timings {
    const struct ciplug_api *api;
    struct timing *list;
    size_t n;
};

static int add(struct timings *timings, const struct timing *timing)
{
    struct timing *more = realloc(timings->list, (timings->n + 1) * sizeof *more);
    if (!more)
        return -1;
    timings->list = more;
    more[timings->n++] = *timing;
    return 0;
}

/* At the start, once; what is no timing is left out. The environment names the file, since an
 * advisor may be asked before the options of a run are known. */
static int read_file(struct timings *timings)
{
    const char *path = getenv("CIPLUG_TIMINGS");
    FILE *file = fopen(path ? path : "timings.txt", "re");
    struct timing timing;
    char line[2048];
    int result = 0;
    while (file && result == 0 && fgets(line, sizeof line, file)) {
        if (sscanf(line, "%255s %1023s %lf", timing.step, timing.item, &timing.seconds) == 3 &&
            timing.seconds >= 0 && timing.seconds < 1e6)
            result = add(timings, &timing);
    }
    if (file)
        fclose(file);
    return result;
}

static int timings_open(const struct ciplug_api *api, void **self)
{
    struct timings *timings = calloc(1, sizeof *timings);
    if (!timings)
        return -1;
    timings->api = api;
    *self = timings;
    return read_file(timings);
}

static void timings_close(void *self)
{
    struct timings *timings = self;
    free(timings->list);
    free(timings);
}

static int timings_estimate(void *self, const char *step, const char *item, uint64_t *nanoseconds)
{
    const struct timings *timings = self;
    for (size_t i = 0; item && i < timings->n; i++) {
        const struct timing *timing = &timings->list[i];
        if (strcmp(timing->step, step) == 0 && strcmp(timing->item, item) == 0) {
            *nanoseconds = (uint64_t)(timing->seconds * 1e9);
            return 1;
        }
    }
    return 0;
}

static const struct ciplug_advisor timings_advisor = {
    .size = sizeof timings_advisor,
    .estimate = timings_estimate,
};

static const struct ciplug_plugin timings_plugin = {
    .size = sizeof timings_plugin,
    .abi_major = CIPLUG_ABI_MAJOR,
    .abi_minor = CIPLUG_ABI_MINOR,
    .name = "timings",
    .version = "1.0",
    .summary = "How long items take, from a text file",
    .advisor = &timings_advisor,
    .open = timings_open,
    .close = timings_close,
};

CIPLUG_PLUGIN(timings_plugin);
