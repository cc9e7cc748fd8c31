# Kept runs: their folders, and what their keeper does, which is the supervisor of the run.

# The folders that hold them, in B, one a line: those that nobody else can have put there.
bases() {
	B= IFS=$nl
	for i in /var/tmp /tmp /dev/shm /run $home; do
		i=${i%/}/.sbx-runs-$uid
		[ -d "$i" ] && base "$i" && case $nl$B in *"$nl$i$nl"*) ;; *) B=$B$i$nl;; esac
	done
	IFS=' '
}
base() { ! [ -L "$1" ] && [ -O "$1" ] && [ "$(stat -c %a "$1")" = 700 ]; } 2>/dev/null
# The folders of all kept runs in L, one a line, and their number in n.
folders() {
	bases
	L= n=0 IFS=$nl
	set +f
	for i in $B; do
		for x in "$i"/*; do
			case ${x##*/} in 0*|*[!0-9]*|??????????*) continue;; esac
			L=$L$x$nl n=$((n + 1))
		done
	done
	set -f
	IFS=' '
}
# The folder of run $1 in D; false, with the answer, where there is none.
folder() {
	num "$1" || return
	bases
	IFS=$nl
	for D in $B; do
		D=$D/$1
		[ -e "$D/about" ] && { IFS=' '; return; }
	done
	IFS=' ' D=
	no ENOENT 'no such run is kept here'
	return 1
}
# The highest id, in top.
highest() {
	case ,$ops, in *,keep,*) ;; *) return;; esac
	folders
	IFS=$nl
	for i in $L; do
		i=${i##*/}
		[ $i -le $top ] || top=$i
	done
	IFS=' '
}
# P and ps, K and ks, st, tm: what is said of the run in D. False: it has no keeper any more.
keeper() { read -r P ps K ks st tm <"$D/about" && since $K && [ "$zombie$x" != "Z$ks" ] && [ "$x" = "$ks" ]; } 2>/dev/null
# Whether it runs: then neither its end is written nor is it lost.
runs_yet() { keeper && ! [ -e "$D/end" ]; }
# Tells the keeper of D.
order() {
	keeper || return
	echo "$@" 1<>"$D/ctl"
	kill -s USR1 $K
}

# A folder D for a new one, id being $1 or the next above that is free. False, with the answer: none can be had.
new_kept() {
	case $1 in *[!0-9]*|0*|??????????*) no EINVAL id; return 1;; esac
	folders
	[ $n -lt 100 ] || oldest || { no ENOSPC 'too many runs are kept here, all of them running'; return 1; }
	id=$1
	while case $L in *"/$id$nl"*) :;; *) false;; esac; do id=$((id + 1)); done
	umask 077
	IFS=$nl
	for i in /var/tmp /tmp /dev/shm /run $home; do
		i=${i%/}/.sbx-runs-$uid
		[ -d "$i" ] || mkdir -m 700 "$i" || continue
		base "$i" || continue
		while [ $id -le 999999999 ]; do
			D=$i/$id
			mkdir "$D" && break 2
			[ -e "$D" ] || break
			id=$((id + 1))
		done
		D=
	done 2>/dev/null
	IFS=' '
	umask 0
	[ "$D" ] || no ENOSPC 'no folder that can be written'
	[ "$D" ]
}
# Forgets the oldest that has ended.
oldest() {
	m= IFS=$nl
	for D in $L; do
		IFS=' '
		[ -e "$D/about" ] && ! runs_yet || continue
		if [ -z "$m" ] || [ $st -lt $y ]; then m=$D y=$st; fi
	done
	IFS=' '
	[ "$m" ] && rm -rf "$m"
} 2>/dev/null

# --- the keeper's ---

keep_files() {
	umask 077
	printf %s "$script" >"$D/script"
	: >"$D/out" >"$D/err"
	mkfifo "$D/ctl" ${in:+"$D/in"}
	umask 0
}
put() {
	umask 077
	echo "$2" >"$D/.$1"
	mv -f "$D/.$1" "$D/$1"
	umask 0
}
about() {
	uptime
	st=$(($(stat -c %Y "$D/script") - (x - up) / 100))
	# It may go between the open and the read: an empty word here would shift those behind it, and it was "lost".
	since $R || x=0
	ps=$x
	since $me
	put about "$R $ps $me $x $st 0"
}
keep_end() {
	uptime
	x=$(((x - up) * 10))
	IFS=$nl
	set -- $(stat -c %s "$D/out" "$D/err")
	IFS=' '
	put end "$s $k $1 $2 $od $ed $x"
}

# The run under way becomes a kept one: $1 is the tag of `keep`, the id, the folder.
move() {
	kt=${1%% *} x=${1#* }
	D=${x#* } id=${x%% *} fi=
	[ "$fd" ] || fi=2
	trap '' HUP INT PIPE
	trap - USR2
	keep_files
	exec 6<>"$D/ctl"
	echo "k $D" >&7
	echo "k $D" >&8
	# Who feeds it says no more of credit.
	while :; do
		told
		[ "$on" ] || if dead $po; then told; on=${on:-gone}; else kill -s USR1 $po; fi
		[ "$en" ] || if dead $pe; then told; en=${en:-gone}; else kill -s USR1 $pe; fi
		[ "$fi" ] || if dead $fd; then fi=2; else kill -s USR1 $fd; fi
		[ "$on" ] && [ "$en" ] && [ "$fi" ] && break
		sleep $tick </dev/null >/dev/null 3>&- 4>&- 6>&- 7<&- 8<&- 9<&-
	done
	case $on$en in *gone*|*!*)
		# There is nobody any more who would want it.
		rm -rf "$D"
		exec 6<&-
		kill -KILL -$R || kill -s KILL $R
		return;;
	esac
	[ -z "$oz" ] || hole out $on
	[ -z "$ez" ] || hole err $en
	[ $on$en = 00 ] || put start "$on $en"
	if [ "$in" ]; then
		exec 0<>"$D/in"
		if [ "$fd" ]; then
			echo "k $D/in" >&9
		elif [ -p /proc/self/fd/5 ]; then
			{
				echo fed >&4
				exec cat >/proc/self/fd/5 3>&- 4>&- 5>&- 6>&- 7<&- 8<&- 9<&-
			} <"$D/in" &
			fd=$! fi=1
			since $fd
			ft=$x
		fi
		exec 5<&0 0</dev/null
	fi
	about
	lock
	printf '= %s\n= %s kept %s %s %s\n' $kt $t $id $on $en
	echo >&3
	exec 1>/dev/null 3>&- 7<&- 8<&- 9<&-
	# Who waits for the command speaks by the old pipe.
	cat <"$D/ctl" >&4 4>&- 5>&- 6>&- &
	relay=$!
}
hole() {
	[ $2 = 0 ] || dd bs=1 count=0 seek=$2 of="$D/$1"
}
