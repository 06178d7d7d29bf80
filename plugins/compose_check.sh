# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034,SC2154
#
# For `ciplug check`: a line for each problem. `many` is yes where the step runs in more than one
# project; `services` are those that the step names.
# The engine itself: as for docker.
sh -c "$engine" ciplug-engine check docker compose '' '' || exit
if ! (read_files) >/dev/null 2>&1; then
    problem=$( (read_files) 2>&1 >/dev/null)
    problem=$(printf '%s\n' "$problem" | grep -v '^ciplug-compose:' | tr '\n' ' ')
    die "the compose file is not valid: $problem"
fi
read_files 2>/dev/null
far_mounts

named=$services
services=''
all=$(rewrite images | sed 's/ .*//')
for service in $named; do
    case "
$all
" in
    *"
$service
"*) ;;
    *) say "there is no service '$service' in the compose file: name another one, or its profile" ;;
    esac
done
services=$named

if [ "$many" = yes ]; then
    rewrite check | while read -r line; do
        case $isolate,$line in
        *'uses the network of the host') say "$line, which all projects would share: drop network_mode" ;;
        no,*) say "$line, which only one project can have: set compose.isolate = yes, or drop it" ;;
        esac
    done
fi

missing_images | while read -r how service image where; do
    case $how,$pull in
    build,*) [ -z "$where" ] || [ -f "$where" ] ||
        say "service $service cannot be built: there is no $where" ;;
    pull,never) say "image $image of service $service is not here: pull it, or drop pull = never" ;;
    esac
done
