// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-table isolation: KUnit tests of the mapper (pti.c) and of the mirroring
 * (pgd_pair.c).
 *
 * A test of the mapper has a pair of roots that no CPU ever loads, with page
 * tables for its kernel half that the test makes up. So any address can be
 * mapped in any way, the last page of the address space included, and nothing
 * that is exposed for real changes. After each step the whole user root is
 * counted: what must not be there is looked for, too.
 *
 * The tests run at boot, before the mapper, which is __init, is thrown away. Some
 * warnings are provoked, "set in a root without a pair" among them; with
 * WARN_ONCE() each is in the log once, for whoever reads that to check.
 */
#include <kunit/resource.h>
#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <kunit/test-bug.h>

#include <linux/cpufeature.h>
#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>

#include <asm/cpu_entry_area.h>
#include <asm/espfix.h>
#include <asm/pgd_pair.h>
#include <asm/pti.h>
#include <asm/pti_ldt.h>
#include <asm/realmode.h>
#include <asm/tlbflush.h>

#include "../events/perf_event.h"
#include "pti_exposure.h"
#include "pti_tlb.h"

/* From pti_test_tables=: what the boot still gets. Less than 0: as many as it wants. */
static int pti_test_tables __initdata = -1;

static int __init pti_test_tables_param(char *arg)
{
	get_option(&arg, &pti_test_tables);
	return 0;
}
early_param("pti_test_tables", pti_test_tables_param);

/**
 * pti_test_no_memory() - is this allocation the one that is to fail?
 *
 * Context: boot.
 * Return: true once pti_test_tables= page tables have been given out.
 */
bool __init pti_test_no_memory(void)
{
	if (pti_test_tables > 0)
		pti_test_tables--;
	else if (!pti_test_tables)
		return true;

	return false;
}

/* A slot of the root near the end, and so the first page of each table below. */
#define BASE		(-1UL << (PGDIR_SHIFT + 2))

/* Frames that are mapped here and never touched. */
#define FRAME(n)	((0x40000UL + (n)) << PAGE_SHIFT)

/* Leaves of the kernel, and of the user page table: present and accessed. */
#define LEAF		(_PAGE_PRESENT | _PAGE_ACCESSED | sme_me_mask)
#define LEAF_R		(LEAF | _PAGE_NX)
#define LEAF_RW		(LEAF_R | _PAGE_RW | _PAGE_DIRTY)
#define LEAF_X		LEAF
#define LEAF_RU		(LEAF_R | _PAGE_USER)
#define LEAF_RG		(LEAF_R | _PAGE_GLOBAL)
#define LEAF_RWG	(LEAF_RW | _PAGE_GLOBAL)

/**
 * struct fixture - what a test of the mapper has
 * @root: kernel root of its pair
 * @made: user page tables that the mapper has asked for
 * @limit: how many it gets
 */
struct fixture {
	pgd_t		*root;
	unsigned int	made;
	unsigned int	limit;
};

static DEFINE_PER_CPU(char, somewhere);

static void free_one(void *page)
{
	free_page((unsigned long)page);
}

static void free_two(void *pages)
{
	free_pages((unsigned long)pages, 1);
}

static void *new_pages(struct kunit *test, unsigned int order)
{
	void *pages = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, order);

	KUNIT_ASSERT_NOT_NULL(test, pages);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, order ? free_two : free_one, pages));
	return pages;
}

static void *limited_new_table(void)
{
	struct kunit *test = kunit_get_current_test();
	struct fixture *f = test->priv;

	if (f->made == f->limit)
		return NULL;
	f->made++;

	return new_pages(test, 0);
}

/* The last test may have left some. */
static void clear_user_root(struct fixture *f)
{
	memset(pgd_pair_user_root(f->root), 0, PAGE_SIZE);
	f->made = 0;
	f->limit = UINT_MAX;
}

static int __init mapper_init(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	test->priv = f;
	f->root = new_pages(test, 1);
	clear_user_root(f);
	kunit_activate_static_stub(test, pti_new_table, limited_new_table);

	return 0;
}

static enum pg_level top_level(void)
{
	return pgtable_l5_enabled() ? PG_LEVEL_256T : PG_LEVEL_512G;
}

static unsigned long *entry_at(void *table, unsigned long addr, enum pg_level level)
{
	return (unsigned long *)table + addr / page_level_size(level) % PTRS_PER_PTE;
}

/* Write an entry of the kernel half, of whatever level, with the tables above it. */
static void set_kernel(struct kunit *test, unsigned long addr, enum pg_level level,
		       unsigned long value)
{
	struct fixture *f = test->priv;
	void *table = f->root;
	enum pg_level at;

	for (at = top_level(); at > level; at--) {
		unsigned long *entry = entry_at(table, addr, at);

		if (!*entry)
			*entry = __pa(new_pages(test, 0)) | _KERNPG_TABLE;
		table = __va(*entry & PTE_PFN_MASK);
	}
	*entry_at(table, addr, level) = value;
}

/* Pages from @addr on, with frames from FRAME(@frame) on. */
static void set_kernel_pages(struct kunit *test, unsigned long addr, unsigned int nr,
			     unsigned int frame, unsigned long flags)
{
	for (; nr--; addr += PAGE_SIZE)
		set_kernel(test, addr, PG_LEVEL_4K, FRAME(frame++) | flags);
}

/* The entry of the user page table at @level, or 0 if there is no table for it. */
static unsigned long user_entry(struct kunit *test, unsigned long addr, enum pg_level level)
{
	struct fixture *f = test->priv;
	void *table = pgd_pair_user_root(f->root);
	enum pg_level at;

	for (at = top_level(); at > level; at--) {
		unsigned long entry = *entry_at(table, addr, at);

		if (!(entry & _PAGE_PRESENT))
			return 0;
		KUNIT_ASSERT_FALSE(test, entry & _PAGE_PSE);
		table = __va(entry & PTE_PFN_MASK);
	}
	return *entry_at(table, addr, level);
}

static unsigned long user_leaf(struct kunit *test, unsigned long addr)
{
	return user_entry(test, addr, PG_LEVEL_4K);
}

/* All leaves below a table, present or not. */
static unsigned long count_leaves(unsigned long *table, enum pg_level level)
{
	unsigned long nr = 0;
	unsigned int i;

	for (i = 0; i < PTRS_PER_PTE; i++) {
		if (!table[i])
			continue;
		if (level == PG_LEVEL_4K || (table[i] & _PAGE_PSE))
			nr++;
		else
			nr += count_leaves(__va(table[i] & PTE_PFN_MASK), level - 1);
	}
	return nr;
}

static unsigned long user_leaves(struct kunit *test)
{
	struct fixture *f = test->priv;

	return count_leaves((unsigned long *)pgd_pair_user_root(f->root), top_level());
}

/* What the mapper says to a row; the first is for nothing. */
static const char mapped[] = "mapped";
static const char no_range[] = "not a range of the kernel half";
static const char not_aligned[] = "not aligned to a page";
static const char not_mapped[] = "the kernel does not map it";
static const char mapped_twice[] = "mapped by two rows";
static const char no_write[] = "the kernel may not write it";
static const char no_exec[] = "the kernel may not execute it";
static const char no_user[] = "the kernel does not give it to user mode";
static const char not_same[] = "global, but not the kernel's own leaf";
static const char both[] = "writable and executable";

static const char *__init map_row(const struct pti_row *row)
{
	struct fixture *f = kunit_get_current_test()->priv;

	return pti_map_row(f->root, row, 0) ?: mapped;
}

static const char *__init map_range(unsigned long start, unsigned long size, unsigned int flags)
{
	struct pti_row row = {
		.name	= "of a test",
		.where	= PTI_AT_ADDRESS,
		.flags	= flags,
		.start	= start,
		.size	= size,
	};

	return map_row(&row);
}

