/* SPDX-License-Identifier: MIT */
#include "journal-place.h"
#include "mask.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void first_record_names_the_process(void **state)
{
    (void)state;
    struct place place = place_make();
    struct journal journal = {0};
    start(&journal, &place);
    char *data;
    size_t length;
    content(&place, &data, &length);
    assert_true(
        str_starts(data, "{\"event\":\"run_started\",\"version\":1,\"seq\":1,\"time\":\"2"));
    free(data);
    json_t *record = last_record(&place);
    assert_text(record, "run", "abcd1234");
    assert_text(record, "config", "ci.ini");
    assert_text(record, "ciplug", "0.1");
    assert_int_equal(json_integer_value(json_object_get(record, "pid")), getpid());
    assert_true(json_integer_value(json_object_get(record, "pid_started")) > 0);
    assert_int_equal(strlen(json_string_value(json_object_get(record, "boot_id"))), 36);
    const json_t *argv = json_object_get(record, "argv");
    assert_string_equal(json_string_value(json_array_get(argv, 1)), "-c\xef\xbf\xbd");
    json_decref(record);
    assert_int_equal(journal_close(&journal), 0);
    assert_int_equal(journal_close(&journal), 0);
    place_remove(&place);
}

static void file_is_private_and_never_reused(void **state)
{
    (void)state;
    struct place place = place_make();
    struct journal journal = {0};
    mode_t mask = umask(0);
    start(&journal, &place);
    umask(mask);
    struct stat st;
    assert_int_equal(stat(place.path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_true(fcntl(journal.fd, F_GETFD) & FD_CLOEXEC);
    struct journal second = {0};
    assert_int_equal(journal_create(&second, place.path), -1);
    assert_int_equal(errno, EEXIST);
    journal_close(&journal);
    unlink(place.path);
    assert_int_equal(symlink("/tmp/nowhere-at-all", place.path), 0);
    assert_int_equal(journal_create(&second, place.path), -1);
    assert_int_equal(second.fd, -1);
    place_remove(&place);
}

static void secrets_are_masked_everywhere(void **state)
{
    (void)state;
    struct place place = place_make();
    struct strv values = STRV_INIT;
    strv_push(&values, "hunter22");
    struct mask *mask = mask_new(&values);
    struct journal journal = {.mask = mask};
    start(&journal, &place);
    static const char *const items[] = {"-phunter22", "\xffhunter22", NULL};
    struct ciplug_command command = {
        .step = "s", .item = items[0], .items = items, .label = "x hunter22"};
    struct ciplug_result result = {.reason = "said hunter22", .outcome = CIPLUG_FAILED};
    struct ciplug_event event = {
        .kind = CIPLUG_COMMAND_FINISHED, .command = &command, .result = &result};
    struct journal_extra extra = {.shown = "cmd hunter22"};
    assert_int_equal(journal_event(&journal, &event, NULL), 0);
    json_t *record = last_record(&place);
    const json_t *list = json_object_get(record, "items_base64");
    assert_string_equal(json_string_value(json_array_get(list, 1)), "/yoqKg=="); /* \xff*** */
    json_decref(record);
    command.items = NULL;
    assert_int_equal(journal_event(&journal, &event, NULL), 0);
    record = last_record(&place);
    assert_text(record, "item", "-p***");
    json_decref(record);
    event.kind = CIPLUG_COMMAND_STARTED;
    assert_int_equal(journal_event(&journal, &event, &extra), 0);
    record = last_record(&place);
    assert_text(record, "command", "cmd ***");
    assert_text(record, "label", "x ***");
    json_decref(record);
    assert_int_equal(journal_own_intent(&journal, "container", "c-hunter22"), 0);
    assert_int_equal(notice(&journal, "hunter22"), 0);
    char *data;
    size_t length;
    content(&place, &data, &length);
    assert_null(strstr(data, "hunter22"));
    assert_null(strstr(data, "aHVudGVyMj")); /* its base64 */
    free(data);
    journal_close(&journal);
    mask_free(mask);
    strv_free(&values);
    place_remove(&place);
}

static void output_is_not_recorded(void **state)
{
    (void)state;
    struct place place = place_make();
    struct journal journal = {0};
    start(&journal, &place);
    struct ciplug_event event = {.kind = CIPLUG_COMMAND_OUTPUT, .bytes = "x", .length = 1};
    assert_int_equal(journal_event(&journal, &event, NULL), 0);
    event.kind = 0x4000;
    assert_int_equal(journal_event(&journal, &event, NULL), 0);
    assert_int_equal(journal.seq, 1);
    journal_close(&journal);
    place_remove(&place);
}

static void nothing_is_written_after_an_error(void **state)
{
    (void)state;
    struct journal journal = {.fd = open("/dev/full", O_WRONLY | O_CLOEXEC)};
    assert_true(journal.fd >= 0);
    assert_int_equal(notice(&journal, "x"), -1);
    assert_int_equal(journal.error, ENOSPC);
    assert_int_equal(journal.seq, 0);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_int_equal(dup2(null, journal.fd), journal.fd);
    close(null);
    assert_int_equal(notice(&journal, "x"), -1);
    assert_int_equal(journal_own_intent(&journal, "a", "b"), -1);
    assert_int_equal(journal.seq, 0);
    assert_int_equal(journal_close(&journal), -1);
    assert_int_equal(journal_close(&journal), -1);
    assert_int_equal(notice(&journal, "x"), -1);
}

/* Writes records and says each one's number, until it is killed. */
static void write_for_ever(const struct place *place, int report)
{
    struct journal journal = {0};
    start(&journal, place);
    while (notice(&journal, "a result") == 0) {
        unsigned n = (unsigned)journal.seq;
        if (write(report, &n, sizeof n) != sizeof n)
            break;
    }
    _exit(1);
}

static void killed_runner_loses_no_record_it_spoke_of(void **state)
{
    (void)state;
    for (unsigned wanted = 1; wanted <= 2000; wanted *= 3) {
        struct place place = place_make();
        int report[2];
        unsigned n = 0, last;
        uint64_t good;
        assert_int_equal(pipe2(report, O_CLOEXEC), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            write_for_ever(&place, report[1]);
        close(report[1]);
        while (n < wanted)
            assert_int_equal(read(report[0], &n, sizeof n), sizeof n);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        while (read(report[0], &last, sizeof last) == sizeof last)
            n = last;
        assert_true(replay_count(&place, &good) >= n);
        close(report[0]);
        place_remove(&place);
    }
}

static void short_write_is_cut_back(void **state)
{
    (void)state;
    struct place place = place_make();
    struct journal journal = {0};
    start(&journal, &place);
    struct rlimit old, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    limit = old;
    limit.rlim_cur = journal.written + 150;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int first = notice(&journal, "fits");
    uint64_t whole = journal.written;
    int second = notice(&journal, "this one would be cut somewhere in the middle of its text, "
                                  "because the limit of the file's size stands in its way");
    int third = notice(&journal, "");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(first, 0);
    assert_int_equal(second, -1);
    assert_int_equal(third, -1);
    assert_int_equal(journal.error, EFBIG);
    struct stat st;
    assert_int_equal(stat(place.path, &st), 0);
    assert_int_equal(st.st_size, whole);
    uint64_t good;
    assert_int_equal(replay_count(&place, &good), 2);
    assert_int_equal(good, whole);
    assert_int_equal(journal_close(&journal), -1);
    place_remove(&place);
}

static void space_is_kept_ahead_and_given_back(void **state)
{
    (void)state;
    struct place place = place_make();
    struct journal journal = {0};
    start(&journal, &place);
    if (journal.reserved == UINT64_MAX) {
        journal_close(&journal);
        place_remove(&place);
        skip();
    }
    AUTO_FREE char *long_text = xmalloc(100001);
    memset(long_text, 'x', 100000);
    long_text[100000] = '\0';
    for (int i = 0; i < 500; i++) {
        assert_int_equal(notice(&journal, i % 100 == 99 ? long_text : "short"), 0);
        assert_true(journal.reserved >= journal.written + 32768);
    }
    struct stat st;
    assert_int_equal(fstat(journal.fd, &st), 0);
    assert_int_equal(st.st_size, journal.written);
    assert_true((uint64_t)st.st_blocks * 512 >= journal.written + 32768);
    assert_int_equal(journal_close(&journal), 0);
    assert_int_equal(stat(place.path, &st), 0);
    assert_int_equal(st.st_size, journal.written);
    assert_true((uint64_t)st.st_blocks * 512 < journal.written + 32768);
    place_remove(&place);
}

static bool mount_small(const char *dir)
{
    return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
           mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", dir, "tmpfs", 0, "size=128k") == 0;
}

static void stuff(const char *path)
{
    static const char block[4096];
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, block, sizeof block) > 0)
        continue;
    assert_int_equal(errno, ENOSPC);
    close(fd);
}

/* 300 results fit on a disk that others have filled; then an error, and no torn line. */
static void full_disk_loses_no_result(void **state)
{
    (void)state;
    struct place place = place_make();
    if (!mount_small(place.dir)) {
        rmdir(place.dir);
        skip();
    }
    AUTO_FREE char *other = xasprintf("%s/log", place.dir);
    struct journal journal = {0};
    start(&journal, &place);
    assert_int_equal(journal.reserve_error, 0);
    stuff(other);
    unsigned n = 1;
    while (notice(&journal, "the result of a command that ran when the disk was full") == 0)
        n++;
    assert_true(n > 300);
    assert_int_equal(journal.reserve_error, ENOSPC);
    assert_int_equal(journal.error, ENOSPC);
    uint64_t good;
    assert_int_equal(replay_count(&place, &good), n);
    assert_int_equal(good, journal.written);
    struct stat st;
    assert_int_equal(stat(place.path, &st), 0);
    assert_int_equal(st.st_size, good);
    assert_int_equal(journal_close(&journal), -1);
    assert_int_equal(umount(place.dir), 0);
    place_remove(&place);
}

/* A disk that was full from the start, but has room for some: no error until a record fails. */
static void journal_starts_without_a_reserve(void **state)
{
    (void)state;
    struct place place = place_make();
    if (!mount_small(place.dir)) {
        rmdir(place.dir);
        skip();
    }
    AUTO_FREE char *other = xasprintf("%s/log", place.dir);
    stuff(other);
    assert_int_equal(truncate(other, (128 << 10) - (24 << 10)), 0);
    struct journal journal = {0};
    start(&journal, &place);
    assert_int_equal(journal.reserve_error, ENOSPC);
    assert_int_equal(notice(&journal, "fits"), 0);
    assert_int_equal(unlink(other), 0);
    assert_int_equal(notice(&journal, "there is room again"), 0);
    assert_int_equal(journal.reserve_error, 0);
    assert_int_equal(journal_close(&journal), 0);
    assert_int_equal(umount(place.dir), 0);
    place_remove(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_record_names_the_process),
        cmocka_unit_test(file_is_private_and_never_reused),
        cmocka_unit_test(secrets_are_masked_everywhere),
        cmocka_unit_test(output_is_not_recorded),
        cmocka_unit_test(nothing_is_written_after_an_error),
        cmocka_unit_test(killed_runner_loses_no_record_it_spoke_of),
        cmocka_unit_test(short_write_is_cut_back),
        cmocka_unit_test(space_is_kept_ahead_and_given_back),
        cmocka_unit_test(full_disk_loses_no_result),
        cmocka_unit_test(journal_starts_without_a_reserve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
