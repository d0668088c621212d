// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-table isolation: the walk of a page table's kernel half, for the audit.
 *
 * It goes by what the CPU would find, level by level, and asks neither the mapper nor
 * the policy table what should be there; the table only gives names to what is. Leaves
 * that are alike become runs: what a user page table shows is some tens of them, the
 * 65536 aliases of espfix one.
 *
 * Page tables of the kernel half are freed in two ways. Where ioremap() or vmalloc() put
 * a large leaf in the place of a table, the kernel clears the entry, flushes the TLBs of
 * all CPUs by interrupts and then frees the table: so each look at the tables is made
 * with interrupts off, from the root down, as get_user_pages_fast() makes it, and by
 * values, as an entry may change behind it. Memory hot-remove frees those of the direct
 * map, and is kept out. What is one mm's (LDT, copy of espfix' table) lives as long as its
 * root, which the caller has.
 */
#include <linux/cpumask.h>
#include <linux/irqflags.h>
#include <linux/kasan.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "pti_audit.h"
#include "pti_exposure.h"

#define STATUS_BITS	(_PAGE_ACCESSED | _PAGE_DIRTY)
#define LOOK_BACK	8U

/* First address of the kernel half, of as many levels as there are. */
#define KERNEL_HALF	(~__VIRTUAL_MASK)

/* What one look finds: at one address, or from it to the end of a table of 4 KiB leaves. */
struct look {
	enum pg_level	level;		/* of the entries */
	bool		shadow;		/* the one of 4 KiB stands for all of @level */
	pteval_t	above;		/* what the levels above allow, as in perms */
	unsigned int	nr;		/* 0: a hole, of the size of an entry of @level */
	pteval_t	entry[PTRS_PER_PTE];
};

/* The row that a leaf belongs to: neighbours are mostly of the same. */
struct owner {
	struct pti_range	range;
	int			row, cpu;
};

/*
 * KASAN has terabytes of shadow that are one page, by a table for each level. Such a
 * table is taken for what it is, and not walked.
 */
#if defined(CONFIG_KASAN_GENERIC) || defined(CONFIG_KASAN_SW_TAGS)
static bool is_empty_shadow(const void *table)
{
	return table == lm_alias(kasan_early_shadow_p4d) ||
	       table == lm_alias(kasan_early_shadow_pud) ||
	       table == lm_alias(kasan_early_shadow_pmd) ||
	       table == lm_alias(kasan_early_shadow_pte);
}

static pteval_t empty_shadow(void)
{
	return pte_val(READ_ONCE(kasan_early_shadow_pte[0]));
}
#else
static bool is_empty_shadow(const void *table)
{
	return false;
}

static pteval_t empty_shadow(void)
{
	return 0;
}
#endif

/* Both allow writing and use by user mode; either one forbids execution. */
static pteval_t narrow(pteval_t above, pteval_t flags)
{
	return (above & flags & (_PAGE_RW | _PAGE_USER)) | ((above | flags) & _PAGE_NX);
}

/* Take an entry that leads to a table. Return: false if there is no more to look at. */
static bool goes_on(struct look *l, enum pg_level level, pteval_t flags, const void *table)
{
	l->level = level;
	l->above = narrow(l->above, flags);
	if (!is_empty_shadow(table))
		return true;

	l->shadow = true;
	l->entry[0] = empty_shadow();
	l->nr = 1;
	return false;
}

static void take_leaf(struct look *l, enum pg_level level, pteval_t entry)
{
	l->level = level;
	l->entry[0] = entry;
	l->nr = 1;
}

