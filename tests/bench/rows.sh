# Sourced by files: the rows that fsbench does not have. Each is row_GROUP ROUND DELAY, and notes a baseline
# (subject sshfs's column) and the mounts by each agent.

us() { echo "${EPOCHREALTIME/./}"; }
took() { # took COMMAND...: microseconds
	local t0
	t0=$(us)
	"$@" >/dev/null 2>>"$T/errors" || echo "failed: $*" >>"$T/errors"
	echo $(($(us) - t0))
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
figure() { # figure ROUND DELAY GROUP SUBJECT NAME VALUE UNIT
	echo "figure=$5 value=$6 unit=$7" | note "$1" "$2" "$3" "$4"
}
ms() { awk "BEGIN { printf \"%.3f\", $1 / 1000 }"; }
box_of() { echo "$T/sbx.$1.$2/$P-a"; } # box_of DELAY AGENT
namespace() { kubectl config view --minify -o 'jsonpath={..namespace}' | grep . || echo default; }

row_ping() { # one after the other, and by as many as the rows of 8 processes have
	local n=300 p
	[ "${2%.*}" -lt 5 ] || n=100
	for p in 1 8; do
		figure "$1" "$2" ping "${agents%% *}" "ping_${p}p" \
			"$(KUBECONFIG=$T/kube.$2 "$SBX_BIN/tests/bench-ping" "$(namespace)" "$P-a" $((n * p)) $p 2>>"$T/errors")" op/s
	done
}

cmd_cycle() { # no process of ours is started
	local code
	echo true >"$1/cmd" && read -rt 20 code <"$1/exit" && [ "$code" = 0 ]
}
row_cmd() {
	local a i
	: >"$T/t.exec"
	for i in 1 2 3 4 5; do
		KUBECONFIG=$T/kube.$2 took kubectl exec "$P-a" -- true >>"$T/t.exec"
		for a in $agents; do
			[ "$i" = 1 ] && : >"$T/t.$a"
			took cmd_cycle "$(box_of "$2" "$a")" >>"$T/t.$a"
			took cmd_cycle "$(box_of "$2" "$a")" >>"$T/t.$a"
		done
	done
	figure "$1" "$2" cmd sshfs cmd_cycle "$(ms "$(median <"$T/t.exec")")" ms
	for a in $agents; do figure "$1" "$2" cmd "$a" cmd_cycle "$(ms "$(median <"$T/t.$a")")" ms; done
}

# Processor time of sbxfs for one request, which a busy machine hardly touches: 4 KiB reads here and there.
cpu_of_reads() { # cpu_of_reads BOX: microseconds a request
	python3 - "$1" <<-'P'
	import json, os, random, sys
	box = sys.argv[1]
	path, size = f"{box}/fs/tmp/cpu.reads", 16 << 20
	with open(path, "wb") as f:
	    f.write(os.urandom(size))
	def state():
	    with open(os.path.dirname(box) + "/.sbx") as f:
	        counters = json.load(f)
	    with open(f"/proc/{counters['pid']}/stat") as f:
	        times = f.read().rpartition(")")[2].split()[11:13]
	    return counters["requests"], sum(map(int, times)) / os.sysconf("SC_CLK_TCK")
	fd = os.open(path, os.O_RDONLY)
	os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
	os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
	before = state()
	for _ in range(2000):
	    at = random.randrange(size // 4096) * 4096
	    os.posix_fadvise(fd, at, 4096, os.POSIX_FADV_DONTNEED)
	    os.pread(fd, 4096, at)
	after = state()
	os.unlink(path)
	print(f"{1e6 * (after[1] - before[1]) / (after[0] - before[0]):.1f}")
	P
}
row_cpu() {
	local a
	for a in $agents; do
		figure "$1" "$2" cpu "$a" cpu_per_read "$(cpu_of_reads "$(box_of "$2" "$a")" 2>>"$T/errors")" us
	done
}

# --- copies: by kubectl sbx cp once it is there, else through the mount ---------------

copy_corpora() { # copy_corpora MIB FILES
	[ -e "$T/big.$1" ] || head -c $(($1 * 1048576)) /dev/urandom >"$T/big.$1"
	[ -d "$T/small.$2" ] && return
	mkdir "$T/small.$2"
	python3 - "$T/small.$2" "$2" <<-'P'
	import os, sys
	folder, count = sys.argv[1], int(sys.argv[2])
	for k in range(count):
	    d = f"{folder}/{k // 100}"
	    if k % 100 == 0:
	        os.mkdir(d)
	    with open(f"{d}/{k}", "wb") as f:
	        f.write(os.urandom(1000 + k % 3000))
	P
}
has_cp() { kubectl-sbx cp --help >/dev/null 2>&1; }
agent_flag() { if [ "$1" = sh ]; then echo sh; else echo auto; fi; }
put_sbx() { # put_sbx DELAY AGENT FROM TO
	if has_cp; then
		KUBECONFIG=$T/kube.$1 kubectl-sbx cp --agent "$(agent_flag "$2")" "$3" "$P-a:$4"
	else
		cp -r "$3" "$(box_of "$1" "$2")/fs$4"
	fi
}
get_sbx() {
	if has_cp; then
		KUBECONFIG=$T/kube.$1 kubectl-sbx cp --agent "$(agent_flag "$2")" "$P-a:$3" "$4"
	else
		cp -r "$(box_of "$1" "$2")/fs$3" "$4"
	fi
}
put_cp() { KUBECONFIG=$T/kube.$1 kubectl cp "$3" "$P-a:$4"; }
get_cp() { KUBECONFIG=$T/kube.$1 kubectl cp "$P-a:$3" "$4"; }
put_tar() {
	tar c -C "$(dirname "$3")" "$(basename "$3")" | KUBECONFIG=$T/kube.$1 kubectl exec -i "$P-a" -- tar x -C "$(dirname "$4")"
}
get_tar() {
	KUBECONFIG=$T/kube.$1 kubectl exec "$P-a" -- tar c -C "$(dirname "$3")" "$(basename "$3")" | tar x -C "$(dirname "$4")"
}

# Each into a folder of its own, and nothing is deleted before the end (2 GB a round): ext4 without a journal passes by
# the inodes that have gone in the last minutes, one by one, so whoever comes next would pay for the one before.
copy_one() { # copy_one ROUND DELAY SUBJECT WAY(put|get) BY(sbx|cp|tar) WHAT NAME
	local from=$T/$6 to=/bench/copies/$1.$2.$3.$5/$6 t
	kubectl exec "$P-a" -- mkdir -p "${to%/*}" /bench/copied
	if [ "$4" = get ]; then
		kubectl exec "$P-a" -- sh -c "[ -e /bench/copied/$6 ]" 2>/dev/null || put_tar 0 - "$T/$6" "/bench/copied/$6"
		from=/bench/copied/$6 to=$T/got/$1.$2.$3.$5/$6
		mkdir -p "${to%/*}"
	fi
	[ "$5" = sbx ] && ! has_cp && "$T/sbx.$2.$3.cold"
	t=$(took "$4_$5" "$2" "$3" "$from" "$to")
	[ "$4" = put ] || diff -rq "$T/$6" "$to" >>"$T/errors" 2>&1
	figure "$1" "$2" copy "$3" "$7" "$(awk "BEGIN { printf \"%.4f\", $t / 1e6 }")" s
}
row_copy() {
	local mib=256 files=10000 way what name a
	[ "$2" = 0 ] || { mib=64 files=1000; }
	copy_corpora $mib $files
	[ -e "$T/kube.0" ] || kubeconfig_by 0 >/dev/null
	for what in "big.$mib" "small.$files"; do
		for way in put get; do
			name=${what}_$way
			copy_one "$1" "$2" sshfs $way cp "$what" "$name"
			copy_one "$1" "$2" exec_tar $way tar "$what" "$name"
			for a in $agents; do
				copy_one "$1" "$2" "$a" $way sbx "$what" "$name"
			done
		done
	done
}

# --- one sandbox prints as fast as it can while another lists ------------------------------

# Each listing is of another folder, so that none is remembered.
list_times() { # list_times FOLDER FROM TO
	local i
	for i in $(seq "$2" "$3"); do took ls -l "$1/$i"; done
}
row_noise() {
	local a m reader
	kubectl get pod "$P-b" >/dev/null 2>&1 || create b --cpu 20m --memory 64Mi >/dev/null || return
	kubectl exec "$P-b" -- sh -c 'mkdir -p /lists && cd /lists && for i in $(seq 80); do mkdir -p $i; : >$i/f; done'
	for a in $agents; do
		m=$T/sbx.$2.$a
		"$m.cold" && until_true 10 stat -f "$m/$P-b/fs"
		figure "$1" "$2" noise "$a-quiet" "list_beside_noise" "$(ms "$(list_times "$m/$P-b/fs/lists" 1 40 | median)")" ms
		echo 'exec yes 0123456789abcdefghijklmnopqrstuvwxyz' >"$m/$P-a/cmd"
		cat "$m/$P-a/stdout" >/dev/null &
		reader=$!
		until_true 10 test -s "$m/$P-a/stdout"
		figure "$1" "$2" noise "$a" "list_beside_noise" "$(ms "$(list_times "$m/$P-b/fs/lists" 41 80 | median)")" ms
		echo 'signal KILL' >"$m/$P-a/ctl"
		wait $reader
	done
}

# --- many sandboxes, and many files ------------------------------------------------

resident() { # resident MOUNT [FIELD]: MiB of its daemon
	local pid
	pid=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["pid"])' "$1/.sbx")
	awk -v f="${2:-VmRSS}:" '$1 == f { print $2 / 1024 }' "/proc/$pid/status"
}

row_many() { # 200 files in each; one after the other, then all at once
	local n=${BENCH_MANY:-100} a m i t1=0 t2
	seq "$n" | xargs -P 4 -I% kubectl-sbx create "$P-m%" --image "$IMAGE" --cpu 1m --memory 8Mi -o name \
		>/dev/null 2>>"$T/errors"
	seq "$n" | xargs -P 4 -I% kubectl exec "$P-m%" -- sh -c '[ -d /app ] || { mkdir /app && cd /app &&
		for d in 0 1 2 3 4 5 6 7 8 9; do mkdir $d; for f in 0 1 2 3 4 5 6 7 8 9 a b c d e f g h i j; do
		echo needle $d $f >$d/$f; done; done; }' 2>>"$T/errors"
	for a in $agents; do
		m=$T/sbx.$2.$a
		"$m.cold"
		for i in $(seq "$n"); do until_true 30 stat -f "$m/$P-m$i/fs"; done # streams up
		for i in $(seq "$n"); do t1=$((t1 + $(took grep -r needle "$m/$P-m$i/fs/app"))); done
		"$m.cold"
		for i in $(seq "$n"); do until_true 30 stat -f "$m/$P-m$i/fs"; done
		t2=$(took bash -c "ls -d '$m/$P-m'*/fs/app | xargs -P 32 -n 1 grep -r needle")
		figure "$1" "$2" many "$a-quiet" grep_many "$(ms $((t1 / $(nproc))))" ms
		figure "$1" "$2" many "$a" grep_many "$(ms "$t2")" ms
		figure "$1" "$2" many "$a" grep_many_rss "$(resident "$m" VmHWM)" MiB
		t1=0
	done
}

row_memory() {
	local n=${BENCH_WALK:-1000000} a m
	kubectl exec "$P-a" -- sh -c "[ -d /walk ] || { mkdir /walk && cd /walk && seq $((n / 1000)) | while read -r d; do
		mkdir \$d && (cd \$d && seq 1000 | xargs touch); done; }"
	for a in $agents; do
		m=$T/sbx.$2.$a
		"$m.cold"
		figure "$1" "$2" memory "$a" walk "$(ms "$(took find "$m/$P-a/fs/walk" -type f -size +1k)")" ms
		figure "$1" "$2" memory "$a" walk_rss "$(resident "$m" VmHWM)" MiB
	done
}
