# Sourced by run and demo: the one-machine engine with a state folder of its own, and images for it.

LOCAL_STATE=$(mktemp -d "${TMPDIR:-/tmp}/sbx-local.XXXXXX")
LOCAL_ERR=$LOCAL_STATE.err
export SBX_LOCAL_DIR=$LOCAL_STATE/state

local_up() {
	local bin=$SBX_BIN/plugin/local/sbx-local
	KUBECONFIG=$("$bin" up 2>"$LOCAL_ERR") || return 1
	export KUBECONFIG
	export SBX_EXEC_COUNT="grep -c '/exec [0-9]' $SBX_LOCAL_DIR/log"
	export SBX_IMAGE=host SBX_IMAGE_DASH=host
	[ "${SBX_IMAGES:-}" = none ] || local_images || return 1
}

# A busybox of links, and an image with one program and nothing else.
local_images() {
	local root=$LOCAL_STATE/images a
	mkdir -p "$root/ash/bin" "$root/ash/tmp" "$root/ash/etc" "$root/noshell"
	cp /bin/busybox "$root/ash/bin/busybox"
	for a in $(/bin/busybox --list); do
		[ "$a" = busybox ] || ln -sf busybox "$root/ash/bin/$a"
	done
	chmod 1777 "$root/ash/tmp"
	echo 'root:x:0:0:root:/root:/bin/sh' >"$root/ash/etc/passwd"
	printf '#include <unistd.h>\nint main(void) { for (;;) pause(); }\n' >"$root/idle.c"
	gcc -static -Os -o "$root/noshell/idle" "$root/idle.c" || return 1
	"$SBX_BIN/plugin/local/sbx-local" import ash "$root/ash" >/dev/null 2>>"$LOCAL_ERR" || return 1
	"$SBX_BIN/plugin/local/sbx-local" import noshell "$root/noshell" >/dev/null 2>>"$LOCAL_ERR" || return 1
	export SBX_IMAGE_ASH=ash SBX_IMAGE_NOSHELL=noshell
}

local_down() {
	"$SBX_BIN/plugin/local/sbx-local" down >/dev/null 2>>"$LOCAL_ERR" || return 1
	[ ! -e "$SBX_LOCAL_DIR" ] || return 1
	rm -rf "$LOCAL_STATE" "$LOCAL_ERR"
}
