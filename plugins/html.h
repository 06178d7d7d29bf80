/* SPDX-License-Identifier: MIT
 *
 * What the files of the html plugin share: html.c takes the events in, html_sums.c adds up,
 * html_page.c writes the page with html_parts.c, html_logs.c and html_data.c, all by way of
 * html_out.c.
 *
 * Of times only microseconds are kept, as the journal does: a page made of it again has the same
 * bytes.
 */
#ifndef CIPLUG_PLUGINS_HTML_H
#define CIPLUG_PLUGINS_HTML_H

#include <ciplug/plugin.h>

#include <stdbool.h>

#define HTML_RUNNING 0 /* in place of an outcome: has not ended yet */

/* Bits of an attempt. */
#define HTML_FINAL     1
#define HTML_OUT       2 /* has this log, */
#define HTML_ERR       4
#define HTML_EVIDENCE  8
#define HTML_ARTIFACTS 16
#define HTML_EXCERPT   32 /* the logs' ends are in the page */
#define HTML_JUDGED    64 /* an item whose verdict comes from the results of its batch */

/* One attempt of a command. */
struct attempt {
    char *name;        /* its items, joined by newlines; NULL: none */
    char *reason;      /* NULL: none */
    char *logs[2];     /* out, err; NULL: none, or where logs are by their numbers */
    uint64_t start_us; /* since 1970; 0: never started */
    uint64_t us;
    uint64_t bytes[2];
    uint32_t step, host; /* positions */
    uint32_t number, attempt, worker;
    uint32_t units;
    uint32_t flags;
    int32_t outcome, exit_code, signal;
    uint32_t bits;
};

/* A case of a JUnit file. */
struct test {
    uint32_t attempt; /* position; UINT32_MAX: it has not ended */
    int32_t outcome;
    uint32_t order; /* as they came */
    uint32_t line, flags;
    uint64_t us;
    char *texts; /* in one piece: */
    const char *name, *classname, *file, *item, *message, *text;
};

struct step {
    char *name;
    int32_t cleanup;
    int32_t outcome; /* 0: has not ended */
    char *reason;
    uint32_t run;
    uint64_t planned;
    uint64_t counts[CIPLUG_SKIPPED + 1]; /* units by outcome; [HTML_RUNNING]: what has not ended */
    uint64_t flaky;
};

struct run {
    char *id, *dir, *text, *reason;
    uint64_t start_us, last_us; /* of its first and last event */
    bool ended;
    int32_t exit_status;
    bool wrong; /* its own ledger says something else than its results */
};

struct notice {
    uint32_t run;
    uint64_t us;
    char *step; /* NULL: of the run */
    uint32_t number;
    char *text;
};

struct html {
    const struct ciplug_api *api;
    char *file;
    uint64_t max_output;
    struct run *runs;
    size_t n_runs, runs_alloc;
    struct step *steps;
    size_t n_steps, steps_alloc, last_step;
    struct attempt *attempts;
    size_t n_attempts, attempts_alloc;
    struct attempt *begun; /* and not ended yet */
    size_t n_begun, begun_alloc;
    char **hosts;
    size_t n_hosts, hosts_alloc;
    struct notice *notices;
    size_t n_notices, notices_alloc, more_notices;
    struct test *tests;
    size_t n_tests, tests_alloc;
    size_t first_test, next_test; /* those of the attempt that has ended last, and behind them */
    bool failed;                  /* no memory */
};

static inline bool html_is_bad(int32_t outcome)
{
    return outcome >= CIPLUG_FAILED && outcome <= CIPLUG_ERROR;
}

/* What somebody has to look at: not what never started because of something else. */
static inline bool html_is_failure(const struct attempt *attempt)
{
    return (attempt->bits & HTML_FINAL) &&
           (html_is_bad(attempt->outcome) ||
            (attempt->outcome == CIPLUG_CANCELLED && attempt->start_us));
}

/* ---- html_sums.c ---- */

/* A worker of a run: its attempts are `by_worker[first .. first + n - 1]`. */
struct lane {
    uint32_t run, worker, host;
    size_t first, n;
    uint64_t busy_us, end_us; /* end_us: of its last command that is no cleanup's; 0: none */
    uint32_t last;            /* that command */
};

/* How the commands of a run, or of a step, lay in time; cleanup steps are left out of a run's. */
struct shape {
    uint64_t first_us, end_us; /* the first start, the last end; 0: nothing was started */
    uint64_t work_us, longest_us;
    uint32_t longest, last; /* attempts */
    uint32_t slots, n;
    bool again;            /* something was tried more than once */
    uint64_t idle_from_us; /* when the first slot had no more to do */
    uint64_t idle_us;      /* what the slots stood idle from then on, together */
};

