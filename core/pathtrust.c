/* SPDX-License-Identifier: MIT */
#include "pathtrust.h"
#include "safeguard.h"
#include "util.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Debian and others give each user a group of his own and a umask of 002: a group that has nobody
 * in it but the owner adds no writer. */
static bool private_group(const struct stat *st)
{
    char users[4096], groups[16384];
    struct passwd user, *owner = NULL;
    struct group group, *own = NULL;
    if (getpwuid_r(st->st_uid, &user, users, sizeof users, &owner) || !owner ||
        owner->pw_gid != st->st_gid)
        return false;
    if (getgrgid_r(st->st_gid, &group, groups, sizeof groups, &own) || !own ||
        strcmp(own->gr_name, owner->pw_name) != 0)
        return false;
    for (char **member = own->gr_mem; *member; member++) {
        if (strcmp(*member, owner->pw_name) != 0)
            return false;
    }
    return true;
}

static int check_one(const char *path, const struct stat *st, struct strbuf *why)
{
    if (!SAFEGUARD(trusted_plugin))
        return 0;
    if (st->st_uid != 0 && st->st_uid != geteuid()) {
        strbuf_addf(why, "belongs to somebody else: %s (uid %lu)", path, (unsigned long)st->st_uid);
        return -1;
    }
    bool sticky = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX);
    bool by_group = (st->st_mode & S_IWGRP) && !private_group(st);
    if ((by_group || (st->st_mode & S_IWOTH)) && !sticky) {
        strbuf_addf(why, "may be written by others: %s (mode %04o)", path, st->st_mode & 07777U);
        return -1;
    }
    return 0;
}

static int check_folder(const char *path, struct strbuf *why)
{
    struct stat st;
    if (lstat(path, &st)) {
        strbuf_addf(why, "cannot look at %s: %s", path, strerror(errno));
        return -1;
    }
    return check_one(path, &st, why);
}

static int check_folders(const char *path, struct strbuf *why)
{
    if (check_folder("/", why))
        return -1;
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        AUTO_FREE char *folder = xstrndup(path, (size_t)(slash - path));
        if (check_folder(folder, why))
            return -1;
    }
    return 0;
}

static int resolve(int fd, struct strbuf *path, struct strbuf *why)
{
    char link[32], target[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, target, sizeof target);
    if (n < 0 || (size_t)n >= sizeof target || target[0] != '/') {
        strbuf_addf(why, "its path cannot be found by %s: %s", link,
                    n < 0 ? strerror(errno) : "not a path");
        return -1;
    }
    strbuf_add(path, target, (size_t)n);
    return 0;
}

int pathtrust(int fd, struct strbuf *path, struct strbuf *why)
{
    struct stat opened, named;
    if (resolve(fd, path, why) || check_folders(path->buf, why))
        return -1;
    if (fstat(fd, &opened) || lstat(path->buf, &named) || opened.st_dev != named.st_dev ||
        opened.st_ino != named.st_ino) {
        strbuf_addf(why, "was moved or removed while it was read: %s", path->buf);
        return -1;
    }
    return check_one(path->buf, &opened, why);
}
