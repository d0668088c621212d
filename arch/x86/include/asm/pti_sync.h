/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table isolation: does the way out to user mode serialise? A header of its own, as
 * asm/pti_switch.h is for headers that static keys need themselves.
 */
#ifndef _ASM_X86_PTI_SYNC_H
#define _ASM_X86_PTI_SYNC_H

#ifdef CONFIG_PTI_SWITCH

#include <linux/jump_label.h>

DECLARE_STATIC_KEY_FALSE(pti_exit_serialises_key);

/*
 * Enabled only while user mode is isolated, disabled before it is not. A task that has
 * relied on it when that happens goes to user mode behind pti_switch_cpu()'s sync_core().
 */
#define pti_exit_serialises()	static_branch_unlikely(&pti_exit_serialises_key)

#else

#include <asm/cpufeature.h>

#define pti_exit_serialises()	cpu_feature_enabled(X86_FEATURE_PTI)

#endif
#endif /* _ASM_X86_PTI_SYNC_H */
