# Runs: outputs and input of many commands on one stream.

# The body of a request in $s; false when it holds a NUL.
take() {
	counted "$1"
	s=
	if [ "$1" = 0 ]; then
		[ $body = raw ] || read -r _
		return
	fi
	if [ $body = raw ]; then
		s=$(dd bs=$1 count=1 iflag=fullblock 2>/dev/null; echo X)
		s=${s%X}
	else
		read -r s
		dec s "$s" || return
	fi
	[ ${#s} = "$1" ] || { no EINVAL NUL; return 1; }
} 2>/dev/null

do_env() {
	take "$a" || return
	E=$s
	IFS=$nl
	for i in $E; do
		case $i in
		[A-Za-z_]*=*)
			# Without env it is the shell that exports, and knows fewer names.
			x=${i%%=*}
			case $env$x in [!1]*[!A-Za-z0-9_]*) no EOPNOTSUPP; false;; *) dec s "$i";; esac && continue;;
		*) no EINVAL environment;;
		esac
		E= IFS=' '
		return
	done
	IFS=' '
	ok
}

# Times to the millisecond where sleep can; killed with its sleeper by TERM.
nap() {
	z=
	trap '[ -z "$z" ] || kill $z 2>/dev/null; exit 7' TERM
	sleep $1 >/dev/null 2>&1 3>&- 4>&- &
	z=$!
	wait $z
}

# Carries output to the client as $1, within the credit that comes on 7.
#
# TERM says that the command has gone and somebody still has its output open: a reader that was
# waiting the last time too is ended. What is there already is carried whatever it takes.
pump() {
	d= late=
	trap '[ -z "$d" ] || if [ "$late" = "$d" ]; then kill $d; else late=$d; fi' TERM
	case $1 in
	o) exec 5</proc/self/fd/5 6<&- 8<&-;;
	e) exec 5</proc/self/fd/6 6<&- 7<&8 8<&-;;
	esac
	trap 'echo >&3; exit 1' PIPE
	exec 0</dev/null 2>/dev/null 4<&- 9<&-
	n=0
	if [ $cut = dd ]; then pump_dd $1; else pump_spool $1; fi
	echo "=$n" >&7
}
credit() {
	until [ $win -gt 0 ]; do
		read -r k <&7 && win=$((win + k))
	done
}
pump_dd() {
	pipes
	while :; do
		credit
		m=65536
		[ $m -le $win ] || m=$win
		dd bs=$m count=1 <&5 >&6 2>&8 &
		d=$!
		# A trapped TERM ends the wait, not the dd.
		until wait $d; k=$?; [ $k -le 128 ] || ! kill -0 $d; do :; done
		d=
		[ $k = 0 ] || break
		count
		[ "$k" -gt 0 ] || break
		lock
		echo "$1 $t $k"
		dd bs=$k count=1 <&$tmp
		echo >&3
		n=$((n + k)) win=$((win - k))
	done
}
# The same by a cat into the spool. Now and then it is stopped, and what it has brought is sent.
pump_spool() {
	spool=$t$1
	spool 6 || { n=!; return; }
	cat <&5 >>/proc/self/fd/6 &
	d=$! j= lost=
	y=$d
	# Nobody to send to: then nobody gathers either.
	trap 'echo >&3; kill -s KILL $y $j; exit 1' PIPE
	if [ "$sleep" ]; then
		trap : USR1
		read -r x _ </proc/self/stat
		( while sleep $tick; do kill -s USR1 $x || break; done ) >&- 3>&- 5<&- 6<&- 7<&- &
		j=$!
	fi
	while :; do
		wait $d
		s=$?
		if [ $s -gt 128 ] && kill -0 $d; then
			[ -s /proc/self/fd/6 ] || continue
			kill -s STOP $d
			while read -r x </proc/$d/stat; do
				case $x in *') T '*|*') Z '*) break;; esac
			done
			d=
			send $1
			d=$y late=
			kill -s CONT $d
		else
			d=
			send $1
			break
		fi
	done
	[ -z "$j" ] || kill $j
	exec 6<&-
	# The spool could not be written: bytes are missing.
	case $s$lost in 0|1[2-9]?) ;; *) n=!;; esac
}
send() {
	sized /proc/self/fd/6
	z=$k at=0
	while [ $at -lt $z ]; do
		credit
		m=$((z - at))
		[ $m -le $win ] || m=$win
		[ $m -le 262144 ] || m=262144
		if [ $m = $z ]; then
			exec 9</proc/self/fd/6
		elif [ $cut = cat ]; then
			cut_cat /proc/self/fd/6 $at $m || { lost=1; break; }
		fi
		lock
		echo "$1 $t $m"
		if [ $m != $z ] && [ $cut = head ]; then part /proc/self/fd/6 $at $m; else cat <&9; fi
		echo >&3
		exec 9<&-
		n=$((n + m)) at=$((at + m)) win=$((win - m))
	done
	: >/proc/self/fd/6
}