/* With interrupts off. */
static void look_at(struct look *l, pgd_t *root, unsigned long addr)
{
	pgd_t *pgdp = pgd_offset_pgd(root, addr), pgd = READ_ONCE(*pgdp);
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;
	pmd_t *pmdp, pmd;
	pte_t *ptep;

	l->nr = 0;
	l->shadow = false;
	l->above = _PAGE_RW | _PAGE_USER;
	l->level = PG_LEVEL_256T;

	/* With four levels, the entry of the root is the p4d, and comes next. */
	if (pgtable_l5_enabled() && !(pgd_flags(pgd) & _PAGE_PRESENT))
		return;
	if (pgtable_l5_enabled() &&
	    !goes_on(l, PG_LEVEL_256T, pgd_flags(pgd), (void *)pgd_page_vaddr(pgd)))
		return;

	p4dp = p4d_offset_lockless(pgdp, pgd, addr);
	p4d = READ_ONCE(*p4dp);
	l->level = PG_LEVEL_512G;
	if (!(p4d_flags(p4d) & _PAGE_PRESENT) ||
	    !goes_on(l, PG_LEVEL_512G, p4d_flags(p4d), p4d_pgtable(p4d)))
		return;

	pudp = pud_offset_lockless(p4dp, p4d, addr);
	pud = READ_ONCE(*pudp);
	l->level = PG_LEVEL_1G;
	if (!(pud_flags(pud) & _PAGE_PRESENT))
		return;
	if (pud_leaf(pud)) {
		take_leaf(l, PG_LEVEL_1G, pud_val(pud));
		return;
	}
	if (!goes_on(l, PG_LEVEL_1G, pud_flags(pud), pud_pgtable(pud)))
		return;

	pmdp = pmd_offset_lockless(pudp, pud, addr);
	pmd = READ_ONCE(*pmdp);
	l->level = PG_LEVEL_2M;
	if (!(pmd_flags(pmd) & _PAGE_PRESENT))
		return;
	if (pmd_leaf(pmd)) {
		take_leaf(l, PG_LEVEL_2M, pmd_val(pmd));
		return;
	}
	if (!goes_on(l, PG_LEVEL_2M, pmd_flags(pmd), (void *)pmd_page_vaddr(pmd)))
		return;

	l->level = PG_LEVEL_4K;
	for (ptep = pte_offset_kernel(&pmd, addr); l->nr < PTRS_PER_PTE - pte_index(addr); l->nr++)
		l->entry[l->nr] = pte_val(READ_ONCE(ptep[l->nr]));
}

static void find_owner(struct owner *owner, unsigned long va)
{
	int row, cpu;

	if (va - owner->range.start < owner->range.end - owner->range.start)
		return;

	for (row = 0; row < pti_nr_rows; row++) {
		for_each_possible_cpu(cpu) {
			bool per_cpu = pti_row_is_per_cpu(&pti_rows[row]);
			struct pti_range range = pti_row_range(&pti_rows[row], cpu);

			if (va - range.start < range.end - range.start) {
				owner->range = range;
				owner->row = row;
				owner->cpu = per_cpu ? cpu : -1;
				return;
			}
			if (!per_cpu)
				break;
		}
	}
	*owner = (struct owner) { { va, va + PAGE_SIZE }, -1, -1 };
}

/* Does @leaf go on where @run ends? Two leaves say how far they are apart. */
static bool extends(const struct pti_audit_run *run, const struct pti_audit_run *leaf,
		    unsigned long *va_step, unsigned long *pa_step)
{
	if (run->size != leaf->size || run->flags != leaf->flags || run->perms != leaf->perms ||
	    run->row != leaf->row || run->cpu != leaf->cpu)
		return false;

	*va_step = leaf->va - (run->va + (run->count - 1) * run->va_step);
	*pa_step = leaf->pa - (run->pa + (run->count - 1) * run->pa_step);

	/* Those that are more than one have their step. */
	if ((run->count > 1 && (run->va_step != *va_step || run->pa_step != *pa_step)) ||
	    (leaf->count > 1 && (leaf->va_step != *va_step || leaf->pa_step != *pa_step)))
		return false;
	if (run->count > 1 || leaf->count > 1)
		return true;

	/* Two that show the same frame far from each other have nothing to do with each other. */
	return (!*pa_step && *va_step <= PMD_SIZE) ||
	       (*pa_step == run->size && *va_step == run->size);
}

/*
 * Find the run that a leaf goes on. Each page of espfix has its aliases among those of the
 * others, and of these there is one for 64 CPUs.
 */
static bool extend_run(struct pti_audit_walk *walk, const struct pti_audit_run *leaf)
{
	unsigned long va_step, pa_step;
	unsigned int back;

	for (back = 1; back <= min(walk->nr, LOOK_BACK); back++) {
		struct pti_audit_run *run = &walk->runs[walk->nr - back];

		if (extends(run, leaf, &va_step, &pa_step) && (back == 1 || !pa_step)) {
			run->count += leaf->count;
			run->va_step = va_step;
			run->pa_step = pa_step;
			return true;
		}
	}
	return false;
}

