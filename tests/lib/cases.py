# SPDX-License-Identifier: MIT
"""A stand-in for a test tool that writes JUnit files."""

# tool OUT ITEM...: a file with the cases of the items, as their names say: bad (one of two fails), none (no case), skip, flaky;
# status 1 when something failed. TOOL_EXIT overrides that.
TOOL = r"""#!/bin/sh
out=$1 status=0
shift
{
    echo '<?xml version="1.0"?><testsuites><testsuite name="tool">'
    for item; do
        head="<testcase classname='$item' file='$item.t' line='7'"
        case $item in
        *bad*)
            echo "$head name='first' time='0.25'/>"
            echo "$head name='second' time='0.5'><failure type='Mismatch' message='1 is not 2'>$item.t:7 &lt;trace&gt;</failure></testcase>"
            status=1
            ;;
        *none*) ;;
        *skip*) echo "$head name='later'><skipped message='not today'/></testcase>" ;;
        *flaky*) echo "$head name='first' time='1'><flakyFailure message='once'/></testcase>" ;;
        *) echo "$head name='first' time='0.125'/>" ;;
        esac
    done
    echo '</testsuite></testsuites>'
} >"$out"
exit "${TOOL_EXIT:-$status}"
"""

GREEN = '<testsuite name="s"><testcase classname="c" name="n" time="0.5"/></testsuite>\n'
RED = '<testsuite name="s"><testcase classname="c" name="n"><failure message="no"/></testcase></testsuite>\n'
