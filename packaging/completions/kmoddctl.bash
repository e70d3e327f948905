# bash completion for kmoddctl(1), installed as /usr/share/bash-completion/completions/kmoddctl. Needs nothing of
# the bash-completion package. Names of modules and files are compared and never expanded.

# Names of the managed modules; nothing, soon and without a word, where kmodd does not run.
_kmoddctl_modules() {
	local name
	timeout 2 kmoddctl list 2>/dev/null | {
		read -r _
		while read -r name _; do
			[[ $name =~ ^[A-Za-z0-9_]+$ ]] && printf '%s\n' "$name"
		done
	}
}

# Those and all that the running kernel has a file of.
_kmoddctl_all_modules() {
	local name
	{
		_kmoddctl_modules
		find "/lib/modules/$(uname -r)/" -name '*.ko*' -printf '%f\n' 2>/dev/null | while read -r name; do
			name=${name%%.ko*}
			name=${name//-/_}
			[[ $name =~ ^[A-Za-z0-9_]+$ ]] && printf '%s\n' "$name"
		done
	} | sort -u
}

# Names of the parameters of a module, each with its "=": as the kernel has them, and as its file says.
_kmoddctl_parameters() {
	local module=${1//-/_} name
	[[ $module =~ ^[A-Za-z0-9_]+$ ]] || return
	{
		find "/sys/module/$module/parameters/" -type f -printf '%f\n' 2>/dev/null
		modinfo -F parm "$module" 2>/dev/null
	} | while read -r name; do
		name=${name%%:*}
		[[ $name =~ ^[A-Za-z0-9_]+$ ]] && printf '%s=\n' "$name"
	done | sort -u
}

# Offer those of the words after the first that begin with the first.
_kmoddctl_offer() {
	local current=$1 word
	shift
	for word; do
		[[ $word == "$current"* ]] && COMPREPLY+=("$word")
	done
}

_kmoddctl_offer_files() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(
		compgen -f -X '!*.toml' -- "$1"
		compgen -d -- "$1"
	)
}

# Kernels whose modules are installed.
_kmoddctl_kernels() {
	local path
	for path in /lib/modules/*/modules.dep; do
		path=${path%/modules.dep}
		[[ -e $path ]] && printf '%s\n' "${path##*/}"
	done
}

# Options of a command beside those that all have.
_kmoddctl_own_options() {
	case $1 in
	status) printf '%s\n' --all ;;
	try) printf '%s\n' --timeout --yes ;;
	load | deny | set) printf '%s\n' --runtime --persistent ;;
	plan) printf '%s\n' --offline --root --kernel ;;
	check) printf '%s\n' --sarif --strict --root --kernel ;;
	import) printf '%s\n' --output --root --kernel ;;
	graph) printf '%s\n' --dot --svg ;;
	timeline) printf '%s\n' --svg ;;
	esac
}

_kmoddctl() {
	local current=$2 command='' module='' count=0 word valued=''
	local -a options=(--json --help -h) names
	local -a commands=(
		status list plan explain check reload reconcile retry release pause resume load deny
		set clear apply watch try symbols memory schema import graph timeline
	)
	local -a keys=(
		state parameters on_parameter_change after before requires wants conflicts replaces when when_gone ready
		load_timeout reason
	)
	COMPREPLY=()
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		if [[ $valued ]]; then
			valued=''
			continue
		fi
		case $word in
		--output | --root | --kernel | --timeout) valued=$word ;;
		-*) ;;
		*)
			if [[ $command ]]; then
				count=$((count + 1))
				module=${module:-$word}
			else
				command=$word
			fi
			;;
		esac
	done
	case $valued in
	--timeout) return ;; # a number, which nobody can guess
	--kernel)
		mapfile -t names < <(_kmoddctl_kernels)
		_kmoddctl_offer "$current" "${names[@]}"
		return
		;;
	--*)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
		return
		;;
	esac
	mapfile -t -O ${#options[@]} options < <(_kmoddctl_own_options "$command")
	case $current:$command:$count in
	-*::*) _kmoddctl_offer "$current" "${options[@]}" --version ;;
	-*) _kmoddctl_offer "$current" "${options[@]}" ;;
	*::*) _kmoddctl_offer "$current" "${commands[@]}" ;;
	*:status:0 | *:explain:0 | *:retry:0 | *:release:0 | *:clear:0)
		mapfile -t names < <(_kmoddctl_modules)
		# "-" and "_" are one letter in the name of a module.
		_kmoddctl_offer "${current//-/_}" "${names[@]}"
		;;
	*:load:0 | *:deny:0 | *:set:0 | *:symbols:0)
		mapfile -t names < <(_kmoddctl_all_modules)
		_kmoddctl_offer "${current//-/_}" "${names[@]}"
		;;
	*:set:[1-9]*)
		# A "=" is a word of its own to readline, and what follows it a value, which nobody can guess.
		[[ ${COMP_WORDS[COMP_CWORD]} == *=* || ${COMP_WORDS[COMP_CWORD - 1]} == *= ]] && return
		compopt -o nospace 2>/dev/null
		mapfile -t names < <(_kmoddctl_parameters "$module")
		_kmoddctl_offer "${current//-/_}" "${names[@]}"
		;;
	*:explain:1) _kmoddctl_offer "$current" "${keys[@]}" ;;
	*:schema:0) _kmoddctl_offer "$current" kmodd.d kmodd.toml ;;
	*:check:* | *:try:*) _kmoddctl_offer_files "$current" ;;
	esac
}

complete -F _kmoddctl kmoddctl
