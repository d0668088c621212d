# SPDX-License-Identifier: GPL-2.0-only
#
# bash completion of ptictl: its commands, and the options of each.

_ptictl()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
	local i command= words='status --help --version'

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-*) ;;
		*) command=${COMP_WORDS[i]}; break ;;
		esac
	done
	case $command in
	'') ;;
	status)
		# "--sysfs=DIR" is three words here, if "=" parts them
		if [[ $word == --sysfs=* ]]; then
			mapfile -t COMPREPLY < <(compgen -P --sysfs= -d -- "${word#--sysfs=}")
			compopt -o filenames 2>/dev/null
			return
		elif [[ $word == = && $before == --sysfs ]]; then
			mapfile -t COMPREPLY < <(compgen -d --)
			compopt -o filenames 2>/dev/null
			return
		elif [[ $before == --sysfs || $before == -s ||
			( $before == = && ${COMP_WORDS[COMP_CWORD-2]} == --sysfs ) ]]; then
			mapfile -t COMPREPLY < <(compgen -d -- "$word")
			compopt -o filenames 2>/dev/null
			return
		fi
		words='--json --sysfs= --help' ;;
	*) words= ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
	[[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null
}
complete -F _ptictl ptictl
