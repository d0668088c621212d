/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table isolation: is user mode isolated now?
 *
 * X86_FEATURE_PTI says that mms have pairs of roots, which boot decides for good. With
 * CONFIG_PTI_SWITCH, whether user mode runs on the second of them can change
 * (arch/x86/mm/pti_switch.c); without, it always does.
 */
#ifndef _ASM_X86_PTI_SWITCH_H
#define _ASM_X86_PTI_SWITCH_H

#include <linux/types.h>

#include <asm/cpufeature.h>

#ifdef CONFIG_PTI_SWITCH

/* Changes only while no CPU can get to user mode. */
extern bool pti_isolating;

/* Where a tail that was interrupted may have been: from here to the end of the entry text. */
extern unsigned long pti_redo_start;

u64 pti_host_msr(u32 msr, u64 value);
u64 pti_host_sysenter(u64 value);

/**
 * pti_isolates() - does user mode run on a user page table?
 *
 * Context: any. It can be otherwise as soon as this CPU is left.
 * Return: true if it does.
 */
static __always_inline bool pti_isolates(void)
{
	return pti_isolating;
}

/**
 * pti_shows_flag() - does /proc/cpuinfo show a flag that a CPU has?
 * @flag: X86_FEATURE_*
 *
 * Context: any.
 * Return: whether it does: not of PTI, while it is switched off.
 */
static inline bool pti_shows_flag(unsigned int flag)
{
	return flag != X86_FEATURE_PTI || pti_isolates();
}

#else

#define pti_isolates()		cpu_feature_enabled(X86_FEATURE_PTI)

static inline bool pti_shows_flag(unsigned int flag)
{
	return true;
}

static inline u64 pti_host_msr(u32 msr, u64 value)
{
	return value;
}

static inline u64 pti_host_sysenter(u64 value)
{
	return value;
}

#endif /* CONFIG_PTI_SWITCH */
#endif /* _ASM_X86_PTI_SWITCH_H */
