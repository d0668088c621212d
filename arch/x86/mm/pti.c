// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-table isolation: the mapper. It builds the kernel half of init_mm's user
 * root from the policy table; pgd_pair_alloc() copies that half's top level into
 * every other user root, so that all of them share what is below; pti_ldt.c adds what
 * is one mm's. The functions take the kernel root of a pair, and so pti_test.c can give
 * them another one.
 *
 * The user page table has page tables of its own for this half: nothing can
 * appear in it because something nearby was mapped in the kernel's. Its leaves
 * are 4 KiB pages, with the permissions of the row, never more than the kernel's
 * own leaf gives, and of the same frame.
 */
#define pr_fmt(fmt) "Kernel/User page tables isolation: " fmt

#include <linux/cpufeature.h>
#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/percpu.h>

#include <kunit/static_stub.h>
#include <kunit/visibility.h>

#include <asm/cpu_entry_area.h>
#include <asm/pgd_pair.h>
#include <asm/pti.h>
#include <asm/pti_io_bitmap.h>
#include <asm/pti_ldt.h>
#include <asm/tlbflush.h>

#include "pti_exposure.h"
#include "pti_mode.h"
#include "pti_switch.h"

/* The policy table may be gone when these are exposed. */
static struct pti_runtime pti_runtime_rows[PTI_NR_RUNTIME_ROWS] __ro_after_init;

/* How many need a run-time row, which is exposed on all CPUs or on none; and the leaves. */
static unsigned int pti_users[PTI_NR_RUNTIME_ROWS];
static DEFINE_MUTEX(pti_users_lock);

/**
 * pti_row_is_per_cpu() - does a row mean other pages on each CPU?
 * @row: the row
 *
 * Context: any, as long as the policy table is there.
 * Return: true if it does.
 */
bool __pti_boot pti_row_is_per_cpu(const struct pti_row *row)
{
	return row->where == PTI_AT_PERCPU || row->where == PTI_AT_CEA;
}

/**
 * pti_row_range() - the pages that a row means on one CPU
 * @row: the row
 * @cpu: a possible CPU; any value if the row is not per CPU
 *
 * Context: any, as long as the policy table is there.
 * Return: the range. The mapper accepts it only if it is of whole pages.
 */
struct pti_range __pti_boot pti_row_range(const struct pti_row *row, int cpu)
{
	unsigned long size = row->size;
	unsigned long start = row->start;

	if (row->end)
		size = PAGE_ALIGN((unsigned long)row->end) - start;

	if (row->where == PTI_AT_PERCPU)
		start = (unsigned long)per_cpu_ptr((void __percpu __force *)start, cpu);
	else if (row->where == PTI_AT_CEA)
		start += (unsigned long)get_cpu_entry_area(cpu);
	else if (row->where == PTI_AT_LDT)
		start += PTI_LDT_BASE;

	return (struct pti_range) {
		.start	= start,
		.end	= start + size,
	};
}

/* Where all page tables of the user page table come from. */
VISIBLE_IF_KUNIT void *__init pti_new_table(void)
{
	KUNIT_STATIC_STUB_REDIRECT(pti_new_table);

	if (pti_test_no_memory())
		return NULL;

	return (void *)get_zeroed_page(GFP_KERNEL);
}

/*
 * One more level of a user page table. @user: something below is for user mode
 * to use, so this level must allow it; supervisor leaves elsewhere below lose
 * nothing by that.
 */
static void *__init pti_next_table(unsigned long *entry, bool user)
{
	unsigned long flags = user ? _PAGE_TABLE : _KERNPG_TABLE;
	void *table;

	if (!*entry) {
		table = pti_new_table();
		if (!table)
			return NULL;
		*entry = __pa(table);
	}
	*entry |= flags;

	return __va(*entry & PTE_PFN_MASK);
}

static p4d_t *__init pti_make_p4d(pgd_t *root, unsigned long addr, bool user)
{
	pgd_t *pgd = pgd_offset_pgd(pgd_pair_user_root(root), addr);
	p4d_t *table;

	/* With four levels the p4d is the entry of the root itself. */
	if (!pgtable_l5_enabled())
		return (p4d_t *)pgd;

	table = pti_next_table(&pgd->pgd, user);
	return table ? table + p4d_index(addr) : NULL;
}

