#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Take the kernel's own page-table isolation out of an unpacked Linux 6.12.y.
#
#	strip.sh DIR		strip the tree in DIR
#	strip.sh --files	list the files that this changes or removes
#
# Three steps, whose rules are in strip/: unifdef, Coccinelle, text rules. When a
# rule does not apply, its name is printed, the exit status is 1 and the tree is
# as it was. A tree that has no PTI of its own is left alone.

set -eu

rules=$(cd "$(dirname "$0")" && pwd)/strip
option=MITIGATION_PAGE_TABLE_ISOLATION

die() {
	echo "strip: $*" >&2
	exit 1
}

# The rules of a list, without comments and empty lines
list() {
	sed '/^#/d; /^$/d' "$rules/$1"
}

# Every file that is changed; Kconfig, which tells a stripped tree, is the last
changed() {
	{
		list unifdef.list
		list cocci.list | cut -f 1
		list text.rules | grep -v "$(printf '\t')"
	} | sort -u | sed '/^arch.x86.Kconfig$/d'
	echo arch/x86/Kconfig
}

[ $# = 1 ] || die "usage: strip.sh DIR | --files"
if [ "$1" = --files ]; then
	changed
	list remove.list
	exit
fi

for tool in unifdef spatch; do
	command -v $tool >/dev/null || die "$tool is missing: run 'make deps'"
done
[ -f "$1/arch/x86/Kconfig" ] || die "$1 is not a kernel source tree"
tree=$(cd "$1" && pwd)
if ! grep -q "^config $option$" "$tree/arch/x86/Kconfig"; then
	echo "strip: no PTI of its own in this tree, nothing to do"
	exit
fi

# Work on copies, and put them into the tree when every rule has applied
work=$(mktemp -d "$tree/.strip.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tree"
for file in $(changed) $(list remove.list); do
	[ -f "$file" ] || die "rules for $file, which does not exist"
done
cp --parents -t "$work" $(changed)
cd "$work"

for file in $(list unifdef.list); do
	rc=0
	unifdef -B -t -m -UCONFIG_$option "$file" || rc=$?
	[ $rc = 1 ] || die "unifdef.list: nothing to resolve in $file"
done

# One job a processor; a job runs one file through its rules in turn
list cocci.list | xargs -P "$(nproc)" -n 1 -d '\n' sh -c '
	set -- "$1" $2
	cocci=$1 file=$2
	shift 2
	for rule; do
		spatch --very-quiet --no-includes --smpl-spacing -D "$rule" \
			--sp-file "$cocci" "$file" -o "$file.new" >"$file.log" 2>&1
		if [ ! -s "$file.new" ] || cmp -s "$file" "$file.new"; then
			echo "strip: rule $rule of pti.cocci does not apply to $file" >&2
			exit 255
		fi
		mv "$file.new" "$file"
	done' - "$rules/pti.cocci" || exit 1

changed | while read -r file; do
	awk -v want="$file" -f "$rules/text.awk" "$rules/text.rules" "$file" >new ||
		exit 1
	cat new >"$file"
done || exit 1

for file in $(changed); do
	cat "$file" >"$tree/$file"
done
cd "$tree"
rm -f $(list remove.list)
