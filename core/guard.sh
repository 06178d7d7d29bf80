#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Stands in front of a command in another place: docs/guard.md. Comments and blank lines stay here
# when it travels.

exec 3<&0 4>&1 5>&2 </dev/null >/dev/null 2>&1
trap : HUP INT QUIT PIPE TERM

# Values keep their newlines at the end behind a guard character.
decode() {
    value=$(printf '%b.' "$1")
    value=${value%.}
}

IFS=' ' read -r version nonce lease merge <&3 || exit 70
[ "$version" = 1 ] || exit 70
folder=. variables=0 started=
while IFS= read -r line <&3; do
    value=${line#? }
    case $line in
    [VWD]*) decode "$value" ;;
    esac
    case $line in
    [vV]*) set -- "$@" "$value" variables=$((variables + 1)) ;;
    [wW]*) set -- "$@" "$value" ;;
    [dD]*) folder=$value ;;
    go) started=1 && break ;;
    esac
done
[ "$started" ] || exit 70
exit 71
