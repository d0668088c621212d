// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pairs of top-level page tables, and the mirroring of their user half.
 *
 * Everything that knows how the two roots of an mm lie to each other is here
 * and in asm/pgd_pair.h; asm/pti.h has the bit of CR3 that follows from it.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/string.h>

#include <asm/pgd_pair.h>
#include <asm/pti.h>

#define PGD_PAIR_ORDER	1

static_assert(PAGE_SIZE << PGD_PAIR_ORDER == 2 << PTI_USER_ROOT_BIT);

/* What the kernel's copy of a user entry gets: it depends on which root user mode runs on. */
#ifdef CONFIG_PTI_SWITCH
static pteval_t pgd_mirror_nx __read_mostly;
#else
#define pgd_mirror_nx	(PGD_MIRROR_NX & __supported_pte_mask)
#endif

/*
 * The mark of a pair is in the page descriptor of its kernel root: the address
 * of the user root, plus one. Others store orders or page addresses in
 * page->private (Xen PV that of a user root of its own), none of them this.
 */
static unsigned long pgd_pair_mark(pgd_t *pgd)
{
	return (unsigned long)pgd_pair_user_root(pgd) + 1;
}

PGD_PAIR_VISIBLE bool pgd_has_pair(pgd_t *pgd)
{
	return page_private(virt_to_page(pgd)) == pgd_pair_mark(pgd);
}

#ifdef CONFIG_PTI_OPT_OUT
/*
 * A pair is parted while its mm is opted out (pti_opt_out.c), and then has another mark: user
 * mode runs on the kernel root, so that the user half of that is executable. The user root
 * is kept in step, for the day that it is needed again.
 */
static unsigned long pgd_parted_mark(pgd_t *pgd)
{
	return pgd_pair_mark(pgd) + 1;
}

/**
 * pgd_pair_is_parted() - does user mode run on the kernel root of a pair?
 * @pgd: kernel root, of a pair or not
 *
 * Context: any.
 * Return: true if it does, and so the user half is executable in both roots.
 */
bool pgd_pair_is_parted(pgd_t *pgd)
{
	return page_private(virt_to_page(pgd)) == pgd_parted_mark(pgd);
}
#endif

/**
 * pgd_pair_adopt() - mark a static pair
 * @pgd: kernel root of a pair that was not made by pgd_pair_alloc(), aligned to
 *	PGD_ROOT_ALIGN
 *
 * Context: boot, once struct pages exist.
 */
void __init pgd_pair_adopt(pgd_t *pgd)
{
	set_page_private(virt_to_page(pgd), pgd_pair_mark(pgd));
}

/* A user root shows of the kernel what init_mm's does. */
static void pgd_pair_copy_exposure(pgd_t *pgd)
{
	memcpy(pgd_pair_user_root(pgd) + KERNEL_PGD_BOUNDARY,
	       pgd_pair_user_root(swapper_pg_dir) + KERNEL_PGD_BOUNDARY,
	       KERNEL_PGD_PTRS * sizeof(pgd_t));
}

/**
 * pgd_pair_publish() - init_mm's user root has all its top-level entries
 *
 * Pairs that were allocated before get them now, later ones as they are
 * allocated.
 *
 * Context: boot, one CPU.
 */
void __init pgd_pair_publish(void)
{
	struct page *page;

	spin_lock(&pgd_lock);
	list_for_each_entry(page, &pgd_list, lru)
		pgd_pair_copy_exposure(page_address(page));
	spin_unlock(&pgd_lock);
}

/**
 * pgd_pair_alloc() - allocate the top-level page tables of an mm
 * @gfp: allocation flags; must include __GFP_ZERO
 *
 * With isolation on, that is a pair whose user root shows of the kernel what
 * init_mm's shows. With isolation off it is one page.
 *
 * Context: as @gfp allows.
 * Return: the kernel root, or NULL when there is no memory.
 */
pgd_t *pgd_pair_alloc(gfp_t gfp)
{
	pgd_t *pgd;

	if (!cpu_feature_enabled(X86_FEATURE_PTI))
		return (pgd_t *)__get_free_page(gfp);

	pgd = (pgd_t *)__get_free_pages(gfp, PGD_PAIR_ORDER);
	if (!pgd)
		return NULL;

	set_page_private(virt_to_page(pgd), pgd_pair_mark(pgd));
	pgd_pair_copy_exposure(pgd);

	return pgd;
}

/**
 * pgd_pair_free() - free what pgd_pair_alloc() returned
 * @pgd: the kernel root; no CPU may have either root loaded
 *
 * Context: any in which pages can be freed.
 */
void pgd_pair_free(pgd_t *pgd)
{
	if (!pgd_has_pair(pgd)) {
		if (!pgd_pair_is_parted(pgd)) {
			free_page((unsigned long)pgd);
			return;
		}
		pgd_pair_rejoin(pgd);
	}

	set_page_private(virt_to_page(pgd), 0);
	free_pages((unsigned long)pgd, PGD_PAIR_ORDER);
}

