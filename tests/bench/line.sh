# Sourced by files: the delayed lines, the mounts behind them, and the baseline. For each delay D and
# subject S (sshfs, auto, sh) there is $T/env.D.S, which says where fsbench works and how it makes that cold.

relays=() holders=()

free_ports() { # free_ports: two neighbours that nobody has
	python3 - <<-'P'
	import random, socket
	while True:
	    n = random.randrange(20000, 32000)
	    try:
	        for k in (n, n + 1):
	            s = socket.socket()
	            s.bind(("127.0.0.1", k))
	            s.close()
	        print(n)
	        break
	    except OSError:
	        pass
	P
}

# A kubeconfig whose server is the relay; the certificate is still checked for the real one's name.
kubeconfig_by() { # kubeconfig_by DELAY: prints its path
	local file=$T/kube.$1 url host port at cluster
	(umask 077 && kubectl config view --raw --minify --flatten >"$file") || return 1
	if [ "$1" != 0 ]; then
		url=$(KUBECONFIG=$file kubectl config view -o 'jsonpath={.clusters[0].cluster.server}')
		cluster=$(KUBECONFIG=$file kubectl config view -o 'jsonpath={.clusters[0].name}')
		[[ $url =~ ^https://(127\.[0-9.]+|localhost|\[::1\]):([0-9]+)$ ]] || {
			say "the API server ($url) is not on this machine's loopback: only -d 0 can be measured"
			return 1
		}
		host=${BASH_REMATCH[1]} port=${BASH_REMATCH[2]} at=$(free_ports)
		delaylink "$at" "$port" "$1" || return 1
		KUBECONFIG=$file kubectl config set-cluster "$cluster" --server="https://127.0.0.1:$at" \
			--tls-server-name="$host" >/dev/null || return 1
	fi
	echo "$file"
}

delaylink() { # delaylink PORT TARGET ROUND-TRIP-MS
	"$T/delaylink" "$1" "$2" "$(awk "BEGIN { print $3 / 2 }")" </dev/null >/dev/null 2>&1 &
	echo $! >>"$T/relays"
	until_true 5 bash -c "exec 3<>/dev/tcp/127.0.0.1/$1"
}

sshfs_up() { # sshfs_up DELAY
	local d=$1 state=$T/ssh.$1 dir=$T/sshfs.$1
	mkdir -p "$state" "$dir/mnt" "$dir/back"
	cp "$T/delaylink" "$state/"
	mkfifo "$dir/end"
	FS_STATE=$state FS_PORT=$(free_ports) FS_RTT_MS=$d "$tools/with-sshfs" "$dir/mnt" "$dir/back" -- bash -c '
		{ printf "export FSBENCH_COLD=%q FSBENCH_POPULATE=%q\n" "$FSBENCH_COLD" "$FSBENCH_POPULATE"
		  printf "export BENCH_DIR=%q BENCH_HAVE=%q\n" "$2/mnt/bench" "$2/have"; } >"$1.new"
		mv "$1.new" "$1"
		read -r _ <"$2/end"' - "$T/env.$d.sshfs" "$dir" >"$dir/log" 2>&1 &
	holders+=($!)
	until_true 30 test -e "$T/env.$d.sshfs" || die "sshfs could not be mounted: $(tail -1 "$dir/log")"
}

# Cold is: the stream is up, as sshfs's connection is after its mount, and nothing is known.
sbx_up() { # sbx_up DELAY AGENT
	local d=$1 a=$2 m=$T/sbx.$1.$2
	mkdir -p "$m"
	mounts+=("$m")
	kubectl exec "$P-a" -- mkdir -p "/bench/$d-$a" || die "no folder in the sandbox"
	cat >"$m.cold" <<-C
	#!/bin/sh
	cd /
	export KUBECONFIG='$T/kube.$d'
	if mountpoint -q '$m'; then
		kubectl-sbx unmount '$m' >/dev/null || exit 1
	fi
	kubectl-sbx mount '$m' --agent $a >/dev/null 2>'$m.err' || { cat '$m.err' >&2; exit 1; }
	n=0
	until stat -f '$m/$P-a/fs' >/dev/null 2>&1; do
		n=\$((n + 1))
		[ \$n -lt 200 ] || exit 1
		sleep 0.05
	done
	C
	chmod +x "$m.cold"
	"$m.cold" || die "cannot mount with --agent $a"
	cat >"$T/env.$d.$a" <<-C
	export KUBECONFIG='$KUBECONFIG' FSBENCH_COLD='$m.cold'
	export FSBENCH_POPULATE='kubectl exec -i $P-a -- tar x -C /bench/$d-$a'
	export BENCH_DIR='$m/$P-a/fs/bench/$d-$a' BENCH_COUNTERS='$m/.sbx' BENCH_HAVE='$m.have'
	C
}

line_up() {
	local d a
	cc -O2 -o "$T/delaylink" "$tools/delaylink.c" || die "the relay cannot be built"
	: >"$T/relays"
	for d in $delays; do
		kubeconfig_by "$d" >/dev/null || die "no way to the API server with $d ms"
		sshfs_up "$d"
		for a in $agents; do sbx_up "$d" "$a"; done
	done
}

line_down() {
	local d p
	for d in $delays; do
		[ -p "$T/sshfs.$d/end" ] && timeout 1 bash -c "echo >'$T/sshfs.$d/end'"
	done
	for p in "${holders[@]:-}"; do [ -n "$p" ] && wait "$p" 2>/dev/null; done
	for p in "${mounts[@]:-}"; do [ -n "$p" ] && mountpoint -q "$p" && timeout 20 kubectl-sbx unmount "$p"; done
	while read -r p; do kill "$p"; done 2>/dev/null <"$T/relays"
	rm -f "$T"/kube.* "$T"/ssh.*/id "$T"/ssh.*/hostkey
}

agent_of() { # agent_of DELAY AGENT: what it came down to
	python3 -c 'import json, sys; print(json.load(open(sys.argv[1])).get("agent", "?"))' \
		"$T/sbx.$1.$2/$P-a/status" 2>/dev/null || echo '?'
}

describe() {
	local d=${delays%% *} a
	printf 'sbx against sshfs and kubectl; %s, %s cores, load %s, %s' "$(uname -srm)" "$(nproc)" \
		"$(cut -d' ' -f1-3 /proc/loadavg)" "$(date +%F)"
	for a in $agents; do printf ', --agent %s is %s' "$a" "$(agent_of "$d" "$a")"; done
	echo
}
