# Requests on names and attributes.

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
