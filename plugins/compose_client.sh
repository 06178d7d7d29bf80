# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034,SC2154
#
# compose.build, compose.command: the client's own verb, with the file that all projects of this
# checkout get.
read_files
if [ "$1" = build ]; then alone; else refuse_far_mounts; fi
read_subnets
made=$(rewrite write) || exit
with_file "$@"
