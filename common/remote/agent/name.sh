# Requests on names and attributes.

# What was just made at $p is $1's and $2's, as far as this user may give it away. False for what is no id.
own() {
	case $1:$2 in :|-:-) return 0;; esac
	case $1 in -) ;; *) num "$1" || return;; esac
	case $2 in -) ;; *) num "$2" || return;; esac
	[ "$uid" = 0 ] && [ "$chown" ] || return 0
	{ [ "$1" = - ] || chown -h $1 "$p"; [ "$2" = - ] || [ -g "${p%/*}/." ] || chown -h :$2 "$p"; } 2>/dev/null
	return 0
}

do_mkdir() {
	path p "$a" && oct "$b" || return
	there "$p" && { no EEXIST; return; }
	try mkdir -m 0$b "$p" && own "$c" "$d" && rec "$p"
}

do_mknod() {
	path p "$a" && oct "$b" || return
	there "$p" && { no EEXIST; return; }
	case $((0$b & 0170000)) in
	4096) try mkfifo -m $(printf %o $((0$b & 07777))) "$p" && own "$c" "$d" && rec "$p";;
	8192|24576)
		has mknod || { no EOPNOTSUPP; return; }
		num "$e" "$k" || return
		[ $((0$b & 0170000)) = 8192 ] && x=c || x=b
		try mknod -m $(printf %o $((0$b & 07777))) "$p" $x $e $k && own "$c" "$d" && rec "$p";;
	49152) no EOPNOTSUPP;;
	*) no EPERM;;
	esac
}

do_symlink() {
	dec s "$a" && path p "$b" || return
	[ "$s" ] || { no ENOENT; return; }
	there "$p" && { no EEXIST; return; }
	try ln -s -n -- "$s" "$p" && own "$c" "$d" && rec "$p"
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

stamp() {
	case $2 in
	-) return 0;;
	now) try touch $self -c $1 "$p"; return;;
	esac
	if [ "$ns" ]; then
		try touch $self -c $1 -d @$2 "$p"
	else
		try touch $self -c $1 -d @${2%.*} "$p"
	fi
}

# SIZE MODE UID GID ATIME MTIME in b c d e k g, of $p; -L in $1: of what it is, else the last four are a link's own.
attributes() {
	link=$1 uidgid= times=$k.$g
	case $times in .*|*.|*[!0-9.now-]*) no EINVAL; return;; esac
	if [ "$link" ]; then self=; else self=-h; fi
	[ "$b" = - ] || num "$b" || return
	[ "$c" = - ] || oct "$c" || return
	case $d:$e in
	-:-) ;;
	-:*) num "$e" || return; uidgid=:$e;;
	*:-) num "$d" || return; uidgid=$d;;
	*) num "$d" "$e" || return; uidgid=$d:$e;;
	esac
	atime=$k mtime=$g mode=$c
	[ "$b" = - ] || resize "$b" || return
	if [ "$uidgid" ]; then
		[ "$chown" ] || { no EOPNOTSUPP; return; }
		try chown $self $uidgid "$p" || return
	fi
	if [ "$mode" != - ]; then
		[ "$chmod" ] || { no EOPNOTSUPP; return; }
		[ -z "$link" ] && [ -L "$p" ] && { no EOPNOTSUPP; return; }
		try chmod 00$mode "$p" || return
		# What an open has put off until close is not wanted any more.
		for i in $hs; do eval "[ \"\$p_$i\" = \"\$p\" ] && q_$i="; done
	fi
	if [ $atime$mtime != -- ]; then
		[ "$touch" ] || { no EOPNOTSUPP; return; }
		if [ "$atime" = "$mtime" ]; then
			stamp '' "$atime" || return
		else
			stamp -a "$atime" && stamp -m "$mtime" || return
		fi
	fi
	[ "$b" = - ] || link=-L
	rec "$p" '' $link
}
do_set() {
	path p "$a" || return
	there "$p" || { rec "$p"; return; }
	attributes
}

do_statfs() {
	path p "$a" || return
	r=$(stat -f -c '%S %b %f %a %c %d %l' "$p" 2>&1) && ok "$r" || errno "$r"
}
