/* SPDX-License-Identifier: MIT */
#include "keeper-fixture.h"
#include "proctree.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

unsigned fixture_flags;

static struct fixture the_fixture;

int fixture_setup(void **state)
{
    static unsigned serial;
    struct fixture *f = &the_fixture;
    *f = (struct fixture){.hand = {-1}};
    snprintf(f->marker, sizeof f->marker, "CIPLUG_JOB=test-%d-%u", (int)getpid(), serial++);
    f->null = open("/dev/null", O_RDWR | O_CLOEXEC);
    f->output = memfd_create("output", MFD_CLOEXEC);
    *state = f;
    if (f->null < 0 || f->output < 0 || keeper_start_with(&f->keeper, fixture_flags) < 0)
        return -1;
    return hand_open(&f->keeper, &f->hand);
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    hand_close(&f->hand);
    int rc = keeper_finish(&f->keeper, 10 * NS_PER_S);
    if (f->keeper.cgroup[0] && access(f->keeper.cgroup, F_OK) == 0) {
        print_error("%s is still there\n", f->keeper.cgroup);
        rc = -1;
    }
    unsigned left = survivors_after(f->marker, 2000);
    if (left > 0) {
        print_error("%u survivors\n", left);
        rc = -1;
    }
    argv_free(&f->argv);
    close(f->null);
    close(f->output);
    return rc;
}

void fixture_script(struct fixture *f, const char *script)
{
    argv_free(&f->argv);
    strv_push(&f->argv.words, "sh");
    strv_push(&f->argv.words, "-c");
    strv_push(&f->argv.words, script);
    f->request = (struct hand_request){
        .id = f->request.id + 1,
        .argv = &f->argv,
        .fds = {f->null, f->output, f->output},
        .grace_ns = 10 * NS_PER_S,
        .confirm_ns = 10 * NS_PER_S,
        .soft_signal = SIGTERM,
        .marker = f->marker,
    };
    memset(f->event, 0, sizeof f->event);
    memset(f->count, 0, sizeof f->count);
    assert_int_equal(ftruncate(f->output, 0), 0);
    assert_int_equal(lseek(f->output, 0, SEEK_SET), 0);
}

void fixture_start(struct fixture *f)
{
    assert_int_equal(hand_start(&f->hand, &f->request), 0);
}

int fixture_wait(struct fixture *f, enum hand_event_kind kind)
{
    for (;;) {
        struct hand_event event;
        struct pollfd fd = {f->hand.fd, POLLIN, 0};
        if (poll(&fd, 1, 30000) <= 0)
            fail_msg("no event within 30 s, waiting for kind %d", (int)kind);
        int got = hand_receive(&f->hand, &event);
        if (got < 0)
            return -1;
        if (got == 0)
            continue;
        assert_int_equal(event.id, f->request.id);
        f->event[event.kind] = event;
        f->count[event.kind]++;
        if (event.kind == kind || event.kind == HAND_DONE || event.kind == HAND_REFUSED)
            return (int)event.kind;
    }
}

int fixture_run(struct fixture *f, const char *script)
{
    fixture_script(f, script);
    fixture_start(f);
    return fixture_wait(f, HAND_DONE);
}

const char *fixture_output(struct fixture *f)
{
    static char text[65536];
    ssize_t n = pread(f->output, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

void fixture_await(struct fixture *f, const char *text)
{
    uint64_t end = clock_mono_ns() + 20 * NS_PER_S;
    while (!strstr(fixture_output(f), text)) {
        if (clock_mono_ns() > end)
            fail_msg("'%s' did not come: %s", text, fixture_output(f));
        poll(NULL, 0, 2);
    }
}

static bool has_marker(pid_t pid, const char *marker)
{
    static char text[65536];
    char path[64];
    struct process_stat stat;
    if (process_stat(pid, &stat) < 0 || stat.state == 'Z')
        return false;
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (fd >= 0)
        close(fd);
    return n > 0 && memmem(text, (size_t)n, marker, strlen(marker) + 1);
}

unsigned survivors(const char *marker)
{
    unsigned n = 0;
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        n += pid > 0 && has_marker(pid, marker);
    }
    if (dir)
        closedir(dir);
    return n;
}

unsigned survivors_after(const char *marker, unsigned ms)
{
    uint64_t end = clock_mono_ns() + ms * NS_PER_MS;
    unsigned n;
    while ((n = survivors(marker)) > 0 && clock_mono_ns() < end)
        poll(NULL, 0, 10);
    return n;
}

void await_living(const char *marker, unsigned n)
{
    uint64_t end = clock_mono_ns() + 10 * NS_PER_S;
    while (survivors(marker) < n) {
        if (clock_mono_ns() > end)
            fail_msg("fewer than %u processes live", n);
        poll(NULL, 0, 5);
    }
}

pid_t parent_of(pid_t pid)
{
    struct process_stat stat;
    return process_stat(pid, &stat) == 0 ? stat.parent : -1;
}