static pte_t *__init pti_make_pte(pgd_t *root, unsigned long addr, bool user)
{
	p4d_t *p4d = pti_make_p4d(root, addr, user);
	pud_t *pud = p4d ? pti_next_table((unsigned long *)p4d, user) : NULL;
	pmd_t *pmd = pud ? pti_next_table(&pud[pud_index(addr)].pud, user) : NULL;
	pte_t *pte = pmd ? pti_next_table(&pmd[pmd_index(addr)].pmd, user) : NULL;

	return pte ? pte + pte_index(addr) : NULL;
}

/* The entry of the kernel page table, or of the user page table, at an address. */
static noinline pte_t *pti_lookup_kernel(pgd_t *root, unsigned long addr, unsigned int *level)
{
	return lookup_address_in_pgd(pgd_offset_pgd(root, addr), addr, level);
}

static pte_t *pti_lookup_user(pgd_t *root, unsigned long addr, unsigned int *level)
{
	return pti_lookup_kernel(pgd_pair_user_root(root), addr, level);
}

/**
 * pti_user_leaf() - what the user page tables map at a kernel address
 * @addr: an address of the kernel half, of which all mms have the same
 *
 * Context: any, with isolation on. A leaf of a run-time row may be gone at once.
 * Return: the leaf entry, at whatever level; NULL where there is none.
 */
__pti_boot pte_t *pti_user_leaf(unsigned long addr)
{
	unsigned int level;
	pte_t *pte = pti_lookup_user(swapper_pg_dir, addr, &level);

	return pte && !pte_none(*pte) ? pte : NULL;
}

static pteval_t __pti_boot pti_row_prot(const struct pti_row *row)
{
	pteval_t prot = _PAGE_PRESENT | _PAGE_ACCESSED | _PAGE_NX | sme_me_mask;

	if (row->flags & PTI_WRITE)
		prot |= _PAGE_RW | _PAGE_DIRTY;
	if (row->flags & PTI_EXEC)
		prot &= ~_PAGE_NX;
	if (row->flags & PTI_USER)
		prot |= _PAGE_USER;
	if ((row->flags & PTI_GLOBAL) && boot_cpu_has(X86_FEATURE_PGE))
		prot |= _PAGE_GLOBAL;

	return prot & __supported_pte_mask;
}

VISIBLE_IF_KUNIT struct pti_runtime __pti_boot pti_runtime_of(const struct pti_row *row)
{
	return (struct pti_runtime) {
		.name	= row->name,
		.start	= row->start,
		.size	= row->size,
		.prot	= pti_row_prot(row),
		.if_mapped = row->flags & PTI_IF_MAPPED,
	};
}

/*
 * May the user page table map, as @prot, what the kernel maps by @kpte? A leaf
 * that is global in either table must be the same in both: its TLB entry serves
 * both. One that is not may be smaller and may allow less. Accessed and dirty
 * bits do not matter then.
 */
static bool pti_may_show(pte_t kpte, unsigned int level, pteval_t prot)
{
	pteval_t differ = (pte_flags(kpte) | sme_me_mask) ^ prot;

	if (prot & _PAGE_GLOBAL)
		return !differ && level == PG_LEVEL_4K;

	return !(differ & (_PAGE_GLOBAL | (prot & (_PAGE_PRESENT | _PAGE_RW | _PAGE_USER)) |
			   (~prot & _PAGE_NX)));
}

/* The same, in words: NULL, or why not. */
static const char *__init pti_conflict(pte_t kpte, unsigned int level, pteval_t prot)
{
	pteval_t kprot = pte_flags(kpte);

	if (pti_may_show(kpte, level, prot))
		return NULL;
	if ((kprot | prot) & _PAGE_GLOBAL)
		return "global, but not the kernel's own leaf";
	if ((prot & _PAGE_RW) && !(kprot & _PAGE_RW))
		return "the kernel may not write it";
	if (!(prot & _PAGE_NX) && (kprot & _PAGE_NX))
		return "the kernel may not execute it";

	return "the kernel does not give it to user mode";
}