#define EXPECT_ROW(test, row, says)							\
	KUNIT_EXPECT_STREQ(test, map_row(row), says)
#define EXPECT_RANGE(test, start, size, flags, says)					\
	KUNIT_EXPECT_STREQ(test, map_range(start, size, flags), says)

/*
 * A row starts and ends at a page: neither is what lies beside it shown, nor is it
 * cut short.
 */
static void __init unaligned_rows(struct kunit *test)
{
	static const struct {
		unsigned long offset, size, nr;
	} cases[] = {
		{ 0,			1,			0 },
		{ 0,			PAGE_SIZE - 1,		0 },
		{ 0,			PAGE_SIZE,		1 },
		{ 0,			PAGE_SIZE + 1,		0 },
		{ 1,			PAGE_SIZE - 1,		0 },
		{ 1,			PAGE_SIZE,		0 },
		{ PAGE_SIZE - 1,	1,			0 },
		{ PAGE_SIZE - 1,	2,			0 },
		{ PAGE_SIZE - 1,	PAGE_SIZE + 2,		0 },
		{ PAGE_SIZE,		PAGE_SIZE,		1 },
		{ PAGE_SIZE,		2 * PAGE_SIZE,		2 },
		{ PAGE_SIZE + 0x123,	2 * PAGE_SIZE,		0 },
	};
	unsigned long here = (unsigned long)per_cpu_ptr(&somewhere, 0);
	unsigned long base = PAGE_ALIGN(here) + PAGE_SIZE;
	struct pti_row row = { .name = "unaligned", .where = PTI_AT_PERCPU };
	unsigned int i, page;

	set_kernel_pages(test, base - PAGE_SIZE, 6, 0, LEAF_RW);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		clear_user_root(test->priv);
		row.start = (__force unsigned long)&somewhere + base - here + cases[i].offset;
		row.size = cases[i].size;
		if (cases[i].nr)
			EXPECT_ROW(test, &row, mapped);
		else
			EXPECT_ROW(test, &row, not_aligned);

		KUNIT_EXPECT_EQ_MSG(test, user_leaves(test), cases[i].nr, "case %u", i);
		for (page = 0; page < cases[i].nr; page++) {
			unsigned long at = cases[i].offset + page * PAGE_SIZE;

			KUNIT_EXPECT_EQ_MSG(test, user_leaf(test, base + at),
					    (FRAME(1) + at) | LEAF_R, "case %u", i);
		}
	}
}

/* A row that a symbol ends has all of that symbol's page, whatever its size says. */
static void __init row_with_end(struct kunit *test)
{
	struct pti_row row = {
		.name	= "with an end",
		.where	= PTI_AT_ADDRESS,
		.start	= BASE,
		.size	= 7 * PAGE_SIZE,
		.end	= (const char *)BASE + PAGE_SIZE + 1,
	};

	set_kernel_pages(test, BASE, 8, 0, LEAF_RW);
	EXPECT_ROW(test, &row, mapped);
	KUNIT_EXPECT_EQ(test, user_leaves(test), 2);
	KUNIT_EXPECT_EQ(test, user_leaf(test, BASE), FRAME(0) | LEAF_R);
	KUNIT_EXPECT_EQ(test, user_leaf(test, BASE + PAGE_SIZE), FRAME(1) | LEAF_R);

	clear_user_root(test->priv);
	row.end += PAGE_SIZE - 1;
	EXPECT_ROW(test, &row, mapped);
	KUNIT_EXPECT_EQ(test, user_leaves(test), 2);
}

/* An end that wraps must not turn into a row that is empty, or endless. */
static void __init end_of_address_space(struct kunit *test)
{
	set_kernel_pages(test, -4 * PAGE_SIZE, 4, 0, LEAF_RW);
	set_kernel_pages(test, BASE, 1, 4, LEAF_RW);

	EXPECT_RANGE(test, -PAGE_SIZE, PAGE_SIZE, 0, no_range);
	EXPECT_RANGE(test, -PAGE_SIZE, 2 * PAGE_SIZE, 0, no_range);
	EXPECT_RANGE(test, -2 * PAGE_SIZE, 2 * PAGE_SIZE, 0, no_range);
	EXPECT_RANGE(test, -2 * PAGE_SIZE, -PAGE_SIZE, 0, no_range);
	EXPECT_RANGE(test, -2 * PAGE_SIZE, -1UL, 0, no_range);
	KUNIT_EXPECT_EQ(test, user_leaves(test), 0);

	EXPECT_RANGE(test, -3 * PAGE_SIZE, 2 * PAGE_SIZE, 0, mapped);
	KUNIT_EXPECT_EQ(test, user_leaf(test, -3 * PAGE_SIZE), FRAME(1) | LEAF_R);
	KUNIT_EXPECT_EQ(test, user_leaf(test, -2 * PAGE_SIZE), FRAME(2) | LEAF_R);
	KUNIT_EXPECT_EQ(test, user_leaves(test), 2);
}

/* Leaves are of 4 KiB and of the right frame, whatever the kernel maps them by. */
static void __init large_pages(struct kunit *test)
{
	unsigned long end = BASE + 2 * PMD_SIZE, addr;

	/* The PAT bit of a large page stands where the frame of a small one does. */
	set_kernel_pages(test, BASE + PMD_SIZE - 2 * PAGE_SIZE, 2, 0, LEAF_RW);
	set_kernel(test, BASE + PMD_SIZE, PG_LEVEL_2M,
		   FRAME(0x200) | LEAF_RW | _PAGE_PSE | _PAGE_PAT_LARGE);
	set_kernel_pages(test, end, 2, 2, LEAF_RW);
	set_kernel(test, BASE + PUD_SIZE, PG_LEVEL_1G, FRAME(0x40000) | LEAF_RW | _PAGE_PSE);

	EXPECT_RANGE(test, BASE + PMD_SIZE - 2 * PAGE_SIZE, PMD_SIZE + 3 * PAGE_SIZE, PTI_WRITE,
		     mapped);
	KUNIT_EXPECT_EQ(test, user_leaves(test), 2 + PTRS_PER_PTE + 1);
	KUNIT_EXPECT_EQ(test, user_leaf(test, BASE + PMD_SIZE - 2 * PAGE_SIZE), FRAME(0) | LEAF_RW);
	KUNIT_EXPECT_EQ(test, user_leaf(test, BASE + PMD_SIZE - PAGE_SIZE), FRAME(1) | LEAF_RW);
	for (addr = BASE + PMD_SIZE; addr < end; addr += PAGE_SIZE)
		KUNIT_EXPECT_EQ(test, user_leaf(test, addr),
				(FRAME(0x200) + addr - BASE - PMD_SIZE) | LEAF_RW);
	KUNIT_EXPECT_EQ(test, user_leaf(test, end), FRAME(2) | LEAF_RW);

	addr = BASE + PUD_SIZE + 5 * PMD_SIZE + 7 * PAGE_SIZE;
	EXPECT_RANGE(test, addr, PAGE_SIZE, 0, mapped);
	KUNIT_EXPECT_EQ(test, user_leaf(test, addr), FRAME(0x40000 + 5 * 512 + 7) | LEAF_R);
	KUNIT_EXPECT_EQ(test, user_leaves(test), 2 + PTRS_PER_PTE + 2);
}

