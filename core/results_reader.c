/* SPDX-License-Identifier: MIT */
#include "results_reader.h"
#include "junit_parse.h"
#include "util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUT_AT 65536
#define DEEP   40 /* folders in folders */

struct reader {
    struct strbuf out;
    bool failed; /* standard output is gone */
};

static void flush(struct reader *reader)
{
    if (!reader->failed && write_all(STDOUT_FILENO, strbuf_text(&reader->out), reader->out.len) < 0)
        reader->failed = true;
    strbuf_clear(&reader->out);
}

static void put(struct reader *reader, const char *text)
{
    strbuf_add(&reader->out, text, strlen(text) + 1);
    if (reader->out.len >= OUT_AT)
        flush(reader);
}

static void put_number(struct reader *reader, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, number);
    put(reader, text);
}

static void put_bad(struct reader *reader, const char *path, const char *why)
{
    AUTO_FREE char *text = xasprintf("%s: %s", path, why);
    put(reader, "B");
    put(reader, text);
}

static void on_case(void *data, const struct ciplug_test *test)
{
    struct reader *reader = data;
    put(reader, "C");
    put(reader, test->suite);
    put(reader, test->classname);
    put(reader, test->name);
    put(reader, test->file);
    put_number(reader, test->line);
    put_number(reader, (uint64_t)test->outcome);
    put_number(reader, test->flags);
    put_number(reader, test->duration_ns);
    put(reader, test->type);
    put(reader, test->message);
    put(reader, test->text);
}

static uint64_t ns_of(const struct timespec *time)
{
    return (uint64_t)time->tv_sec * NS_PER_S + (uint64_t)time->tv_nsec;
}

static void put_file(struct reader *reader, const char *path, const struct stat *st, uint64_t hash)
{
    put(reader, "F");
    put(reader, path);
    put_number(reader, hash_bytes(hash_bytes(HASH_START, &st->st_dev, sizeof st->st_dev),
                                  &st->st_ino, sizeof st->st_ino));
    put_number(reader, (uint64_t)st->st_size);
    put_number(reader, ns_of(&st->st_mtim));
    put_number(reader, ns_of(&st->st_ctim));
    put_number(reader, hash);
}

static void read_cases(struct reader *reader, int fd, const char *path, const struct stat *st)
{
    static char buffer[65536];
    struct junit_parser *parser = junit_parser_new(on_case, reader);
    uint64_t hash = HASH_START;
    int status = 0;
    ssize_t n = 0;
    while (status == 0) {
        n = read(fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        hash = hash_bytes(hash, buffer, (size_t)n);
        status = junit_parse(parser, buffer, (size_t)n, n == 0);
        if (n == 0)
            break;
    }
    if (n < 0)
        put_bad(reader, path, strerror(errno));
    else if (status < 0)
        put_bad(reader, path, junit_parser_error(parser));
    if (junit_parser_partial(parser))
        put(reader, "L");
    put_file(reader, path, st, hash);
    junit_parser_free(parser);
}

static void read_at(struct reader *reader, int parent, const char *name, const char *path,
                    unsigned deep);

static void read_folder(struct reader *reader, int fd, const char *path, unsigned deep)
{
    DIR *dir = fdopendir(fd);
    if (!dir) {
        put_bad(reader, path, strerror(errno));
        close(fd);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        AUTO_FREE char *inside = strcmp(path, ".") == 0 ? xstrdup(entry->d_name)
                                                        : xasprintf("%s/%s", path, entry->d_name);
        read_at(reader, dirfd(dir), entry->d_name, inside, deep + 1);
    }
    closedir(dir);
}

static void read_at(struct reader *reader, int parent, const char *name, const char *path,
                    unsigned deep)
{
    struct stat st;
    /* In a folder that was fetched a link would lead to files of this machine. */
    int links = deep > 0 ? O_NOFOLLOW : 0;
    int fd = openat(parent, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | links);
    if (fd < 0 || fstat(fd, &st) < 0) {
        put_bad(reader, path, strerror(errno));
    } else if (S_ISDIR(st.st_mode) && deep < DEEP) {
        read_folder(reader, fd, path, deep);
        return;
    } else if (!S_ISREG(st.st_mode)) {
        put_bad(reader, path, "is no file");
    } else {
        read_cases(reader, fd, path, &st);
    }
    if (fd >= 0)
        close(fd);
}

int results_reader(int argc, char **argv)
{
    struct reader reader = {.out = STRBUF_INIT};
    for (int i = 1; i < argc; i++)
        read_at(&reader, AT_FDCWD, argv[i], argv[i], 0);
    put(&reader, "E");
    flush(&reader);
    strbuf_free(&reader.out);
    return reader.failed ? 3 : 0;
}
