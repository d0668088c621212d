# SPDX-License-Identifier: GPL-2.0-only
#
# bash completion of ptictl: its commands, and the options of each.

# _ptictl_directory OPTION SHORT: if the word is the value of that option, complete a directory.
_ptictl_directory()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} prefix=

	# "--sysfs=DIR" is three words here, if "=" parts them
	if [[ $word == "$1"=* ]]; then
		prefix=$1= word=${word#"$1="}
	elif [[ $word == = && $before == "$1" ]]; then
		word=
	elif [[ $before != "$1" && $before != "$2" &&
		! ( $before == = && ${COMP_WORDS[COMP_CWORD-2]} == "$1" ) ]]; then
		return 1
	fi
	mapfile -t COMPREPLY < <(compgen ${prefix:+-P "$prefix"} -d -- "$word")
	compopt -o filenames 2>/dev/null
	return 0
}

_ptictl()
{
	local word=${COMP_WORDS[COMP_CWORD]}
	local i command= words='status run show list --help --version'

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-*) ;;
		*) command=${COMP_WORDS[i]}; break ;;
		esac
	done
	case $command in
	'') ;;
	status)
		_ptictl_directory --sysfs -s && return
		words='--json --sysfs= --help' ;;
	show)
		_ptictl_directory --proc -p && return
		words='--json --proc= --help'
		# PIDs only once a digit is there: a machine may have thousands
		case $word in
		-*) ;;
		[0-9]*) words=$(cd /proc && echo [1-9]*) ;;
		*) words="self $words" ;;
		esac ;;
	list)
		_ptictl_directory --proc -p && return
		words='--all --json --proc= --help' ;;
	run)
		words='--inherit --try --isolated --never --help'
		for ((i++; i < COMP_CWORD; i++)); do
			# From the program on, the words are as they would be without ptictl
			if [[ ${COMP_WORDS[i-1]} == -- || ${COMP_WORDS[i]} != -* ]]; then
				_ptictl_program "$i"
				return
			fi
		done
		if [[ $word != -* || ${COMP_WORDS[COMP_CWORD-1]} == -- ]]; then
			mapfile -t COMPREPLY < <(compgen -c -- "$word")
			return
		fi ;;
	*) words= ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
	[[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null
}

# _ptictl_program N: complete the arguments of the program that is word N.
_ptictl_program()
{
	if declare -F _command_offset >/dev/null; then
		_command_offset "$1"
	else
		mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
		compopt -o filenames 2>/dev/null
	fi
}
complete -F _ptictl ptictl
