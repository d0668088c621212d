#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Allocations of the series that happen once, at boot or on resume, out of reach of
# fault injection: gdb lets each of them fail, one a boot, by returning for the
# allocator what it returns without memory. The kernel has to say what is missing,
# and to go on as it has to, or to stop.
#
# Usage: fail-at.sh [--model NAME] [POINT...]	(affected; all)

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
image=${PTI_IMAGE:-$build}
model=affected
[ "${1:-}" != --model ] || { model=${2:-}; shift 2; }
row=$(model_row "$model") || exit 2
case ${1:-} in
-*) sed -n '4,9s/^# \{0,1\}//p' "$0"; exit ;;
esac
[ $# -gt 0 ] || set -- efi-pair efi-pud hibernate-root hibernate-table freed-image real-mode
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP

# return VALUE CALLER CALLEE...: have the last one, called as the row says, return it.
return_at()
{
	value=$1
	shift
	for f; do
		printf 'hbreak *%s\ncontinue\ndelete\n' "$f"
	done
	printf 'set $rax = %s\nset $rip = *(long *)$rsp\nset $rsp = $rsp + 8\ndetach\n' "$value"
}

echo 'WARNING: CPU: [0-9]+ PID: [0-9]+ at mm/early_ioremap\.c:[0-9]+ check_early_ioremap_leak\+' >"$tmp/leak"

status="/pti/status.sh on yes $(column "$row" 4) 1 $(column "$row" 5) any pti=on && /pti/entry_syscall_64 100"
number=0
bad=0
for point; do
	number=$((number + 1))
	case $point in
	efi-*)
		case $point in
		efi-pair) return_at 0 efi_alloc_page_tables pgd_pair_alloc ;;
		*) return_at -12 efi_alloc_page_tables __pud_alloc ;;
		esac >"$tmp/gdb"
		# With this error the base forgets a mapping of boot time, and says so.
		set -- --efi --mem 512 --allow "$tmp/leak"
		says='efi: Failed to allocate EFI page tables$'
		program="[ -z \"\$(ls /sys/firmware/efi/efivars)\" ] && $status" ;;
	hibernate-*)
		case $point in
		hibernate-root) return_at 0 swsusp_arch_resume get_safe_page ;;
		*) return_at 0 swsusp_arch_resume get_safe_page get_safe_page ;;
		esac >"$tmp/gdb"
		set -- --mem 512
		says='PM: hibernation: Failed to load image, recovering\.$'
		program="! /pti/hibernate.sh && $status" ;;
	freed-image)
		return_at -12 free_initmem free_init_pages set_memory_np_noalias >"$tmp/gdb"
		echo "memory stays mapped at the image's address" >"$tmp/mapped"
		set -- --allow "$tmp/mapped"
		says="kernel image (initmem) memory stays mapped at the image's address$"
		program=$status ;;
	real-mode)
		return_at 0 reserve_real_mode memblock_phys_alloc_range >"$tmp/gdb"
		set --
		says='Kernel panic - not syncing: Real mode trampoline was not allocated$'
		program=$status ;;
	*) die "no point $point (--help lists them)" ;;
	esac
	name=fail-at-$model-$point
	log=$logs/$name.log
	rm -f "$log"
	rc=0
	"$here/run.sh" --image "$image" --model "$model" --name "$name" --quiet --time 100 "$@" \
		--append "pti=on nokaslr ramdisk_size=131072 no_console_suspend" \
		--attach "$here/gdb.sh --early $tmp/gdb" --stopped "$program" >"$tmp/out" 2>&1 || rc=$?
	# A panic is the end of the guest: it does not get to its program.
	case $point:$rc in
	real-mode:[12]|*:0) good=1 ;;
	*) good= ;;
	esac
	if [ "$good" ] && tr -d '\r\000' <"$log" | grep -q -e "$says"; then
		echo "ok $number - $point: $(tr -d '\r\000' <"$log" | sed -n "s/^.*\] \(.*$says\)/\1/p" | head -n 1)"
	else
		sed 's/^/# /' "$tmp/out"
		echo "not ok $number - $point; full log: $log"
		bad=$((bad + 1))
	fi
done
echo "# $number failing points tried, $((number - bad)) ended as defined"
echo "1..$number"
[ "$bad" = 0 ]
