# What the image has, the hello, and the loop that serves.

# The client has gone: its runs go too, and nothing is left behind.
end() {
	trap '' TERM PIPE HUP INT
	code=${1:-0}
	exec 1>/dev/null 2>&1 </dev/null
	for i in $hs; do eval "k=\$k_$i"; [ -z "$k" ] || kill $k; done
	s=
	for i in $runs; do
		known $i || continue
		if [ "$D" ]; then kill -s KILL $S; else s="$s $i"; kill -TERM -$R || kill -s TERM $R; fi
	done
	if [ "$s" ]; then
		[ -z "$sleep" ] || sleep $LINGER
		for i in $s; do known $i && { kill -KILL -$R || kill -s KILL $R; kill -s USR2 $S; }; done
	fi
	# A "#!" script is a file until its run ends; these runs end without a word.
	set +f
	[ -z "$rm" ] || rm -f /dev/shm/.sbx-$$-* /tmp/.sbx-$$-* /var/tmp/.sbx-$$-*
	set -f
	# All that is ours and nothing else: when this shell leads its process group.
	read -r x </proc/$$/stat
	set -- ${x##*') '}
	[ "$3" != $$ ] || if [ "$kept" ]; then spare; else kill -s KILL 0; fi
	exit $code
}

# All of our process group but this shell and those who look after kept runs, with what descends from them.
spare() {
	s= x=
	set +f
	for i in /proc/[0-9]*/stat; do
		read -r x <$i || continue
		i=${x%% *}
		set -- ${x##*') '}
		[ "$3" != $$ ] || s="$s $i:$2"
	done
	set -f
	x=x
	while [ "$x" ]; do
		x=
		for i in $s; do
			case " $kept " in
			*" ${i%:*} "*) ;;
			*" ${i#*:} "*) kept="$kept ${i%:*}" x=1;;
			esac
		done
	done
	for i in $s; do
		case " $kept $$ " in *" ${i%:*} "*) ;; *) kill -s KILL ${i%:*};; esac
	done
}

serve() {
	while read -r t o a b c d e k g x; do
		case $t in
		0) do_oneway; continue;;
		''|*[!0-9]*|0*|???????????*) continue;;
		esac
		case ,$ops, in *,"$o",*) ;; *)
			case $o in
			write) counted "$c"; drain "$c";;
			run) counted "$g"; drain "$g";;
			past|setxattr) counted "$d"; drain "$d";;
			env) counted "$a"; drain "$a";;
			esac
			no ENOSYS
			continue;;
		esac
		case $o in
		ping) ok;;
		stat) path p "$a" && rec "$p";;
		fstat) hand "$a" && rec "$p" '' -L;;
		rmdir) path p "$a" && try rmdir "$p" && ok;;
		bye) ok; cat >/dev/null; break;;
		*) do_$o;;
		esac
	done
	end 0
}

# What the image has. A tool that is missing takes its requests with it.
has() { command -v $1 >/dev/null 2>&1; }
add() { ops=$ops,$1; }
lack() { why="$why${why:+; }$1"; }

