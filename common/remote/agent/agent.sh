# The far end in POSIX sh: it serves proto.h on its standard input and output.
#
# The loader (hello.c) evaluates this text whole, without comments, empty lines and leading
# tabs. So: no $0, no return at top level, nothing that needs those inside quotes or heredocs.
# It is sent as one text, these files in this order: agent.sh record.sh part.sh file.sh name.sh run.sh
# pump.sh stream.sh keep.sh follow.sh serve.sh. For dash, bash and busybox ash: no local, no arrays, file
# descriptors of one digit.
#
# Descriptors everywhere: 0 requests, 1 answers, 3 the lock, 4 the inbox of main. A run's
# supervisor: 4 what it is told, 5 out, 6 err, 7 credit of out, 8 credit of err, 9 standard input on its
# way; once the pumps have theirs, 5 is the command's standard input. All are anonymous pipes opened for
# reading and writing (no EOF, no open that waits). 6, 8 and 9 are also what the part at hand works with.
# 0 and 1 of another process are not to be opened by /proc: a builtin's redirection moves them.
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
F='%f %d %i %h %u %g %s %b %X %Y %Z %t %T|%y|%z|%x|'
MAX=1048576
um=0022
O_LC=${LC_ALL+x$LC_ALL} O_TZ=${TZ+x$TZ}
export LC_ALL=C TZ=UTC0
home=$PWD
[ "$home" -ef . ] || home=$(pwd -P)
uid= gid= hs= runs= kept= top=0 KEPT=67108864 h=0 E= why= ops= S= chunk=
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

ASCII=' !"#$%&'"'"'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefghijklmnopqrstuvwxyz{|}~'
# TEXT of $1 in $x. The sign of a byte over 127 differs between printfs: its low eight bits count.
esc() {
	x= s=$1
	case $s in '') x=-;; *[!A-Za-z0-9._/,:+=@%-]*) ;; -*) x='\0055' s=${s#-}; x=$x$s s=;; *) x=$s s=;; esac
	while [ "$s" ]; do
		c=${s%"${s#?}"} s=${s#?}
		case $c in
		[A-Za-z0-9._/,:+=@%]) x=$x$c;;
		"$nl") x=$x'\0012';;
		'	') x=$x'\0011';;
		*)	y=${ASCII%%"$c"*}
			if [ "$y" != "$ASCII" ]; then
				y=$((32 + ${#y}))
				c=$((y / 64))$((y / 8 % 8))$((y % 8))
			else
				c=$(printf %o "'$c")
			fi
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
	*'File too large'*) e=EFBIG;; # a dd goes on to say that it cannot seek there
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
