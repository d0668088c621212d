#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Test ptaudit on the host: on dumps that are written by hand (tools/pti/ptaudit/tests), with
# figures that are counted by hand; with each thing in them changed that it has to object to;
# and on what is no dump. Then install it, and use what was installed.
#
# Usage: ptaudit-test.sh [PTAUDIT]	that program, or the one that is built here

set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
need jq jq
need man man-db
tool=$top/tools/pti/ptaudit
work_dir
if [ $# -gt 0 ]; then
	ptaudit=$1
else
	mkdir -p "$build/host"
	make -s -C "$tool" OUT="$build/host" WERROR=-Werror || die "cannot build ptaudit"
	ptaudit=$build/host/ptaudit
fi
ours=$tool/tests/ours.dump stock=$tool/tests/stock.ptdump

number=0 bad=0
# result WHAT: of the command before it
result()
{
	rc=$?
	number=$((number + 1))
	if [ $rc = 0 ]; then
		echo "ok $number - $1"
	else
		echo "not ok $number - $1"
		bad=1
	fi
}

# expect STATUS TEXT ARGUMENT...: how ptaudit ends, and what it says somewhere, a regular
# expression
expect()
{
	status=$1 text=$2
	shift 2
	got=0
	# No dump takes long, nor much memory
	(ulimit -v 400000; ulimit -t 20; "$ptaudit" "$@") >"$tmp/out" 2>&1 || got=$?
	[ $got = "$status" ] && grep -q -e "$text" "$tmp/out" && return
	echo "# ptaudit $*: status $got, not $status, or not \"$text\":"
	head -n 3 "$tmp/out" | sed 's/^/#   /'
	return 1
}

# changed SCRIPT: the dump, as this script of sed leaves it
changed()
{
	sed -e "$1" "$ours" >"$tmp/changed"
	! cmp -s "$tmp/changed" "$ours" || die "sed changes nothing: $1"
}

# Two pages of LDT, IDT, two GDTs and espfix are read only; two stacks and two TSSs, which
# are also written by another name, are writable; two of text.
expect 0 'total  *49152 bytes' "$ours" && grep -q 'executable  *8192 bytes' "$tmp/out" &&
	grep -q 'writable  *16384 bytes' "$tmp/out" && grep -q 'read-only  *24576 bytes' "$tmp/out" &&
	grep -q "this process's  *12288 bytes" "$tmp/out" &&
	grep -q '^12 ranges, 65549 leaves' "$tmp/out"
result "totals of a dump"
expect 0 'total  *12603392 bytes' "$stock" && grep -q 'executable  *12582912 bytes' "$tmp/out" &&
	! grep -q '0000000000400000' "$tmp/out"
result "totals of the kernel's own dump, of the kernel half only"
expect 0 '__entry_text_start' --symbols "$ours" && expect 0 '' "$ours" &&
	! grep -q __entry_text_start "$tmp/out"
result "symbols"
expect 0 'total  *49152 bytes' - <"$ours"
result "a dump on standard input"
"$ptaudit" --raw "$ours" | cmp -s - "$ours"
result "raw text"

"$ptaudit" --json "$ours" >"$tmp/json" && jq -e '
	.schema == "ptaudit" and .version == 1 and .complete and .isolation and .user_page_table and
	.levels == 4 and .pid == 7 and .command == "a<b>\\x20\"c\"" and (.rows | length) == 15 and
	(.ranges | length) == 12 and .ranges[10].leaves == 65536 and .ranges[10].frame_step == 0 and
	.ranges[1].row == "cpu_tss_rw" and .ranges[1].cpu == 0 and .ranges[1].perms == "rw---" and
	.ranges[3].symbols == ["idt_table"] and .ranges[3].region == "cpu_entry_area" and
	.totals.bytes == 49152 and .totals.process_bytes == 12288' "$tmp/json" >/dev/null &&
	jq -e --slurpfile s "$tool/ptaudit.schema.json" '
		$s[0] as $s | (keys - ($s.properties | keys) == []) and
		($s.required - keys == []) and
		all(.rows[]; keys - ($s.properties.rows.items.properties | keys) == []) and
		all(.ranges[]; keys - ($s.properties.ranges.items.properties | keys) == [])' \
		"$tmp/json" >/dev/null
result "JSON has what the schema says"
"$ptaudit" --json "$stock" | jq -e '.isolation == null and .ranges[0].frame == null and
	.ranges[4].leaf_bytes == 2097152 and .rows == []' >/dev/null
result "JSON of what is not said"

# Two rectangles for each range that is drawn, of its kind; names do not end the markup
"$ptaudit" --svg "$stock" "$ours" >"$tmp/svg" && [ "$(grep -c 'fill="#c8553d"' "$tmp/svg")" = 5 ] &&
	[ "$(grep -c 'fill="#e0a030"' "$tmp/svg")" = 13 ] && ! grep -q 'a<b>' "$tmp/svg" &&
	grep -q 'a&lt;b&gt;' "$tmp/svg" && grep -q '>espfix<' "$tmp/svg" &&
	awk '{ o += gsub(/<[a-z]/, "&"); c += gsub(/<\/|\/>/, "&") } END { exit o != c }' "$tmp/svg"
result "picture of two dumps"

expect 0 'SAME: 12' --diff "$ours" "$ours" && expect 0 'SAME' --diff --exact "$ours" "$ours"
result "no difference"
changed '/^map fffffe000003d000/d; s/^end 12/end 11/'
expect 1 '^- fffffe000003d000-fffffe000003e000 4 KiB rw-g- stack.1' --diff "$ours" "$tmp/changed" &&
	grep -q 'added 0 (0 bytes), removed 1 (4096)' "$tmp/out" &&
	expect 1 '^+ fffffe000003d000-fffffe000003e000' --diff "$tmp/changed" "$ours"
result "a range removed, or added"
changed 's/^\(map fffffe0000001000.*\) r--g- /\1 rw-g- /'
expect 1 '^~ fffffe0000001000.* r--g- -> rw-g- gdt' --diff "$ours" "$tmp/changed" &&
	grep -q 'changed 1 (4096)' "$tmp/out"
result "permissions changed"
changed 's/^map ffff880000000000 5000000 1000 2/map ffff880000000000 5000000 1000 3/'
expect 1 '^+ ffff880000002000-ffff880000003000 4 KiB r---- ldt' --diff "$ours" "$tmp/changed"
result "the part of a range that is more"
changed 's/^map fffffe0000001000 f400000/map fffffe0000001000 f409000/'
expect 0 SAME --diff "$ours" "$tmp/changed" &&
	expect 1 '^~ fffffe0000001000.*frame f400000.*frame f409000' --diff --exact "$ours" "$tmp/changed"
result "another frame, on demand"
# The areas of CPUs lie elsewhere in each boot
changed 's/fffffe00000\([0-9a-f]\)/fffffe00004\1/g'
expect 0 SAME --diff "$ours" "$tmp/changed"
result "rows that lie elsewhere"
changed 's/ 65536 10000 0 / 65535 10000 0 /'
expect 1 '^- ffffff0000008000.*65536 times' --diff "$ours" "$tmp/changed"
result "an alias less"
changed 's/^kernel.*/kernel 6.12.0-other/'
expect 0 'different kernels' --diff "$ours" "$tmp/changed"
result "dumps of different kernels"
expect 1 '^~ ffffffff81a00000-ffffffff81a02000 8 KiB r-xg- leaves of 2048 KiB -> r-x--' \
	--diff "$stock" "$ours" && expect 2 'no frames' --diff --exact "$stock" "$ours"
result "the kernel's own dump, compared"

expect 0 CLEAN --check "$ours"
result "policy held"
# object WHAT SCRIPT SAYS
object()
{
	changed "$2"
	expect 1 "$3" --check "$tmp/changed"
	result "objects to $1"
}
object "a page that no row allows" \
	's/^end 12/map ffffffff81a05000 1a05000 1000 1 1000 1000 r---- 1 - -\nend 13/' '^extra: ffffffff81a05000'
object "a page missing" '/^map fffffe000003d000/d; s/^end 12/end 11/' '^missing: the row stack.1'
object "other permissions" 's/^\(map fffffe0000001000.*\) r--g- /\1 rw-g- /' '^perms: fffffe0000001000'
object "a global leaf" 's/^\(map ffffffff81a00000.*\) r-x-- /\1 r-xg- /' '^perms: ffffffff81a00000'
object "a page behind the row's end" \
	's/^map ffffffff81a00000 1a00000 1000 2/map ffffffff81a00000 1a00000 1000 3/' '^outside: ffffffff81a00000'
object "a large leaf" 's/^map ffff880000000000 5000000 1000 2 1000 1000/map ffff880000000000 40000000 40000000 1 40000000 40000000/' \
	'^large: ffff880000000000'
object "another row's name" 's/^\(map fffffe0000001000.*\) gdt 0$/\1 gdt 1/' '^outside: fffffe0000001000'
object "a frame that is shown twice" 's/^map fffffe0000001000 f400000/map fffffe0000001000 f401000/' \
	'^frame: 00000f401000'
object "pages that the mapper does not count" 's/ if-mapped 0 / if-mapped 1 /' "^count: row vsyscall"
object "no user page table" 's/^root user/root kernel/' 'no user page table'
# Ports come and go; of what the mapper then counts, nothing follows
changed 's/ runtime 0 / runtime 4 /'
expect 0 CLEAN --check "$tmp/changed"
result "a row of the run time"
changed 's/^isolation on/isolation off/; s/^root user/root kernel/; /^row/d'
expect 2 'isolation is off' --check "$tmp/changed" && expect 2 'no rows' --check "$stock"
result "cannot tell without a policy"
changed 's/^end/cut\nend/'
expect 2 'COULD NOT TELL' --check "$tmp/changed" && expect 0 'is the beginning' "$tmp/changed" &&
	"$ptaudit" --json "$tmp/changed" | jq -e '.complete == false' >/dev/null
result "a dump that the kernel cut"

# refuse WHAT SCRIPT LINE: where it says that the trouble is, a regular expression for grep
refuse()
{
	changed "$2"
	line=$(grep -n -m 1 -e "$3" "$ours")
	expect 2 "changed:${line%%:*} (offset [0-9]*): " "$tmp/changed"
	result "refuses $1"
}
refuse "another version" 's/^pti-audit 1/pti-audit 2/' ^pti-audit
refuse "no format at all" '1s/.*/hello/' ^pti-audit
refuse "an unknown line" '5s/.*/surprise/' ^process
refuse "a number too large" 's/^map ffff880000000000/map 1ffff880000000000/' "^map ffff88000000"
refuse "a sign" 's/^map ffff880000000000 5000000/map ffff880000000000 -5000000/' "^map ffff88000000"
refuse "an address of the user half" 's/^map ffff880000000000/map 0000000000400000/' "^map ffff88000000"
refuse "a range that wraps" 's/ 65536 10000 0 / 18446744073709551615 10000 0 /' "^map ffffff0"
refuse "a count of zero" 's/ 65536 10000 0 / 0 10000 0 /' "^map ffffff0"
refuse "a leaf of an odd size" 's/^map ffff880000000000 5000000 1000/map ffff880000000000 5000000 3000/' "^map ffff88000000"
refuse "addresses out of order" 's/^map fffffe0000001000/map fffffe0000000000/' "^map fffffe0000001"
refuse "permissions that are none" 's/^\(map ffff880000000000.*\) r---- /\1 rwxgz /' "^map ffff88000000"
refuse "a word missing" 's/^\(map ffff880000000000.*\) ldt -$/\1/' "^map ffff88000000"
refuse "a word too many" 's/^\(map ffff880000000000.*\) ldt -$/\1 ldt - x/' "^map ffff88000000"
refuse "a symbol elsewhere" 's/^symbol ffffffff81a00000/symbol ffffffff81b00000/' "^symbol ffffffff81a00000"
refuse "a CPU that is no number" 's/^row gdt 0/row gdt x/' "^row gdt 0"
refuse "a row that ends before it begins" 's/^row gdt 0 fffffe0000001000 fffffe0000002000/row gdt 0 fffffe0000001000 fffffe0000000000/' "^row gdt 0"
refuse "another number of ranges" 's/^end 12/end 13/' ^end
{ cat "$ours"; echo more; } >"$tmp/changed"
expect 2 "changed:$(($(wc -l <"$ours") + 1)) (offset" "$tmp/changed"
result "refuses something behind the end"
printf 'pti-audit 1\nlevels\0 4\n' >"$tmp/changed"
expect 2 'changed:2 .*byte 0' "$tmp/changed"
result "refuses a byte 0"
{ head -n 5 "$ours"; head -c 5000 /dev/zero | tr '\0' x; } >"$tmp/changed"
expect 2 'changed:6 .*longer than' "$tmp/changed"
result "refuses an endless line"

# Cut off wherever it may be: after each line, and in the midst of the last ones
lines=$(wc -l <"$ours")
n=0
failed=
while [ $((n += 1)) -lt "$lines" ]; do
	head -n $n "$ours" >"$tmp/changed"
	expect 2 "changed:$((n + 1)) .*not complete" "$tmp/changed" || failed=1
done
size=$(wc -c <"$ours")
n=$((size - 200))
while [ $((n += 7)) -lt $((size - 2)) ]; do
	head -c $n "$ours" >"$tmp/changed"
	expect 2 'changed:[0-9]* (offset' "$tmp/changed" || failed=1
done
n=1
while [ $((n += 1)) -lt "$(wc -l <"$stock")" ]; do
	head -n $n "$stock" >"$tmp/changed"
	expect 2 'changed:[0-9]* (offset' "$tmp/changed" || failed=1
done
[ ! "$failed" ]
result "a dump that was cut off, $lines lines and $(wc -l <"$stock")"
: >"$tmp/changed"
expect 2 'changed:1 .*empty' "$tmp/changed" && expect 2 'No such file' "$tmp/none" &&
	expect 2 'Is a directory' "$tmp"
result "empty, missing, a directory"
head -c 100000 /dev/urandom >"$tmp/changed"
expect 2 'changed:' "$tmp/changed"
result "noise"

# A million of each: refused where the limit is, in bounded memory
many()
{
	{ sed '/^map/,$d' "$ours"; awk -v what="$1" 'BEGIN { for (i = 0; i < 1000000; i++) printf what "\n", i }'; } \
		>"$tmp/changed"
	expect 2 "$2" "$tmp/changed"
	result "$1: $2"
}
many 'map ffff9%05x000000 1000000 1000 1 1000 1000 r---- 1 - -' 'more than 524287 ranges'
many 'row r %d ffffffff81a00000 ffffffff81a02000 r-x-- always 2 x' 'row'
many 'region ffff880000000000 ffff888000000000 r%d' 'region'
awk 'BEGIN { print "---[ CPU entry Area ]---"; for (i = 0; i < 2000000; i++) printf "0xfffff%06x00000-0xfffff%06x00000  1M   pmd\n", i, i + 1 }' \
	>"$tmp/changed"
expect 2 'not complete' "$tmp/changed"
result "2000000 lines of the kernel's own dump, which say nothing"

expect 2 'two dumps' --diff "$ours" "$ours" "$ours" && expect 2 'one dump' --check "$ours" "$ours" &&
	expect 2 Usage --bogus && expect 0 Usage --help && expect 0 '^ptaudit [0-9]' --version
result "options"
! "$ptaudit" "$ours" >/dev/full 2>"$tmp/out" && grep -q 'standard output' "$tmp/out"
result "a full disk is told"

make -s -C "$tool" OUT="$build/host" DESTDIR="$tmp/root" prefix=/usr install &&
	"$tmp/root/usr/bin/ptaudit" --check "$ours" >/dev/null &&
	[ -s "$tmp/root/usr/share/doc/ptaudit/ptaudit.schema.json" ]
result "make install with DESTDIR"
MANROFFSEQ='' man -l --warnings -E UTF-8 "$tmp/root/usr/share/man/man1/ptaudit.1" >"$tmp/page" 2>"$tmp/out" &&
	[ ! -s "$tmp/out" ] && grep -q "could not tell" "$tmp/page" || { cat "$tmp/out"; false; }
result "manual page without a warning"
"$ptaudit" --help | grep -o -e '--[a-z]*' | grep -v 'diff,\|check;' | sort -u >"$tmp/options"
for option in $(cat "$tmp/options"); do
	sed 's/\\//g' "$tmp/root/usr/share/man/man1/ptaudit.1" | grep -q -e "$option" &&
		grep -q -e "$option" "$tmp/root/usr/share/bash-completion/completions/ptaudit" ||
		{ echo "# $option"; false; } || break
done
result "each option in the manual page and in the completion"
bash -c '. "$1"; COMP_WORDS=(ptaudit --js); COMP_CWORD=1; _ptaudit; [ "${COMPREPLY[*]}" = --json ] &&
	COMP_WORDS=(ptaudit -p $$) COMP_CWORD=2 && _ptaudit && [ "${COMPREPLY[0]}" = $$ ]' \
	- "$tmp/root/usr/share/bash-completion/completions/ptaudit"
result "completion"

echo "1..$number"
exit $bad