/* The leaf that shows, as @prot, the 4 KiB at @addr of what the kernel's leaf maps. */
static pte_t __init pti_leaf(pte_t kpte, unsigned int level, unsigned long addr, pteval_t prot)
{
	unsigned long offset_mask = page_level_size(level) - 1;
	pteval_t frame = pte_val(kpte) & PTE_PFN_MASK & ~offset_mask;

	return __pte(frame | (addr & offset_mask & PAGE_MASK) | prot);
}

/* The page that was mapped last failed for want of memory. */
static bool pti_no_memory __initdata;

/* One page of a row. Return: NULL, or why not. */
static const char *__init pti_map_page(pgd_t *root, const struct pti_row *row,
				       unsigned long addr)
{
	pteval_t prot = pti_row_prot(row);
	const char *conflict;
	unsigned int level;
	pte_t *kpte, *upte;

	upte = pti_make_pte(root, addr, row->flags & PTI_USER);
	pti_no_memory = !upte;
	if (!upte)
		return "no memory for page tables";
	if (!pte_none(*upte))
		return "mapped by two rows";
	if (row->flags & PTI_RUNTIME)
		return NULL;

	kpte = pti_lookup_kernel(root, addr, &level);
	if (!kpte || !pte_present(*kpte))
		return row->flags & PTI_IF_MAPPED ? NULL : "the kernel does not map it";

	/* The page is user mode's only while vsyscalls are emulated. */
	if ((row->flags & PTI_IF_MAPPED) && (row->flags & PTI_USER) &&
	    !(pte_flags(*kpte) & _PAGE_USER))
		return NULL;

	conflict = pti_conflict(*kpte, level, prot);
	if (conflict)
		return conflict;

	set_pte(upte, pti_leaf(*kpte, level, addr, prot));
	return NULL;
}

VISIBLE_IF_KUNIT const char *__init pti_map_row(pgd_t *root, const struct pti_row *row, int cpu)
{
	struct pti_range range = pti_row_range(row, cpu);
	const char *why;
	unsigned long addr;

	if (row->flags & PTI_WITH_LDT)
		return NULL;
	if ((row->flags & PTI_WRITE) && (row->flags & PTI_EXEC))
		return "writable and executable";
	if (range.start >= range.end || range.start < ~__VIRTUAL_MASK)
		return "not a range of the kernel half";
	if (!IS_ALIGNED(range.start | range.end, PAGE_SIZE))
		return "not aligned to a page";

	for (addr = range.start; addr < range.end; addr += PAGE_SIZE) {
		why = pti_map_page(root, row, addr);
		if (why)
			return why;
	}
	return NULL;
}

/*
 * Does an earlier row mean pages of this one too? Where both have leaves now, that shows
 * when they are mapped; it does not if either has them later only. Of the same CPU: what
 * is one's own lies apart from any other's.
 */
static bool __init pti_hits_earlier_row(const struct pti_row *rows, const struct pti_row *row,
					int cpu)
{
	const unsigned int later = PTI_RUNTIME | PTI_WITH_LDT;
	struct pti_range range = pti_row_range(row, cpu);
	struct pti_range other;

	for (; rows < row; rows++) {
		other = pti_row_range(rows, cpu);
		if (((rows->flags | row->flags) & later) && range.start < other.end &&
		    other.start < range.end)
			return true;
	}
	return false;
}

VISIBLE_IF_KUNIT bool __init pti_build(pgd_t *root, const struct pti_row *rows, unsigned int nr)
{
	const struct pti_row *row;
	const char *why;
	int cpu;

	for (row = rows; row < rows + nr; row++) {
		for_each_possible_cpu(cpu) {
			why = pti_hits_earlier_row(rows, row, cpu) ? "mapped by two rows" :
								     pti_map_row(root, row, cpu);
			if (why) {
				pr_err("row %s, CPU %d: %s\n", row->name, cpu, why);
				return false;
			}
			if (!pti_row_is_per_cpu(row))
				break;
		}
	}
	return true;
}