/* A page that the kernel does not map: at whatever level, and not present likewise. */
static void __init holes(struct kunit *test)
{
	unsigned long hole = BASE + PAGE_SIZE;

	set_kernel_pages(test, BASE, 4, 0, LEAF_RW);
	set_kernel(test, hole, PG_LEVEL_4K, 0);
	EXPECT_RANGE(test, BASE, 4 * PAGE_SIZE, 0, not_mapped);
	KUNIT_EXPECT_EQ(test, user_leaf(test, hole), 0);

	clear_user_root(test->priv);
	set_kernel(test, hole, PG_LEVEL_4K, FRAME(1) | (LEAF_RW & ~_PAGE_PRESENT));
	EXPECT_RANGE(test, BASE, 4 * PAGE_SIZE, 0, not_mapped);

	clear_user_root(test->priv);
	EXPECT_RANGE(test, BASE, 4 * PAGE_SIZE, PTI_IF_MAPPED, mapped);
	KUNIT_EXPECT_EQ(test, user_leaf(test, hole), 0);
	KUNIT_EXPECT_EQ(test, user_leaves(test), 3);

	EXPECT_RANGE(test, BASE + PMD_SIZE, PAGE_SIZE, 0, not_mapped);
	EXPECT_RANGE(test, BASE + PUD_SIZE, PAGE_SIZE, 0, not_mapped);
	EXPECT_RANGE(test, BASE + PGDIR_SIZE, PAGE_SIZE, 0, not_mapped);
	EXPECT_RANGE(test, BASE + PGDIR_SIZE, PAGE_SIZE, PTI_IF_MAPPED, mapped);
	KUNIT_EXPECT_EQ(test, user_leaves(test), 3);
}

/* What the kernel has of a page, what a row wants of it, and what comes of that. */
static void __init permissions(struct kunit *test)
{
	const struct {
		unsigned long kernel;
		unsigned int row;
		unsigned long leaf;
		const char *says;
	} cases[] = {
		{ LEAF_R,			0,			LEAF_R, mapped },
		{ LEAF_R & ~_PAGE_ACCESSED,	0,			LEAF_R, mapped },
		{ LEAF_RW,			0,			LEAF_R, mapped },
		{ LEAF_RW & ~_PAGE_DIRTY,	PTI_WRITE,		LEAF_RW, mapped },
		{ LEAF_R,			PTI_WRITE,		0, no_write },
		{ LEAF_R | _PAGE_DIRTY,		PTI_WRITE,		0, no_write },
		{ LEAF_X,			PTI_EXEC,		LEAF_X, mapped },
		{ LEAF_X,			0,			LEAF_R, mapped },
		{ LEAF_R,			PTI_EXEC,		0, no_exec },
		{ LEAF_RW,			PTI_EXEC,		0, no_exec },
		{ LEAF_RU,			PTI_USER,		LEAF_RU, mapped },
		{ LEAF_RU,			0,			LEAF_R, mapped },
		{ LEAF_R,			PTI_USER,		0, no_user },
		/* As the page of vsyscall=xonly: not for user mode, so not shown. */
		{ LEAF_R,			PTI_USER | PTI_IF_MAPPED, 0, mapped },
		{ LEAF_RG,			PTI_GLOBAL,		LEAF_RG, mapped },
		{ LEAF_RWG,			PTI_GLOBAL | PTI_WRITE,	LEAF_RWG, mapped },
		{ LEAF_RG,			0,			0, not_same },
		{ LEAF_R,			PTI_GLOBAL,		0, not_same },
		{ LEAF_RWG,			PTI_GLOBAL,		0, not_same },
		{ LEAF_RG,			PTI_GLOBAL | PTI_WRITE,	0, not_same },
		{ LEAF_RWG & ~_PAGE_DIRTY,	PTI_GLOBAL | PTI_WRITE,	0, not_same },
		{ LEAF_RG,			PTI_GLOBAL | PTI_EXEC,	0, not_same },
		{ LEAF_RW,			PTI_WRITE | PTI_EXEC,	0, both },
		{ LEAF_X | _PAGE_RW,		PTI_WRITE | PTI_EXEC,	0, both },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned long leaf = cases[i].leaf;

		if (leaf)
			leaf |= FRAME(i);
		clear_user_root(test->priv);
		set_kernel(test, BASE, PG_LEVEL_4K, FRAME(i) | cases[i].kernel);
		KUNIT_EXPECT_STREQ_MSG(test, map_range(BASE, PAGE_SIZE, cases[i].row),
				       cases[i].says, "case %u", i);
		KUNIT_EXPECT_EQ_MSG(test, user_leaf(test, BASE), leaf, "case %u", i);
		KUNIT_EXPECT_EQ_MSG(test, user_leaves(test), !!leaf, "case %u", i);
	}

	/* The same leaf would have to be as large. */
	clear_user_root(test->priv);
	set_kernel(test, BASE + PMD_SIZE, PG_LEVEL_2M, FRAME(0) | LEAF_RG | _PAGE_PSE);
	EXPECT_RANGE(test, BASE + PMD_SIZE, PAGE_SIZE, PTI_GLOBAL, not_same);
	KUNIT_EXPECT_EQ(test, user_leaves(test), 0);
}

/* Each page belongs to one row. */
static void __init two_rows(struct kunit *test)
{
	const struct pti_row beside[] = {
		{ .name = "first", .start = BASE + 4 * PAGE_SIZE, .size = 2 * PAGE_SIZE,
		  .flags = PTI_RUNTIME },
		{ .name = "second", .start = BASE + 3 * PAGE_SIZE, .size = PAGE_SIZE },
	};
	const struct pti_row across[] = {
		{ .name = "first", .start = BASE + 6 * PAGE_SIZE, .size = 2 * PAGE_SIZE,
		  .flags = PTI_RUNTIME },
		{ .name = "second", .start = BASE + 7 * PAGE_SIZE, .size = PAGE_SIZE },
	};
	/* Neither has leaves before an LDT, or only the first one does. */
	const struct pti_row with_ldt[] = {
		{ .name = "first", .start = BASE + 6 * PAGE_SIZE, .size = PAGE_SIZE },
		{ .name = "second", .start = BASE, .size = P4D_SIZE, .flags = PTI_WITH_LDT },
	};
	const struct pti_row with_ldt_first[] = { with_ldt[1], with_ldt[0] };
	struct fixture *f = test->priv;

	set_kernel_pages(test, BASE, 8, 0, LEAF_RW);
	EXPECT_RANGE(test, BASE, 2 * PAGE_SIZE, 0, mapped);
	EXPECT_RANGE(test, BASE + 2 * PAGE_SIZE, PAGE_SIZE, PTI_WRITE, mapped);
	EXPECT_RANGE(test, BASE + PAGE_SIZE, PAGE_SIZE, PTI_WRITE, mapped_twice);
	EXPECT_RANGE(test, BASE, PAGE_SIZE, 0, mapped_twice);
	EXPECT_RANGE(test, BASE, PAGE_SIZE, PTI_RUNTIME, mapped_twice);

	/* Of run time, and so without leaves; the other row is beside it, or shares a page. */
	KUNIT_EXPECT_TRUE(test, pti_build(f->root, beside, ARRAY_SIZE(beside)));
	KUNIT_EXPECT_FALSE(test, pti_build(f->root, across, ARRAY_SIZE(across)));
	KUNIT_EXPECT_FALSE(test, pti_build(f->root, with_ldt_first, ARRAY_SIZE(with_ldt_first)));
	KUNIT_EXPECT_FALSE(test, pti_build(f->root, with_ldt, ARRAY_SIZE(with_ldt)));

	KUNIT_EXPECT_EQ(test, user_leaf(test, BASE + PAGE_SIZE), FRAME(1) | LEAF_R);
	KUNIT_EXPECT_EQ(test, user_leaf(test, BASE + 2 * PAGE_SIZE), FRAME(2) | LEAF_RW);
	KUNIT_EXPECT_EQ(test, user_leaf(test, BASE + 3 * PAGE_SIZE), FRAME(3) | LEAF_R);
	KUNIT_EXPECT_EQ(test, user_leaves(test), 5);
}

