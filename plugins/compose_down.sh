# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154
#
# compose.down: by labels and ids, so it needs no client of compose and no file that is still there
# and valid, and finds also what a killed `up` made twice.
label="label=com.docker.compose.project=$project"
only=''
said=''

# Each prints lines of ID NAME, and fails where the engine does not answer.
list_containers() {
    found=$(ask ps -a --no-trunc --filter "$label" \
        --format '{{.ID}} {{.Names}} {{.Label "com.docker.compose.service"}}') || return
    printf '%s\n' "$found" | while read -r id name service; do
        case " $only " in
        '  ' | *" $service "*) [ -z "$id" ] || echo "$id $name" ;;
        esac
    done
}

list_networks() {
    ask network ls --no-trunc --filter "$label" --format '{{.ID}} {{.Name}}'
}

list_volumes() {
    [ "$volumes" != yes ] || ask volume ls --filter "$label" --format '{{.Name}} {{.Name}}'
}

look() {
    if ! containers_left=$(list_containers) || ! networks_left=$(list_networks) ||
        ! volumes_left=$(list_volumes); then
        die "the engine does not answer, so project $project is not removed"
    fi
    [ -n "$containers_left$networks_left$volumes_left" ]
}

# KIND LINES WORDS...: the client with the ids behind the words.
each() {
    kind=$1 lines=$2
    shift 2
    [ -n "$lines" ] || return 0
    while read -r id name; do
        set -- "$@" "$id"
        [ "$kind" = none ] || [ "$round" -gt 1 ] || printf 'removing %s %s\n' "$kind" "$name"
    done <<EOF
$lines
EOF
    error=$(watched "$@" 2>&1 >/dev/null) || said=$error
}

remove() {
    with_volumes=
    [ "$volumes" != yes ] || with_volumes=-v
    [ "$round" -gt 1 ] || each none "$containers_left" docker stop ${seconds:+-t "$seconds"}
    each container "$containers_left" docker rm -f $with_volumes
    each network "$networks_left" docker network rm
    each volume "$volumes_left" docker volume rm
}

names() {
    printf '%s\n' "$containers_left" "$networks_left" "$volumes_left" | sed -n 's/^[^ ]* //p' | tr '\n' ' '
}

# Nobody else's project has these, but other runs of this checkout may use them.
remove_built() {
    found=$(ask image ls --filter "reference=${images}_*" --format '{{.Repository}}:{{.Tag}}') || return
    for image in $found; do
        ask image rm "$image" || :
    done
}

# Orphans are containers of services that the file does not have.
if [ "$orphans" = no ]; then
    read_files
    only=$(rewrite images | sed 's/ .*//' | tr '\n' ' ')
fi

# What a client had asked for before it was killed may come a moment later: so look twice.
for round in 1 2 3 4 5 6; do
    if look; then
        remove
    elif [ "$round" -gt 1 ]; then
        [ "$remove_images" = no ] || remove_built
        exit 0
    fi
    sleep 0.2
done
printf '%s\n' "$said" >&2
die "still there of project $project: $(names)"
