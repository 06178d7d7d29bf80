/* SPDX-License-Identifier: MIT
 *
 * webhook: posts what a run came to, and each command that did not pass, as JSON to an HTTP service.
 *
 *     [webhook]
 *     url = https://example.org/hook
 *     timeout = 10s
 *
 * Nothing may block ciplug's loop, and curl_easy_perform() does. So a thread of the plugin's own
 * posts what stands in a queue; it calls nothing of the api. finish() gives it until `timeout` to
 * send the rest: a service that hangs costs that, and a service that is down is a warning, since no
 * verdict depends on it.
 */
#include <ciplug/plugin.h>

#include <curl/curl.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <new>
#include <string>
#include <thread>

namespace
{

struct webhook {
    const ciplug_api *api = nullptr;
    std::string url;
    long timeout_ms = 10000;
    std::thread thread;
    std::mutex lock;
    std::condition_variable changed;
    std::deque<std::string> queue;
    bool ending = false, started = false;
    size_t posted = 0, failed = 0;
    std::chrono::steady_clock::time_point deadline;
};

/* Bytes of others in JSON: all that is not plain ASCII as an escape. */
void add_text(std::string &out, const char *key, const char *text)
{
    out += std::string(out.back() == '{' ? "" : ",") + "\"" + key + "\":\"";
    for (const char *c = text ? text : ""; *c; c++) {
        auto byte = static_cast<unsigned char>(*c);
        char escaped[8];
        std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(byte));
        if (byte < ' ' || byte > '~' || byte == '"' || byte == '\\')
            out += escaped;
        else
            out += *c;
    }
    out += '"';
}

void add_number(std::string &out, const char *key, long long number)
{
    out += std::string(out.back() == '{' ? "" : ",") + "\"" + key + "\":" + std::to_string(number);
}

size_t swallow(char *, size_t size, size_t n, void *)
{
    return size * n;
}

/* How long a transfer may take: what is left of the end's time, once the run has ended. */
long time_left(webhook &hook)
{
    std::lock_guard<std::mutex> held(hook.lock);
    if (!hook.ending)
        return hook.timeout_ms;
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        hook.deadline - std::chrono::steady_clock::now());
    return left.count() > 0 ? static_cast<long>(left.count()) : 0;
}

/* Also ends what is under way when the time of the end is over. */
int on_progress(void *data, curl_off_t, curl_off_t, curl_off_t, curl_off_t)
{
    return time_left(*static_cast<webhook *>(data)) == 0;
}

bool post(webhook &hook, const std::string &body)
{
    long left = time_left(hook);
    CURL *curl = left > 0 ? curl_easy_init() : nullptr;
    if (!curl)
        return false;
    long code = 0;
    curl_slist *headers = curl_slist_append(nullptr, "Content-Type: application/json");
    curl_easy_setopt(curl, CURLOPT_URL, hook.url.c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.c_str());
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, left);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &hook);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    bool sent = curl_easy_perform(curl) == CURLE_OK &&
                curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code) == CURLE_OK;
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return sent && code >= 200 && code < 300;
}

void work(webhook &hook)
{
    std::unique_lock<std::mutex> held(hook.lock);
    for (;;) {
        hook.changed.wait(held, [&] { return hook.ending || !hook.queue.empty(); });
        if (hook.queue.empty())
            return;
        std::string body = std::move(hook.queue.front());
        hook.queue.pop_front();
        held.unlock();
        bool sent = post(hook, body);
        held.lock();
        hook.posted += sent;
        hook.failed += !sent;
    }
}

/* The options of a run are known from its first event on. */
void begin(webhook &hook)
{
    const char *url = hook.api->option(hook.api, nullptr, "url");
    const char *timeout = hook.api->option(hook.api, nullptr, "timeout");
    hook.url = url ? url : "";
    if (timeout)
        hook.timeout_ms = std::strtol(timeout, nullptr, 10) * 1000;
    if (hook.url.empty() || hook.started)
        return;
    hook.thread = std::thread([&hook] { work(hook); });
    hook.started = true;
}

