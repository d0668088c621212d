# SPDX-License-Identifier: GPL-2.0-only
#
# --help of a script that has no usage of its own: what its head says. Sourced by
# both lib.sh, which every script sources first.

case ${1:-} in
--help|-h)
	grep -q '^usage()' "$0" || {
		sed -n '4,/^[^#]/{/^#/!d;s/^# \{0,1\}//p}' "$0"
		exit 0
	} ;;
esac
