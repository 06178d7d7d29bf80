/* SPDX-License-Identifier: MIT
 *
 * Input: a shell command with placeholders, then words, each with a NUL behind it. What is quoted
 * is read back by the rules of a POSIX shell, written down here once more; in the command a word
 * may change nothing beside itself.
 */
#include "argv.h"
#include "expand.h"
#include "fuzz.h"
#include "placeholder.h"
#include "shellscan.h"

/* ---- a shell that knows words only ---- */

static const char safe[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-";

/* Inside "..": only "$NAME" may come. */
static const char *read_variable(const char *text, struct strbuf *word)
{
    HOLDS(text[0] == '$');
    size_t n = strcspn(text, "\"");
    HOLDS(text[n] == '"');
    AUTO_FREE char *name = xstrndup(text + 1, n - 1);
    const char *value = getenv(name);
    HOLDS(value);
    strbuf_addstr(word, value);
    return text + n + 1;
}

/* One word as a shell reads it; it ends at a blank or the end. Bytes that mean something to a shell
 * stand in quotes. */
static const char *read_word(const char *text, struct strbuf *word, bool *plain)
{
    const char *start = text;
    *plain = true;
    while (*text && *text != ' ') {
        char c = *text++;
        if (strchr(safe, c)) {
            strbuf_addch(word, c);
            continue;
        }
        *plain = false;
        if (c == '\'') {
            size_t n = strcspn(text, "'");
            HOLDS(text[n] == '\'');
            strbuf_add(word, text, n);
            text += n + 1;
        } else if (c == '"') {
            text = read_variable(text, word);
        } else {
            HOLDS(c == '\\' && *text == '\'');
            strbuf_addch(word, *text++);
        }
    }
    HOLDS(text > start);
    return text;
}

static void read_words(const char *text, struct strv *words, const char **first_plain)
{
    *first_plain = NULL;
    while (*text) {
        AUTO_STRBUF struct strbuf word = STRBUF_INIT;
        bool plain;
        text = read_word(text, &word, &plain);
        strv_push(words, strbuf_text(&word));
        if (words->n == 1 && plain)
            *first_plain = words->v[0];
        HOLDS(*text != ' ' || text[1]);
        text += *text == ' ';
    }
}

static void same_words(const struct strv *a, const struct strv *b)
{
    HOLDS(a->n == b->n);
    for (size_t i = 0; i < a->n; i++)
        HOLDS(strcmp(a->v[i], b->v[i]) == 0);
}

/* ---- words on their own, and commands as they are shown ---- */

static void quote_words(const struct strv *words)
{
    for (int always = 0; always < 2; always++) {
        AUTO_STRBUF struct strbuf text = STRBUF_INIT;
        AUTO_STRV struct strv back = STRV_INIT, split = STRV_INIT;
        const char *plain, *error;
        for (size_t i = 0; i < words->n; i++) {
            if (i)
                strbuf_addch(&text, ' ');
            if (always)
                shell_quote_always(&text, words->v[i]);
            else
                shell_quote(&text, words->v[i]);
        }
        read_words(strbuf_text(&text), &back, &plain);
        same_words(words, &back);
        HOLDS(!always || !plain);
        HOLDS(argv_split(&split, strbuf_text(&text), &error) == 0);
        same_words(words, &split);
    }
}

static char secret[512] = "FUZZ_SECRET=";

/* The value of a variable that is masked: what the environment holds stays one buffer. */
static void set_secret(const char *value)
{
    char *start = secret + strlen("FUZZ_SECRET=");
    size_t n = strnlen(value, sizeof secret - (size_t)(start - secret) - 1);
    memcpy(start, value, n);
    start[n] = '\0';
    if (!getenv("FUZZ_SECRET"))
        putenv(secret);
}

static bool is_word_of(const char *text, const char *bytes)
{
    return *text && text[strspn(text, bytes)] == '\0';
}

static void show_command(const struct strv *words, bool surroundings)
{
    static char name[] = "FUZZ_SECRET", *names[] = {name, NULL};
    const struct strv masked = {names, 1, 0};
    AUTO_ARGV struct argv argv = ARGV_INIT;
    AUTO_STRV struct strv expected = STRV_INIT, back = STRV_INIT;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    const char *value = getenv(name), *plain;
    strv_copy(&argv.words, words);
    if (surroundings) {
        argv.cwd = xstrdup("/a b");
        strv_take(&argv.env, xasprintf("A=%s", words->v[0]));
        strv_take(&argv.env, xasprintf("B=%s%s!", words->v[0], value));
        strv_take(&argv.env, xasprintf("FUZZ_SECRET=%s", value));
        strv_push(&expected, "env");
        strv_push(&expected, "-C");
        strv_push(&expected, argv.cwd);
        strv_copy(&expected, &argv.env);
    }
    strv_copy(&expected, words);
    argv_show(&text, &argv, &masked, NULL);
    read_words(strbuf_text(&text), &back, &plain);
    same_words(&expected, &back);
    HOLDS(surroundings || !plain || (!shell_is_reserved(plain) && !strchr(plain, '=')));
    strbuf_clear(&text);
    strv_clear(&argv.words);
    strv_push(&argv.words, "true");
    argv_show(&text, &argv, &masked, NULL);
    bool letters = is_word_of(value, "abcdefghijklmnopqrstuvwxyz0123456789");
    HOLDS(!surroundings || !letters || strlen(value) < 6 || !strstr(text.buf, value));
}

/* ---- placeholders in a shell command ---- */

struct place {
    const struct expand_vars *vars;
    const char *out;       /* what expand() wrote */
    size_t at;             /* how much of it is known */
    struct strbuf model;   /* the same with 'x' for each value that may hold anything */
    struct strbuf literal; /* beside model: 1: of the template, 0: of a value */
    struct strbuf origin;  /* beside out: likewise; 2: of a value that may hold anything,
                              3: of one behind the first of {items} */
};

static void add_literal(struct place *place, const char *text, size_t length)
{
    HOLDS(strncmp(place->out + place->at, text, length) == 0);
    place->at += length;
    strbuf_add(&place->model, text, length);
    for (size_t i = 0; i < length; i++) {
        strbuf_addch(&place->literal, 1);
        strbuf_addch(&place->origin, 1);
    }
}

static void add_origin(struct place *place, size_t n, char origin)
{
    place->at += n;
    while (n--)
        strbuf_addch(&place->origin, origin);
}

/* Quoted or plain, it stands there as one word. */
static void add_value(struct place *place, const char *value, char origin)
{
    AUTO_STRBUF struct strbuf quoted = STRBUF_INIT;
    const char *here = place->out + place->at;
    shell_quote_always(&quoted, value);
    bool is_quoted = strncmp(here, quoted.buf, quoted.len) == 0;
    const char *written = is_quoted ? quoted.buf : value;
    HOLDS(is_quoted || is_word_of(value, safe));
    HOLDS(strncmp(here, written, strlen(written)) == 0);
    add_origin(place, strlen(written), origin);
    strbuf_addstr(&place->model, origin ? "'x'" : written);
    while (place->literal.len < place->model.len)
        strbuf_addch(&place->literal, 0);
}

static void add_placeholder(struct place *place, const struct placeholder *placeholder)
{
    const struct expand_vars *vars = place->vars;
    const char *const values[] = {[PH_ITEM] = vars->item,       [PH_NUMBER] = vars->number,
                                  [PH_COUNT] = vars->count,     [PH_WORKER] = vars->worker,
                                  [PH_HOST] = vars->host,       [PH_STEP] = vars->step,
                                  [PH_RUN] = vars->run,         [PH_PROJECT] = vars->project,
                                  [PH_ATTEMPT] = vars->attempt, [PH_MATRIX] = vars->values->v[0]};
    if (placeholder->form == PH_LITERAL) {
        AUTO_FREE char *text =
            xasprintf("{%.*s}", (int)placeholder->name_length, placeholder->name);
        add_literal(place, text, strlen(text));
    } else if (placeholder->kind == PH_ITEMS) {
        for (size_t i = 0; i < vars->items->n; i++) {
            if (i)
                add_literal(place, " ", 1);
            add_value(place, vars->items->v[i], i ? 3 : 2);
        }
    } else {
        HOLDS(placeholder->kind < ARRAY_SIZE(values) && values[placeholder->kind]);
        add_value(place, values[placeholder->kind], placeholder_is_free(placeholder) ? 2 : 0);
    }
}

static void compare_contexts(const struct place *place)
{
    size_t n = place->origin.len, m = place->model.len, k = 0;
    AUTO_FREE unsigned char *real = xmalloc(n + 1), *model = xmalloc(m + 1);
    size_t open_real = shellscan(place->out, n, real);
    size_t open_model = shellscan(strbuf_text(&place->model), m, model);
    HOLDS((open_real == SHELL_CLOSED) == (open_model == SHELL_CLOSED));
    bool several = false;
    for (size_t i = 0; i < n; i++) {
        /* `case {items} in` with two items is an error of syntax in every shell, so nothing behind
         * it is run: the second word must be `in`. */
        several = several || place->origin.buf[i] == 3;
        bool lost = several && real[i] == SHELL_UNSURE;
        if (place->origin.buf[i] >= 2 && !lost)
            HOLDS(real[i] == SHELL_WORD || real[i] == SHELL_SINGLE || real[i] == SHELL_ESCAPED);
        if (place->origin.buf[i] != 1)
            continue;
        while (k < m && !place->literal.buf[k])
            k++;
        HOLDS(k < m && real[i] == model[k++]);
    }
}

static bool has_raw(const char *text, const struct strv *names)
{
    struct placeholder placeholder;
    for (const char *at = text; placeholder_next(&placeholder, text, at, names, false);
         at = placeholder.start + placeholder.length) {
        if (placeholder.form == PH_RAW)
            return true;
    }
    return false;
}

static void expand_command(const char *text, const struct expand_vars *vars)
{
    struct problems problems = {0};
    const struct expand_allowed allowed = {.items = true, .names = vars->names};
    int status = expand_check(text, EXPAND_SHELL, &allowed, "ci.ini", 1, &problems);
    HOLDS((status == 0) == (problems.n == 0));
    problems_free(&problems);
    if (status < 0 || has_raw(text, vars->names))
        return;
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    const char *error, *at = text;
    struct placeholder placeholder;
    HOLDS(expand(&out, text, EXPAND_SHELL, vars, &error) == 0);
    struct place place = {.vars = vars, .out = strbuf_text(&out)};
    while (placeholder_next(&placeholder, text, at, vars->names, false)) {
        add_literal(&place, at, (size_t)(placeholder.start - at));
        add_placeholder(&place, &placeholder);
        at = placeholder.start + placeholder.length;
    }
    add_literal(&place, at, strlen(at));
    HOLDS(place.at == out.len);
    compare_contexts(&place);
    strbuf_free(&place.model);
    strbuf_free(&place.literal);
    strbuf_free(&place.origin);
}

/* Without a shell: a value is no more words than any other one. */
static void expand_to_words(const char *text, const struct expand_vars *vars)
{
    AUTO_STRV struct strv words = STRV_INIT, others = STRV_INIT;
    const char *error;
    struct expand_vars other = *vars;
    other.item = "x";
    int status = expand_words(&words, text, vars, &error);
    HOLDS(expand_words(&others, text, &other, &error) == status);
    HOLDS(words.n == others.n);
}

static void scan(const char *text)
{
    size_t length = strlen(text);
    AUTO_FREE unsigned char *contexts = xmalloc(length ? length : 1);
    memset(contexts, 0xff, length);
    size_t open = shellscan(text, length, contexts);
    HOLDS(open == SHELL_CLOSED || open < length);
    for (size_t i = 0; i < length; i++) {
        HOLDS(contexts[i] <= SHELL_UNSURE);
        HOLDS(i == 0 || contexts[i - 1] != SHELL_UNSURE || contexts[i] == SHELL_UNSURE);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char py[] = "py", *py_v[] = {py, NULL};
    const struct strv names = {py_v, 1, 0};
    struct input input = {data, data + size};
    AUTO_STRV struct strv words = STRV_INIT;
    AUTO_FREE char *text = input_text(&input);
    do {
        strv_take(&words, input_text(&input));
    } while (input_left(&input) && words.n < 8);
    char *last[] = {words.v[words.n - 1], NULL};
    const struct strv values = {last, 1, 0};
    const struct expand_vars vars = {.items = &words,
                                     .item = words.v[0],
                                     .number = "7",
                                     .count = "12",
                                     .worker = "2",
                                     .host = "far-1",
                                     .step = "unit_a",
                                     .run = "abcd1234",
                                     .attempt = "1",
                                     .project = "ciabcd1234w2",
                                     .names = &names,
                                     .values = &values};
    quote_words(&words);
    set_secret(words.v[words.n - 1]);
    show_command(&words, false);
    show_command(&words, true);
    scan(text);
    expand_command(text, &vars);
    expand_to_words(text, &vars);
    return 0;
}
