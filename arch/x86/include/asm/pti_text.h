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

void isolated_SYSCALL_64(void);
void isolated_SYSENTER_compat(void);
void isolated_SYSCALL_compat(void);

extern const char isolated_SYSCALL_64_end[];
#ifdef CONFIG_PTI_OPT_OUT
void opted_out_SYSCALL_64(void);

extern const char opted_out_SYSCALL_64_safe_stack[];
extern const char opted_out_sysret_user_stack[], opted_out_sysret_end[];
#endif

extern const char isolated_SYSENTER_compat_end[], isolated_SYSCALL_compat_end[];
extern const char isolated_sysret_redo[], isolated_sysret_end[];
extern const char isolated_sysret_redo_pcid[], isolated_sysret_end_pcid[];
extern const char isolated_sysretl_redo[], isolated_sysretl_end[];
extern const char isolated_sysretl_redo_pcid[], isolated_sysretl_end_pcid[];
extern const char isolated_redo[], isolated_redo_end[];
extern const char isolated_redo_table[], isolated_redo_table_end[];

static __always_inline bool pti_ip_in(unsigned long ip, const void *start, const void *end)
{
	return ip >= (unsigned long)start && ip < (unsigned long)end;
}

/**
 * pti_ip_single_stepped() - is an address in the head of SYSENTER?
 * @ip: the address
 *
 * SYSENTER leaves the user's TF set, so a #DB may come there.
 *
 * Context: any.
 * Return: true if it is.
 */
static __always_inline bool pti_ip_single_stepped(unsigned long ip)
{
	return IS_ENABLED(CONFIG_IA32_EMULATION) &&
	       pti_ip_in(ip, isolated_SYSENTER_compat, isolated_SYSENTER_compat_end);
}

#ifdef CONFIG_PTI_OPT_OUT
/* The same for the system call of a process that is opted out (opted_out.S). */
static __always_inline bool pti_ip_opted_out_gap(unsigned long ip)
{
	return pti_ip_in(ip, opted_out_SYSCALL_64, opted_out_SYSCALL_64_safe_stack) ||
	       pti_ip_in(ip, opted_out_sysret_user_stack, opted_out_sysret_end);
}
#else
static __always_inline bool pti_ip_opted_out_gap(unsigned long ip)
{
	return false;
}
#endif

/**
 * pti_ip_syscall_gap() - is an address where RSP is no stack of the kernel's?
 * @ip: the address
 *
 * In the heads of system calls and at the end of SYSRET's tails it is the user's, or
 * has been the scratch register of the CR3 write; where a tail is taken up again it
 * may be anything. IRET's tails have it on the entry stack.
 *
 * Context: any.
 * Return: true if it is.
 */
static __always_inline bool pti_ip_syscall_gap(unsigned long ip)
{
	return pti_ip_in(ip, isolated_SYSCALL_64, isolated_SYSCALL_64_end) ||
	       pti_ip_in(ip, isolated_sysret_redo, isolated_sysret_end) ||
	       pti_ip_in(ip, isolated_sysret_redo_pcid, isolated_sysret_end_pcid) ||
	       pti_ip_in(ip, isolated_redo, isolated_redo_end) ||
	       pti_ip_opted_out_gap(ip) ||
	       (IS_ENABLED(CONFIG_IA32_EMULATION) &&
		(pti_ip_in(ip, isolated_SYSENTER_compat, isolated_SYSENTER_compat_end) ||
		 pti_ip_in(ip, isolated_SYSCALL_compat, isolated_SYSCALL_compat_end) ||
		 pti_ip_in(ip, isolated_sysretl_redo, isolated_sysretl_end) ||
		 pti_ip_in(ip, isolated_sysretl_redo_pcid, isolated_sysretl_end_pcid)));
}

#else

static __always_inline bool pti_ip_single_stepped(unsigned long ip)
{
	return false;
}

static __always_inline bool pti_ip_syscall_gap(unsigned long ip)
{
	return false;
}

#endif /* CONFIG_MITIGATION_PAGE_TABLE_ISOLATION */
#endif /* _ASM_X86_PTI_TEXT_H */
