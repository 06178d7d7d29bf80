#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Stands in front of a command in another place: docs/guard.md. Runs under dash, busybox and bash, as
# PID 1 or not, with builtins alone; `sleep` is wanted for a lease, `grep` makes a full /proc faster,
# `env` takes the variables of `e` lines. Comments and blank lines stay here when it travels.
#
# All names start with g_: what the place exports under another is the command's, and stays.
#
# Three processes. The first starts the command in the foreground (in the background it would ignore
# INT and QUIT, and `wait` would come back for every trapped signal), and looks for what it left. The
# watcher ends the tree when the reader says so or for silence; the reader, its child, takes orders.

exec 3<&0 4>&1 5>&2 </dev/null >/dev/null 2>&1

# Whatever a command may send to its process group (`kill 0`) is none of the guard's business. To
# ignore it would make the command ignore it.
g_deaf='trap : HUP INT QUIT USR1 USR2 PIPE ALRM TERM'
$g_deaf

g_die() {
    printf 'ciplug-guard: %s\n' "$1" >&5
    exit 70
}

# Behind a guard character, newlines at the end survive.
g_decode() {
    g_value=$(printf '%b.' "$1")
    g_value=${g_value%.}
}

# /proc/PID/stat of a process that lives. Its name may hold anything, newlines too.
g_look() {
    g_line='' g_stat=''
    while read -r g_line || [ "$g_line" ]; do
        g_stat="$g_stat $g_line"
    done <"/proc/$1/stat"
    # shellcheck disable=SC2086
    set -- ${g_stat##*) }
    g_parent=$2 g_group=$3 g_since=${20}
    # One whose first thread has ended looks like a zombie, but has others.
    case $1 in
    [!ZXx]) ;;
    *) [ "${18:-0}" -gt 1 ] ;;
    esac
}

# Whether it is of the command's tree.
g_belongs() {
    g_look "$1" || return 1
    case $g_old in
    *" $1 "*) [ "$g_since" -le "$g_start" ] && return 1 ;;
    esac
    [ "$1" != "$g_watcher" ] && [ "$g_parent" != "$g_watcher" ] || return 1
    [ "$g_group" != "$g_own" ] || return 0
    [ "$g_marker" ] || return 1
    # `read` leaves out NUL. The marker ends in a digit, and no name of a variable begins with one.
    while IFS= read -r g_line || [ "$g_line" ]; do
        case $g_line in
        *"$g_marker" | *"$g_marker"[!0-9]*) return 0 ;;
        esac
    done <"/proc/$1/environ"
    return 1
}

