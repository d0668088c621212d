// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-table isolation: the LDT of a process in its user page table, and espfix with it.
 *
 * The CPU reads segment descriptors in user mode, so the LDT must be mapped
 * there: read-only, supervisor, at an address that is the same in both page
 * tables, because LDTR does not change with CR3. The LDT itself lies in memory
 * that the user page table does not show; the alias is in a top-level slot of
 * its own, whose lower tables both roots share.
 *
 * The tables belong to the root and live as long as it does. While they do, only
 * leaves come and go.
 *
 * espfix is what IRET to a 16-bit stack segment reads, and only an LDT can have such a
 * segment: without one, native_irq_return_ldt stays away from it.
 */
#include <linux/build_bug.h>
#include <linux/gfp.h>
#include <linux/mm.h>

#include <asm/page.h>
#include <asm/pgd_pair.h>
#include <asm/pti.h>
#include <asm/pti_ldt.h>
#include <asm/tlbflush.h>

static_assert(PTI_LDT_SIZE <= PMD_SIZE);

/* Levels of table between the root and the leaves: four or three. */
static unsigned int pti_ldt_levels(void)
{
	return pgtable_l5_enabled() ? 4 : 3;
}

/* Out of line: __pa() is 40 bytes. */
static noinline phys_addr_t pti_ldt_phys(const void *page)
{
	/* A leaf of the direct map may be split at any time: no walk there. */
	return is_vmalloc_addr(page) ? slow_virt_to_phys((void *)page) : __pa(page);
}

/* The window starts at the first entry of a table on every level. */
static pte_t *pti_ldt_make_leaves(pgd_t *root)
{
	unsigned long *entry = (unsigned long *)&root[PTI_LDT_INDEX];
	unsigned int level;
	void *table;

	for (level = 0; level < pti_ldt_levels(); level++) {
		if (!*entry) {
			table = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
			if (!table)
				return NULL;
			WRITE_ONCE(*entry, pti_ldt_phys(table) | _KERNPG_TABLE);
		}
		entry = __va(*entry & PTE_PFN_MASK);
	}

	WRITE_ONCE(pgd_pair_user_root(root)[PTI_LDT_INDEX], root[PTI_LDT_INDEX]);

	return (pte_t *)entry;
}

/* The entry of a root for espfix: of init_mm's user root, if @root is swapper_pg_dir. */
static pgd_t *pti_espfix_entry(pgd_t *root)
{
	return pgd_offset_pgd(pgd_pair_user_root(root), ESPFIX_BASE_ADDR);
}

/*
 * Show espfix in one user root, for good. With five levels more than espfix is in the
 * table that has its entry, and all user roots share that table: this one gets a copy.
 * No entry of it changes after boot.
 */
static bool pti_ldt_show_espfix(struct mm_struct *mm)
{
	pgd_t *kernel = pgd_offset(mm, ESPFIX_BASE_ADDR);
	pgd_t *shared = pti_espfix_entry(swapper_pg_dir);
	pgd_t *user = pti_espfix_entry(mm->pgd);
	/* p4d_index() and p4d_offset() would ask once more how many levels there are. */
	const unsigned int entry = ESPFIX_BASE_ADDR / P4D_SIZE % PTRS_PER_PGD;
	p4d_t *table;

	if (!IS_ENABLED(CONFIG_X86_ESPFIX64) || pgd_val(*user) != pgd_val(*shared))
		return true;

	if (!pgtable_l5_enabled()) {
		WRITE_ONCE(*user, *kernel);
		return true;
	}

	table = (p4d_t *)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!table)
		return false;

	copy_page(table, __va(pgd_val(*shared) & PTE_PFN_MASK));
	table[entry] = ((p4d_t *)pgd_page_vaddr(*kernel))[entry];
	/* CPUs that run the process may walk it at once: what it holds comes first. */
	smp_wmb();
	WRITE_ONCE(*user, __pgd(pti_ldt_phys(table) | pgd_flags(*shared)));
	/* CPUs that run the process may have the entry of the root in a cache. */
	flush_tlb_mm(mm);

	return true;
}

