# SPDX-License-Identifier: GPL-2.0-only
#
# For the tests of the test bed's own programs: what each must say of what is wrong.
# Sourced behind lib.sh, by scripts that have a $tmp.

n=0
bad=0

# demand STATUS TEXT WHAT COMMAND...: the command must end with STATUS and say TEXT,
# which a regular expression describes. It has nothing to read: a list of demands that is
# itself read from standard input stays whole.
demand()
{
	want=$1 text=$2 what=$3
	shift 3
	n=$((n + 1))
	rc=0
	"$@" </dev/null >"$tmp/out" 2>&1 || rc=$?
	if [ "$rc" = "$want" ] && grep -q -e "$text" "$tmp/out"; then
		echo "ok $n - $what"
	else
		sed 's/^/# /' "$tmp/out"
		echo "not ok $n - $what: status $rc instead of $want, or without \"$text\""
		bad=1
	fi
}

# demanded N: so many there must have been. One that got lost says nothing by itself.
demanded()
{
	echo "1..$1"
	[ "$n" = "$1" ] || { echo "# $n tests, not $1"; bad=1; }
}