void add(webhook &hook, const ciplug_event &event)
{
    std::string body = "{";
    bool command = event.kind == CIPLUG_COMMAND_FINISHED;
    if (command && (!event.result->final || event.result->outcome == CIPLUG_PASSED))
        return;
    add_text(body, "run", event.run);
    add_text(body, "event", command ? "command" : "run");
    if (command) {
        add_text(body, "step", event.step);
        add_text(body, "item", event.command->item);
        add_number(body, "outcome", event.result->outcome);
        add_text(body, "reason", event.result->reason);
    } else {
        add_number(body, "status", event.exit_status);
    }
    body += "}";
    std::lock_guard<std::mutex> held(hook.lock);
    hook.queue.push_back(std::move(body));
    hook.changed.notify_one();
}

/* No exception may leave a callback. */
void webhook_event(void *self, const ciplug_event *event)
{
    auto &hook = *static_cast<webhook *>(self);
    try {
        if (event->kind == CIPLUG_RUN_STARTED)
            begin(hook);
        else if (hook.started)
            add(hook, *event);
    } catch (...) {
        hook.api->message(hook.api, CIPLUG_LOG_WARNING, "no memory: something is not posted");
    }
}

int webhook_finish(void *self)
{
    auto &hook = *static_cast<webhook *>(self);
    if (!hook.started)
        return 0;
    {
        std::lock_guard<std::mutex> held(hook.lock);
        hook.ending = true;
        hook.deadline =
            std::chrono::steady_clock::now() + std::chrono::milliseconds(hook.timeout_ms);
    }
    hook.changed.notify_one();
    hook.thread.join();
    hook.started = false;
    if (hook.failed) {
        char text[128];
        std::snprintf(text, sizeof text, "%zu of %zu could not be posted", hook.failed,
                      hook.failed + hook.posted);
        hook.api->message(hook.api, CIPLUG_LOG_WARNING, text);
    }
    return 0;
}

int webhook_open(const ciplug_api *api, void **self)
{
    auto *hook = new (std::nothrow) webhook;
    if (!hook || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        delete hook;
        return -1;
    }
    hook->api = api;
    *self = hook;
    return 0;
}

void webhook_close(void *self)
{
    auto *hook = static_cast<webhook *>(self);
    if (hook->started)
        (void)webhook_finish(hook);
    delete hook;
    curl_global_cleanup();
}

/* C++17 has no designated initializers: tables are filled before any code runs. */
constexpr ciplug_option make_option(const char *name, int32_t type, const char *def,
                                    const char *help)
{
    ciplug_option option{};
    option.size = sizeof option;
    option.name = name;
    option.type = type;
    option.def = def;
    option.help = help;
    return option;
}
constexpr ciplug_option url_option =
    make_option("url", CIPLUG_OPTION_STRING, nullptr, "Where to post; without it nothing is.");
constexpr ciplug_option timeout_option =
    make_option("timeout", CIPLUG_OPTION_DURATION, "10s", "How long the end of a run waits for it.");
constexpr const ciplug_option *options[] = {&url_option, &timeout_option, nullptr};

constexpr ciplug_reporter make_reporter()
{
    ciplug_reporter reporter{};
    reporter.size = sizeof reporter;
    reporter.events = CIPLUG_RUN_STARTED | CIPLUG_COMMAND_FINISHED | CIPLUG_RUN_FINISHED;
    reporter.event = webhook_event;
    reporter.finish = webhook_finish;
    return reporter;
}
constexpr ciplug_reporter reporter = make_reporter();

constexpr ciplug_plugin make_plugin()
{
    ciplug_plugin plugin{};
    plugin.size = sizeof plugin;
    plugin.abi_major = CIPLUG_ABI_MAJOR;
    plugin.abi_minor = CIPLUG_ABI_MINOR;
    plugin.name = "webhook";
    plugin.version = "1.0";
    plugin.summary = "Results to an HTTP service";
    plugin.options = options;
    plugin.reporter = &reporter;
    plugin.open = webhook_open;
    plugin.close = webhook_close;
    return plugin;
}
constexpr ciplug_plugin plugin = make_plugin();

} // namespace

CIPLUG_PLUGIN(plugin);
