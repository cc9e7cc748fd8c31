# Requests on contents: handles, list, open, read, write.

# p, f and z of handle $1: where it is, how it was opened, its size when last seen.
hand() {
	case $1 in ''|*[!0-9]*|????????????*) p=;; *) eval "p=\$p_$1 f=\$f_$1 z=\$z_$1";; esac
	[ "$p" ] || { no EBADF; return 1; }
	[ -e "$p" ] || { no ESTALE; return 1; }
}
# Keeps the open files at $1 within reach although its name goes away.
hold() {
	for i in $hs; do
		eval "p=\$p_$i f=\$f_$i"
		[ "$p" = "$1" ] || continue
		(
			trap - TERM PIPE
			exec 0</dev/null 1>/dev/null 3>&- 4<&-
			case $f in *r*w*|*w*r*) exec 9<>"$p";; *w*) exec 9>>"$p";; *) exec 9<"$p";; esac
			pipe 8
			read -r _ <&8
		) 2>/dev/null &
		x=$!
		# It is there at once or never.
		until [ -e /proc/$x/fd/9 ] || ! kill -0 $x 2>/dev/null; do
			read -r j </proc/$x/stat && case $j in *') Z '*) break;; esac
		done
		eval "p_$i=/proc/$x/fd/9 k_$i=$x"
	done
}

