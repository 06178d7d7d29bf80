/* SPDX-License-Identifier: MIT */
#include "plan-place.h"
#include "verb_list.h"

#include <errno.h>
#include <jansson.h>

static const char config_text[] =
    "[ciplug]\nname = demo\n"
    "[step image]\nuses = docker.build\n"
    "[step unit]\ncommand = x\nuses = docker.exec\nworkers = 2-\nitems = a_spec 'b c'\n"
    "[step cells]\ncommand = x\nneeds =\nmatrix.py = 3.9 3.10\nworkers = 1\n"
    "[step groups]\ncommand = x\nitems = p q r\nsplit = 2\n"
    "[step batches]\ncommand = x\nneeds = unit groups\nitems = p q\nbatch = auto\n"
    "[step later]\ncommand = x {item}\nitems_from = unit\n"
    "[step each]\ncommand = x\nper = worker\nhosts = h\n"
    "[cleanup down]\ncommand = x\nwhen = failure\nweight = 2\n"
    "[host h]\nworkers = 2\n";

/* What verb_list() writes to descriptor 1. */
static const char *listed(bool json, int verbosity)
{
    static char *text;
    size_t length;
    int saved = dup(1), fd = open("out", O_RDWR | O_CREAT | O_TRUNC, 0600);
    fflush(stdout);
    assert_true(saved >= 0 && fd >= 0 && dup2(fd, 1) == 1);
    int status = verb_list(&plan, json, verbosity);
    assert_int_equal(dup2(saved, 1), 1);
    close(saved);
    close(fd);
    assert_int_equal(status, 0);
    free(text);
    assert_int_equal(read_file("out", 1 << 20, &text, &length), 0);
    return text;
}

static void text_has_a_line_for_each_step(void **state)
{
    (void)state;
    assert_string_equal(plan_text(config_text), "");
    assert_string_equal(
        listed(false, 0),
        "STEP     NEEDS         COMMANDS             WORKERS            USES\n"
        "image    -             1                    1-4                docker.build\n"
        "unit     image         2 items              2-4                docker.exec\n"
        "cells    -             2                    1 of 1-4\n"
        "groups   cells         3 items in 2 groups  1-4\n"
        "batches  unit groups   2 items in batches   1-4\n"
        "later    batches unit  lines of a step      1-4\n"
        "each     later         2                    5-6 (each worker)\n"
        "\n"
        "CLEANUP          NEEDS  COMMANDS  WORKERS  USES\n"
        "down on failure  -      1         1-4 x2\n"
        "\n"
        "SLOTS      HOST\n"
        "1-4        local\n"
        "5-6        h\n");
}

static void verbose_text_has_each_command(void **state)
{
    (void)state;
    assert_string_equal(plan_text("[step a]\ncommand = x\nitems = p 'q\tr' s\nsplit = 2\n"
                                  "[step b]\ncommand = x\ncount = 2\n"
                                  "[step c]\ncommand = x\nitems = y z\nbatch = 2\n"),
                        "");
    assert_string_equal(listed(false, 1), "STEP  NEEDS  COMMANDS             WORKERS  USES\n"
                                          "a     -      3 items in 2 groups  1-4\n"
                                          "    1  p, s\n"
                                          "    2  q^Ir\n"
                                          "b     a      2                    1-4\n"
                                          "    1\n"
                                          "    2\n"
                                          "c     b      2 items, 2 a batch   1-4\n"
                                          "    y\n"
                                          "    z\n"
                                          "\n"
                                          "SLOTS      HOST\n"
                                          "1-4        local\n");
}

static json_t *parsed(const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, 0, &error);
    if (!json)
        fail_msg("line %d: %s", error.line, error.text);
    return json;
}

static const char *at(json_t *steps, size_t i)
{
    static char *text;
    free(text);
    text = json_dumps(json_array_get(steps, i), JSON_COMPACT);
    return text;
}

