/* SPDX-License-Identifier: MIT */
#include "config-place.h"

#include <time.h>

/* "[step x]\nkey = " and `n` letters, "\nz = 1\n" behind. */
static const char *load_long(const char *key, size_t n)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    strbuf_addf(&text, "[step x]\n%s = ", key);
    for (size_t i = 0; i < n; i++)
        strbuf_addch(&text, (char)('a' + i % 26));
    strbuf_addstr(&text, "\nz = 1\n");
    return load_bytes(text.buf, text.len);
}

static void values_have_64_kib(void **state)
{
    (void)state;
    assert_string_equal(load_long("a", 198), "");
    assert_string_equal(load_long("a", 5000), "");
    assert_string_equal(load_long("a", 65536), "");
    assert_int_equal(strlen(config.sections[0].values[0].value), 65536);
    assert_int_equal(config.sections[0].values[0].value[65535], 'a' + 65535 % 26);
    assert_int_equal(config.sections[0].values[1].line, 3);
    assert_string_equal(load_long("a", 65537),
                        "ci.ini:2: value of 'a' has 65537 bytes, at most 65536 are taken\n");
    assert_string_equal(load_long("a", 10000000),
                        "ci.ini:2: value of \'a\' has 10000000 bytes, at most 65536 are taken\n");
    assert_string_equal(config_get(&config.sections[0], "z")->value, "1");
    assert_int_equal(config_get(&config.sections[0], "z")->line, 3);
}

static void long_values_of_many_lines_count_too(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    strbuf_addstr(&text, "[step x]\na =\n");
    for (int i = 0; i < 8192; i++)
        strbuf_addstr(&text, "    1234567\n");
    assert_string_equal(load_bytes(text.buf, text.len), "");
    assert_int_equal(strlen(config.sections[0].values[0].value), 65535);
    strbuf_addstr(&text, "    8\n");
    assert_string_equal(load_bytes(text.buf, text.len),
                        "ci.ini:2: value of 'a' has 65537 bytes, at most 65536 are taken\n");
}

static void names_have_limits(void **state)
{
    (void)state;
    char name[66];
    memset(name, 'n', sizeof name);
    name[64] = '\0';
    AUTO_FREE char *fits = xasprintf("[cleanup %s]\na = 1\n[step y]\na = 2\n", name);
    assert_string_equal(load(fits), "");
    assert_string_equal(config.sections[0].name, name);
    assert_string_equal(config_get(&config.sections[0], "a")->value, "1");
    name[64] = 'n';
    name[65] = '\0';
    AUTO_FREE char *over = xasprintf("[step %s]\n", name);
    AUTO_FREE char *said =
        xasprintf("ci.ini:1: bad section [step %s]: names have at most 64 bytes\n", name);
    assert_string_equal(load(over), said);
    AUTO_FREE char *plugin = xasprintf("[%s]\n", name);
    AUTO_FREE char *plugin_said =
        xasprintf("ci.ini:1: bad section [%s]: names have at most 64 bytes\n", name);
    assert_string_equal(load(plugin), plugin_said);
    char key[130];
    memset(key, 'k', sizeof key);
    key[128] = '\0';
    assert_string_equal(load_long(key, 65536), "");
    key[128] = 'k';
    key[129] = '\0';
    load_long(key, 1);
    assert_int_equal(problems.n, 1);
    assert_non_null(strstr(problems.list[0].text, "...': keys have at most 128 bytes"));
}

/* Names that share their first 49 bytes, which is where inih cuts a section's. */
static void long_names_are_told_apart(void **state)
{
    (void)state;
#define FIFTY "a2345678901234567890123456789012345678901234567890"
    assert_string_equal(load("[step " FIFTY "x]\nc = 1\n[step " FIFTY "y]\nc = 2\n"), "");
    assert_string_equal(read_back(), "[step " FIFTY "x]c=<1>[step " FIFTY "y]c=<2>");
}

static void a_flood_of_problems_is_cut(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    for (int i = 0; i < 100; i++)
        strbuf_addf(&text, "rubbish %d\n", i);
    load_bytes(text.buf, text.len);
    assert_int_equal(problems.n, 100);
    strbuf_addstr(&text, "rubbish\n");
    load_bytes(text.buf, text.len);
    assert_int_equal(problems.n, 101);
    assert_string_equal(problems.list[100].text, "and 1 more");
    assert_int_equal(problems.list[100].line, 101);
    for (int i = 0; i < 200000; i++)
        strbuf_addstr(&text, "[step x]\n");
    load_bytes(text.buf, text.len);
    assert_int_equal(problems.n, 101);
    assert_string_equal(problems.list[100].text, "and 200000 more");
}

