# SPDX-License-Identifier: GPL-2.0-only
#
# What the scripts of base/ and of the test bed share: --help of a script that has no
# usage of its own, which is what its head says, and a line on what takes long. Sourced
# by both lib.sh, which every script sources first and which set $me.

case ${1:-} in
--help|-h)
	grep -q '^usage()' "$0" || {
		sed -n '4,/^[^#]/{/^#/!d;s/^# \{0,1\}//p}' "$0"
		exit 0
	} ;;
esac

# start_ticker COMMAND...: run it every ten seconds, with the seconds that have gone by
# as its last argument, until end_ticker, which a script's traps call, or until the script is
# gone. A sleep is left behind for a moment: it must not keep a pipe open, nor a lock.
# SIGTERM it would not get before it has put the script's traps away.
ticker=
start_ticker()
{
	(
		n=0
		while sleep 10 </dev/null >/dev/null 2>&1 3>&- && kill -0 $$ 2>/dev/null; do
			n=$((n + 10))
			"$@" "$n"
		done
	) 8>&- 9>&- &
	ticker=$!
}
end_ticker()
{
	[ -z "$ticker" ] || kill -9 "$ticker" 2>/dev/null || :
	ticker=
}

# during TEXT COMMAND...: say what takes long, and that it goes on.
during()
{
	text=$1
	shift
	echo "$me: $text"
	start_ticker during_line
	during_rc=0
	"$@" || during_rc=$?
	end_ticker
	return "$during_rc"
}
during_line()
{
	echo "$me: $text, $1 s"
}
