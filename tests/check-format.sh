#!/bin/sh
# The look is decided by .clang-format; skipped where clang-format is not (or another than 14, which differs).
cd "$(dirname "$0")/.." || exit 2
clang_format=$(command -v clang-format || command -v clang-format-14) || exit 77
"$clang_format" --version 2>/dev/null | grep -q 'version 14\.' || exit 77
bad=0
for f in $(find common fs plugin tests -name '*.c' -o -name '*.h'); do
	"$clang_format" --dry-run -Werror "$f" >/dev/null 2>&1 || { echo "# clang-format -i $f"; bad=1; }
done
exit $bad
