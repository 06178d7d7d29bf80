#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What a host says of itself to ssh_check.sh. Stands in single quotes there: it has none.
tools=
for tool in sh tar rsync sleep grep; do
    command -v $tool >/dev/null && tools="$tools $tool"
done
echo "ciplug tools=$tools"
echo "ciplug clock=$(date +%s)"
echo "ciplug free=$(df -Pk . 2>/dev/null | { read -r _ && read -r _ _ _ free _ && echo "$free"; })"
