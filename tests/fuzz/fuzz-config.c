/* SPDX-License-Identifier: MIT
 *
 * Input: a configuration. Comment lines "; --set STEP.KEY=VALUE", "; --only" and "; STEP:GLOB"
 * (that is "; " and a word that starts with a letter) are what the command line says.
 *
 * What was parsed, written as an INI file again, must parse to the same; and a plan must be one
 * that the rest of the program can rely on.
 */
#include "config_parse.h"
#include "fuzz.h"
#include "ini_lines.h"
#include "plan.h"
#include "plan_internal.h"

#include <fcntl.h>
#include <unistd.h>

#define SECRET "qX7zPw9vK3"

/* ---- a folder for globs and files, and plugins that exist only here ---- */

static char *folder;
static const char *const files[] = {"a.txt", "b.txt", ".hidden", "items", "vars"};

static void remove_folder(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        AUTO_FREE char *path = xasprintf("%s/%s", folder, files[i]);
        unlink(path);
    }
    rmdir(folder);
    free(folder);
}

/* Not the working folder: libFuzzer has its own plans there. */
static void make_folder(void)
{
    static const char items[] = "one\ntwo\r\n\nthree b\n", vars[] = "A=1\n# x\nexport B='2 3'\n";
    const char *place = getenv("TMPDIR");
    folder = xasprintf("%s/ciplug-fuzz-XXXXXX", place && *place == '/' ? place : "/tmp");
    HOLDS(mkdtemp(folder));
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        AUTO_FREE char *path = xasprintf("%s/%s", folder, files[i]);
        AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        const char *text = strcmp(files[i], "items") == 0 ? items : vars;
        HOLDS(fd >= 0 && write_all(fd, text, strlen(text)) == 0);
    }
    atexit(remove_folder);
}

static int build_nothing(void *self, const struct ciplug_command *command,
                         const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    (void)self;
    (void)command;
    (void)inner;
    (void)out;
    return 0;
}

#define BUILDER(variable, text, bits)                                                              \
    static const struct ciplug_builder variable = {.size = sizeof(struct ciplug_builder),          \
                                                   .name = text,                                   \
                                                   .flags = bits,                                  \
                                                   .build = build_nothing}
#define PLUGIN(variable, text, ...)                                                                \
    static const struct ciplug_plugin variable = {.size = sizeof(struct ciplug_plugin),            \
                                                  .abi_major = CIPLUG_ABI_MAJOR,                   \
                                                  .name = text,                                    \
                                                  .version = "1",                                  \
                                                  .summary = "",                                   \
                                                  __VA_ARGS__}
#define OPTION(variable, text, kind)                                                               \
    static const struct ciplug_option variable = {                                                 \
        .size = sizeof(struct ciplug_option), .name = text, .type = kind, .min = 0, .max = 9}

BUILDER(run_shell, "", 0);
BUILDER(docker_exec, "exec", CIPLUG_BUILDER_REMOTE);
BUILDER(docker_build, "build", CIPLUG_BUILDER_LEAF | CIPLUG_BUILDER_CREATES);
OPTION(docker_image, "image", CIPLUG_OPTION_STRING);
OPTION(docker_level, "level", CIPLUG_OPTION_INTEGER);
static const struct ciplug_builder *const shell_builders[] = {&run_shell, NULL};
static const struct ciplug_builder *const docker_builders[] = {&docker_exec, &docker_build, NULL};
static const struct ciplug_option *const docker_options[] = {&docker_image, &docker_level, NULL};
PLUGIN(shell_plugin, "shell", .builders = shell_builders);
PLUGIN(docker_plugin, "docker", .builders = docker_builders, .options = docker_options);

/* Lines for people: whole ones, without what a terminal would take for an order. */
static void look_at_line(void *data, const char *line, size_t length)
{
    (void)data;
    HOLDS(length > 0 && line[length - 1] == '\n');
    for (size_t i = 0; i + 1 < length; i++)
        HOLDS((unsigned char)line[i] >= ' ' && line[i] != 0x7f);
}

/* ---- from text to sections ---- */

