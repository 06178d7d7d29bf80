/* SPDX-License-Identifier: MIT */
#include "cli.h"
#include "msg.h"
#include "options.h"
#include "runs.h"
#include "safeguard.h"
#include "util.h"

#include <ciplug/plugin.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: ciplug [run] [-c FILE] [options] [STEP[:ITEM-GLOB]...]\n"
    "       ciplug list | check | report | reap | plugins [NAME]\n"
    "\n"
    "  run            run the steps named and what they need, or all (the default)\n"
    "  list           show the plan: steps, needs, commands, slots (--json)\n"
    "  check          verify everything that can be verified without running a step\n"
    "  report RUN...  render a reporter from journals: --to NAME[=FILE]\n"
    "  reap [RUN...]  remove what dead runs left\n"
    "  plugins [NAME] show plugins, their builders and options (--json); --new NAME begins one\n"
    "\n"
    "  -c, --config FILE       default ci.ini; - reads standard input\n"
    "  -j, --workers N         slots of this machine\n"
    "  -n, --dry-run           show every command as it would run; run nothing\n"
    "  -s, --set STEP.KEY=VAL  override a key; ciplug.KEY and PLUGIN.KEY too\n"
    "      --only              the steps named without what they need\n"
    "      --fail-fast         cancel everything at the first failure\n"
    "      --keep-going        go on with every step that does not need the failed one\n"
    "      --resume[=RUN]      only what has not passed in RUN (default: the latest)\n"
    "      --keep              on failure no cleanup; says how to look inside\n"
    "      --output MODE       group, live, failures or none\n"
    "      --progress WHEN     auto, plain or none\n"
    "      --color WHEN        auto, always or never\n"
    "      --plugin-path DIRS  searched first, separated by ':'\n"
    "      --state-dir DIR     default .ciplug\n"
    "  -q, -v                  less, more\n"
    "  -V, --version  -h, --help\n"
    "\n"
    "status: 0 passed, 1 failed, 2 bad usage or configuration, 3 no verdict,\n"
    "        4 nothing to run, 128+N ended by signal N\n";

enum {
    OPT_ONLY = 256,
    OPT_FAIL_FAST,
    OPT_KEEP_GOING,
    OPT_RESUME,
    OPT_KEEP,
    OPT_OUTPUT,
    OPT_PROGRESS,
    OPT_COLOR,
    OPT_PLUGIN_PATH,
    OPT_STATE_DIR,
    OPT_TO,
    OPT_JSON,
    OPT_NEW
};

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"workers", required_argument, NULL, 'j'},
    {"dry-run", no_argument, NULL, 'n'},
    {"set", required_argument, NULL, 's'},
    {"quiet", no_argument, NULL, 'q'},
    {"verbose", no_argument, NULL, 'v'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {"only", no_argument, NULL, OPT_ONLY},
    {"fail-fast", no_argument, NULL, OPT_FAIL_FAST},
    {"keep-going", no_argument, NULL, OPT_KEEP_GOING},
    {"resume", optional_argument, NULL, OPT_RESUME},
    {"keep", no_argument, NULL, OPT_KEEP},
    {"output", required_argument, NULL, OPT_OUTPUT},
    {"progress", required_argument, NULL, OPT_PROGRESS},
    {"color", required_argument, NULL, OPT_COLOR},
    {"plugin-path", required_argument, NULL, OPT_PLUGIN_PATH},
    {"state-dir", required_argument, NULL, OPT_STATE_DIR},
    {"to", required_argument, NULL, OPT_TO},
    {"json", no_argument, NULL, OPT_JSON},
    {"new", no_argument, NULL, OPT_NEW},
    {0},
};

static const char *const verbs[] = {
    [VERB_RUN] = "run",       [VERB_LIST] = "list", [VERB_CHECK] = "check",
    [VERB_REPORT] = "report", [VERB_REAP] = "reap", [VERB_PLUGINS] = "plugins"};

static int say(int fd, const char *text)
{
    return write_all(fd, text, strlen(text)) < 0 ? 3 : 0;
}

static int bad_usage(void)
{
    (void)say(2, "try 'ciplug --help'\n");
    return 2;
}

