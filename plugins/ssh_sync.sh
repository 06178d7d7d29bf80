#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Brings the workspace to a host: sh -c TEXT ciplug-ssh FOLDER RUN SOURCE STATE SSH...: what git
# tracks or does not ignore below SOURCE, else all files there, but never those of STATE, to FOLDER
# on the host. What has not changed since a run before is copied over there, from a base that is
# not touched by commands.
folder=$1 run=$2 source=$3 state=$4
shift 4
cd "$source" || exit
command -v rsync >/dev/null || {
    echo 'sync needs rsync: install it here' >&2
    exit 1
}
# Of each host one, as two may have the same home.
base=base-$({ uname -n && printf '%s' "$source"; } | cksum | tr ' ' -)-${folder#"run-$run-"}
files=$(mktemp) || exit
trap 'rm -f "$files" "$files.said"' EXIT
trap 'exit 1' HUP INT TERM

# The client as a text for eval; rsync adds the name of a host, which we know, and its own command.
rsh=
for word; do
    # shellcheck disable=SC2089
    rsh="$rsh '$(printf '%s\n' "$word" | sed "s/'/'\\\\''/g")'"
done
# shellcheck disable=SC2089
CIPLUG_RSH="shift; exec$rsh \"\$*\""
# shellcheck disable=SC2090
export CIPLUG_RSH

list() {
    if [ "$(git rev-parse --is-inside-work-tree 2>/dev/null)" = true ]; then
        git ls-files -co --exclude-standard -z
    else
        find . ! -name . -print0
    fi
}

list >"$files" || exit
"$@" "umask 077; mkdir -p .cache/ciplug/$folder" || exit
set -- "$@" "cd .cache/ciplug || exit; cp -a $folder $base.new-$run || exit
mv $base $base.old-$run 2>/dev/null; mv $base.new-$run $base; rm -rf $base.old-$run"
below=${state#"$source"/}
[ "$below" != "$state" ] || below=.ciplug
said=$(LC_ALL=C rsync -a --stats --from0 --files-from="$files" --ignore-missing-args \
    --exclude="/$below/" --copy-dest="../$base" -e "sh -c 'eval \"\$CIPLUG_RSH\"' ciplug-rsh" \
    . "ciplug:.cache/ciplug/$folder/" 2>"$files.said") || {
    status=$?
    cat "$files.said" >&2
    echo "rsync ended with $status: it needs a login shell that prints nothing, and rsync on both sides" >&2
    exit "$status"
}
case $said in
*'files transferred: 0'*) ;;
*) "$@" || echo 'the next run has to bring all files again' >&2 ;;
esac
