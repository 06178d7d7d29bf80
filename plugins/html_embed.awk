# SPDX-License-Identifier: MIT
#
# awk -v name=NAME -v hash=HEX -f html_embed.awk FILE: its bytes as `static const char NAME_text[]`, and
# NAME_hash, their SHA-256 in base64, as a Content-Security-Policy wants it.
BEGIN {
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    hash = tolower(substr(hash, 1, 64))
    if (hash !~ /^[0-9a-f]+$/ || length(hash) != 64)
        exit 1
    # 6 bits of base64 are 3 half-digits: 3 hexadecimal digits make 2 letters
    for (i = 1; i <= 63; i += 3) {
        bits = 0
        for (j = 0; j < 3; j++)
            bits = bits * 16 + index("0123456789abcdef", substr(hash, i + j, 1)) - 1
        encoded = encoded substr(alphabet, int(bits / 64) + 1, 1) substr(alphabet, bits % 64 + 1, 1)
    }
    bits = index("0123456789abcdef", substr(hash, 64, 1)) - 1
    encoded = encoded substr(alphabet, bits * 4 + 1, 1) "="
    printf "#define %s_hash \"%s\"\nstatic const char %s_text[] =", name, encoded, name
}
{
    gsub(/\\/, "&&")
    gsub(/"/, "\\\"")
    gsub(/\t/, "\\t")
    gsub(/\?/, "\\?") # two of them may be a trigraph
    printf "\n    \"%s\\n\"", $0
}
END { print ";" }
