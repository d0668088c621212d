#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Write the mailable series, build/series: one mail a patch, with the kernel's
# usual three lines of context, and a cover letter made from
# patches/cover-letter.txt. Its first line is the subject; a line @NAME@ is
# replaced by the figures in NAME.txt, of "make bench" (build/bench/parts) or of the
# tests (build/results), whichever are of the kernel that is in build/. Environment:
#
#	DRAFT=1		write it with what figures there are
#	AUTHOR="NAME <ADDRESS>"	who the mails are from, and who signs them off

set -eu
base=$(cd "$(dirname "$0")" && pwd)
. "$base/lib.sh"

need git awk
out=$build/series
count=$(git -C "$linux" rev-list --count stripped..refs/pti/next)
[ "$count" != 0 ] || die "the series is empty"
rm -rf "$out.new"
mkdir -p "$out.new"
trap 'rm -rf "$out.new"' EXIT
trap 'exit 1' HUP INT TERM

GIT_COMMITTER_DATE="1700000000 +0000"
export GIT_COMMITTER_DATE
git -C "$linux" format-patch -q --cover-letter --no-signature -N --base=stripped \
	--subject-prefix="PATCH" -n -o "$out.new" stripped..refs/pti/next

# figures_of NAME: the file with them, if there is one without a failure and of this kernel
figures_of() {
	for figures in "$build/bench/parts/$1-more.txt" \
			"$build/bench/parts/$1-ours-pti=on.txt" \
			"$build/results/$1.txt"; do
		if [ -f "$figures" ] && [ -f "$build/vmlinux" ] && ! grep -q '^not ok' "$figures" &&
		   [ -z "$(find "$build/vmlinux" -newer "$figures" 2>/dev/null)" ]; then
			echo "$figures"
			return
		fi
	done
	return 1
}

letter=$top/patches/cover-letter.txt
[ -f "$letter" ] || die "no patches/cover-letter.txt"
subject=$(head -n 1 "$letter")
sed 1d "$letter" | sed '/./,$ !d' | while IFS= read -r line; do
	case $line in
	@*@)
		name=${line#@}
		name=${name%@}
		if figures=$(figures_of "$name"); then
			cat "$figures"
		else
			echo "($name: not measured)"
		fi ;;
	*)
		printf '%s\n' "$line" ;;
	esac
done >"$out.new/text"
awk -v subject="$subject" -v text="$out.new/text" '
	/^Subject:/ { sub(/\*\*\* SUBJECT HERE \*\*\*/, subject) }
	/^\*\*\* BLURB HERE \*\*\*$/ {
		while ((getline line < text) > 0)
			print line
		next
	}
	{ print }' "$out.new/0000-cover-letter.patch" >"$out.new/letter"
mv "$out.new/letter" "$out.new/0000-cover-letter.patch"
rm "$out.new/text"
missing=$(sed -n 's/^(\(.*\): not measured)$/\1/p' "$out.new/0000-cover-letter.patch" | xargs)
[ -z "$missing" ] || [ "${DRAFT:-}" ] ||
	die "not measured, of another kernel, or not ok: $missing; 'make bench' measures all, DRAFT=1 goes without"
if [ "${AUTHOR:-}" ]; then
	for mail in "$out.new"/*.patch; do
		awk -v author="$AUTHOR" '
			/^From: / && !from { from = 1; print "From: " author; next }
			/^---$/ && !signed && FILENAME !~ /0000-/ {
				signed = 1
				print "\nSigned-off-by: " author
			}
			{ print }' "$mail" >"$out.new/mail"
		mv "$out.new/mail" "$mail"
	done
fi
rm -rf "$out"
mv "$out.new" "$out"
trap - EXIT
echo "series: $count patches and a cover letter in build/series${missing:+, not measured: $missing}"
[ "${AUTHOR:-}" ] || echo "series: from $GIT_AUTHOR_NAME <$GIT_AUTHOR_EMAIL>; AUTHOR='Name <address>' signs it off"