/* Rows that are no range of whole pages of the kernel half. */
static void __init bad_ranges(struct kunit *test)
{
	set_kernel_pages(test, BASE, 2, 0, LEAF_RW);
	set_kernel_pages(test, PAGE_SIZE, 2, 0, LEAF_RU);

	EXPECT_RANGE(test, BASE, 0, 0, no_range);
	EXPECT_RANGE(test, PAGE_SIZE, PAGE_SIZE, 0, no_range);
	EXPECT_RANGE(test, TASK_SIZE_MAX - PAGE_SIZE, PAGE_SIZE, 0, no_range);
	EXPECT_RANGE(test, TASK_SIZE_MAX, PAGE_SIZE, 0, no_range);
	EXPECT_RANGE(test, TASK_SIZE_MAX + PAGE_SIZE, PAGE_SIZE, 0, no_range);
	EXPECT_RANGE(test, BASE + 1, PAGE_SIZE, 0, not_aligned);
	KUNIT_EXPECT_EQ(test, user_leaves(test), 0);
	KUNIT_EXPECT_EQ(test, ((struct fixture *)test->priv)->made, 0);
}

/* Tables above a page for user mode must allow it, those above others do not. */
static void __init upper_levels(struct kunit *test)
{
	enum pg_level level;

	set_kernel_pages(test, BASE, 1, 0, LEAF_X);
	set_kernel_pages(test, BASE + PMD_SIZE, 1, 1, LEAF_RU);

	EXPECT_RANGE(test, BASE, PAGE_SIZE, PTI_EXEC, mapped);
	for (level = PG_LEVEL_2M; level <= top_level(); level++)
		KUNIT_EXPECT_EQ(test, user_entry(test, BASE, level) & PTE_FLAGS_MASK,
				_KERNPG_TABLE);

	EXPECT_RANGE(test, BASE + PMD_SIZE, PAGE_SIZE, PTI_USER, mapped);
	for (level = PG_LEVEL_2M; level <= top_level(); level++)
		KUNIT_EXPECT_EQ(test, user_entry(test, BASE + PMD_SIZE, level) & PTE_FLAGS_MASK,
				_PAGE_TABLE);
	KUNIT_EXPECT_EQ(test, user_entry(test, BASE, PG_LEVEL_2M) & PTE_FLAGS_MASK,
			_KERNPG_TABLE);
	KUNIT_EXPECT_EQ(test, user_leaf(test, BASE), FRAME(0) | LEAF_X);
}

/* Pages that come and go, in page tables that were made before. */
static void __init runtime_rows(struct kunit *test)
{
	const struct pti_row row = {
		.name	= "ds_of_a_test",
		.where	= PTI_AT_ADDRESS,
		.flags	= PTI_WRITE | PTI_GLOBAL | PTI_RUNTIME,
		.start	= BASE,
		.size	= PMD_SIZE,
	};
	const struct pti_row local = {
		.name	= row.name,
		.where	= PTI_AT_ADDRESS,
		.flags	= PTI_WRITE | PTI_RUNTIME,
		.start	= BASE,
		.size	= PMD_SIZE,
	};
	const struct pti_runtime kept = pti_runtime_of(&row), *r = &kept;
	const struct pti_runtime not_global = pti_runtime_of(&local);
	struct fixture *f = test->priv;
	unsigned long page[6];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(page); i++)
		page[i] = BASE + i * PAGE_SIZE;

	EXPECT_ROW(test, &row, mapped);
	KUNIT_EXPECT_EQ(test, user_leaves(test), 0);
	f->limit = f->made;

	set_kernel_pages(test, page[0], 4, 0, LEAF_RWG);
	pti_change_pages(f->root, r, page[1], page[3], true);
	KUNIT_EXPECT_EQ(test, user_leaf(test, page[1]), FRAME(1) | LEAF_RWG);
	KUNIT_EXPECT_EQ(test, user_leaf(test, page[2]), FRAME(2) | LEAF_RWG);
	KUNIT_EXPECT_EQ(test, user_leaves(test), 2);

	/* One after the other, and what is not there. */
	pti_change_pages(f->root, r, page[1], page[2], false);
	KUNIT_EXPECT_EQ(test, user_leaf(test, page[2]), FRAME(2) | LEAF_RWG);
	KUNIT_EXPECT_EQ(test, user_leaves(test), 1);
	pti_change_pages(f->root, r, page[0], page[4], false);
	KUNIT_EXPECT_EQ(test, user_leaves(test), 0);

	/* Nothing of an empty range. */
	pti_change_pages(f->root, r, page[1], page[1], true);
	KUNIT_EXPECT_EQ(test, user_leaves(test), 0);

	/* Warnings: one that is there, one that differs, one that is not mapped. */
	pti_change_pages(f->root, r, page[1], page[2], true);
	set_kernel(test, page[1], PG_LEVEL_4K, FRAME(7) | LEAF_RWG);
	set_kernel(test, page[3], PG_LEVEL_4K, FRAME(3) | LEAF_RG);
	pti_change_pages(f->root, r, page[0], page[5], true);
	KUNIT_EXPECT_EQ(test, user_leaf(test, page[0]), FRAME(0) | LEAF_RWG);
	KUNIT_EXPECT_EQ(test, user_leaf(test, page[1]), FRAME(1) | LEAF_RWG);
	KUNIT_EXPECT_EQ(test, user_leaf(test, page[2]), FRAME(2) | LEAF_RWG);
	KUNIT_EXPECT_EQ(test, user_leaves(test), 3);

	/* A warning: there are no tables, and none are made. */
	set_kernel_pages(test, BASE + PMD_SIZE, 1, 8, LEAF_RWG);
	pti_change_pages(f->root, r, BASE + PMD_SIZE, BASE + PMD_SIZE + PAGE_SIZE, true);
	pti_change_pages(f->root, r, BASE + PMD_SIZE, BASE + PMD_SIZE + PAGE_SIZE, false);
	KUNIT_EXPECT_EQ(test, user_leaves(test), 3);

	/* A warning: a leaf that is not global may be small only where the kernel's is. */
	pti_change_pages(f->root, r, page[0], page[5], false);
	set_kernel(test, BASE, PG_LEVEL_2M, FRAME(512) | LEAF_RW | _PAGE_PSE);
	pti_change_pages(f->root, &not_global, page[1], page[2], true);
	KUNIT_EXPECT_EQ(test, user_leaves(test), 0);
	KUNIT_EXPECT_EQ(test, f->made, f->limit);
}

/* The interface of that, with a row of which the kernel maps one page, the last of CPU 0. */
static void __init use_of_a_page(struct kunit *test)
{
	const struct pti_row *row = &pti_rows[PTI_PEBS_BUFFER];
	unsigned long page = pti_row_range(row, 0).end - PAGE_SIZE;
	unsigned int level;
	pteval_t flags;
	pte_t *kernel;

	if (!boot_cpu_has(X86_FEATURE_PTI) || boot_cpu_data.x86_vendor != X86_VENDOR_INTEL)
		kunit_skip(test, "isolation is off, or the CPU is not Intel's");
	if (x86_pmu.handle_irq)
		kunit_skip(test, "perf has a PMU, and may have buffers");

	KUNIT_ASSERT_NULL(test, pti_user_leaf(page));
	kernel = lookup_address(page, &level);
	KUNIT_ASSERT_NOT_NULL(test, kernel);
	KUNIT_ASSERT_EQ(test, level, PG_LEVEL_4K);
	KUNIT_ASSERT_FALSE(test, pte_flags(*kernel) & _PAGE_PRESENT);
	cea_set_pte((void *)page, __pa(new_pages(test, 0)), PAGE_KERNEL);

	pti_use(PTI_PEBS_BUFFER);
	KUNIT_EXPECT_NOT_NULL(test, pti_user_leaf(page));
	KUNIT_EXPECT_EQ(test, pti_row_pages(row, 0, &flags), 1);
	KUNIT_EXPECT_EQ(test, flags, pte_flags(*kernel));
	if (pti_user_leaf(page))
		KUNIT_EXPECT_EQ(test, pte_val(*pti_user_leaf(page)), pte_val(*kernel));

	pti_unuse(PTI_PEBS_BUFFER);
	KUNIT_EXPECT_NULL(test, pti_user_leaf(page));
	KUNIT_EXPECT_EQ(test, pti_row_pages(row, 0, &flags), 0);

	cea_set_pte((void *)page, 0, PAGE_NONE);
	flush_tlb_kernel_range(page, page + PAGE_SIZE);
}

