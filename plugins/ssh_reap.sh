#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs on the host: sh -c TEXT ciplug-ssh RUN FOLDER OWN: ends what carries the run's marker, removes
# its copy of the workspace, and says so; the latter not of a run that does it itself (OWN is not
# empty).
run=$1 folder=$2 own=$3

# The zeros between variables are lost on the way.
marked() {
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in
        *"CIPLUG_JOB=$run."*) return 0 ;;
        esac
    done <"/proc/$1/environ"
    return 1
}

for round in 1 2 3; do
    left=
    for process in /proc/[0-9]*; do
        process=${process#/proc/}
        if [ "$process" = $$ ] || ! marked "$process" || ! kill -9 "$process"; then continue; fi
        left=1
        [ "$round" != 1 ] || echo "process $process"
    done 2>/dev/null
    [ -n "$left" ] || break
    sleep 0.1
done
cd .cache/ciplug 2>/dev/null && [ -d "$folder" ] || exit 0
chmod -R u+rwX "$folder" 2>/dev/null
rm -rf "$folder" "base-"*".new-$run" "base-"*".old-$run" || exit
[ -n "$own" ] || echo "workspace ${folder#run-"$run"-}"
