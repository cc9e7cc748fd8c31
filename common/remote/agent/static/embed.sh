#!/bin/sh
# The built agents as a C header: embed.sh ARCH FILE [ARCH FILE]...
#
# AGENT_HASH names all of them (what is placed in a sandbox is found again by it); AGENT_EACH calls X for each with
# the architecture as `uname -m` says it, a C name for it, and the file.
set -eu
list='' all=''
while [ $# -gt 1 ]; do
	list="$list X(\"$1\", $1, \"$(realpath "$2")\")"
	all="$all $2"
	shift 2
done
# shellcheck disable=SC2086
hash=$(cat /dev/null $all | sha256sum)
printf '#define AGENT_HASH "%.16s"\n#define AGENT_EACH(X)%s\n' "$hash" "$list"