/* Quadratic work on these would take hours; processor time, since others may be busy here. */
static void a_million_of_each_is_read(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    for (int i = 0; i < 1000000; i++)
        strbuf_addf(&text, "[p%d]\n", i);
    clock_t start = clock();
    assert_string_equal(load_bytes(text.buf, text.len), "");
    assert_int_equal(config.n, 1000000);
    strbuf_clear(&text);
    strbuf_addstr(&text, "[step x]\n");
    for (int i = 0; i < 1000000; i++)
        strbuf_addf(&text, "k%d=v\n", i);
    strbuf_addstr(&text, "k0=w\n");
    assert_string_equal(load_bytes(text.buf, text.len),
                        "ci.ini:1000002: duplicate key 'k0' (first at line 2)\n");
    assert_int_equal(config.sections[0].n, 1000000);
    strbuf_clear(&text);
    strbuf_addstr(&text, "[step x]\na =\n");
    for (int i = 0; i < 2000000; i++)
        strbuf_addstr(&text, "# c\n\n");
    assert_string_equal(load_bytes(text.buf, text.len), "");
    assert_true(clock() - start < 60 * CLOCKS_PER_SEC);
}

static const char *load_failed(const char *path)
{
    forget();
    assert_int_equal(config_load(&config, path, &problems), -1);
    return told();
}

static void what_is_no_file_is_refused_at_once(void **state)
{
    (void)state;
    assert_int_equal(mkdir("folder", 0700), 0);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_string_equal(load_failed("folder"), "folder:0: cannot be read: Is a directory\n");
    assert_string_equal(load_failed("fifo"), "fifo:0: cannot be read: not a regular file\n");
    assert_string_equal(load_failed("/dev/zero"),
                        "/dev/zero:0: cannot be read: not a regular file\n");
    assert_string_equal(load_failed("missing.ini"),
                        "missing.ini:0: cannot be read: No such file or directory\n");
    assert_string_equal(load_failed(""), ":0: cannot be read: No such file or directory\n");
    put("big.ini", "", 0);
    assert_int_equal(truncate("big.ini", (off_t)CONFIG_FILE_MAX + 1), 0);
    assert_string_equal(load_failed("big.ini"), "big.ini:0: longer than 16 MiB\n");
}

static void a_file_of_16_mib_is_read(void **state)
{
    (void)state;
    char *text = xmalloc(CONFIG_FILE_MAX);
    memset(text, ';', CONFIG_FILE_MAX);
    assert_string_equal(load_bytes(text, CONFIG_FILE_MAX), "");
    free(text);
}

/* config_load("-") with `fd` as standard input. */
static int load_stdin(int fd)
{
    forget();
    int saved = dup(0);
    assert_true(saved >= 0 && dup2(fd, 0) == 0);
    int status = config_load(&config, "-", &problems);
    assert_int_equal(dup2(saved, 0), 0);
    close(saved);
    return status;
}

static void standard_input_is_read_to_its_end(void **state)
{
    (void)state;
    static const char text[] = "[step x]\na = 1\nrubbish\n";
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(write_all(ends[1], text, strlen(text)), 0);
    close(ends[1]);
    assert_int_equal(load_stdin(ends[0]), 0);
    close(ends[0]);
    assert_string_equal(told(), "<stdin>:3: expected [section] or key = value, got 'rubbish'\n");
    assert_string_equal(read_back(), "[step x]a=<1>");
    char here[PATH_MAX];
    assert_non_null(getcwd(here, sizeof here));
    assert_string_equal(config.dir, here);
}

static void endless_standard_input_ends(void **state)
{
    (void)state;
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    assert_int_equal(load_stdin(fd), -1);
    close(fd);
    assert_string_equal(told(), "<stdin>:0: longer than 16 MiB\n");
    fd = open(".", O_RDONLY | O_CLOEXEC);
    assert_int_equal(load_stdin(fd), -1);
    close(fd);
    assert_string_equal(told(), "<stdin>:0: cannot be read: Is a directory\n");
}

static void paths_start_at_the_folder_of_the_file(void **state)
{
    (void)state;
    char here[PATH_MAX];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(mkdir("sub", 0700), 0);
    put("sub/a.ini", "[ciplug]\n", 9);
    assert_int_equal(symlink("sub/a.ini", "link.ini"), 0);
    forget();
    assert_int_equal(config_load(&config, "./sub/../sub//a.ini", &problems), 0);
    AUTO_FREE char *sub = xasprintf("%s/sub", here);
    assert_string_equal(config.dir, sub);
    assert_string_equal(config.file, "./sub/../sub//a.ini");
    forget();
    assert_int_equal(config_load(&config, "link.ini", &problems), 0);
    assert_string_equal(config.dir, here);
}

