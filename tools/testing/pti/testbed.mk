# SPDX-License-Identifier: GPL-2.0-only
#
# The test bed's targets. Included by the Makefile at the top, which makes the
# kernels; "make help" lists the lines with two number signs of both.

BED := tools/testing/pti

# Which machine a guest is: a name of models.txt. The rest is for it, too.
MODEL ?= $(or $(if $(filter bochs,$(EMU)),haswell-pcid),$(filter qemu-pcid,$(EMU)),affected)
CPUS ?= auto
APPEND ?= pti=on
EMU ?=
ACCEL ?= tcg
IMAGE ?= build
CASE ?=
PART ?=
AGAIN ?=
CONFIG ?=
MUTANT ?=
VMLINUX ?=
FEATURES ?=
MACHINE ?=
PATHS ?=
KINDS ?=
OPTIONS ?=
export ACCEL

BED_RUN = $(BED)/run.sh --image $(IMAGE) --model $(MODEL) --cpus $(CPUS) \
	$(if $(EMU),--emu $(EMU)) --append "$(APPEND)"

.PHONY: deps tools install initramfs boot shell test test-long test-quick test-configs deb deb-test kunit mutants cost cost-pcid growth checker \
	selftests-x86 selftests-more pcid-test nmi-sweep left tlb-explore tlb-explore-bugs flushes bench bench-options bench-figures bench-check bench-hw qemu-series rows-mutants qemu-pcid qemu-deps entry-check entry-check-test bed-options part-options \
	mutant-options rows-options mutants-list deps-more debug-kernel help-options test-kernels inet

deps: ## install the packages that are missing (packages.txt of the test bed lists them)
	@$(if $(filter no,$(DEPS)),:,$(BED)/deps.sh)

# Of a compiler they need no more than the C library, and of the kernel nothing.
tools: ## build the tools of administrators, ptictl and ptaudit, in build/tools
	@$(MAKE) -s --no-print-directory -C tools/pti OUT=$(CURDIR)/build/tools

# A relative DESTDIR is one of here.
install: tools ## install them, with manual pages and completions (DESTDIR=DIR, prefix=/usr/local)
	@$(MAKE) -s --no-print-directory -C tools/pti install OUT=$(CURDIR)/build/tools $(if $(DESTDIR),DESTDIR=$(abspath $(DESTDIR)))

initramfs: deps tree ## make the guests' initramfs: busybox and the test programs
	@$(BED)/mkinitramfs.sh

# The options are looked at before anything is built.
bed-options:
	@$(BED)/run.sh --check-options --model $(MODEL) --cpus $(CPUS) \
		$(if $(EMU),--emu $(EMU)) $(if $(filter shell,$(MAKECMDGOALS)),--interactive)

boot: bed-options audit-kernel initramfs ## boot isolated; show the status and what user mode can see of the kernel
	@echo "Booting $(IMAGE)/bzImage: $(MODEL), $(APPEND)"
	@$(BED_RUN) --name boot /pti/show.sh

shell: bed-options audit-kernel initramfs ## the same, with a shell in the guest (needs a terminal)
	@$(BED_RUN) --name shell --time 86400 --interactive

# Two at a time: one has work for all processors while the other links.
test-kernels: tree
	@printf '%s\n' ours stock stripped kunit | xargs -n 1 -P $(if $(filter 1,$(J)),1,2) base/kernel.sh

# When the build begins
test: export PTI_BEGUN := $(shell date +%s)
test: test-kernels initramfs ## run all tests
	@$(BED)/suite.sh $(if $(CASE),--only '$(CASE)')

# The part's name is looked at before anything is built. Soak and load have a kernel of
# their own; whether the emulator of "make qemu-pcid" is needed, the tables tell.
SOAK = $(filter soak% load%,$(or $(PART),$(CASE)))
QEMU = $(if $(filter test-long,$(MAKECMDGOALS)),$(if $(CASE)$(PART),$(filter qemu-pcid,$(shell \
	$(BED)/suite.sh --emulators $(if $(CASE),--only '$(CASE)',--part '$(PART)') 2>/dev/null)),all))
LONG_NEEDS = $(if $(SOAK),,kernel stock stripped size kunit-kernel corners-kernel stock-corners) $(if $(SOAK)$(if $(PART)$(CASE),,all),debug-kernel) \
	$(if $(QEMU),qemu-pcid)

part-options:
	@$(if $(PART),$(BED)/suite.sh --list --part '$(PART)' >/dev/null)

test-long: part-options $(LONG_NEEDS) initramfs ## run what takes too long for "make test", on from where it was (CASE=name: that one; PART=name: that part)
	@$(BED)/suite.sh $(if $(CASE),--only '$(CASE)',--long $(if $(PART),--part '$(PART)') $(if $(AGAIN),--again))

debug-kernel: deps-more tree
	@base/kernel.sh config-debug

deps-more: deps
	@$(if $(filter no,$(DEPS)),:,$(BED)/deps.sh more)

test-configs: deps-more initramfs ## build, boot and test each configuration of configs.txt; goes on where it was (CONFIG=name: that one)
	@$(BED)/configs.sh $(if $(CONFIG),'$(CONFIG)')

