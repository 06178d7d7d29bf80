/* SPDX-License-Identifier: MIT
 *
 * What is wrong with a configuration, and how it is said.
 */
#include "plan-place.h"

/* In front of each text: "[step a]", on line 1, with a command on line 2. */
#define STEP "[step a]\ncommand = true\n"

static const struct {
    const char *ini;
    const char *said;
} bad[] = {
    /* sections and keys */
    {"[step a]\n", "ci.ini:1: step a has no command\n"},
    {"[step a]\ncommand =\n", "ci.ini:2: step a has no command\n"},
    {"[cleanup a]\n", "ci.ini:1: cleanup step a has no command\n"},
    {STEP "comand = x\n", "ci.ini:3: unknown key 'comand' in [step a] (did you mean 'command'?)\n"},
    {STEP "evn.PATH = x\n",
     "ci.ini:3: unknown key 'evn.PATH' in [step a] (did you mean 'env.PATH'?)\n"},
    {STEP "[ciplug]\nworker = 3\n",
     "ci.ini:4: unknown key 'worker' in [ciplug] (did you mean 'workers'?)\n"},
    {STEP "[ciplug]\ncommand = x\n", "ci.ini:4: unknown key 'command' in [ciplug]\n"},
    {STEP "[ciplug]\nneeds = x\n", "ci.ini:4: unknown key 'needs' in [ciplug]\n"},
    {STEP "[ciplug]\nitems = x\n", "ci.ini:4: unknown key 'items' in [ciplug]\n"},
    {STEP "[ciplug]\ndocker.image = x\n", "ci.ini:4: unknown key 'docker.image' in [ciplug]\n"},
    {STEP "[cleanup b]\ncommand = x\nready = x\n",
     "ci.ini:5: unknown key 'ready' in [cleanup b]\n"},
    {STEP "when = always\n", "ci.ini:3: unknown key 'when' in [step a]\n"},
    {STEP "[host h]\nworker = 1\n",
     "ci.ini:4: unknown key 'worker' in [host h] (did you mean 'workers'?)\n"},
    {STEP "[host h]\nmatrix.x = 1\n", "ci.ini:4: unknown key 'matrix.x' in [host h]\n"},
    {STEP "[dokcer]\nimage = x\n",
     "ci.ini:3: [dokcer] is neither ciplug nor a loaded plugin (did you mean '[docker]'?)\n"},
    {STEP "[cipulg]\n", "ci.ini:3: [cipulg] is neither ciplug nor a loaded plugin (did you mean "
                        "'[ciplug]'?)\n"},
    {STEP "[absent]\n",
     "ci.ini:3: [absent]: plugin absent is not loaded: add it to plugins in [ciplug]\n"},
    {STEP "[docker]\nimgae = x\n",
     "ci.ini:4: unknown key 'imgae' in [docker] (did you mean 'image'?)\n"},
    {STEP "[docker]\nlevel = 10\n",
     "ci.ini:4: level: expected a whole number from 0 to 9, got '10'\n"},
    /* values */
    {STEP "timeout = 0\n", "ci.ini:3: timeout: expected a duration above zero, or none, got '0'\n"},
    {STEP "timeout = 10x\n",
     "ci.ini:3: timeout: expected a duration such as 10s, 5m or 1h30m, or none, got '10x'\n"},
    {STEP "timeout = 1000d\n",
     "ci.ini:3: timeout: expected a duration of at most 366 days, got '1000d'\n"},
    {STEP "grace = none\n",
     "ci.ini:3: grace: expected a duration such as 10s, 5m or 1h30m, got 'none'\n"},
    {STEP "retries = -1\n", "ci.ini:3: retries: expected a whole number from 0 to 100, got '-1'\n"},
    {STEP "retries = 101\n",
     "ci.ini:3: retries: expected a whole number from 0 to 100, got '101'\n"},
    {STEP "retries = 0x1\n",
     "ci.ini:3: retries: expected a whole number from 0 to 100, got '0x1'\n"},
    {STEP "count = 4294967296\n",
     "ci.ini:3: count: expected a whole number from 0 to 1000000, got '4294967296'\n"},
    {STEP "fail_fast = maybe\n", "ci.ini:3: fail_fast: expected yes or no, got 'maybe'\n"},
    {STEP "on_leak = kil\n",
     "ci.ini:3: on_leak: expected one of kill, fail, keep, got 'kil' (did you mean 'kill'?)\n"},
    {STEP "per = workers\n",
     "ci.ini:3: per: expected one of worker, host, got 'workers' (did you mean 'worker'?)\n"},
    {STEP "retry_on = failde timeout\n",
     "ci.ini:3: retry_on: expected some of failed, signaled, timeout, error, got 'failde' (did you "
     "mean 'failed'?)\n"},
    {STEP "retry_on =\n",
     "ci.ini:3: retry_on names no outcome: `retries = 0` does without retries\n"},
    {STEP "skip_codes = 77 0\n",
     "ci.ini:3: skip_codes: expected a whole number from 1 to 255, got '0'\n"},
    {STEP "skip_codes = 256\n",
     "ci.ini:3: skip_codes: expected a whole number from 1 to 255, got '256'\n"},
    {STEP "items = a\nbatch = some\n",
     "ci.ini:4: batch: expected a whole number from 1 to 1000000, or auto, got 'some'\n"},
    {STEP "items = a\nbatch = 0\n",
     "ci.ini:4: batch: expected a whole number from 1 to 1000000, or auto, got '0'\n"},
    {STEP "items = a\nsplit = 0\n",
     "ci.ini:4: split: expected a whole number from 1 to 1000000, got '0'\n"},
    {STEP "shell =\n", "ci.ini:3: shell is empty: write `none` for commands without a shell\n"},
    {STEP "shell = 'sh\n", "ci.ini:3: shell: a ' is not closed\n"},
    {STEP "weight = 0\n", "ci.ini:3: weight: expected a whole number from 1 to 10000, got '0'\n"},
    {STEP "ready = true\nresults = *.xml\n", "ci.ini:4: a service (ready) has no results\n"},
    {"[ciplug]\nkeep_runs = 0\n" STEP,
     "ci.ini:2: keep_runs: expected a whole number from 1 to 1000000, got '0'\n"},
    {"[ciplug]\nrun_timeout = soon\n" STEP,
     "ci.ini:2: run_timeout: expected a duration such as 10s, 5m or 1h30m, or none, got 'soon'\n"},
    {"[ciplug]\nworkers = 0\n" STEP,
     "ci.ini:2: workers: expected a whole number from 1 to 10000, got '0'\n"},
    /* needs */
    {STEP "needs = b\n[step bb]\ncommand = x\n",
     "ci.ini:3: needs: there is no step 'b' (did you mean 'bb'?)\n"},
    {STEP "[step bild]\ncommand = x\n[step c]\ncommand = x\nneeds = a build\n",
     "ci.ini:7: needs: there is no step 'build' (did you mean 'bild'?)\n"},
    {STEP "needs = a\n", "ci.ini:1: a step needs itself: a -> a\n"},
    {STEP "needs = b\n[step b]\ncommand = x\n",
     "ci.ini:1: steps need each other in a circle: a -> b -> a\n"},
    {STEP "[step b]\ncommand = x\nneeds = c\n[step c]\ncommand = x\n",
     "ci.ini:3: steps need each other in a circle: b -> c -> b\n"},
    {STEP "items_from = a\n", "ci.ini:1: a step needs itself: a -> a\n"},
    {STEP "needs =\nitems_from = b\n[step b]\ncommand = x\nneeds = a\n",
     "ci.ini:1: steps need each other in a circle: a -> b -> a\n"},
    {STEP "needs = down\n[cleanup down]\ncommand = x\n",
     "ci.ini:3: needs: 'down' is a cleanup step, which nothing can need\n"},
    {STEP "[cleanup c]\ncommand = x\nneeds = d\n[cleanup d]\ncommand = x\n",
     "ci.ini:5: needs: 'd' is a cleanup step, which nothing can need\n"},
    {STEP "items_from = b c\n", "ci.ini:3: items_from: expected the name of one step, got 'b c'\n"},
    {STEP "items_from =\n", "ci.ini:3: items_from: expected the name of one step, got ''\n"},
    {STEP "items_from = b\n", "ci.ini:3: items_from: there is no step 'b'\n"},
    {STEP "ready = x\n[step b]\ncommand = x\nitems_from = a\n",
     "ci.ini:6: items_from: step a is a service, its output has no end\n"},
    /* what excludes what */
    {STEP "count = 2\nitems = x\n", "ci.ini:4: 'items' and 'count' (line 3) exclude each other\n"},
    {"[step a]\ncommand = x {item}\ncount = 2\nitems = x\n",
     "ci.ini:4: 'items' and 'count' (line 3) exclude each other\n"},
    {STEP "items_file = x\nitems = x\n",
     "ci.ini:4: 'items' and 'items_file' (line 3) exclude each other\n"},
    {STEP "per = worker\nitems = x\n", "ci.ini:4: 'items' and 'per' (line 3) exclude each other\n"},
    {STEP "matrix.x = 1\nper = host\n",
     "ci.ini:4: 'per' and 'matrix.x' (line 3) exclude each other\n"},
    {STEP "per = worker\nbatch = 2\n", "ci.ini:4: 'batch' and 'per' (line 3) exclude each other\n"},
    {STEP "per = worker\nweight = 2\n",
     "ci.ini:4: 'weight' and 'per' (line 3) exclude each other\n"},
    {STEP "items = a b\nsplit = 2\nbatch = 2\n",
     "ci.ini:5: 'batch' and 'split' (line 4) exclude each other\n"},
    {STEP "ready = x\ncount = 2\n", "ci.ini:4: 'count' and 'ready' (line 3) exclude each other\n"},
    {STEP "items = x\nready = x\n", "ci.ini:4: 'ready' and 'items' (line 3) exclude each other\n"},
    {STEP "split = 2\n",
     "ci.ini:3: 'split' is of no use without items, items_from or items_file\n"},
    {STEP "count = 4\nbatch = 2\n",
     "ci.ini:4: 'batch' is of no use without items, items_from or items_file\n"},
    {STEP "items = a\nrun_alone = a\n", "ci.ini:4: 'run_alone' is of no use without split\n"},
    {STEP "matrix_exclude = x=1\n",
     "ci.ini:3: 'matrix_exclude' is of no use without matrix.NAME\n"},
    /* items and matrix */
    {STEP "items = 'a\n", "ci.ini:3: items: a ' is not closed\n"},
    {STEP "needs =\nitems_file = nothing\n",
     "ci.ini:4: items_file: nothing cannot be read: No such file or directory\n"},
    {STEP "items_file =\n", "ci.ini:3: items_file names no file\n"},
    {STEP "items_file = fifo\n", "ci.ini:3: items_file: fifo cannot be read: not a regular file\n"},
    {STEP "items_file = .\n", "ci.ini:3: items_file: . cannot be read: Is a directory\n"},
    {STEP "matrix.item = 1\n",
     "ci.ini:3: 'matrix.item': {item} has a meaning already; take another name\n"},
    {STEP "matrix.1x = 1\n", "ci.ini:3: 'matrix.1x': a matrix name is made of letters, digits, _ "
                             "and -, and starts with a letter\n"},
    {STEP "matrix.py =\n", "ci.ini:3: 'matrix.py' has no values\n"},
    {STEP "matrix.py = 3 4 3\n", "ci.ini:3: 'matrix.py' has the value '3' twice\n"},
    {STEP "matrix.py = 3 \"4\n", "ci.ini:3: 'matrix.py': a \" is not closed\n"},
    {STEP "matrix.py = 3 4\nmatrix_exclude = pi=3\n",
     "ci.ini:4: matrix_exclude: there is no 'matrix.pi' (did you mean 'py'?)\n"},
    {STEP "matrix.py = 3 4\nmatrix_exclude = py=5\n",
     "ci.ini:4: matrix_exclude: '5' is no value of 'matrix.py'\n"},
    {STEP "matrix.py = 3 4\nmatrix_exclude = 3\n",
     "ci.ini:4: matrix_exclude: '3' is not of the form NAME=VALUE\n"},
    /* slots and hosts */
    {STEP "workers = 0\n",
     "ci.ini:3: workers: expected N, A-B or A- with slots from 1 to 10000, got '0'\n"},
    {STEP "workers = 3-2\n",
     "ci.ini:3: workers: expected N, A-B or A- with slots from 1 to 10000, got '3-2'\n"},
    {STEP "workers = -2\n",
     "ci.ini:3: workers: expected N, A-B or A- with slots from 1 to 10000, got '-2'\n"},
    {STEP "workers = 2-3-4\n",
     "ci.ini:3: workers: expected N, A-B or A- with slots from 1 to 10000, got '2-3-4'\n"},
    {STEP "workers = 2-5\n", "ci.ini:3: workers = 2-5: step a has only 4 slots\n"},
    {STEP "workers = 5-\n", "ci.ini:3: workers = 5-: step a has only 4 slots\n"},
    {STEP "hosts = h\nworkers = 2-\n[host h]\n",
     "ci.ini:4: workers = 2-: step a has only 1 slot\n"},
    {STEP "hosts = nrth\n[host north]\n",
     "ci.ini:3: hosts: there is no [host nrth] (did you mean 'north'?)\n"},
    {STEP "[host h]\nworkers = 0\n",
     "ci.ini:4: workers: expected a whole number from 1 to 10000, got '0'\n"},
    {STEP "[host h]\nsync = yes\n",
     "ci.ini:4: sync: nothing in uses brings the workspace there (ssh does)\n"},
    {STEP "[host h]\nuses = docker.build\n",
     "ci.ini:4: docker.build runs no other command: it cannot lead to a host\n"},
    /* builders and their options */
    {STEP "uses = podman.exec\n",
     "ci.ini:3: plugin podman is not loaded: add it to plugins in [ciplug]\n"},
    {STEP "uses = dcoker.exec\n",
     "ci.ini:3: plugin dcoker is not loaded: add it to plugins in [ciplug] (did you mean "
     "'docker'?)\n"},
    {STEP "uses = absent.exec\n",
     "ci.ini:3: plugin absent is not loaded: add it to plugins in [ciplug]\n"},
    {STEP "uses = docker.exce\n",
     "ci.ini:3: plugin docker has no builder 'docker.exce', only docker.exec, docker.build, "
     "docker.rm, docker.up (did you mean 'docker.exec'?)\n"},
    {STEP "uses = docker\n", "ci.ini:3: plugin docker has no builder 'docker', only docker.exec, "
                             "docker.build, docker.rm, docker.up\n"},
    {STEP "uses = docker.build\n",
     "ci.ini:2: docker.build makes a command of its own: step a cannot have another one\n"},
    {"[step a]\nuses = docker.build ssh\n",
     "ci.ini:2: docker.build runs no other command: it must be the last word of uses\n"},
    {"[step a]\nuses = docker.exec\n",
     "ci.ini:1: step a has no command, and needs one for docker.exec\n"},
    {STEP "uses = docker.exec\ndocker.imgae = x\n",
     "ci.ini:4: plugin docker has no option 'imgae' (did you mean 'image'?)\n"},
    {STEP "uses = docker.exec\ndocker.level = ten\n",
     "ci.ini:4: docker.level: expected a whole number from 0 to 9, got 'ten'\n"},
    {STEP "docker.image = x\n", "ci.ini:3: 'docker.image' has no effect: docker is not in uses\n"},
    {STEP "uses = docker.exec\nstdin = x\n",
     "ci.ini:4: stdin reaches only commands on this machine, not in a container or on a host\n"},
    /* environment and secrets */
    {STEP "env.CI_ITEM = x\n", "ci.ini:3: the variable CI_ITEM is set by ciplug\n"},
    {STEP "env.PROJECT_NAME = x\n", "ci.ini:3: the variable PROJECT_NAME is set by ciplug\n"},
    {STEP "[host h]\nenv.CI = no\n", "ci.ini:4: the variable CI is set by ciplug\n"},
    {STEP "env.A-B = x\n", "ci.ini:3: 'A-B' is no name for a variable: letters, digits and _, no "
                           "digit first\n"},
    {STEP "env.1 = x\n", "ci.ini:3: '1' is no name for a variable: letters, digits and _, no digit "
                         "first\n"},
    {STEP "env_file = nothing\n",
     "ci.ini:3: env_file: nothing cannot be read: No such file or directory\n"},
    {STEP "env_file = fifo\n", "ci.ini:3: env_file: fifo cannot be read: not a regular file\n"},
    {STEP "env_file = bad.env\n",
     "ci.ini:3: bad.env:2: expected NAME=VALUE\n"
     "ci.ini:3: bad.env:3: what stands before the = is no name for a variable\n"
     "ci.ini:3: the variable CI is set by ciplug\n"},
    {"[ciplug]\nmask = A.B\n" STEP, "ci.ini:2: mask: 'A.B' is no name for a variable\n"},
    {"[ciplug]\nmask = TOKEN\nenv.TOKEN = short\n" STEP,
     "ci.ini:3: the value of TOKEN is a secret (mask), but has less than 6 bytes\n"},
    {"[ciplug]\nmask = TOKEN\nenv.TOKEN = worker{worker}\n" STEP,
     "ci.ini:3: TOKEN is a secret (mask): its value may not depend on the command\n"},
    {"[ciplug]\nmask = TOKEN\n[step a]\ncommand = echo hunter22\nenv.TOKEN = hunter22\n",
     "ci.ini:4: this holds the value of a secret (mask): write the variable's name\n"},
    {"[ciplug]\nmask = SECRET_OF_CALLER\n[step a]\ncommand = x {env:SECRET_OF_CALLER}\nshell = "
     "none\n",
     "ci.ini:4: {env:SECRET_OF_CALLER} would put a secret (mask) where others can read it: the "
     "command finds it in the variable SECRET_OF_CALLER\n"},
    {"[ciplug]\nmask = SECRET_OF_CALLER\n[step a]\nuses = docker.build\ndocker.image = "
     "i:{env:SECRET_OF_CALLER}\n",
     "ci.ini:5: {env:SECRET_OF_CALLER} would put a secret (mask) where others can read it: the "
     "command finds it in the variable SECRET_OF_CALLER\n"},
    /* commands without a shell */
    {"[step a]\ncommand = echo 'x\nshell = none\n", "ci.ini:2: command: a ' is not closed\n"},
};

