#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Is each limit of limits.txt seen to be broken, and one that has lost its figure? cost.sh,
# growth.sh and audit.sh run in a copy, with guests, symbols and a walker that say what is
# known here; the table is theirs, with another number or name.

set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
tmp=$(mktemp -d) || die "cannot write to ${TMPDIR:-/tmp}"
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP
. "$here/demand.sh"

bed=$tmp/tree/tools/testing/pti
mkdir -p "$bed" "$tmp/tree/base" "$tmp/bin" "$tmp/build/host"
for file in cost.sh growth.sh audit.sh flushes.sh lib.sh models.txt exposure.expected; do
	cp "$here/$file" "$bed"
done
cp "$top/base/common.sh" "$tmp/tree/base"
for kernel in size stock stripped; do
	mkdir "$tmp/build/$kernel"
	: >"$tmp/build/$kernel/vmlinux"
done
: >"$tmp/build/vmlinux"
: >"$tmp/build/bzImage"

# A guest: each way takes 100 instructions, of ours isolated 104, of stock 110. What is
# attached runs beside it.
cat >"$bed/run.sh" <<'END'
#!/bin/sh
more='' attach='' append=''
while [ $# -gt 1 ]; do
	case $1 in
	--image) image=${2##*/} ;;
	--append) append=$2 ;;
	--attach) attach=$2 ;;
	esac
	shift
done
case $image,$append in
stripped,*|build,nopti*) least=100 ;;
build,*) least=104 ;;
*) least=110 ;;
esac
case $1 in
*"cost_64 more"*|*"cost_64 interrupt"*) more="interrupt interrupt-32 fault-shared-32" ;;
esac
for way in syscall-lseek sysenter-getppid sysenter-lseek int80-getppid int80-getppid-32 \
		fault-shared $more; do
	echo "COST $way $least 4001"
done
[ -z "$attach" ] || eval "$attach"
END
# 4096 bytes of functions in each, 16 more in two of them; ours has as many of heads that the
# base has. What else is isolated stands in $tmp/isolated.
: >"$tmp/isolated"
cat >"$tmp/bin/nm" <<'END'
#!/bin/sh
for file; do :; done
echo "0000000000000000 D __per_cpu_start"
echo "0000000000000010 D __per_cpu_end"
echo "ffffffff81002000 0000000000000e00 T function"
echo "ffffffff81002e00 T __entry_text_start"
echo "ffffffff81002e00 0000000000000100 T entry_head"
echo "ffffffff81002f00 t syscall_return_via_sysret"
echo "ffffffff81002f00 0000000000000100 T asm_exc"
echo "ffffffff81003000 T __entry_text_end"
echo "ffffffff81004000 T _etext"
echo "ffffffff81005000 D __start_rodata"
echo "ffffffff81006000 D __end_rodata"
case $file in
*/stock/*)
	echo "ffffffff81003000 0000000000000010 T stock_function" ;;
*/stripped/*) ;;
*)
	echo "ffffffff81003000 0000000000000010 T pti_function"
	echo "ffffffff81003010 0000000000000004 t isolated_head"
	echo "ffffffff81003014 0000000000000004 t isolated_exc"
	echo "ffffffff81003018 0000000000000008 t isolated_sysret_pcid"
	cat "${0%/bin/nm}/isolated" ;;
esac
END
cat >"$tmp/build/host/walk" <<'END'
#!/bin/sh
while [ $# -gt 1 ]; do
	[ "$1" != --report ] || report=$2
	shift
done
printf '%s\n' "cpus 4" "executable_bytes 8192" "total_bytes 126976" "two_cpus_bytes 69632" \
	"each_cpu_bytes 28672" >"$report"
END
chmod +x "$bed/run.sh" "$tmp/bin/nm" "$tmp/build/host/walk"

# measured STATUS TEXT WHAT TOOL ARGUMENT...: with the table as it is now.
measured()
{
	of_tool=$1 of_text=$2 of_what=$3 tool=$4
	shift 4
	demand "$of_tool" "$of_text" "$of_what" env PATH="$tmp/bin:$PATH" LIMITS="$tmp/limits" \
		BUILD="$tmp/build" RESULTS="$tmp/results" PTI_IMAGE="$tmp/build" \
		STOCK_IMAGE="$tmp/build/stock" STRIPPED_IMAGE="$tmp/build/stripped" "$bed/$tool" "$@"
}

# table [ROW]: ours, and one row more.
table()
{
	cp "$here/limits.txt" "$tmp/limits"
	[ $# = 0 ] || echo "$1 | for this test" >>"$tmp/limits"
}

table
measured 0 "cost.txt" "costs within their limits" cost.sh
measured 0 "cost-more.txt" "more of them" cost.sh --more
measured 0 "cost-pcid.txt" "those with PCID" cost.sh --bochs
measured 0 "cost-pcid-qemu.txt" "those of QEMU with PCID" cost.sh --qemu
measured 0 "COST" "an exposure within its limits, two of four CPUs" audit.sh
measured 0 "COST" "the same by default" audit.sh --append pti=auto

# A figure of each kind and mode: a limit below it, and one of a figure that is not there.
while read -r kind figure mode most; do
	case $kind in
	cost) set -- cost.sh ;;
	cost-more) set -- cost.sh --more ;;
	cost-pcid) set -- cost.sh --bochs --modes "$mode" ;;
	cost-pcid-more) set -- cost.sh --bochs --more --modes "$mode" ;;
	cost-pcid-qemu) set -- cost.sh --qemu --modes "$mode" ;;
	exposure) set -- audit.sh --append "$mode" ;;
	growth) set -- growth.sh ;;
	esac
	in_mode=$([ "$mode" = - ] || echo ", $mode")
	table "$kind | $figure | $mode | $most"
	measured 1 "^not ok: $figure$in_mode: [0-9]*, at most $most$" "$kind, $figure$in_mode" "$@"
	table "$kind | of-old | $mode | $most"
	measured 2 "^not ok: of-old$in_mode: has a limit, and was not measured$" \
		"$kind, a figure with another name" "$@"
done <<'END'
cost syscall-lseek pti=on 3
cost-more interrupt pti=on 3
cost-pcid int80-getppid noinvpcid 3
cost-pcid-more fault-shared-32 pti=on 3
cost-pcid-qemu interrupt-32 noinvpcid 3
exposure executable pti=on 8191
exposure total pti=auto 69631
exposure each-further-cpu pti=on 28671
growth functions - 15
growth heads-and-tails - 15
END

# isolated STATUS TEXT WHAT SYMBOL: what has no counterpart among the base's entry code counts
# where it lies.
isolated()
{
	echo "$4" >"$tmp/isolated"
	measured "$1" "$2" "$3" growth.sh
	: >"$tmp/isolated"
}

table
sed -i '/^growth-over-stock/d' "$tmp/limits"
measured 2 "^       8 isolated_sysret_pcid, syscall_return_via_sysret$" "heads and tails apart" growth.sh
isolated 1 "^not ok: functions: ours +24, stock +16$" "isolated code that the base has none of" \
	"ffffffff81003020 0000000000000008 t isolated_redo"
isolated 1 "^not ok: functions: ours +24, stock +16$" "or has outside of its entry code" \
	"ffffffff81003020 0000000000000008 t isolated_function"
isolated 1 "^not ok: data: ours +8, stock +0$" "a table of it" \
	"ffffffff81005000 0000000000000008 d isolated_head_table"
isolated 1 "^not ok: data: ours +8, stock +0$" "or one with the name of a head" \
	"ffffffff81005000 0000000000000008 d isolated_head"
demand 0 "^ours - whole-functions 16$" "all of the series, beside it" cat "$tmp/results/growth.counts"
table "growth-over-stock | data | - | 8"
isolated 2 "^read-only data  *+0  *+8" "above stock by what it may" \
	"ffffffff81005000 0000000000000008 d isolated_head"
table "growth-over-stock | data | - | 7"
isolated 1 "^not ok: data: ours +8, stock +0$" "and by more" \
	"ffffffff81005000 0000000000000008 d isolated_head"

table
sed -i 's/|build,nopti\*//' "$bed/run.sh"
measured 1 "^not ok: syscall-lseek, nopti: 4, at most 0$" "what is left with nopti" cost.sh
sed -i '/^cost-more/d' "$tmp/limits"
measured 2 "no limits of cost-more" "a kind that has no limits" cost.sh --more
table "exposure | total | pti=on | 112 KiB"
measured 2 "not a row: exposure" "a limit that is no number" audit.sh
table "exposed | total | pti=on | 112"
measured 2 "no such kind: exposed" "a kind that nothing counts" audit.sh
table "growth | functions | pti=on | 1"
measured 2 "no such mode of growth: pti=on" "a mode that it has not" growth.sh

