/* SPDX-License-Identifier: MIT
 *
 * Every key of [ciplug], [step], [cleanup] and [host], and where its value comes from.
 */
#include "plan-place.h"

#define S NS_PER_S

static void good(const char *ini)
{
    assert_string_equal(plan_text(ini), "");
    assert_int_equal(made, 0);
}

static const char *env_of(const struct setting *env, size_t n)
{
    static struct strbuf text;
    strbuf_clear(&text);
    for (size_t i = 0; i < n; i++)
        strbuf_addf(&text, "%s%s", i ? "|" : "", env[i].text);
    return strbuf_text(&text);
}

static void defaults_are_those_of_the_table(void **state)
{
    (void)state;
    good("[step a]\ncommand = true\n[cleanup z]\ncommand = true\n");
    const struct step *a = step_named("a");
    const unsigned all =
        1U << CIPLUG_FAILED | 1U << CIPLUG_SIGNALED | 1U << CIPLUG_TIMEOUT | 1U << CIPLUG_ERROR;
    assert_string_equal(a->command.text, "true");
    assert_int_equal(a->command.line, 2);
    assert_int_equal(a->shell.n, 2);
    assert_string_equal(a->shell.v[0], "sh");
    assert_string_equal(a->shell.v[1], "-ec");
    assert_int_equal(a->timeout_ns, 0);
    assert_int_equal(a->start_timeout_ns, 0);
    assert_int_equal(a->grace_ns, 10 * S);
    assert_int_equal(a->slow_ns, 60 * S);
    assert_int_equal(a->retries, 0);
    assert_int_equal(a->retry_delay_ns, 0);
    assert_int_equal(a->retry_on, all);
    assert_int_equal(a->weight, 1);
    assert_int_equal(a->on_leak, ON_LEAK_KILL);
    assert_int_equal(a->output, 0);
    assert_false(a->flaky_fails || a->stderr_merge || a->fail_fast || a->allow_failure);
    assert_false(a->allow_empty || a->rerun || a->on_host_loss_fail || a->preview);
    assert_string_equal(commands("a"), "1:1");
    assert_int_equal(a->count_all, 1);
    assert_string_equal(a->hosts.v[0], "local");
    const struct step *z = step_named("z");
    assert_true(z->cleanup);
    assert_int_equal(z->timeout_ns, 300 * S);
    assert_int_equal(z->when, WHEN_ALWAYS);
    assert_int_equal(plan.keep_runs, 10);
    assert_int_equal(plan.run_timeout_ns, 0);
    assert_string_equal(plan.name, strrchr(folder, '/') + 1);
}

static void every_simple_key_is_read(void **state)
{
    (void)state;
    good("[step a]\ncommand = x\nshell = bash -euo 'pipe fail' -c\nif = test -e x\n"
         "on_failure = ps\nlock = db {worker}\ncwd = sub\nstdin = in.txt\nartifacts = *.log\n"
         "fail_fast = yes\nallow_failure = true\nallow_empty = on\nrerun = 1\nretries = 3\n"
         "weight = 2\ntimeout = 1h30m\nstart_timeout = 5m\ngrace = 250ms\nslow = none\n"
         "retry_delay = 1.5s\nretry_on = failed timeout\nflaky = fail\nskip_codes = 77 255\n"
         "on_leak = keep\noutput = failures\nstderr = merge\non_host_loss = fail\n");
    const struct step *a = step_named("a");
    assert_string_equal(a->shell.v[2], "pipe fail");
    assert_string_equal(a->if_command.text, "test -e x");
    assert_string_equal(a->on_failure.text, "ps");
    assert_string_equal(a->lock.text, "db {worker}");
    assert_string_equal(a->cwd.text, "sub");
    assert_string_equal(a->stdin_file.text, "in.txt");
    assert_string_equal(a->artifacts.text, "*.log");
    assert_true(a->fail_fast && a->allow_failure && a->allow_empty && a->rerun);
    assert_true(a->flaky_fails && a->stderr_merge && a->on_host_loss_fail);
    assert_int_equal(a->retries, 3);
    assert_int_equal(a->weight, 2);
    assert_int_equal(a->timeout_ns, 5400 * S);
    assert_int_equal(a->start_timeout_ns, 300 * S);
    assert_int_equal(a->grace_ns, S / 4);
    assert_int_equal(a->slow_ns, 0);
    assert_int_equal(a->retry_delay_ns, 3 * S / 2);
    assert_int_equal(a->retry_on, 1U << CIPLUG_FAILED | 1U << CIPLUG_TIMEOUT);
    assert_true(a->skip_codes[77] && a->skip_codes[255] && !a->skip_codes[1]);
    assert_int_equal(a->on_leak, ON_LEAK_KEEP);
    assert_int_equal(a->output, CIPLUG_OUTPUT_FAILURES);
}

static void shell_none_splits_words(void **state)
{
    (void)state;
    good("[step a]\ncommand = echo '{item}'\nshell = none\nitems = a\n");
    assert_int_equal(step_named("a")->shell.n, 0);
}

