# SPDX-License-Identifier: GPL-2.0-only
#
# Merge our entries of MAINTAINERS into the kernel's, each at its place in the
# alphabet: awk -f maintainers.awk OURS THEIRS. Comments of ours are left out.

FNR == NR {
	if (/^#/)
		next
	if (/^[A-Z0-9]/ && !/^[A-Z]:\t/)
		title[++entries] = $0
	if (entries && $0 != "")
		text[entries] = text[entries] $0 "\n"
	next
}

# An entry of theirs begins after a blank line, below the head of the list
/^Maintainers List$/ {
	list = 1
}

list && last == "" && /^[A-Z0-9]/ && !/^[A-Z]:\t/ && $0 != "Maintainers List" {
	for (i = 1; i <= entries; i++)
		if (!done[i] && title[i] < $0) {
			printf "%s\n", text[i]
			done[i] = 1
			placed++
		}
}

{
	print
	last = $0
}

END {
	exit placed != entries
}
