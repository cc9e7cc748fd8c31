#!/bin/sh
# A shell script as the C string AGENT_TEXT: without whole-line comments, indentation by tabs and
# empty lines. So the script may have none of these inside a quoted text of several lines.
set -eu
if [ $# -gt 0 ]; then
	sed -e 's/^	*//' -e '/^#/d' -e '/^$/d' "$1"
fi | {
	echo '#define AGENT_TEXT \'
	sed -e 's/[\\"?]/\\&/g' -e 's/^/	"/' -e 's/$/\\n" \\/'
	echo '	""'
}
