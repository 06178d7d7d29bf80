#!/bin/sh
# SPDX-License-Identifier: MIT
#
# For `ciplug check`: sh -c TEXT ciplug-ssh NAME WANTED SLOTS SESSIONS FAR SSH...: a line for each
# problem of the host, with its remedy. FAR is what answers there; WANTED the tools that have to be
# there.
name=$1 wanted=$2 slots=$3 sessions=$4 far=$5
shift 5

command -v "$1" >/dev/null || {
    echo "the program '$1' is not on PATH: install it (package openssh-client), or set ssh.binary"
    exit 1
}
before=$(date +%s)
answer=$("$@" "exec sh -c '$far'" 2>&1) || {
    last=$(printf '%s\n' "$answer" | sed '/^$/d' | tail -n 1)
    echo "$name cannot be logged into: ${last:-no word}: try $(printf '%s ' "$@")true"
    exit 1
}
after=$(date +%s)

value() {
    printf '%s\n' "$answer" | sed -n "s/^ciplug $1=//p" | head -n 1
}

status=0
problem() {
    echo "$name $1"
    status=1
}
for tool in $wanted; do
    case " $(value tools) " in
    *" $tool "*) ;;
    *) problem "has no $tool: install it there" ;;
    esac
done
free=$(value free)
case $free in
'' | *[!0-9]*) ;;
*) [ "$free" -ge 65536 ] || problem "has less than 64 MiB free: make room there" ;;
esac
clock=$(value clock)
case $clock in
'' | *[!0-9]*) ;;
*)
    if [ "$clock" -lt $((before - 5)) ] || [ "$clock" -gt $((after + 5)) ]; then
        problem "has a clock that differs by $((clock - after)) s: set it (make and the like compare times)"
    fi
    ;;
esac

# As many sessions at once as a connection will have.
use=$sessions
[ $((slots * 2)) -ge "$use" ] || use=$((slots * 2))
folder=$(mktemp -d) || exit
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
program=$1
shift
# What stands first wins.
"$program" -o ControlMaster=yes -o "ControlPath=$folder/m" -N "$@" >/dev/null 2>&1 </dev/null &
master=$!
for try in 1 2 3 4 5 6 7 8 9 10; do
    [ ! -S "$folder/m" ] || break
    sleep 0.2
done
if [ -S "$folder/m" ]; then
    try=0
    while [ "$try" -lt "$use" ]; do
        try=$((try + 1))
        "$program" -o "ControlPath=$folder/m" -o ProxyCommand=false "$@" 'exec sleep 1' \
            >/dev/null 2>&1 </dev/null && : >"$folder/$try" &
        all="${all-} $!"
    done
    # shellcheck disable=SC2086
    wait $all
    most=$(find "$folder" -name '[0-9]*' | wc -l)
    [ "$most" -ge "$use" ] ||
        problem "allows $most sessions a connection (MaxSessions): set ssh.sessions = $most, or MaxSessions $use there"
fi
kill "$master" 2>/dev/null
wait "$master" 2>/dev/null
exit "$status"