static void check_section(const struct config *config, size_t i, int lines, bool good)
{
    const struct config_section *section = &config->sections[i];
    HOLDS(!config_name_fault(section->kind));
    HOLDS(!section->name || !config_name_fault(section->name));
    HOLDS(config_kind_named(section->kind) == (section->name != NULL));
    HOLDS(section->line > 0 && section->line <= lines);
    HOLDS(i == 0 || section->line > config->sections[i - 1].line);
    HOLDS(config_find(config, section->kind, section->name) == section);
    for (size_t k = 0; k < section->n; k++) {
        const struct config_value *value = &section->values[k];
        size_t length = strlen(value->value);
        HOLDS(!config_key_fault(value->key) && value->file == config->file);
        HOLDS(value->line > (k ? section->values[k - 1].line : section->line));
        HOLDS(value->line <= lines);
        HOLDS(!strchr(value->value, '\r'));
        HOLDS(!length || !strchr(" \t\v\f\n", value->value[length - 1]));
        /* The first of several lines may have been reported, and left out. */
        HOLDS(!length || !good || !strchr(" \t\v\f\n", value->value[0]));
        HOLDS(config_get(section, value->key) == value);
    }
}

static int count_lines(const uint8_t *data, size_t size)
{
    int n = size > 0 && data[size - 1] != '\n';
    for (size_t i = 0; i < size; i++)
        n += data[i] == '\n';
    return n;
}

static void check_config(const struct config *config, const struct problems *problems,
                         const uint8_t *data, size_t size)
{
    int lines = count_lines(data, size);
    for (size_t i = 0; i < config->n; i++)
        check_section(config, i, lines, problems->n == 0);
    HOLDS(problems->n <= COMPLAINTS_MAX + 1);
    for (size_t i = 0; i < problems->n; i++)
        HOLDS(problems->list[i].line > 0 && problems->list[i].line <= lines);
}

static void parse(struct config *config, struct problems *problems, const void *data, size_t size)
{
    AUTO_FREE char *exact = xmemdup(data, size);
    *config = (struct config){.file = xstrdup("ci.ini"), .dir = xstrdup(folder)};
    HOLDS(config_parse(config, exact, size, problems) == 0);
}

static void same_config(const struct config *a, const struct config *b)
{
    HOLDS(a->n == b->n);
    for (size_t i = 0; i < a->n; i++) {
        const struct config_section *x = &a->sections[i], *y = &b->sections[i];
        HOLDS(strcmp(x->kind, y->kind) == 0 && !x->name == !y->name && x->n == y->n);
        HOLDS(!x->name || strcmp(x->name, y->name) == 0);
        for (size_t k = 0; k < x->n; k++) {
            HOLDS(strcmp(x->values[k].key, y->values[k].key) == 0);
            HOLDS(strcmp(x->values[k].value, y->values[k].value) == 0);
        }
    }
}

/* As a file with the values on indented lines, or those of one line beside their keys. */
static void write_config(const struct config *config, bool beside, const char *newline,
                         struct strbuf *out)
{
    for (size_t i = 0; i < config->n; i++) {
        const struct config_section *section = &config->sections[i];
        strbuf_addf(out, "[%s%s%s]%s", section->kind, section->name ? " " : "",
                    section->name ? section->name : "", newline);
        for (size_t k = 0; k < section->n; k++) {
            const char *text = section->values[k].value;
            strbuf_addf(out, "%s =", section->values[k].key);
            if (beside && !strchr(text, '\n')) {
                strbuf_addf(out, " %s%s", text, newline);
                continue;
            }
            for (size_t n; *text; text += n + (text[n] == '\n')) {
                n = strcspn(text, "\n");
                strbuf_addf(out, "%s  %.*s", newline, (int)n, text);
            }
            strbuf_addstr(out, newline);
        }
    }
}

static void parse_again(const struct config *config)
{
    static const struct {
        bool beside;
        const char *start, *newline;
    } ways[] = {{false, "", "\n"}, {true, "", "\n"}, {true, "\xef\xbb\xbf", "\r\n"}};
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        AUTO_STRBUF struct strbuf text = STRBUF_INIT;
        struct config again;
        struct problems problems = {0};
        strbuf_addstr(&text, ways[i].start);
        write_config(config, ways[i].beside, ways[i].newline, &text);
        parse(&again, &problems, strbuf_text(&text), text.len);
        HOLDS(problems.n == 0);
        same_config(config, &again);
        config_free(&again);
        problems_free(&problems);
    }
}