static void bad_ones_are_named(void **state)
{
    (void)state;
    bool failed = false;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        const char *said = plan_text(bad[i].ini);
        if (made == -1 && strcmp(said, bad[i].said) == 0)
            continue;
        print_message("--- %d for:\n%s--- said:\n%s--- not:\n%s", made, bad[i].ini, said,
                      bad[i].said);
        failed = true;
    }
    assert_false(failed);
}

/* The texts of these are those of expand_check(); here it counts that all places are checked. */
static void templates_are_checked_everywhere(void **state)
{
    (void)state;
    static const char *const where[] = {
        "command = x {itme}\n",
        "command = x\nenv.A = {itme}\n",
        "command = x\ncwd = {itme}\n",
        "command = x\nartifacts = {itme}\n",
        "command = x\nlock = {itme}\n",
        "command = x\non_failure = {itme}\n",
        "command = x\nready = {itme}\n",
        "command = x\nstdin = {itme}\n",
        "command = x\nuses = docker.exec\ndocker.image = {itme}\n",
        "command = x\n[docker]\nimage = {itme}\n",
        "command = x\n[ciplug]\nenv.A = {itme}\n",
        "command = x\n[host h]\nenv.A = {itme}\n",
        "command = x\n[host h]\nuses = ssh\nssh.address = {itme}\n",
        "command = x {item}\n",
        "command = x {pyton}\ncount = 2\nmatrix.python = 3\n",
        "command = x '{item}'\nitems = a b\n",
        "command = x\nenv.A = {env:NOT_SET_ANYWHERE}\n",
        "command = x {env:SECRET_OF_CALLER}\n",
    };
    for (size_t i = 0; i < ARRAY_SIZE(where); i++) {
        AUTO_FREE char *ini = xasprintf("[step a]\n%s", where[i]);
        plan_text(ini);
        if (made != -1 || problems.n != 1)
            fail_msg("%zu problems (%d) for %s: %s", problems.n, made, ini, strbuf_text(&lines));
    }
}

