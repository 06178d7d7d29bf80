# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034,SC2154
#
# compose.build, compose.command: the client's own verb, with the file that all projects of this
# checkout get.
read_files
case " $* " in
' build '*) alone ;;
*' up '* | *' run '* | *' create '* | *' start '*) refuse_far_mounts ;;
esac
read_subnets
made=$(rewrite write) || exit
with_file "$@"