static unsigned int pti_ldt_pages(struct ldt_struct *ldt)
{
	return DIV_ROUND_UP(ldt->nr_entries * LDT_ENTRY_SIZE, PAGE_SIZE);
}

/**
 * pti_ldt_map() - map an LDT that is about to be installed
 * @mm: the mm
 * @ldt: its new LDT, complete; the old one, if any, is still in @mm
 *
 * Context: process; @mm's ldt_usr_sem held for writing, or @mm not yet in use.
 * Return: 0, or -ENOMEM with nothing changed that matters.
 */
int pti_ldt_map(struct mm_struct *mm, struct ldt_struct *ldt)
{
	struct ldt_struct *old = mm->context.ldt;
	pteval_t prot = pgprot_val(PAGE_KERNEL_RO) & __supported_pte_mask;
	unsigned long alias = PTI_LDT_BASE;
	unsigned int i, pages = pti_ldt_pages(ldt);
	pte_t *leaf;

	if (!cpu_feature_enabled(X86_FEATURE_PTI))
		return 0;

	leaf = pti_ldt_make_leaves(mm->pgd);
	if (!leaf || !pti_ldt_show_espfix(mm))
		return -ENOMEM;

	if (old && (unsigned long)old->alias == alias)
		alias += PTI_LDT_HALF;

	leaf += pte_index(alias);
	for (i = 0; i < pages; i++) {
		const void *page = (void *)ldt->entries + i * PAGE_SIZE;

		set_pte(leaf + i, __pte(pti_ldt_phys(page) | prot));
	}

	ldt->alias = (void *)alias;
	return 0;
}

/**
 * pti_ldt_unmap() - take an LDT out of both page tables
 * @mm: the mm
 * @ldt: the LDT, which no CPU uses any more; or NULL
 *
 * On return its pages may be freed: no CPU that runs the process has a translation
 * to them left, and one that does not flushes before it runs it again.
 *
 * Context: process, as for pti_ldt_map(). Never fails.
 */
void pti_ldt_unmap(struct mm_struct *mm, struct ldt_struct *ldt)
{
	unsigned long alias;
	unsigned int i, pages;
	pte_t *leaf;

	if (!ldt || !cpu_feature_enabled(X86_FEATURE_PTI))
		return;

	/* The tables exist, so this finds them and allocates nothing. */
	alias = (unsigned long)ldt->alias;
	leaf = pti_ldt_make_leaves(mm->pgd) + pte_index(alias);
	pages = pti_ldt_pages(ldt);
	for (i = 0; i < pages; i++)
		set_pte(leaf + i, __pte(0));

	flush_tlb_mm_range(mm, alias, alias + pages * PAGE_SIZE, PAGE_SHIFT, false);
}

/**
 * pti_ldt_free_tables() - free the page tables that a root has for an LDT
 * @pgd: kernel root of an mm; no CPU has it loaded
 *
 * Nothing is flushed: entries that a CPU cached below this root carry a PCID
 * that is flushed before it is used for another mm.
 *
 * Context: any in which pages can be freed; nobody else knows the root.
 */
void pti_ldt_free_tables(pgd_t *pgd)
{
	unsigned long entry = pgd_val(pgd[PTI_LDT_INDEX]);
	unsigned int level;

	if (!cpu_feature_enabled(X86_FEATURE_PTI) || !entry)
		return;

	for (level = 0; entry && level < pti_ldt_levels(); level++) {
		unsigned long *table = __va(entry & PTE_PFN_MASK);

		/* The last table has leaves: they map, but do not own, pages. */
		entry = level + 1 < pti_ldt_levels() ? *table : 0;
		free_page((unsigned long)table);
	}

	entry = pgd_val(*pti_espfix_entry(pgd));
	if (pgtable_l5_enabled() && entry != pgd_val(*pti_espfix_entry(swapper_pg_dir)))
		free_page((unsigned long)__va(entry & PTE_PFN_MASK));
}