do_list() {
	path p "$a" || return
	cd -P "$p" 2>/dev/null || {
		seen "$p/." -L && no EACCES
		return
	}
	if ! [ -r . ]; then
		no EACCES
		cd /
		return
	fi
	set +f
	set -- * .[!.]* ..?*
	set -f
	# What matched nothing stands for itself.
	if [ $# -le 256 ]; then
		l=$#
		while [ $l -gt 0 ]; do
			x=$1
			shift
			case $x in '*'|'.[!.]*'|'..?*') there "$x" && set -- "$@" "$x";; *) set -- "$@" "$x";; esac
			l=$((l - 1))
		done
	else
		[ "$1" = '*' ] && ! there '*' && shift
		eval "x=\${$#}"
		[ "$x" = '..?*' ] && ! there "$x" && drop=1 || drop=0
	fi
	n=0
	[ $# -gt 256 ] || drop=0
	while [ $# -gt $drop ]; do
		if [ $# -le 256 ] && [ $drop = 0 ]; then
			r=$(looks "$@" 2>/dev/null)
			x=$?
			l=$#
			set --
		else
			l=256
			[ $(($# - drop)) -ge 256 ] || l=$(($# - drop))
			if [ $l = 256 ]; then
				x=$A256
			else
				x= i=0
				while [ $i -lt $l ]; do i=$((i + 1)) x="$x \"\${$i}\""; done
			fi
			r=$(eval "looks $x" 2>/dev/null)
			x=$?
			shift $l
		fi
		# Some have gone, or never were: the records are counted.
		if [ $x != 0 ]; then
			l=0 s=$r$nl
			while :; do case $s in *"/$nl"*) s=${s#*"/$nl"} l=$((l + 1));; *) break;; esac; done
		fi
		[ $l = 0 ] && continue
		n=$((n + l))
		lock
		printf 'd %s %s\n%s\n' "$t" $((${#r} + 1)) "$r"
		echo >&3
	done
	ok $n
	cd /
}

do_readlink() {
	path p "$a" || return
	if ! [ -L "$p" ]; then
		seen "$p" && no EINVAL
		return
	fi
	if [ "$readlink" ]; then
		r=$(readlink "$p" && echo X) || { no EIO; return; }
	else
		r=$(ls -ld -- "$p" && echo X) || { no EIO; return; }
		r=${r#*"$p -> "}
	fi
	r=${r%"${nl}X"}
	lock
	printf 'd %s %s\n%s= %s\n' "$t" ${#r} "$r" "$t"
	echo >&3
}

# Opens $p in mode $1 (< > >>) and lets go: the kernel's own word on whether it may be opened.
probe() {
	case $1 in
	r) { { :; } <"$p"; } 2>/dev/null || r=$({ :; } 2>&1 <"$p");;
	w) { { :; } >>"$p"; } 2>/dev/null || r=$({ :; } 2>&1 >>"$p");;
	t) { { :; } >"$p"; } 2>/dev/null || r=$({ :; } 2>&1 >"$p");;
	esac || { errno "$r"; return 1; }
}

do_open() {
	path p "$a" && oct "$c" || return
	f=$b q= u=$k l=$g g=$e
	# The client's choice of a handle.
	if [ "${g:-0}" != 0 ]; then
		num "$g" || return
		[ "$g" -ge 2147483648 ] || { no EINVAL; return; }
		eval "x=\$p_$g"
		[ -z "$x" ] || { no EINVAL; return; }
	else
		g=
	fi
	case $f in *[!rwacxt]*) no EINVAL; return;; *a*) f=w$f;; esac
	if there "$p"; then
		case $f in *c*x*|*x*c*) no EEXIST; return;; esac
		[ -d "$p" ] && { no EISDIR; return; }
		if [ -e "$p" ]; then
			[ -f "$p" ] || { no ENXIO; return; }
			case $f in *w*t*|*t*w*) probe t;; *w*) probe w;; *) probe r;; esac || return
			case $f in *r*w*|*w*r*) [ -r "$p" ] || { no EACCES; return; };; esac
			made=
		else
			made=1
		fi
	else
		made=1
	fi
	if [ "$made" ]; then
		case $f in *c*) ;; *) seen "$p" -L && no ENOENT; return;; esac
		m=$((0$c & 07777))
		umask $(printf %o $((0777 & ~(m | 0200))))
		case $f in *x*) set -C;; esac
		probe t
		x=$?
		set +C
		umask 0
		[ $x = 0 ] && own "$u" "$l" || return
		# The mode in full now, or at close when it would shut out our own writes.
		if [ $((m & 0200)) = 0 ]; then
			q=$c
		elif [ $((m & 07111)) != 0 ]; then
			try chmod 00$c "$p" || return
		fi
	fi
	[ "$g" ] || h=$((h + 1)) g=$h
	seen "$p" -L || return
	set -- $r
	[ "$q" ] && r=$(printf '%x' $((0100000 | m)))${r#"$1"}
	holds "$7"
	eval "p_$g=\$p f_$g=\$f z_$g=\$z q_$g=\$q k_$g="
	hs="$hs $g"
	lock
	printf 'd %s %s\n%s\n' "$t" $((${#r} + 1)) "$r"
	case $d$f in [1-9]*r*) ;; *) d=0;; esac
	a=$g
	begins "$d" "$z" && x=" $n" || x=
	echo "= $t $g$x"
	echo >&3
}

# How much file $p holds, whose size is told as $1, in z: in /sys nobody knows, whatever it says.
holds() { case $p in /sys/*) z=0;; *) z=$1;; esac; }

# Its first bytes, $1 at most of the $2 that it has: how many in n. Not where that is not cheap.
begins() {
	[ "$cut" = dd ] && [ "$1" -gt 0 ] && [ "$1" -le $MAX ] && [ "$2" -gt 0 ] || return
	b=0 c=$1
	[ "$c" -le "$2" ] || c=$2
	give
} 2>/dev/null
# c bytes of file $p from b on, as many as there are, in n; of handle $a. They are promised.
give() {
	n=$c
	echo "d $t $c"
	{ r=$(dd if="$p" bs=$c count=1 skip=$b iflag=fullblock,skip_bytes 2>&1 >&9); } 9>&1
	case $r in '1+0 '*) ;; *) pad;; esac
}

do_peek() {
	path p "$a" && num "$b" && seen "$p" || return
	set -- $r
	case $1 in 8???) ;; a???) no ELOOP; return;; *) no EINVAL; return;; esac
	[ "$b" -le $MAX ] || { no EINVAL; return; }
	# What says that it has nothing may be one of the kernel's, and have something.
	holds "$7"
	[ "$z" -gt 0 ] && [ -f "$p" ] || { no EINVAL; return; }
	probe r || return
	lock
	printf 'd %s %s\n%s\n' "$t" $((${#r} + 1)) "$r"
	a= n=0
	begins "$b" "$z"
	echo "= $t $n"
	echo >&3
}

# How many bytes a dd of at most $m has put into pipe 6, by what it said on 8; in k. They are in pipe $tmp
# then: a dd without the third line of its report (busybox may be built so) is counted by wc.
count() {
	tmp=6
	until read -r k s <&8; [ "$s" = 'records in' ]; do :; done
	read -r _ <&8
	if [ "$third" ]; then
		read -r k _ <&8
	else
		case $k in
		1+0) k=$m;;
		0+0) k=0;;
		*)	tmp=9
			dd bs=65536 count=1 <&6 2>/dev/null | tee /proc/self/fd/9 | wc -c >&8
			read -r k _ <&8;;
		esac
	fi
}
pipes() { pipe 6; pipe 8; [ "$third" ] || pipe 9; }
shut() { exec 6<&- 8<&- 9<&-; }

do_read() {
	num "$a" "$b" "$c" && hand "$a" || return
	case $f in *r*) ;; *) no EBADF; return;; esac
	[ "$c" -le $MAX ] || { no EINVAL; return; }
	{ [ -r "$p" ] && { :; } <"$p"; } 2>/dev/null || { probe r && no EIO; return; }
	[ "$cut" = dd ] || { read_spool; return; }
	n=0
	# Past what is known: look again. Files that say 0 (proc) are read to see.
	if [ $((b + c)) -gt "$z" ] && { [ "$c" -gt 65536 ] || [ "$z" != 0 ]; }; then
		z=$(stat -L -c %s "$p" 2>/dev/null) || z=0
		holds "$z"
		eval "z_$a=\$z"
	fi
	if [ "$z" -gt 0 ]; then
		[ $((b + c)) -le "$z" ] || c=$((z - b))
		[ "$c" -gt 0 ] || { ok 0; return; }
		lock
		give
		echo "= $t $n"
		echo >&3
		return
	fi
	[ "$c" -gt 0 ] || { ok 0; return; }
	pipes
	while [ "$c" -gt 0 ]; do
		m=$c
		[ $m -le 65536 ] || m=65536
		if [ "$b" != 0 ]; then
			cat "$p" 2>/dev/null | dd bs=$m count=1 skip=$b iflag=fullblock,skip_bytes >&6 2>&8
		elif ! dd if="$p" bs=$m count=1 iflag=fullblock >&6 2>&8; then
			shut
			try dd if="$p" bs=1 count=1 of=/dev/null && no EIO
			return
		fi
		count
		[ "$k" -gt 0 ] || break
		lock
		echo "d $t $k"
		dd bs=$k count=1 <&$tmp 2>/dev/null
		echo >&3
		n=$((n + k)) b=$((b + k)) c=$((c - k))
		[ $k = $m ] || break
	done
	shut
	ok $n
}

# By way of the spool: what is there can be counted before it is promised.
read_spool() {
	[ "$c" -gt 0 ] || { ok 0; return; }
	if [ $cut = cat ]; then
		sized "$p"
		[ $((b + c)) -le $k ] || c=$((k - b))
		[ $c -gt 0 ] || { ok 0; return; }
	fi
	spool 6 || { errno "$r"; return; }
	part "$p" $b $c >/proc/self/fd/6 || {
		no ENOSPC
		: >/proc/self/fd/6
		exec 6<&-
		return
	}
	sized /proc/self/fd/6
	lock
	[ $k = 0 ] || echo "d $t $k"
	cat </proc/self/fd/6
	echo "= $t $k"
	echo >&3
	: >/proc/self/fd/6
	exec 6<&-
}

# The file was shorter than it said when the count had been promised: dd wrote n of c bytes.
pad() {
	n=0
	case $r in *"$nl"*"$nl"*' bytes'*|*"$nl"*"$nl"*' byte '*)
		r=${r##*records out"$nl"}
		n=${r%% *};;
	*)	case $r in *'0+0 records in'*) ;; *)
			# No count at all: what is there now is what it wrote, or nothing can be said.
			z=$(stat -L -c %s "$p" 2>/dev/null) || end 1
			n=$((z - b));;
		esac;;
	esac
	case $n in ''|*[!0-9]*) end 1;; esac
	z=0
	eval "z_$a=0"
	dd if=/dev/zero bs=$((c - n)) count=1 2>/dev/null
}

do_write() {
	counted "$c"
	num "$a" "$b" && hand "$a" || { x=$e; drain "$c"; return; }
	case $f in *w*) ;; *) no EBADF; drain "$c"; return;; esac
	[ "$c" -gt 0 ] || { [ $body = raw ] || read -r _; ok 0; return; }
	if [ $body = text ]; then
		read -r s
		case $f in *a*) ;; *)
			# What is known of the size may be old.
			sized "$p"
			z=$k
			eval "z_$a=$z";;
		esac
		case $f:$b in
		# By cat, which names the errno; a shell's printf need not.
		*a*|*:$z) r=$({ printf %b "$s" | cat >>"$p"; } 2>&1);;
		*:0) r=$({ printf %b "$s" | cat 1<>"$p"; } 2>&1);;
		*) write_spool;;
		esac || { errno "$r"; return; }
	else
		case $f in
		*a*) r=$(dd bs=$c count=1 iflag=fullblock 2>&1 >>"$p");;
		*) r=$(dd of="$p" bs=$c count=1 seek=$b conv=notrunc iflag=fullblock oflag=seek_bytes 2>&1);;
		esac || {
			case $r in *'1+0 records in'*) ;; *) drain "$c";; esac
			# It seeks before it writes: beyond what a file can be that is another error.
			case $r in *'nvalid argument'*) no EFBIG;; *) errno "$r";; esac
			return
		}
	fi
	x=$((b + c))
	case $f in *a*) x=$((z + c));; esac
	[ $x -le "$z" ] || eval "z_$a=$x"
	ok "$c"
}

# In the middle, or behind the end: what stands before goes first, then all is laid over the file.
write_spool() {
	[ $cut = head ] || { r='Operation not supported'; return 1; }
	if [ $b -gt $z ]; then
		r=$({ { head -c $((b - z)) /dev/zero; printf %b "$s"; } | cat >>"$p"; } 2>&1)
		return
	fi
	spool 6 || return
	r=$({ { head -c $b <"$p" && printf %b "$s"; } >/proc/self/fd/6 && cat </proc/self/fd/6 1<>"$p"; } 2>&1)
	x=$?
	exec 6<&-
	return $x
}

do_fsync() {
	hand "$a" || return
	case $f in
	*w*)
		case $cut in
		dd) try dd of="$p" bs=1 count=0 conv=notrunc,fsync;;
		*) try sync;;
		esac || return;;
	esac
	rec "$p" '' -L
}

do_close() {
	case $a in ''|*[!0-9]*|????????????*) p=;; *) eval "p=\$p_$a q=\$q_$a k=\$k_$a";; esac
	[ "$p" ] || { no EBADF; return; }
	[ -z "$q" ] || ! [ -e "$p" ] || try chmod 00$q "$p"
	x=$?
	[ -z "$k" ] || kill $k 2>/dev/null
	unset p_$a f_$a z_$a q_$a k_$a
	s=
	for i in $hs; do [ $i = $a ] || s="$s $i"; done
	hs=$s
	[ $x = 0 ] && ok
}

# $p becomes $1 bytes long.
resize() {
	if [ "$1" = 0 ]; then
		probe t || return
	elif [ $cut = dd ]; then
		probe w && try dd of="$p" bs=1 count=0 seek="$1" || return
		case $r in *'failed to truncate'*) errno "$r"; return 1;; esac # GNU's ends well all the same
	elif [ "$truncate" ]; then
		probe w && try truncate -s "$1" "$p" || return
	else
		no EOPNOTSUPP
		return 1
	fi
	for i in $hs; do eval "[ \"\$p_$i\" = \"\$p\" ] && z_$i=$1"; done
	return 0
}

do_fset() {
	hand "$a" || return
	case $b:$f in -:*|*:*w*) ;; *) no EINVAL; return;; esac
	attributes -L
}

do_fallocate() {
	num "$c" "$d" && hand "$a" || return
	case $f in *w*) ;; *) no EBADF; return;; esac
	[ "$d" -gt 0 ] || { no EINVAL; return; }
	case $b in -) x=;; k) x=-n;; kp) x='-n -p';; z) x=-z;; kz) x='-n -z';; *) x=x;; esac
	case $x:$fallocate in x:*|?*:some) no EOPNOTSUPP; return;; esac
	try fallocate $x -o $c -l $d "$p" && rec "$p" '' -L
}

# From handle $d into $a. One dd reads all before it writes.
do_copy() {
	num "$b" "$c" "$e" && hand "$d" || return
	case $f in *r*) ;; *) no EBADF; return;; esac
	s=$p
	hand "$a" || return
	case $f in *a*) no EBADF; return;; *w*) ;; *) no EBADF; return;; esac
	[ "$c" -le $MAX ] || c=$MAX
	n=0
	if [ "$c" != 0 ]; then
		r=$(dd if="$s" of="$p" bs=$c count=1 skip=$e seek=$b conv=notrunc iflag=fullblock,skip_bytes \
			oflag=seek_bytes 2>&1) || { errno "$r"; return; }
		r=${r##*records out"$nl"}
		n=${r%% *}
		case $n in ''|*[!0-9]*) no EIO; return;; esac
	fi
	seen "$p" -L || return
	lock
	printf 'd %s %s\n%s\n= %s %s\n' "$t" $((${#r} + 1)) "$r" "$t" $n
	echo >&3
}
