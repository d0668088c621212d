#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# List every break that is planted anywhere, and count them.

usage()
{
	cat <<'END'
Usage: mutants-list.sh

Prints a line for each planted break: its table, its name, and the check that has to
catch it; then the sum of each table, and all of them.

  mutants              mutants/*.patch, of "make mutants", with the cases
  rows                 rows.mutants, of "make rows-mutants", with who sees it; "same" is
                       nobody, where it makes no difference, and that is what is checked;
                       "uncaught" is nobody for want of a machine
  entry_check          entry_check.mutants, of "make entry-check-test", with the rule
  entry_check_corners  entry_check_corners.mutants, of entry-check-corners in
                       "make test-long", with the rule
  sweep                sweep.mutants, of sweep-plants in "make test-long", with the kind
                       of injection

Exit status: 0, or 2 if a table cannot be read or has a name twice.
END
}

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

only_help "$@"
work_dir

# The head of a patch ends where the patch begins.
awk -v OFS='\t' '
	function end() {
		if (name != "")
			print "mutants", name, by == "" ? "nobody" : by
	}
	FNR == 1 {
		end()
		name = FILENAME
		sub(/.*\//, "", name)
		sub(/\.patch$/, "", name)
		by = ""
		head = 1
	}
	/^--- / { head = 0 }
	head && sub(/^Caught-by: */, "") { by = by (by == "" ? "" : ", ") $0 }
	END { end() }' "$here"/mutants/*.patch >"$tmp/list"
"$here/rows-mutate.sh" --list >"$tmp/rows"
awk -F'\t' -v OFS='\t' '{ print "rows", $1, "rows-mutants, " $2 }' "$tmp/rows" >>"$tmp/list"
for table in entry_check entry_check_corners sweep; do
	rows "$here/$table.mutants" >"$tmp/rows"
	awk -F'|' -v OFS='\t' -v table="$table" '
		function trim(s) { gsub(/^[ \t]+|[ \t]+$/, "", s); return s }
		table == "sweep" { print table, trim($1), "sweep-plants, " trim($2); next }
		{
			print table, trim($1), (table == "entry_check" ? "entry-check-test" :
				"entry-check-corners") ", rule " trim($6)
		}' "$tmp/rows" >>"$tmp/list"
done
cut -f1,2 "$tmp/list" | sort | uniq -d >"$tmp/twice"
[ ! -s "$tmp/twice" ] || die "twice: $(head -n 1 "$tmp/twice" | tr '\t' ' ')"

awk -F'\t' '
	{
		printf "%-20s %-44s %s\n", $1, $2, $3
		if (!($1 in count))
			table[++n] = $1
		count[$1]++
	}
	END {
		print ""
		for (i = 1; i <= n; i++)
			printf "%-20s %5d\n", table[i], count[table[i]]
		printf "%-20s %5d\n", "planted breaks", NR
	}' "$tmp/list"
