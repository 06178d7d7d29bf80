# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154
#
# compose.run: the input belongs to the command, so the file comes by another descriptor. `name` is
# the container's: a try with a guard that found no shell may have left one.
read_files </dev/null
refuse_far_mounts </dev/null
read_subnets </dev/null
made=$(rewrite write) || exit
ask rm -f -v "$name" >/dev/null 2>&1
{
    # shellcheck disable=SC2086 # names of profiles
    printf '%s\n' "$made" | compose -f /dev/fd/3 --project-directory "$directory" $profile_lines \
        -p "$project" "$@" 3<&0 0<&4
} 4<&0