# Carries standard input from pipe 9 to the run's: a line with the number, then the bytes; 0 ends it.
feed() {
	stop= d=
	trap 'stop=1; [ -z "$d" ] || kill $d 2>/dev/null' TERM
	trap 'echo >&3; exit 1' PIPE
	exec 5>/proc/self/fd/4 0</dev/null 2>/dev/null 4<&- 6<&- 7<&- 8<&-
	while [ -z "$stop" ] && read -r n <&9 && [ "$n" != 0 ]; do
		if [ $body = raw ]; then
			dd bs=$n count=1 iflag=fullblock <&9 >&5 &
		else
			read -r s <&9
			( trap - TERM; printf %b "$s" >&5 ) &
		fi
		d=$!
		[ -z "$stop" ] || kill $d
		wait $d || break
		d=
		lock
		echo "i $t $n"
		echo >&3
	done
}

# In the child that becomes the command: what it was given, its folder, its script.
become() {
	exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&-
	[ "$w" = - ] && cd "$home" || cd "$w" || exit 126
	umask $um
	unset OLDPWD
	trap - INT QUIT TERM PIPE HUP
	case $O_LC in x*) LC_ALL=${O_LC#x};; *) unset LC_ALL;; esac
	case $O_TZ in x*) TZ=${O_TZ#x};; *) unset TZ;; esac
	set --
	IFS=$nl
	for i in $V; do
		dec s "$i"
		set -- "$@" "$s"
	done
	IFS=' '
	if [ $# -gt 0 ] && [ -z "$env" ]; then
		export "$@"
		set --
	fi
	[ $# -eq 0 ] && [ -z "$DFL" ] || set -- env $DFL "$@"
	[ -z "$SETSID" ] || set -- "$@" "$SETSID"
	case $script in '#!'*) interpreted "$@";; esac
	if [ ${#script} -lt 100000 ]; then
		exec 9<&-
		exec "$@" "$SH" -c "$script" sh
	fi
	# Too long for an argument: by a pipe.
	pipe 9
	( exec 9>/proc/self/fd/9 </dev/null >/dev/null; printf %s "$script" >&9 ) 2>/dev/null &
	exec 9</proc/self/fd/9
	exec "$@" "$SH" -c 'set -- "$(cat <&9)"; exec 9<&-; eval "shift; $1"' sh
}
interpreted() {
	l=${script%%"$nl"*}
	l=${l#??}
	x=${l%%[! 	]*}
	l=${l#"$x"}
	s=${l%%[ 	]*}
	l=${l#"$s"}
	x=${l%%[! 	]*}
	l=${l#"$x"}
	if ! [ -f "$s" ] || ! [ -x "$s" ]; then
		echo "sh: $s: not found" >&2
		exit 127
	fi
	if [ "$file" ]; then
		exec 9<&-
		exec "$@" "$s" ${l:+"$l"} "$file"
	fi
	pipe 9
	( exec 9>/proc/self/fd/9 </dev/null >/dev/null; printf %s "$script" >&9 ) 2>/dev/null &
	exec 9</proc/self/fd/9
	exec "$@" "$s" ${l:+"$l"} /proc/self/fd/9
}

# When process $1 started: tells it from a later one of the same number.
since() {
	read -r x 2>/dev/null <"/proc/$1/stat" || return
	set -- ${x##*') '}
	shift 19
	x=$1
}
# Tells a child to stop, unless it has and its number is another's by now.
tell() { since "$1" && [ "$x" = "$2" ] && kill "$1"; }

# One run, from its start to its end mark. The lock is held until `s` is out: outputs come behind it.
supervise() {
	# A child gets its parent's traps between fork and reset: so not TERM here, which ours are told by.
	# PIPE comes to who writes to 1, and has the lock: main needs that to see the end of its input.
	trap - TERM HUP INT
	trap 'echo >&3; exit 1' PIPE
	po= pe= wd= l= fd= R=
	trap 'kill -s KILL $po $pe; kill $wd $l $fd; kill -s KILL -$R || kill -s KILL $R; exit' USR2
	exec 0</dev/null
	file= in=
	case $rm$script in '1#!'*)
		for i in /dev/shm /tmp /var/tmp; do
			x=$i/.sbx-$$-$t
			if (umask 077; set -C; printf %s "$script" >"$x") 2>/dev/null; then
				file=$x
				break
			fi
		done;;
	esac
	case $flags in *i*) in=1; pipe 4; feed & fd=$!; since $fd; ft=$x;; esac
	win=$W
	pump o & po=$!
	pump e & pe=$!
	since $po; ot=$x
	since $pe; et=$x
	lock
	if [ "$in" ]; then
		become </proc/self/fd/4 >/proc/self/fd/5 2>/proc/self/fd/6 &
	else
		become </dev/null >/proc/self/fd/5 2>/proc/self/fd/6 &
	fi
	R=$!
	exec 4<&- 5<&- 6<&-
	echo "s $t $R"
	[ -z "$in" ] || echo "i $t $credit"
	echo >&3
	echo $R 1<>/proc/$$/fd/4
	if [ "$T" != 0 ]; then
		(
			nap $T
			trap 'kill $z 2>/dev/null; exit 9' TERM
			kill -s TERM -$R || kill -s TERM $R
			sleep 2 &
			z=$!
			wait $z
			kill -s KILL -$R || kill -s KILL $R
			exit 9
		) >/dev/null 2>&1 3>&- 4>&- 7<&- 8<&- 9<&- &
		wd=$!
		since $wd; wt=$x
	fi
	wait $R
	k=$? s=exited
	if [ "$T" != 0 ]; then
		tell $wd $wt
		wait $wd
		if [ $? = 9 ]; then
			s=timeout k=124
			kill -s KILL -$R 2>/dev/null
		fi
	fi
	if [ "$sleep" ]; then
		(
			nap $LINGER
			while :; do
				tell $po $ot
				tell $pe $et
				nap $AGAIN
			done
		) >/dev/null 2>&1 3>&- 4>&- 7<&- 8<&- 9<&- &
		l=$!
	fi
	wait $po && wait $pe
	x=$?
	[ -z "$l" ] || kill $l 2>/dev/null
	# A pump that was broken off: there is no client any more, and no shell that would say so.
	if [ $x != 0 ]; then
		[ -z "$in" ] || kill $fd
		[ -z "$file" ] || rm -f "$file"
		exit
	fi
	until read -r o <&7 && case $o in =*) :;; *) false;; esac; do :; done
	until read -r e <&8 && case $e in =*) :;; *) false;; esac; do :; done
	case $o$e in
	*!*) no ENOSPC;;
	*) ok "$s $k ${o#=} ${e#=}";;
	esac
	[ -z "$in" ] || tell $fd $ft
	[ -z "$file" ] || rm -f "$file"
	exit 0
}

