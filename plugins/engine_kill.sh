#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs in a container: sh -c TEXT ciplug-kill JOB. Kills every process that has CIPLUG_JOB=JOB in its
# environment, and whatever is in a session of such a one, until nothing of it is left. Ends with 0
# then; the last line says how many there were. Nothing but builtins of the shell, and sleep if it
# is there.
job=$1 sessions=' ' killed=' ' count=0

# The zeros between variables are lost on the way, so a longer number has to be told apart.
marked() {
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in
        *"CIPLUG_JOB=$job"[0-9]*) ;;
        *"CIPLUG_JOB=$job"*) return 0 ;;
        esac
    done <"/proc/$1/environ"
    return 1
}

# $state and $session of a process; 1: it has gone.
look() {
    state='' session='' stat=
    # A name may have several lines.
    while read -r line || [ -n "$line" ]; do
        stat="$stat $line"
    done <"/proc/$1/stat"
    [ -n "$stat" ] || return 1
    # shellcheck disable=SC2086
    set -- ${stat##*') '}
    state=$1 session=$4
}

kill_all() {
    left=
    for process in /proc/[0-9]*; do
        process=${process#/proc/}
        if [ "$process" = $$ ] || ! look "$process"; then continue; fi
        case $state in Z | X) continue ;; esac
        case $sessions in
        *" $session "*) ;;
        *) marked "$process" || continue ;;
        esac
        # Of a container's first process nobody in there can be the end.
        [ "$process" != 1 ] || continue
        [ "$session" -le 1 ] || [ "$session" = "$own" ] || sessions="$sessions$session "
        kill -9 "$process"
        left="$left $process"
        case $killed in
        *" $process "*) ;;
        *) killed="$killed$process " count=$((count + 1)) ;;
        esac
    done
    [ -n "$left" ]
}

exec 2>/dev/null
look $$
own=$session
for round in 1 2 3 4 5 6 7; do
    if ! kill_all; then
        [ "$count" = 0 ] && echo 'nothing of it was left' || echo "$count of its processes were killed"
        exit 0
    fi
    [ "$round" = 1 ] || sleep 0.1 || sleep 1
done
echo "not ended:$left"
exit 1
