#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What the container plugins do beside a command, at the engine that the client's environment leads
# to: sh -c TEXT ciplug-engine VERB CLIENT ARGUMENT... The functions at the foot say which. Bits of
# POSIX sh only; no call of the client waits for a silent engine without limit.
#
# PLACE names containers: name=CONTAINER, own=RUN/CONTAINER (one that does not have the label of the
# run is another's, and as not there), service=PROJECT/SERVICE[/INDEX], project=PROJECT.
LC_ALL=C
export LC_ALL
verb=$1 client=$2
shift 2
newline='
'
project_label=com.docker.compose.project service_label=com.docker.compose.service
command -v timeout >/dev/null || timeout() { shift 3 && "$@"; }

# SECONDS ARGUMENT...: the client, but not for longer.
bounded() {
    seconds=$1
    shift
    timeout -s KILL "$seconds" "$client" "$@" </dev/null
}
patience=10
d() { bounded "$patience" "$@"; }

fail() {
    printf '%s\n' "$*"
    exit 1
}

last_line() {
    said=${said%"$newline"}
    printf '%s' "${said##*"$newline"}"
}

# Why the client failed: hints may follow.
first_line() {
    said=${said#"$newline"}
    printf '%s' "${said%%"$newline"*}"
}

# Whether the engine answers; $why it does not.
answers() {
    said=$(d version -f '{{.Server.Version}}' 2>&1)
    case $? in
    0) return 0 ;;
    137) why="it said nothing for $patience s" ;;
    127) why="there is no program '$client'" ;;
    *) why=$(first_line) ;;
    esac
    return 1
}

# PLACE: $ids of its containers, also of those that have ended; 1 when the engine does not answer.
find_ids() {
    rest=${1#*=}
    case $1 in
    name=* | own=*)
        ids=$(d container inspect -f '{{.Id}} {{with .Config.Labels}}{{index . "ciplug.run"}}{{end}}' "${rest#*/}" 2>/dev/null) || answers || return
        case $1$ids in
        name=* | *" ${rest%%/*}") ids=${ids%% *} ;;
        *) ids= ;;
        esac
        return
        ;;
    project=*) set -- ;;
    service=*/*/*) set -- "${rest##*/}" ;;
    service=*) set -- '' ;;
    esac
    project=${rest%%/*}
    service=${rest#*/}
    service=${service%%/*}
    index=${1-}
    set -- ${1+--filter "label=$service_label=$service" --filter label=com.docker.compose.oneoff=False} ${index:+--filter "label=com.docker.compose.container-number=$index"}
    ids=$(d ps -aq --no-trunc --filter "label=$project_label=$project" "$@" 2>/dev/null) || answers
}

# PLACE: for people.
name_of() {
    case $1 in
    name=*) printf 'container %s' "${1#*=}" ;;
    own=*) printf 'container %s' "${1#*/}" ;;
    service=*) rest=${1#*/} && printf 'service %s' "${rest%%/*}" ;;
    *) printf 'project %s' "${1#*=}" ;;
    esac
}

pause() { sleep "$1" 2>/dev/null || sleep 1; }

# ---- stop: PLACE USER KILLER; $CIPLUG_STOP_JOB says what to end. KILLER is engine_kill.sh.

running() { [ "$(d container inspect -f '{{.State.Running}}' "$1" 2>/dev/null)" = true ]; }

kill_container() {
    d unpause "$1" >/dev/null 2>&1
    said=$(d kill "$1" 2>&1)
    for try in 1 2 3 4 5 6 7 8 9 10; do
        running "$1" || break
        pause 0.2
    done
    if running "$1" || ! answers; then
        fail "$name cannot be killed: $(first_line)"
    fi
    ended="$name was killed as a whole: $2"
}

# CONTAINER OPTION...: the killer in there; 1 unless it has seen nothing left.
try_killing() {
    where=$1
    shift
    said=$(bounded 9 exec "$@" "$where" sh -c "$killer" ciplug-kill "$CIPLUG_STOP_JOB" 2>&1) || return
    case $(last_line) in
    nothing*) ;;
    *) killed=$(last_line) ;;
    esac
}