static int add_run(struct pti_audit_walk *walk, const struct pti_audit_run *leaf)
{
	if (extend_run(walk, leaf))
		return 0;

	if (walk->nr == walk->limit) {
		walk->cut = true;
		return 0;
	}
	if (walk->nr == walk->max) {
		unsigned int max = min(walk->limit, max(64, 2 * walk->max));
		void *runs = kvmalloc_array(max, sizeof(*leaf), GFP_KERNEL_ACCOUNT);

		if (!runs)
			return -ENOMEM;
		if (walk->nr)
			memcpy(runs, walk->runs, walk->nr * sizeof(*leaf));
		kvfree(walk->runs);
		walk->runs = runs;
		walk->max = max;
	}
	walk->runs[walk->nr++] = *leaf;

	return 0;
}

static int add_leaf(struct pti_audit_walk *walk, struct owner *owner, const struct look *l,
		    unsigned long va, pteval_t entry)
{
	enum pg_level level = l->shadow ? PG_LEVEL_4K : l->level;
	unsigned long size = page_level_size(level);
	struct pti_audit_run leaf = {
		.va	 = va,
		.pa	 = entry & PTE_PFN_MASK & page_level_mask(level),
		.size	 = size,
		.count	 = l->shadow ? page_level_size(l->level) / size : 1,
		.va_step = size,
		.pa_step = l->shadow ? 0 : size,
		.flags	 = entry & PTE_FLAGS_MASK & ~STATUS_BITS,
		.perms	 = narrow(l->above, entry),
		.row	 = -1,
		.cpu	 = -1,
	};

	if (!(entry & _PAGE_PRESENT))
		return 0;

	if (walk->by_row) {
		find_owner(owner, va);
		leaf.row = owner->row;
		leaf.cpu = owner->cpu;
	}

	return add_run(walk, &leaf);
}

static int walk_half(struct pti_audit_walk *walk, pgd_t *root, struct look *l)
{
	struct owner owner = { .row = -1, .cpu = -1 };
	unsigned long addr = KERNEL_HALF, size, flags;
	unsigned int i;
	int err;

	do {
		local_irq_save(flags);
		look_at(l, root, addr);
		local_irq_restore(flags);

		size = page_level_size(l->level);
		/* The first address that an entry stands for, as holes are skipped. */
		addr &= ~(size - 1);
		for (i = 0; i < l->nr; i++, addr += size) {
			err = add_leaf(walk, &owner, l, addr, l->entry[i]);
			if (err)
				return err;
		}
		if (!l->nr)
			addr += size;

		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		/* The last page of the address space ends where addresses begin again. */
	} while (addr && !walk->cut);

	return 0;
}

/**
 * pti_audit_collect() - find what the kernel half of a page table maps
 * @walk: for what is found; all zero but for @limit and @by_row
 * @root: top-level table, of either kind, that stays as long as this takes
 *
 * Leaves that come or go meanwhile are in it or not, one by one. With @limit runs the
 * walk ends, and says so.
 *
 * Context: process; sleeps. Whoever may change the LDT of the root's mm is to be kept out, or
 * halves of two may be found.
 * Return: 0; -ENOMEM; -EINTR if the caller is being killed. In either case
 * pti_audit_drop() has to follow.
 */
int pti_audit_collect(struct pti_audit_walk *walk, pgd_t *root)
{
	struct look *l = kmalloc(sizeof(*l), GFP_KERNEL);
	int err;

	if (!l)
		return -ENOMEM;

	get_online_mems();
	err = walk_half(walk, root, l);
	put_online_mems();
	kfree(l);

	return err;
}

/**
 * pti_audit_drop() - free what a walk has found
 * @walk: is empty then, and can be used for another
 *
 * Context: process.
 */
void pti_audit_drop(struct pti_audit_walk *walk)
{
	kvfree(walk->runs);
	walk->runs = NULL;
	walk->nr = 0;
	walk->max = 0;
	walk->cut = false;
}
