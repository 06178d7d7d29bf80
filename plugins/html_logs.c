/* SPDX-License-Identifier: MIT */
#include "html.h"
#include "plain.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE 4096 /* of a log, read at once */

/* All excerpts together: thousands of failures say no more than hundreds, and a page that does not
 * open says nothing. */
#define EXCERPTS_MAX_BYTES (UINT64_C(16) << 20)
#define EXCERPTS_MAX       600

static const char *const ends[] = {"out", "err"};
static const char *const words[] = {"output", "errors"};

/* ---- references ---- */

static char *folder_of(const char *file)
{
    const char *slash = strrchr(file, '/');
    /* /dev/stdout says nothing about where the page will stand: here, as good as anything. */
    bool here = !slash || strncmp(file, "/dev/", 5) == 0 || strncmp(file, "/proc/", 6) == 0;
    char *folder = here ? strdup(".") : strndup(file, slash == file ? 1 : (size_t)(slash - file));
    char *whole = folder ? realpath(folder, NULL) : NULL;
    if (folder && !whole && errno != ENOMEM)
        whole = strdup("/");
    free(folder);
    return whole;
}

/* Percent-encoded but for what is never special in a reference. */
static char *encode(char *end, const char *path)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    static const char digits[] = "0123456789ABCDEF";
    for (; *path; path++) {
        unsigned char c = (unsigned char)*path;
        if (strchr(plain, c)) {
            *end++ = *path;
        } else {
            *end++ = '%';
            *end++ = digits[c >> 4];
            *end++ = digits[c & 15];
        }
    }
    *end = '\0';
    return end;
}

char *html_encoded(const char *name)
{
    char *text = malloc(3 * strlen(name) + 1);
    if (text)
        (void)encode(text, name);
    return text;
}

/* Length of what the absolute folder `from` and `path` have in common, in whole names. */
static size_t common(const char *from, const char *path)
{
    size_t same = 0;
    for (size_t i = 0;; i++) {
        if ((from[i] == '\0' || from[i] == '/') && (path[i] == '\0' || path[i] == '/'))
            same = i;
        if (from[i] != path[i] || from[i] == '\0')
            return same;
    }
}

char *html_reference(const struct places *places, const char *path)
{
    size_t same = common(places->page, path), up = 0;
    for (const char *p = places->page + same; *p; p++)
        up += p[0] == '/' && p[1];
    const char *rest = path + same + strspn(path + same, "/");
    char *text = malloc(3 * up + 3 * strlen(rest) + 3);
    char *end = text;
    /* Always with a folder in front: nothing can be taken for a scheme, as in "javascript:". */
    for (size_t i = 0; end && i < (up ? up : 1); i++) {
        const char *step = up ? "../" : "./";
        size_t n = strlen(step);
        memcpy(end, step, n);
        end += n;
    }
    if (end)
        (void)encode(end, rest);
    return text;
}

/* One that is gone is named all the same. NULL: no memory. */
static char *resolved(const char *path)
{
    char *real = realpath(path, NULL);
    return real || errno == ENOMEM ? real : strdup(path);
}

int html_places(const struct html *html, struct places *places)
{
    places->page = folder_of(html->file);
    places->runs = calloc(html->n_runs + 1, sizeof *places->runs);
    if (!places->page || !places->runs)
        return -1;
    for (size_t i = 0; i < html->n_runs; i++) {
        char *dir = resolved(html->runs[i].dir);
        places->runs[i] = dir ? html_reference(places, dir) : NULL;
        free(dir);
        if (!places->runs[i])
            return -1;
    }
    return 0;
}

void html_places_free(const struct html *html, struct places *places)
{
    for (size_t i = 0; places->runs && i < html->n_runs; i++)
        free(places->runs[i]);
    free(places->runs);
    free(places->page);
}

/* ---- files of an attempt ---- */

