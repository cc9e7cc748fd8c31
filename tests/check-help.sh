#!/bin/sh
# The help: every verb has one with a usage and examples, within 80 columns, on stdout with status 0;
# wrong usage says so on stderr with status 2 and touches nothing.
#	check-help.sh KUBECTL-SBX
set -u
sbx=$1
bad=0
count=0
check() { # check DESCRIPTION COMMAND...
	what=$1
	shift
	count=$((count + 1))
	if "$@" >/dev/null 2>&1; then
		echo "ok $count - $what"
	else
		bad=1
		echo "not ok $count - $what"
	fi
}
export HOME=/nonexistent
unset KUBECONFIG KUBECONFIG_B64 KUBERNETES_SERVICE_HOST
t=$(mktemp -d "${TMPDIR:-/tmp}/sbx-help.XXXXXX")
trap 'rm -rf "$t"' EXIT

narrow() { # the tab of no help is wider than a column here: none is used
	! grep -n '	' "$1" && ! grep -nE '^.{81,}' "$1"
}
"$sbx" --help >"$t/all" 2>"$t/err"
check "--help ends with 0" test $? = 0
check "--help is quiet on stderr" test ! -s "$t/err"
check "--help fits 80 columns" narrow "$t/all"
check "--help has examples" grep -q '^Examples:' "$t/all"
verbs=$(sed -n '/^Verbs:/,/^$/p' "$t/all" | awk '/^  [a-z]/ && $1 != "help" { print $1 }')
check "--help lists verbs" test "$(echo "$verbs" | wc -l)" -ge 10
for v in $verbs; do
	"$sbx" "$v" --help >"$t/v" 2>"$t/err"
	check "$v --help ends with 0" test $? = 0
	check "$v --help is quiet on stderr" test ! -s "$t/err"
	check "$v --help fits 80 columns" narrow "$t/v"
	check "$v --help has a usage" grep -q "^  [a-z -]* $v " "$t/v"
	check "$v --help has examples" grep -q '^Examples:' "$t/v"
	"$sbx" help "$v" >"$t/w" 2>/dev/null
	check "help $v is the same" cmp -s "$t/v" "$t/w"
	"$sbx" "$v" --no-such-flag >"$t/v" 2>"$t/err"
	case $v in
	local) ;;
	*)
		check "$v with an unknown flag ends with 2" test $? = 2
		check "$v with an unknown flag is quiet on stdout" test ! -s "$t/v"
		check "$v with an unknown flag says so" grep -q 'unknown flag "--no-such-flag"' "$t/err"
		;;
	esac
done
"$sbx" >/dev/null 2>&1
check "no verb ends with 2" test $? = 2
"$sbx" craete >/dev/null 2>"$t/err"
check "an unknown verb ends with 2" test $? = 2
check "an unknown verb suggests one" grep -q 'did you mean "create"' "$t/err"
mkdir "$t/bin" && ln -s "$(realpath "$sbx")" "$t/bin/kubectl-sbx"
"$t/bin/kubectl-sbx" --help >"$t/v"
check "started as kubectl does it is called kubectl sbx" grep -q '^  kubectl sbx VERB' "$t/v"
(cd "$t/bin" && PATH=.:$PATH kubectl-sbx --help) >"$t/v"
check "started by its name it is called kubectl-sbx" grep -q '^  kubectl-sbx VERB' "$t/v"
"$sbx" --help >/dev/full 2>"$t/err"
check "a full disk is noticed" test $? = 1
echo "1..$count"
exit $bad
