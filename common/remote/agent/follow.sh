# Requests on kept runs, and who follows what they print.

do_keep() {
	num "$a" "$b" || return
	known "$a" || { no ESRCH; return; }
	[ -z "$D" ] || { no EALREADY; return; }
	q=$S
	new_kept "$b" || return
	lock
	if [ -p /proc/$q/fd/4 ]; then
		# It ends both tags, and is not ours any more.
		kept="$kept $q"
		echo "keep $t $id $D" 1<>/proc/$q/fd/4
		echo >&3
		kill -s USR1 $q
	else
		echo >&3
		rm -rf "$D"
		no ESRCH
	fi
	over $a
}

do_attach() {
	num "$a" "$b" "$c" "$d" && folder "$a" || return
	[ "$d" -gt 0 ] || { no EINVAL; return; }
	id=$a W=$d i= T=0
	keeper
	R=$P
	case $e in *i*) [ -p "$D/in" ] && i=1;; esac
	sizes
	case $e in *o*) [ "$b" -ge $os ] && [ "$b" -le $oz ] || { no EINVAL "not here"; return; };; esac
	case $e in *e*) [ "$c" -ge $es ] && [ "$c" -le $ez ] || { no EINVAL "not here"; return; };; esac
	join "$b" "$c" "$e"
}
# Bytes of the outputs in oz and ez, where they start in os and es.
sizes() {
	os=0 es=0 oz=0 ez=0 IFS=$nl
	set -- $(stat -c %s "$D/out" "$D/err")
	IFS=' '
	oz=$1 ez=$2
	[ ! -e "$D/start" ] || read -r os es <"$D/start"
} 2>/dev/null

# Starts a follower for run D, with id and R, from bytes $1 and $2 on, of the outputs $3; i: with standard input.
join() {
	pipe 9
	follow "$@" &
	S=$!
	exec 9<&-
	read -r _ <&4
	enlist
}
follow() {
	exec 0</dev/null 2>/dev/null
	trap - TERM HUP INT
	trap 'echo >&3; exit 1' PIPE
	u= z= fd= end= left=x in=$i
	trap 'u=1; [ -z "$z" ] || kill $z' USR1
	read -r me _ </proc/self/stat
	at=$1 bt=$2 wo=$W we=$W pause=02 sink=$D/in
	case $3 in *o*) wo=$W;; *) wo=-;; esac
	case $3 in *e*) we=$W;; *) we=-;; esac
	pipe 4
	exec 5<"$D/out" 6<"$D/err"
	[ $at = 0 ] || dd bs=1 count=0 skip=$at iflag=skip_bytes <&5
	[ $bt = 0 ] || dd bs=1 count=0 skip=$bt iflag=skip_bytes <&6
	lock
	echo "s $t $R $id"
	[ -z "$in" ] || echo "i $t $credit"
	echo >&3
	echo x 1<>/proc/$$/fd/4
	while :; do
		u=
		heard
		[ "$left" ] || break
		[ "$end" ] || fate
		IFS=$nl
		set -- $(stat -L -c %s /proc/self/fd/5 /proc/self/fd/6)
		IFS=' '
		came=
		[ $wo = - ] || piece o $at $1 $wo 5
		[ $we = - ] || piece e $bt $2 $we 6
		[ -z "$came" ] || { pause=02; continue; }
		[ -z "$end" ] || { [ $wo != - ] && [ $at -lt $1 ]; } || { [ $we != - ] && [ $bt -lt $2 ]; } || break
		if [ "$frac" ]; then x=0.$pause; else x=1; fi
		sleep $x </dev/null >/dev/null 3>&- 4>&- 9<&- &
		z=$!
		[ "$u" ] || wait $z
		z=
		case $pause in 02) pause=04;; 04) pause=08;; 08) pause=16;; *) pause=20;; esac
	done
	[ -z "$fd" ] || tell $fd $ft
	lock
	if [ "$left" ]; then
		case $end in
		lost) echo "= $t lost 0 $1 $2 0 0";;
		*) set -- $end; echo "= $t $1 $2 $3 $4 $5 $6";;
		esac
	else
		echo "= $t kept $id $at $bt"
	fi
	echo >&3
	exit 0
}
# What it is told: credit, that there is input, that it is not wanted any more.
heard() {
	echo . >&4
	while read -r y x <&4 && [ "$y" != . ]; do
		case $y$wo$we in
		o[0-9]*) wo=$((wo + x));;
		e*[0-9]) we=$((we + x));;
		leave*) left=;;
		feed*)
			feed &
			fd=$!
			since $fd
			ft=$x;;
		esac
	done
}
# How it ended, in end, when it has.
fate() {
	runs_yet && return
	end=
	[ -e "$D/end" ] && read -r end <"$D/end"
	end=${end:-lost}
}
# Of output $1 what is there, from $2 to $3, within credit $4, on descriptor $5.
piece() {
	c=$(($3 - $2))
	[ $c -le $4 ] || c=$4
	[ $c -le 262144 ] || c=262144
	[ $c -gt 0 ] || return
	lock
	echo "$1 $t $c"
	dd bs=$c count=1 iflag=fullblock <&$5
	echo >&3
	came=1
	if [ $1 = o ]; then at=$((at + c)) wo=$((wo - c)); else bt=$((bt + c)) we=$((we - c)); fi
}

