/* SPDX-License-Identifier: MIT */
#include "marker.h"
#include "proctree.h"
#include "spawn.h"
#include "util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t sleeper(char *const *env)
{
    static char *const none[] = {NULL};
    int ready[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char *argv[] = {(char[]){"sle\nep\xff"}, (char[]){"600"}, NULL};
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failing test leaves nobody */
        execve("/bin/sleep", argv, env ? env : none);
        _exit(1);
    }
    close(ready[1]);
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 0); /* exec closes its end */
    close(ready[0]);
    return pid;
}

static void end(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static bool has(const struct pid_list *list, pid_t pid)
{
    for (size_t i = 0; i < list->n; i++) {
        if (list->v[i] == pid)
            return true;
    }
    return false;
}

static void lists_grow_and_sort(void **state)
{
    (void)state;
    struct pid_list list = {0};
    for (int i = 0; i < 1000; i++)
        pid_list_add(&list, (i * 7) % 500 + 1);
    assert_int_equal(list.n, 1000);
    pid_list_sort(&list);
    assert_int_equal(list.n, 500);
    for (int i = 0; i < 500; i++)
        assert_int_equal(list.v[i], i + 1);
    pid_list_clear(&list);
    assert_int_equal(list.n, 0);
    pid_list_sort(&list);
    pid_list_free(&list);
    assert_null(list.v);
}

static void hundreds_of_children_are_found(void **state)
{
    (void)state;
    enum { MANY = 700 }; /* their numbers fill more than a page */
    static pid_t pids[MANY];
    struct proctree tree;
    struct pid_list list = {0};
    assert_int_equal(proctree_open(&tree), 0);
    for (int i = 0; i < MANY; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(0);
        assert_true(pids[i] > 0);
    }
    proctree_children(&tree, &list);
    assert_int_equal(list.n, MANY);
    for (int i = 0; i < MANY; i++)
        assert_true(has(&list, pids[i]));
    for (int i = 0; i < MANY; i++)
        assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
    pid_list_clear(&list);
    proctree_children(&tree, &list);
    assert_int_equal(list.n, 0);
    pid_list_free(&list);
    proctree_close(&tree);
}

/* A child with a child, whose numbers go to *child and *grandchild. */
static void make_family(pid_t *child, pid_t *grandchild)
{
    int news[2];
    assert_int_equal(pipe2(news, O_CLOEXEC), 0);
    *child = fork();
    if (*child == 0) {
        pid_t pid = fork();
        if (pid == 0) {
            setsid();
            for (;;)
                pause();
        }
        if (write(news[1], &pid, sizeof pid) < 0)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(news[0], grandchild, sizeof *grandchild), sizeof *grandchild);
    close(news[0]);
    close(news[1]);
}

static void descendants_are_found_either_way(void **state)
{
    (void)state;
    for (int scan = 0; scan < 2; scan++) {
        struct proctree tree;
        struct pid_list list = {0};
        pid_t child, grandchild;
        assert_int_equal(proctree_open(&tree), 0);
        if (scan) /* as on a kernel without the children files */
            proctree_close(&tree);
        make_family(&child, &grandchild);
        proctree_descendants(&tree, &list);
        assert_int_equal(list.n, 2);
        assert_int_equal(list.v[0], child);
        assert_int_equal(list.v[1], grandchild);
        assert_true(proctree_signal(&tree, grandchild, SIGKILL));
        end(child);
        while (waitpid(-1, NULL, 0) > 0)
            continue;
        pid_list_free(&list);
        proctree_close(&tree);
    }
}

static void strangers_are_not_signalled(void **state)
{
    (void)state;
    struct proctree tree;
    assert_int_equal(proctree_open(&tree), 0);
    assert_false(proctree_signal(&tree, 1, 0));
    assert_false(proctree_signal(&tree, getppid(), 0));
    assert_false(proctree_signal(&tree, getpid(), 0));
    pid_t pid = sleeper(NULL);
    assert_true(proctree_signal(&tree, pid, 0));
    end(pid);
    assert_false(proctree_signal(&tree, pid, 0));
    proctree_close(&tree);
}

static void zombies_are_not_alive(void **state)
{
    (void)state;
    struct process_stat stat;
    assert_int_equal(process_stat(getpid(), &stat), 0);
    assert_true(process_alive(&stat));
    assert_int_equal(stat.parent, getppid());
    assert_int_equal(stat.group, getpgrp());
    assert_true(stat.start > 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_NAME, ") R 1 1 (");
        _exit(0);
    }
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(process_stat(pid, &stat), 0);
    assert_int_equal(stat.state, 'Z');
    assert_int_equal(stat.parent, getpid());
    assert_false(process_alive(&stat));
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(process_stat(pid, &stat), -1);
}

