/* SPDX-License-Identifier: MIT
 *
 * Random steps, random endings, random edits, run after run: what is left out is what passed and
 * has not changed, nothing else and nothing less. The model knows only letters, verdicts and
 * versions of the command. A failing seed is told; run it alone with CIPLUG_TEST_SEED=N.
 */
#include "resume-place.h"

#define SEEDS   800
#define LETTERS 12

static uint64_t random_state;
static struct strbuf history;

static uint32_t roll(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 20) % n);
}

static bool chance(uint32_t percent)
{
    return roll(100) < percent;
}

/* --- the model --- */

/* What the last run that came to it says of a letter. */
struct letter {
    bool known;
    unsigned version;
    size_t passed, bad;
    unsigned group; /* its command; 0: none */
    uint64_t grouping;
};

/* The same of the run that goes on. */
struct tally {
    size_t passed, bad, dropped, started;
    unsigned group;
};

static struct letter letters[LETTERS];
static struct tally tallies[LETTERS];
static unsigned version, n_groups;
static bool twice; /* a letter may stand in the step several times */

static void end_of_run(uint64_t grouping)
{
    for (size_t i = 0; i < LETTERS; i++) {
        struct letter *letter = &letters[i];
        const struct tally *tally = &tallies[i];
        bool ran = tally->passed + tally->bad + tally->started > 0;
        if (!ran && (letter->known || tally->dropped == 0))
            continue;
        *letter = (struct letter){.known = true,
                                  .version = version,
                                  .passed = tally->passed,
                                  .bad = tally->bad + tally->dropped,
                                  .group = tally->group,
                                  .grouping = grouping};
    }
    memset(tallies, 0, sizeof tallies);
}

/* --- one run --- */

static struct journal journal;
static struct said said;
static const struct step *s;
static struct resume_choice *choices;
static bool dead;

static struct tally *tally_of(size_t unit)
{
    return &tallies[s->units[unit].item[0] - 'a'];
}

static void name_units(const size_t *units, size_t n)
{
    said.n = n;
    assert_true(n <= NAMES_MAX);
    for (size_t i = 0; i < n; i++)
        said.names[i] = s->units[units[i]].item;
    said.names[n] = NULL;
}

static void record(const size_t *units, size_t n, int outcome)
{
    name_units(units, n);
    said.outcome = outcome;
    said.flags = 0;
    said.tried_again = false;
    n_groups++;
    for (size_t i = 0; i < n; i++) {
        struct tally *tally = tally_of(units[i]);
        tally->passed += outcome == CIPLUG_PASSED;
        tally->bad += outcome == CIPLUG_FAILED;
        tally->dropped += outcome == CIPLUG_CANCELLED;
        tally->group = n_groups;
    }
    say_finished(&journal, &said);
    strbuf_addf(&history, " %u%s", said.number,
                outcome == CIPLUG_PASSED   ? "+"
                : outcome == CIPLUG_FAILED ? "-"
                                           : "/");
}

static void start_only(const size_t *units, size_t n)
{
    n_groups++;
    for (size_t i = 0; i < n; i++) {
        tally_of(units[i])->started++;
        tally_of(units[i])->group = n_groups;
    }
}

/* A failed batch is tried again item by item. */
static void by_item(const size_t *units, size_t n, uint32_t *number)
{
    said.tried_again = true;
    said.outcome = CIPLUG_FAILED;
    say_finished(&journal, &said);
    for (size_t i = 0; i < n && !dead; i++) {
        said.number = (*number)++;
        said.attempt = 2;
        name_units(&units[i], 1);
        say_started(&journal, &said);
        dead = chance(5);
        if (dead)
            start_only(&units[i], 1);
        else
            record(&units[i], 1, chance(60) ? CIPLUG_PASSED : CIPLUG_FAILED);
    }
}

static void run_command(uint32_t number, const size_t *units, size_t n, uint32_t *next)
{
    said.number = number;
    said.attempt = 1;
    said.worker = 0;
    if (chance(8)) {
        record(units, n, CIPLUG_CANCELLED);
        return;
    }
    said.worker = 1;
    name_units(units, n);
    say_started(&journal, &said);
    dead = chance(4);
    bool passed = chance(60);
    if (s->batch && n > 1 && !passed && !dead) {
        start_only(units, n);
        by_item(units, n, next);
    } else if (dead) {
        start_only(units, n);
    } else {
        record(units, n, passed ? CIPLUG_PASSED : CIPLUG_FAILED);
    }
}

