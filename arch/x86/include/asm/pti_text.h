/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table isolation: the addresses of the heads and tails of
 * arch/x86/entry/isolated_*.S, and of what they look up. A header of its own, since
 * asm/ptrace.h asks.
 */
#ifndef _ASM_X86_PTI_TEXT_H
#define _ASM_X86_PTI_TEXT_H

#include <linux/kconfig.h>
#include <linux/types.h>

#ifdef CONFIG_MITIGATION_PAGE_TABLE_ISOLATION

extern const char isolated_text[], isolated_text_end[];
extern const char isolated_compat_text[], isolated_compat_text_end[];
extern const char isolated_redo_table[], isolated_redo_table_end[];

/**
 * pti_ip_isolated() - is an address in a head or tail of isolated_*.S?
 * @ip: the address
 *
 * There RSP and the GS base may be the user's, and after SYSENTER TF may be set.
 *
 * Context: any.
 * Return: true if it is.
 */
static __always_inline bool pti_ip_isolated(unsigned long ip)
{
	return (ip >= (unsigned long)isolated_text &&
		ip < (unsigned long)isolated_text_end) ||
	       (IS_ENABLED(CONFIG_IA32_EMULATION) &&
		ip >= (unsigned long)isolated_compat_text &&
		ip < (unsigned long)isolated_compat_text_end);
}

#else

static __always_inline bool pti_ip_isolated(unsigned long ip)
{
	return false;
}

#endif /* CONFIG_MITIGATION_PAGE_TABLE_ISOLATION */
#endif /* _ASM_X86_PTI_TEXT_H */