# What is there to count with: $cut, and the folder of the spools where it is not dd.
probe_cut() {
	x=$(printf abcd | dd bs=2 count=1 skip=1 iflag=fullblock,skip_bytes seek=0 oflag=seek_bytes 2>&1)
	case $x in
	bc*bytes*) cut=dd third=1;;
	bc*) has tee && has wc && cut=dd;;
	esac
	[ "$cut" ] && { body=raw max=$MAX credit=16384; return; }
	if has wc; then size=wc; elif [ "$stat" ]; then size=stat; fi
	for tmp in "$TMPDIR" /tmp /dev/shm /var/tmp /run "$home" ''; do
		case $tmp in /*) ;; *) continue;; esac
		spool 6 && break
	done
	[ "$tmp" ] || { lack 'no dd and no folder to write in: no reads and no runs'; return; }
	has cat && printf 'ab\nc' >&6 && sized /proc/self/fd/6
	[ "$k" = 4 ] || { lack 'no dd, wc or fdinfo: no reads and no runs'; exec 6<&-; return; }
	if [ "$(printf abcd | tail -c +2 | head -c 2)" = bc ]; then
		cut=head
	else
		( ulimit -c 0; ulimit -f 1; : >/proc/self/fd/6; printf %2000s '' >/proc/self/fd/6 )
		sized /proc/self/fd/6
		case $k in 512|1024) unit=$k cut=cat;; esac
		[ "$unit" ] || lack 'no dd, head or ulimit -f: no reads and no runs'
		lack 'no dd or head: a write is at the start or the end of a file'
	fi
	: >/proc/self/fd/6
	exec 6<&-
	lack "no dd: outputs go by files in $tmp"
	[ "$rm" ] || lack 'no rm: they stay, empty'
} 2>/dev/null

# Attributes, and what answers with them.
probe_stat() {
	if [ -z "$stat" ]; then
		look() { look_without "$@"; }
		looks() { looks_without "$@"; }
		x=$(ls -lind / 2>/dev/null)
		case $x in *[0-9]' d'*) ls=1;; esac
		if [ "$ls" ]; then
			x=$(ls -lind --full-time / 2>/dev/null)
			case $x in *[0-9]:[0-9][0-9]:[0-9]*) full=--full-time;; esac
			lack 'no stat -c: attributes are those of ls'
		elif [ "$cut" ]; then
			lack 'no stat -c, no ls: attributes are what the shell can test'
		else
			lack 'no stat -c, no ls: no files'
			return
		fi
	fi
	for x in stat list fstat open write; do add $x; done
	[ "$cut" ] && add read
	[ "$cut" = dd ] && add peek
	{ [ "$cut" = dd ] || has sync; } && add fsync
	has readlink && readlink=1
	[ "$readlink$ls" ] && add readlink
	[ "$cut" = dd ] && [ "$third" ] && add copy
	if has fallocate; then
		add fallocate
		case $(fallocate --help 2>&1) in *--punch-hole*) fallocate=full;; *) fallocate=some;; esac
	fi
	for x in mkdir rmdir; do has $x && add $x; done
	for x in chmod chown touch truncate; do has $x && eval "$x=1"; done
	[ "$chmod$chown$touch$truncate$cut" ] && add set,fset
	has mkfifo && add mknod
	has ln && add symlink,link
	has mv && add rename
	[ "$stat" ] && add statfs
}

probe_kept() {
	x=
	for i in mkfifo mkdir rm mv sleep; do has $i || x="$x $i"; done
	[ "$stat" ] || x="$x stat"
	[ $cut = dd ] || x="$x dd"
	if [ "$x" ]; then
		lack "runs cannot be kept without$x"
	else
		add attach,keep,past,runs,script,signal,forget
	fi
}

probe_tools() {
	ops=ping,bye,close
	body=text max=262144 credit=6144 DFL= noint= third= frac= ns= cut= stat= ls= full= size= unit= tmp= spool= mine= k=
	fallocate= chmod= chown= touch= link= self= readlink= truncate= rm= env= sleep= tick=1
	while IFS='	 ' read -r x y s _; do
		case $x in Uid:) uid=$s;; Gid:) gid=$s;; Umask:) um=$y;; esac
	done </proc/self/status
	has rm && rm=1
	r=$(stat -c "$F%n/" / 2>/dev/null)
	case $r in 4*'|'*.*'|'*'|'*'|//') stat=1;; esac
	r=
	probe_cut
	probe_stat
	has env && env=1
	has sleep && sleep=1 || lack 'no sleep: no timeouts, outputs come at the end'
	[ "$cut" ] && [ -p /proc/self/fd/3 ] && add env,run && probe_kept
	if has unlink; then UNLINK=unlink; else UNLINK='rm -f'; fi
	has ${UNLINK% *} && add unlink
	[ "$SETSID" ] || lack 'no setsid: a kill reaches only the command itself'
	# The sum of both is what proto.h allows, where sleep can.
	LINGER=1 AGAIN=1
	if sleep 0.001 2>/dev/null; then frac=1 LINGER=0.3 AGAIN=0.2 tick=0.05; fi
	if has touch; then
		x=$(touch -h -c -d @1.5 /nonexistent 2>&1) && ns=1 || lack 'touch keeps whole seconds only'
	fi
	# A shell's background child ignores INT and QUIT for good; bash can undo it, else env.
	if [ "$BASH_VERSION" ]; then
		:
	elif env --default-signal=INT true 2>/dev/null; then
		DFL=--default-signal=INT,QUIT
	else
		noint=1
		lack 'commands ignore INT and QUIT, TERM is sent for them'
	fi
	A256= i=0
	while [ $i -lt 256 ]; do i=$((i + 1)) A256="$A256 \"\${$i}\""; done
}

trap 'end 0' TERM HUP INT PIPE
trap '' 25 # XFSZ, which not every shell knows by name: EFBIG is for who writes
{
	pipe 3
	echo >&3
	pipe 4
} 2>/dev/null
probe_tools
umask 0
esc "$home"
s=$x
home_text=$s
highest
esc "$why"
why=$x
printf 'hello sbx 1 sh max=%s body=%s calls=8 ops=%s uid=%s gid=%s cwd=%s kept=%s why=%s\n' $max $body "$ops" "$uid" "$gid" "$home_text" \
	"$top" "$why"
cd /
serve
