#compdef kubectl-sbx
# zsh completion for kubectl-sbx. What there is to choose from, kubectl-sbx itself knows.
# "kubectl sbx" is completed by kubectl's own script, which asks kubectl_complete-sbx.
_kubectl_sbx() {
	local -a lines items
	local line name what directive
	lines=("${(@f)$(${(Q)words[1]} __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
	directive=${lines[-1]#:}
	lines[-1]=()
	[[ $directive == <-> ]] || return 1
	[[ ${words[CURRENT]} == --*=* ]] && compset -P '*='
	if (( directive & 16 )); then
		_path_files -/
		return
	fi
	for line in "${(@)lines}"; do
		name=${line%%$'\t'*}
		what=""
		[[ $line == *$'\t'* ]] && what=${line#*$'\t'}
		[[ -n $name ]] && items+=("${name//:/\\:}${what:+:$what}")
	done
	if (( ! $#items )); then
		(( directive & 4 )) || _files
		return
	fi
	if (( directive & 2 )); then
		_describe -t sbx 'kubectl sbx' items -S ''
	else
		_describe -t sbx 'kubectl sbx' items
	fi
}
if [[ $funcstack[1] == _kubectl-sbx ]]; then
	_kubectl_sbx "$@"
else
	compdef _kubectl_sbx kubectl-sbx
fi