/* ---- from sections to a plan ---- */

struct command_line {
    struct strv sets, selections;
    bool only;
};

static void read_command_line(struct command_line *line, const uint8_t *data, size_t size)
{
    AUTO_FREE char *text = xstrndup((const char *)data, size);
    char *next = text;
    for (char *at; (at = strsep(&next, "\n"));) {
        if (str_starts(at, "; --set "))
            strv_push(&line->sets, at + strlen("; --set "));
        else if (strcmp(at, "; --only") == 0)
            line->only = true;
        else if (str_starts(at, "; ") && strspn(at + 2, "abcdefghijklmnopqrstuvwxyz"))
            strv_push(&line->selections, at + 2);
    }
}

/* Whether a path stays in the folder. More is refused than would have to be. */
static bool stays(const char *text)
{
    for (const char *slash = text; (slash = strchr(slash, '/')); slash++) {
        if (slash == text || !strchr("abcdefghijklmnopqrstuvwxyz0123456789_*?-", slash[-1]))
            return false;
    }
    return true;
}

/* How many units a section may come to, roughly; no more than needed are made here. */
static double units(const struct config_section *section)
{
    double n = 1;
    for (size_t i = 0; i < section->n; i++) {
        AUTO_STRV struct strv words = STRV_INIT;
        const char *key = section->values[i].key, *text = section->values[i].value;
        strv_split(&words, text);
        if (strcmp(key, "count") == 0 || strcmp(key, "workers") == 0)
            n *= strtod(text, NULL) > 1 ? strtod(text, NULL) : 1;
        else if (str_starts(key, "matrix.") || strcmp(key, "items") == 0)
            n *= (double)words.n + 9;
    }
    return n;
}

/* Neither reads files elsewhere nor takes seconds. */
static bool is_tame(const struct config *config)
{
    double n = 1, inherited = 1;
    for (size_t i = 0; i < config->n; i++) {
        const struct config_section *section = &config->sections[i];
        if (strcmp(section->kind, "ciplug") == 0)
            inherited = units(section);
        else
            n += units(section);
        for (size_t k = 0; k < section->n; k++) {
            const char *key = section->values[k].key;
            bool path =
                !strcmp(key, "items") || !strcmp(key, "items_file") || !strcmp(key, "env_file");
            if (path && !stays(section->values[k].value))
                return false;
        }
    }
    return n * inherited < 5000;
}

static void check_units(const struct step *step)
{
    AUTO_FREE unsigned char *seen = xcalloc(step->n_units + 1, 1);
    size_t n = 0;
    for (size_t i = 0; i < step->n_units; i++) {
        const struct unit *unit = &step->units[i];
        HOLDS(unit->label && unit->values.n == step->matrix_names.n);
        HOLDS(unit->number > 0 && (i == 0 || unit->number > step->units[i - 1].number));
        HOLDS((unit->item != NULL) == plan_has_items(step));
    }
    for (size_t i = 0; i < step->n_commands; i++) {
        const struct planned *command = &step->commands[i];
        HOLDS(command->n > 0 && command->number > 0);
        for (size_t k = 0; k < command->n; k++) {
            HOLDS(command->units[k] < step->n_units && !seen[command->units[k]]++);
            HOLDS(plan_same_cell(&step->units[command->units[0]], &step->units[command->units[k]]));
        }
        n += command->n;
    }
    /* Every unit in one command, unless the schedule forms batches. */
    HOLDS(step->batch ? step->n_commands == 0 : n == step->n_units);
}

