# SPDX-License-Identifier: MIT
#
# awk -f embed.awk some-name.sh >some-name_sh.h: the script as `static const char some_name_text[]`,
# without comment lines and blank lines.
FNR == 1 {
    name = FILENAME
    sub(/^.*\//, "", name)
    sub(/\.sh$/, "", name)
    gsub(/[^A-Za-z0-9_]/, "_", name)
    printf "/* Made of %s.sh by embed.awk. */\nstatic const char %s_text[] =", name, name
}
/^[ \t]*(#|$)/ { next }
{
    gsub(/\\/, "&&")
    gsub(/"/, "\\\"")
    gsub(/\t/, "\\t")
    gsub(/\?/, "\\?") # two of them may be a trigraph
    printf "\n    \"%s\\n\"", $0
}
END { print ";" }
