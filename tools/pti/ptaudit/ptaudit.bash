# SPDX-License-Identifier: GPL-2.0-only
#
# Completion for ptaudit in bash: its options, PIDs behind -p, files elsewhere.

_ptaudit()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} pids

	case $prev in
	-p|--pid)
		pids=$(cd /proc && printf '%s ' [0-9]*)
		mapfile -t COMPREPLY < <(compgen -W "$pids" -- "$cur")
		return ;;
	esac
	case $cur in
	-*)
		mapfile -t COMPREPLY < <(compgen -W "--pid --ptdump --symbols --raw --json --svg
			--diff --exact --check --output --help --version -p -P -S -r -j -g -d -x
			-c -o -h -V" -- "$cur") ;;
	*)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	esac
}
complete -o filenames -F _ptaudit ptaudit