do_runs() {
	folders
	uptime
	now=$x n=0 IFS=$nl
	for D in $L; do
		IFS=' '
		r=
		entry 2>/dev/null
		[ "$r" ] || continue
		n=$((n + 1))
		lock
		printf 'd %s %s\n%s\n' "$t" $((${#r} + 1)) "$r"
		echo >&3
	done
	IFS=' '
	ok $n
}
# KEPT of D in r.
entry() {
	[ -e "$D/about" ] || return
	sizes
	if runs_yet; then
		set -- running 0 0 0 0 0 $(((now - ks) * 10))
	else
		end='lost 0 0 0 0 0 0'
		[ ! -e "$D/end" ] || read -r end <"$D/end"
		set -- $end
	fi
	s=$(dd if="$D/script" bs=200 count=1; echo X)
	esc "${s%X}"
	set -- $1 $2 $P $st $7 $oz $ez $os $es $5 $6 $tm $(stat -c %s "$D/script")
	r="${D##*/} $* $x"
}

do_script() {
	folder "$a" || return
	k=$(stat -c %s "$D/script" 2>/dev/null) || { no ENOENT; return; }
	lock
	[ $k = 0 ] || {
		echo "d $t $k"
		dd if="$D/script" bs=$k count=1 iflag=fullblock 2>/dev/null
	}
	echo "= $t $k"
	echo >&3
}

do_signal() {
	folder "$a" || return
	alive || { no ESRCH; return; }
	R=$P
	strike "$b" 2>/dev/null && ok || no EINVAL
}
# Whether P is the command of D still.
alive() { runs_yet && since $P && [ "$x" = "$ps" ]; }

do_forget() {
	folder "$a" || return
	runs_yet && { no EBUSY; return; }
	try rm -rf "$D" && ok
}

# In order; the last of it makes the file whole.
do_past() {
	counted "$d"
	num "$a" "$c" && folder "$a" || { drain "$d"; return; }
	sizes
	case $b in
	o) f=out l=$os;;
	e) f=err l=$es;;
	*) l=-1 b=o;;
	esac
	eval "x=\${past_${a}_$b:-0}"
	[ $((c + d)) -le $l ] && { [ $c = 0 ] || [ $c = $x ]; } || { drain "$d"; no EINVAL; return; }
	[ "$d" = 0 ] || r=$(dd of="$D/$f" bs=$d count=1 seek=$c conv=notrunc iflag=fullblock oflag=seek_bytes 2>&1) || {
		case $r in *'1+0 records in'*) ;; *) drain "$d";; esac
		errno "$r"
		return
	}
	eval "past_${a}_$b=$((c + d))"
	[ $((c + d)) != $l ] || if [ $b = o ]; then put start "0 $es"; else put start "$os 0"; fi
	ok
}
