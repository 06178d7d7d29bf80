/* SPDX-License-Identifier: MIT
 *
 * Globs with `**`. As in a shell: names with a leading dot only where the pattern says so, links to
 * folders are followed where a folder is named or matched, but not by `**` (they may form circles).
 * A pattern with `**` matches no folders, since `spec` beside `spec/a.rb` would run everything
 * twice; one that ends in a slash matches folders only.
 */
#include "msg.h"
#include "plan_internal.h"
#include "util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct walk {
    int fd; /* the folder in which relative patterns start */
    struct strv parts;
    bool files_only, folders_only;
    bool strict;        /* what may not be read is an error */
    struct strbuf path; /* so far, as it will stand in the item */
    struct strv found;
    char *error;
};

bool plan_is_glob(const char *word)
{
    return strpbrk(word, "*?[") != NULL;
}

static int walk(struct walk *w, size_t at);

/* What went away or is no folder does not match; what may not be read is said, since a private
 * folder of a database beside the sources is no reason not to run. */
static int cannot(struct walk *w, const char *what)
{
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
        return 0;
    if (errno == EACCES && !w->strict) {
        msg(MSG_WARNING, "cannot look into %s for items: %s", what, strerror(errno));
        return 0;
    }
    w->error = xasprintf("%s: %s", what, strerror(errno));
    return -1;
}

static void push_part(struct walk *w, const char *part, size_t length)
{
    bool deep = length == 2 && strncmp(part, "**", 2) == 0;
    w->files_only = w->files_only || deep;
    /* Two of them in a row mean the same as one, but would be walked many times. */
    if (deep && w->parts.n > 0 && strcmp(w->parts.v[w->parts.n - 1], "**") == 0)
        return;
    strv_pushn(&w->parts, part, length);
}

static void split_pattern(struct walk *w, const char *pattern)
{
    if (*pattern == '/')
        strbuf_addch(&w->path, '/');
    for (pattern += strspn(pattern, "/"); *pattern; pattern += strspn(pattern, "/")) {
        size_t n = strcspn(pattern, "/");
        push_part(w, pattern, n);
        pattern += n;
        w->folders_only = *pattern == '/';
    }
    if (w->folders_only)
        w->files_only = false;
    if (w->parts.n && strcmp(w->parts.v[w->parts.n - 1], "**") == 0)
        strv_push(&w->parts, "*");
}

/* Append a name to the path; the length before comes back, for the way back. */
static size_t enter(struct walk *w, const char *name)
{
    size_t before = w->path.len;
    if (before && w->path.buf[before - 1] != '/')
        strbuf_addch(&w->path, '/');
    strbuf_addstr(&w->path, name);
    return before;
}

static const char *here(const struct walk *w)
{
    return w->path.len ? w->path.buf : ".";
}

static int found(struct walk *w)
{
    struct stat st;
    if (fstatat(w->fd, here(w), &st, 0) < 0) {
        /* A link that leads nowhere is still a name in the folder. */
        if (errno != ENOENT || fstatat(w->fd, here(w), &st, AT_SYMLINK_NOFOLLOW) < 0)
            return cannot(w, here(w));
    }
    if (w->folders_only && !S_ISDIR(st.st_mode))
        return 0;
    if (w->files_only && S_ISDIR(st.st_mode))
        return 0;
    strv_push(&w->found, here(w));
    if (w->folders_only) {
        char *last = w->found.v[w->found.n - 1];
        w->found.v[w->found.n - 1] = xasprintf("%s/", last);
        free(last);
    }
    return 0;
}

static DIR *open_here(struct walk *w)
{
    int fd = openat(w->fd, here(w), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOCTTY);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir && fd >= 0)
        close(fd);
    return dir;
}

static bool is_real_folder(int dir, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* Names in this folder that match; `folders`: only those of real folders. The folder is closed
 * before anybody goes deeper, so that depth costs no descriptors. */
static int list_here(struct walk *w, const char *part, bool folders, struct strv *names)
{
    DIR *dir = open_here(w);
    if (!dir)
        return cannot(w, here(w));
    const struct dirent *entry;
    while ((errno = 0, entry = readdir(dir))) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        if (fnmatch(part, name, FNM_PERIOD) == 0 && (!folders || is_real_folder(dirfd(dir), entry)))
            strv_push(names, name);
    }
    int result = errno ? cannot(w, here(w)) : 0;
    closedir(dir);
    return result;
}

static int walk_each(struct walk *w, const struct strv *names, size_t at)
{
    int result = 0;
    for (size_t i = 0; i < names->n && result == 0; i++) {
        size_t before = enter(w, names->v[i]);
        result = walk(w, at);
        strbuf_cut(&w->path, before);
    }
    return result;
}

static int walk(struct walk *w, size_t at)
{
    if (at == w->parts.n)
        return found(w);
    AUTO_STRV struct strv names = STRV_INIT;
    const char *part = w->parts.v[at];
    if (strcmp(part, "**") == 0) {
        /* No folder, then each folder with the same `**` again. */
        if (walk(w, at + 1) < 0 || list_here(w, "*", true, &names) < 0)
            return -1;
        return walk_each(w, &names, at);
    }
    if (!plan_is_glob(part))
        strv_push(&names, part);
    else if (list_here(w, part, false, &names) < 0)
        return -1;
    return walk_each(w, &names, at + 1);
}

static void take_sorted(struct walk *w, struct strv *to)
{
    strv_sort_once(&w->found);
    strv_copy(to, &w->found);
}

static int glob_in(const char *dir, const char *pattern, bool strict, struct strv *to, char **error)
{
    AUTO_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        *error = xasprintf("%s: %s", dir, strerror(errno));
        return -1;
    }
    struct walk w = {.fd = fd, .strict = strict};
    split_pattern(&w, pattern);
    int result = walk(&w, 0);
    if (result == 0)
        take_sorted(&w, to);
    else
        *error = w.error;
    strv_free(&w.parts);
    strv_free(&w.found);
    strbuf_free(&w.path);
    return result;
}

int plan_glob(const char *dir, const char *pattern, struct strv *found, char **error)
{
    return glob_in(dir, pattern, false, found, error);
}

int plan_glob_all(const char *dir, const char *pattern, struct strv *found, char **error)
{
    return glob_in(dir, pattern, true, found, error);
}
