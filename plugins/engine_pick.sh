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
here='' there='' status=0 archives=0
[ $# -gt 1 ] && several=1 || several=
# It reads escapes in names, unless it is told not to.
case $(tar --version 2>/dev/null) in *GNU*) gnu=--no-unquote ;; *) gnu= ;; esac

# FOLDER NAMES: the next archive. The reader has to go on behind the zeros at its end, and not each tar does.
pack() {
    archives=$((archives + 1))
    [ "$archives" != 2 ] || echo 'ciplug: more than one archive' >&3
    (cd "$1" && eval "exec tar $gnu -cf - $2") 2>&3
    fail $?
}

# What was found so far. busybox has one folder for all names.
emit() {
    if [ -n "$here" ] && [ -n "$there" ] && [ "$gnu" ]; then
        pack "$first" "$here -C '$root/' $there"
    else
        [ -z "$here" ] || pack "$first" "$here"
        [ -z "$there" ] || pack "$root/" "$there"
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
    [ $((${#here} + ${#there})) -lt 60000 ] || emit
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
emit
exit "$status"
