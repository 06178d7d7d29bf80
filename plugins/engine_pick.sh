#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh -c TEXT ciplug-pick ROOT PATTERN...: a tar of what matches the globs, on standard output, with
# relative names; nothing where nothing matches. Patterns start in the current folder; absolute ones
# below ROOT. One component of each may be `**`: any folders, without links, and then only files
# match. 126: there is no tar.
root=${1%/}
shift
IFS=
here='' there='' status=0
[ $# -gt 1 ] && several=1 || several=

# A tar of what was found so far.
emit() {
    if [ -n "$here" ] && [ -n "$there" ] && tar --version 2>/dev/null | grep -q GNU; then
        (cd "$first" && eval "exec tar -cf - $here -C '$root/' $there") 2>&3
        fail $?
    else
        # busybox has one folder for all: two archives, the reader has to go on behind zeros.
        [ -z "$here" ] || (cd "$first" && eval "exec tar -cf - $here") 2>&3
        fail $?
        [ -z "$there" ] || (cd "$root/" && eval "exec tar -cf - $there") 2>&3
        fail $?
    fi
    here='' there=''
}

# 1: a file changed meanwhile.
fail() {
    [ "$1" -le 1 ] || status=$1
}

# FILE TO: a word for eval. Only several patterns can find a file twice. What is said in one command has an end: more
# goes into another archive.
add() {
    text=$1 quoted=
    case $text in -*) text=./$text ;; esac
    while :; do
        case $text in *\'*) ;; *) break ;; esac
        quoted="$quoted${text%%\'*}'\\''"
        text=${text#*\'}
    done
    quoted=" '$quoted$text'"
    if [ "$2" = there ]; then
        [ "$several" ] && case "$there " in *"$quoted "*) return ;; esac
        there=$there$quoted
    else
        [ "$several" ] && case "$here " in *"$quoted "*) return ;; esac
        here=$here$quoted
    fi
    [ $((${#here} + ${#there})) -lt 500000 ] || emit
}

# FOLDER PREFIX REST TO: what matches REST in FOLDER and below; names begin with PREFIX.
walk() {
    cd "$start" && cd "$1" || return
    for file in $3; do
        [ -f "$file" ] || [ -L "$file" ] || continue
        add "$2$file" "$4"
    done
    for file in */; do
        file=${file%/}
        # Each walk leaves us elsewhere.
        cd "$start" && cd "$1" || return
        [ ! -L "$file" ] && [ -d "$file" ] && walk "$1/$file" "$2$file/" "$3" "$4"
    done
}

# PATTERN TO: it is relative to $start.
match() {
    case "/$1/" in
    */'**'/*) ;;
    *)
        for file in $1; do
            if [ -e "$file" ] || [ -L "$file" ]; then add "$file" "$2"; fi
        done
        return
        ;;
    esac
    rest=/$1/
    head=${rest%%/'**'/*}
    rest=${rest#*/'**'/}
    rest=${rest%/}
    head=${head#/}
    if [ -z "$head" ]; then
        walk . '' "${rest:-*}" "$2"
        return
    fi
    for file in $head; do
        [ ! -d "$file" ] || walk "./$file" "$file/" "${rest:-*}" "$2"
    done
}

command -v tar >/dev/null || exit 126
exec 3>&2 2>/dev/null
first=$PWD
for pattern; do
    start=$first
    case $pattern in
    /*) start=$root/ && cd "$start" && match "${pattern#/}" there ;;
    *) cd "$start" && match "$pattern" here ;;
    esac
done
exec 2>&3
emit
exit "$status"
