# The far end in POSIX sh: it serves proto.h on its standard input and output.
#
# The loader (hello.c) evaluates this text whole, without comments, empty lines and leading
# tabs. So: no $0, no return at top level, nothing that needs those inside quotes or heredocs.
# For dash, bash and busybox ash: no local, no arrays, file descriptors of one digit.
#
# Descriptors everywhere: 0 requests, 1 answers, 3 the lock, 4 the inbox of main. A run's
# supervisor has besides: 5 out, 6 err, 7 credit of out, 8 credit of err, 9 standard input.
# All are anonymous pipes opened for reading and writing (no EOF, no open that waits). 6, 8 and 9
# are also what the part at hand works with.
#
# Bytes are counted by what $cut names: dd takes an exact count from anything. Without it a spool is
# used, a file whose name is gone: head cuts a part out of that (it takes too much from a pipe to be
# used there), or where there is only cat, a limit of file sizes does.
#
# The lock is a pipe that holds one LF: who has read it may write to 1, and puts it back. A
# process that may hold it must never be killed; it is told (TERM, trapped) and looks.

set -f
set +C
IFS=' '
nl='
'
F='%f %d %i %h %u %g %s %b %X %Y %Z %t %T|%y|%z|'
MAX=1048576
um=0022
O_LC=${LC_ALL+x$LC_ALL} O_TZ=${TZ+x$TZ}
export LC_ALL=C TZ=UTC0
home=$PWD
[ "$home" -ef . ] || home=$(pwd -P)
uid= gid= hs= runs= h=0 E= why= ops= S= chunk=
SH=$(command -v sh) || SH=/bin/sh
SETSID=$(command -v setsid)

# A pipe that needs no file: a heredoc's, opened again. bash before 5.1 writes a file instead.
pipe() {
	eval "exec $1<<E
x
E"
	[ -p /proc/self/fd/$1 ] || eval "exec $1< <(echo)"
	eval "exec $1<>/proc/self/fd/$1; read -r _ <&$1"
}
lock() { until read -r _ <&3; do :; done; }
ok() { lock; echo "= $t${1:+ $1}"; echo >&3; }
no() { lock; printf '! %s %s %s\n' "$t" "$1" "${2:--}"; echo >&3; }

