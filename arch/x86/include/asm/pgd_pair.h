/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pairs of top-level page tables, and the mirroring of their user half.
 *
 * Under page-table isolation an mm has two roots: the kernel root, and behind
 * it in the same aligned 8 KiB the user root. Entries of the user half are set
 * in both, so that all lower levels are shared. A root is known to have a user
 * root by a mark in its page descriptor, set when the pair is allocated: roots
 * that others build for themselves (kexec, hibernation, the real-mode
 * trampoline) carry no mark and are never mirrored.
 */
#ifndef _ASM_X86_PGD_PAIR_H
#define _ASM_X86_PGD_PAIR_H

#ifdef __ASSEMBLY__

/*
 * For the static roots in head_64.S: PGD_PAIR_ALIGN before the label of the
 * kernel root, PGD_PAIR_USER_ROOT behind its last entry.
 */
.macro PGD_PAIR_ALIGN
#ifdef CONFIG_MITIGATION_PAGE_TABLE_ISOLATION
	.balign	2 * PAGE_SIZE
#endif
.endm

.macro PGD_PAIR_USER_ROOT
#ifdef CONFIG_MITIGATION_PAGE_TABLE_ISOLATION
	.fill	512, 8, 0
#endif
.endm

#else /* __ASSEMBLY__ */

#include <linux/align.h>
#include <linux/cpufeature.h>
#include <linux/gfp_types.h>

#include <asm/pgtable_types.h>
#include <asm/pti_switch.h>

#ifdef CONFIG_MITIGATION_PAGE_TABLE_ISOLATION

pgd_t *pgd_pair_alloc(gfp_t gfp);
void pgd_pair_free(pgd_t *pgd);
pgd_t __pgd_mirror(pgd_t *pgdp, pgd_t pgd);
void pgd_pair_adopt(pgd_t *pgd);
void pgd_pair_publish(void);

#ifdef CONFIG_PTI_AUDIT
/* Of use to the audit; without it, pgd_pair.c has this for itself. */
#define PGD_PAIR_VISIBLE

/**
 * pgd_has_pair() - is there a user root behind this root?
 * @pgd: first entry of a root
 *
 * Context: any, once struct pages exist.
 * Return: true if pgd_pair_alloc() or pgd_pair_adopt() has marked it as one of a pair.
 */
bool pgd_has_pair(pgd_t *pgd);
#else
#define PGD_PAIR_VISIBLE	static
#endif

#ifdef CONFIG_PTI_OPT_OUT
void pgd_pair_part(pgd_t *pgd);
void pgd_pair_rejoin(pgd_t *pgd);
bool pgd_pair_is_parted(pgd_t *pgd);
unsigned int pgd_pairs_are_parted(void);
#else
static inline void pgd_pair_rejoin(pgd_t *pgd) { }

static inline bool pgd_pair_is_parted(pgd_t *pgd)
{
	return false;
}

static inline unsigned int pgd_pairs_are_parted(void)
{
	return 0;
}
#endif

/* What mirroring adds to the kernel's copy of a user entry. */
#define PGD_MIRROR_NX	_PAGE_NX

#ifdef CONFIG_PTI_SWITCH
void pgd_pairs_set_nx(bool nx);
#endif

/*
 * A root without a pair must not look like a user root: paranoid entries go by
 * bit 12 of CR3. It needs this alignment, as the first page of a pair has.
 */
#define PGD_ROOT_ALIGN		(2 * PAGE_SIZE)
#define pgd_root_align(addr)	ALIGN(addr, PGD_ROOT_ALIGN)

/**
 * pgd_pair_user_root() - the user root behind a kernel root
 * @pgd: first entry of the kernel root of a pair
 *
 * Context: any.
 * Return: first entry of the user root. Meaningless for a root without a pair.
 */
static inline pgd_t *pgd_pair_user_root(pgd_t *pgd)
{
	return pgd + PTRS_PER_PGD;
}

/**
 * pgd_single_root() - get a page for a root without a pair
 * @get_page: allocator of zeroed pages, which frees all of them together
 * @gfp: passed on
 *
 * Pages that do not serve stay with the allocator.
 *
 * Context: as @gfp allows @get_page.
 * Return: the page, or NULL if @get_page has no more.
 */
static inline pgd_t *pgd_single_root(unsigned long (*get_page)(gfp_t), gfp_t gfp)
{
	unsigned long page;

	do {
		page = get_page(gfp);
	} while (page && !IS_ALIGNED(__pa(page), PGD_ROOT_ALIGN));

	return (pgd_t *)page;
}

/**
 * pgd_mirror() - carry an entry over to the user root
 * @pgdp: the entry of a kernel root that is about to be written
 * @pgd: its new value
 *
 * Call this before the entry itself is written, under whatever serialises
 * changes of it. Any context.
 *
 * Return: what to write to @pgdp.
 */
static inline pgd_t pgd_mirror(pgd_t *pgdp, pgd_t pgd)
{
	return static_cpu_has(X86_FEATURE_PTI) ? __pgd_mirror(pgdp, pgd) : pgd;
}

/**
 * pgd_in_user_mode() - the root that user mode runs on
 * @pgd: kernel root of an mm
 *
 * Context: any.
 * Return: its user root, or @pgd itself with isolation off or if the mm is opted out.
 */
static inline pgd_t *pgd_in_user_mode(pgd_t *pgd)
{
	return pti_isolates() && !pgd_pair_is_parted(pgd) ? pgd_pair_user_root(pgd) : pgd;
}

/**
 * p4d_mirror() - pgd_mirror() for the level that is the top one on 4 levels
 * @p4dp: the entry that is about to be written
 * @p4d: its new value
 *
 * Context: as for pgd_mirror().
 * Return: what to write to @p4dp.
 */
static inline p4d_t p4d_mirror(p4d_t *p4dp, p4d_t p4d)
{
	if (pgtable_l5_enabled())
		return p4d;

	return native_make_p4d(native_pgd_val(pgd_mirror((pgd_t *)p4dp,
				native_make_pgd(native_p4d_val(p4d)))));
}

#else

#define PGD_MIRROR_NX		0UL
#define PGD_ROOT_ALIGN		PAGE_SIZE
#define pgd_root_align(addr)	(addr)

#define pgd_single_root(get_page, gfp)	((pgd_t *)get_page(gfp))

#define pgd_pair_alloc(gfp)	((pgd_t *)__get_free_page(gfp))
#define pgd_pair_free(pgd)	free_page((unsigned long)(pgd))

/* Not functions: with the option off the compiler is to see what it always saw. */
#define pgd_mirror(pgdp, pgd)	((void)(pgdp), (pgd))
#define p4d_mirror(p4dp, p4d)	((void)(p4dp), (p4d))

static inline pgd_t *pgd_in_user_mode(pgd_t *pgd)
{
	return pgd;
}

#endif /* CONFIG_MITIGATION_PAGE_TABLE_ISOLATION */
#endif /* __ASSEMBLY__ */
#endif /* _ASM_X86_PGD_PAIR_H */
