#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Stands in front of a command in another place: docs/guard.md. Runs under dash, busybox and bash, as
# PID 1 or not, with builtins alone; `sleep` is wanted for a lease, `grep` makes a full /proc faster,
# `env` takes the variables of `e` lines. Comments and blank lines stay here when it travels.
#
# All names start with g_: what the place exports under another is the command's, and stays.
#
# Up to three processes. The first starts the command in the foreground (in the background it would
# ignore INT and QUIT, and `wait` would come back for every trapped signal), and looks for what it
# left. Its children are the watcher, which ends the tree after silence, and the reader of orders.

exec 3<&0 4>&1 5>&2 </dev/null >/dev/null 2>&1

# What a command may send to its process group (`kill 0`) is not meant for the guard. Trapped, as
# the command would inherit that they are ignored.
g_signals='HUP INT QUIT USR1 USR2 PIPE ALRM TERM'
# shellcheck disable=SC2086
trap : $g_signals
# Between the guard's processes travel some that nobody sends: URG to the first: another of them ends
# the tree; to the watcher WINCH: a heartbeat; PROF: the end.
trap g_ordered=1 URG

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
    g_pid=${g_stat%% (*}
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
    case " $$ $g_self $g_reader $g_watcher " in
    *" $1 "*) return 1 ;;
    esac
    g_look "$1" && [ "$g_parent" != "$g_watcher" ] || return 1
    case $g_old in
    *" $1 "*) [ "$g_since" -gt "$g_start" ] || return 1 ;;
    esac
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
        # It works if it finds the first process of the guard.
        # shellcheck disable=SC2086
        [ "${g_list#*"/proc/$$/stat"}" = "$g_list" ] || set -- $g_list
    fi
    for g_file; do
        g_file=${g_file#/proc/}
        g_file=${g_file%/*}
        case " $g_tree" in
        *" $g_file "*) continue ;;
        esac
        g_belongs "$g_file" && g_tree="$g_tree$g_file "
    done
    [ "$g_tree" ]
}

# The calling process, which $$ is not where it is a child.
g_know() {
    [ "$g_self" ] || read -r g_self g_stat </proc/self/stat
}

g_signal() {
    if [ ! "$g_proc" ]; then
        [ "$1" = STOP ] || kill -s "$1" 0
    elif g_know && g_find; then
        # shellcheck disable=SC2086
        kill -s "$1" $g_tree
    fi
}

# Hundredths of a second.
g_clock() {
    read -r g_now g_line </proc/uptime
    g_now=$((${g_now%.*} * 100 + 1${g_now#*.} - 100))
}

# One in the middle of exec(2) has no environment for a moment, and may have left the group before:
# whether there is such a process that was not there at the beginning. What is no program has no exe.
# Where there are many processes grep says which have none, and it works if /dev/null is among them;
# those with numbers below ours are older, as long as numbers have not begun anew.
g_hatching() {
    set -- /proc/[0-9]*/environ
    g_line=0
    if [ $# -gt 20 ]; then
        g_list=$(read -r g_line g_stat </proc/self/stat && echo "$g_line" && grep -Lzs . /dev/null "$@")
        g_line=${g_list%%[!0-9]*}
        # shellcheck disable=SC2086
        [ "${g_list#*/dev/null}" = "$g_list" ] || set -- ${g_list#"$g_line"}
    fi
    [ "$g_line" -gt $$ ] || g_line=0
    for g_file; do
        g_pid=${g_file#/proc/}
        g_pid=${g_pid%/environ}
        case $g_pid in
        *[!0-9]*) continue ;;
        esac
        [ "$g_line" = 0 ] || [ "$g_pid" -gt $$ ] || continue
        case "$g_old $$ $g_self $g_reader $g_watcher " in
        *" $g_pid "*) continue ;;
        esac
        if [ -e "/proc/$g_pid/exe" ] && [ -r "$g_file" ]; then
            g_stat=''
            IFS= read -r g_stat <"$g_file" || [ "$g_stat" ] || return 0
        fi
    done
    return 1
}

# All members of the tree, once nothing hatches any more, which has half a second.
g_find_all() {
    g_find && return
    if ! g_hatching; then
        g_find
        return
    fi
    g_clock
    g_limit=$((g_now + 50))
    while g_hatching && [ "$g_now" -lt "$g_limit" ]; do
        g_find && return
        g_clock
    done
    g_find
}

# SIGKILL until nothing is left, 5 s at most; how many there were: $g_left. What cannot be ended
# keeps the first process from ending, too.
g_slay() {
    [ "$g_proc" ] || kill -s KILL 0
    kill -s URG $$
    g_know
    g_clock
    g_until=$((g_now + 500)) g_left=0 g_seen=' '
    # Twice, for what was born while its parent ended.
    while g_find || g_find_all; do
        # shellcheck disable=SC2086
        kill -s KILL $g_tree
        for g_file in $g_tree; do
            case $g_seen in
            *" $g_file "*) ;;
            *) g_left=$((g_left + 1)) g_seen="$g_seen$g_file " ;;
            esac
        done
        g_clock
        [ "$g_now" -lt "$g_until" ] || {
            kill -s KILL $$
            exit 1
        }
        [ "$g_now" -lt $((g_until - 400)) ] || sleep 0.1
    done
}

