# SPDX-License-Identifier: MIT
#
# Reads what `compose config` prints (version 1 and 2 of compose; block style, so the structure
# stands in the indentation) and writes the same with what a run needs: labels, names of images,
# small subnets, and with isolate=yes nothing that two projects would share.
#
# mode      write: the file | check: a line for each thing that is fixed | images: one a line |
#           taken: a line for each subnet of the file that another network has
# run owner images project isolate   as compose_lib.sh has them
# pool size try own used             subnets: 10.0.0.0/16 cut into /26; 2nd try: other ones; those
#                                    that this project's networks have, NAME=SUBNET; all there are
# services profiles                  what images are asked for (empty: all services), with what
#                                    those services need

function die(text)
{
    print "ciplug-compose: " text > "/dev/stderr"
    failed = 1
    exit 1
}

function key_of(line)
{
    sub(/^ +/, "", line)
    if (line ~ /^\?/)
        die("a name is too long: " substr(line, 3, 60) "...")
    if (line ~ /^["']/)
        return substr(line, 2, index(substr(line, 2), substr(line, 1, 1)) - 1)
    sub(/:( .*)?$/, "", line)
    return line
}

function value_of(line)
{
    if (line !~ /: /)
        return ""
    line = substr(line, index(line, ": ") + 2)
    if (line ~ /^".*"$/ || line ~ /^'.*'$/)
        line = substr(line, 2, length(line) - 2)
    return line
}

# Nothing stands in it.
function is_empty(line)
{
    return line ~ /: (\{\}|null|~)$/
}

function indent_of(line)
{
    match(line, /^ */)
    return RLENGTH
}

# ---- subnets ----

function number_of(address, part)
{
    if (split(address, part, ".") != 4)
        return -1
    return ((part[1] * 256 + part[2]) * 256 + part[3]) * 256 + part[4]
}

# Not ^: busybox may have been built without.
function power_of_two(n, product)
{
    for (product = 1; n > 0; n--)
        product *= 2
    return product
}

function remember(subnet, part, first)
{
    split(subnet, part, "/")
    first = number_of(part[1])
    if (first < 0 || part[2] == "")
        return
    from[++known] = first
    to[known] = first + power_of_two(32 - part[2])
}

function is_free(first, last, i)
{
    for (i = 1; i <= known; i++)
        if (first < to[i] && from[i] < last)
            return 0
    return 1
}

function hash(text, i, sum)
{
    sum = 5381
    for (i = 1; i <= length(text); i++)
        sum = (sum * 33 + index(letters, substr(text, i, 1))) % 16777213
    return sum
}

# One that nobody has. Where to look first is drawn from the names, so that projects which start at
# the same moment do not take the same.
function subnet_for(name, part, base, width, slots, i, at, first, text)
{
    if (pool == "none" || pool == "")
        return ""
    if (name in had)
        return had[name]
    split(pool, part, "/")
    base = number_of(part[1])
    width = power_of_two(32 - size)
    slots = power_of_two(size - part[2])
    at = hash(project "/" name "/" try)
    for (i = 0; i < slots; i++) {
        first = base + ((at + i) % slots) * width
        if (!is_free(first, first + width))
            continue
        text = int(first / 16777216) "." int(first / 65536) % 256 "." int(first / 256) % 256 "." first % 256
        remember(text "/" size)
        return text "/" size
    }
    die("no subnet is free in compose.pool = " pool)
}

BEGIN {
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./"
    count = split(used, list, " ")
    for (i = 1; i <= count; i++)
        remember(list[i])
    count = split(own, list, " ")
    for (i = 1; i <= count; i++)
        had[substr(list[i], 1, index(list[i], "=") - 1)] = substr(list[i], index(list[i], "=") + 1)
    count = split(services, list, " ")
    for (i = 1; i <= count; i++)
        wanted[list[i]] = 1
    count = split(profiles, list, " ")
    for (i = 1; i <= count; i++)
        active[list[i]] = 1
    version = 1
}

# ---- one service, network or volume: lines[1..n] ----

function say(line)
{
    if (mode == "write")
        print line
}

function fixed(text)
{
    if (mode == "check")
        print text
}

# Where the keys of the entity stand: at[KEY] = line, till[KEY] = its last one.
function find_keys(i, key)
{
    split("", at)
    split("", till)
    key = ""
    for (i = 2; i <= n; i++) {
        if (indent_of(lines[i]) == 4 && lines[i] !~ /^    (- |-$)/ && lines[i] != "    ") {
            key = key_of(lines[i])
            at[key] = i
        }
        if (key != "")
            till[key] = i
    }
}

function say_labels()
{
    say("      ciplug.run: \"" run "\"")
    say("      ciplug.owner: \"" owner "\"")
}

# The labels that are there, with ours.
function say_more_labels(line)
{
    if (is_empty(line))
        line = "    labels:"
    if (line ~ /: \*/) { # an alias
        say("    labels:")
        say("      <<: " substr(line, index(line, ": ") + 2))
    } else {
        say(line)
    }
    say_labels()
}

function header(line)
{
    if (is_empty(line))
        sub(/: [^ ]*$/, ":", line)
    return line
}

# A port of the host that is fixed goes: the engine takes one that is free.
function short_port(line, service, start, text, part, count, i, rest)
{
    start = substr(line, 1, index(line, "- ") + 1)
    text = substr(line, index(line, "- ") + 2)
    gsub(/["']/, "", text)
    count = split(text, part, ":")
    if (count < 2 || part[count - 1] == "") {
        say(line)
        return
    }
    fixed("service " service " takes port " part[count - 1] " of the host")
    for (i = 1; i <= count - 2; i++)
        rest = rest part[i] ":"
    if (isolate == "yes")
        line = start "\"" (rest == "" ? "" : rest ":") part[count] "\""
    say(line)
}

function say_ports(service, first, last, i, line, dash)
{
    say(lines[first])
    for (i = first + 1; i <= last; i++) {
        line = lines[i]
        if (line ~ /^ *- / && line !~ /^ *- [a-z_]+: /) {
            short_port(line, service)
            continue
        }
        if (line ~ /^ *(- )?published: / && value_of(line) != "" && value_of(line) != "0") {
            fixed("service " service " takes port " value_of(line) " of the host")
            if (isolate == "yes") {
                dash = line ~ /^ *- / ? 1 : dash
                continue
            }
        }
        if (dash) { # the item has lost its first line
            match(line, /^ */)
            line = substr(line, 1, RLENGTH - 2) "- " substr(line, RLENGTH + 1)
            dash = 0
        }
        say(line)
    }
}

# An address of a subnet that has been replaced goes.
function say_networks(first, last, i)
{
    for (i = first; i <= last; i++)
        if (lines[i] !~ /^        ipv4_address: /)
            say(lines[i])
}

function image_of(service)
{
    if ("image" in at)
        return value_of(lines[at["image"]])
    return images "_" tolower(service)
}

# The file that it is built by, where that is one of this machine.
function dockerfile(i, context, file)
{
    if (!("build" in at))
        return ""
    context = value_of(lines[at["build"]])
    file = "Dockerfile"
    for (i = at["build"] + 1; i <= till["build"]; i++) {
        if (lines[i] ~ /^      context: /)
            context = value_of(lines[i])
        if (lines[i] ~ /^      dockerfile: /)
            file = value_of(lines[i])
        if (lines[i] ~ /^      dockerfile_inline:/)
            return ""
    }
    return context ~ /^\// ? (file ~ /^\// ? file : context "/" file) : ""
}

function is_active(i)
{
    if (!("profiles" in at))
        return 1
    for (i = at["profiles"] + 1; i <= till["profiles"]; i++)
        if (lines[i] ~ /^ *- / && substr(lines[i], index(lines[i], "- ") + 2) in active)
            return 1
    return 0
}

# The services that this one needs.
function needs(keys, k, i, line, text)
{
    if ("network_mode" in at && value_of(lines[at["network_mode"]]) ~ /^service:/)
        text = substr(value_of(lines[at["network_mode"]]), 9)
    split("depends_on links volumes_from", keys, " ")
    for (k = 1; k <= 3; k++) {
        if (!(keys[k] in at))
            continue
        for (i = at[keys[k]] + 1; i <= till[keys[k]]; i++) {
            line = lines[i]
            if (line ~ /^ *- /) {
                sub(/^ *- /, "", line)
                gsub(/["']/, "", line)
                sub(/:.*/, "", line)
                text = text " " line
            } else if (indent_of(line) == 6) {
                text = text " " key_of(line)
            }
        }
    }
    return text
}

# This one, and all that it needs.
function choose(name, list, count, i)
{
    if (name in chosen)
        return
    chosen[name] = 1
    count = split(needed[name], list, " ")
    for (i = 1; i <= count; i++)
        choose(list[i])
}

function say_images(name, i)
{
    for (name in wanted)
        choose(name)
    for (i = 1; i <= entries; i++)
        if (order[i] in chosen)
            print entry[order[i]]
}

function service(name, i, key)
{
    if (mode == "images") {
        order[++entries] = name
        entry[name] = name " " ("build" in at ? "build" : "pull") " " image_of(name) " " dockerfile()
        needed[name] = needs()
        if (services == "" && is_active())
            chosen[name] = 1
        return
    }
    if ("container_name" in at)
        fixed("service " name " has a container_name: " value_of(lines[at["container_name"]]))
    if ("network_mode" in at && value_of(lines[at["network_mode"]]) == "host")
        fixed("service " name " uses the network of the host")
    say(lines[1])
    if (!("labels" in at)) {
        say("    labels:")
        say_labels()
    }
    if ("build" in at && !("image" in at))
        say("    image: \"" image_of(name) "\"")
    for (i = 2; i <= n; i++) {
        key = indent_of(lines[i]) == 4 && lines[i] !~ /^    -/ ? key_of(lines[i]) : ""
        if (key == "labels") {
            say_more_labels(lines[i])
        } else if (key == "container_name" && isolate == "yes") {
            say("    container_name: \"" project "-" value_of(lines[i]) "\"")
        } else if (key == "ports" && !is_empty(lines[i])) {
            say_ports(name, i, till["ports"])
            i = till["ports"]
        } else if (key == "networks" && isolate == "yes") {
            say_networks(i, till["networks"])
            i = till["networks"]
        } else {
            say(lines[i])
        }
    }
}

function is_external()
{
    return "external" in at && value_of(lines[at["external"]]) != "false"
}

function say_subnet(name, subnet)
{
    subnet = subnet_for(name)
    if (subnet == "")
        return
    say("    ipam:")
    say("      config:")
    say("      - subnet: \"" subnet "\"")
}

# The subnet that it has of its own, "" where it has none, or none alone.
function own_subnet(i, subnet, count)
{
    if (!("ipam" in at))
        return ""
    for (i = at["ipam"] + 1; i <= till["ipam"]; i++) {
        if (lines[i] ~ /^ *(- )?subnet: /) {
            subnet = value_of(lines[i])
            count++
        }
    }
    return count == 1 && subnet !~ /:/ ? subnet : ""
}

function is_taken(subnet, part, first)
{
    if (subnet == "")
        return 0
    split(subnet, part, "/")
    first = number_of(part[1])
    return !is_free(first, first + power_of_two(32 - part[2]))
}

# Has addresses of its own, or cannot have any.
function is_addressed(driver)
{
    if ("ipam" in at && !is_empty(lines[at["ipam"]]) && (isolate != "yes" || own_subnet() == ""))
        return 1
    driver = "driver" in at ? value_of(lines[at["driver"]]) : "bridge"
    return driver != "bridge" && driver != "default" && driver != "null"
}

function network_or_volume(name, i, key, addressed)
{
    if (mode == "images")
        return
    if (section == "networks")
        seen[name] = 1
    if (is_external()) {
        for (i = 1; i <= n; i++)
            say(lines[i])
        return
    }
    if ("name" in at && value_of(lines[at["name"]]) != project "_" name)
        fixed((section == "networks" ? "network " : "volume ") name " has a name: " value_of(lines[at["name"]]))
    if (section == "networks" && own_subnet() != "")
        fixed("network " name " has a subnet of its own: " own_subnet())
    say(header(lines[1]))
    addressed = section == "volumes" || is_addressed()
    if (mode == "taken" && section == "networks" && addressed && !(name in had) && is_taken(own_subnet()))
        print "network " name " has a subnet of its own: " own_subnet()
    if (!addressed)
        say_subnet(name)
    if (!("labels" in at)) {
        say("    labels:")
        say_labels()
    }
    for (i = 2; i <= n; i++) {
        key = indent_of(lines[i]) == 4 ? key_of(lines[i]) : ""
        if (key == "labels")
            say_more_labels(lines[i])
        else if (key == "ipam" && !addressed)
            i = till["ipam"]
        else if (!(key == "name" && isolate == "yes"))
            say(lines[i])
    }
}

# Version 1 does not print the network that services have when they name none.
function say_default()
{
    if (version != 1 || "default" in seen || mode == "images")
        return
    say("  default:")
    say_subnet("default")
    say("    labels:")
    say_labels()
    seen["default"] = 1
}

function flush(name)
{
    if (n == 0)
        return
    name = key_of(lines[1])
    find_keys()
    if (section == "services")
        service(name)
    else
        network_or_volume(name)
    n = 0
}

/^[^ ]/ {
    flush()
    if (section == "networks")
        say_default()
    section = key_of($0)
    if (section == "name")
        version = 2
    if ((section == "networks" || section == "volumes") && is_empty($0)) {
        section = ""
        next
    }
    # What had no version has labels and the like, too.
    if (section == "version" && value_of($0) ~ /^(1|2|2\.0)$/)
        say("version: '2.4'")
    else
        say($0)
    next
}

section == "services" || section == "networks" || section == "volumes" {
    if (/^  [^ ]/)
        flush()
    lines[++n] = $0
    next
}

{
    say($0)
}

END {
    if (failed)
        exit 1
    flush()
    if (mode == "images")
        say_images()
    if (section == "networks")
        say_default()
    if (version == 1 && !("default" in seen) && mode != "images") {
        say("networks:")
        say_default()
    }
}