static void carry_command(const struct planned *command)
{
    const struct resume_choice *choice = &choices[command->units[0]];
    uint64_t key = said.key;
    said.key = choice->command->key;
    said.number = command->number;
    said.worker = 0;
    name_units(command->units, command->n);
    for (size_t i = 0; i < command->n; i++) {
        assert_true(choices[command->units[i]].carried);
        tally_of(command->units[i])->passed++;
    }
    said.outcome = CIPLUG_SKIPPED;
    said.flags = CIPLUG_FLAG_CARRIED;
    said.tried_again = false;
    say_finished(&journal, &said);
    said.key = key;
    strbuf_addf(&history, " %u=", said.number);
}

/* As the schedule does it: what is carried leaves first, then commands, then batches. */
static void execute(void)
{
    AUTO_FREE bool *done = xcalloc(s->n_units, sizeof *done);
    uint32_t next = 1;
    for (size_t i = 0; i < s->n_commands; i++) {
        const struct planned *command = &s->commands[i];
        if (next <= command->number)
            next = command->number + 1;
        for (size_t k = 0; k < command->n; k++)
            done[command->units[k]] = true;
        if (choices[command->units[0]].carried)
            carry_command(command);
    }
    for (size_t i = 0; i < s->n_commands && !dead; i++) {
        const struct planned *command = &s->commands[i];
        if (!choices[command->units[0]].carried)
            run_command(command->number, command->units, command->n, &next);
    }
    for (size_t unit = 0; s->batch && unit < s->n_units && !dead;) {
        size_t units[NAMES_MAX], n = 0;
        for (; unit < s->n_units && n < s->batch; unit++) {
            if (!done[unit])
                units[n++] = unit;
        }
        uint32_t number = next++;
        if (n > 0)
            run_command(number, units, n, &next);
    }
}

/* --- what must hold --- */

static void check_units(void)
{
    size_t present[LETTERS] = {0}, carried[LETTERS] = {0};
    for (size_t i = 0; i < s->n_units; i++) {
        size_t letter = (size_t)(s->units[i].item[0] - 'a');
        present[letter]++;
        carried[letter] += choices[i].carried;
    }
    for (size_t i = 0; i < LETTERS; i++) {
        const struct letter *letter = &letters[i];
        bool same = letter->known && letter->version == version;
        size_t passed = same ? letter->passed : 0, bad = same ? letter->bad : 0;
        size_t room = present[i] > bad ? present[i] - bad : 0;
        assert_int_equal(carried[i], passed < room ? passed : room);
    }
}

/* Every unit once, no number twice, nothing half carried. */
static void check_commands(void)
{
    AUTO_FREE unsigned *times = xcalloc(s->n_units, sizeof *times);
    for (size_t i = 0; i < s->n_commands; i++) {
        const struct planned *command = &s->commands[i];
        assert_true(command->n > 0);
        for (size_t k = 0; k < command->n; k++) {
            times[command->units[k]]++;
            assert_int_equal(choices[command->units[k]].carried,
                             choices[command->units[0]].carried);
        }
        if (i > 0)
            assert_true(command->number > s->commands[i - 1].number);
    }
    for (size_t i = 0; i < s->n_units; i++)
        assert_int_equal(times[i], times[i] || !s->batch || choices[i].carried);
}

static size_t command_of(size_t unit)
{
    for (size_t i = 0; i < s->n_commands; i++) {
        for (size_t k = 0; k < s->commands[i].n; k++) {
            if (s->commands[i].units[k] == unit)
                return i;
        }
    }
    return SIZE_MAX;
}

