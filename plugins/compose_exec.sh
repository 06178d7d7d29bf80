# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# compose.exec: sh -c SCRIPT ciplug-compose PROJECT SERVICE INDEX OPTIONS... -- COMMAND. The
# container is found by its labels, and entered by the engine's client, which starts faster than
# compose.
set -fu
project=$1 service=$2 index=$3
shift 3

command -v timeout >/dev/null || timeout() { shift 3 && "$@"; }

containers() {
    timeout -s KILL 30 docker ps "$@" --filter "label=com.docker.compose.project=$project" \
        --filter "label=com.docker.compose.service=$service" \
        --filter "label=com.docker.compose.container-number=$index" \
        --filter label=com.docker.compose.oneoff=False </dev/null
}

id=$(containers -q) || {
    echo 'ciplug-compose: the engine does not answer' >&2
    exit 1
}
id=${id%%"
"*}
if [ -z "$id" ]; then
    state=$(containers -a --format '{{.Status}}')
    printf 'ciplug-compose: service %s does not run in project %s: %s\n' \
        "$service" "$project" "${state:-it has no container $index}" >&2
    exit 1
fi

# The container's id goes where the first -- stands.
placed=
for word; do
    shift
    if [ -z "$placed" ] && [ "$word" = -- ]; then
        placed=1 word=$id
    fi
    set -- "$@" "$word"
done
exec docker exec "$@"