/* getopt would print the word as it is. */
static int bad_option(int option, const char *word)
{
    if (option == ':')
        msg(MSG_ERROR, "option '%s' needs a value", word);
    else if (optopt && str_starts(word, "--"))
        msg(MSG_ERROR, "option '%s' takes no value", word);
    else if (optopt)
        msg(MSG_ERROR, "there is no option '-%c'", optopt);
    else
        msg(MSG_ERROR, "there is no option '%s', or several begin like that", word);
    return bad_usage();
}

static int set_workers(struct cli *cli, const char *text)
{
    int64_t number;
    const char *error;
    if (parse_integer(text, 1, 10000, &number, &error) < 0) {
        msg(MSG_ERROR, "-j: %s, got '%s'", error, text);
        return 2;
    }
    cli->workers = (uint32_t)number;
    return -1;
}

/* *value becomes the index of `text` among `names`; messages name the option. */
static int choose(const char *option, const char *text, const char *const *names, int *value)
{
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], text) == 0) {
            *value = i;
            return -1;
        }
    }
    AUTO_STRBUF struct strbuf all = STRBUF_INIT;
    for (size_t i = 0; names[i]; i++)
        strbuf_addf(&all, "%s%s", i ? ", " : "", names[i]);
    msg(MSG_ERROR, "%s: expected one of %s, got '%s'", option, all.buf, text);
    return 2;
}

static const char *const outputs[] = {"group", "live", "failures", "none", NULL};
static const int output_values[] = {CIPLUG_OUTPUT_GROUP, CIPLUG_OUTPUT_LIVE, CIPLUG_OUTPUT_FAILURES,
                                    CIPLUG_OUTPUT_NONE};
static const char *const progresses[] = {"auto", "plain", "none", NULL};
static const char *const colors[] = {"auto", "always", "never", NULL};

static bool names_run(const struct cli *cli, const char *word)
{
    if (!word || !run_id_valid(word))
        return false;
    AUTO_FREE char *path = xasprintf("%s/runs/%s", cli->run.state_dir, word);
    return access(path, F_OK) == 0;
}

static int take_choice(struct cli *cli, int option, const char *value)
{
    int at = 0, status;
    if (option == OPT_OUTPUT) {
        status = choose("--output", value, outputs, &at);
        cli->run.output = output_values[at];
    } else if (option == OPT_PROGRESS) {
        status = choose("--progress", value, progresses, &at);
        cli->run.progress = progresses[at];
    } else {
        status = choose("--color", value, colors, &at);
        cli->run.color = colors[at];
    }
    return status;
}

static int take_plain(struct cli *cli, int option)
{
    switch (option) {
    case 'n':
        cli->dry_run = true;
        break;
    case 'q':
        cli->run.verbosity = -1;
        break;
    case 'v':
        cli->run.verbosity = 1;
        break;
    case 'V':
        return say(1, "ciplug " PACKAGE_VERSION BUILD_KIND "\n");
    case 'h':
        return say(1, help);
    case OPT_ONLY:
        cli->only = true;
        break;
    case OPT_FAIL_FAST:
        cli->run.mode = FAILURE_CANCEL_ALL;
        break;
    case OPT_KEEP_GOING:
        cli->run.mode = FAILURE_KEEP_GOING;
        break;
    case OPT_KEEP:
        cli->run.keep = true;
        break;
    case OPT_JSON:
        cli->json = true;
        break;
    case OPT_NEW:
        cli->new_plugin = true;
        break;
    default:
        return bad_usage();
    }
    return -1;
}

/* Which options a verb listens to; the rest would be dropped silently, so they are refused. */
static const char *const heard[] = {
    [VERB_RUN] = "cjnsqv", [VERB_LIST] = "cjsqv", [VERB_CHECK] = "cjsqv",
    [VERB_REPORT] = "qsv", [VERB_REAP] = "qv",    [VERB_PLUGINS] = "qv",
};
static const int heard_long[][12] = {
    [VERB_RUN] = {OPT_ONLY, OPT_FAIL_FAST, OPT_KEEP_GOING, OPT_RESUME, OPT_KEEP, OPT_OUTPUT,
                  OPT_PROGRESS, OPT_COLOR, OPT_PLUGIN_PATH, OPT_STATE_DIR},
    [VERB_LIST] = {OPT_ONLY, OPT_JSON, OPT_PLUGIN_PATH, OPT_STATE_DIR},
    [VERB_CHECK] = {OPT_ONLY, OPT_PLUGIN_PATH, OPT_STATE_DIR},
    [VERB_REPORT] = {OPT_TO, OPT_OUTPUT, OPT_COLOR, OPT_PROGRESS, OPT_PLUGIN_PATH, OPT_STATE_DIR},
    [VERB_REAP] = {OPT_PLUGIN_PATH, OPT_STATE_DIR},
    [VERB_PLUGINS] = {OPT_JSON, OPT_NEW, OPT_PLUGIN_PATH, OPT_STATE_DIR},
};

