# SPDX-License-Identifier: GPL-2.0-only
#
# The driver: everything that this repository can do starts here. It needs no
# configuration; what it makes goes to build/. "make help" lists the targets.
#
#	J=N		so many jobs (default: as many as there are processors)
#	KSRC=DIR	another 6.12.y source than Debian's package
#	FORCE=1		let "make tree" throw away edits in build/linux
#	DRAFT=1		let "make series" write a letter without figures
#	AUTHOR=...	who the mails of "make series" and "make qemu-series" are from

SHELL := /bin/sh
export J KSRC FORCE DRAFT AUTHOR

.DEFAULT_GOAL := help
# Each build and each run has its own parallelism
.NOTPARALLEL:
.PHONY: help tree kernel stock stripped size kunit-kernel corners-kernel stock-corners refresh series prefixes \
	check check-fast check-words check-strip check-copies check-style check-docs check-bugs check-warnings \
	check-exports check-objects check-off \
	check-ksrc check-refresh check-version-other check-versions clean

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | \
		awk -F '\t' '{ printf "  %-20s %s\n", $$1, $$2 }'
	@$(MAKE) -s --no-print-directory help-options

tree: deps ## make build/linux: the source, the stripped base, a commit a patch
	@base/tree.sh

kernel: tree ## build the kernel with the series: build/bzImage, vmlinux, System.map
	@base/kernel.sh ours

stock: tree ## build the stock kernel of the same configuration, in build/stock
	@base/kernel.sh stock

stripped: tree ## build the kernel without any isolation, in build/stripped
	@base/kernel.sh stripped

size: tree ## build our kernel without the options that are not the isolation itself, in build/size
	@base/kernel.sh size

kunit-kernel: tree ## build the kernel with the tests that run in it, in build/kunit
	@base/kernel.sh kunit

corners-kernel: tree ## build the kernel with what a distribution's has, in build/corners
	@base/kernel.sh corners

stock-corners: stock ## build the stock kernel of that configuration, in build/stock/corners
	@base/kernel.sh stock-corners

refresh: deps ## bring edits made in build/linux back into patches/ and our files
	@base/refresh.sh

series: $(if $(DRAFT),deps,kernel) ## write the mailable series with its cover letter, build/series
	@base/tree.sh --commits
	@base/series.sh

prefixes: tree initramfs ## build and boot every prefix of the series; goes on where it was
	@base/prefixes.sh

# The checks of what is in this repository. A check says what is wrong, and
# ends with an exit status other than 0.

check: check-fast check-docs check-warnings check-exports check-ksrc check-refresh check-version-other check-objects check-off ## run all checks but check-versions and prefixes

check-fast: check-words check-strip check-copies check-style check-bugs ## run the checks that need no kernel

check-words: tree ## no word of the kernel's own isolation is left in the stripped base
	@base/check.sh words

check-strip: tree ## the strip says which rule fails, and leaves a stripped tree alone
	@base/check.sh strip

check-copies: tree ## no lines of the kernel, and none that the strip took out, stand in our files
	@base/check.sh copies

check-style: tree ## checkpatch, sparse, W=1 and the scripts' syntax are clean
	@base/check.sh style

check-docs: tree ## the documentation builds without a warning; and can be read then, in build/docs
	@base/check.sh docs

check-bugs: tree ## each bug of an earlier isolation has a test that exists, or a reason
	@base/check.sh bugs

check-warnings: kernel ## the kernel builds without a warning
	@base/check.sh warnings

check-exports: kernel stock ## modules find the exports of the stock kernel, no more and no less
	@base/check.sh exports

check-objects: tree ## the stripped kernel equals stock with its isolation off, function by function
	@base/check.sh objects

check-off: tree ## our kernel with the option off equals the stripped one
	@base/check.sh off

check-ksrc: tree ## a tree made from the stripped base is the same tree
	@base/check.sh ksrc

check-refresh: tree ## an edit in build/linux comes back complete
	@base/check.sh refresh

check-version-other: deps ## the strip and the series fit the oldest 6.12 that Debian has
	@base/check.sh versions oldest

check-versions: deps ## they fit every 6.12 that Debian has: strip, word search, each patch applies
	@base/check.sh versions all

clean: ## remove build/
	rm -rf build

include tools/testing/pti/testbed.mk
