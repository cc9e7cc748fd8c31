# bash completion for kubectl-sbx. What there is to choose from, kubectl-sbx itself knows.
# "kubectl sbx" is completed by kubectl's own script, which asks kubectl_complete-sbx.

# bash splits at ":" and "=" too; what stands together in the line is one word. -> words
__kubectl_sbx_words() {
	local rest=$COMP_LINE stripped i
	words=()
	for ((i = 0; i <= COMP_CWORD; i++)); do
		stripped=${rest#"${rest%%[![:space:]]*}"}
		if ((i)) && [ -n "$rest" ] && [ "$stripped" = "$rest" ]; then
			words[-1]+=${COMP_WORDS[i]}
		else
			words+=("${COMP_WORDS[i]}")
		fi
		rest=${stripped#"${COMP_WORDS[i]}"}
	done
}

_kubectl_sbx() {
	local words lines line typed before="" kept directive
	COMPREPLY=()
	__kubectl_sbx_words
	typed=${words[-1]}
	mapfile -t lines < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
	((${#lines[@]})) || return
	directive=${lines[-1]#:}
	unset 'lines[-1]'
	[[ $typed == --*=* ]] && before=${typed%%=*}=
	# only what stands behind the last of these is replaced
	kept=${typed%"${typed##*[${COMP_WORDBREAKS//[^:=]/}]}"}
	[[ $COMP_WORDBREAKS == *[:=]* ]] || kept=""
	if ((directive & 16)); then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "${typed#"$before"}")
		return
	fi
	for line in "${lines[@]}"; do
		line=$before${line%%$'\t'*}
		line=${line#"$kept"}
		[[ $line == *[\ \'\"\\\$\&\;\(\)\<\>\|\*\?\`]* ]] && line=$(printf %q "$line")
		COMPREPLY+=("$line")
	done
	((directive & 2)) && compopt -o nospace 2>/dev/null
	((${#COMPREPLY[@]} || directive & 4)) && return
	compopt -o default -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -- "${typed#"$before"}")
}
complete -F _kubectl_sbx kubectl-sbx
