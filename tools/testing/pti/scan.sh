#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Judge the log of a guest: print each line in which the kernel complains, and
# exit 1 if there is one.
#
# Usage: scan.sh LOG [ALLOW]
#
# Only lines of the kernel count (they carry a time stamp); what a test prints
# is its own affair. noise.txt holds messages that the emulated machines
# provoke in every kernel. ALLOW holds the regular expressions of the messages
# that a test means to provoke: each must occur, and no other may. The report
# that such a message opens (registers, call trace) is allowed with it.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
log=$1
allow=${2:-/dev/null}
for f in "$log" "$allow"; do
	[ -r "$f" ] || { echo "scan.sh: cannot read $f" >&2; exit 2; }
done

tr -d '\r\000' <"$log" | awk -v noise="$here/noise.txt" -v allow="$allow" '
# load FILE: append the expressions in it to the list of the accepted ones.
function load(file,	line) {
	while ((getline line <file) > 0)
		if (line !~ /^[ \t]*(#|$)/)
			accepted[++n] = line
	close(file)
	return n
}
function complain(text) {
	print "  " text
	bad = 1
}
BEGIN {
	nnoise = load(noise)
	load(allow)
	opens = "WARNING: |BUG: |kernel BUG at|Oops[:!]|general protection fault|" \
		"[Uu]nable to handle|Kernel panic|not syncing|Attempted to kill init|" \
		"INFO: task .* blocked|rcu: INFO:|detected stall|self-detected|" \
		"soft lockup|hard LOCKUP|possible (circular|recursive|irq lock)|" \
		"suspicious RCU|inconsistent lock state|bad unlock balance|" \
		"UBSAN:|KASAN:|KFENCE:|KCSAN:|corruption|refcount_t:|ODEBUG:|" \
		"Bad page |bad (pgd|p4d|pud|pmd|pte) |Bad rss-counter|swap_info_get|" \
		"double fault|guard page was hit|stack overflow|stack-protector|" \
		"unchecked MSR access|scheduling while atomic|sleeping function|" \
		"W\\+X mappings: FAILED|insecure W\\+X|Bad or missing usercopy|" \
		"kmemleak: ([0-9]+ new suspected|Kernel memory leak detector disabled)|" \
		"vmalloc error: |page allocation failure: |nobody cared|Machine [Cc]heck|Hardware Error|Dazed and confused|" \
		"stays mapped at the image.s address|NMI received for unknown|PANIC:|invoked oom-killer: |[Uu]nexpected reschedule|" \
		"page tables isolation: (row |root at |disabled .the exposure could not)"
	inside = "Call Trace:|RIP: 0010:|---\\[ end trace"
}
!match($0, /\[ *[0-9]+\.[0-9][0-9][0-9][0-9][0-9][0-9]\] /) { next }
{
	text = substr($0, RSTART)
	# A fault of a user program, told because it was fatal to it.
	if (text ~ /\] traps: [^ ]+\[[0-9]+\] / || text ~ /\]: segfault at /)
		next
	ok = 0
	for (i = 1; i <= n; i++)
		if (text ~ accepted[i])
			ok = seen[i] = 1
}
# A report begins, or goes on, with the line that says what it is about.
text ~ opens {
	if (ok) {
		# Of these, a report follows; others are one line.
		if (text ~ /WARNING: CPU|BUG: |Oops: |Kernel panic|vmalloc error|oom-killer/)
			block = NR
	} else if (!block || text !~ /Kernel panic|not syncing/) {
		if (pending != "")
			complain(pending)
		complain(text)
		block = 0
	}
	pending = ""
	next
}
block {
	# An oops prints the registers once more, behind its end.
	if (text ~ /---\[ end /)
		again = NR + 30
	if (text ~ /---\[ end |Out of memory: Killed/ || NR > block + 150)
		block = 0
	next
}
NR < again && text ~ /RIP: 0010:/ { next }
# The line above a warning; which warning it is decides about both.
text ~ /cut here \]/ { pending = text; next }
text ~ inside && !ok { complain(text) }
END {
	if (pending != "")
		complain(pending)
	for (i = nnoise + 1; i <= n; i++)
		if (!(i in seen))
			complain("declared, but it did not come: " accepted[i])
	exit bad
}'
