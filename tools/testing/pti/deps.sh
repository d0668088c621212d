#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# See to it that the packages in packages.txt are there; with an argument, more or
# qemu, those in packages-more.txt and so on. Says and does nothing if they are;
# installs what is missing if it may; else says how to.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

list=$here/packages${1:+-$1}.txt
[ -r "$list" ] || die "no list $list"
command -v dpkg-query >/dev/null 2>&1 ||
	die "no dpkg here: this needs Debian 12, or the programs of the packages in $list and DEPS=no"
wanted=$(rows "$list" | awk '{ print $1 }')
missing=$(echo "$wanted" | awk -v have="$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $wanted 2>/dev/null)" '
	BEGIN {
		n = split(have, line, "\n")
		for (i = 1; i <= n; i++)
			if (split(line[i], f, " ") == 2 && f[2] == "installed")
				there[f[1]] = 1
	}
	!($1 in there)' | tr '\n' ' ')
missing=${missing% }
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
	die "packages are missing; as root: apt-get install --no-install-recommends $missing"
fi
echo "$me: installing $missing"
DEBIAN_FRONTEND=noninteractive
export DEBIAN_FRONTEND
mkdir -p "$logs"
# What was interrupted before has to be ended first.
dpkg --configure -a >"$logs/deps.log" 2>&1 </dev/null || :
progress()
{
	echo "$me: installing, $1 s: $(tail -n 1 "$logs/deps.log" | cut -c1-60)"
}
start_ticker progress
trap end_ticker EXIT
trap 'exit 130' INT TERM HUP
if ! { apt-get update && apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $missing; } \
	</dev/null >>"$logs/deps.log" 2>&1; then
	tail -n 5 "$logs/deps.log" >&2
	die "could not install: $missing (full log: $logs/deps.log)"
fi
