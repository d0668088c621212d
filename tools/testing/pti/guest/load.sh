# SPDX-License-Identifier: GPL-2.0-only
#
# Test programs that run over and over, twice at a time, while something else goes
# on. For the scripts of the guest to source.

load_loop()
{
	while [ ! -e /tmp/enough ]; do
		for p; do
			"/pti/${p%:*}" "${p#*:}" || echo "not ok - $p ended with $?"
		done
	done
}

# load_begin PROGRAM:ARGUMENT...
load_begin()
{
	rm -f /tmp/enough
	load_loop "$@" >/tmp/load.1 2>&1 &
	load_loop "$@" >/tmp/load.2 2>&1 &
}

# load_end NUMBER: end them, and say in the line of that number how they went.
load_end()
{
	: >/tmp/enough
	wait
	if grep -h '^not ok' /tmp/load.*; then
		echo "not ok $1 - the programs that ran meanwhile"
		return 1
	fi
	load_passed=$(cat /tmp/load.* | grep -c '^ok')
	echo "ok $1 - $load_passed tests passed meanwhile"
	[ "$load_passed" -gt 0 ]
}
