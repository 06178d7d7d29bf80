/* SPDX-License-Identifier: MIT
 *
 * The same in C++17, which has no designated initializers: the table is filled by a constexpr
 * function, so that it is there before any code runs and follows the header when that grows.
 */
#include <ciplug/plugin.h>

namespace
{
int header_build(void *, const ciplug_command *, const ciplug_argv *, ciplug_argv *)
{
    return -1;
}

constexpr ciplug_builder make_builder()
{
    ciplug_builder builder{};
    builder.size = sizeof builder;
    builder.name = "";
    builder.help = "Fails.";
    builder.build = header_build;
    return builder;
}
constexpr ciplug_builder header_builder = make_builder();
constexpr const ciplug_builder *header_builders[] = {&header_builder, nullptr};

constexpr struct ciplug_plugin make_plugin()
{
    struct ciplug_plugin plugin {
    };
    plugin.size = sizeof plugin;
    plugin.abi_major = CIPLUG_ABI_MAJOR;
    plugin.abi_minor = CIPLUG_ABI_MINOR;
    plugin.name = "header";
    plugin.version = "1";
    plugin.summary = "C++";
    plugin.builders = header_builders;
    return plugin;
}
constexpr struct ciplug_plugin header_plugin = make_plugin();
} // namespace

CIPLUG_PLUGIN(header_plugin);