/*
 * So many bytes of a row are in the user table of each CPU, by the kernel's own leaves, and
 * no more.
 */
static void __init expect_row(struct kunit *test, enum pti_runtime_row nr, size_t size)
{
	const struct pti_row *row = &pti_rows[nr];
	unsigned long pages = size / PAGE_SIZE;
	unsigned int level;
	pteval_t flags;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct pti_range range = pti_row_range(row, cpu);
		unsigned long page, same = 0;

		KUNIT_EXPECT_EQ(test, pti_row_pages(row, cpu, &flags), pages);
		for (page = range.start; page < range.end; page += PAGE_SIZE) {
			pte_t *kernel = lookup_address(page, &level);
			pte_t *user = pti_user_leaf(page);

			same += user && kernel && pte_val(*user) == pte_val(*kernel);
		}
		KUNIT_EXPECT_EQ(test, same, pages);
	}
}

/* What perf is told of an event: by its own code, and by the constraints. */
static int hw_config_error, constraint_weight;

static int __init no_hw_config(struct perf_event *event)
{
	return hw_config_error;
}

static u64 __init any_event(int number)
{
	return PERF_COUNT_HW_BRANCH_INSTRUCTIONS;
}

static struct event_constraint * __init no_constraint(struct cpu_hw_events *cpuc, int idx,
						      struct perf_event *event)
{
	static struct event_constraint any;

	any.weight = constraint_weight;
	return &any;
}

static int no_irq_handler(struct pt_regs *regs)
{
	return 0;
}

/* An event that perf has made, as far as the PMU sees of that. */
static struct perf_event * __init new_event(struct kunit *test, unsigned int precise_ip,
					    u64 period)
{
	struct perf_event *event = kunit_kzalloc(test, sizeof(*event), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, event);
	event->pmu = x86_get_pmu(0);
	event->group_leader = event;
	event->attr.type = PERF_TYPE_HARDWARE;
	event->attr.precise_ip = precise_ip;
	event->hw.config = PERF_COUNT_HW_BRANCH_INSTRUCTIONS;
	event->hw.sample_period = period;
	KUNIT_ASSERT_EQ(test, event->pmu->event_init(event), 0);

	return event;
}

static void __init end_event(struct perf_event *event)
{
	event->destroy(event);
}

static void restore_pmu(void *was)
{
	x86_pmu = *(struct x86_pmu *)was;
}

/* The user page tables of all CPUs have these buffers, and the debug store for either. */
static void __init expect_debug_store(struct kunit *test, bool bts, bool pebs)
{
	expect_row(test, PTI_BTS_BUFFER, bts ? BTS_BUFFER_SIZE : 0);
	expect_row(test, PTI_PEBS_BUFFER, pebs ? PEBS_BUFFER_SIZE : 0);
	expect_row(test, PTI_DEBUG_STORE, bts || pebs ? sizeof(struct debug_store) : 0);
}

/*
 * The debug store comes with the first event that needs it and goes with the last one, not
 * with perf's first and last of any kind, on a CPU that may have no debug store, but is
 * said to. It is told where its store is, by an MSR that emulators ignore, and not to write
 * there; no event is enabled.
 */
static void __init debug_store(struct kunit *test)
{
	struct perf_event *plain, *precise, *another, *branches, *refused;
	struct x86_pmu *was;

	if (!boot_cpu_has(X86_FEATURE_PTI) || boot_cpu_data.x86_vendor != X86_VENDOR_INTEL)
		kunit_skip(test, "isolation is off, or the CPU is not Intel's");
	if (x86_pmu.handle_irq)
		kunit_skip(test, "perf has a PMU, and may have events");

	was = kunit_kmalloc(test, sizeof(*was), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, was);
	*was = x86_pmu;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, restore_pmu, was), 0);
	hw_config_error = 0;
	constraint_weight = 1;
	x86_pmu.handle_irq = no_irq_handler;
	x86_pmu.hw_config = no_hw_config;
	x86_pmu.event_map = any_event;
	x86_pmu.get_event_constraints = no_constraint;
	x86_pmu.bts = 1;
	x86_pmu.pebs = 1;
	x86_pmu.pebs_buffer_size = PEBS_BUFFER_SIZE;
	x86_pmu.pebs_record_size = 64;
	x86_pmu.intel_cap.pebs_format = 2;

	plain = new_event(test, 0, 1000);
	KUNIT_EXPECT_TRUE(test, x86_pmu.bts_active && x86_pmu.pebs_active);
	expect_debug_store(test, false, false);

	precise = new_event(test, 2, 1000);
	expect_debug_store(test, false, true);
	branches = new_event(test, 0, 1);
	expect_debug_store(test, true, true);
	another = new_event(test, 1, 1000);

	/* One that perf tries twice, and cannot have: once behind what counts it, once ahead. */
	refused = kunit_kmalloc(test, sizeof(*refused), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, refused);
	*refused = *another;
	refused->group_leader = refused;
	refused->hw.flags = 0;
	constraint_weight = 0;
	KUNIT_EXPECT_EQ(test, refused->pmu->event_init(refused), -EINVAL);
	hw_config_error = -EBUSY;
	KUNIT_EXPECT_EQ(test, refused->pmu->event_init(refused), -EBUSY);

	end_event(precise);
	expect_debug_store(test, true, true);
	end_event(another);
	expect_debug_store(test, true, false);
	end_event(plain);
	expect_debug_store(test, true, false);
	end_event(branches);
	expect_debug_store(test, false, false);
	KUNIT_EXPECT_NULL(test, per_cpu(cpu_hw_events, 0).ds);
}

/* Pages of the I/O bitmaps that the user table has, or -1 if a leaf of one is global. */
static long __init bitmap_pages(void)
{
	const struct pti_row *row = &pti_rows[PTI_IO_BITMAP];
	long pages = 0;
	pteval_t flags;
	int cpu;

	for_each_possible_cpu(cpu) {
		unsigned int level;
		pte_t *kernel = lookup_address(pti_row_range(row, cpu).start, &level);

		pages += pti_row_pages(row, cpu, &flags);
		if (!kernel || (pte_flags(*kernel) & _PAGE_GLOBAL) || (flags & _PAGE_GLOBAL))
			return -1;
	}
	return pages;
}

/* A row that is counted is there on all CPUs from its first user to its last. */
static void __init counted_row(struct kunit *test)
{
	long all = num_possible_cpus() * (sizeof(struct tss_struct) / PAGE_SIZE - 1);
	struct x86_io_bitmap *io = &per_cpu(cpu_tss_rw, num_possible_cpus() - 1).io_bitmap;

	if (!boot_cpu_has(X86_FEATURE_PTI))
		kunit_skip(test, "isolation is off");

	KUNIT_EXPECT_EQ(test, bitmap_pages(), 0);
	pti_use(PTI_IO_BITMAP);
	KUNIT_EXPECT_EQ(test, bitmap_pages(), all);
	pti_use(PTI_IO_BITMAP);
	io->bitmap[0] = 0;
	io->bitmap[1] = 0;
	io->prev_max = 2 * sizeof(long);
	pti_unuse(PTI_IO_BITMAP);
	KUNIT_EXPECT_EQ(test, bitmap_pages(), all);
	KUNIT_EXPECT_EQ(test, io->bitmap[1], 0);
	pti_unuse(PTI_IO_BITMAP);
	KUNIT_EXPECT_EQ(test, bitmap_pages(), 0);
	/* Its first bytes are in the page of the TSS, which is shown at all times. */
	KUNIT_EXPECT_EQ(test, io->bitmap[0], ~0UL);
	KUNIT_EXPECT_EQ(test, io->bitmap[1], ~0UL);
}

