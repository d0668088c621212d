# SPDX-License-Identifier: GPL-2.0-only
#
# Judge every page table that a guest with one CPU loads into CR3, from QEMU's log of
# its MMU. A paranoid entry takes a root with bit 12 set for the user's. So none that
# has it may be in CR3 but a user page table; and one of those is only loaded while
# the kernel root beside it is there. What firmware and decompressor load does not
# count: the kernel proper begins with early_top_pgt and then init_top_pgt, at the
# same distance wherever it lies, and so it does after a reset. For gawk.
#
#	early, init	addresses of these two symbols, hexadecimal
#
# The last line of the output counts, or says what is wrong; exit status 0 or 1.

BEGIN {
	# Of the 64 bits, a number holds 53; those of an image differ in 32.
	step = strtonum("0x" substr(init, 9)) - strtonum("0x" substr(early, 9))
}
/^CPU Reset/ { on = 0 }
/^CR3 update: CR3=/ {
	# Without the three digits of the PCID, and NOFLUSH: pages.
	page = strtonum("0x" substr($3, 6, 12))
	if (page != before && (page - before) * 4096 == step)
		on = 1
	if (on) {
		loads++
		if (page % 2 == 0) {
			kernel[page]
		} else {
			user[page - 1]
			if (before != page - 1 && bad == "")
				bad = sprintf("root %x000 has bit 12 set and is no user page table: loaded behind %x000",
					page, before)
		}
	}
	before = page
}
END {
	for (page in kernel) {
		roots++
		alone += !(page in user)
	}
	printf "%d loads of CR3, %d kernel roots, %d of them without a user page table\n",
		loads, roots, alone
	if (!loads)
		bad = "no load of a root was seen"
	if (bad != "")
		print bad
	exit bad != ""
}