static void json_has_everything(void **state)
{
    (void)state;
    assert_string_equal(plan_text(config_text), "");
    json_t *json = parsed(listed(true, 0)), *steps = json_object_get(json, "steps");
    assert_string_equal(json_string_value(json_object_get(json, "name")), "demo");
    assert_int_equal(json_array_size(steps), 7);
    assert_string_equal(
        at(steps, 1),
        "{\"name\":\"unit\",\"needs\":[\"image\"],\"uses\":[\"docker.exec\"],\"source\":\"items\","
        "\"preview\":false,\"workers\":[2,3,4],\"at_once\":3,\"weight\":1,\"units\":2,\"commands\":"
        "[{\"number\":1,\"label\":\"a_spec\",\"item\":\"a_spec\"},"
        "{\"number\":2,\"label\":\"b c\",\"item\":\"b c\"}]}");
    assert_string_equal(
        at(steps, 2),
        "{\"name\":\"cells\",\"needs\":[],\"uses\":[],\"source\":\"none\",\"preview\":false,"
        "\"workers\":[1,2,3,4],\"at_once\":1,\"weight\":1,\"units\":2,\"commands\":"
        "[{\"number\":1,\"label\":\"py=3.9\",\"matrix\":{\"py\":\"3.9\"}},"
        "{\"number\":2,\"label\":\"py=3.10\",\"matrix\":{\"py\":\"3.10\"}}]}");
    assert_string_equal(
        at(steps, 3), "{\"name\":\"groups\",\"needs\":[\"cells\"],\"uses\":[],\"source\":\"items\","
                      "\"preview\":false,\"workers\":[1,2,3,4],\"at_once\":4,\"weight\":1,"
                      "\"split\":2,\"units\":3,"
                      "\"commands\":[{\"number\":1,\"items\":[\"p\",\"r\"]},"
                      "{\"number\":2,\"label\":\"q\",\"items\":[\"q\"]}]}");
    assert_string_equal(at(steps, 4),
                        "{\"name\":\"batches\",\"needs\":[\"unit\",\"groups\"],\"uses\":[],"
                        "\"source\":\"items\",\"preview\":false,\"workers\":[1,2,3,4],"
                        "\"at_once\":4,\"weight\":1,\"batch\":\"auto\",\"units\":2,\"commands\":"
                        "[{\"number\":1,\"label\":\"p\",\"item\":\"p\"},"
                        "{\"number\":2,\"label\":\"q\",\"item\":\"q\"}]}");
    assert_string_equal(at(json_object_get(json, "cleanups"), 0),
                        "{\"name\":\"down\",\"needs\":[],\"uses\":[],\"when\":\"failure\","
                        "\"source\":\"none\",\"preview\":false,\"workers\":[1,2,3,4],\"at_once\":4,"
                        "\"weight\":2,\"units\":1,\"commands\":[{\"number\":1,\"label\":\"1\"}]}");
    assert_string_equal(at(json_object_get(json, "slots"), 5), "{\"worker\":6,\"host\":\"h\"}");
    json_decref(json);
}

static void bytes_that_are_no_utf8_come_as_base64(void **state)
{
    (void)state;
    plan_text("[step a]\ncommand = x\nitems = \xff ok\nsplit = 1\n"
              "[step b]\ncommand = x\nitems = \xff\n");
    json_t *json = parsed(listed(true, 0)), *steps = json_object_get(json, "steps");
    assert_non_null(strstr(at(steps, 0), "\"items\":[{\"item_base64\":\"/w==\"},\"ok\"]"));
    assert_non_null(
        strstr(at(steps, 1), "{\"number\":1,\"label_base64\":\"/w==\",\"item_base64\":\"/w==\"}"));
    json_decref(json);
}

static void what_is_not_selected_is_not_listed(void **state)
{
    (void)state;
    const char *const selections[] = {"cells", NULL};
    const struct plan_request request = {.workers = 1, .selections = selections, .only = true};
    /* That the range of another step is beyond one slot is no problem now. */
    assert_string_equal(plan_request(config_text, &request), "");
    assert_int_equal(made, 0);
    assert_string_equal(listed(false, 0), "STEP   NEEDS  COMMANDS  WORKERS  USES\n"
                                          "cells  -      2         1 of 1\n"
                                          "\n"
                                          "SLOTS      HOST\n"
                                          "1          local\n"
                                          "2-3        h\n");
}

static void notices_are_told_beside(void **state)
{
    (void)state;
    plan_text("[step a]\ncommand = x\nworkers = 9\n");
    strbuf_clear(&lines);
    json_decref(parsed(listed(true, 0)));
    assert_string_equal(strbuf_text(&lines),
                        "ciplug: workers = 9 of step a is cut to 4, all slots there are\n");
}

static void a_full_disk_is_told(void **state)
{
    (void)state;
    plan_text("[step a]\ncommand = x\n");
    int saved = dup(1), full = open("/dev/full", O_WRONLY);
    fflush(stdout);
    struct stat st;
    /* A careless tool may have put a file in its place. */
    if (full < 0 || fstat(full, &st) < 0 || !S_ISCHR(st.st_mode)) {
        print_message("no /dev/full\n");
        close(saved);
        skip();
    }
    assert_int_equal(dup2(full, 1), 1);
    int status = verb_list(&plan, false, 0);
    assert_int_equal(dup2(saved, 1), 1);
    close(saved);
    close(full);
    assert_int_equal(status, 3);
    assert_string_equal(strbuf_text(&lines),
                        "ciplug: cannot write to standard output: No space left on device\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_has_a_line_for_each_step),
        cmocka_unit_test(verbose_text_has_each_command),
        cmocka_unit_test(json_has_everything),
        cmocka_unit_test(bytes_that_are_no_utf8_come_as_base64),
        cmocka_unit_test(what_is_not_selected_is_not_listed),
        cmocka_unit_test(notices_are_told_beside),
        cmocka_unit_test(a_full_disk_is_told),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