deb: deps-more tree ## make a kernel package from Debian's cloud configuration (CONFIG=name: from that one), and one of the tools
	@DEB=1 base/kernel.sh config-$(or $(CONFIG),debian-cloud)
	@$(MAKE) -s -C tools/pti deb OUT=$(CURDIR)/build/tools

deb-test: deb ## install it in a Debian root, boot that to a login, isolated (as root)
	@$(BED)/deb-test.sh $(CONFIG)

test-quick: kernel initramfs ## run the tests that are over in two minutes
	@$(BED)/suite.sh --quick

kunit: kunit-kernel initramfs ## run the tests in the kernel: 4 and 5 levels, PCID (Bochs) with INVPCID and without
	@PTI_IMAGE=build $(BED)/kunit-test.sh affected affected-la57 haswell-pcid
	@PTI_IMAGE=build $(BED)/kunit-test.sh --append noinvpcid haswell-pcid

selftests-x86: kernel stock initramfs ## run the kernel's own x86 selftests on stock and on ours, and compare
	@$(BED)/selftests.sh

selftests-more: corners-kernel stock-corners initramfs ## the same with those of mm, kvm, ptrace, breakpoints and seccomp that concern it
	@$(BED)/selftests.sh more

checker: kernel initramfs ## ask spectre-meltdown-checker, in the guest, with and without isolation
	@$(BED)/checker.sh

cost: kernel stock stripped initramfs ## count the instructions that isolation costs, beside stock's
	@$(BED)/cost.sh

cost-pcid: kernel stock stripped initramfs ## the same with PCID, on Bochs, with INVPCID and without
	@$(BED)/cost.sh --bochs

flushes: kernel stock initramfs ## count what each operation drops from the TLB with PCID, beside stock's, on Bochs
	@$(BED)/flushes.sh

growth: kernel size stock stripped initramfs ## measure how much larger the isolation makes the kernel, beside stock's
	@$(BED)/growth.sh

# What does not build is left out of the report, and named in it. Two lines, as "make -n"
# runs what names $(MAKE).
BENCH_HELP = $(filter --help -h,$(OPTIONS))

bench-options:
	@$(BED)/bench.sh --check-options $(OPTIONS)

inet: tree ## build ours, stock and stripped with INET, for the loopback network of "make bench"
	@base/kernel.sh config-inet
	@base/kernel.sh stock-config-inet stock
	@base/kernel.sh stripped-config-inet stripped

bench: $(if $(BENCH_HELP),,bench-options kernel initramfs) ## measure ours beside stock and stripped: build/bench/report.md with charts (half an hour; OPTIONS=--quick: no PCID)
	@for name in $(if $(BENCH_HELP),,stock stripped size inet $(if $(filter --quick,$(OPTIONS)),,qemu-pcid)); do \
		rm -f build/unbuilt-$$name; \
		$(MAKE) --no-print-directory $$name || touch build/unbuilt-$$name; \
	done
	@$(BED)/bench.sh $(OPTIONS)

bench-figures: ## bring the report's short table and picture into README.md
	@$(BED)/bench-report.sh --figures

bench-check: ## see that README.md has the figures of the report
	@$(BED)/bench-report.sh --check

bench-hw: deps ## build the programs that measure real hardware, in build/bench-hw, and run them here
	@$(BED)/bench-hw.sh $(OPTIONS)

qemu-deps:
	@$(if $(filter no,$(DEPS)),:,$(BED)/deps.sh qemu)

qemu-pcid: deps qemu-deps ## build the emulator that shows missing flushes, from Debian's QEMU source (minutes)
	@$(BED)/qemu.sh
	@$(BED)/qemu-test.sh

qemu-series: qemu-pcid ## write the patches of that emulator as mails, build/qemu/series; QEMU's checkpatch looks at them
	@$(BED)/qemu-series.sh

pcid-test: deps ## test the PCID state of arch/x86/mm/pti_pcid.h on the host, against a model
	@mkdir -p build/host
	@$(CC) -O2 -Wall -Wextra -Werror -o build/host/pcid_test $(BED)/pcid_test.c
	@build/host/pcid_test

# All of it, or what is asked for, on one machine.
SWEEP_ON = $(or $(MACHINE),$(if $(PATHS)$(KINDS),intel))
SWEEP_NEEDS = $(if $(filter %pcid %ibrs ibrs% %ibpb,$(or $(SWEEP_ON),pcid)),qemu-pcid) \
	$(if $(filter given-up,$(or $(SWEEP_ON),given-up)),kunit-kernel)

nmi-sweep: audit-kernel initramfs $(SWEEP_NEEDS) ## inject an NMI, #MC or #DB at every instruction of the entry code, on each machine (half an hour; PATHS=: one path, minutes)
	@$(BED)/sweep.sh --image $(IMAGE) $(if $(SWEEP_ON),--machine $(SWEEP_ON) \
		$(if $(PATHS),--paths '$(PATHS)') $(if $(KINDS),--kinds $(KINDS)),--full)

