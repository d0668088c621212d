# SPDX-License-Identifier: GPL-2.0-only
#
# The audit's targets, for testbed.mk. MODEL, CPUS, APPEND and IMAGE are its options.

# FUZZ_SECONDS is for ptaudit-fuzz.
FUZZ_SECONDS ?= 600

.PHONY: audit audit-test audit-kernel audit-kinds audit-picture ptaudit ptaudit-test ptaudit-fuzz

# The image that is looked at is made if it is one of ours to make.
audit-kernel: $(if $(filter build/stock,$(IMAGE:/=)),stock,$(if $(filter \
	build/stripped,$(IMAGE:/=)),stripped,$(if $(filter build/size,$(IMAGE:/=)),size,$(if \
	$(filter build/kunit,$(IMAGE:/=)),kunit-kernel,$(if $(filter build,$(IMAGE:/=)),kernel)))))

audit: bed-options audit-kernel initramfs ## walk the user page tables from outside and compare with exposure.expected
	@$(BED)/audit.sh --image $(IMAGE) --model $(MODEL) --append "$(APPEND)" \
		$(if $(filter-out auto,$(CPUS)),--cpus $(CPUS))

audit-test: deps ## test the audit's walker on fabricated page tables
	@$(BED)/audit.sh --self-test

audit-kinds: bed-options audit-kernel initramfs ## compare what the kernel says of processes of each kind with what is seen from outside
	@$(BED)/audit-kinds.sh --image $(IMAGE) --model $(MODEL)

audit-picture: kernel stock initramfs ## draw what user mode reaches of stock and of ours, for README.md
	@$(BED)/audit-picture.sh

# What users install.
ptaudit: ## build ptaudit, which shows and compares what page tables show, in build/host
	@mkdir -p build/host
	@$(MAKE) -s -C tools/pti/ptaudit OUT=$(CURDIR)/build/host

ptaudit-test: ## test it on dumps that are written by hand, and on what is none
	@$(BED)/ptaudit-test.sh

ptaudit-fuzz: ## feed its parsers noise, with ASan and UBSan, for FUZZ_SECONDS (ten minutes)
	@mkdir -p build/fuzz/corpus
	@$(MAKE) -s -C tools/pti/ptaudit OUT=$(CURDIR)/build/fuzz fuzz
	@cp tools/pti/ptaudit/tests/* build/fuzz/corpus/
	@cd build/fuzz && ./ptaudit-fuzz -max_total_time=$(FUZZ_SECONDS) -max_len=16384 -timeout=10 \
		-rss_limit_mb=1024 -print_final_stats=1 -verbosity=0 corpus