# What still is on its way out has 20 ms.
g_sweep() {
    g_find_all || return
    g_clock
    g_until=$((g_now + 3))
    while [ "$g_now" -lt "$g_until" ]; do
        g_find || return
        g_clock
    done
    g_slay
}

# End a child, and wait for that.
g_end() {
    while kill -s "$1" "$2"; do
        wait "$2"
    done
}

# Orders. `read` may come back for a signal in the middle of a line.
g_read() {
    g_part='' g_hit=''
    # shellcheck disable=SC2086
    trap g_hit=1 $g_signals
    while :; do
        g_line=''
        IFS= read -r g_line || {
            [ "$g_hit" ] || break
            g_part=$g_part$g_line g_hit=''
            continue
        }
        g_line=$g_part$g_line g_part=''
        case $g_line in
        's '[A-Z]*)
            kill -s URG $$
            g_signal "${g_line#s }"
            # shellcheck disable=SC2086
            [ ! "$g_tree" ] || kill -s CONT $g_tree
            ;;
        # Twice: for the children that were born meanwhile.
        p) g_signal STOP && g_signal STOP ;;
        c) g_signal CONT ;;
        b) [ ! "$g_watcher" ] || kill -s WINCH "$g_watcher" ;;
        k) break ;;
        esac
    done
    g_slay
}

# Sleep anew for each heartbeat; who sleeps to the end ends the tree. `wait` may come back early.
g_watch() {
    g_over='' g_for=''
    trap 'kill -s KILL "$g_for"' WINCH
    trap 'g_over=1; kill -s KILL "$g_for"' PROF
    # shellcheck disable=SC2086
    trap : $g_signals
    while [ ! "$g_over" ]; do
        g_for=''
        (
            # Here it is right that this is inherited.
            # shellcheck disable=SC2086
            trap '' $g_signals
            exec sleep "$g_lease"
        ) &
        g_for=$!
        while [ ! "$g_over" ]; do
            wait "$g_for"
            g_status=$?
            kill -s 0 "$g_for" || break
        done
        g_end KILL "$g_for"
        g_for=''
        [ ! "$g_over" ] || exit
        case $g_status in
        0) g_slay && exit ;;
        126 | 127) exit ;;
        esac
    done
}

IFS=' ' read -r g_line g_nonce g_lease g_merge <&3
[ "$g_line" = 1 ] || g_die 'no prelude of version 1'
g_folder='' g_marker='' g_go='' g_plain=0 g_odd='' g_words=''
while IFS= read -r g_line <&3; do
    g_value=${g_line#? }
    case $g_line in
    [VEWD]*) g_decode "$g_value" ;;
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
g_proc='' g_ordered='' g_self='' g_reader='' g_watcher='' g_tree='' g_left=0
if g_look self && [ "${g_pid# }" = $$ ] && [ -r /proc/uptime ]; then
    g_proc=1 g_own=$g_group g_start=$g_since g_old=' '
    for g_file in /proc/[0-9]*; do
        g_old="$g_old${g_file#/proc/} "
    done
fi

printf '\036ciplug-begin %s\n' "$g_nonce" >&4 || exit
if [ "$g_merge" = 1 ]; then
    exec 5>&4
else
    printf '\036ciplug-begin %s\n' "$g_nonce" >&5 || exit
fi
if [ "$g_lease" != 0 ] && command -v sleep; then
    g_watch 3<&- 4>&- 5>&- &
    g_watcher=$!
fi
g_read <&3 3<&- 4>&- 5>&- &
g_reader=$!
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

# What is left after a soft signal has the whole grace, as it has where ciplug runs: the command is
# often only the shell in front of what is worth it. After a hard one it is ended already.
while [ "$g_ordered" ] && [ "$g_proc" ] && { g_find || g_find; }; do
    sleep 0.05
done
g_end KILL "$g_reader"
[ ! "$g_watcher" ] || g_end PROF "$g_watcher"
g_reader='' g_watcher=''
[ ! "$g_proc" ] || g_sweep
[ "$g_left" -le 9999 ] || g_left=9999
printf '\036ciplug-end %s exit %d left %d\n' "$g_nonce" "$g_code" "$g_left" >&4
[ "$g_merge" = 1 ] || printf '\036ciplug-end %s exit %d left %d\n' "$g_nonce" "$g_code" "$g_left" >&5
exit "$g_code"
