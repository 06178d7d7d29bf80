/* SPDX-License-Identifier: MIT */
#include "wire.h"
#include "util.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

union wire_control {
    struct cmsghdr header; /* for its alignment */
    char room[CMSG_SPACE(sizeof(int) * WIRE_FDS)];
};

int wire_send(int fd, struct iovec *iov, size_t parts, const int *fds, size_t n, int flags)
{
    union wire_control control = {0};
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = parts};
    if (n > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * n);
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * n);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * n);
    }
    ssize_t sent;
    do {
        sent = sendmsg(fd, &message, flags | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -1 : 0;
}

static void take_fds(struct msghdr *message, int *fds, size_t *n)
{
    *n = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(c), count * sizeof(int));
        *n = count;
    }
}

ssize_t wire_receive(int fd, void *buf, size_t size, int *fds, size_t *n, int flags)
{
    union wire_control control;
    struct iovec iov = {buf, size};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t got;
    do {
        got = recvmsg(fd, &message, flags | MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    *n = 0;
    if (got > 0)
        take_fds(&message, fds, n);
    return got;
}

static void add_string(struct strbuf *payload, const char *text)
{
    strbuf_add(payload, text, strlen(text) + 1);
}

static void encode(const struct hand_request *request, struct wire_start *start,
                   struct strbuf *payload)
{
    const struct argv *argv = request->argv;
    for (size_t i = 0; i < argv->words.n; i++)
        add_string(payload, argv->words.v[i]);
    for (size_t i = 0; i < argv->env.n; i++)
        add_string(payload, argv->env.v[i]);
    if (request->marker)
        add_string(payload, request->marker);
    if (argv->cwd)
        add_string(payload, argv->cwd);
    *start = (struct wire_start){
        .kind = WIRE_START,
        .words = (uint32_t)argv->words.n,
        .envs = (uint32_t)(argv->env.n + (request->marker ? 1 : 0)),
        .has_cwd = argv->cwd != NULL,
        .has_marker = request->marker != NULL,
        .soft_signal = request->soft_signal,
        .on_leak = request->on_leak,
        .guarded = request->guarded,
        .size = (uint32_t)payload->len,
        .id = request->id,
        .timeout_ns = request->timeout_ns,
        .hold_ns = request->hold_ns,
        .grace_ns = request->grace_ns,
        .confirm_ns = request->confirm_ns,
    };
}

static int send_in_memfd(int fd, struct wire_start *start, const struct strbuf *payload,
                         const int *fds)
{
    AUTO_CLOSE int memory = memfd_create("ciplug-request", MFD_CLOEXEC);
    if (memory < 0 || write_all(memory, payload->buf, payload->len) < 0)
        return -1;
    int all[WIRE_FDS] = {fds[0], fds[1], fds[2], memory};
    struct iovec iov = {start, sizeof *start};
    return wire_send(fd, &iov, 1, all, WIRE_FDS, MSG_DONTWAIT);
}

static bool too_large(const struct hand_request *request)
{
    size_t size = 0;
    for (size_t i = 0; i < request->argv->words.n; i++)
        size += strlen(request->argv->words.v[i]) + 1;
    for (size_t i = 0; i < request->argv->env.n; i++)
        size += strlen(request->argv->env.v[i]) + 1;
    return size > WIRE_LARGEST;
}

int wire_send_start(int fd, const struct hand_request *request)
{
    if (request->argv->words.n == 0) {
        errno = EINVAL;
        return -1;
    }
    if (too_large(request)) {
        errno = E2BIG;
        return -1;
    }
    AUTO_STRBUF struct strbuf payload = STRBUF_INIT;
    struct wire_start start;
    encode(request, &start, &payload);
    if (payload.len > WIRE_INLINE)
        return send_in_memfd(fd, &start, &payload, request->fds);
    struct iovec iov[2] = {{&start, sizeof start}, {payload.buf, payload.len}};
    return wire_send(fd, iov, 2, request->fds, 3, MSG_DONTWAIT);
}

/* Point `count` entries of `list` at the strings from *at on. 0, or -1 when they do not fit. */
static int take_strings(char **list, uint32_t count, char **at, const char *end)
{
    for (uint32_t i = 0; i < count; i++) {
        char *nul = *at < end ? memchr(*at, '\0', (size_t)(end - *at)) : NULL;
        if (!nul)
            return -1;
        list[i] = *at;
        *at = nul + 1;
    }
    list[count] = NULL;
    return 0;
}

static int take_payload(struct wire_command *command, char *payload)
{
    const struct wire_start *start = &command->start;
    /* Every string takes a byte at least, so the payload bounds what is allocated. */
    if ((uint64_t)start->words + start->envs > start->size || start->words == 0 ||
        start->has_marker > start->envs) {
        errno = EPROTO;
        return -1;
    }
    command->argv = calloc((size_t)start->words + start->envs + 2, sizeof(char *));
    if (!command->argv)
        return -1;
    command->env = command->argv + start->words + 1;
    const char *end = payload + start->size;
    char *cwd[2] = {NULL, NULL};
    if (take_strings(command->argv, start->words, &payload, end) < 0 ||
        take_strings(command->env, start->envs, &payload, end) < 0 ||
        take_strings(cwd, start->has_cwd ? 1 : 0, &payload, end) < 0 || payload != end) {
        errno = EPROTO;
        return -1;
    }
    command->cwd = cwd[0];
    command->marker = start->has_marker ? command->env[start->envs - 1] : NULL;
    return 0;
}

static int map_payload(struct wire_command *command, int memory)
{
    void *map = mmap(NULL, command->start.size, PROT_READ | PROT_WRITE, MAP_PRIVATE, memory, 0);
    if (map == MAP_FAILED)
        return -1;
    command->map = map;
    return take_payload(command, map);
}

int wire_decode(struct wire_command *command, char *datagram, size_t length, const int *fds,
                size_t n)
{
    *command = (struct wire_command){.fds = {-1, -1, -1}};
    AUTO_CLOSE int memory = n > 3 ? fds[3] : -1;
    for (size_t i = 0; i < n && i < 3; i++)
        command->fds[i] = fds[i];
    if (length < sizeof command->start || n < 3) {
        errno = n < 3 ? EMFILE : EPROTO; /* the kernel drops what finds no room in the table */
        if (length >= sizeof command->start)
            memcpy(&command->start, datagram, sizeof command->start);
        return -1;
    }
    memcpy(&command->start, datagram, sizeof command->start);
    if (memory >= 0)
        return map_payload(command, memory);
    if (length != sizeof command->start + command->start.size) {
        errno = command->start.size > WIRE_INLINE ? EMFILE : EPROTO;
        return -1;
    }
    return take_payload(command, datagram + sizeof command->start);
}

void wire_command_clear(struct wire_command *command)
{
    for (size_t i = 0; i < ARRAY_SIZE(command->fds); i++) {
        if (command->fds[i] >= 0)
            close(command->fds[i]);
        command->fds[i] = -1;
    }
    free(command->argv);
    if (command->map)
        munmap(command->map, command->start.size);
    command->argv = command->env = NULL;
    command->map = NULL;
}

int wire_send_event(int fd, const struct hand_event *event)
{
    size_t length = offsetof(struct hand_event, text) + strnlen(event->text, HAND_TEXT_MAX - 1) + 1;
    struct hand_event copy = *event;
    struct iovec iov = {&copy, length};
    int rc = wire_send(fd, &iov, 1, NULL, 0, 0);
    for (int tries = 0; rc < 0 && (errno == ENOBUFS || errno == ENOMEM) && tries < 3; tries++) {
        poll(NULL, 0, 10 << tries);
        rc = wire_send(fd, &iov, 1, NULL, 0, 0);
    }
    /* Somebody waits for it: an end of file is an answer, silence is none. */
    if (rc < 0)
        shutdown(fd, SHUT_RDWR);
    return rc;
}
