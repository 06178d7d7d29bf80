/* SPDX-License-Identifier: MIT */
#include "journal.h"
#include "msg.h"
#include "resume.h"
#include "rundir.h"
#include "runs.h"
#include "util.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Who runs it, since when: of its first record. */
struct owner {
    bool began;
    long long pid;
    char since[40];
};

static void on_record(void *data, const char *name, const void *record)
{
    struct owner *owner = data;
    const json_t *object = record;
    if (owner->began || strcmp(name, "run_started") != 0)
        return;
    const char *time = json_string_value(json_object_get(object, "time"));
    owner->began = true;
    owner->pid = json_integer_value(json_object_get(object, "pid"));
    snprintf(owner->since, sizeof owner->since, "%.19s", time ? time : "");
}

static struct owner owner_of(const char *path)
{
    struct owner owner = {0};
    struct journal_reader reader = {.other = on_record, .data = &owner};
    (void)journal_replay(path, &reader, NULL);
    return owner;
}

static void tell_alive(const char *path, const struct owner *owner)
{
    const char *run = strrchr(path, '/') + 1;
    if (owner->began)
        msg(MSG_ERROR, "run %s is in use by pid %lld since %sZ: it cannot be resumed", run,
            owner->pid, owner->since);
    else
        msg(MSG_ERROR, "run %s is in use: it cannot be resumed", run);
}

/* One that was killed before its first record has nothing to resume, and what it wanted to resume
 * itself is still there. */
static char *newest_begun(const char *path)
{
    AUTO_FREE char *runs = xstrndup(path, (size_t)(strrchr(path, '/') - path));
    AUTO_CLOSE int fd = open(runs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct run_list list = {0};
    char *found = NULL;
    if (fd >= 0)
        run_list_read(&list, fd);
    for (size_t i = 0; i < list.n && !found; i++) {
        char *each = xasprintf("%s/%s", runs, list.list[i].id);
        if (owner_of(each).began)
            found = each;
        else
            free(each);
    }
    run_list_free(&list);
    return found ? found : xstrdup(path);
}

char *resume_find(const char *state, const char *run)
{
    char *path = rundir_find(state, run);
    if (!path)
        return NULL;
    bool alive = rundir_alive(path);
    struct owner owner = owner_of(path);
    if (!owner.began && !alive && (!run || strcmp(run, "latest") == 0)) {
        AUTO_FREE char *latest = path;
        path = newest_begun(latest);
        alive = rundir_alive(path);
        owner = owner_of(path);
    }
    if (alive)
        tell_alive(path, &owner);
    else if (!owner.began)
        msg(MSG_ERROR, "run %s ended before it began: there is nothing to resume",
            strrchr(path, '/') + 1);
    if (!alive && owner.began)
        return path;
    free(path);
    return NULL;
}
