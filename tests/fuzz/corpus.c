/* SPDX-License-Identifier: MIT
 *
 * Gives a fuzz target what is in its corpus, without libFuzzer: what was found once stays found.
 * fuzz-NAME [FILE...]; without files those of tests/fuzz/corpus/NAME.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>

static void give(const char *path)
{
    AUTO_FREE char *data = NULL;
    size_t length;
    if (read_file(path, 1 << 20, &data, &length) < 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    /* Without the NUL that read_file() puts behind it. */
    AUTO_FREE uint8_t *exact = xmemdup(data, length);
    fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(exact, length);
}

static int give_folder(const char *folder)
{
    int n = 0;
    struct dirent **list;
    int count = scandir(folder, &list, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        AUTO_FREE char *path = xasprintf("%s/%s", folder, list[i]->d_name);
        if (list[i]->d_name[0] != '.') {
            give(path);
            n++;
        }
        free(list[i]);
    }
    if (count >= 0)
        free(list);
    return n;
}

int main(int argc, char **argv)
{
    const char *name = strrchr(argv[0], '/');
    name = strstr(name ? name : argv[0], "fuzz-");
    const char *source = getenv("CIPLUG_SRCDIR");
    for (int i = 1; i < argc; i++)
        give(argv[i]);
    if (argc > 1)
        return 0;
    if (!name || !source) {
        fprintf(stderr, "CIPLUG_SRCDIR must be set, or files be named\n");
        return 2;
    }
    AUTO_FREE char *folder = xasprintf("%s/tests/fuzz/corpus/%s", source, name + strlen("fuzz-"));
    int n = give_folder(folder);
    printf("%s: %d inputs\n", folder, n);
    return n > 0 ? 0 : 1;
}