/**
 * pti_row_pages() - how many pages a row shows now
 * @row: the row
 * @cpu: a possible CPU; any value if the row is not per CPU
 * @flags: set to all flags that any leaf of the row has
 *
 * Context: process, with isolation on.
 * Return: pages of 4 KiB; 0 for what an mm has with its LDT.
 */
unsigned long __pti_boot pti_row_pages(const struct pti_row *row, int cpu, pteval_t *flags)
{
	struct pti_range range = pti_row_range(row, cpu);
	unsigned long addr, pages = 0;
	pte_t *pte;

	*flags = 0;
	if (row->flags & PTI_WITH_LDT)
		return 0;

	for (addr = range.start; addr < range.end; addr += PAGE_SIZE) {
		pte = pti_user_leaf(addr);
		if (pte) {
			pages++;
			*flags |= pte_flags(*pte);
		}
	}
	return pages;
}

/* Bit 12 of CR3 selects between the roots of a pair only where the first page is even. */
VISIBLE_IF_KUNIT bool __init pti_adopt_root(pgd_t *root)
{
	phys_addr_t pa = __pa(root);

	if (!IS_ALIGNED(pa, PGD_ROOT_ALIGN)) {
		pr_err("root at %pa is not the first of an aligned pair\n", &pa);
		return false;
	}

	pgd_pair_adopt(root);
	return true;
}

/**
 * pti_row_bytes() - how much a row shows now, on all CPUs together
 * @row: the row
 *
 * Context: process, with isolation on. Of a run-time row that changes meanwhile, some.
 * Return: bytes, whole pages; 0 for what an mm has with its LDT.
 */
unsigned long __pti_boot pti_row_bytes(const struct pti_row *row)
{
	unsigned long pages = 0;
	pteval_t flags;
	int cpu;

	for_each_possible_cpu(cpu) {
		pages += pti_row_pages(row, cpu, &flags);
		if (!pti_row_is_per_cpu(row))
			break;
		/* Thousands of CPUs take a while. At boot there is nobody to give way to. */
		cond_resched();
	}
	return pages * PAGE_SIZE;
}

/**
 * pti_exposed_bytes() - how much of the kernel user page tables show now
 *
 * Context: as pti_row_bytes().
 * Return: bytes, each frame once.
 */
unsigned long __pti_boot pti_exposed_bytes(void)
{
	const struct pti_row *row;
	unsigned long bytes = 0;

	for (row = pti_rows; row < pti_rows + pti_nr_rows; row++)
		bytes += row->flags & PTI_ALIAS ? 0 : pti_row_bytes(row);

	return bytes;
}

/**
 * pti_init() - build the exposure
 *
 * Context: boot, one CPU, once the kernel has mapped what the rows of boot time
 * name, before alternatives are applied and before anything runs in user mode.
 * A row that cannot be mapped as it says turns isolation off, with a message: an
 * entry path with a page missing would be a triple fault. So does a kernel root
 * that does not lie as a pair does.
 */
void __init pti_init(void)
{
	enum pti_runtime_row row;
	unsigned long bytes = 0;

	if (boot_cpu_has(X86_FEATURE_PTI)) {
		for (row = 0; row < PTI_NR_RUNTIME_ROWS; row++)
			pti_runtime_rows[row] = pti_runtime_of(&pti_rows[row]);
		if (!pti_adopt_root(swapper_pg_dir))
			pti_give_up(PTI_NO_PAIR);
		else if (!pti_build(swapper_pg_dir, pti_rows, pti_nr_rows))
			pti_give_up(pti_no_memory ? PTI_NO_MEMORY : PTI_NO_EXPOSURE);
		else
			pgd_pair_publish();
	}

	if (boot_cpu_has(X86_FEATURE_PTI)) {
		bytes = pti_exposed_bytes();
		if (boot_cpu_has(X86_FEATURE_PCID))
			setup_force_cpu_cap(X86_FEATURE_PTI_PCID);
		pti_switch_save();
	}

	pti_report(bytes);
}

/*
 * Show pages of a run-time row, which the kernel maps by 4 KiB leaves; or hide them again.
 * The page tables were made at boot, so this cannot fail for want of memory.
 */