static void check_step(const struct plan *plan, const struct step *step)
{
    uint32_t slots = plan_step_slots(plan, step);
    HOLDS(plan_find_step(plan, step->name) == step);
    HOLDS(step->hosts.n > 0 && slots <= plan->n_slots);
    HOLDS(!step->selected || slots > 0);
    HOLDS(!step->selected || (step->weight > 0 && step->weight <= slots));
    for (size_t i = 0; i < step->hosts.n; i++)
        HOLDS(strcmp(plan->hosts[step->on_hosts[i]].name, step->hosts.v[i]) == 0);
    for (size_t i = 0; i < step->n_needs; i++)
        HOLDS(step->needs[i] < plan->n_steps && (step->cleanup || step->needs[i] != step->index));
    HOLDS(step->source != SOURCE_ITEMS_FROM || step->items_from < plan->n_steps);
    for (size_t i = 0; i < step->n_env; i++)
        HOLDS(strchr(step->env[i].text, '='));
    check_units(step);
}

/* Kahn's way: each round leaves the steps whose needs are gone. */
static void check_no_cycle(const struct plan *plan)
{
    AUTO_FREE bool *gone = xcalloc(plan->n_steps + 1, sizeof *gone);
    size_t left = plan->n_steps;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < plan->n_steps; i++) {
            const struct step *step = &plan->steps[i];
            size_t k = 0;
            while (k < step->n_needs && gone[step->needs[k]])
                k++;
            if (gone[i] || k < step->n_needs)
                continue;
            gone[i] = moved = true;
            left--;
        }
    }
    HOLDS(left == 0);
}

static void check_plan(const struct plan *plan)
{
    uint32_t slot = 1;
    for (size_t i = 0; i < plan->n_hosts; i++) {
        HOLDS(plan->hosts[i].first == slot && plan->hosts[i].slots > 0);
        HOLDS(plan_slot_host(plan, slot) == &plan->hosts[i]);
        slot += plan->hosts[i].slots;
    }
    HOLDS(plan->n_slots == slot - 1);
    for (size_t i = 0; i < plan->n_steps; i++)
        check_step(plan, &plan->steps[i]);
    for (size_t i = 0; i < plan->n_cleanups; i++)
        check_step(plan, &plan->cleanups[i]);
    check_no_cycle(plan);
}

/* A value that is masked stands in no message, unless the file itself says it. */
static void check_secret(const struct plan *plan, const struct problems *problems)
{
    for (size_t i = 0; i < problems->n; i++)
        HOLDS(!strstr(problems->list[i].text, SECRET));
    for (size_t i = 0; i < plan->notices.n; i++)
        HOLDS(!strstr(plan->notices.v[i], SECRET));
}

static void make_plan(struct config *config, const struct command_line *line, bool says_secret)
{
    struct plugins plugins = {0};
    struct problems problems = {0};
    struct plan plan;
    plugins_add(&plugins, &shell_plugin, "built in");
    plugins_add(&plugins, &docker_plugin, "built in");
    for (size_t i = 0; i < line->sets.n; i++)
        config_set(config, line->sets.v[i], &problems);
    const struct plan_request request = {.selections = (const char *const *)line->selections.v,
                                         .only = line->only,
                                         .workers = line->only ? 2 : 0};
    if (is_tame(config)) {
        int made = plan_make(&plan, config, &plugins, &request, &problems);
        HOLDS((made < 0) == (problems.n > 0));
        if (made >= 0)
            check_plan(&plan);
        if (!says_secret)
            check_secret(&plan, &problems);
        plan_free(&plan);
    }
    problems_print(&problems);
    problems_free(&problems);
    plugins_close(&plugins);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    if (!ready) {
        make_folder();
        setenv("FUZZ_SECRET", SECRET, 1);
        setenv("FUZZ_SHORT", "abc", 1);
        msg_set_sink(look_at_line, NULL);
        ready = true;
    }
    struct config config;
    struct problems problems = {0};
    struct command_line line = {0};
    parse(&config, &problems, data, size);
    check_config(&config, &problems, data, size);
    problems_print(&problems);
    if (problems.n == 0)
        parse_again(&config);
    read_command_line(&line, data, size);
    make_plan(&config, &line, size && memmem(data, size, SECRET, strlen(SECRET)));
    config_free(&config);
    problems_free(&problems);
    strv_free(&line.sets);
    strv_free(&line.selections);
    return 0;
}