# With all rights where those are given. Without them root cannot look into processes of others:
# then once more as the command's user.
kill_inside() {
    killed='nothing of it was left'
    d unpause "$1" >/dev/null 2>&1
    try_killing "$1" --privileged --user 0 && return
    [ $? != 137 ] || return 1
    try_killing "$1" --user 0 && try_killing "$1" ${2:+--user "$2"}
}

stop() {
    name=$(name_of "$1") killer=$3 ended=
    find_ids "$1" || fail "the engine does not answer, so what runs in $name is not ended: $why"
    for id in $ids; do
        running "$id" || continue
        if [ -n "$CIPLUG_STOP_JOB" ] && kill_inside "$id" "$2"; then
            case $killed in
            nothing*) ended=${ended:-"$name: $killed"} ;;
            *) ended="$name: $killed" ;;
            esac
        elif running "$id"; then
            kill_container "$id" "what ran in it could not be ended alone"
        fi
    done
    printf '%s\n' "${ended:-"$name does not run any more"}"
}

# ---- remove: PLACE. A client that was killed may have asked for it a moment ago: look twice.

remove() {
    did='is not there'
    for try in 1 2 3 4 5 6; do
        find_ids "$1" || fail "the engine does not answer, so $(name_of "$1") is not removed: $why"
        if [ -n "$ids" ]; then
            said=$(bounded 20 rm -f -v "$ids" 2>&1)
            did='was removed'
            continue
        fi
        if [ "$did" = 'was removed' ] || [ "$try" -gt 1 ]; then
            printf '%s %s\n' "$(name_of "$1")" "$did"
            return
        fi
        pause 0.5
    done
    fail "$(name_of "$1") cannot be removed: $(first_line)"
}

# ---- reach; alive: PLACE ABSENT (yes: one that is not there may still be on its way, as of docker run)

reach() { answers || fail "the engine does not answer: $why"; }

alive() {
    patience=4
    find_ids "$1" || fail "the engine does not answer: $why"
    [ -n "$ids" ] || [ "$2" = yes ] || fail "$(name_of "$1") is not there"
    for id in $ids; do
        status=$(d container inspect -f '{{.State.Status}}' "$id" 2>/dev/null) ||
            answers || fail "the engine does not answer: $why"
        case $status in
        '' | exited | dead | removing) fail "$(name_of "$1") has ended" ;;
        esac
    done
}

# ---- evidence: PLACE ROLE STARTED CODE. What happened in the containers since then. ROLE is run (the
# container is the command's own, its logs are the command's output, and that it ended with CODE
# is known; any: it was ended by us), exec (it has to outlive the command) or project (all services).

