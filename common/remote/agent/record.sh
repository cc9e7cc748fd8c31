# Attributes: the RECORD of a file, by stat, ls or the shell's own tests.

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
	printf '%x 0 %s %s %s %s %s %s %s %s %s %s|%s|%s|%s|%s/\n' $m $1 $3 $4 $5 $6 $((($6 + 511) / 512)) \
		$d $d $d "$x" "$k" "$k" "$k" "$j"
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
	printf '%x 0 %s 1 %s %s %s %s 0 0 0 0 0||||%s/\n' $m $i $x "$gid" $k $(((k + 511) / 512)) "$3"
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