# judged STATUS TEXT WHAT [WAY ACCESSES [LOCKED]]: counts that are stock's, but for those of
# that way.
judged()
{
	for way in syscall-lseek fork-exit fork-exit-32 pipe vfork-exec; do
		for kernel in stock ours; do
			echo "$kernel invpcid $way 99 4 4 4 4 0 0 4 4 4 4000"
		done
	done | sed "s/^\(ours invpcid ${4:-none} .*\) 4 4 4 4000$/\1 ${6:-4} 4 4 ${5:-}/" \
		>"$tmp/counts"
	measured "$1" "$2" "$3" flushes.sh --modes invpcid --judge "$tmp/counts"
}

table
judged 0 " 4000/4000$" "as many accesses to memory as stock's"
judged 0 " 4000/4018$" "those that two switches may take more" pipe 4018
judged 1 "^not ok: pipe, invpcid, memory: ours 4019, stock 4000, at most 18 more$" \
	"one more than that" pipe 4019
judged 1 "^not ok: vfork-exec, invpcid, memory: ours 5601, stock 4000, at most 1600 more$" \
	"a program that takes too many" vfork-exec 5601
judged 1 "^not ok: fork-exit, invpcid, memory: ours 4001, stock 4000$" \
	"one more on a way that has no limit" fork-exit 4001
judged 0 " 4/13 " "locked instructions that the allocators may take" fork-exit-32 4000 13
judged 1 "^not ok: fork-exit-32, invpcid, locked: ours 14, stock 4, at most 9 more$" \
	"one more than those" fork-exit-32 4000 14
judged 1 "^not ok: fork-exit, invpcid, locked: ours 5, stock 4$" \
	"one more on a way that has no limit of them" fork-exit 4000 5
table "flushes | pipe | CR3 | 1"
judged 2 "no such mode of flushes: CR3" "more writes of CR3"
sed -i '/^flushes/d' "$tmp/limits"
judged 2 "no limits of flushes" "none for switches"

demanded 49
exit "$bad"
