/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table isolation (PTI): what the rest of x86 calls, and the bits of CR3
 * that tell the two page tables of an mm apart.
 *
 * The parts, one file each:
 *   arch/x86/entry/switch_cr3.S	the CR3 switch of the entry code
 *   arch/x86/entry/isolated_*.S	entry heads and exit tails of their own
 *   asm/pti_entry.h, pti_text.h	what C has to know of those
 *   asm/pti_io_bitmap.h		the I/O bitmap of a task
 *   arch/x86/mm/pgd_pair.c		pairs of roots, mirroring of the user half
 *   arch/x86/mm/pti_exposure.c		what the user page table shows, and why
 *   arch/x86/mm/pti.c			the mapper that puts it there
 *   arch/x86/mm/pti_pcid.h		PCIDs and the flushes owed to them
 *   arch/x86/mm/pti_tlb.[ch]		what tlb.c does about them
 *   arch/x86/mm/pti_entry.c		what entries use, and no breakpoint may be set on
 *   arch/x86/mm/pti_ldt.c		the LDT of a process
 *   arch/x86/mm/pti_mode.c		the decision at boot, and the status
 *   arch/x86/mm/pti_switch.c		the change of it in the running system
 *   asm/pti_switch.h, pti_sync.h	what is so now
 *   arch/x86/mm/pti_opt_out*.c		processes that are not isolated, and who may ask for it
 *   arch/x86/entry/opted_out.S		their system call
 *   arch/x86/mm/pti_debugfs.c		the exposure, for people to read
 *   arch/x86/mm/pti_audit.c		what one process shows, for tools
 *   arch/x86/mm/pti_audit_walk.c	the walk that finds it
 *   arch/x86/mm/pti_audit_test.c	KUnit tests of that
 *   arch/x86/mm/pti_sysfs.c		the status, for tools to read
 *   arch/x86/mm/pti_test.c		KUnit tests of the mapper and the mirroring
 *   arch/x86/mm/pti_tlb_test.c		the same, of what tlb.c does about PCIDs
 */
#ifndef _ASM_X86_PTI_H
#define _ASM_X86_PTI_H

/*
 * A pair is 8 KiB, aligned, kernel root first: bit 12 of CR3 selects the root.
 * A PCID has 12 bits; the dynamic ASIDs fit in the low ones and bit 11 makes
 * the user PCID of an ASID out of its kernel PCID (SDM vol. 3, 4.10.1).
 */
#define PTI_USER_ROOT_BIT	12
#define PTI_USER_PCID_BIT	11
#define PTI_USER_CR3_BITS	((1 << PTI_USER_ROOT_BIT) | (1 << PTI_USER_PCID_BIT))

#ifndef __ASSEMBLY__

#include <linux/types.h>

#include <asm/pti_switch.h>

/**
 * enum pti_runtime_row - rows of the exposure that come and go
 * @PTI_BTS_BUFFER: records of branches in a CPU's cpu_entry_area
 * @PTI_PEBS_BUFFER: records of events likewise
 * @PTI_DEBUG_STORE: what says where those are
 * @PTI_IO_BITMAP: the I/O bitmap behind a CPU's TSS
 * @PTI_NR_RUNTIME_ROWS: how many there are
 */
enum pti_runtime_row {
	PTI_BTS_BUFFER,
	PTI_PEBS_BUFFER,
	PTI_DEBUG_STORE,
#ifdef CONFIG_X86_IOPL_IOPERM
	PTI_IO_BITMAP,
#endif
	PTI_NR_RUNTIME_ROWS,
};

#ifdef CONFIG_MITIGATION_PAGE_TABLE_ISOLATION

/* For the header of an oops: one more string behind the last. */
#define PTI_OOPS_FORMAT		"%s"
#define PTI_OOPS_ARGS(last)	last, pti_isolates() ? " PTI" : " NOPTI"

/*
 * Decided at boot for good: NMI, #MC, #DB and #DF have isolated heads and trampolines, also
 * if isolation is given up then.
 */
extern bool pti_heads;

void pti_decide(void);
void pti_init(void);
void pti_use(enum pti_runtime_row row);
void pti_unuse(enum pti_runtime_row row);
bool pti_may_be_global(unsigned long addr);
void pti_enable_lam(unsigned long lam);

#else

#define PTI_OOPS_FORMAT		""
#define PTI_OOPS_ARGS(last)	last

static inline void pti_decide(void) { }
static inline void pti_init(void) { }
static inline void pti_use(enum pti_runtime_row row) { }
static inline void pti_unuse(enum pti_runtime_row row) { }
static inline void pti_enable_lam(unsigned long lam) { }

static inline bool pti_may_be_global(unsigned long addr)
{
	return true;
}

#endif /* CONFIG_MITIGATION_PAGE_TABLE_ISOLATION */

/* May the current task run user mode on the kernel page table (asm/pti_opt_out.h)? */
#ifdef CONFIG_PTI_OPT_OUT
#define pti_may_be_opted_out()	test_thread_flag(TIF_PTI_OPT_OUT)
#else
#define pti_may_be_opted_out()	false
#endif
#endif /* __ASSEMBLY__ */
#endif /* _ASM_X86_PTI_H */
