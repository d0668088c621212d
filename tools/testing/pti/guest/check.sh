# SPDX-License-Identifier: GPL-2.0-only
#
# Of scripts that compare what the kernel says: sourced, by status.sh, ptictl.sh and others.
# They end with "1..$n", and with $bad, which is 1 if a line is not ok.

n=0
bad=0

# check WHAT EXPECTED FOUND: one line of the result.
check()
{
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1: $3"
	else
		echo "not ok $n - $1: \"$3\" instead of \"$2\""
		bad=1
	fi
}
