# One run: who watches over it, and who carries its input.

# Times to the millisecond where sleep can; killed with its sleeper by TERM.
nap() {
	z=
	trap '[ -z "$z" ] || kill $z 2>/dev/null; exit 7' TERM
	sleep $1 >/dev/null 2>&1 3>&- 4>&- &
	z=$!
	wait $z
}
# $1 milliseconds as sleep takes them, in T.
seconds() {
	if [ "$frac" ]; then
		x=000$(($1 % 1000))
		T=$(($1 / 1000)).${x#"${x%???}"}
	else
		T=$((($1 + 999) / 1000))
	fi
}

# Carries standard input from pipe 9 to $sink: a line with the number, then the bytes; 0 ends it. A k
# and a folder: from now on it is that of a kept run, which gets it from whoever is attached.
feed() {
	stop= d=
	trap 'stop=1; [ -z "$d" ] || kill $d' TERM
	trap 'hit=x; exec 1>/dev/null; echo at i >&4; kill -s USR1 $me' USR1
	trap 'echo >&3; exit 1' PIPE
	[ "$D" ] || exec 5>/proc/self/fd/5
	exec 0</dev/null 6<&- 7<&- 8<&-
	while :; do
		# Only a signal breaks it off.
		until read -r n x <&9; do [ -z "$stop" ] || break 2; done
		[ "$n" != 0 ] || break
		[ "$n" != k ] || {
			exec 0<"$x"
			echo fed >&4
			exec cat >&5 3>&- 4>&- 5>&- 9<&-
		}
		if [ $body = raw ]; then
			dd bs=$n count=1 iflag=fullblock <&9 >"$sink" &
		else
			read -r s <&9
			( trap - TERM; printf %b "$s" >"$sink" ) &
		fi
		d=$!
		[ -z "$stop" ] || kill $d
		while hit=; wait $d; k=$?; [ "$hit$k" = x138 ]; do :; done
		[ -z "$stop" ] || break
		d=
		lock
		# Its reader is gone; of a status that bash lost the next piece will tell.
		case $k in 0|-1) ;; *) n=0;; esac
		# Told to stop, it says nothing behind the end mark.
		[ "$stop" ] || echo "i $t $n"
		echo >&3
		[ $n != 0 ] || break
	done
	[ -z "$D" ] || [ "$n" != 0 ] || order eof
}

# When process $1 started: tells it from a later one of the same number.
since() {
	read -r x 2>/dev/null <"/proc/$1/stat" || return
	set -- ${x##*') '}
	zombie=$1
	shift 19
	x=$1
}
# Tells a child to stop, unless it has and its number is another's by now.
tell() { since "$1" && [ "$x" = "$2" ] && kill "$1"; }
uptime() {
	read -r x _ </proc/uptime
	x=$((${x%.*} * 100 + 1${x#*.} - 100))
}

# TERM, and after two seconds KILL, when the time is up. It says so first: bash may lose its status, and gives
# -1 for ever.
watch() {
	unwatch
	[ "$1" != 0 ] || return
	(
		nap $T
		trap 'kill $z 2>/dev/null; exit' TERM
		echo "late $watch" >&4
		kill -TERM -$R || kill -s TERM $R
		sleep 2 4>&- &
		z=$!
		wait $z
		kill -KILL -$R || kill -s KILL $R
	) </dev/null >/dev/null 2>&1 3>&- 7<&- 8<&- 9<&- &
	wd=$!
	since $wd
	wt=$x
}
unwatch() {
	watch=$((watch + 1))
	[ "$wd" ] || return
	tell $wd $wt
	while wait $wd; [ $? = 138 ]; do :; done
	wd=
}

# What the supervisor is told, on descriptor 4, is all that it waits for; no trap runs meanwhile (a shell may
# lose a child or a status by one). told takes what is there by now.
told() {
	echo . >&4
	while read -r y x <&4 && [ "$y" != . ]; do heed; done
}
heed() {
	case $y$x in
	ato*) on=${x#* };;
	ate*) en=${x#* };;
	ati) fi=1;;
	# Before it has opened the fifo nobody may close it: what is in there would be lost, and it would wait for ever.
	fed)
		fi=3
		[ -z "$ie" ] || exec 5<&-;;
	doneo*) x=${x#* }; on=${x% *} od=${x#* } oz=1;;
	donee*) x=${x#* }; en=${x% *} ed=${x#* } ez=1;;
	feed)
		feed &
		fd=$!
		exec 5<&-
		since $fd
		ft=$x;;
	pid*) R=$x;;
	ended*) k=$x;;
	late*)
		late=1
		# Its KILL would not come.
		[ "$x" = $watch ] || { T=0; watch 1; };;
	eof) case $fd:$D:$fi in ?*::*) ;; *:1) ie=1;; *) exec 5<&-;; esac;;
	timeout[0-9]*)
		case $over$x in *[!0-9]*|0?*|??????????*) ;; *) y=$x; seconds $x; watch $y;; esac;;
	keep*) if [ "$over" ]; then refuse="$refuse$x$nl"; else move "$x"; fi;;
	esac
}
# A pump that was killed will say nothing.
dead() { ! read -r x </proc/$1/stat || case $x in *') Z '*) :;; *) false;; esac; }

