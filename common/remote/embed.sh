#!/bin/sh
# The agent's script, the files named, as the C string AGENT_TEXT: one line for the loader (hello.c), its LFs and
# backslashes written for `printf %b`.
#
# Whole-line comments, indentation by tabs and empty lines are left out; so the script may have none of
# these inside a quoted text of several lines.
set -eu
sed -e 's/^	*//' -e '/^#/d' -e '/^$/d' "$@" | {
	printf '%s\n' '#define AGENT_TEXT \'
	sed -e 's/\\/\\\\/g' -e 's/[\\"?]/\\&/g' -e 's/^/	"/' -e 's/$/\\\\n" \\/'
	printf '%s\n' '	"\n"'
}