/**
 * __pgd_mirror() - pgd_mirror() with isolation on
 * @pgdp: the entry of a root, with a pair or without, that is about to be written
 * @pgd: its new value
 *
 * The rules of mirroring:
 *
 * - Only the user half is mirrored. What the kernel half of a user root shows
 *   is the mapper's business alone.
 * - Only entries with _PAGE_USER are: a supervisor mapping in the user half is
 *   the kernel's own and is not shown.
 * - The kernel's copy is not executable. Whatever returns to user mode without
 *   switching CR3 then faults on its first instruction instead of running with
 *   the kernel mapped. It is executable while isolation is switched off, and that of
 *   a pair that is parted always.
 *
 * Context: as for pgd_mirror(). Warns once of a user entry that is set in a root
 * without a pair: user mode cannot run on that one.
 * Return: what to write to @pgdp.
 */
pgd_t __pgd_mirror(pgd_t *pgdp, pgd_t pgd)
{
	unsigned long slot = offset_in_page(pgdp) / sizeof(pgd_t);
	pgd_t *root = PTR_ALIGN_DOWN(pgdp, PAGE_SIZE);
	bool user = pgd_flags(pgd) & _PAGE_USER;

	if (slot >= PTRS_PER_PGD / 2)
		return pgd;

	if (!pgd_has_pair(root)) {
		if (pgd_pair_is_parted(root)) {
			WRITE_ONCE(pgd_pair_user_root(root)[slot], user ? pgd : __pgd(0));
			return pgd;
		}
		WARN_ONCE(user, "PTI: user entry %lu (%lx) set in a root without a pair (%p)\n",
			  slot, pgd_val(pgd), root);
		return pgd;
	}

	WRITE_ONCE(pgd_pair_user_root(root)[slot], user ? pgd : __pgd(0));

	if (user)
		pgd = __pgd(pgd_val(pgd) | pgd_mirror_nx);

	return pgd;
}

#if defined(CONFIG_PTI_SWITCH) || defined(CONFIG_PTI_OPT_OUT)
/*
 * Of the kernel's copies of user entries, have all executable that user mode has so, or
 * none. Entries of the kernel's own in the user half are not mirrored, and stay as they are.
 */
static void pgd_pair_set_nx(pgd_t *pgd, bool nx)
{
	const pgd_t *user = pgd_pair_user_root(pgd);
	unsigned int slot;

	for (slot = 0; slot < PTRS_PER_PGD / 2; slot++) {
		/* By one bit: the CPU may be about to set another, that of an access. */
		if (!(pgd_flags(user[slot]) & _PAGE_USER))
			continue;
		if (nx)
			set_bit(_PAGE_BIT_NX, (unsigned long *)&pgd[slot]);
		else if (!(pgd_flags(user[slot]) & _PAGE_NX))
			clear_bit(_PAGE_BIT_NX, (unsigned long *)&pgd[slot]);
	}
}
#endif

#ifdef CONFIG_PTI_SWITCH
/**
 * pgd_pairs_set_nx() - is user mode to run on the user roots, or on the kernel roots?
 * @nx: on the user roots: kernel roots get a user half that is not executable, but for
 *	those of pairs that are parted
 *
 * User roots have what they have to at all times. Whoever sets an entry, parts a pair or
 * rejoins it cannot be preempted meanwhile, for each does so with a spinlock held; who clears
 * one sets no NX.
 *
 * Context: boot, one CPU; or stop_machine(), once. The caller flushes.
 */
void pgd_pairs_set_nx(bool nx)
{
	struct page *page;

	pgd_mirror_nx = nx ? PGD_MIRROR_NX & __supported_pte_mask : 0;

	spin_lock(&pgd_lock);
	list_for_each_entry(page, &pgd_list, lru) {
		if (pgd_has_pair(page_address(page)))
			pgd_pair_set_nx(page_address(page), pgd_mirror_nx);
	}
	spin_unlock(&pgd_lock);
}
#endif

#ifdef CONFIG_PTI_OPT_OUT
static atomic_t pgd_pairs_parted = ATOMIC_INIT(0);

/**
 * pgd_pair_part() - make the user half of a kernel root executable
 * @pgd: kernel root of a pair that is not parted
 *
 * What is mirrored from now on is, too. Translations that are not stay in TLBs.
 *
 * Context: changes of the user half are excluded: by the mmap_lock, held for writing, and the
 * page_table_lock; or nobody uses the mm.
 */
void pgd_pair_part(pgd_t *pgd)
{
	set_page_private(virt_to_page(pgd), pgd_parted_mark(pgd));
	pgd_pair_set_nx(pgd, false);
	atomic_inc(&pgd_pairs_parted);
}

/**
 * pgd_pair_rejoin() - take that back
 * @pgd: kernel root of a pair that is parted; no CPU runs user mode on it
 *
 * It is as all others are then: while isolation is switched off, executable.
 *
 * Context: as for pgd_pair_part().
 */
void pgd_pair_rejoin(pgd_t *pgd)
{
	set_page_private(virt_to_page(pgd), pgd_pair_mark(pgd));
	pgd_pair_set_nx(pgd, pgd_mirror_nx);
	atomic_dec(&pgd_pairs_parted);
}

/**
 * pgd_pairs_are_parted() - how many pairs are parted
 *
 * Context: any.
 * Return: as many as there are mms that are opted out.
 */
unsigned int pgd_pairs_are_parted(void)
{
	return atomic_read(&pgd_pairs_parted);
}
#endif