/* Letters that were in one command and have not passed are in one command again. */
static void check_groups(uint64_t grouping)
{
    size_t at[LETTERS], n[LETTERS] = {0};
    for (size_t i = 0; i < s->n_units; i++) {
        size_t letter = (size_t)(s->units[i].item[0] - 'a');
        at[letter] = command_of(i);
        n[letter] += choices[i].carried ? 2 : 1;
    }
    for (size_t i = 0; s->split && !twice && i < LETTERS; i++) {
        for (size_t k = 0; k < i; k++) {
            const struct letter *a = &letters[i], *b = &letters[k];
            bool together = n[i] == 1 && n[k] == 1 && a->known && b->known && a->group &&
                            a->group == b->group && a->grouping == grouping &&
                            a->version == version && b->version == version;
            if (together && at[i] != at[k])
                fail_msg("%c and %c were together", (int)('a' + i), (int)('a' + k));
        }
    }
}

/* --- seeds --- */

static char *random_items(void)
{
    struct strbuf items = STRBUF_INIT;
    bool used[LETTERS] = {false};
    uint32_t n = 1 + roll(LETTERS);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t letter = roll(LETTERS);
        if (!used[letter] || twice)
            strbuf_addf(&items, " %c", (int)('a' + letter));
        used[letter] = true;
    }
    return strbuf_detach(&items);
}

static void one_run(const char *ini, const char *older, const char *dir)
{
    struct resume resume = {0};
    strbuf_addf(&history, "\n%s ", ini);
    const char *text = plan_text(ini);
    if (made != 0)
        fail_msg("%s", text);
    AUTO_FREE uint64_t *keys = resume_keys(&plan);
    s = step_named("s");
    assert_int_equal(mkdirs(dir, 0700), 0);
    if (older) {
        assert_int_equal(resume_load(&resume, &plan, keys, older), 0);
        AUTO_FREE char *there = realpath(dir, NULL);
        assert_int_equal(resume_file_write(&resume, there), 0);
        choices = resume_choose(&resume, &plan, s);
        resume_regroup(&plan, (struct step *)(uintptr_t)s, choices);
        check_units();
        check_commands();
        check_groups(resume_grouping(s));
    } else {
        choices = xcalloc(s->n_units, sizeof *choices);
    }
    AUTO_FREE char *path = xasprintf("%s/journal.jsonl", dir);
    begin_journal(&journal, path);
    said = (struct said){.key = resume_key(&plan, keys, s, 1), .grouping = resume_grouping(s)};
    dead = false;
    execute();
    assert_int_equal(journal_close(&journal), 0);
    end_of_run(resume_grouping(s));
    resume_choices_free(choices, s->n_units);
    resume_free(&resume);
}

static void run_seed(uint64_t seed)
{
    random_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    memset(letters, 0, sizeof letters);
    strbuf_clear(&history);
    version = 0;
    twice = chance(30);
    AUTO_FREE char *older = NULL;
    AUTO_FREE char *items = random_items();
    uint32_t runs = 2 + roll(5), grouping = roll(3), size = 1 + roll(4);
    for (uint32_t i = 0; i < runs; i++) {
        if (chance(15))
            version = roll(3);
        if (chance(40)) {
            free(items);
            items = random_items();
        }
        if (chance(15))
            size = 1 + roll(4);
        AUTO_STRBUF struct strbuf ini = STRBUF_INIT;
        strbuf_addf(&ini, "[step s]\ncommand = v%u {items}\nitems =%s\n", version, items);
        if (grouping)
            strbuf_addf(&ini, "%s = %u\n", grouping == 1 ? "split" : "batch", size);
        char *dir = xasprintf("seed%llu/r%u", (unsigned long long)seed, i);
        one_run(strbuf_text(&ini), older, dir);
        free(older);
        older = dir;
    }
}

static uint64_t current_seed;

static int tell_seed(void **state)
{
    if (current_seed)
        print_message("seed %llu\n%s\n", (unsigned long long)current_seed, strbuf_text(&history));
    strbuf_free(&history);
    return remove_folder(state);
}

static void what_is_left_out_is_what_passed(void **state)
{
    (void)state;
    const char *one = getenv("CIPLUG_TEST_SEED");
    uint64_t from = one ? strtoull(one, NULL, 10) : 1, to = one ? from : SEEDS;
    for (current_seed = from; current_seed <= to; current_seed++)
        run_seed(current_seed);
    current_seed = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_out_is_what_passed),
    };
    return cmocka_run_group_tests(tests, make_folder, tell_seed);
}
