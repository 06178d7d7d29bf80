#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs on the host: sh -c TEXT ciplug-ssh BASE FOLDER WORD...: the command in FOLDER, which starts in
# BASE; either may be empty.
[ -z "$1" ] || cd -- "$1" || exit 126
[ -z "$2" ] || cd -- "$2" || exit 126
shift 2
exec "$@"