# One run, from its start to its end mark. The lock is held until `s` is out: outputs come behind it.
# With D it is kept there from its beginning: then it has nothing of the stream.
supervise() {
	# A child gets its parent's traps between fork and reset: so not TERM here, which ours are told by.
	# PIPE comes to who writes to 1, and has the lock: main needs that to see the end of its input.
	exec 0</dev/null 2>/dev/null
	trap - TERM HUP INT
	trap 'echo >&3; exit 1' PIPE
	po= pe= wd= watch=0 late= z= fd= R= k= relay= over= refuse= on= en= od=0 ed=0 oz= ez= fi= ie=
	read -r me _ </proc/self/stat
	uptime
	up=$x
	file= in= sink=/proc/self/fd/5
	case $flags in *i*) in=1;; esac
	if [ "$D" ]; then
		trap '' PIPE HUP INT
		exec 1>/dev/null 3>&-
		keep_files
		exec 4<>"$D/ctl"
		[ -z "$in" ] || exec 9<>"$D/in"
	else
		pipe 4
		[ -z "$in" ] || pipe 9
		trap 'kill -s KILL $po $pe; kill $wd $z $fd; kill -KILL -$R || kill -s KILL $R; exit' USR2
	fi
	[ -z "$user" ] || whom
	case $rm$script in '1#!'*) put_script;; esac
	[ "$D" ] || lock
	trap '' USR1
	launch &
	until [ "$R" ]; do read -r y x <&4 && heed; done
	if [ "$D" ]; then
		about
	else
		echo "s $t $R"
		[ -z "$in" ] || echo "i $t $credit"
		echo >&3
	fi
	win=$W
	# Until they have their own traps.
	trap '' TERM
	pump o & po=$!
	pump e & pe=$!
	trap - TERM
	exec 5<&- 6<&-
	if [ "$in" ]; then
		exec 5<&9
		[ "$D" ] || pipe 9
	fi
	[ -z "$D" ] || exec 9<&-
	echo $R 1<>/proc/$$/fd/4
	since $po; ot=$x
	since $pe; et=$x
	[ "$T" = 0 ] || watch 1
	until [ "$k" ]; do read -r y x <&4 && heed; done
	over=x u=
	trap 'u=1; [ -z "$z" ] || kill $z' USR1
	s=exited
	unwatch
	[ -z "$late" ] || {
		s=timeout k=124
		kill -KILL -$R
	}
	outputs
	[ -z "$fd" ] || tell $fd $ft
	[ -z "$relay" ] || kill $relay
	[ -z "$file" ] || rm -f "$file"
	if [ "$D" ]; then keep_end; else finish; fi
	exit 0
}
# The command's parent, which does nothing but wait for it.
launch() {
	if [ "$in" ]; then
		become </proc/self/fd/9 >/proc/self/fd/5 2>/proc/self/fd/6 &
	else
		become </dev/null >/proc/self/fd/5 2>/proc/self/fd/6 &
	fi
	R=$!
	exec 1>/dev/null 3>&- 5<&- 6<&- 7<&- 8<&- 9<&-
	echo "pid $R" >&4
	wait $R
	echo "ended $?" >&4
}
# Until all has been carried.
outputs() {
	l=$LINGER
	[ "$sleep" ] || until [ "$oz$ez" = 11 ]; do read -r y x <&4 && heed; done
	while :; do
		u=
		told
		[ "$oz$ez" != 11 ] || return
		sleep $l </dev/null >/dev/null 3>&- 4>&- 7<&- 8<&- 9<&- &
		z=$!
		[ "$u" ] || wait $z
		z=
		[ -z "$u" ] || continue
		l=$AGAIN
		[ "$oz" ] || if dead $po; then told; on=${oz:+$on} oz=1; else tell $po $ot; fi
		[ "$ez" ] || if dead $pe; then told; en=${ez:+$en} ez=1; else tell $pe $et; fi
	done
}
finish() {
	lock
	told
	# Who sees no pipe here any more knows that it is too late.
	exec 4</dev/null
	IFS=$nl
	for i in $refuse; do
		printf '! %s ESRCH -\n' "${i%% *}"
		i=${i#* }
		rm -rf "${i#* }"
	done
	IFS=' '
	case ${on:-gone}${en:-gone} in
	*gone*) echo "! $t EIO -";;
	*!*) echo "! $t ENOSPC -";;
	*) echo "= $t $s $k $on $en";;
	esac
	echo >&3
}
