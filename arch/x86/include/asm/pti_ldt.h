/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table isolation: the LDT of a process, as kernel/ldt.c sees it.
 */
#ifndef _ASM_X86_PTI_LDT_H
#define _ASM_X86_PTI_LDT_H

#include <linux/mmu_context.h>
#include <linux/pgtable.h>

#include <asm/ldt.h>

/*
 * A slot of the root that nothing else uses: the first behind the 16 that are left
 * to a hypervisor, with 4 levels as with 5: the same entry, at another address.
 * The LDT in use and the one that replaces it have a half of the window each.
 */
#define PTI_LDT_BASE	(-240UL << PGDIR_SHIFT)
#define PTI_LDT_INDEX	(PTRS_PER_PGD - 240)
#define PTI_LDT_HALF	(LDT_ENTRIES * LDT_ENTRY_SIZE)
#define PTI_LDT_SIZE	(2UL * PTI_LDT_HALF)

#if defined(CONFIG_MITIGATION_PAGE_TABLE_ISOLATION) && defined(CONFIG_MODIFY_LDT_SYSCALL)

int pti_ldt_map(struct mm_struct *mm, struct ldt_struct *ldt);
void pti_ldt_unmap(struct mm_struct *mm, struct ldt_struct *ldt);
void pti_ldt_free_tables(pgd_t *pgd);

/**
 * pti_ldt_hold() - keep the LDT of an mm as it is
 * @mm: the mm; somebody uses it
 *
 * Context: process; sleeps until whoever is changing it has done so.
 * Return: 0, with pti_ldt_release() to follow; -EINTR if the caller is being killed.
 */
static inline int pti_ldt_hold(struct mm_struct *mm)
{
	return down_read_killable(&mm->context.ldt_usr_sem);
}

/**
 * pti_ldt_release() - let it be changed again
 * @mm: the mm
 *
 * Context: process.
 */
static inline void pti_ldt_release(struct mm_struct *mm)
{
	up_read(&mm->context.ldt_usr_sem);
}

/**
 * pti_ldt_entries() - the address by which the CPU is to read an LDT
 * @ldt: an LDT that has been through pti_ldt_map()
 *
 * Context: any; the LDT must stay.
 * Return: the alias that both page tables have, or the LDT itself with
 * isolation off.
 */
static inline void *pti_ldt_entries(struct ldt_struct *ldt)
{
	return cpu_feature_enabled(X86_FEATURE_PTI) ? ldt->alias : ldt->entries;
}

#else

#define pti_ldt_entries(ldt)	((ldt)->entries)

static inline int pti_ldt_map(struct mm_struct *mm, struct ldt_struct *ldt)
{
	return 0;
}

static inline int pti_ldt_hold(struct mm_struct *mm)
{
	return 0;
}

static inline void pti_ldt_release(struct mm_struct *mm) { }
static inline void pti_ldt_unmap(struct mm_struct *mm, struct ldt_struct *ldt) { }
static inline void pti_ldt_free_tables(pgd_t *pgd) { }

#endif
#endif /* _ASM_X86_PTI_LDT_H */
