#!/bin/sh
# The one direction of dependencies: fails on the first include that disagrees.
cd "$(dirname "$0")/.." || exit 2
bad=0
forbid() { # forbid FOLDER REGEX
	if grep -rnE "^#include \"($2)/" "$1" --include='*.[ch]'; then
		echo "# $1 must not include $2"
		bad=1
	fi
}
forbid common/base 'common/(kube|remote|session)|fs|plugin|tests'
forbid common/kube 'common/(remote|session)|fs|plugin|tests'
forbid common/remote 'common/(kube|session)|fs|plugin|tests'
forbid common/session 'fs|plugin|tests'
forbid fs 'plugin|tests'
forbid plugin 'fs|tests'
forbid plugin/local 'common/(kube|remote|session)|fs|tests'

# Who may see which third party.
only() { # only HEADER-REGEX WHERE-REGEX
	if grep -rnE "^#include <($1)" common fs plugin --include='*.[ch]' | grep -vE "^($2)"; then
		echo "# <$1> is included outside $2"
		bad=1
	fi
}
only 'curl/' 'common/kube/'
# A configuration file is refused by line and word; the tree that the kubeconfig is read from has no lines.
only 'yaml\.h' '(common/kube/yaml|plugin/config)'
only 'fuse' 'fs/'
only 'libwebsockets' 'plugin/local/'
exit $bad