# TEXT of $1 in $x. The sign of a byte over 127 differs between printfs: its low eight bits count.
esc() {
	x= s=$1
	case $s in '') x=-;; *[!A-Za-z0-9._/,:+=@%-]*) ;; -*) x='\0055' s=${s#-}; x=$x$s s=;; *) x=$s s=;; esac
	while [ "$s" ]; do
		c=${s%"${s#?}"} s=${s#?}
		case $c in
		[A-Za-z0-9._/,:+=@%]) x=$x$c;;
		' ') x=$x'\0040';;
		"'") x=$x'\0047';;
		*)	c=$(printf %o "'$c")
			case $c in ????*) c=${c#"${c%???}"};; esac
			case $c in 4??) c=0${c#4};; 5??) c=1${c#5};; 6??) c=2${c#6};; 7??) c=3${c#7};; esac
			case ${#c} in 1) c=00$c;; 2) c=0$c;; esac
			x=$x'\0'$c;;
		esac
	done
}
# $1: name of the variable for the bytes of TEXT $2. False for what is no TEXT.
dec() {
	case $2 in
	''|*\\0000*|*[!A-Za-z0-9._/,:+=@%\\-]*) no EINVAL text; return 1;;
	*\\*) eval "$1=\$(printf '%bX' \"\$2\"); $1=\${$1%X}";;
	-) eval "$1=";;
	*) eval "$1=\$2";;
	esac
}
path() {
	dec "$1" "$2" || return
	case $2 in /*) ;; *) no EINVAL path; return 1;; esac
}
# Plain decimal numbers that arithmetic can hold.
num() {
	for x; do
		case $x in ''|*[!0-9]*|0?*|???????????????????*) no EINVAL number; return 1;; esac
	done
}
oct() { case $1 in ''|*[!0-7]*|????????*) no EINVAL mode; return 1;; esac; }

# The errno in a tool's or a shell's complaint: strerror's text at its end. A dd says how far it came behind it.
errno() {
	e=${1%%"$nl"?+? records in*}
	case $e in
	*'No such file or directory'|*'No such file'|*'no such file'|*nonexist*directory|*'Directory nonexistent') e=ENOENT;;
	*'Not a directory') e=ENOTDIR;;
	*'Is a directory'|*'is a directory') e=EISDIR;;
	*'File exists'|*'cannot overwrite existing file') e=EEXIST;;
	*'Permission denied') e=EACCES;;
	*'Operation not permitted') e=EPERM;;
	*'irectory not empty') e=ENOTEMPTY;;
	*'No space left on device') e=ENOSPC;;
	*'Read-only file system') e=EROFS;;
	*'Text file busy') e=ETXTBSY;;
	*'File name too long') e=ENAMETOOLONG;;
	*'oo many levels of symbolic links'|*'ymbolic link loop') e=ELOOP;;
	*'ross-device link') e=EXDEV;;
	*'evice or resource busy'|*'esource busy') e=EBUSY;;
	*'Disk quota exceeded'|*'Quota exceeded') e=EDQUOT;;
	*'File too large') e=EFBIG;;
	*'Stale file handle') e=ESTALE;;
	*'Operation not supported'|*'Not supported') e=EOPNOTSUPP;;
	*'Invalid argument') e=EINVAL;;
	*'Too many links') e=EMLINK;;
	*'No such device or address') e=ENXIO;;
	*'Cannot allocate memory'|*'Out of memory'|*'out of memory') e=ENOMEM;;
	*'Argument list too long') e=E2BIG;;
	*'Resource temporarily unavailable'|*'annot fork'*|*"an't fork"*) e=EAGAIN;;
	*'Too many open files') e=EMFILE;;
	*'not found'|*'not implemented') e=ENOSYS;;
	*) esc "${e##*"$nl"}"; e=EIO; no EIO "${x:--}"; return;;
	esac
	no $e
}

# The RECORD of $1 on standard output; $2 may be -L. And those of several names.
look() { stat $2 -c "$F/" "$1"; }
looks() { stat -c "$F%n/" -- "$@"; }

# Both where there is no stat -c: by what ls prints, or what the shell can test.
look_without() {
	[ -e "$1" ] || { [ -z "$2" ] && [ -L "$1" ]; } || return
	if [ "$ls" ]; then look_ls "$@"; else look_test "$@"; fi
}
looks_without() {
	for i; do look_without "$i" '' "$i"; done
	return 1
} 2>/dev/null
look_ls() {
	j=$3
	set -- $(ls -lind${2#-} $full -- "$1" 2>/dev/null)
	[ $# -gt 6 ] || return
	bits $2
	x='0 0'
	case $6 in *,)
		x=$(printf '%x %x' ${6%,} $7)
		i=$1 l=$3 u=$4 g=$5
		shift
		set -- $i - $l $u $g 0 "$7" "$8";;
	esac
	if [ "$full" ]; then epoch $7 $8; else d=0 k=; fi
	printf '%x 0 %s %s %s %s %s %s %s %s %s %s|%s|%s|%s/\n' $m $1 $3 $4 $5 $6 $((($6 + 511) / 512)) \
		$d $d $d "$x" "$k" "$k" "$j"
}
# st_mode in m, of the letters $1.
bits() {
	case $1 in -*) m=32768;; d*) m=16384;; l*) m=40960;; c*) m=8192;; b*) m=24576;; p*) m=4096;; *) m=49152;; esac
	s=${1#?} i=256
	while [ $i != 0 ]; do
		case $s in [!ST-]*) m=$((m + i));; esac
		s=${s#?} i=$((i / 2))
	done
	case $1 in ???[sS]*) m=$((m + 2048));; esac
	case $1 in ??????[sS]*) m=$((m + 1024));; esac
	case $1 in ?????????[tT]*) m=$((m + 512));; esac
}
# Seconds since 1970 in d, the fraction with its dot in k, of YYYY-MM-DD hh:mm:ss.nnn (TZ is UTC).
epoch() {
	y=${1%%-*} i=${1#*-} s=${2%%.*}
	d=${i#*-} i=${i%-*}
	d=${d#0} i=${i#0}
	[ $i -gt 2 ] || y=$((y - 1)) i=$((i + 12))
	d=$((365 * y + y / 4 - y / 100 + y / 400 + (153 * (i - 3) + 2) / 5 + d - 719469))
	i=${s%%:*} l=${s#*:}
	s=${l#*:} l=${l%:*}
	d=$((d * 86400 + ${i#0} * 3600 + ${l#0} * 60 + ${s#0}))
	case $2 in *.*) k=.${2#*.};; *) k=;; esac
}
# The size is counted, in bytes that are read: slow, and true.
look_test() {
	k=0
	if [ -z "$2" ] && [ -L "$1" ]; then m=41471
	elif [ -d "$1" ]; then m=16384
	elif [ -f "$1" ]; then
		m=32768
		# Some of the kernel's never end; it says 0 of them too.
		case $p/ in /proc/*|/sys/*) ;; *) [ -r "$1" ] && sized "$1";; esac
	elif [ -p "$1" ]; then m=4096
	elif [ -S "$1" ]; then m=49152
	elif [ -b "$1" ]; then m=24576
	else m=8192
	fi
	[ $m = 41471 ] || {
		[ -r "$1" ] && m=$((m + 0444))
		[ -w "$1" ] && m=$((m + 0200))
		[ -x "$1" ] && m=$((m + 0111))
		[ -u "$1" ] && m=$((m + 04000))
		[ -g "$1" ] && m=$((m + 02000))
		[ -k "$1" ] && m=$((m + 01000))
	}
	x=$uid i=0
	[ -O "$1" ] || x=65534
	case $m in
	16???|3[23]???)
		{ while read -r j; do case $j in ino:*) i=${j##*[!0-9]};; esac; done </proc/self/fdinfo/9; } 9<"$1";;
	esac 2>/dev/null
	printf '%x 0 %s 1 %s %s %s %s 0 0 0 0 0|||%s/\n' $m $i $x "$gid" $k $(((k + 511) / 512)) "$3"
}

# Whether $1 can be seen; its errno is the answer when not. $2 may be -L.
seen() { r=$(look "$1" "$2" 2>&1) || { unseen "$1"; return 1; }; }
# The errno of what look said of $1, in r. A shell's tests do not say: the nearest folder that is there does.
unseen() {
	[ "$stat" ] && { errno "$r"; return; }
	x=$1
	while x=${x%/*}; [ "$x" ] && ! there "$x"; do :; done
	x=${x:-/}
	if ! [ -d "$x" ]; then no ENOTDIR; elif [ -x "$x" ]; then no ENOENT; else no EACCES; fi
}

# Answers with the RECORD of $1; $2 is the field of the =, $3 may be -L.
rec() {
	if r=$(look "$1" "$3" 2>&1); then
		lock
		printf 'd %s %s\n%s\n= %s%s\n' "$t" $((${#r} + 1)) "$r" "$t" "${2:+ $2}"
		echo >&3
	else
		unseen "$1"
	fi
}
# Runs a tool; its complaint is the answer, or nothing when it went well.
try() { r=$("$@" 2>&1 </dev/null) || { errno "$r"; return 1; }; }
there() { [ -e "$1" ] || [ -L "$1" ]; }

# How many bytes file $1 holds, in k.
sized() {
	case $size in
	wc) k=$(wc -c <"$1");;
	stat) k=$(stat -L -c %s "$1");;
	*)	# Where a descriptor stands that was read to the end.
		exec 9<"$1"
		cat <&9 >/dev/null
		read -r k </proc/self/fdinfo/9
		exec 9<&-
		k=${k##*[!0-9]};;
	esac
	k=$((k))
}
# An empty file that nobody else has on descriptor $1; $2 tells it from another on the same.
# Without rm its name stays, for the next time.
spool() {
	i=$tmp/.sbx-$$-$spool$1$2 r=
	umask 077
	case " $mine " in
	*" $i "*) : >"$i";;
	*) r=$( (set -C; : >"$i") 2>&1 ) || r=${r:-Permission denied};;
	esac
	umask 0
	[ -z "$r" ] || return
	eval "exec $1<>\"\$i\""
	if [ "$rm" ]; then rm -f "$i"; else mine="$mine $i"; fi
}
# Bytes $3 at most, from $2 on, of file $1.
part() {
	case $cut.$2 in
	head.0) head -c $3 <"$1";;
	head.*) tail -c +$(($2 + 1)) <"$1" | head -c $3;;
	*)	cut_cat "$@" || return
		cat <&9
		exec 8<&- 9<&-;;
	esac
} 2>/dev/null
# By cat alone: what stands before is written over in a copy, which leaves its descriptor in the right
# place; what stands behind is kept from a second one by the limit of file sizes. That counts in units:
# a line in front, which read takes off again, fills up to a whole one.
# The part is on 9 then, or false: it is not whole.
cut_cat() {
	l=$2 x=$((unit - $3 % unit))
	spool 8
	cat <"$1" >&8
	exec 9<>/proc/self/fd/8
	spool 8 b
	while [ $l -gt 65536 ]; do
		printf '%65536s' '' >&9
		l=$((l - 65536))
	done
	[ $l = 0 ] || printf "%${l}s" '' >&9
	(
		ulimit -c 0
		ulimit -f $((($3 + x) / unit))
		{ printf "%$((x - 1))s\n" ''; cat <&9; } >/proc/self/fd/8
	)
	sized /proc/self/fd/8
	[ $k = $(($3 + x)) ] || { exec 8<&-; return 1; }
	exec 9</proc/self/fd/8
	read -r _ <&9
}

# Takes $1 bytes off the requests and drops them.
drain() {
	case $body in
	raw) [ $1 -eq 0 ] || dd bs=$1 count=1 iflag=fullblock 2>/dev/null >/dev/null;;
	*) read -r _;;
	esac
}
# A count that cannot be believed leaves no way to find the next request.
counted() { case $1 in ''|*[!0-9]*|0?*|????????*) end 1;; esac; [ $1 -le $MAX ] || end 1; }

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
	f=$b q=
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
		[ $x = 0 ] || return
		# The mode in full now, or at close when it would shut out our own writes.
		if [ $((m & 0200)) = 0 ]; then
			q=$c
		elif [ $((m & 07111)) != 0 ]; then
			try chmod 00$c "$p" || return
		fi
	fi
	h=$((h + 1))
	seen "$p" -L || return
	set -- $r
	[ "$q" ] && r=$(printf '%x' $((0100000 | m)))${r#"$1"}
	eval "p_$h=\$p f_$h=\$f z_$h=\$7 q_$h=\$q k_$h="
	hs="$hs $h"
	lock
	printf 'd %s %s\n%s\n= %s %s\n' "$t" $((${#r} + 1)) "$r" "$t" $h
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
		eval "z_$a=\$z"
	fi
	if [ "$z" -gt 0 ]; then
		[ $((b + c)) -le "$z" ] || c=$((z - b))
		[ "$c" -gt 0 ] || { ok 0; return; }
		lock
		echo "d $t $c"
		{ r=$(dd if="$p" bs=$c count=1 skip=$b iflag=fullblock,skip_bytes 2>&1 >&9); } 9>&1
		case $r in
		'1+0 '*) n=$c;;
		*) pad;;
		esac
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
			errno "$r"
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
	ok
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

# $p becomes $1 bytes long; then the RECORD.
resize() {
	if [ "$1" = 0 ]; then
		probe t || return
	elif [ $cut = dd ]; then
		probe w && try dd of="$p" bs=1 count=0 seek="$1" || return
	elif [ "$truncate" ]; then
		probe w && try truncate -s "$1" "$p" || return
	else
		no EOPNOTSUPP
		return
	fi
	for i in $hs; do eval "[ \"\$p_$i\" = \"\$p\" ] && z_$i=$1"; done
	rec "$p" '' -L
}

do_mkdir() {
	path p "$a" && oct "$b" || return
	there "$p" && { no EEXIST; return; }
	try mkdir -m 0$b "$p" && rec "$p"
}

do_mknod() {
	path p "$a" && oct "$b" || return
	there "$p" && { no EEXIST; return; }
	case $((0$b & 0170000)) in
	4096) try mkfifo -m $(printf %o $((0$b & 0777))) "$p" && rec "$p";;
	49152) no EOPNOTSUPP;;
	*) no EPERM;;
	esac
}

do_symlink() {
	dec s "$a" && path p "$b" || return
	[ "$s" ] || { no ENOENT; return; }
	there "$p" && { no EEXIST; return; }
	try ln -s -n -- "$s" "$p" && rec "$p"
}

do_link() {
	path s "$a" && path p "$b" || return
	there "$p" && { no EEXIST; return; }
	[ -d "$s" ] && ! [ -L "$s" ] && { no EPERM; return; }
	try ln -n -- "$s" "$p" && rec "$p"
}

do_rename() {
	path s "$a" && path d "$b" || return
	case $c in -|n) ;; *) no EINVAL; return;; esac
	there "$s" || { seen "$s" && no ENOENT; return; }
	case $d/ in "$s"/?*) no EINVAL; return;; esac
	if there "$d"; then
		[ $c = - ] || { no EEXIST; return; }
		[ "$s" = "$d" ] && { ok; return; }
		if [ -d "$s" ] && ! [ -L "$s" ]; then
			[ -d "$d" ] && ! [ -L "$d" ] || { no ENOTDIR; return; }
		else
			[ -d "$d" ] && ! [ -L "$d" ] && { no EISDIR; return; }
			# Two names of one file: the kernel does nothing.
			! [ -L "$s" ] && ! [ -L "$d" ] && [ "$s" -ef "$d" ] && { ok; return; }
			hold "$d"
		fi
	fi
	# Across file systems mv would copy; that is the caller's to decide.
	if [ "${s%/*}" != "${d%/*}" ]; then
		[ "$stat" ] || { no EXDEV; return; }
		r=$(stat -c %d "$s" "${d%/*}/." 2>&1) || { errno "$r"; return; }
		[ "${r%"$nl"*}" = "${r#*"$nl"}" ] || { no EXDEV; return; }
	fi
	if [ $c = n ]; then
		try mv -n -T "$s" "$d" || return
		there "$s" && { no EEXIST; return; }
	else
		try mv -f -T "$s" "$d" || return
	fi
	for i in $hs; do
		eval "p=\$p_$i"
		case $p in "$s"|"$s"/*) p=$d${p#"$s"}; eval "p_$i=\$p";; esac
	done
	ok
}

do_unlink() {
	path p "$a" || return
	[ -d "$p" ] && ! [ -L "$p" ] && { no EISDIR; return; }
	there "$p" || { seen "$p" && no ENOENT; return; }
	s=$p
	[ "$hs" ] && hold "$p"
	try $UNLINK "$s" && ok
}

do_chmod() {
	path p "$a" && oct "$b" || return
	[ -L "$p" ] && { no EOPNOTSUPP; return; }
	try chmod 00$b "$p" && rec "$p"
}

do_chown() {
	path p "$a" || return
	case $b:$c in
	-:-) rec "$p"; return;;
	-:*) num "$c" || return; x=:$c;;
	*:-) num "$b" || return; x=$b;;
	*) num "$b" "$c" || return; x=$b:$c;;
	esac
	try chown -h $x "$p" && rec "$p"
}

stamp() {
	case $2 in
	-) return 0;;
	now) try touch -h -c $1 "$p"; return;;
	esac
	if [ "$ns" ]; then
		try touch -h -c $1 -d @$2 "$p"
	else
		try touch -h -c $1 -d @${2%.*} "$p"
	fi
}
do_utimens() {
	path p "$a" || return
	case $b$c in *[!0-9.now-]*) no EINVAL; return;; esac
	there "$p" || { rec "$p"; return; }
	if [ "$b" = "$c" ]; then
		stamp '' "$b" || return
	else
		stamp -a "$b" && stamp -m "$c" || return
	fi
	rec "$p"
}

do_statfs() {
	path p "$a" || return
	r=$(stat -f -c '%S %b %f %a %c %d %l' "$p" 2>&1) && ok "$r" || errno "$r"
}

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

# The client has gone: its runs go too, and nothing is left behind.
end() {
	trap '' TERM PIPE HUP INT
	exec 1>/dev/null 2>&1 </dev/null
	for i in $hs; do eval "k=\$k_$i"; [ -z "$k" ] || kill $k; done
	s=
	for i in $runs; do known $i && { s="$s $i"; kill -s TERM -$R || kill -s TERM $R; }; done
	if [ "$s" ]; then
		[ -z "$sleep" ] || sleep $LINGER
		for i in $s; do known $i && { kill -s KILL -$R || kill -s KILL $R; kill -s USR2 $S; }; done
	fi
	# All that is ours and nothing else: when this shell leads its process group.
	read -r x </proc/$$/stat
	set -- ${x##*') '}
	[ "$3" != $$ ] || kill -s KILL 0
	exit ${1:-0}
}

serve() {
	while read -r t o a b c d e x; do
		case $t in
		0) do_oneway; continue;;
		''|*[!0-9]*|0*|???????????*) continue;;
		esac
		case ,$ops, in *,"$o",*) ;; *)
			case $o in
			write) counted "$c"; drain "$c";;
			run) counted "$e"; drain "$e";;
			env) counted "$a"; drain "$a";;
			esac
			no ENOSYS
			continue;;
		esac
		case $o in
		ping) ok;;
		stat) path p "$a" && rec "$p";;
		fstat) hand "$a" && rec "$p" '' -L;;
		truncate) path p "$a" && num "$b" && if [ -e "$p" ]; then resize "$b"; else rec "$p" '' -L; fi;;
		ftruncate) num "$b" && hand "$a" && case $f in *w*) resize "$b";; *) no EINVAL;; esac;;
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
	{ [ "$cut" = dd ] || has truncate; } && add truncate,ftruncate && truncate=1
	{ [ "$cut" = dd ] || has sync; } && add fsync
	has readlink && readlink=1
	[ "$readlink$ls" ] && add readlink
	for x in mkdir chmod chown rmdir; do has $x && add $x; done
	has mkfifo && add mknod
	has ln && add symlink,link
	has mv && add rename
	[ "$stat" ] && add statfs
	has touch && add utimens
}

probe_tools() {
	ops=ping,bye,close
	body=text max=262144 credit=6144 DFL= noint= third= frac= ns= cut= stat= ls= full= size= unit= tmp= spool= mine= k=
	readlink= truncate= rm= env= sleep= tick=1
	while IFS='	 ' read -r x y s _; do
		case $x in Uid:) uid=$s;; Gid:) gid=$s;; Umask:) um=$y;; esac
	done </proc/self/status
	has rm && rm=1
	r=$(stat -c "$F%n/" / 2>/dev/null)
	case $r in 4*'|'*.*'|'*'|//') stat=1;; esac
	r=
	probe_cut
	probe_stat
	has env && env=1
	has sleep && sleep=1 || lack 'no sleep: no timeouts, outputs come at the end'
	[ "$cut" ] && [ -p /proc/self/fd/3 ] && add env,run
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
esc "$why"
why=$x
printf 'hello sbx 1 sh max=%s body=%s calls=8 ops=%s uid=%s gid=%s cwd=%s why=%s\n' $max $body "$ops" "$uid" "$gid" "$home_text" "$why"
cd /
serve