/* Bit 12 of CR3 does not select between roots that do not begin at an even page. */
static void __init misaligned_pair(struct kunit *test)
{
	pgd_t *root = new_pages(test, 2);

	KUNIT_EXPECT_FALSE(test, pti_adopt_root(root + PTRS_PER_PGD));
	KUNIT_EXPECT_EQ(test, page_private(virt_to_page(root + PTRS_PER_PGD)), 0);
	KUNIT_EXPECT_TRUE(test, pti_adopt_root(root));
	set_page_private(virt_to_page(root), 0);
}

/*
 * The policy table over again, into tables that run out: whichever allocation it
 * is that fails, the mapper says so, and it says nothing if none does.
 */
static void __init no_memory(struct kunit *test)
{
	unsigned long *user = (unsigned long *)pgd_pair_user_root(swapper_pg_dir);
	struct fixture *f = test->priv;
	unsigned int limit, needed, slot, good = 0;
	unsigned long leaves = 0;

	if (!boot_cpu_has(X86_FEATURE_PTI))
		kunit_skip(test, "isolation is off");

	clone_pgd_range(f->root + KERNEL_PGD_BOUNDARY, swapper_pg_dir + KERNEL_PGD_BOUNDARY,
			KERNEL_PGD_PTRS);
	KUNIT_ASSERT_TRUE(test, pti_build(f->root, pti_rows, pti_nr_rows));
	needed = f->made;
	for (slot = KERNEL_PGD_BOUNDARY; slot < PTRS_PER_PGD; slot++) {
		if (user[slot])
			leaves += count_leaves(__va(user[slot] & PTE_PFN_MASK), top_level() - 1);
	}
	KUNIT_EXPECT_EQ(test, user_leaves(test), leaves);

	/* Three tables at the least for the image, and as many for cpu_entry_area. */
	KUNIT_ASSERT_GE(test, needed, 6);
	for (limit = 0; limit < needed; limit++) {
		bool built;

		clear_user_root(f);
		f->limit = limit;
		built = pti_build(f->root, pti_rows, pti_nr_rows);
		KUNIT_EXPECT_FALSE_MSG(test, built, "with %u of %u tables", limit, needed);
		KUNIT_EXPECT_EQ(test, f->made, limit);
		KUNIT_EXPECT_LE(test, user_leaves(test), leaves);
		good += !built && f->made == limit && user_leaves(test) <= leaves;
	}
	kunit_info(test, "%u failing points tried, %u ended as defined\n", needed, good);
}

static struct kunit_case __refdata mapper_cases[] = {
	KUNIT_CASE(unaligned_rows),
	KUNIT_CASE(row_with_end),
	KUNIT_CASE(end_of_address_space),
	KUNIT_CASE(large_pages),
	KUNIT_CASE(holes),
	KUNIT_CASE(permissions),
	KUNIT_CASE(two_rows),
	KUNIT_CASE(bad_ranges),
	KUNIT_CASE(upper_levels),
	KUNIT_CASE(runtime_rows),
	KUNIT_CASE(use_of_a_page),
	KUNIT_CASE(debug_store),
	KUNIT_CASE(counted_row),
	KUNIT_CASE(misaligned_pair),
	KUNIT_CASE(no_memory),
	{ }
};

static struct kunit_suite mapper_suite __refdata = {
	.name		= "pti_mapper",
	.init		= mapper_init,
	.test_cases	= mapper_cases,
};

/* An entry as for a table of user mode, and one as EFI has it before its first call. */
#define USER_ENTRY(n)	(FRAME(n) | _PAGE_TABLE)
#define SUPER_ENTRY(n)	(FRAME(n) | _KERNPG_TABLE)

static void set_by_pgd(pgd_t *entry, unsigned long value)
{
	native_set_pgd(entry, native_make_pgd(value));
}

static void set_by_p4d(pgd_t *entry, unsigned long value)
{
	native_set_p4d((p4d_t *)entry, native_make_p4d(value));
}

static void clear_by_pgd(pgd_t *entry)
{
	native_pgd_clear(entry);
}

static void clear_by_p4d(pgd_t *entry)
{
	native_p4d_clear((p4d_t *)entry);
}

/* With four levels the entry of a root may be written as either. */
static const struct setter {
	const char *name;
	void (*set)(pgd_t *entry, unsigned long value);
	void (*clear)(pgd_t *entry);
} setters[] = {
	{ "pgd", set_by_pgd, clear_by_pgd },
	{ "p4d", set_by_p4d, clear_by_p4d },
};

static void setter_name(const struct setter *setter, char *name)
{
	strscpy(name, setter->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(setter, setters, setter_name);

static void free_pair(void *pgd)
{
	pgd_pair_free(pgd);
}

/* A pair of which the test has all of the user half. */
static pgd_t *new_pair(struct kunit *test)
{
	pgd_t *pgd;

	if (!boot_cpu_has(X86_FEATURE_PTI))
		kunit_skip(test, "isolation is off");

	pgd = pgd_pair_alloc(GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, pgd);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_pair, pgd));
	return pgd;
}

/* The p4d is an entry of the root, or one of a table that is nobody's root. */
static bool mirrors(const struct setter *setter)
{
	return setter->set != set_by_p4d || !pgtable_l5_enabled();
}

/* Entry @slot of both roots. */
static void expect_entry(struct kunit *test, pgd_t *pgd, unsigned int slot, unsigned long kernel,
			 unsigned long user)
{
	KUNIT_EXPECT_EQ(test, pgd_val(pgd[slot]), kernel);
	KUNIT_EXPECT_EQ(test, pgd_val(pgd_pair_user_root(pgd)[slot]), user);
}

/* After each step, the two roots have @nr entries of the user half in common. */
static void expect_mirrored(struct kunit *test, pgd_t *pgd, unsigned int nr)
{
	pgd_t *user = pgd_pair_user_root(pgd);
	unsigned int slot, found = 0;

	for (slot = 0; slot < PTRS_PER_PGD / 2; slot++)
		found += !!pgd_val(user[slot]);
	KUNIT_EXPECT_EQ(test, found, nr);
	KUNIT_EXPECT_EQ(test, 0, memcmp(user + KERNEL_PGD_BOUNDARY,
					pgd_pair_user_root(swapper_pg_dir) + KERNEL_PGD_BOUNDARY,
					KERNEL_PGD_PTRS * sizeof(pgd_t)));
}

static void mirror_set_and_clear(struct kunit *test)
{
	const struct setter *s = test->param_value;
	pgd_t *pgd = new_pair(test);
	unsigned int last = PTRS_PER_PGD / 2 - 1;

	if (!mirrors(s)) {
		s->set(&pgd[1], USER_ENTRY(1));
		expect_entry(test, pgd, 1, USER_ENTRY(1), 0);
		expect_mirrored(test, pgd, 0);
		return;
	}

	/* First and last of the half, in the order in which nobody does it, too. */
	s->clear(&pgd[last]);
	expect_mirrored(test, pgd, 0);
	s->set(&pgd[0], USER_ENTRY(1));
	s->set(&pgd[last], USER_ENTRY(2));
	expect_entry(test, pgd, 0, USER_ENTRY(1) | _PAGE_NX, USER_ENTRY(1));
	expect_entry(test, pgd, last, USER_ENTRY(2) | _PAGE_NX, USER_ENTRY(2));
	expect_mirrored(test, pgd, 2);

	s->clear(&pgd[0]);
	expect_entry(test, pgd, 0, 0, 0);
	expect_mirrored(test, pgd, 1);
	s->clear(&pgd[0]);
	expect_mirrored(test, pgd, 1);

	/* One over another, without a clear between them. */
	s->set(&pgd[last], USER_ENTRY(3));
	expect_entry(test, pgd, last, USER_ENTRY(3) | _PAGE_NX, USER_ENTRY(3));
	s->clear(&pgd[last]);
	expect_entry(test, pgd, last, 0, 0);
	expect_mirrored(test, pgd, 0);
}

