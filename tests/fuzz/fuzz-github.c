/* SPDX-License-Identifier: MIT
 *
 * Input: what a command has printed. Whatever it is, only a few places come of it, and each is a
 * regular file below the workspace; what is put on a line stays on it.
 */
#include "fuzz.h"

#include "../../plugins/github_place.c"
#include "../../plugins/plain.c"
#include "../../plugins/text.c"

static void check_place(const struct github *github, const struct place *place)
{
    struct stat st;
    AUTO_FREE char *path = xasprintf("%s/%s", github->workspace, place->file);
    HOLDS(place->file[0] != '/');
    HOLDS(!goes_up(place->file));
    HOLDS(lstat(path, &st) == 0 && S_ISREG(st.st_mode));
    HOLDS(place->line > 0 && place->line <= LINE_MOST);
    HOLDS(place->column <= LINE_MOST);
    HOLDS(!place->text || !strchr(place->text, '\n'));
}

static void check_line(const char *bytes)
{
    for (size_t most = 1; most < 64; most *= 3) {
        struct text text = {0};
        text_plain(&text, bytes, most);
        HOLDS(!text.failed);
        HOLDS(text.length <= most + 3);
        HOLDS(utf8_valid(text_string(&text), text.length));
        for (size_t i = 0; i < text.length; i++)
            HOLDS((unsigned char)text.bytes[i] >= 0x20);
        HOLDS(!strstr(text_string(&text), "\u202e"));
        text_free(&text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Where a few files are known to be. */
    static const struct github github = {.workspace = "/etc"};
    const struct ciplug_command command = {.size = sizeof command};
    struct places places = {0};
    struct search search = {.github = &github, .command = &command, .places = &places};
    struct plain plain = {0};
    AUTO_FREE char *text = xmalloc(PLAIN_SIZE(size));
    size_t n = plain_feed(&plain, (const char *)data, size, text);
    (void)plain_end(&plain, text + n);
    search_text(&search, text);
    HOLDS(places.n <= PLACES_MAX);
    for (size_t i = 0; i < places.n; i++)
        check_place(&github, &places.list[i]);
    github_places_free(&places);
    HOLDS(!search.frame.file);
    AUTO_FREE char *bytes = xmalloc(size + 1);
    if (size)
        memcpy(bytes, data, size);
    bytes[size] = '\0';
    check_line(bytes);
    return 0;
}
