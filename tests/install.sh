# Sourced by run and demo: what the project needs on a Debian 12, and how it is built.

PACKAGES="gcc libc6-dev musl-tools meson ninja-build pkg-config libfuse3-dev fuse3 libcurl4-openssl-dev
	libcjson-dev libyaml-dev libssl-dev libwebsockets-dev libcmocka-dev uthash-dev scdoc
	runc busybox-static python3 jq git openssl ca-certificates procps util-linux uidmap"
NODE_PACKAGES="nodejs npm" # tests/interop; another node than Debian's will do
TEST_PACKAGES="curl vim-tiny nano less make valgrind tmux rsync toybox btrfs-progs zsh fish
	clang-format-14"
BENCH_PACKAGES="openssh-server sshfs gcc python3 git"

say() { printf '%s\n' "$*" >&2; }

install_packages() { # install_packages PACKAGE...: those that are not there
	local p missing="" sudo=""
	for p; do
		dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
	done
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" != 0 ]; then
		sudo="sudo -n"
		$sudo true 2>/dev/null || {
			say "these packages are missing and this user may not install them; as root:"
			say "    apt-get install -y --no-install-recommends$missing"
			return 1
		}
	fi
	say "installing:$missing"
	$sudo apt-get -qq update >/dev/null 2>&1
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive $sudo apt-get install -qqy --no-install-recommends $missing \
		>"${TMPDIR:-/tmp}/sbx-apt.$$" 2>&1 || { cat "${TMPDIR:-/tmp}/sbx-apt.$$" >&2; return 1; }
	rm -f "${TMPDIR:-/tmp}/sbx-apt.$$"
}

install_node() {
	# shellcheck disable=SC2086
	{ command -v node && command -v npm; } >/dev/null || install_packages $NODE_PACKAGES
}

configure() { # configure FOLDER [MESON-OPTION...]
	local dir=$1
	shift
	[ -e "$dir/build.ninja" ] && return
	meson setup "$dir" -Dwerror=true "$@" >"$dir.log" 2>&1 || { cat "$dir.log" >&2; return 1; }
}
compile() { # compile FOLDER [TARGET...]
	local dir=$1
	shift
	ninja -C "$dir" "$@" >"$dir.log" 2>&1 || { cat "$dir.log" >&2; return 1; }
	rm -f "$dir.log"
}
build() { # build FOLDER [MESON-OPTION...]
	configure "$@" && compile "$1"
}
