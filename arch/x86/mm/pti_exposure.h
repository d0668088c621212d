/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table isolation: the form of the policy table in pti_exposure.c, and
 * what the mapper and the audit ask of it.
 */
#ifndef _X86_MM_PTI_EXPOSURE_H
#define _X86_MM_PTI_EXPOSURE_H

#include <linux/bits.h>
#include <linux/init.h>
#include <linux/pgtable.h>
#include <linux/types.h>

/**
 * enum pti_where - what a row's start is relative to
 * @PTI_AT_ADDRESS: nothing, it is an address
 * @PTI_AT_PERCPU: each possible CPU's per-CPU area
 * @PTI_AT_CEA: each possible CPU's cpu_entry_area
 * @PTI_AT_LDT: the LDT slot of each mm
 */
enum pti_where {
	PTI_AT_ADDRESS,
	PTI_AT_PERCPU,
	PTI_AT_CEA,
	PTI_AT_LDT,
};

/* How a row is mapped. Readable goes without saying. */
#define PTI_WRITE	BIT(0)
#define PTI_EXEC	BIT(1)
#define PTI_USER	BIT(2)	/* user mode may use it, not only see it */
#define PTI_GLOBAL	BIT(3)	/* the kernel's leaf is global, so this is */

/* When a row is mapped. Without any of these: at boot, and it must be there. */
#define PTI_IF_MAPPED	BIT(4)	/* where the kernel maps it; at boot, or by pti_use() */
#define PTI_RUNTIME	BIT(5)	/* by pti_use() and pti_unuse(); at PTI_AT_CEA, of a @size */
#define PTI_WITH_LDT	BIT(6)	/* by pti_ldt.c, for an mm that has an LDT, in its own root */

/* Frames that another row shows too: they count in its pages, not in totals. */
#define PTI_ALIAS	BIT(7)

/**
 * struct pti_row - one row of the policy table
 * @name: how messages and the audit call it
 * @reason: why user mode must have it mapped
 * @where: what @start is relative to
 * @flags: how and when it is mapped
 * @start: first byte; page-aligned, once it is an address
 * @size: in bytes, whole pages, or 0 where @end gives it
 * @end: symbol behind the last byte, for rows that the linker sizes; it has to
 *	leave the rest of that page empty
 */
struct pti_row {
	const char	*name;
	const char	*reason;
	enum pti_where	where;
	unsigned int	flags;
	unsigned long	start;
	unsigned long	size;
	const char	*end;
};

/**
 * struct pti_runtime - what is known of a run-time row when the policy table may be gone
 * @name: as in the row
 * @start: likewise, in the cpu_entry_area of each CPU
 * @size: likewise
 * @prot: flags of its leaves
 * @if_mapped: the kernel need not map all of it
 */
struct pti_runtime {
	const char	*name;
	unsigned long	start;
	unsigned long	size;
	pteval_t	prot;
	bool		if_mapped;
};

/*
 * For what only the mapper uses at boot, and debugfs, sysfs, the switch and tests later:
 * without these it goes with the rest of the memory of boot time.
 */
#if defined(CONFIG_PTI_DEBUGFS) || defined(CONFIG_PTI_SYSFS) || defined(CONFIG_PTI_SWITCH) || \
	IS_ENABLED(CONFIG_PTI_KUNIT_TEST)
#define __pti_boot
#define __pti_bootconst
#else
#define __pti_boot	__init
#define __pti_bootconst	__section(".init.rodata")
#endif

extern const struct pti_row pti_rows[];
extern const unsigned int pti_nr_rows;

/**
 * struct pti_range - the pages that a row means on one CPU
 * @start: page-aligned, in a row that the mapper accepts
 * @end: likewise, exclusive
 */
struct pti_range {
	unsigned long	start;
	unsigned long	end;
};

struct pti_range pti_row_range(const struct pti_row *row, int cpu);
bool pti_row_is_per_cpu(const struct pti_row *row);
pte_t *pti_user_leaf(unsigned long addr);
unsigned long pti_row_pages(const struct pti_row *row, int cpu, pteval_t *flags);
unsigned long pti_row_bytes(const struct pti_row *row);
unsigned long pti_exposed_bytes(void);

/* A boot with pti_test_tables=N gets N page tables, and no more. */
#ifdef CONFIG_PTI_KUNIT_TEST
bool pti_test_no_memory(void);
#else
static inline bool pti_test_no_memory(void)
{
	return false;
}
#endif

/*
 * For pti_test.c: parts of pti_init(), pti_use() and pti_unuse(), on a root of its own,
 * which nothing else changes.
 */
#if IS_ENABLED(CONFIG_KUNIT)
void *pti_new_table(void);
bool pti_adopt_root(pgd_t *root);
const char *pti_map_row(pgd_t *root, const struct pti_row *row, int cpu);
bool pti_build(pgd_t *root, const struct pti_row *rows, unsigned int nr);
struct pti_runtime pti_runtime_of(const struct pti_row *row);
void pti_change_pages(pgd_t *root, const struct pti_runtime *row, unsigned long addr,
		      unsigned long end, bool show);
#endif

#endif /* _X86_MM_PTI_EXPOSURE_H */