static const char *set(const char *assignment)
{
    problems_free(&problems);
    config_set(&config, assignment, &problems);
    return told();
}

static void set_replaces_and_adds(void **state)
{
    (void)state;
    load(
        "[ciplug]\nworkers = 1\n[step unit]\ncommand = a\n[cleanup down]\n[host far]\n[compose]\n");
    assert_string_equal(set("unit.command=b=c . d "), "");
    assert_string_equal(set("unit.env.FOO=1"), "");
    assert_string_equal(set("unit.compose.service=web"), "");
    assert_string_equal(set("unit.env.FOO="), "");
    assert_string_equal(set("down.timeout=5s"), "");
    assert_string_equal(set("far.workers=3"), "");
    assert_string_equal(set("ciplug.workers=2"), "");
    assert_string_equal(set("compose.file=x.yml"), "");
    assert_string_equal(set("junit.file=x.xml"), "");
    assert_string_equal(set("junit.name=j"), "");
    assert_string_equal(read_back(),
                        "[ciplug]workers=<2>[step unit]command=<b=c . d >env.FOO=<>"
                        "compose.service=<web>[cleanup down]timeout=<5s>[host far]workers=<3>"
                        "[compose]file=<x.yml>[junit]file=<x.xml>name=<j>");
    const struct config_value *command = config_get(&config.sections[1], "command");
    assert_string_equal(command->file, "--set");
    assert_int_equal(command->line, 0);
    assert_string_equal(config_find(&config, "junit", NULL)->file, "--set");
}

static void set_prefers_a_step_of_that_name(void **state)
{
    (void)state;
    load("[junit]\n[host junit]\n[step junit]\n");
    assert_string_equal(set("junit.a=1"), "");
    assert_string_equal(read_back(), "[junit][host junit][step junit]a=<1>");
    load("[step step]\n");
    assert_string_equal(set("step.a=1"), "");
    assert_string_equal(read_back(), "[step step]a=<1>");
}

static void set_works_without_the_section(void **state)
{
    (void)state;
    load("");
    assert_string_equal(set("ciplug.workers=2"), "");
    assert_string_equal(read_back(), "[ciplug]workers=<2>");
}

static void bad_assignments_are_problems(void **state)
{
    (void)state;
#define EXPECTED "--set:0: expected STEP.KEY=VALUE, got "
    load("[step unit]\n");
    assert_string_equal(set(""), EXPECTED "''\n");
    assert_string_equal(set("unit"), EXPECTED "'unit'\n");
    assert_string_equal(set("unit.command"), EXPECTED "'unit.command'\n");
    assert_string_equal(set("FOO=a.b"), EXPECTED "'FOO=a.b'\n");
    assert_string_equal(set(".a=1"), EXPECTED "'.a=1': a name is missing\n");
    assert_string_equal(set("unit.=1"), EXPECTED "'unit.=1': a key is missing\n");
    assert_string_equal(set("u t.a=1"),
                        EXPECTED "'u t.a=1': names are made of letters, digits, '_' and '-'\n");
    assert_string_equal(set("unit.a =1"), EXPECTED
                        "'unit.a =1': keys are made of letters, digits, '_', '-' and '.'\n");
    assert_string_equal(set("step.unit.a=1"),
                        "--set:0: 'step.unit.a=1': write the section's own name, NAME.KEY=VALUE, "
                        "without step\n");
    char *longest = xasprintf("unit.a=%065536d", 1);
    assert_string_equal(set(longest), "");
    free(longest);
    longest = xasprintf("unit.a=%065537d", 1);
    assert_non_null(strstr(set(longest), "...': values have at most 65536 bytes\n"));
    free(longest);
    assert_int_equal(config.n, 1);
    assert_int_equal(config.sections[0].n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_have_64_kib),
        TEST(long_values_of_many_lines_count_too),
        TEST(names_have_limits),
        TEST(long_names_are_told_apart),
        TEST(a_flood_of_problems_is_cut),
        TEST(a_million_of_each_is_read),
        TEST(what_is_no_file_is_refused_at_once),
        TEST(a_file_of_16_mib_is_read),
        TEST(standard_input_is_read_to_its_end),
        TEST(endless_standard_input_ends),
        TEST(paths_start_at_the_folder_of_the_file),
        TEST(set_replaces_and_adds),
        TEST(set_prefers_a_step_of_that_name),
        TEST(set_works_without_the_section),
        TEST(bad_assignments_are_problems),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
