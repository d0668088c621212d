# SPDX-License-Identifier: GPL-2.0-only
#
# The audit's targets, for testbed.mk. MODEL, CPUS, APPEND and IMAGE are its options.

.PHONY: audit audit-test audit-kernel

# The image that is looked at is made if it is one of ours to make.
audit-kernel: $(if $(filter build/stock,$(IMAGE:/=)),stock,$(if $(filter \
	build/stripped,$(IMAGE:/=)),stripped,$(if $(filter build/size,$(IMAGE:/=)),size,$(if \
	$(filter build/kunit,$(IMAGE:/=)),kunit-kernel,$(if $(filter build,$(IMAGE:/=)),kernel)))))

audit: bed-options audit-kernel initramfs ## walk the user page tables from outside and compare with exposure.expected
	@$(BED)/audit.sh --image $(IMAGE) --model $(MODEL) --append "$(APPEND)" \
		$(if $(filter-out auto,$(CPUS)),--cpus $(CPUS))

audit-test: deps ## test the audit's walker on fabricated page tables
	@$(BED)/audit.sh --self-test
