#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What does an oops tell that happens on the entry stack? gdb makes the kernel
# fault there, once a boot, at each of these places:
#
#	idt	an event from user mode, after the switch to the kernel page table
#	sysret	the SYSRET exit, before the switch to the user page table
#	iret	the IRET exit, likewise
#	user	the IRET exit after it: the C code that a fault calls is not mapped
#		then, so page faults nest down to the end of the stack and a double
#		fault has to tell of it
#
# Each has to be one report, of symbols and registers that can be, with an end.
#
# Usage: entry-oops.sh [--model NAME] [PLACE...]	(affected; all)

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
image=${PTI_IMAGE:-$build}
model=affected
[ "${1:-}" != --model ] || { model=${2:-}; shift 2; }
row=$(model_row "$model") || exit 2
# The exits are others with PCIDs.
pcid=
[ "$(column "$row" 5)" = no ] || pcid=_pcid
case ${1:-} in
-*) sed -n '4,17s/^# \{0,1\}//p' "$0"; exit ;;
esac
[ $# -gt 0 ] || set -- idt sysret iret user
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP

# at FUNCTION BYTE...: stop at the first instruction of these bytes behind it.
at()
{
	printf 'find /1 %s, +0x200' "$1"
	shift
	printf ', (char)%s' "$@"
	printf '\nset $at = $_\nhbreak *$at\ncontinue\ndelete\n'
}

# The push of the IRET frame's last word, by the pointer to it in RDI.
at_iret()
{
	at isolated_return_to_usermode$pcid 0xff 0x77 0x30
}

# plant PLACE: what gdb does for that.
plant()
{
	case $1 in
	idt|sysret)	# It has to be there again for the next event.
		case $1 in
		idt)	# mov %rsp, %rsi, behind the switch
			printf 'hbreak do_syscall_64\ncontinue\ndelete\n'
			at isolated_error_entry 0x48 0x89 0xe6 ;;
		*)	# mov RSP-RDI(%rsp), %rdi
			at isolated_sysret$pcid 0x48 0x8b 0x7c 0x24 0x28 ;;
		esac
		cat <<'END'
set $was = *(short *)$at
set {short}$at = 0x0b0f
hbreak *asm_exc_invalid_op
continue
delete
set {short}$at = $was
END
		;;
	iret)	at_iret
		echo 'set $rdi = 0' ;;
	user)	# swapgs, which is before that in the text
		at_iret
		echo "find /1 isolated_return_to_usermode$pcid, +0x200, (char)0x0f, (char)0x01, (char)0xf8"
		cat <<'END'
set {short}$_ = 0x0b0f
END
		;;
	*) die "no place $1; there are: idt sysret iret user" ;;
	esac
	echo detach
}

# judge HEAD RIP INSIDE: the report on stdin. HEAD begins it, RIP is where; INSIDE is
# a line that the trace has to have, or "nothing".
judge()
{
	tr -d '\r\000' | awk -v head="$1" -v rip="$2" -v inside="$3" '
	function complain(text) {
		print "# " text
		bad = 1
	}
	!match($0, /\[ *[0-9]+\.[0-9][0-9][0-9][0-9][0-9][0-9]\] /) { next }
	{ text = substr($0, RSTART + RLENGTH) }
	text ~ /^Kernel panic - not syncing: / { panics++ }
	text ~ /^(BUG|Oops): / {
		if (begun++ ? text !~ /^Oops: / : text !~ "^" head)
			complain("another report: " text)
		if (text ~ /^Oops: / && (heads++ || text !~ /\[#1\] SMP PTI$/))
			complain("not the head of the first oops: " text)
		next
	}
	!begun || ended { next }
	text ~ /^RIP: / && !where {
		where = text
		if (text !~ "^RIP: 0010:" rip "[+]0x")
			complain("it is not at " rip ": " text)
	}
	text ~ /^Call Trace:$/ { trace = 1; next }
	text ~ /^Modules linked in:/ { trace = 0 }
	text ~ /^---\[ end trace / { ended = 1 }
	trace {
		# The names of stacks are none
		lines += text !~ /^ <[\/A-Z_]+>$/
		found = found || text ~ inside
		if (text !~ /^ <\/?(ENTRY_TRAMPOLINE|TASK)>$/ &&
		    text !~ /^ (\? )?[A-Za-z_][A-Za-z0-9_.]*\+0x[0-9a-f]+\/0x[0-9a-f]+$/ &&
		    text !~ /^RIP: (0010:[A-Za-z_][A-Za-z0-9_.]*\+0x[0-9a-f]+\/0x|00(33|23|00):0x)[0-9a-f]+$/ &&
		    text !~ /^RSP: (0000|0018|002b):[0-9a-f]+ EFLAGS: / &&
		    text !~ /^(Code|RAX|RDX|RBP|R10|R13|FS|CS|CR2|PKRU): /)
			complain("no line of a trace: " text)
	}
	END {
		if (!begun)
			complain("no oops")
		else if (heads != 1 || !ended || panics != 1)
			complain(heads + 0 " heads, " (ended ? "an" : "no") " end, " panics + 0 " panics")
		if (inside == "nothing" ? lines : !found)
			complain("the trace has " lines + 0 " lines; it should have: " inside)
		print "# " where
		exit bad
	}'
}

number=0
bad=0
for place; do
	number=$((number + 1))
	plant "$place" >"$tmp/gdb"
	name=entry-oops-$model-$place
	log=$logs/$name.log
	rm -f "$log"
	# That the guest does not end well is what this is about.
	"$here/run.sh" --image "$image" --model "$model" --append "pti=on nokaslr" --time 100 --quiet \
		--name "$name" --attach "$here/gdb.sh $tmp/gdb" \
		'while :; do cat /proc/version >/dev/null; done' >/dev/null 2>&1 || :
	[ -r "$log" ] || die "the guest did not start"
	case $place in
	idt)	set -- 'Oops: invalid opcode: ' isolated_error_entry '^RIP: 0033:0x' ;;
	sysret)	set -- 'Oops: invalid opcode: ' isolated_sysret$pcid nothing ;;
	iret)	set -- 'BUG: kernel NULL pointer dereference, ' isolated_return_to_usermode$pcid nothing ;;
	# The frame of the double fault itself was in their midst, and is cleared: RIP 0.
	user)	set -- 'BUG: ENTRY_TRAMPOLINE stack guard page was hit ' '[a-z_]+' \
			'^RIP: 0010:exc_page_fault[+]0x0/' ;;
	esac
	if judge "$@" <"$log"; then
		echo "ok $number - $place: one sane report"
	else
		echo "not ok $number - $place; full log: $log"
		bad=1
	fi
done
echo "1..$number"
exit $bad