left: bed-options audit-kernel initramfs ## take NMIs, #MCs and #DBs in the kernel, and see what is left where user mode can reach it
	@$(BED)/left.sh --image $(IMAGE) --model $(MODEL) --append "$(APPEND)" $(OPTIONS)

entry-check: deps $(if $(VMLINUX),,kernel) ## prove the entry code of build/vmlinux, or of VMLINUX=FILE, instruction by instruction
	@$(BED)/entry-check.sh $(if $(VMLINUX),--vmlinux "$(VMLINUX)") $(if $(FEATURES),--features "$(FEATURES)")

entry-check-test: kernel ## plant breaks in the entry code and see that entry-check finds each
	@$(BED)/entry-check.sh --test

tlb-explore: tree ## explore all that tlb.c and the PCID state can do on two CPUs
	@$(if $(OPTIONS),$(BED)/tlb-explore.sh $(OPTIONS),$(BED)/tlb-explore.sh --events 2 && \
		$(BED)/tlb-explore.sh --events 3 --no-nmi)

# The names are looked at before anything is built.
mutant-options:
	@$(BED)/mutants.sh $(if $(filter tlb-explore-bugs,$(MAKECMDGOALS)),--by tlb-explore) --list "$(MUTANT)" >/dev/null

rows-options:
	@$(BED)/rows-mutate.sh --list $(if $(MUTANT),"$(MUTANT)") >/dev/null

tlb-explore-bugs: mutant-options tree ## plant each bug of the flushes, see the explorer tell of it
	@$(BED)/mutants.sh --by tlb-explore "$(MUTANT)"

mutants: mutant-options kernel stock stripped kunit-kernel corners-kernel initramfs qemu-pcid ## plant each known break, see its test fail (MUTANT=name: that one)
	@$(BED)/mutants.sh "$(MUTANT)"

rows-mutants: rows-options kernel kunit-kernel initramfs ## plant each break of the exposure table in a guest's memory (MUTANT=pattern of "ROW CHANGE")
	@$(BED)/rows-mutate.sh $(if $(MUTANT),"$(MUTANT)")

mutants-list: ## list every break that is planted by these and by the other tables, with its check, and count them
	@$(BED)/mutants-list.sh

include $(BED)/audit.mk

# The second half of "make help".
help-options:
	@echo
	@echo "Options of the test bed:"
	@echo "  MODEL=NAME           the machine (default: affected), one of those below"
	@echo "  EMU=tcg|bochs|qemu-pcid  the emulator; each model belongs to one of them"
	@echo "  CPUS=N               how many CPUs (default: 2, on Bochs 1)"
	@echo "  APPEND=\"...\"         kernel parameters (default: pti=on)"
	@echo "  IMAGE=DIR            the kernel (default: build; build/stock, build/stripped)"
	@echo "  ACCEL=kvm            KVM instead of emulation, for those who have it"
	@echo "  CASE=PATTERN         for test: only the cases with such a name"
	@echo "  PART=NAME            for test-long: only that part; one takes at most an hour"
	@echo "  AGAIN=1              for test-long: what has passed, too"
	@echo "  CONFIG=NAME          for test-configs, deb and deb-test: that row of configs.txt"
	@echo "  SOAK_SECONDS=N       for the parts soak and load: so long, instead of 1800 (on Bochs 300,"
	@echo "                       under load 1200)"
	@echo "  MUTANT=PATTERN       for mutants, rows-mutants and tlb-explore-bugs: only those"
	@echo "  OPTIONS=\"...\"        for tlb-explore, left, bench and bench-hw: their own (OPTIONS=--help lists them)"
	@echo "  VMLINUX=FILE         for entry-check: that kernel, with symbols; FEATURES=FILE:"
	@echo "                       its cpufeatures.h, if it is not the one of build/linux"
	@echo "  PATHS=\"...\"          for nmi-sweep: only paths with such names, several parted by |;"
	@echo "  KINDS=LIST           only these injections, parted by commas (nmi);"
	@echo "  MACHINE=NAME         only that machine (with PATHS or KINDS: intel);"
	@echo "                       $(BED)/sweep.sh --help lists all three"
	@echo "  DEPS=no              do not look for packages"
	@echo "  J=N                  so many jobs in a build (default: one a processor)"
	@echo "  KSRC=DIR             another 6.12.y source than Debian's package"
	@echo "  FORCE=1              for tree: throw away edits in build/linux"
	@echo "  DRAFT=1              for series: write the letter without figures that are missing"
	@echo "  AUTHOR=\"N <A>\"      for series and qemu-series: who the mails are from, and who signs them off"
	@echo
	@echo "make ends with 2 on any failure; $(BED)/audit.sh, entry-check.sh and"
	@echo "run.sh, which it calls, end with 1 if there is a difference and with 2 if they"
	@echo "could not tell."
	@echo
	@echo "Models:"
	@. $(BED)/lib.sh && rows $(BED)/models.txt | awk -F'|' ' \
		{ gsub(/[ \t]/, "", $$1); gsub(/[ \t]/, "", $$2); sub(/^[ \t]+/, "", $$7) } \
		{ printf "  %-20s %-6s %s\n", $$1, $$2, $$7 }'