static void descriptions_are_bounded(void **state)
{
    (void)state;
    pid_t pid = sleeper(NULL);
    char text[128] = "", expected[64];
    process_describe(text, sizeof text, pid, false);
    snprintf(expected, sizeof expected, "pid %d sle\nep\xff 600", (int)pid);
    assert_string_equal(text, expected);
    process_describe(text, sizeof text, pid, true);
    assert_non_null(strstr(text, " state "));
    assert_non_null(strstr(text, " wchan "));
    for (int i = 0; i < 20; i++)
        process_describe(text, sizeof text, pid, false);
    assert_string_equal(text + strlen(text) - 5, ", ...");
    assert_null(strstr(text, "..., "));
    end(pid);
}

static void only_whole_markers_are_killed(void **state)
{
    (void)state;
    char mine[64], longer[80], prefixed[80], filler[9000], value[9100];
    snprintf(mine, sizeof mine, "CIPLUG_JOB=proctree-%d", (int)getpid());
    snprintf(longer, sizeof longer, "%s0", mine);
    snprintf(prefixed, sizeof prefixed, "X%s", mine);
    memset(filler, 'x', sizeof filler - 1);
    filler[sizeof filler - 1] = '\0';
    snprintf(value, sizeof value, "A=%s", filler);
    char *bystander[] = {longer, prefixed, NULL};
    char *first[] = {mine, NULL};
    char *last[] = {value, longer, mine, NULL};
    pid_t stays = sleeper(bystander), a = sleeper(first), b = sleeper(last);
    int status;
    assert_int_equal(marker_kill(mine, UINT64_MAX, 100), 0);
    /* Its end is seen by us, its parent: marker_kill waits for a zombie. */
    assert_int_equal(marker_kill(mine, 0, 2000), 2);
    assert_int_equal(waitpid(a, &status, 0), a);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(waitpid(b, &status, 0), b);
    assert_int_equal(waitpid(stays, &status, WNOHANG), 0);
    end(stays);
}

/* Wherever the piece of a read ends, the marker is found. */
static void markers_across_reads_are_found(void **state)
{
    (void)state;
    static char value[9000];
    char mine[64];
    snprintf(mine, sizeof mine, "CIPLUG_JOB=across-%d", (int)getpid());
    for (int size = 8100; size < 8200; size++) {
        memset(value, 'x', (size_t)size);
        value[0] = 'A';
        value[1] = '=';
        value[size] = '\0';
        char *env[] = {value, mine, NULL};
        pid_t pid = sleeper(env);
        assert_int_equal(marker_kill(mine, 0, 2000), 1);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
    }
}

static void environments_are_merged(void **state)
{
    (void)state;
    /* EF begins as E does, which is another variable. */
    char *base[] = {(char[]){"A=1"}, (char[]){"AB=2"}, (char[]){"C"},
                    (char[]){"E=5"}, (char[]){"EF=6"}, NULL};
    char *changes[] = {(char[]){"AB=3"}, (char[]){"E"}, (char[]){"D="}, (char[]){"F"}, NULL};
    AUTO_FREE char **env = spawn_environment(base, changes);
    assert_non_null(env);
    assert_string_equal(env[0], "A=1");
    assert_string_equal(env[1], "C");
    assert_string_equal(env[2], "EF=6");
    assert_string_equal(env[3], "AB=3");
    assert_string_equal(env[4], "D=");
    assert_null(env[5]);
}

static void a_child_without_exec_is_killed_in_time(void **state)
{
    (void)state;
    struct spawn_slot *slot =
        mmap(NULL, sizeof *slot, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(slot, MAP_FAILED);
    pid_t pid = sleeper(NULL);
    int status;
    slot->pid = pid;
    spawn_kill_hung(slot, UINT64_MAX); /* nothing is being started */
    slot->since_ns = 1000;
    spawn_kill_hung(slot, 999); /* it still has time */
    assert_int_equal(slot->hung, 0);
    assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
    spawn_kill_hung(slot, 1000);
    assert_int_equal(slot->hung, 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    munmap(slot, sizeof *slot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_grow_and_sort),
        cmocka_unit_test(hundreds_of_children_are_found),
        cmocka_unit_test(descendants_are_found_either_way),
        cmocka_unit_test(strangers_are_not_signalled),
        cmocka_unit_test(zombies_are_not_alive),
        cmocka_unit_test(descriptions_are_bounded),
        cmocka_unit_test(only_whole_markers_are_killed),
        cmocka_unit_test(markers_across_reads_are_found),
        cmocka_unit_test(environments_are_merged),
        cmocka_unit_test(a_child_without_exec_is_killed_in_time),
    };
    /* Orphans of the tests are ours to reap. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