static void the_run_has_keys_of_its_own(void **state)
{
    (void)state;
    good("[ciplug]\nworkers = 3\nname = nightly\nrun_timeout = 2h\nkeep_runs = 4\n"
         "[step a]\ncommand = x\n");
    assert_string_equal(plan.name, "nightly");
    assert_int_equal(plan.run_timeout_ns, 7200 * S);
    assert_int_equal(plan.keep_runs, 4);
    assert_int_equal(plan.n_slots, 3);
}

static void ciplug_gives_defaults(void **state)
{
    (void)state;
    good("[ciplug]\ntimeout = 30m\nretries = 2\nshell = bash -ec\nuses = docker.exec\n"
         "cwd = there\nskip_codes = 77\n"
         "[step a]\ncommand = x\n"
         "[step b]\ncommand = x\ntimeout = 1m\nretries = 0\nuses =\ncwd =\nskip_codes =\n"
         "[cleanup z]\ncommand = x\n");
    const struct step *a = step_named("a"), *b = step_named("b"), *z = step_named("z");
    assert_int_equal(a->timeout_ns, 1800 * S);
    assert_int_equal(a->retries, 2);
    assert_string_equal(a->shell.v[0], "bash");
    assert_int_equal(a->n_uses, 1);
    assert_string_equal(a->uses[0].name, "docker.exec");
    assert_string_equal(a->uses[0].plugin->table.name, "docker");
    assert_string_equal(a->cwd.text, "there");
    assert_true(a->skip_codes[77]);
    assert_int_equal(b->timeout_ns, 60 * S);
    assert_int_equal(b->retries, 0);
    assert_int_equal(b->n_uses, 0);
    assert_null(b->cwd.text);
    assert_false(b->skip_codes[77]);
    assert_int_equal(z->timeout_ns, 300 * S);
    assert_int_equal(z->retries, 2);
}

/* What does not fit a step gives way; the same keys in the step itself would be problems. */
static void defaults_that_do_not_fit_give_way(void **state)
{
    (void)state;
    good("[ciplug]\nsplit = 2\nper = worker\nweight = 2\nstdin = x\n"
         "[step a]\ncommand = x\n"
         "[step b]\ncommand = x\nitems = 1 2 3\n"
         "[step c]\ncommand = x\nitems = 1 2 3\nbatch = 2\n"
         "[step d]\ncommand = x\nuses = docker.exec\n");
    assert_string_equal(commands("a"), "1:1|2:2|3:3|4:4");
    assert_int_equal(step_named("a")->weight, 1);
    assert_string_equal(commands("b"), "1:1 3|2:2");
    assert_int_equal(step_named("c")->split, 0);
    assert_int_equal(step_named("c")->batch, 2);
    assert_non_null(step_named("c")->stdin_file.text);
    assert_null(step_named("d")->stdin_file.text);
}

static void what_creates_is_run_again(void **state)
{
    (void)state;
    good("[step image]\nuses = docker.build\n"
         "[step service]\ncommand = x\nready = y\n"
         "[step no]\nuses = docker.build\nrerun = no\n"
         "[step rm]\nuses = docker.rm\n");
    assert_true(step_named("image")->rerun);
    assert_true(step_named("service")->rerun);
    assert_string_equal(step_named("service")->ready.text, "y");
    assert_false(step_named("no")->rerun);
    assert_false(step_named("rm")->rerun);
}

static void environment_comes_in_three_layers(void **state)
{
    (void)state;
    put("a.env", "\xef\xbb\xbf# comment\r\n\r\nexport A = 1 \r\nB=\"two words\"\nC='x'\nD=a=b#c\n"
                 "E=\n");
    good("[ciplug]\nenv_file = a.env\nenv.B = ciplug\nenv.F = {worker}\n"
         "[step a]\ncommand = x\nenv.C = step\nenv.G = {env:HOME}\n"
         "[step b]\ncommand = x\nenv_file =\n"
         "[host h]\nenv.DOCKER_HOST = tcp://h:1\n");
    const struct step *a = step_named("a"), *b = step_named("b");
    assert_string_equal(env_of(a->env, a->n_env),
                        "A=1|B=ciplug|C=step|D=a=b#c|E=|F={worker}|G={env:HOME}");
    assert_int_equal(a->env[2].line, 7);
    assert_string_equal(env_of(b->env, b->n_env), "B=ciplug|F={worker}");
    assert_string_equal(env_of(plan.hosts[1].env, plan.hosts[1].n_env), "DOCKER_HOST=tcp://h:1");
}

