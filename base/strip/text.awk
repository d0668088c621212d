# SPDX-License-Identifier: GPL-2.0-only
#
# Apply the text rules of one file: awk -v want=PATH -f text.awk text.rules FILE
# writes the edited FILE; the format is described in text.rules. Stops with the
# name of the first rule that does not apply exactly as often as it says.

function fail(name, got, n)
{
	printf "strip: rule '%s' of text.rules: applies %d times to %s, not %d\n",
	       name, got, want, n > "/dev/stderr"
	failed = 1
	exit 1
}

function drop(i)
{
	gone[i] = cut[i] = 1
}

function comment_start(i)
{
	while (i > 1 && line[i] !~ /\/\*/)
		i--
	return i
}

# Remove the whole comment that line i is part of
function drop_comment(i,	b)
{
	for (b = i; b < lines && line[b] !~ /\*\//; b++)
		;
	for (i = comment_start(i); i <= b; i++)
		drop(i)
}

# Remove from line i to the next line that matches re; upto leaves out the
# latter, between leaves out both
function drop_range(i, re, how,	b)
{
	for (b = i + 1; b <= lines && (gone[b] || line[b] !~ re); b++)
		;
	if (b > lines)
		return 0
	if (how != "through")
		b--
	if (how == "between")
		i++
	for (; i <= b; i++)
		drop(i)
	return 1
}

function apply(r,	i, hits)
{
	for (i = 1; i <= lines; i++) {
		if (gone[i] || line[i] !~ pattern[r])
			continue
		if (op[r] == "del")
			drop(i)
		else if (op[r] == "comment")
			drop_comment(i)
		else if (op[r] == "join") {
			if (line[i + 1] != "" || gone[i + 1])
				continue
			gone[i + 1] = 1
		} else if (op[r] == "space")
			space[comment_start(i)] = 1
		else if (op[r] == "sub")
			sub(pattern[r], second[r], line[i])
		else if (!drop_range(i, second[r], op[r]))
			continue
		hits++
	}
	if (hits != count[r])
		fail(name[r], hits, count[r])
}

FNR == NR {
	if ($0 ~ /^(#|$)/)
		next
	if (split($0, f, /\t+/) == 1)
		file = $0
	else if (file == want) {
		name[++rules] = f[1]
		op[rules] = f[2]
		count[rules] = f[3]
		pattern[rules] = f[4]
		second[rules] = f[5]
		gsub(/\\t/, "\t", second[rules])
	}
	next
}

{
	line[++lines] = $0
}

END {
	if (failed)
		exit 1
	for (r = 1; r <= rules; r++)
		apply(r)
	# Where something went, two blank lines become one
	for (i = 1; i <= lines; i++) {
		after_cut = after_cut || cut[i]
		if (gone[i])
			continue
		if (after_cut && line[i] == "" && last == "" && printed)
			continue
		if (space[i])
			print ""
		print line[i]
		last = line[i]
		printed = 1
		if (line[i] != "")
			after_cut = 0
	}
}
