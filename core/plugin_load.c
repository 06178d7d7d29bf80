/* SPDX-License-Identifier: MIT */
#include "elfcheck.h"
#include "msg.h"
#include "pathtrust.h"
#include "plugin_api.h"
#include "plugin_call.h"
#include "plugin_table.h"
#include "plugins.h"
#include "safeguard.h"
#include "util.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENTRY "ciplug_plugin"

/* Names that have a meaning of their own in the file: [ciplug], [step X], env.X, matrix.X. */
static bool is_reserved(const char *name)
{
    static const char *const names[] = {"ciplug", "step", "cleanup", "host", "env", "matrix"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

/* Where the name of the plugin stands in `name`, a name or a path to a .so. */
static const char *plugin_name(const char *name, size_t *length)
{
    const char *slash = strrchr(name, '/');
    if (!slash) {
        *length = strlen(name);
        return name;
    }
    *length = strlen(slash + 1);
    if (*length < 3 || strcmp(slash + 1 + *length - 3, ".so") != 0)
        return NULL;
    *length -= 3;
    return slash + 1;
}

static char *check_name(const char *name, struct strbuf *why)
{
    size_t length;
    const char *start = plugin_name(name, &length);
    if (!start) {
        strbuf_addstr(why, "a path to a plugin ends in .so");
        return NULL;
    }
    if (!plugin_name_valid(start, length)) {
        strbuf_addstr(why, "a plugin's name is made of letters, digits, _ and -");
        return NULL;
    }
    char *copy = xstrndup(start, length);
    if (is_reserved(copy)) {
        strbuf_addstr(why, "that name has a meaning of its own in the file");
        free(copy);
        return NULL;
    }
    return copy;
}

static void say_not_found(const struct plugins *plugins, const char *name, struct strbuf *why)
{
    strbuf_addstr(why, "not found; searched ");
    for (size_t i = 0; i < plugins->path.n; i++)
        strbuf_addf(why, "%s%s", i ? ", " : "", plugins->path.v[i]);
    AUTO_STRV struct strv names = STRV_INIT;
    plugins_list(plugins, &names);
    const char *near = names.n ? suggest(name, (const char *const *)names.v) : NULL;
    if (near)
        strbuf_addf(why, " (did you mean '%s'?)", near);
}

/* Not blocking: a FIFO without a writer is opened, and then refused. */
static int open_file(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

static int open_path(const char *path, struct strbuf *why)
{
    int fd = open_file(path);
    if (fd < 0)
        strbuf_addf(why, "cannot be opened: %s (%s)", strerror(errno), path);
    return fd;
}

static int search(const struct plugins *plugins, const char *name, struct strbuf *why)
{
    for (size_t i = 0; i < plugins->path.n; i++) {
        AUTO_FREE char *path = xasprintf("%s/%s.so", plugins->path.v[i], name);
        int fd = open_file(path);
        if (fd >= 0)
            return fd;
        if (errno != ENOENT && errno != ENOTDIR) {
            strbuf_addf(why, "cannot be opened: %s (%s)", strerror(errno), path);
            return -1;
        }
    }
    say_not_found(plugins, name, why);
    return -1;
}

static int check_abi(const struct elf_abi *abi, struct strbuf *why)
{
    if (abi->major != CIPLUG_ABI_MAJOR && SAFEGUARD(abi_before_code)) {
        strbuf_addf(why, "built for ABI %" PRIu32 ", this ciplug has %d", abi->major,
                    CIPLUG_ABI_MAJOR);
        return -1;
    }
    if (abi->minor > CIPLUG_ABI_MINOR) {
        strbuf_addf(why, "built for ABI %" PRIu32 ".%" PRIu32 ", this ciplug has %d.%d", abi->major,
                    abi->minor, CIPLUG_ABI_MAJOR, CIPLUG_ABI_MINOR);
        return -1;
    }
    return 0;
}

/* Before its constructors run; dlsym() has the last word. */
static int check_entry(int fd, struct strbuf *why)
{
    if (!elfcheck_lacks(fd, ENTRY) || !SAFEGUARD(entry_before_code))
        return 0;
    strbuf_addstr(why, "it has no entry " ENTRY "()");
    return -1;
}

static const char *load_error(const char *link)
{
    const char *text = dlerror();
    if (!text)
        return "cannot be loaded";
    size_t length = strlen(link);
    if (strncmp(text, link, length) == 0 && strncmp(text + length, ": ", 2) == 0)
        return text + length + 2;
    return text;
}

/* Here the plugin's code starts to run. *fd is taken over when the file was loaded: glibc knows
 * what is loaded also by the name it was loaded by, so that number must never be given out again.
 */
static const struct ciplug_plugin *run_entry(int *fd, struct strbuf *why)
{
    AUTO_FREE char *link = xasprintf("/proc/self/fd/%d", *fd);
    void *handle = dlopen(link, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        strbuf_addstr(why, load_error(link));
        return NULL;
    }
    *fd = -1;
    const struct ciplug_plugin *(*entry)(void);
    void *symbol = dlsym(handle, ENTRY);
    if (!symbol) {
        strbuf_addstr(why, "it has no entry " ENTRY "()");
        return NULL;
    }
    memcpy(&entry, &symbol, sizeof entry);
    const struct ciplug_plugin *table = entry();
    if (!table)
        strbuf_addstr(why, "its entry " ENTRY "() returned nothing");
    return table;
}

/* After the path is trusted; `why` gets the file's name behind the reason. */
static struct plugin *load_file(struct plugins *plugins, int *fd, const char *name,
                                const char *path, struct strbuf *why)
{
    struct plugin *plugin = NULL;
    struct elf_abi abi;
    if (elfcheck(*fd, &abi, why) == 0 && check_abi(&abi, why) == 0 && check_entry(*fd, why) == 0) {
        const struct ciplug_plugin *table;
        PLUGIN_FIRST_CALL(name, table = run_entry(fd, why));
        if (table)
            plugin = plugin_new(plugins, table, name, path, why);
    }
    if (!plugin)
        strbuf_addf(why, " (%s)", path);
    return plugin;
}

static struct plugin *load(struct plugins *plugins, const char *text, struct strbuf *why)
{
    AUTO_FREE char *name = check_name(text, why);
    if (!name)
        return NULL;
    bool by_path = strchr(text, '/');
    struct plugin *known = plugins_find(plugins, name);
    if (known && !by_path)
        return known;
    AUTO_CLOSE int fd = by_path ? open_path(text, why) : search(plugins, name, why);
    AUTO_STRBUF struct strbuf path = STRBUF_INIT;
    if (fd < 0 || pathtrust(fd, &path, why))
        return NULL;
    if (known && strcmp(known->path, path.buf) != 0) {
        strbuf_addf(why, "there is another plugin of that name: %s (%s)", known->path, path.buf);
        return NULL;
    }
    return known ? known : load_file(plugins, &fd, name, path.buf, why);
}

struct plugin *plugins_load(struct plugins *plugins, const char *name, const char *file, int line,
                            struct problems *problems)
{
    AUTO_STRBUF struct strbuf why = STRBUF_INIT;
    struct plugin *plugin = load(plugins, name, &why);
    if (!plugin)
        problems_add(problems, file, line, "plugin '%s': %s", name, strbuf_text(&why));
    return plugin;
}