static void secrets_are_collected_from_everywhere(void **state)
{
    (void)state;
    setenv("FROM_CALLER", "caller-secret\n", 1);
    put("s.env", "FROM_FILE=file-secret\n");
    assert_string_equal(
        plan_text("[ciplug]\nmask = FROM_CALLER FROM_FILE FROM_STEP FROM_HOST NOWHERE FROM_STEP\n"
                  "[step a]\ncommand = x\nenv_file = s.env\nenv.FROM_STEP = {env:FROM_CALLER}2\n"
                  "[step b]\ncommand = x\nenv.FROM_STEP = line one\n  line two\n"
                  "[host h]\nenv.FROM_HOST = host-secret\n"),
        "notice: mask: NOWHERE is not set, nothing to hide\n");
    assert_int_equal(made, 0);
    assert_int_equal(plan.mask_names.n, 5);
    static const char *const values[] = {"caller-secret", "file-secret", "caller-secret\n2",
                                         "line one\nline two", "host-secret"};
    assert_int_equal(plan.mask_values.n, ARRAY_SIZE(values));
    for (size_t i = 0; i < ARRAY_SIZE(values); i++)
        assert_string_equal(plan.mask_values.v[i], values[i]);
    unsetenv("FROM_CALLER");
}

static void options_come_from_step_host_section(void **state)
{
    (void)state;
    good("[docker]\nimage = section\nlevel = 1\n"
         "[host h]\nuses = ssh\nssh.address = there\ndocker.image = host\n"
         "[step a]\ncommand = x\nuses = docker.exec\nhosts = h\ndocker.image = step\n"
         "ssh.address = elsewhere\n"
         "[step b]\ncommand = x\nuses = docker.exec\nhosts = h\n");
    const struct host *h = &plan.hosts[1];
    const struct step *a = step_named("a"), *b = step_named("b");
    assert_string_equal(plan_option(&plan, a, h, "docker", "image")->value, "step");
    assert_string_equal(plan_option(&plan, b, h, "docker", "image")->value, "host");
    assert_string_equal(plan_option(&plan, b, &plan.hosts[0], "docker", "image")->value, "section");
    assert_string_equal(plan_option(&plan, NULL, NULL, "docker", "level")->value, "1");
    assert_string_equal(plan_option(&plan, a, h, "ssh", "address")->value, "elsewhere");
    assert_null(plan_option(&plan, b, &plan.hosts[0], "ssh", "address"));
    assert_string_equal(h->uses[0].name, "ssh");
}

static void cleanups_have_a_when(void **state)
{
    (void)state;
    good("[step a]\ncommand = x\n[step b]\ncommand = x\n"
         "[cleanup y]\ncommand = x\nwhen = failure\nneeds = b a b\ntimeout = none\n"
         "[cleanup z]\ncommand = x\nwhen = success\n");
    const struct step *y = step_named("y"), *z = step_named("z");
    assert_int_equal(y->when, WHEN_FAILURE);
    assert_int_equal(y->timeout_ns, 0);
    assert_int_equal(y->n_needs, 2);
    assert_int_equal(y->needs[0], 1);
    assert_int_equal(y->needs[1], 0);
    assert_int_equal(z->when, WHEN_SUCCESS);
    assert_int_equal(z->n_needs, 0);
}

/* Each key of the tables is known to options_check_section(), and its help is a sentence. */
static void tables_are_fit_to_print(void **state)
{
    (void)state;
    const struct ciplug_option *const *tables[] = {plan_step_options, plan_cleanup_options,
                                                   plan_host_options, plan_run_options};
    for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
        for (size_t i = 0; tables[t][i]; i++) {
            const struct ciplug_option *option = tables[t][i];
            struct config_value value = {.key = (char *)option->name, .value = (char *)option->def};
            assert_int_equal(option->size, sizeof *option);
            assert_true(strlen(option->help) > 20);
            assert_int_equal(option->help[strlen(option->help) - 1], '.');
            assert_ptr_equal(option_find(tables[t], option->name), option);
            if (option->def)
                assert_int_equal(option_check(option, &value, &problems), 0);
        }
    }
}

static void shell_is_loaded_without_being_asked_for(void **state)
{
    (void)state;
    forget();
    plugins_init(&plugins, folder);
    put("ci.ini", "[step a]\ncommand = x\n");
    assert_int_equal(config_load(&config, "ci.ini", &problems), 0);
    plan_load_plugins(&config, &plugins, &problems);
    assert_true(plugins_find(&plugins, "shell") || problems.n == 1);
    /* And not twice. */
    load("[ciplug]\nplugins = shell docker\n[step a]\ncommand = x\n");
    plan_load_plugins(&config, &plugins, &problems);
    assert_int_equal(problems.n, 0);
    assert_int_equal(plugins.n, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_table),
        cmocka_unit_test(every_simple_key_is_read),
        cmocka_unit_test(shell_none_splits_words),
        cmocka_unit_test(the_run_has_keys_of_its_own),
        cmocka_unit_test(ciplug_gives_defaults),
        cmocka_unit_test(defaults_that_do_not_fit_give_way),
        cmocka_unit_test(what_creates_is_run_again),
        cmocka_unit_test(environment_comes_in_three_layers),
        cmocka_unit_test(secrets_are_collected_from_everywhere),
        cmocka_unit_test(options_come_from_step_host_section),
        cmocka_unit_test(cleanups_have_a_when),
        cmocka_unit_test(tables_are_fit_to_print),
        cmocka_unit_test(shell_is_loaded_without_being_asked_for),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