/* DIR/KIND/STEP/NUMBER[.ATTEMPT] and `end`; the caller's, or NULL: no memory. */
static char *path_of(const struct html *html, const struct attempt *attempt, const char *kind,
                     const char *end)
{
    const struct step *step = &html->steps[attempt->step];
    const char *dir = html->runs[step->run].dir;
    size_t size = strlen(dir) + strlen(kind) + strlen(step->name) + strlen(end) + 32;
    char *path = malloc(size);
    char more[16] = "";
    if (attempt->attempt > 1)
        snprintf(more, sizeof more, ".%" PRIu32, attempt->attempt);
    if (path)
        snprintf(path, size, "%s/%s/%s/%" PRIu32 "%s%s", dir, kind, step->name, attempt->number,
                 more, end);
    return path;
}

static char *log_of(const struct html *html, const struct attempt *attempt, int which)
{
    if (attempt->logs[which])
        return strdup(attempt->logs[which]);
    return path_of(html, attempt, "logs", which ? ".err" : ".out");
}

static bool is_there(struct html *html, const struct attempt *attempt, const char *kind,
                     const char *end)
{
    char *path = path_of(html, attempt, kind, end);
    struct stat st;
    html->failed = html->failed || !path;
    bool there = path && stat(path, &st) == 0 && (*end ? S_ISREG(st.st_mode) : S_ISDIR(st.st_mode));
    free(path);
    return there;
}

static bool has_artifacts(struct html *html, const struct run *run)
{
    size_t size = strlen(run->dir) + sizeof "/artifacts";
    char *path = malloc(size);
    struct stat st;
    if (path)
        snprintf(path, size, "%s/artifacts", run->dir);
    html->failed = html->failed || !path;
    bool there = path && stat(path, &st) == 0;
    free(path);
    return there;
}

static bool wants_excerpt(const struct attempt *attempt)
{
    bool bad = html_is_bad(attempt->outcome) || attempt->outcome == CIPLUG_CANCELLED ||
               attempt->outcome == HTML_RUNNING;
    return bad && attempt->start_us && (attempt->bits & (HTML_OUT | HTML_ERR));
}

/* Those that count come first, so that retried ones do not use up the room. */
static void choose_excerpts(struct html *html)
{
    uint64_t bytes = EXCERPTS_MAX_BYTES;
    size_t n = EXCERPTS_MAX;
    for (int final = 1; final >= 0; final--) {
        for (size_t i = 0; i < html->n_attempts && n > 0; i++) {
            struct attempt *attempt = &html->attempts[i];
            uint64_t cost = 0;
            bool counts = attempt->bits & HTML_FINAL;
            if (counts != (final == 1) || !wants_excerpt(attempt))
                continue;
            for (int k = 0; k < 2; k++)
                cost += attempt->bytes[k] < html->max_output ? attempt->bytes[k] : html->max_output;
            if (cost > bytes)
                continue;
            attempt->bits |= HTML_EXCERPT;
            bytes -= cost;
            n--;
        }
    }
}

void html_find_more(struct html *html)
{
    for (size_t i = 0, run = SIZE_MAX, artifacts = 0; i < html->n_attempts; i++) {
        struct attempt *attempt = &html->attempts[i];
        if (html->steps[attempt->step].run != run) {
            run = html->steps[attempt->step].run;
            artifacts = has_artifacts(html, &html->runs[run]);
        }
        if (attempt->outcome != CIPLUG_PASSED && attempt->start_us &&
            is_there(html, attempt, "logs", ".evidence"))
            attempt->bits |= HTML_EVIDENCE;
        if (artifacts && is_there(html, attempt, "artifacts", ""))
            attempt->bits |= HTML_ARTIFACTS;
    }
    choose_excerpts(html);
}

/* ---- links ---- */

char *html_log_reference(const struct html *html, const struct places *places,
                         const struct attempt *attempt, const char *path)
{
    uint32_t run = html->steps[attempt->step].run;
    size_t n = strlen(html->runs[run].dir);
    if (strncmp(path, html->runs[run].dir, n) != 0 || path[n] != '/')
        return html_reference(places, path);
    const char *rest = path + n + 1;
    size_t length = strlen(places->runs[run]);
    char *text = malloc(length + 3 * strlen(rest) + 2);
    if (!text)
        return NULL;
    memcpy(text, places->runs[run], length);
    text[length] = '/';
    (void)encode(text + length + 1, rest);
    return text;
}