static void all_problems_are_told_at_once(void **state)
{
    (void)state;
    const char *said = plan_text("[ciplug]\nworkers = none\n"
                                 "[step a]\nneeds = x\ntimeout = 0\n"
                                 "[step b]\ncommand = {itme}\nenv.CI = 1\n");
    assert_int_equal(made, -1);
    assert_int_equal(problems.n, 6);
    assert_non_null(strstr(said, "ci.ini:2: "));
    assert_non_null(strstr(said, "ci.ini:3: "));
    assert_non_null(strstr(said, "ci.ini:4: "));
    assert_non_null(strstr(said, "ci.ini:5: "));
    assert_non_null(strstr(said, "ci.ini:7: "));
    assert_non_null(strstr(said, "ci.ini:8: "));
}

/* A plugin that could not be loaded is named once, not at each of its keys. */
static void a_missing_plugin_is_one_problem(void **state)
{
    (void)state;
    load("[ciplug]\nplugins = shell gone ./lost.so\n[gone]\nx = 1\n"
         "[step a]\nuses = gone.exec lost.exec\ngone.x = 1\ncommand = x\n");
    plan_load_plugins(&config, &plugins, &problems);
    const struct plan_request request = {0};
    made = plan_make(&plan, &config, &plugins, &request, &problems);
    assert_int_equal(made, -1);
    assert_int_equal(problems.n, 2);
    assert_int_equal(problems.list[0].line, 2);
    assert_non_null(strstr(told(), "/lost.so"));
}

static void overridden_values_say_where_they_came_from(void **state)
{
    (void)state;
    load(STEP "count = 3\n");
    config_set(&config, "a.timeout=0", &problems);
    config_set(&config, "a.items=x", &problems);
    const struct plan_request request = {0};
    made = plan_make(&plan, &config, &plugins, &request, &problems);
    assert_int_equal(made, -1);
    assert_string_equal(told(),
                        "--set: 'items' and 'count' (line 3) exclude each other\n"
                        "--set: timeout: expected a duration above zero, or none, got '0'\n");
}

static int make_place(void **state)
{
    if (make_folder(state) || mkfifo("fifo", 0600) || setenv("SECRET_OF_CALLER", "s3cr3t-value", 1))
        return -1;
    put("absent.so", "");
    put("bad.env", "# fine\nno equals\n1x=2\nCI=no\n");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_ones_are_named),
        cmocka_unit_test(templates_are_checked_everywhere),
        cmocka_unit_test(all_problems_are_told_at_once),
        cmocka_unit_test(a_missing_plugin_is_one_problem),
        cmocka_unit_test(overridden_values_say_where_they_came_from),
    };
    return cmocka_run_group_tests(tests, make_place, remove_folder);
}