VISIBLE_IF_KUNIT void pti_change_pages(pgd_t *root, const struct pti_runtime *row,
				       unsigned long addr, unsigned long end, bool show)
{
	unsigned int ulevel, klevel;
	pte_t *kpte, *upte;
	pteval_t leaf = 0;

	for (; addr < end; addr += PAGE_SIZE) {
		upte = pti_lookup_user(root, addr, &ulevel);
		kpte = pti_lookup_kernel(root, addr, &klevel);
		if (show && row->if_mapped && upte && pte_none(*upte) &&
		    kpte && !(pte_flags(*kpte) & _PAGE_PRESENT))
			continue;
		if (WARN_ONCE(!upte || ulevel != PG_LEVEL_4K ||
			      (show && (!pte_none(*upte) || !kpte || klevel != PG_LEVEL_4K ||
					!pti_may_show(*kpte, klevel, row->prot))),
			      "PTI: row %s: cannot change %lx\n", row->name, addr))
			continue;
		if (show)
			leaf = (pte_val(*kpte) & PTE_PFN_MASK) | row->prot;
		set_pte(upte, __pte(leaf));
	}
}

/* One more user of a row, or one less: the first and the last change it on each CPU. */
static void pti_count_user(enum pti_runtime_row nr, bool more)
{
	const struct pti_runtime *row = &pti_runtime_rows[nr];
	unsigned long start;
	int cpu;

	if (!cpu_feature_enabled(X86_FEATURE_PTI))
		return;

	mutex_lock(&pti_users_lock);
	if (more ? !pti_users[nr]++ : !--pti_users[nr]) {
		for_each_possible_cpu(cpu) {
			start = (unsigned long)get_cpu_entry_area(cpu) + row->start;
			pti_change_pages(swapper_pg_dir, row, start, start + row->size, more);
			/* Ahead of the first task that has one there is nothing to forget. */
			if (nr == PTI_IO_BITMAP)
				pti_forget_io_bitmap(cpu);
		}
		if (!more)
			flush_tlb_all();
	}
	mutex_unlock(&pti_users_lock);
}

/**
 * pti_use() - a task or an event needs a run-time row
 * @row: which row; what the kernel maps of it stays mapped as long as it runs
 *
 * The first one to need it has it exposed on all CPUs. A page that is exposed already, or
 * that the kernel maps otherwise than the row has it, is left out with a warning.
 *
 * Context: process, may sleep.
 */
void pti_use(enum pti_runtime_row row)
{
	pti_count_user(row, true);
}

/**
 * pti_unuse() - what pti_use() was called for does not need the row any more
 * @row: which row
 *
 * After the last one it is in no user page table, and in no TLB as one that is.
 *
 * Context: process, may sleep.
 */
void pti_unuse(enum pti_runtime_row row)
{
	pti_count_user(row, false);
}

/* noinline: code of boot time in a function that stays would stay with it. */
static noinline bool __init pti_row_is_global(unsigned long addr)
{
	unsigned long offset = (addr - CPU_ENTRY_AREA_PER_CPU) % CPU_ENTRY_AREA_SIZE;
	const struct pti_row *row;
	unsigned long at;

	for (row = pti_rows; row < pti_rows + pti_nr_rows; row++) {
		at = row->where == PTI_AT_CEA ? offset : addr;
		if ((row->flags & PTI_GLOBAL) && at >= row->start && at - row->start < row->size)
			return true;
	}
	return false;
}

/**
 * pti_may_be_global() - may the kernel's leaf in the cpu_entry_area be global?
 * @addr: a page of the cpu_entry_area that is about to be mapped
 *
 * A global leaf serves user mode, whatever its page table says: it has to stand in
 * that, too. What is mapped after boot comes and goes, and is not global.
 *
 * Context: any; one CPU during boot.
 * Return: true if it may.
 */
bool __ref pti_may_be_global(unsigned long addr)
{
	if (!boot_cpu_has(X86_FEATURE_PTI))
		return true;

	return system_state == SYSTEM_BOOTING && pti_row_is_global(addr);
}
