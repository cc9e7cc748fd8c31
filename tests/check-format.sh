#!/bin/sh
# The look is decided by .clang-format; skipped where clang-format is not (or another than 14, which differs).
cd "$(dirname "$0")/.." || exit 2
clang_format=$(command -v clang-format || command -v clang-format-14) || exit 77
"$clang_format" --version 2>/dev/null | grep -q 'version 14\.' || exit 77
found=$(find common fs plugin tests -name '*.c' -o -name '*.h' | xargs -P 2 -n 20 "$clang_format" --dry-run -Werror 2>&1)
[ $? = 0 ] && exit 0
echo "$found" | sed -n 's/^\([^ :]*\):.*error: .*/# clang-format -i \1/p' | sort -u
exit 1