/* The bits of an entry: all of them come along, and NX is added for the kernel. */
static void mirror_bits(struct kunit *test)
{
	static const unsigned long bits[] = {
		0, _PAGE_ACCESSED, _PAGE_DIRTY, _PAGE_SOFTW1, _PAGE_NX,
		_PAGE_ACCESSED | _PAGE_NX,
	};
	const struct setter *s = test->param_value;
	pgd_t *pgd = new_pair(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		unsigned long entry = (USER_ENTRY(i) & ~(_PAGE_ACCESSED | _PAGE_DIRTY)) | bits[i];

		s->set(&pgd[i], entry);
		if (mirrors(s))
			expect_entry(test, pgd, i, entry | _PAGE_NX, entry);
		else
			expect_entry(test, pgd, i, entry, 0);
	}
}

/* What is the kernel's own is not shown, in either half. */
static void mirror_not(struct kunit *test)
{
	const struct setter *s = test->param_value;
	pgd_t *pgd = new_pair(test);
	unsigned long shown;
	unsigned int slot;

	s->set(&pgd[1], SUPER_ENTRY(1));
	expect_entry(test, pgd, 1, SUPER_ENTRY(1), 0);
	expect_mirrored(test, pgd, 0);

	/* Nor what is left of a user entry that it replaces. */
	if (mirrors(s)) {
		s->set(&pgd[2], USER_ENTRY(2));
		s->set(&pgd[2], SUPER_ENTRY(3));
		expect_entry(test, pgd, 2, SUPER_ENTRY(3), 0);
		expect_mirrored(test, pgd, 0);
	}

	for (slot = PTRS_PER_PGD / 2; slot < PTRS_PER_PGD; slot++) {
		shown = pgd_val(pgd_pair_user_root(pgd)[slot]);
		s->set(&pgd[slot], USER_ENTRY(slot));
		expect_entry(test, pgd, slot, USER_ENTRY(slot), shown);
		s->set(&pgd[slot], SUPER_ENTRY(slot));
		expect_entry(test, pgd, slot, SUPER_ENTRY(slot), shown);
		s->clear(&pgd[slot]);
		expect_entry(test, pgd, slot, 0, shown);
	}
	expect_mirrored(test, pgd, 0);
}

/*
 * A root without a mark may have anything behind it. This warns of the user entry,
 * and of nothing else here.
 */
static void mirror_without_pair(struct kunit *test)
{
	const struct setter *s = test->param_value;
	pgd_t *pgd = new_pages(test, 1);
	unsigned int slot;

	if (!boot_cpu_has(X86_FEATURE_PTI))
		kunit_skip(test, "isolation is off");

	memset(pgd + PTRS_PER_PGD, 0x5a, PAGE_SIZE);
	s->set(&pgd[6], SUPER_ENTRY(6));
	s->set(&pgd[PTRS_PER_PGD - 1], USER_ENTRY(7));
	s->set(&pgd[5], USER_ENTRY(5));
	KUNIT_EXPECT_EQ(test, pgd_val(pgd[6]), SUPER_ENTRY(6));
	KUNIT_EXPECT_EQ(test, pgd_val(pgd[PTRS_PER_PGD - 1]), USER_ENTRY(7));
	KUNIT_EXPECT_EQ(test, pgd_val(pgd[5]), USER_ENTRY(5));
	s->clear(&pgd[5]);
	KUNIT_EXPECT_EQ(test, pgd_val(pgd[5]), 0);
	for (slot = 0; slot < PTRS_PER_PGD; slot++)
		KUNIT_EXPECT_EQ(test, pgd_val(pgd[PTRS_PER_PGD + slot]), 0x5a5a5a5a5a5a5a5aUL);
}

/*
 * What the kernel itself has in the user half and calls, as tboot does: a user entry
 * of a root with a pair, whose NX it takes off again. What is mirrored elsewhere in
 * that root does not bring it back.
 */
static void mirror_for_execution(struct kunit *test)
{
	const struct setter *s = test->param_value;
	pgd_t *pgd = new_pair(test);

	s->set(&pgd[3], USER_ENTRY(3));
	pgd[3].pgd &= ~PGD_MIRROR_NX;
	s->set(&pgd[4], USER_ENTRY(4));
	s->clear(&pgd[4]);
	expect_entry(test, pgd, 3, USER_ENTRY(3), mirrors(s) ? USER_ENTRY(3) : 0);
	KUNIT_EXPECT_FALSE(test, p4d_bad(__p4d(pgd_val(pgd[3]))));
}

#ifdef CONFIG_PTI_OPT_OUT
/*
 * The pair of an mm that is opted out: what user mode may execute is executable in both roots,
 * what was there and what comes; and then not any more.
 */
static void parted_pair(struct kunit *test)
{
	const struct setter *s = test->param_value;
	unsigned int last = PTRS_PER_PGD / 2 - 1, parted = pgd_pairs_are_parted();
	pgd_t *pgd = new_pair(test);

	if (!mirrors(s))
		return;

	s->set(&pgd[0], USER_ENTRY(1));
	s->set(&pgd[1], USER_ENTRY(2) | _PAGE_NX);
	s->set(&pgd[2], SUPER_ENTRY(3) | _PAGE_NX);
	KUNIT_EXPECT_FALSE(test, pgd_pair_is_parted(pgd));
	pgd_pair_part(pgd);
	KUNIT_EXPECT_TRUE(test, pgd_pair_is_parted(pgd));
	KUNIT_EXPECT_EQ(test, pgd_pairs_are_parted(), parted + 1);
	KUNIT_EXPECT_PTR_EQ(test, pgd_in_user_mode(pgd), pgd);
	expect_entry(test, pgd, 0, USER_ENTRY(1), USER_ENTRY(1));
	expect_entry(test, pgd, 1, USER_ENTRY(2) | _PAGE_NX, USER_ENTRY(2) | _PAGE_NX);
	expect_entry(test, pgd, 2, SUPER_ENTRY(3) | _PAGE_NX, 0);

	/* What comes, goes and is replaced meanwhile */
	s->set(&pgd[last], USER_ENTRY(4));
	s->set(&pgd[3], USER_ENTRY(5));
	s->clear(&pgd[3]);
	s->set(&pgd[4], USER_ENTRY(6));
	s->set(&pgd[4], SUPER_ENTRY(7));
	expect_entry(test, pgd, last, USER_ENTRY(4), USER_ENTRY(4));
	expect_entry(test, pgd, 3, 0, 0);
	expect_entry(test, pgd, 4, SUPER_ENTRY(7), 0);
	expect_mirrored(test, pgd, 3);

	pgd_pair_rejoin(pgd);
	KUNIT_EXPECT_FALSE(test, pgd_pair_is_parted(pgd));
	KUNIT_EXPECT_EQ(test, pgd_pairs_are_parted(), parted);
	expect_entry(test, pgd, 0, USER_ENTRY(1) | _PAGE_NX, USER_ENTRY(1));
	expect_entry(test, pgd, 1, USER_ENTRY(2) | _PAGE_NX, USER_ENTRY(2) | _PAGE_NX);
	expect_entry(test, pgd, 2, SUPER_ENTRY(3) | _PAGE_NX, 0);
	expect_entry(test, pgd, last, USER_ENTRY(4) | _PAGE_NX, USER_ENTRY(4));
	s->set(&pgd[5], USER_ENTRY(8));
	expect_entry(test, pgd, 5, USER_ENTRY(8) | _PAGE_NX, USER_ENTRY(8));
	expect_mirrored(test, pgd, 4);
}