# TIME of RFC 3339: $seconds since 1970 and $fraction of nine digits.
epoch() {
    case $1 in
    [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*) ;;
    *) return 1 ;;
    esac
    date=${1%%T*} clock=${1#*T}
    zone=${clock#??:??:??} clock=${clock%"${clock#??:??:??}"} fraction=
    case $zone in .*) zone=${zone#.} fraction=${zone%%[!0-9]*} zone=${zone#"$fraction"} ;; esac
    fraction=${fraction}000000000
    fraction=${fraction%"${fraction#?????????}"}
    year=${date%%-*} month=${date#*-} day=${date##*-}
    month=${month%-*} hour=${clock%%:*} minute=${clock#*:} second=${clock##*:}
    minute=${minute%:*} month=${month#0} day=${day#0}
    if [ "$month" -le 2 ]; then year=$((year - 1)) month=$((month + 12)); fi
    days=$((365 * year + year / 4 - year / 100 + year / 400 + (153 * (month - 3) + 2) / 5 + day - 719469))
    seconds=$((days * 86400 + ${hour#0} * 3600 + ${minute#0} * 60 + ${second#0}))
    case $zone in
    [+-]??:??)
        hour=${zone#?} minute=${zone#*:}
        hour=${hour%:*}
        hour=$((${hour#0} * 3600 + ${minute#0} * 60))
        case $zone in -*) seconds=$((seconds + hour)) ;; *) seconds=$((seconds - hour)) ;; esac
        ;;
    esac
}

# STARTED: $since and $until as the engine's clock has it, which may go differently.
window() {
    until=$(d info -f '{{.SystemTime}}' 2>/dev/null) && epoch "$until" || return 1
    engine=$seconds
    skew=$((engine - $(date +%s)))
    case $skew in -[12] | [012]) skew=0 ;; esac
    epoch "$1" || return 1
    since_seconds=$((seconds + skew)) since_fraction=$fraction
    since=$since_seconds.$since_fraction
    # News of a death may be a moment later than the death.
    if [ "$2" = later ]; then until=$((engine + 1)); fi
}

# TIME: whether it lies in the window.
in_window() {
    epoch "$1" || return 1
    [ "$seconds" -gt "$since_seconds" ] ||
        { [ "$seconds" -eq "$since_seconds" ] && [ "1$fraction" -gt "1$since_fraction" ]; }
}

# "ACTION CODE" of each event of container $1 in the window, from the list of all.
events_of() {
    printf '%s\n' "$events" | while read -r _ action id code _; do
        [ "$id" != "$1" ] || printf '%s %s\n' "$action" "$code"
    done
}

# WHAT LINES: the reason, if there is one, of a container that is not there any more.
gone() {
    what=$1 code='' oom=
    while read -r action number; do
        case $action in
        oom) oom=', out of memory' ;;
        die) code=$number ;;
        esac
    done <<LIST
$2
LIST
    [ "$role $known" != 'run any' ] || code=
    if [ -n "$oom" ] || [ "${code:-$known}" != "$known" ]; then
        echo "! $what exited with ${code:-an unknown code}$oom"
    elif [ "$role" != run ]; then
        echo "! $what is not there any more"
    fi
}

# The fields of STATE, of a container that is there.
look_at() {
    what=$1 id=$2
    # shellcheck disable=SC2086
    set -- $3
    status=$1 code=$2 oom=$3 created=$4 started_at=$5 finished=$6 health=$7
    printf '%s: %s, exit code %s, started at %s, health %s\n' "$what" "$status" "$code" "$started_at" "$health"
    case " $(events_of "$id" | tr '\n' ' ')" in *' oom '*) oom=true ;; esac
    [ "$oom" = true ] && oom=', out of memory' || oom=
    case $status in
    exited | dead | restarting | removing)
        if [ -z "$oom" ]; then
            case "$role $known" in "run $code" | 'run any') return ;; esac
            [ "$role" = project ] && [ "$code" = 0 ] && return
        fi
        in_window "$finished" && echo "! $what exited with $code$oom"
        ;;
    paused) echo "! $what is paused" ;;
    running)
        if in_window "$started_at" && ! in_window "$created"; then
            echo "! $what restarted in the middle$oom"
        elif [ -n "$oom" ]; then
            echo "! $what ran${oom#,}"
        fi
        [ "$health" != unhealthy ] || echo "! $what is unhealthy"
        ;;
    esac
    return 0
}

evidence() {
    patience=5
    place=$1 role=$2 started=$3 known=$4
    [ "$known" = - ] && later=later || later=now
    if ! window "$started" "$later"; then
        answers && why="its time is not understood: $until"
        fail "! the engine does not answer: $why"
    fi
    case $place in
    name=*) set -- --filter "container=${place#name=}" ;;
    own=*) rest=${place#own=} && set -- --filter "container=${rest#*/}" --filter "label=ciplug.run=${rest%%/*}" ;;
    *) rest=${place#*=} && set -- --filter "label=$project_label=${rest%%/*}" ;;
    esac
    events=$(bounded 15 events --since "$since" --until "$until" --filter type=container "$@" \
        --filter event=oom --filter event=die --filter event=kill --filter event=start \
        --filter event=destroy --filter event=pause --filter event=health_status \
        --format "{{.Time}} {{.Action}} {{.ID}} {{or .Actor.Attributes.exitCode \"-\"}} {{.Actor.Attributes.name}}" 2>/dev/null)
    find_ids "$place"
    [ -n "$ids" ] || gone "$(name_of "$place")" "$(printf '%s\n' "$events" | while read -r _ action _ code _; do echo "$action $code"; done)"
    for id in $ids; do
        state=$(d container inspect -f "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.Created}} {{.State.StartedAt}} {{.State.FinishedAt}} {{if .State.Health}}{{.State.Health.Status}}{{else}}-{{end}} {{.Name}} {{or (index .Config.Labels \"$service_label\") \"-\"}}" "$id" 2>/dev/null) || continue
        what=$(name_of "$place")
        case $place in
        project=*) what="service ${state##* }" ;;
        esac
        look_at "$what" "$id" "$state"
        [ "$role" != run ] || continue
        echo "--- logs of $what since $started"
        bounded 20 logs --timestamps --since "$since" --tail 5000 "$id" 2>&1 | sed 's/^/| /'
    done
    [ -z "$events" ] || printf -- '--- events\n%s\n' "$events"
}

