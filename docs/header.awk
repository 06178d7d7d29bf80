# SPDX-License-Identifier: MIT
#
# The public header as a manual page, ciplug-plugin(3): its own comments say what there is to say, and nothing can be left out.

BEGIN {
    print ".\\\" Made of include/ciplug/plugin.h by docs/header.awk."
    print ".Dd November 29, 2026"
    print ".Dt CIPLUG-PLUGIN 3"
    print ".Os"
    print ".Sh NAME"
    print ".Nm ciplug-plugin"
    print ".Nd the interface of ciplug's plugins"
    print ".Sh SYNOPSIS"
    print ".In ciplug/plugin.h"
    print ".Pp"
    print ".Dl cc -shared -fPIC $(pkg-config --cflags ciplug) -o NAME.so NAME.c"
    print ".Sh DESCRIPTION"
    print "A plugin is a shared object that exports one"
    print ".Vt struct ciplug_plugin ."
    print "This is the whole header, which documents itself; how it is used is told by the pages"
    print ".Pa writing-a-plugin.md"
    print "and"
    print ".Pa plugins.md"
    print "that come with ciplug."
    print ".Bd -literal"
}

# The guard, and what is for formatters only.
/CIPLUG_PLUGIN_H|clang-format/ { next }

{
    gsub(/\\/, "\\e")
    if ($0 ~ /^[.']/)
        $0 = "\\&" $0
    print
}

END {
    print ".Ed"
    print ".Sh SEE ALSO"
    print ".Xr ciplug 1 ,"
    print ".Xr ciplug.ini 5"
}