struct sums {
    uint32_t *by_worker, *by_command,
        *by_time; /* positions of attempts: by_time the longest first */
    struct lane *lanes;
    size_t n_lanes;
    struct shape *runs, *steps;
    uint64_t planned, flaky, allowed, counts[CIPLUG_SKIPPED + 1];
    uint64_t cleanup[CIPLUG_SKIPPED + 1];
};

/* 0, or -1: no memory. Free it in both cases. */
int html_sums(const struct html *html, struct sums *sums);
void html_sums_free(struct sums *sums);
/* No schedule could have been shorter. */
uint64_t html_bound(const struct shape *shape);
/* All attempts of the command: positions, `*n` of them. */
const uint32_t *html_attempts(const struct html *html, const struct sums *sums, uint32_t attempt,
                              size_t *n);

/* ---- html_out.c ---- */

struct out {
    const struct ciplug_api *api;
    struct ciplug_file *file;
    bool bad; /* no memory */
    size_t n;
    char buffer[65536];
};

void out_bytes(struct out *out, const char *bytes, size_t length);
/* Markup that is known to be good. */
void out_raw(struct out *out, const char *markup);
void out_format(struct out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The bytes made plain (plain.h); the caller's, or NULL: no memory. */
char *out_plain(struct out *out, const char *bytes, size_t length);
/* For text and inside of quotes. */
void out_escaped(struct out *out, const char *plain);
/* Bytes of others, made plain and escaped. */
void out_text(struct out *out, const char *bytes);
/* Its first line, cut. */
void out_line(struct out *out, const char *bytes);
/* 850 ms, 12.3 s, 2 m 03 s */
void out_time(struct out *out, uint64_t us);
/* 12,345 */
void out_count(struct out *out, uint64_t number);
void out_flush(struct out *out);
const char *html_outcome(int32_t outcome);

/* ---- html_logs.c ---- */

/* Where things are as seen from the page. */
struct places {
    char *page;  /* the page's folder, absolute */
    char **runs; /* the folder of each run, as a reference */
};

int html_places(const struct html *html, struct places *places);
void html_places_free(const struct html *html, struct places *places);
/* A reference to a path, for an attribute; the caller's, or NULL: no memory. */
char *html_reference(const struct places *places, const char *path);
/* What there is besides the logs, and whose logs' ends go into the page. */
void html_find_more(struct html *html);
/* One name of a path, for a reference; likewise. */
char *html_encoded(const char *name);
/* The same of a file of an attempt. */
char *html_log_reference(const struct html *html, const struct places *places,
                         const struct attempt *attempt, const char *path);
/* Links to all of an attempt's files. */
void html_put_links(struct out *out, const struct html *html, const struct places *places,
                    const struct attempt *attempt);
void html_put_excerpts(struct out *out, const struct html *html, uint32_t attempt);

/* ---- html_parts.c, html_tables.c ---- */

struct page {
    struct html *html;
    struct out *out;
    struct sums sums;
    struct places places;
};

void html_put_title(struct page *page);
void html_put_verdict(struct page *page);
void html_put_failures(struct page *page);
void html_put_flaky(struct page *page);
void html_put_schedule(struct page *page);
void html_put_steps(struct page *page);
void html_put_workers(struct page *page);
void html_put_slowest(struct page *page);
void html_put_commands(struct page *page);
void html_put_notices(struct page *page);
/* step number [item], without markup of its own */
void html_put_name(struct page *page, const struct attempt *attempt);

/* ---- html_cases.c ---- */

void html_test(struct html *html, const struct ciplug_event *event);
/* Give the attempt that has ended the cases that came before it, or its share of its batch's. */
void html_tests_of(struct html *html, uint32_t attempt, const struct ciplug_event *event);
/* By attempt, before anything of them is put. */
void html_tests_sort(struct html *html);
void html_tests_free(struct html *html);
/* What failed of an attempt; numbers of all. */
void html_put_tests(struct page *page, uint32_t attempt);
void html_put_tests_sum(struct page *page);

/* ---- html_data.c ---- */

/* What the script works on. */
void html_put_data(struct page *page);

/* ---- html_page.c ---- */

/* 0; or -1: no memory for it. What cannot be written says file_close(). */
int html_write(struct html *html, struct ciplug_file *file);

#endif
