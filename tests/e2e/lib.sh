# Sourced by the end-to-end suites: TAP, a scratch folder, and the programs under test.
#
# In the environment: SBX_BIN (build folder), KUBECONFIG, SBX_IMAGE (default image), and for the
# suites that want them SBX_IMAGE_ASH, SBX_IMAGE_DASH, SBX_IMAGE_NOSHELL. A suite names its sandboxes
# with "$P-": they are deleted at its end whatever happens.

set -u
[ -n "${SBX_BIN:-}" ] || { echo "Bail out! SBX_BIN is not set"; exit 2; }
[ -n "${KUBECONFIG:-}" ] || { echo "Bail out! KUBECONFIG is not set"; exit 2; }
export PATH="$SBX_BIN/plugin:$SBX_BIN/fs:$SBX_BIN/plugin/local:$PATH"
export HISTFILE=/dev/null # what is typed into shells here is not what their user has typed
IMAGE=${SBX_IMAGE:-host}
P=e2e-$$
T=$(mktemp -d "${TMPDIR:-/tmp}/sbx-e2e.XXXXXX")
M=$T/mnt
mkdir "$M"
count=0
failed=0
mounts=()
children=()

sbx() { kubectl-sbx "$@"; }

ok() { # ok DESCRIPTION COMMAND...: passes when the command succeeds
	local what=$1 out rc
	shift
	count=$((count + 1))
	out=$("$@" 2>&1)
	rc=$?
	if [ $rc = 0 ]; then
		echo "ok $count - $what"
	else
		failed=$((failed + 1))
		echo "not ok $count - $what"
		printf '# exit %s: %s\n' $rc "$*"
		printf '%s\n' "$out" | sed 's/^/# /' | head -30
	fi
	return $rc
}
is() { # is DESCRIPTION GOT WANTED
	count=$((count + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $count - $1"
		return 0
	fi
	failed=$((failed + 1))
	echo "not ok $count - $1"
	printf 'got:    %s\nwanted: %s\n' "$2" "$3" | sed 's/^/# /' | head -30
	return 1
}
like() { # like DESCRIPTION GOT EXTENDED-REGEX
	count=$((count + 1))
	if printf '%s\n' "$2" | grep -qE -- "$3"; then
		echo "ok $count - $1"
		return 0
	fi
	failed=$((failed + 1))
	echo "not ok $count - $1"
	printf 'got:    %s\nwanted: /%s/\n' "$2" "$3" | sed 's/^/# /' | head -30
	return 1
}
skip() { # skip DESCRIPTION WHY
	count=$((count + 1))
	if [ "${SBX_MUST_WORK:-}" = 1 ]; then
		failed=$((failed + 1))
		echo "not ok $count - $1 # nothing may be skipped here: $2"
	else
		echo "ok $count - $1 # SKIP $2"
	fi
}
within() { # within SECONDS COMMAND...: fails with 124 when it takes longer
	local s=$1
	shift
	timeout -k 2 "$s" "$@"
}
until_true() { # until_true SECONDS COMMAND...: waits for a state that only looking can tell
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		read -rt 0.05 <> <(:) || :
	done
}
millis() { echo $((${EPOCHREALTIME/./} / 1000)); }
sum() { sha256sum "$@" | cut -d' ' -f1; }

create() { # create NAME [ARGS...]: a sandbox "$P-NAME"
	local name=$1
	shift
	within 150 kubectl-sbx create "$P-$name" --image "$IMAGE" --cpu 50m --memory 64Mi "$@" -o name
}
mount_here() { # mount_here [ARGS...]: mounts at $M
	mounts+=("$M")
	within 30 kubectl-sbx mount "$M" "$@"
}
unmount_here() { # who has just ended may hold it for a moment still
	local end=$((SECONDS + 30))
	until within 30 kubectl-sbx unmount "$M" 2>"$T/unmount"; do
		grep -q 'a program works in it' "$T/unmount" && [ $SECONDS -lt $end ] && continue
		cat "$T/unmount" >&2
		return 1
	done
}

finish() {
	local rc=$? m c
	[ "$BASHPID" = $$ ] || exit # a part in the background
	trap - EXIT INT TERM
	for m in "${mounts[@]:-}"; do
		[ -n "$m" ] && mountpoint -q "$m" && { fusermount3 -u "$m" 2>/dev/null || fusermount3 -uz "$m"; }
	done
	for c in "${children[@]:-}"; do
		[ -n "$c" ] && kill "$c" 2>/dev/null
	done
	kubectl-sbx ls -o name 2>/dev/null | sed 's,.*/,,' | grep "^$P-" |
		while read -r c; do within 60 kubectl-sbx rm "$c" --grace 0 >/dev/null 2>&1; done
	if [ $failed = 0 ] && [ $rc = 0 ]; then
		rm -rf --one-file-system "$T"
	else
		echo "# kept: $T"
	fi
	echo "1..$count"
	[ $failed = 0 ] && [ $rc = 0 ] && exit 0
	exit 1 # with a number: without, it would be the status from before this trap
}
trap finish EXIT
trap 'exit 130' INT TERM