# S, R and the rest of run $1 while its supervisor lives.
known() {
	case $1 in ''|*[!0-9]*|???????????*) return 1;; esac
	eval "x=\$r_$1"
	[ "$x" ] || return
	set -- "$1" $x
	S=$2 R=$3 q=$4 win=$5
	{ since $S && [ "$x" = "$q" ]; } 2>/dev/null || { unset r_$1 g_$1 j_$1; return 1; }
}

do_run() {
	V=$E E=
	take "$e" || return
	script=$s flags=$d W=$c
	w=$a
	if [ "$a" != - ]; then
		path w "$a" || return
		cd "$w" 2>/dev/null || { seen "$w/." -L && no EACCES; return; }
		cd /
	fi
	num "$b" "$c" || return
	[ "$c" -gt 0 ] || { no EINVAL; return; }
	T=$b
	if [ "$T" != 0 ]; then
		[ "$sleep" ] || { no EOPNOTSUPP; return; }
		if [ "$frac" ]; then
			x=000$((T % 1000))
			T=$((T / 1000)).${x#"${x%???}"}
		else
			T=$(((T + 999) / 1000))
		fi
	fi
	pipe 5; pipe 6; pipe 7; pipe 8; pipe 9
	supervise 2>/dev/null &
	S=$!
	exec 5<&- 6<&- 7<&- 8<&- 9<&-
	since $S
	q=$x
	read -r R <&4
	eval "r_$t=\"$S $R $q $W\" g_$t=0 j_$t=0"
	s=
	for i in $runs; do known $i && s="$s $i"; done
	runs="$s $t"
	script=
}

# Messages to a run. Credit goes on in portions, so that the pipe never fills.
do_oneway() {
	case $o in
	in)
		counted "$b"
		[ "$b" != 0 ] || return
		if known "$a" && [ "$b" -le $credit ] && [ $body = text ]; then
			read -r s
			printf '%s\n' "$b" "$s" 1<>/proc/$S/fd/9
		elif known "$a" && [ "$b" -le $credit ]; then
			echo "$b" 1<>/proc/$S/fd/9
			i=
			{
				dd bs="$b" count=1 iflag=fullblock
				i=1
			} 1<>/proc/$S/fd/9
			[ "$i" ] || drain "$b"
		else
			drain "$b"
		fi;;
	eof)	known "$a" && echo 0 1<>/proc/$S/fd/9;;
	more)
		case $c in ''|*[!0-9]*|0*|???????????*) return;; esac
		known "$a" || return
		case $b in
		o) eval "x=\$((g_$a + c)) g_$a=\$x"; i=7;;
		e) eval "x=\$((j_$a + c)) j_$a=\$x"; i=8;;
		*) return;;
		esac
		if [ $x -ge $((win / 4)) ]; then
			echo $x 1<>/proc/$S/fd/$i
			[ $i = 7 ] && eval "g_$a=0" || eval "j_$a=0"
		fi;;
	kill)
		case $b in ''|*[!A-Z0-9]*) return;; esac
		case $b$noint in INT1|QUIT1) b=TERM;; esac
		known "$a" && { kill -s "$b" -$R || kill -s "$b" $R; };;
	esac
} 2>/dev/null
