#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs here: sh -c TEXT ciplug-ssh SSH...: the client; of what it brings only what stands behind the
# line that is the mark, which is never the first: the shell over there may have something to say.
exec 4>&1
status=$({
    {
        "$@" 3>&- 4>&-
        echo $? >&3
    } | sed '1,/^ciplug-reap$/d' >&4
} 3>&1)
exit "$status"