static void put_link(struct out *out, const struct html *html, const struct places *places,
                     const struct attempt *attempt, char *path, const char *word)
{
    char *reference = path ? html_log_reference(html, places, attempt, path) : NULL;
    out->bad = out->bad || !reference;
    if (reference)
        out_format(out, " <a href=\"");
    if (reference)
        out_escaped(out, reference);
    if (reference)
        out_format(out, "\">%s</a>", word);
    free(reference);
    free(path);
}

static void put_size(struct out *out, uint64_t bytes)
{
    if (bytes < 1000)
        out_format(out, " <small>%" PRIu64 " B</small>", bytes);
    else if (bytes < 1000000)
        out_format(out, " <small>%" PRIu64 ".%" PRIu64 " kB</small>", bytes / 1000,
                   bytes / 100 % 10);
    else
        out_format(out, " <small>%" PRIu64 ".%" PRIu64 " MB</small>", bytes / 1000000,
                   bytes / 100000 % 10);
}

void html_put_links(struct out *out, const struct html *html, const struct places *places,
                    const struct attempt *attempt)
{
    for (int i = 0; i < 2; i++) {
        if (!(attempt->bits & (i ? HTML_ERR : HTML_OUT)) || !attempt->bytes[i])
            continue; /* an empty one says nothing */
        put_link(out, html, places, attempt, log_of(html, attempt, i), words[i]);
        put_size(out, attempt->bytes[i]);
    }
    if (attempt->bits & HTML_EVIDENCE)
        put_link(out, html, places, attempt, path_of(html, attempt, "logs", ".evidence"),
                 "evidence");
    if (attempt->bits & HTML_ARTIFACTS)
        put_link(out, html, places, attempt, path_of(html, attempt, "artifacts", "/"), "artifacts");
}

/* ---- excerpts ---- */

/* From `offset` on, where a line begins if there is one soon. */
static void put_bytes(struct out *out, int fd, uint64_t offset, uint64_t size)
{
    struct plain plain = {0};
    char piece[PIECE], text[PLAIN_SIZE(PIECE)];
    bool cut = offset > 0;
    offset -= cut; /* the byte in front may be the end of a line */
    while (offset < size) {
        uint64_t left = size - offset;
        ssize_t n = pread(fd, piece, left < PIECE ? (size_t)left : PIECE, (off_t)offset);
        if (n <= 0)
            break;
        const char *newline = cut ? memchr(piece, '\n', (size_t)n) : NULL;
        size_t skip = newline && newline + 1 < piece + n ? (size_t)(newline + 1 - piece) : cut;
        cut = false;
        (void)plain_feed(&plain, piece + skip, (size_t)n - skip, text);
        out_escaped(out, text);
        offset += (uint64_t)n;
    }
    (void)plain_end(&plain, text);
    out_escaped(out, text);
}

static void put_excerpt(struct out *out, const struct html *html, uint32_t at, int which, int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
        return;
    uint64_t size = (uint64_t)st.st_size;
    uint64_t offset = size > html->max_output ? size - html->max_output : 0;
    out_format(out, "<figure><figcaption>%s", which ? "Standard error" : "Standard output");
    if (offset) {
        out_raw(out, ", the last ");
        out_count(out, size - offset);
        out_raw(out, " of ");
        out_count(out, size);
        out_raw(out, " bytes");
    }
    /* The parser drops a newline that stands first. */
    out_format(out, "</figcaption><pre id=\"log-%" PRIu32 "-%s\" tabindex=\"0\">\n", at,
               ends[which]);
    put_bytes(out, fd, offset, size);
    out_raw(out, "</pre></figure>\n");
}

void html_put_excerpts(struct out *out, const struct html *html, uint32_t at)
{
    const struct attempt *attempt = &html->attempts[at];
    for (int i = 1; i >= 0 && html->max_output; i--) {
        if (!(attempt->bits & HTML_EXCERPT) || !(attempt->bits & (i ? HTML_ERR : HTML_OUT)))
            continue;
        char *path = log_of(html, attempt, i);
        out->bad = out->bad || !path;
        int fd = path ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW) : -1;
        if (fd >= 0)
            put_excerpt(out, html, at, i, fd);
        if (fd >= 0)
            close(fd);
        free(path);
    }
}
