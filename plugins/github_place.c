/* SPDX-License-Identifier: MIT
 *
 * Which lines of which files does an output name? Compilers, test frameworks and interpreters write
 * one of a few forms at the start of a line:
 *
 *     path:LINE: ...  path:LINE:COLUMN: ...      gcc, go, pytest, eslint
 *     --> path:LINE:COLUMN                       rustc
 *     File "path", line LINE                     Python, the innermost frame comes last
 *     # ./path:LINE:in ...   from path:LINE      rspec, ruby, the innermost frame comes first
 *     at name (path:LINE:COLUMN)                 node, likewise
 *
 * Only what is a regular file below the workspace counts, so a time or a port is no place.
 */
#include "github.h"
#include "plain.h"
#include "safeguard.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_BYTES ((size_t)128 * 1024)
#define PATH_MOST 512
#define LINE_MOST 9999999

enum form { NOTHING, PLACE, LAST_FRAME, FIRST_FRAME };

/* What a line says, in the line's own bytes. */
struct spot {
    enum form form;
    const char *path; /* NULL: a frame that names no file */
    size_t length;
    uint32_t line, column;
    const char *rest; /* behind the numbers */
};

/* ---- paths ---- */

static bool goes_up(const char *path)
{
    for (const char *p = path; p && *p; p = strchr(p, '/')) {
        p += *p == '/';
        if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0'))
            return true;
    }
    return false;
}

/* BASE/PATH as a file of the workspace. */
static char *below_workspace(const struct github *github, const char *base, const char *path)
{
    char folder[PATH_MAX];
    struct text full = {0};
    struct stat st;
    size_t n = strlen(github->workspace);
    if (n == 0 || !realpath(base, folder))
        return NULL;
    text_put(&full, folder);
    text_put(&full, "/");
    text_put(&full, path);
    const char *name = text_string(&full);
    bool inside = !full.failed && strncmp(name, github->workspace, n) == 0 && name[n] == '/';
    char *found = NULL;
    if (inside && lstat(name, &st) == 0 && S_ISREG(st.st_mode))
        found = strdup(name + n + 1);
    text_free(&full);
    return found;
}

static const char *skip(const char *text, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(text, prefix, n) == 0 ? text + n : text;
}

/* A `cwd` elsewhere is often that of the same tree. */
static char *where_it_started(const struct github *github, const struct ciplug_command *command,
                              const char *name)
{
    if (!command->cwd || (!command->config_dir && *command->cwd != '/'))
        return NULL;
    struct text base = {0};
    if (*command->cwd != '/') {
        text_put(&base, command->config_dir);
        text_put(&base, "/");
    }
    text_put(&base, command->cwd);
    char *found = base.failed ? NULL : below_workspace(github, text_string(&base), name);
    text_free(&base);
    return found;
}

char *github_resolve(const struct github *github, const struct ciplug_command *command,
                     const char *path, size_t length)
{
    char copy[PATH_MOST];
    size_t n = strlen(github->workspace);
    if (length == 0 || length >= sizeof copy || memchr(path, '\n', length))
        return NULL;
    memcpy(copy, path, length);
    copy[length] = '\0';
    const char *name = skip(copy, "file://");
    if (*name == '/') {
        if (n == 0 || strncmp(name, github->workspace, n) != 0 || name[n] != '/')
            return NULL;
        name += n + 1;
    }
    while (strncmp(name, "./", 2) == 0)
        name += 2;
    if (!*name || *name == '/' || (goes_up(name) && SAFEGUARD(no_way_up)))
        return NULL;
    char *found = where_it_started(github, command, name);
    if (!found && command->config_dir)
        found = below_workspace(github, command->config_dir, name);
    return found ? found : below_workspace(github, github->workspace, name);
}

/* ---- lines ---- */

/* Digits at `p`; returns what is behind them, NULL where there is no such number. */
static const char *number(const char *p, uint32_t *value)
{
    *value = 0;
    const char *start = p;
    while (*p >= '0' && *p <= '9' && *value <= LINE_MOST)
        *value = *value * 10 + (uint32_t)(*p++ - '0');
    return p > start && *value > 0 && *value <= LINE_MOST ? p : NULL;
}

/* path:LINE or path:LINE:COLUMN at `p`. */
static bool path_and_numbers(const char *p, struct spot *spot)
{
    const char *from = skip(p, "file://");
    size_t n = strcspn(from, ": \t\"'()<>|");
    const char *end = from[n] == ':' && n > 0 ? number(from + n + 1, &spot->line) : NULL;
    if (!end)
        return false;
    const char *more = *end == ':' ? number(end + 1, &spot->column) : NULL;
    end = more ? more : end;
    if (!more)
        spot->column = 0;
    /* a.c:12b is no line. */
    if (*end && !strchr(": \t),", *end))
        return false;
    spot->path = from;
    spot->length = n;
    spot->rest = end;
    return true;
}

static bool python_frame(const char *p, struct spot *spot)
{
    static const char start[] = "File \"", middle[] = "\", line ";
    const char *from = skip(p, start);
    const char *quote = from > p ? strchr(from, '"') : NULL;
    if (!quote || strncmp(quote, middle, sizeof middle - 1) != 0)
        return false;
    const char *end = number(quote + sizeof middle - 1, &spot->line);
    if (!end)
        return false;
    *spot = (struct spot){LAST_FRAME, from, (size_t)(quote - from), spot->line, 0, end};
    return true;
}

