# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034,SC2154
#
# compose.up: creates and starts the services, and ends when they are ready.

# Of those, what nobody will make.
name_missing() {
    while read -r how service image where; do
        case $how,$pull in
        build,*) say "the image of service $service is not built: a step with uses = compose.build has to run before, or compose.build = yes" ;;
        pull,never) say "image $image of service $service is not here, and compose.pull = never" ;;
        *) continue ;;
        esac
        echo no
    done
}

# Images that are missing are fetched or built by one at a time: then the others find them.
prepare_images() {
    if [ "$pull" = always ]; then
        alone
        # shellcheck disable=SC2086 # names of services
        with_file pull $services >&2 || exit
        together
    fi
    missing=$(missing_images) || exit
    [ -n "$missing" ] || return 0
    alone
    missing=$(missing_images) || exit
    if [ "$build" = yes ] && [ -n "$missing" ]; then
        building=$(printf '%s\n' "$missing" | sed -n 's/^build \([^ ]*\) .*/\1/p')
        # shellcheck disable=SC2086 # names of services
        [ -z "$building" ] || with_file build $building >&2 || exit
        missing=$(missing_images) || exit
    fi
    [ -n "$missing" ] || {
        together
        return 0
    }
    [ -z "$(printf '%s\n' "$missing" | name_missing)" ] || exit 1
}

# One that another project took at the same moment is tried again, elsewhere: unless it is the file's.
start_services() {
    for round in 0 1 2 3 4 5 6 7 8 9; do
        read_subnets
        if [ "$round" -gt 0 ]; then
            taken=$(rewrite taken) || exit
            [ -z "$taken" ] || die "$taken, which another network has: compose.isolate = yes"
            say "another network has the subnet: trying the next one"
        fi
        made=$(rewrite write) || exit
        # shellcheck disable=SC2086 # names of services
        {
            with_file up -d --no-build $services 2>&1
            echo "ciplug-status $?"
        } | (watch_client)
        status=$?
        [ "$status" -eq 75 ] || break
    done
    [ "$status" -eq 0 ] || exit "$status"
}

watch_client() {
    status=1 overlap='' hint=''
    while IFS= read -r line; do
        case $line in
        'ciplug-status '*)
            status=${line#* }
            break
            ;;
        *'Pool overlaps'*) overlap=1 ;;
        *'available, non-overlapping IPv4 address pool'*)
            hint='the engine has no subnets left: compose.pool gives projects small ones' ;;
        *'port is already allocated'* | *'address already in use'* | *'container name '*' is already in use'*)
            hint='compose.isolate = yes gives each project ports and container names of its own' ;;
        esac
        printf '%s\n' "$line" >&2
    done
    [ -z "$hint" ] || say "$hint"
    [ "$status" -eq 0 ] || [ -z "$overlap" ] || exit 75
    exit "$status"
}

# A line for each container: ID SERVICE STATE STATUS...
containers() {
    ask ps -a --no-trunc --filter "label=com.docker.compose.project=$project" \
        --filter label=com.docker.compose.oneoff=False \
        --format '{{.ID}} {{.Label "com.docker.compose.service"}} {{.State}} {{.Status}}'
}

# Those that were not asked for, nor needed by one that was, count only while they run: another step may have ended them.
is_asked() {
    case " $asked " in
    '  ' | *" $1 "*) ;;
    *) return 1 ;;
    esac
}

# Sorts the containers into $bad (ID SERVICE STATUS) and $late (names and states).
look() {
    bad='' late='' count=0
    while read -r id service state status; do
        [ -n "$id" ] || continue
        count=$((count + 1))
        # Half of those that cannot work end within a moment. The engine's clock may be set back: not for ever.
        case $state,$looks,$status in
        running,[0-9],'Up Less than a second'*)
            late="$late, $service (starting)"
            continue
            ;;
        esac
        case $state,$wait,$status in
        exited,*,'Exited (0)'*) ;;
        exited,* | dead,* | removing,*) ! is_asked "$service" || bad="$bad$id $service $status
" ;;
        created,* | restarting,* | paused,*) ! is_asked "$service" || late="$late, $service ($state)" ;;
        running,started,*) ;;
        *'(unhealthy)'*) bad="$bad$id $service $status
" ;;
        *'(health: starting)'*) late="$late, $service (starting)" ;;
        esac
    done <<EOF
$1
EOF
    late=${late#, }
}

show_bad() {
    printf '%s' "$bad" | while read -r id service status; do
        say "service $service: $status"
        ask logs --tail 20 "$id" 2>&1 | sed "s/^/$service: /" >&2
    done
}

wait_ready() {
    [ "$wait" != no ] || return 0
    trap 'say "still waiting for $late"; exit 143' TERM INT HUP
    late='an answer' looks=0
    while :; do
        found=$(containers) || die "the engine does not answer"
        look "$found"
        looks=$((looks + 1))
        if [ -n "$bad" ]; then
            show_bad
            exit 1
        fi
        [ "$count" -gt 0 ] || die "no service has been started"
        [ -n "$late" ] || return 0
        sleep 0.3
    done
}

read_files
asked=''
[ -z "$services" ] || asked=$(rewrite images | sed 's/ .*//' | tr '\n' ' ')
refuse_far_mounts
made=$plain
prepare_images
start_services
together
wait_ready
exit 0
