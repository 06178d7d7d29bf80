#!/bin/sh
# SPDX-License-Identifier: MIT
#
# docker.run where the client is on another machine: sh -c TEXT ciplug-docker CLIENT COUNT FROM
# VOLUME... CLIENT run WORD...: the same with -v VOLUME in front of the words; a VOLUME that begins
# with a dot is a path from FROM, and has to be there.
client=$1 count=$2 from=$3
shift 3
cd -- "$from" 2>/dev/null || {
    echo "there is no $from on this machine: sync = yes of its host brings the workspace" >&2
    exit 125
}
words=$(($# - count - 2))
while [ "$count" -gt 0 ]; do
    volume=$1
    shift
    case $volume in
    .*)
        [ -e "${volume%%:*}" ] || {
            echo "there is no ${volume%%:*} on this machine to be mounted: sync = yes of its host brings the workspace" >&2
            exit 125
        }
        volume=$PWD/$volume
        ;;
    esac
    set -- "$@" -v "$volume"
    count=$((count - 1))
done
# They stand behind the words now: those go behind them.
shift 2
while [ "$words" -gt 0 ]; do
    word=$1
    shift
    set -- "$@" "$word"
    words=$((words - 1))
done
exec "$client" run "$@"
