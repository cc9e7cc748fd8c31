# Exact parts of files and of the requests, by dd, head or cat alone.

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