static bool other_frame(const char *p, struct spot *spot)
{
    const char *from = p;
    if (strncmp(p, "# ", 2) == 0 || strncmp(p, "at ", 3) == 0 || strncmp(p, "from ", 5) == 0)
        from = strchr(p, ' ') + 1;
    if (from == p)
        return false;
    const char *bracket = *p == 'a' ? strrchr(from, '(') : NULL;
    spot->form = FIRST_FRAME;
    if (!path_and_numbers(bracket ? bracket + 1 : from, spot))
        spot->path = NULL;
    return true;
}

/* A remark on what is fine. */
static bool only_warns(const char *rest)
{
    rest += strspn(rest, ": \t");
    size_t n = strcspn(rest, ": \t");
    if (strncmp(rest, "note", n) == 0 && n == 4)
        return true;
    for (size_t i = 0; i + 7 <= n; i++) {
        if (strncasecmp(rest + i, "warning", 7) == 0)
            return true;
    }
    return false;
}

static struct spot look_at(const char *line)
{
    struct spot spot = {.form = NOTHING};
    const char *p = line + strspn(line, " \t");
    if (python_frame(p, &spot) || other_frame(p, &spot))
        return spot;
    if (path_and_numbers(skip(p, "--> "), &spot) && !only_warns(spot.rest))
        spot.form = PLACE;
    return spot;
}

/* ---- an output ---- */

struct search {
    const struct github *github;
    const struct ciplug_command *command;
    struct places *places;
    struct place frame; /* of a stack, the one to be taken so far */
    bool in_first;      /* among frames of which the first one counts */
};

static void place_free(struct place *place)
{
    free(place->file);
    free(place->text);
    *place = (struct place){0};
}

/* Takes over what `place` owns. */
static void keep(struct search *search, struct place *place, const char *text)
{
    struct places *places = search->places;
    bool known = !place->file || places->n == PLACES_MAX;
    for (size_t i = 0; i < places->n && !known; i++)
        known =
            places->list[i].line == place->line && strcmp(places->list[i].file, place->file) == 0;
    if (known) {
        place_free(place);
        return;
    }
    free(place->text);
    place->text = text ? strdup(text) : NULL;
    places->list[places->n++] = *place;
    *place = (struct place){0};
}

static struct place place_of(const struct search *search, const struct spot *spot)
{
    struct place place = {.line = spot->line, .column = spot->column};
    if (spot->path)
        place.file = github_resolve(search->github, search->command, spot->path, spot->length);
    return place;
}

static void search_line(struct search *search, const char *line)
{
    struct spot spot = look_at(line);
    struct place place = {0};
    /* What Python says below a stack stands at the margin. */
    bool margin = *line && !strchr(" \t", *line);
    if (search->frame.file && margin && spot.form != LAST_FRAME)
        keep(search, &search->frame, line);
    if (spot.form == PLACE || spot.form == LAST_FRAME ||
        (spot.form == FIRST_FRAME && !search->in_first))
        place = place_of(search, &spot);
    if (spot.form == LAST_FRAME && place.file) {
        place_free(&search->frame);
        search->frame = place;
    } else if (place.file) {
        search->in_first = spot.form == FIRST_FRAME;
        keep(search, &place, spot.form == PLACE ? line : NULL);
    }
    search->in_first &= spot.form == FIRST_FRAME;
}

static void search_text(struct search *search, char *text)
{
    for (char *line = text; line && search->places->n < PLACES_MAX;) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        search_line(search, line);
        line = end ? end + 1 : NULL;
    }
    if (search->frame.file)
        keep(search, &search->frame, NULL);
    search->in_first = false;
}

/* The end of a log, as text; the caller's, NULL where there is none. */
static char *read_log(const char *path)
{
    int fd = path ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW) : -1;
    struct stat st;
    char *text = NULL, *raw = NULL;
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        size_t size = (size_t)st.st_size;
        size_t n = size < LOG_BYTES ? size : LOG_BYTES;
        raw = malloc(n);
        text = malloc(PLAIN_SIZE(n));
        ssize_t got = raw && text ? pread(fd, raw, n, (off_t)(size - n)) : -1;
        struct plain plain = {0};
        size_t done = got > 0 ? plain_feed(&plain, raw, (size_t)got, text) : 0;
        if (text)
            (void)plain_end(&plain, text + done);
    }
    if (fd >= 0)
        close(fd);
    free(raw);
    return text;
}

void github_places(const struct github *github, const struct ciplug_event *event,
                   struct places *places)
{
    const struct ciplug_result *result = event->result;
    const char *logs[] = {result->log_err, result->log_out};
    struct search search = {.github = github, .command = event->command, .places = places};
    for (size_t i = 0; i < 2 && places->n < PLACES_MAX; i++) {
        char *text = read_log(logs[i]);
        if (text)
            search_text(&search, text);
        free(text);
    }
}

void github_places_free(struct places *places)
{
    for (size_t i = 0; i < places->n; i++)
        place_free(&places->list[i]);
    places->n = 0;
}
