#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Ask an outside judge: Debian's spectre-meltdown-checker, unmodified, runs in
# a guest that Meltdown affects. With the isolation it must say that the guest
# is not vulnerable, without it that it is; also where the running system was switched.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

image=${PTI_IMAGE:-$build}
checker=$(command -v spectre-meltdown-checker) ||
	die "no spectre-meltdown-checker here: install the package of that name"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP
mkdir -p "$tmp/root/usr/bin"
cp "$checker" "$tmp/root/usr/bin/"
(cd "$tmp/root" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1n >"$tmp/add.gz"

bad=0
n=0
# verdict STATE PARAMETERS [VALUE]: what it must answer with these, when that was written.
verdict()
{
	n=$((n + 1))
	name=$2${3:+,switched-$3}
	"$here/run.sh" --image "$image" --append "$2" --name "checker-$name" --add "$tmp/add.gz" \
		"${3:+echo $3 >/sys/kernel/debug/x86/pti_enabled || exit;} spectre-meltdown-checker --live --variant 3 --batch text --no-color; [ \$? -lt 4 ]" \
		>"$tmp/out" || exit
	if grep -q "CVE-2017-5754.*: $1" "$tmp/out"; then
		echo "ok $n - $name: $(grep CVE-2017-5754 "$tmp/out")"
	else
		sed 's/^/# /' "$tmp/out"
		echo "not ok $n - $name: it does not say $1"
		bad=1
	fi
}
echo "1..4"
verdict OK pti=on
verdict VULN nopti
verdict VULN pti=on 0
verdict OK pti=off,switchable 1
exit $bad