static bool hears(enum verb verb, int option)
{
    if (option < OPT_ONLY)
        return strchr(heard[verb], option) != NULL;
    for (size_t i = 0; i < ARRAY_SIZE(heard_long[verb]); i++) {
        if (heard_long[verb][i] == option)
            return true;
    }
    return false;
}

static int refuse_deaf(const struct cli *cli, const int *used, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (hears(cli->verb, used[i]))
            continue;
        const struct option *option = options;
        while (option->val != used[i])
            option++;
        msg(MSG_ERROR, "--%s means nothing to '%s'", option->name, verbs[cli->verb]);
        return 2;
    }
    return -1;
}

static int take(struct cli *cli, int option, const char *value)
{
    switch (option) {
    case 'c':
        cli->config = value;
        break;
    case 'j':
        return set_workers(cli, value);
    case 's':
        strv_push(&cli->set, value);
        break;
    case OPT_TO:
        strv_push(&cli->to, value);
        break;
    case OPT_RESUME:
        cli->run.resume = value ? value : "";
        break;
    case OPT_PLUGIN_PATH:
        cli->plugin_path = value;
        break;
    case OPT_STATE_DIR:
        cli->run.state_dir = value;
        break;
    case OPT_OUTPUT:
    case OPT_PROGRESS:
    case OPT_COLOR:
        return take_choice(cli, option, value);
    default:
        return take_plain(cli, option);
    }
    return -1;
}

/* `--resume RUN`: a word right behind it that names a run of the state folder is meant. */
static int find_resume_word(const struct cli *cli, int argc, char **argv)
{
    for (int i = 1; i + 1 < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--resume") == 0 && names_run(cli, argv[i + 1]))
            return i + 1;
    }
    return 0;
}

static void take_words(struct cli *cli, int argc, char **argv, const char *resume)
{
    int i = optind;
    for (size_t v = 0; i < argc && v < ARRAY_SIZE(verbs); v++) {
        if (strcmp(argv[i], verbs[v]) == 0) {
            cli->verb = (enum verb)v;
            i++;
            break;
        }
    }
    for (; i < argc; i++) {
        if (argv[i] == resume)
            cli->run.resume = resume;
        else
            strv_push(&cli->words, argv[i]);
    }
}

int cli_parse(struct cli *cli, int argc, char **argv)
{
    *cli = (struct cli){
        .config = "ci.ini",
        .run = {.output = CIPLUG_OUTPUT_GROUP,
                .progress = "auto",
                .color = "auto",
                .state_dir = ".ciplug",
                .argv = (const char *const *)argv},
    };
    /* getopt_long moves words about; what stood behind --resume is to be known before. */
    AUTO_FREE char **original = xmemdup(argv, (size_t)argc * sizeof *argv);
    AUTO_FREE int *used = xcalloc((size_t)argc + 1, sizeof *used);
    size_t n_used = 0, n_alloc = (size_t)argc + 1;
    int option;
    while ((option = getopt_long(argc, argv, ":c:j:ns:qvVh", options, NULL)) != -1) {
        if (option == '?' || option == ':')
            return bad_option(option, argv[optind - 1]);
        ARRAY_GROW(used, n_used, n_alloc);
        used[n_used++] = option;
        int status = take(cli, option, optarg);
        if (status >= 0)
            return status;
    }
    int at = cli->run.resume ? find_resume_word(cli, argc, original) : 0;
    take_words(cli, argc, argv, at ? original[at] : NULL);
    return refuse_deaf(cli, used, n_used);
}

void cli_free(struct cli *cli)
{
    strv_free(&cli->set);
    strv_free(&cli->to);
    strv_free(&cli->words);
}
