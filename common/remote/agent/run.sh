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
		=*) no EINVAL environment;;
		*=*)
			# Without env it is the shell that exports, and knows fewer names.
			x=${i%%=*}
			case $env:$x in
			*\\0012*) no EINVAL environment;;
			:[0-9]*|:*[!A-Za-z0-9_]*) no EOPNOTSUPP;;
			*) dec s "$i" && continue;;
			esac;;
		*) no EINVAL environment;;
		esac
		E= IFS=' '
		return
	done
	IFS=' '
	ok
}

# In the child that becomes the command: what it was given, its folder, its script.
become() {
	exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-
	[ "$w" != - ] || w=$home
	cd "$w" 2>/dev/null || { echo "sh: cd: can't cd to $w" >&2; exit 126; }
	umask $um
	unset OLDPWD
	trap - INT QUIT TERM PIPE HUP USR1 25
	case $O_LC in x*) LC_ALL=${O_LC#x};; *) unset LC_ALL;; esac
	case $O_TZ in x*) TZ=${O_TZ#x};; *) unset TZ;; esac
	set --
	[ -z "$user" ] || [ -z "$name" ] || set -- "HOME=$hm" "USER=$name" "LOGNAME=$name"
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
	if [ "$user" ]; then
		[ "$ui" ] || { echo "sh: $user: no such user" >&2; exit 126; }
		[ "$uid" = 0 ] || { echo "sh: cannot run as $user: only root can" >&2; exit 126; }
		# busybox may say sh for itself; su wants a path.
		case $SH in /*) i=$SH;; *) i=/bin/sh;; esac
		x=--clear-groups
		[ -z "$name" ] || x=--init-groups
		if setpriv --reuid "$ui" --regid "$gi" $x "$SH" -c :; then
			set -- "$@" setpriv --reuid "$ui" --regid "$gi" $x
		elif chroot --skip-chdir "--userspec=$ui:$gi" / "$SH" -c :; then
			set -- "$@" chroot --skip-chdir "--userspec=$ui:$gi" /
		elif [ "$name" ] && su -m -s "$i" --session-command : "$name"; then
			# The other way of util-linux's su would make a session, which no signal to ours reaches.
			set -- "$@" su -m -s "$i" --session-command 'exec "$@"' "$name" sh
		elif [ "$name" ] && su -m -s "$i" "$name" -c :; then
			set -- "$@" su -m -s "$i" "$name" -c 'exec "$@"' sh
		elif setuidgid "$ui:$gi" "$SH" -c :; then
			set -- "$@" setuidgid "$ui:$gi"
		elif chpst -u ":$ui:$gi" "$SH" -c :; then
			set -- "$@" chpst -u ":$ui:$gi"
		else
			x=
		fi 2>/dev/null </dev/null
		[ "$x" ] || { echo "sh: cannot run as $user: the image has no tool for it" >&2; exit 126; }
	fi
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

# Who $user is, a name or a number: ui, gi, name, hm; user is empty when that is whom we are.
whom() {
	ui= gi= name= hm=
	[ "$user" != "$uid" ] || { user=; return; }
	while IFS=: read -r x _ i s _ z _ || [ "$x" ]; do
		[ "$x" = "$user" ] || [ "$i" = "$user" ] || continue
		name=$x ui=$i gi=$s hm=$z
		break
	done </etc/passwd
	case $ui$user in *[!0-9]*|'') ;; *) ui=${ui:-$user} gi=${gi:-$user};; esac
	[ "$ui" != "$uid" ] || user=
} 2>/dev/null
# A "#!" script is a file.
put_script() {
	[ -z "$D" ] || [ "$user" ] || { file=$D/script; return; }
	for i in /dev/shm /tmp /var/tmp; do
		x=$i/.sbx-$$-$t
		[ -z "$D" ] || x=$i/.sbx-kept-$me-$t
		(umask 077; set -C; printf %s "$script" >"$x") || continue
		file=$x
		[ -z "$user" ] || chown "$ui" "$x" || chmod 0644 "$x"
		break
	done
} 2>/dev/null

# S, R and the rest of run $1 while its supervisor lives. D is the folder when that is a follower.
known() {
	case $1 in ''|*[!0-9]*|???????????*) return 1;; esac
	eval "x=\$r_$1 D=\$d_$1"
	[ "$x" ] || return
	set -- "$1" $x
	S=$2 R=$3 q=$4 win=$5
	{ since $S && [ "$x" = "$q" ]; } 2>/dev/null || { over $1; return 1; }
}
over() { unset r_$1 g_$1 j_$1 d_$1 i_$1; }
# Remembers it as that of tag $t: q tells S from a later process.
enlist() {
	since $S
	eval "r_$t=\"$S $R $x $W\" g_$t=0 j_$t=0 d_$t=\$D i_$t="
	s=
	for i in $runs; do known $i && s="$s $i"; done
	runs="$s $t"
}

do_run() {
	V=$E E= D= user=
	take "$g" || return
	script=$s flags=$e W=$d w=$a
	[ "$a" = - ] || path w "$a" || return
	[ "$b" = - ] || dec user "$b" || return
	num "$c" "$d" "$k" || return
	[ "$d" -gt 0 ] || { no EINVAL; return; }
	case $flags in *t*) no ENOTTY; return;; esac
	T=$c
	if [ "$T" != 0 ]; then
		[ "$sleep" ] || { no EOPNOTSUPP; return; }
		seconds $T
	fi
	if [ "$k" != 0 ]; then
		case ,$ops, in *,keep,*) ;; *) no ENOSYS; return;; esac
		new_kept "$k" || return
		pipe 5; pipe 6
	else
		pipe 5; pipe 6; pipe 7; pipe 8
	fi
	supervise &
	S=$!
	exec 5<&- 6<&- 7<&- 8<&-
	read -r R <&4
	if [ "$D" ]; then
		kept="$kept $S"
		i=
		case $flags in *i*) i=1;; esac
		join 0 0 oe
	else
		enlist
	fi
	script= s=
}

# A message for the process that has run $a in hand.
say() {
	echo "$@" 1<>/proc/$S/fd/4
	kill -s USR1 $S
}
# Messages to a run. Credit goes on in portions, so that the pipe never fills.
do_oneway() {
	case $o in
	in)
		counted "$b"
		[ "$b" != 0 ] || { [ $body = raw ] || read -r _; return; }
		if known "$a" && [ "$b" -le $credit ] && [ -p /proc/$S/fd/9 ]; then
			if [ $body = text ]; then
				read -r s
				printf '%s\n' "$b" "$s" 1<>/proc/$S/fd/9
			else
				echo "$b" 1<>/proc/$S/fd/9
				i=
				{
					dd bs="$b" count=1 iflag=fullblock
					i=1
				} 1<>/proc/$S/fd/9
				[ "$i" ] || drain "$b"
			fi
			eval "x=\$i_$a i_$a=1"
			[ "$x" ] || say feed
		else
			drain "$b"
		fi;;
	eof)
		known "$a" || return
		eval "x=\$i_$a"
		if [ "$x" ]; then
			echo 0 1<>/proc/$S/fd/9
		elif [ "$D" ]; then
			order eof
		else
			say eof
		fi;;
	more)
		case $c in ''|*[!0-9]*|0*|???????????*) return;; esac
		known "$a" || return
		case $b in
		o) eval "x=\$((g_$a + c)) g_$a=\$x"; i=7;;
		e) eval "x=\$((j_$a + c)) j_$a=\$x"; i=8;;
		*) return;;
		esac
		[ $x -ge $((win / 4)) ] || return
		if [ "$D" ]; then say $b $x; else echo $x 1<>/proc/$S/fd/$i; fi
		[ $i = 7 ] && eval "g_$a=0" || eval "j_$a=0";;
	kill)
		known "$a" && { [ -z "$D" ] || alive; } && strike "$b";;
	timeout)
		[ "$sleep" ] && num_quiet "$b" && known "$a" || return
		if [ "$D" ]; then order timeout $b; else say timeout $b; fi;;
	leave) known "$a" && [ "$D" ] && say leave;;
	esac
} 2>/dev/null
num_quiet() { case $1 in ''|*[!0-9]*|0?*|??????????*) return 1;; esac; }
# Signal $1 to all of run R.
strike() {
	case $1 in ''|*[!A-Z0-9]*) return 1;; esac
	case $1$noint in INT1|QUIT1) set -- TERM;; esac
	kill "-$1" -$R || kill -s "$1" $R
}
