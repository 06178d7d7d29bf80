# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# In front of each of the others but compose_exec.sh:
#
#     sh -c SCRIPT ciplug-compose NAME=VALUE... -- WORDS
#
# The names are the variables set below; of `files` each line is a word for the client (-f, a path,
# --env-file, ...). What the client gets as a file goes through a pipe, so that no secret in it is
# written anywhere.
set -fu

# shellcheck disable=SC2034 # each script uses some of them
program='' mounts='' engine='' files='' binary='' project='' run='' owner='' images='' directory=/ services='' many=no \
    isolate=no pool=none size=26 pull=missing build=no wait=healthy profiles='' made='' round=0 \
    volumes=yes orphans=yes remove_images=no seconds='' name='' \
    prefix='ciplug-compose: ' say_to=2 patience=30 pause=20
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    # The names are the plugin's; what the values hold does not matter.
    eval "${1%%=*}=\${1#*=}"
    shift
done
[ $# -eq 0 ] || shift

say() {
    printf '%s%s\n' "$prefix" "$*" >&"$say_to"
}

die() {
    say "$*"
    exit 1
}

command -v timeout >/dev/null || timeout() { shift 3 && "$@"; }

# On a machine to which the workspace was brought the command starts in it.
case $directory in
/*) ;;
*)
    found=''
    while IFS= read -r line; do
        case $line in ./*) line=$PWD/$line ;; esac
        found="$found$line
"
    done <<EOF
$files
EOF
    files=${found%
} directory=$PWD/$directory
    ;;
esac

# ask WORDS: the engine's client, for what takes no time: 137 where the engine is silent.
ask() {
    timeout -s KILL "$patience" docker "$@" </dev/null
}

# watched COMMAND...: what may take any time, with this input; ended where the engine falls silent.
watched() {
    { exec "$@" <&3 3<&- & } 3<&0
    worker=$!
    # Nothing of it may keep a pipe or the lock open.
    watch_engine "$worker" </dev/null >/dev/null 2>&1 9<&- &
    watcher=$!
    wait "$worker"
    ended=$?
    kill "$watcher" 2>/dev/null
    wait "$watcher"
    if [ $? -eq 3 ]; then
        say "the engine does not answer: $1 was ended"
        return 1
    fi
    return "$ended"
}

# watch_engine PID: 3 when the engine has not answered three times in a row, and PID is ended.
watch_engine() {
    trap 'kill "$!"; exit 0' TERM
    silent=0
    while [ "$silent" -lt 3 ]; do
        sleep "$pause" &
        wait "$!"
        timeout -s KILL "$((patience / 3 + 1))" docker version &
        if wait "$!"; then silent=0; else silent=$((silent + 1)); fi
    done
    trap '' TERM
    kill "$1" && sleep 2 && kill -KILL "$1"
    exit 3
}

find_client() {
    [ -z "$client" ] || return 0
    if docker compose version >/dev/null 2>&1; then
        client='docker compose'
    elif command -v docker-compose >/dev/null; then
        client=docker-compose
    else
        die "neither 'docker compose' nor docker-compose is here"
    fi
}

compose() {
    # shellcheck disable=SC2086 # "docker compose" is two words
    $client "$@"
}

# The user's files, resolved, in $plain.
read_files() {
    find_client
    cd "$directory" 2>/dev/null ||
        die "there is no $directory on this machine: sync = yes of its host brings the workspace"
    directory=$PWD
    plain=$(
        IFS='
'
        # shellcheck disable=SC2086 # a word a line
        set -- $files $profile_lines
        IFS=' '
        compose "$@" -p "$project" config
    ) || die "the compose file is not valid"
}

# rewrite MODE: what compose.awk makes of them.
rewrite() {
    printf '%s\n' "$plain" | awk -v mode="$1" -v run="$run" -v owner="$owner" -v images="$images" \
        -v project="$project" -v isolate="$isolate" -v pool="$pool" -v size="$size" \
        -v try="$round" -v used="${used-}" -v own="${own-}" -v services="$services" \
        -v profiles="$profiles" "$program"
}

# Where the engine is; 1: on this machine.
elsewhere() {
    where=${DOCKER_HOST-}
    [ -n "$where" ] || where=$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null)
    case $where in '' | unix:* | npipe:* | fd:* | tcp://127.* | tcp://localhost* | 'tcp://[::1]'*) return 1 ;; esac
}

# A line for each folder of this machine that the services named (or all) would mount there.
far_mounts() {
    if [ -z "$mounts" ] || ! elsewhere; then return 0; fi
    among=''
    [ -z "$services" ] || among=" $(rewrite images | sed 's/ .*//' | tr '\n' ' ')"
    top=$(git rev-parse --show-toplevel 2>/dev/null)
    printf '%s\n' "$plain" | awk -v folder="$directory" -v top="$top" "$mounts" |
        while read -r who path; do
            case $among,$who in
            ,* | *,*/*) ;;
            *) case $among in *" $who "*) ;; *) continue ;; esac ;;
            esac
            echo "$who mounts $path of this machine, and the engine at $where is on another one: copy it into the image or a volume, run the client there (uses = ssh, sync = yes), or say compose.mounts = allow where it sees the same files"
        done
}

refuse_far_mounts() {
    far=$(far_mounts)
    [ -z "$far" ] || die "$far"
}

# Which of the images are not here: "build" or "pull", service, image, and where it would be built.
missing_images() {
    rewrite images | while read -r service how image where; do
        ask image inspect "$image" >/dev/null 2>&1 && continue
        [ $? -ne 137 ] || die "the engine does not answer"
        echo "$how $service $image $where"
    done
}

# Subnets: those of this project, which must stay as they are, and all others of the engine.
read_subnets() {
    used='' own=''
    [ "$pool" != none ] || return 0
    ids=$(ask network ls -q --no-trunc --filter driver=bridge) || die "the engine does not answer"
    # One that goes away between the two calls is named as an error: it is of no interest.
    # shellcheck disable=SC2086 # ids
    found=$(ask network inspect --format '{{index .Labels "com.docker.compose.project"}}/{{index .Labels "com.docker.compose.network"}}={{range .IPAM.Config}}{{.Subnet}} {{end}}' \
        $ids 2>/dev/null)
    while IFS='=' read -r name subnets; do
        case $name in
        "$project"/?*) own="$own ${name#*/}=${subnets%% *}" ;;
        esac
        used="$used $subnets"
    done <<EOF
$found
EOF
}

# with_file WORDS: the client with the file that rewrite() made, as its input.
with_file() {
    # shellcheck disable=SC2086 # names of profiles; "docker compose" is two words
    printf '%s\n' "$made" |
        watched $client -f - --project-directory "$directory" $profile_lines -p "$project" "$@"
}

# One at a time on this machine, where there is flock: the others then find what the first one did.
alone() {
    if command -v flock >/dev/null && [ -d "$directory" ]; then
        exec 9<"$directory" && flock 9
    fi
}

together() {
    exec 9<&-
}

profile_lines=
for profile in $profiles; do
    profile_lines="$profile_lines
--profile
$profile"
done
client=$binary
