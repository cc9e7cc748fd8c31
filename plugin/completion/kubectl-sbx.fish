# fish completion for kubectl-sbx. What there is to choose from, kubectl-sbx itself knows.
# "kubectl sbx" is completed by kubectl's own script, which asks kubectl_complete-sbx.
function __kubectl_sbx
	set -l words (commandline -opc)
	set -l typed (commandline -ct)
	set -l program $words[1]
	set -e words[1]
	set -l lines ($program __complete $words "$typed" 2>/dev/null)
	test (count $lines) -gt 0; or return
	set -l directive (string replace ':' '' -- $lines[-1])
	set -e lines[-1]
	set -l before (string match -r -- '^--[^=]*=' $typed)
	if test (count $lines) -eq 0
		if test (math "floor($directive / 16) % 2") -eq 1
			__fish_complete_directories $typed
		else if test (math "floor($directive / 4) % 2") -eq 0
			__fish_complete_path $typed
		end
		return
	end
	for line in $lines
		# in quotes: an empty list would make the whole word none
		echo "$before"$line
	end
end
complete -c kubectl-sbx -f -a '(__kubectl_sbx)'
