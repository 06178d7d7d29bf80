# SPDX-License-Identifier: MIT
#
# Reads what `compose config` prints, as compose.awk does: "WHO PATH" for each path of this
# machine's workspace that a container would get as a mount, also as a secret or a config.
#
# folder  of the project; top  of its repository, or empty

function plain(text)
{
    if (text ~ /^".*"$/ || text ~ /^'.*'$/)
        return substr(text, 2, length(text) - 2)
    return text
}

function is_ours(path)
{
    return index(path "/", folder "/") == 1 || (top != "" && index(path "/", top "/") == 1)
}

function note(who, path)
{
    if (is_ours(path))
        print who, path
}

function key_of(line)
{
    sub(/^ +/, "", line)
    sub(/:( .*)?$/, "", line)
    return plain(line)
}

/^[^ #-]/ { section = key_of($0); service = block = ""; next }
/^  [^ -]/ { service = key_of($0); block = ""; next }
section == "services" && /^    [^ -]/ { block = key_of($0); next }
section == "services" && block == "volumes" {
    sub(/^ *(- *)?/, "")
    if ($0 ~ /^source: /) {
        note(service, plain(substr($0, 9)))
    } else if (plain($0) ~ /^\//) {
        path = plain($0)
        sub(/:.*/, "", path)
        note(service, path)
    }
}
# secrets/NAME, configs/NAME: whoever gets them.
(section == "secrets" || section == "configs") && /^    file: / {
    note(section "/" service, plain(substr($0, 11)))
}
