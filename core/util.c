/* SPDX-License-Identifier: MIT */
#include "util.h"
#include "safeguard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void auto_free(void *pointer_to_pointer)
{
    free(*(void **)pointer_to_pointer);
}

void auto_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static _Noreturn void out_of_memory(void)
{
    static const char text[] = "ciplug: out of memory\n";
    ssize_t ignored = write(2, text, sizeof text - 1);
    (void)ignored;
    /* Not by _exit(), which plugin_call.c answers: a plugin for which we are at work is not to
     * blame. */
    for (;;)
        (void)syscall(SYS_exit_group, 3);
}

static void *checked(void *memory)
{
    if (!memory)
        out_of_memory();
    return memory;
}

void *xmalloc(size_t size)
{
    return checked(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
    return checked(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *old, size_t size)
{
    return checked(realloc(old, size ? size : 1));
}

char *xstrdup(const char *text)
{
    return checked(strdup(text));
}

char *xstrndup(const char *text, size_t length)
{
    return checked(strndup(text, length));
}

void *xmemdup(const void *data, size_t length)
{
    void *copy = xmalloc(length);
    if (length)
        memcpy(copy, data, length);
    return copy;
}

char *xasprintf(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0)
        out_of_memory();
    return text;
}

void *array_grow(void *array, size_t count, size_t *alloc, size_t size)
{
    if (count < *alloc)
        return array;
    size_t wanted = *alloc ? *alloc * 2 : 8;
    while (wanted <= count)
        wanted *= 2;
    if (wanted > SIZE_MAX / size)
        out_of_memory();
    array = xrealloc(array, wanted * size);
    memset((char *)array + *alloc * size, 0, (wanted - *alloc) * size);
    *alloc = wanted;
    return array;
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    if (clock_gettime(clock, &t) < 0)
        return 0;
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t clock_mono_ns(void)
{
    return clock_ns(SAFEGUARD(monotonic_clock) ? CLOCK_MONOTONIC : CLOCK_REALTIME);
}

uint64_t clock_wall_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

void format_rfc3339(char *buf, size_t size, uint64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    snprintf(buf, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
             (unsigned)(wall_ns % NS_PER_S / NS_PER_MS));
}

/* So many digits, and no sign or blank, as strtol would take. */
static int digits(const char **text, unsigned n, unsigned least, unsigned most)
{
    unsigned value = 0;
    for (; n > 0; n--, ++*text) {
        if (**text < '0' || **text > '9')
            return -1;
        value = 10 * value + (unsigned)(**text - '0');
    }
    return value < least || value > most ? -1 : (int)value;
}

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* Since 1970; the year counts from March, so that a leap day is its last. */
static uint64_t day_number(int year, int month, int day)
{
    int years = year - (month <= 2), months = (month + 9) % 12;
    return (uint64_t)(365 * years + years / 4 - years / 100 + years / 400 + (153 * months + 2) / 5 +
                      day - 1 - 719468);
}

/* Up to nine digits behind a dot, or none at all. */
static int fraction(const char **text, uint64_t *ns)
{
    uint64_t scale = NS_PER_S;
    if (**text != '.')
        return 0;
    for (++*text; **text >= '0' && **text <= '9' && scale > 1; ++*text) {
        scale /= 10;
        *ns += (uint64_t)(**text - '0') * scale;
    }
    return scale == NS_PER_S ? -1 : 0;
}

int parse_rfc3339(const char *text, uint64_t *wall_ns)
{
    static const struct {
        unsigned digits, least, most;
        char behind;
    } parts[] = {{4, 1970, 9999, '-'}, {2, 1, 12, '-'}, {2, 1, 31, 'T'},
                 {2, 0, 23, ':'},      {2, 0, 59, ':'}, {2, 0, 59, '\0'}};
    int value[ARRAY_SIZE(parts)];
    uint64_t ns = 0;
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        value[i] = digits(&text, parts[i].digits, parts[i].least, parts[i].most);
        if (value[i] < 0 || (parts[i].behind && *text++ != parts[i].behind))
            return -1;
    }
    if (value[2] > days_of(value[0], value[1]) || fraction(&text, &ns) < 0 || text[0] != 'Z' ||
        text[1])
        return -1;
    uint64_t seconds = day_number(value[0], value[1], value[2]) * 86400 +
                       (uint64_t)(value[3] * 3600 + value[4] * 60 + value[5]);
    return __builtin_mul_overflow(seconds, NS_PER_S, &seconds) ||
                   __builtin_add_overflow(seconds, ns, wall_ns)
               ? -1
               : 0;
}

void format_duration(char *buf, size_t size, uint64_t ns)
{
    uint64_t ms = ns / NS_PER_MS;
    uint64_t s = ns / NS_PER_S;
    if (ms < 1000)
        snprintf(buf, size, "%ums", (unsigned)ms);
    else if (s < 60)
        snprintf(buf, size, "%u.%us", (unsigned)s, (unsigned)(ms % 1000 / 100));
    else if (s < 3600)
        snprintf(buf, size, "%um%02us", (unsigned)(s / 60), (unsigned)(s % 60));
    else
        snprintf(buf, size, "%lluh%02um", (unsigned long long)(s / 3600),
                 (unsigned)(s % 3600 / 60));
}

int write_all(int fd, const void *data, size_t length)
{
    const char *p = data;
    while (length > 0) {
        ssize_t n = write(fd, p, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        p += n;
        length -= (size_t)n;
    }
    return 0;
}

int file_lock(int fd, int operation)
{
    int result;
    do
        result = flock(fd, operation);
    while (result < 0 && errno == EINTR);
    return result;
}

int file_truncate(int fd, uint64_t length)
{
    int result;
    do
        result = ftruncate(fd, (off_t)length);
    while (result < 0 && errno == EINTR);
    return result;
}

static int read_whole(int fd, size_t limit, char **data, size_t *length)
{
    size_t alloc = 4096, have = 0;
    char *buf = xmalloc(alloc);
    for (;;) {
        ssize_t n = read(fd, buf + have, alloc - 1 - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || (have += (size_t)n) > limit) {
            if (n >= 0)
                errno = EFBIG;
            free(buf);
            return -1;
        }
        if (n == 0)
            break;
        if (have == alloc - 1)
            buf = xrealloc(buf, alloc *= 2);
    }
    buf[have] = '\0';
    *data = buf;
    *length = have;
    return 0;
}

int read_file(const char *path, size_t limit, char **data, size_t *length)
{
    AUTO_CLOSE int fd =
        open(path, (SAFEGUARD(no_waiting_open) ? O_NONBLOCK : 0) | O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -1;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -1;
    if (!S_ISREG(st.st_mode) && SAFEGUARD(regular_file)) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
        return -1;
    }
    return read_whole(fd, limit, data, length);
}

int mkdirs(const char *path, mode_t mode)
{
    if (!*path) {
        errno = ENOENT;
        return -1;
    }
    AUTO_FREE char *copy = xstrdup(path);
    for (char *p = copy + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(copy, mode) < 0 && errno != EEXIST)
            return -1;
        *p = '/';
    }
    if (mkdir(copy, mode) < 0 && errno != EEXIST)
        return -1;
    return 0;
}

bool str_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Length of the sequence that starts with `lead`, 0 for a byte that starts none; *low and *high
 * bound its second byte (RFC 3629, section 4). */
static size_t utf8_sequence(unsigned char lead, unsigned char *low, unsigned char *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef) {
        if (lead == 0xe0)
            *low = 0xa0;
        if (lead == 0xed)
            *high = 0x9f;
        return 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        if (lead == 0xf0)
            *low = 0x90;
        if (lead == 0xf4)
            *high = 0x8f;
        return 4;
    }
    return lead && lead < 0x80 ? 1 : 0;
}

bool utf8_valid(const char *text, size_t length)
{
    const unsigned char *p = (const unsigned char *)text;
    const unsigned char *end = p + length;
    while (p < end) {
        unsigned char low, high;
        size_t n = utf8_sequence(*p, &low, &high);
        if (n == 0 || n > (size_t)(end - p))
            return false;
        if (n > 1 && (p[1] < low || p[1] > high))
            return false;
        for (size_t i = 2; i < n; i++) {
            if ((p[i] & 0xc0) != 0x80)
                return false;
        }
        p += n;
    }
    return true;
}

size_t utf8_cut(const char *text, size_t length, size_t most)
{
    if (length <= most)
        return length;
    while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80)
        most--;
    return most;
}

uint64_t hash_bytes(uint64_t hash, const void *data, size_t length)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    return hash;
}

void random_name(char *buf, size_t length)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    size_t i = 0;
    while (i < length) {
        unsigned char byte;
        ssize_t n = getrandom(&byte, 1, 0);
        /* 252 = 7 * 36: larger bytes would make some letters likelier. */
        if (n == 1 && byte < 252)
            buf[i++] = letters[byte % 36];
    }
    buf[length] = '\0';
}