# All members of the tree: $g_tree. Where there are many processes grep says which to look at.
g_find() {
    g_tree=''
    set -- /proc/[0-9]*
    if [ $# -gt 20 ]; then
        g_list=$(grep -lzsE "^$g_marker\$|\) [A-Za-z] [0-9]+ $g_own [0-9]+ -?[0-9]+ " \
            /proc/[0-9]*/environ /proc/[0-9]*/stat)
        # shellcheck disable=SC2086
        [ "${g_list#*"/proc/$$/stat"}" = "$g_list" ] || set -- $g_list
    fi
    for g_file; do
        g_pid=${g_file#/proc/}
        g_pid=${g_pid%/*}
        case " $g_tree" in
        *" $g_pid "*) continue ;;
        esac
        g_belongs "$g_pid" && g_tree="$g_tree$g_pid "
    done
    [ "$g_tree" ]
}

g_signal() {
    if [ ! "$g_proc" ]; then
        [ "$1" = STOP ] || kill -s "$1" 0
    elif g_find; then
        # shellcheck disable=SC2086
        kill -s "$1" $g_tree
    fi
}

# Hundredths of a second.
g_clock() {
    read -r g_now g_line </proc/uptime || return
    g_now=$((${g_now%.*} * 100 + 1${g_now#*.} - 100))
}

# SIGKILL until nothing is left, 5 s at most; how many there were: $g_left.
g_slay() {
    g_clock
    g_until=$((g_now + 500)) g_left=0 g_seen=' '
    while g_find; do
        # shellcheck disable=SC2086
        kill -s KILL $g_tree
        for g_pid in $g_tree; do
            case $g_seen in
            *" $g_pid "*) ;;
            *) g_left=$((g_left + 1)) g_seen="$g_seen$g_pid " ;;
            esac
        done
        g_clock
        [ "$g_now" -lt "$g_until" ] || return 1
        [ "$g_now" -lt $((g_until - 400)) ] || sleep 0.1
    done
}

# What still is on its way out has 20 ms.
g_sweep() {
    g_clock
    g_until=$((g_now + 3)) g_left=0
    while g_find; do
        g_clock
        [ "$g_now" -lt "$g_until" ] || {
            g_slay
            return
        }
    done
}

# Orders. `read` may come back for a signal in the middle of a line.
g_reader() {
    g_part='' g_hit=''
    trap g_hit=1 HUP USR1 USR2 PIPE ALRM TERM
    while :; do
        IFS= read -r g_line || {
            [ "$g_hit" ] || break
            g_part=$g_part$g_line g_hit=''
            continue
        }
        g_line=$g_part$g_line g_part=''
        case $g_line in
        's '[A-Z]*)
            g_signal "${g_line#s }"
            # shellcheck disable=SC2086
            [ ! "$g_tree" ] || kill -s CONT $g_tree
            ;;
        # Twice: for the children that were born meanwhile.
        p) g_signal STOP && g_signal STOP ;;
        c) g_signal CONT ;;
        b) [ "$g_lease" = 0 ] || kill -s WINCH "$g_watcher" ;;
        k) break ;;
        esac
    done
    kill -s URG "$g_watcher"
}

# Signals that nobody else sends: URG from the reader: end the tree; WINCH: a heartbeat; PROF from
# the first process: the command has ended.
g_watch() {
    g_over='' g_for=''
    trap 'kill -s KILL "$g_for"' WINCH
    trap 'g_over=kill; kill -s KILL "$g_for"' URG
    trap 'g_over=${g_over:-end}; kill -s KILL "$g_for"' PROF
    $g_deaf
    if [ "$g_proc" ]; then
        read -r g_watcher g_line </proc/self/stat
    else
        # shellcheck disable=SC2016
        g_watcher=$(exec sh -c 'echo "$PPID"')
    fi
    g_reader <&3 3<&- &
    g_orders=$!
    exec 3<&-
    while [ "$g_lease" != 0 ] && [ ! "$g_over" ]; do
        g_for=''
        sleep "$g_lease" &
        g_for=$!
        [ "$g_over" ] || wait "$g_for"
        case $? in
        0) g_over=${g_over:-kill} ;;
        126 | 127) g_lease=0 ;;
        esac
        kill -s KILL "$g_for"
        wait "$g_for"
    done
    g_for=$g_orders
    while [ ! "$g_over" ] && kill -s 0 "$g_orders"; do
        wait "$g_orders"
    done
    kill -s KILL "$g_orders"
    wait "$g_orders"
    g_for=''
    [ "$g_over" = end ] && exit
    # What cannot be ended keeps the first process from ending, too.
    [ "$g_proc" ] || kill -s KILL 0
    g_slay || kill -s KILL $$
}

IFS=' ' read -r g_line g_nonce g_lease g_merge <&3
[ "$g_line" = 1 ] || g_die 'no prelude of version 1'
g_folder='' g_marker='' g_go='' g_plain=0 g_odd='' g_words=''
while IFS= read -r g_line <&3; do
    g_value=${g_line#? }
    case $g_line in
    [VEWD]*) g_decode "$g_value" ;;
    esac
    case $g_line in
    [vV]' CIPLUG_JOB='*) g_marker=$g_value ;;
    esac
    case $g_line in
    [vV]' '*) set -- "$@" "$g_value" && g_plain=$((g_plain + 1)) ;;
    [eE]' '*) set -- "$@" "$g_value" && g_odd=1 ;;
    [wW]' '*) set -- "$@" "$g_value" && g_words=1 ;;
    [dD]' '*) g_folder=$g_value ;;
    go) g_go=1 && break ;;
    *) g_die 'an unknown line in the prelude' ;;
    esac
done
[ "$g_go$g_words" = 11 ] || g_die 'the prelude has no end'

# /proc, if it is that of these PIDs; what is there already, and when this was started.
g_proc='' g_watcher='' g_tree='' g_left=0
read -r g_line g_value </proc/self/stat
if [ "$g_line" = $$ ] && g_look $$ && g_clock; then
    g_proc=1 g_own=$g_group g_start=$g_since
    g_old=" $(cd /proc && echo [0-9]*) "
fi

printf '\036ciplug-begin %s\n' "$g_nonce" >&4 || exit
if [ "$g_merge" = 1 ]; then
    exec 5>&4
else
    printf '\036ciplug-begin %s\n' "$g_nonce" >&5 || exit
fi
g_watch 4>&- 5>&- &
g_watcher=$!
exec 3<&-

(
    if [ "$g_folder" ]; then
        cd "$g_folder" 2>&5 || exit 126
        unset OLDPWD
    fi
    while [ "$g_plain" -gt 0 ]; do
        # shellcheck disable=SC2163
        export "$1"
        shift
        g_plain=$((g_plain - 1))
    done
    [ ! "$g_odd" ] || set -- env "$@"
    exec "$@" >&4 2>&5 4>&- 5>&-
)
g_code=$?

while kill -s PROF "$g_watcher"; do
    wait "$g_watcher"
done
[ ! "$g_proc" ] || g_sweep || exit
[ "$g_left" -le 9999 ] || g_left=9999
printf '\036ciplug-end %s exit %d left %d\n' "$g_nonce" "$g_code" "$g_left" >&4
[ "$g_merge" = 1 ] || printf '\036ciplug-end %s exit %d left %d\n' "$g_nonce" "$g_code" "$g_left" >&5
exit "$g_code"
