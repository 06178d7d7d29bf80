/* SPDX-License-Identifier: MIT
 *
 * The protocol between runner, keeper and hands: datagrams over SOCK_SEQPACKET. Both ends are the
 * same program image (the keeper is a fork), so structs travel as they are in memory.
 *
 *   runner -> keeper   the far end of a new hand's socket, by SCM_RIGHTS; one byte
 *   keeper -> runner   once: struct wire_hello
 *   runner -> hand     struct wire_start, its payload and descriptors; struct wire_order
 *   hand -> runner     struct hand_event, cut behind its text
 */
#ifndef CIPLUG_CORE_WIRE_H
#define CIPLUG_CORE_WIRE_H

#include "keeper.h"

#include <stddef.h>
#include <sys/uio.h>

#define WIRE_INLINE  ((size_t)65536)    /* a larger payload travels in a memfd */
#define WIRE_LARGEST ((size_t)16 << 20) /* far beyond what execve takes: E2BIG at once */
#define WIRE_FDS     4                  /* 0, 1, 2 and the memfd */

enum wire_kind { WIRE_START = 1, WIRE_ORDER };

struct wire_hello {
    int error; /* errno when the keeper could not set itself up */
    char cgroup[KEEPER_CGROUP_MAX];
};

/* The payload: `words` strings, `envs` strings (the marker is the last), the folder; each ends with
 * NUL. */
struct wire_start {
    uint32_t kind;
    uint32_t words;
    uint32_t envs;
    uint32_t has_cwd;
    uint32_t has_marker;
    int32_t soft_signal;
    int32_t on_leak;
    uint32_t guarded;
    uint32_t size; /* of the payload */
    uint64_t id;
    uint64_t timeout_ns, hold_ns, grace_ns, confirm_ns;
};

struct wire_order {
    uint32_t kind;
    int32_t order;
    int32_t signo;
    uint32_t padding; /* sent, so it has a value */
    uint64_t id;
    uint64_t at_ns; /* of HAND_BEGIN */
};

/* One datagram with `n` descriptors, which stay the caller's; `flags` as for sendmsg, SIGPIPE never
 * comes. 0, or -1 with errno. */
int wire_send(int fd, struct iovec *iov, size_t parts, const int *fds, size_t n, int flags);
/* One datagram. Its length; 0: end of file; -1 with errno. `fds` of WIRE_FDS gets the descriptors
 * (close-on-exec), *n their number. */
ssize_t wire_receive(int fd, void *buf, size_t size, int *fds, size_t *n, int flags);

/* Runner's side: encode and send. 0, or -1 with errno (EINVAL: no words; E2BIG; EAGAIN). */
int wire_send_start(int fd, const struct hand_request *request);

/* Hand's side: a request taken apart. The strings lie in the datagram or in the mapped memfd. */
struct wire_command {
    struct wire_start start;
    char **argv; /* NULL-terminated */
    char **env;  /* differences, NULL-terminated */
    const char *cwd;
    const char *marker;
    int fds[3];
    void *map; /* of the memfd, or NULL */
};

/* Take a datagram with its descriptors apart; the descriptors are the command's afterwards, also on
 * failure. 0, or -1 with errno (EPROTO, ENOMEM): then only id and descriptors are valid. */
int wire_decode(struct wire_command *command, char *datagram, size_t length, const int *fds,
                size_t n);
/* Closes the descriptors, too. */
void wire_command_clear(struct wire_command *command);

/* 0, or -1 with errno. Waits for room: a hand sends few and small events per command. */
int wire_send_event(int fd, const struct hand_event *event);

#endif
