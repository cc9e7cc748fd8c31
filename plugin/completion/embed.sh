#!/bin/sh
# Each script NAME.SHELL as the C text completion_SHELL.
set -eu
for file; do
	printf 'static const char completion_%s[] =\n' "${file##*.}"
	sed -e 's/[\\"?]/\\&/g' -e 's/	/\\t/g' -e 's/^/	"/' -e 's/$/\\n"/' "$file"
	echo ';'
done