# ---- fetch: PLACE USER FOLDER REMOVE PICKER PATTERN... A tar on standard output of what matches.
# PICKER is engine_pick.sh. Where it cannot run (no shell, or the container has ended), the folders
# that the patterns begin with are copied here, and it picks from those.

# PATTERN: $literal, what stands in front of the first component with a glob.
literal_of() {
    literal=$1
    case $1 in
    *[*?[]*)
        literal=${1%%[*?[]*}
        case $literal in */*) literal=${literal%/*} ;; *) literal=. ;; esac
        ;;
    esac
}

# FOLDER: a link out of a container leads to a place of this machine. Of folders that cannot be read
# nobody would know what links there are.
tame() {
    find "$1" -type d ! -perm -700 -exec chmod u+rwx {} \; -o -type l -exec rm -f {} +
}

copy_out() {
    id=$1 folder=$2 pick=$3
    shift 3
    copy=$(mktemp -d "${TMPDIR:-/tmp}/ciplug-fetch.XXXXXX") || return 1
    trap 'rm -rf "$copy"' EXIT
    mkdir -p "$copy$folder" || return 1
    for pattern; do
        literal_of "$pattern"
        case $pattern in /*) ;; *) literal=${folder%/}/$literal ;; esac
        case $literal in
        '' | / | /.)
            echo "$pattern: whole file systems are not copied out of a container: name a folder" >&2
            continue
            ;;
        esac
        parent=${literal%/*}
        mkdir -p "$copy$parent" || return 1
        bounded 300 cp -L "$id:$literal" "$copy$parent/" >&2 2>/dev/null
        tame "$copy" || return 1
    done
    (cd "$copy$folder" && exec sh -c "$pick" ciplug-pick "$copy" "$@")
}

fetch() {
    place=$1 user=$2 folder=$3 remove=$4 pick=$5
    shift 5
    find_ids "$place" || { echo "the engine does not answer: $why" >&2 && return 1; }
    id=${ids%%"$newline"*}
    [ -n "$id" ] || { echo "there is no such container" >&2 && return 4; }
    case $folder in
    /*) ;;
    *) folder=$(d container inspect -f '{{.Config.WorkingDir}}' "$id" 2>/dev/null)/$folder ;;
    esac
    code=126
    if running "$id"; then
        bounded 300 exec ${user:+--user "$user"} --workdir "$folder" "$id" sh -c "$pick" ciplug-pick / "$@"
        code=$?
    fi
    if [ "$code" = 126 ] || [ "$code" = 127 ]; then
        copy_out "$id" "$folder" "$pick" "$@"
        code=$?
    fi
    [ "$remove" != yes ] || d rm -f -v "$id" >/dev/null 2>&1
    return "$code"
}

# ---- check: what may be wrong before anything runs. WHAT IMAGE DOCKERFILE

check_disk() {
    case ${DOCKER_HOST-} in '' | unix:*) ;; *) return ;; esac
    root=$(d info -f '{{.DockerRootDir}}' 2>/dev/null)
    [ -d "$root" ] || return
    free=$(df -Pk "$root" | while read -r _ _ _ free _; do echo "$free"; done)
    [ "$(last_of "$free")" -ge 1048576 ] ||
        echo "less than 1 GiB is free in $root: make room, for example by '$client system prune'"
}

last_of() { printf '%s' "${1##*"$newline"}"; }

check() {
    command -v "$client" >/dev/null ||
        fail "there is no program '$client': install it, or name it in the option binary"
    answers || fail "the engine does not answer: $why: start it, or name it in DOCKER_HOST"
    case $(last_line) in
    1.* | 17.* | 18.* | 19.*)
        echo "the engine is $(last_line): update it to 20.10 or later" ;;
    esac
    check_disk
    [ -z "$3" ] || [ -f "$3" ] || echo "there is no $3: name it in the option dockerfile"
    if [ "$1" = build ] && [ "${DOCKER_BUILDKIT:-0}" = 1 ] && ! d buildx version >/dev/null 2>&1; then
        case $("$client" version -f '{{.Client.Version}}') in
        20.* | 19.*) ;;
        *) echo "DOCKER_BUILDKIT is 1, but the client has no buildx: install it, or unset the variable" ;;
        esac
    fi
    if [ "$1" = run ] && [ -n "$2" ] && ! d image inspect "$2" >/dev/null 2>&1; then
        echo "image $2 is not on the engine: it will be pulled, unless a step builds it" >&2
    fi
    :
}

# ---- reap: RUN OWNER. All that the run made: labelled, or of a project that is called like it. What
# says whose it is is left to another owner: ids are no secrets, and engines are shared.

# LINES of "ID|RUN|OWNER|PROJECT|NAME" that are this run's: "ID NAME".
ours() {
    while IFS='|' read -r id of whose project thing; do
        [ "${whose:-"$owner"}" = "$owner" ] || continue
        number=${project#"ci${run}w"}
        case $of in
        "$run") ;;
        *)
            case $project in "ci${run}w"[0-9]*) ;; *) continue ;; esac
            case $number in *[!0-9]*) continue ;; esac
            ;;
        esac
        printf '%s %s\n' "$id" "$thing"
    done
}

# KIND FORMAT COMMAND...: list; ends the script where the engine does not answer.
listed() {
    kind=$1 format=$2
    shift 2
    labels="{{.Label \"ciplug.run\"}}|{{.Label \"ciplug.owner\"}}|{{.Label \"$project_label\"}}"
    all=$(d "$@" --format "{{.${format%% *}}}|$labels|{{.${format##* }}}" 2>&1) || {
        said=$all
        answers || said=$why
        fail "the engine does not answer, so what the run made on it is still there: $(first_line)"
    }
    printf '%s\n' "$all" | ours
}

# KIND ID NAME COMMAND...
remove_one() {
    kind=$1 id=$2 thing=$3
    shift 3
    if said=$(bounded 30 "$@" "$id" 2>&1); then
        printf '%s %s\n' "$kind" "$thing"
    else
        left="${left:+$left, }$kind $thing ($(first_line))"
    fi
}

reap_kind() {
    kind=$1 format=$2 remove=$3
    shift 3
    all=$(listed "$kind" "$format" "$@") || fail "$all" >&2
    found=$found$all
    if [ "$try" = last ] || [ -z "$all" ]; then return 0; fi
    while read -r id thing; do
        # shellcheck disable=SC2086
        remove_one "$kind" "$id" "$thing" $remove
    done <<LIST
$all
LIST
}

reap() {
    run=$1 owner=$2
    [ -n "$owner" ] || fail 'it is not known who the run was' >&2
    for try in 1 2 3 4 last; do
        found=''
        [ "$try" = last ] || left=''
        reap_kind container 'ID Names' 'rm -f -v' ps -a --no-trunc
        reap_kind network 'ID Name' 'network rm' network ls --no-trunc
        reap_kind volume 'Name Name' 'volume rm -f' volume ls
        [ -n "$found" ] || return 0
        [ -z "$left" ] || pause 0.5
    done
    fail "still there: ${left:-what came back again and again}" >&2
}

"$verb" "$@"