/* A pair that goes while it is parted is none that is counted any more. */
static void parted_pair_freed(struct kunit *test)
{
	unsigned int parted = pgd_pairs_are_parted();
	struct page *page;
	pgd_t *pgd;

	if (!boot_cpu_has(X86_FEATURE_PTI))
		kunit_skip(test, "isolation is off");

	pgd = pgd_pair_alloc(GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, pgd);
	pgd_pair_part(pgd);

	/* A free page may be another's at once: the kernel root's is kept until it is read. */
	page = virt_to_page(pgd);
	get_page(page);
	pgd_pair_free(pgd);
	KUNIT_EXPECT_EQ(test, pgd_pairs_are_parted(), parted);
	KUNIT_EXPECT_EQ(test, page_private(page), 0);
	put_page(page);
}
#endif

/* With DEBUG_VM, a state that is not that of the loaded mm is told: two warnings. */
static void stale_state(struct kunit *test)
{
	struct pti_pcid *s, was;
	unsigned long flags;

	if (!boot_cpu_has(X86_FEATURE_PTI))
		kunit_skip(test, "isolation is off");

	local_irq_save(flags);
	s = this_cpu_ptr(&pti_pcid);
	was = *s;
	pti_check_loaded();
	s->user_cr3 += 2 * PAGE_SIZE;
	pti_check_loaded();
	s->user_cr3 = was.user_cr3;
	s->owed |= pti_pcid_bit(s->user_cr3);
	pti_check_loaded();
	*s = was;
	local_irq_restore(flags);
}

/* With DEBUG_VM, a flush that an NMI owes to user mode is told: a warning. */
static void owed_by_nmi(struct kunit *test)
{
	unsigned long flags;

	if (!boot_cpu_has(X86_FEATURE_PTI))
		kunit_skip(test, "isolation is off");

	/* The flushes are paid: they do no harm. */
	local_irq_save(flags);
	pti_owe_user_flush();
	__preempt_count_add(NMI_OFFSET);
	pti_owe_user_flush();
	__preempt_count_sub(NMI_OFFSET);
	local_irq_restore(flags);
}

/* The user root of a new pair, and where user mode runs. */
static void new_pairs(struct kunit *test)
{
	pgd_t *pgd = new_pair(test);

	expect_mirrored(test, pgd, 0);
	KUNIT_EXPECT_PTR_EQ(test, pgd_in_user_mode(pgd), pgd + PTRS_PER_PGD);
	KUNIT_EXPECT_EQ(test, __pa(pgd) & BIT(PTI_USER_ROOT_BIT), 0);
	KUNIT_EXPECT_EQ(test, __pa(pgd_in_user_mode(pgd)), __pa(pgd) | BIT(PTI_USER_ROOT_BIT));
}

static unsigned long next_page;

/* An allocator that has the pages of a pair in turn, the odd one first. */
static unsigned long odd_page_first(gfp_t gfp)
{
	next_page ^= PAGE_SIZE;
	return next_page;
}

static unsigned long no_page(gfp_t gfp)
{
	return 0;
}

/* A root without a pair must not have the bit of CR3 that a user root has. */
static void single_roots(struct kunit *test)
{
	pgd_t *pair = new_pair(test);

	next_page = (unsigned long)pair;
	KUNIT_EXPECT_PTR_EQ(test, pgd_single_root(odd_page_first, GFP_KERNEL), pair);
	KUNIT_EXPECT_PTR_EQ(test, pgd_single_root(odd_page_first, GFP_KERNEL), pair);
	KUNIT_EXPECT_NULL(test, pgd_single_root(no_page, GFP_KERNEL));

	KUNIT_ASSERT_NOT_NULL(test, real_mode_header);
	KUNIT_EXPECT_EQ(test, real_mode_header->trampoline_pgd & BIT(PTI_USER_ROOT_BIT), 0);
}

#ifdef CONFIG_X86_ESPFIX64
static void drop_mm(void *mm)
{
	mmdrop(mm);
}

/* What a user root has at an address of the kernel half, in the topmost table but one. */
static unsigned long user_p4d(pgd_t *root, unsigned long addr)
{
	pgd_t *pgd = pgd_offset_pgd(pgd_pair_user_root(root), addr);

	return p4d_val(*p4d_offset(pgd, addr));
}

/*
 * From its first LDT on an mm has espfix in its user root, and nobody else has it, nor
 * does anything else change. It is not global.
 */
static void espfix_with_ldt(struct kunit *test)
{
	struct ldt_struct ldt = { .entries = new_pages(test, 0), .nr_entries = 1 };
	pgd_t *kernel = pgd_offset_k(ESPFIX_BASE_ADDR);
	unsigned long entry, addr;
	struct mm_struct *mm;
	unsigned int level;
	pte_t *pte;

	if (!boot_cpu_has(X86_FEATURE_PTI))
		kunit_skip(test, "isolation is off");

	mm = mm_alloc();
	KUNIT_ASSERT_NOT_NULL(test, mm);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, drop_mm, mm));

	KUNIT_EXPECT_EQ(test, user_p4d(mm->pgd, ESPFIX_BASE_ADDR), 0);
	KUNIT_ASSERT_EQ(test, pti_ldt_map(mm, &ldt), 0);
	entry = user_p4d(mm->pgd, ESPFIX_BASE_ADDR);
	KUNIT_EXPECT_NE(test, entry, 0);
	KUNIT_EXPECT_EQ(test, entry, p4d_val(*p4d_offset(kernel, ESPFIX_BASE_ADDR)));
	KUNIT_EXPECT_EQ(test, user_p4d(swapper_pg_dir, ESPFIX_BASE_ADDR), 0);
	expect_mirrored(test, new_pair(test), 0);

	for (addr = CPU_ENTRY_AREA_BASE; addr; addr += P4D_SIZE) {
		if (addr != ESPFIX_BASE_ADDR)
			KUNIT_EXPECT_EQ(test, user_p4d(mm->pgd, addr),
					user_p4d(swapper_pg_dir, addr));
	}

	/* The next one finds it there. */
	KUNIT_EXPECT_EQ(test, pti_ldt_map(mm, &ldt), 0);
	KUNIT_EXPECT_EQ(test, user_p4d(mm->pgd, ESPFIX_BASE_ADDR), entry);

	pte = lookup_address(raw_cpu_read(espfix_stack), &level);
	KUNIT_ASSERT_NOT_NULL(test, pte);
	KUNIT_EXPECT_EQ(test, pte_flags(*pte) & (_PAGE_PRESENT | _PAGE_RW | _PAGE_GLOBAL),
			_PAGE_PRESENT);
}
#endif

static struct kunit_case pair_cases[] = {
	KUNIT_CASE(new_pairs),
#ifdef CONFIG_X86_ESPFIX64
	KUNIT_CASE(espfix_with_ldt),
#endif
	KUNIT_CASE_PARAM(mirror_set_and_clear, setter_gen_params),
	KUNIT_CASE_PARAM(mirror_bits, setter_gen_params),
	KUNIT_CASE_PARAM(mirror_not, setter_gen_params),
	KUNIT_CASE_PARAM(mirror_without_pair, setter_gen_params),
	KUNIT_CASE_PARAM(mirror_for_execution, setter_gen_params),
#ifdef CONFIG_PTI_OPT_OUT
	KUNIT_CASE_PARAM(parted_pair, setter_gen_params),
	KUNIT_CASE(parted_pair_freed),
#endif
	KUNIT_CASE(stale_state),
	KUNIT_CASE(owed_by_nmi),
	KUNIT_CASE(single_roots),
	{ }
};

static struct kunit_suite pair_suite = {
	.name		= "pgd_pair",
	.test_cases	= pair_cases,
};

kunit_test_suite(pair_suite);
kunit_test_init_section_suite(mapper_suite);
