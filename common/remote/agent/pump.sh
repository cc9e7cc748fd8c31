# What carries an output of a run: to the client, or to the file of a kept one.

# Carries output $1 to the client, within the credit that comes on 7, or to its file; says so on 4.
#
# TERM says that the command has gone and somebody still has its output open: a reader that is asleep
# and was so the last time is ended (one that has had no turn yet, on a busy machine, is not asleep), and after a pipeful it is over in any case. What was there
# when the command ended is carried whatever it takes. USR1: from here on to a file, see move.
pump() {
	d= late= held= over= u= moved= n=0 most=4096 asked= drop=0 out=$1
	trap 'ended; over=${over:-new} hit=x' TERM
	trap 'u=1 hit=x' USR1
	exec 0</dev/null 9<&-
	if [ "$D" ]; then
		trap '' PIPE
		case $1 in
		o) exec 5</proc/self/fd/5 6<&-;;
		e) exec 5</proc/self/fd/6 6<&-;;
		esac
		store
	else
		trap 'echo >&3; report gone; exit 1' PIPE
		case $1 in
		o) exec 5</proc/self/fd/5 6<&- 8<&-;;
		e) exec 5</proc/self/fd/6 6<&- 7<&8 8<&-;;
		esac
		if [ $cut = dd ]; then pump_dd $1; else pump_spool $1; fi
	fi
	report $n
}
ended() {
	[ "$d" ] && [ -z "$held" ] && read -r asleep </proc/$d/stat || return
	case $late:$asleep in
	"$d:"*') S '*) kill $d;;
	*') S '*) late=$d;;
	*) late=;;
	esac
}
report() {
	echo "done $out $1 $drop" >&4
	kill -s USR1 $me
}
credit() {
	until [ $win -gt 0 ] || [ "$moved" ]; do
		read -r k x <&7 || continue
		case $k in k) D=$x moved=1;; *) win=$((win + k));; esac
	done
}
# A dd for the next piece, which must fit into pipe 6 as a whole: it is counted before it is taken out.
ahead() {
	m=$most
	[ $m -le $win ] || m=$win
	dd bs=$m count=1 <&5 >&6 2>&8 &
	d=$!
}
# A pipe is one page or two, not sixteen, when this user has many (pipe(7), pipe-user-pages-soft). The first
# full piece asks: a dd that cannot put all of it in sleeps.
measure() {
	most=65536 asked=1
	dd bs=65536 count=1 </dev/zero >&6 2>/dev/null &
	x=$!
	# Some shells reap it before they are asked.
	while read -r y </proc/$x/stat; do
		case $y in *') Z '*) break;; *') S '*) most=4096; break;; esac
	done
	dd bs=4096 count=16 iflag=fullblock <&6 >/dev/null
	while wait $x; [ $? -gt 128 ]; do :; done
}
# The exit status of dd $d in k. A trapped signal ends the wait, not the dd.
await() {
	while :; do
		[ -z "$u" ] || [ "$moved" ] || {
			while read -r k x <&7; [ "$k" != k ]; do :; done
			D=$x moved=1
			return
		}
		hit=
		wait $d
		k=$?
		# Else it is the signal's number, and the dd's own comes yet.
		case $hit$k in x138|x143) ;; *) break;; esac
	done
	d=
}
pump_dd() {
	pipes
	credit
	[ "$moved" ] || ahead
	while [ -z "$moved" ]; do
		await
		[ -z "$moved" ] || break
		[ $k = 0 ] || return
		count
		[ "$k" -gt 0 ] || return
		n=$((n + k)) win=$((win - k)) l=$k
		passed $k
		# What it brings may wait for this piece to be taken out: no sleep that says that nothing comes.
		held=1
		[ $l$asked = 4096 ] || [ $win = 0 ] || [ "$over" = done ] || ahead
		lock
		echo "$1 $t $l"
		dd bs=$l count=1 <&$tmp
		echo >&3
		held= late=
		[ $l$asked != 4096 ] || measure
		[ "$over" != done ] || return
		[ "$d" ] || { credit; [ "$moved" ] || ahead; }
	done
	# All up to byte n went to the client.
	exec 1>/dev/null 3>&-
	trap '' PIPE USR1
	name
	: >>"$D/$f"
	[ $n = 0 ] || dd bs=1 count=0 seek=$n of="$D/$f"
	echo "at $1 $n" >&4
	kill -s USR1 $me
	exec 4<>"$D/ctl"
	if [ "$d" ]; then
		await
		[ $k = 0 ] || return
		count
		[ "$k" -gt 0 ] || return
		dd bs=$k count=1 <&$tmp >>"$D/$f"
		store $k
	else
		store 0
	fi
}
# $1 more bytes were carried. Those that were on their way when the command ended do not count.
passed() {
	case $over in
	'') ;;
	new) over=0;;
	*) over=$((over + $1)); [ $over -lt 65536 ] || over=done;;
	esac
}
name() { case $out in o) f=out;; *) f=err;; esac; }
# To the file, of which $1 bytes are there already, as far as there is room; what comes after that is counted.
store() {
	exec 1>/dev/null 3>&- 6<&-
	pipe 8
	name
	f=$D/$f z=$((KEPT - ${1:-0}))
	while :; do
		m=65536 c=$((z / 65536))
		[ $c -gt 0 ] || m=$z c=1
		[ $m -gt 0 ] || f=/dev/null m=65536 c=16
		[ $c -le 16 ] || c=16
		[ -z "$over" ] || c=1
		if [ "$f$third" = /dev/null ]; then
			wc -c <&5 >&8 &
			d=$!
			await
			[ $k != 0 ] || read -r drop _ <&8
			return
		fi
		[ "$third" ] || l=$(stat -c %s "$f")
		dd bs=$m count=$c <&5 >>"$f" 2>&8 &
		d=$!
		await
		[ $k -le 1 ] || return
		until read -r x s <&8; [ "$s" = 'records in' ]; do :; done
		read -r _ <&8
		if [ "$third" ]; then read -r s _ <&8; else s=$(($(stat -c %s "$f") - l)); fi
		if [ $f = /dev/null ]; then drop=$((drop + s)); else z=$((z - s)); fi
		passed $s
		# It cannot be written there: the rest is dropped.
		if [ $k != 0 ]; then
			z=0
		elif [ $((${x%+*} + ${x#*+})) != $c ]; then
			return
		fi
		[ "$over" != done ] || return
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
	trap 'echo >&3; kill -s KILL $y $j; report gone; exit 1' PIPE
	if [ "$sleep" ]; then
		trap : USR1
		read -r x _ </proc/self/stat
		( while sleep $tick; do kill -s USR1 $x || break; done ) >&- 3>&- 4>&- 5<&- 6<&- 7<&- &
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
