/* SPDX-License-Identifier: MIT */
#include "tree.h"
#include "util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_FOLDER (O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* A folder that its owner may not read: artifacts can be like that. */
static int open_locked(int parent, const char *name)
{
    AUTO_CLOSE int fd = openat(parent, name, O_PATH | OPEN_FOLDER);
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fd < 0 || chmod(path, 0700) < 0)
        return -1;
    return openat(parent, name, O_RDONLY | OPEN_FOLDER);
}

static int open_folder(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | OPEN_FOLDER);
    if (fd < 0 && errno == EACCES)
        fd = open_locked(parent, name);
    struct statx st;
    if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_MODE, &st) < 0)
        return fd;
    if (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) {
        close(fd);
        errno = EBUSY;
        return -1;
    }
    /* What cannot be changed shows when its content is removed. */
    if ((st.stx_mode & 0700) != 0700 && fchmod(fd, 0700) < 0)
        errno = 0;
    return fd;
}

/* A file, a link or an empty folder. */
static int remove_simple(int parent, const char *name)
{
    if (unlinkat(parent, name, 0) == 0)
        return 0;
    return errno == EISDIR || errno == EPERM ? unlinkat(parent, name, AT_REMOVEDIR) : -1;
}

static int move_up(int from, const char *name, int root)
{
    char fresh[16];
    random_name(fresh, sizeof fresh - 1);
    return renameat(from, name, root, fresh);
}

typedef int (*entry_function)(int folder, const char *name, int root);

/* For all entries; how many times it returned 0, or -1. */
static long for_each(int folder, int root, entry_function function)
{
    int copy = openat(folder, ".", O_RDONLY | OPEN_FOLDER);
    DIR *entries = copy < 0 ? NULL : fdopendir(copy);
    if (!entries) {
        auto_close(&copy);
        return -1;
    }
    long n = 0;
    for (struct dirent *entry; (entry = readdir(entries));) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            n += function(folder, entry->d_name, root) == 0;
    }
    closedir(entries);
    return n;
}

static int remove_or_move_up(int folder, const char *name, int root)
{
    if (remove_simple(folder, name) == 0)
        return 0;
    /* Makes it writable too: a folder can only be moved when it is. */
    AUTO_CLOSE int fd = open_folder(folder, name);
    return fd < 0 ? -1 : move_up(folder, name, root);
}

/* The folders in a folder of the root become folders of the root, so nothing has to be walked to
 * its depth. 0 when anything has changed. */
static int flatten(int root, const char *name, int same)
{
    (void)same;
    if (remove_simple(root, name) == 0)
        return 0;
    AUTO_CLOSE int fd = open_folder(root, name);
    if (fd < 0)
        return -1;
    long n = for_each(fd, root, remove_or_move_up);
    return remove_simple(root, name) == 0 || n > 0 ? 0 : -1;
}

int tree_remove(int parent, const char *name)
{
    if (remove_simple(parent, name) == 0 || errno == ENOENT)
        return 0;
    AUTO_CLOSE int root = open_folder(parent, name);
    if (root < 0)
        return errno == ENOENT ? 0 : -1;
    while (for_each(root, root, flatten) > 0)
        continue;
    return remove_simple(parent, name) == 0 || errno == ENOENT ? 0 : -1;
}
