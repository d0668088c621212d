// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-table isolation: KUnit tests of the audit's walk, and of what its file takes.
 *
 * A test makes page tables that no CPU loads, walks them, and compares with the runs
 * that it says itself there have to be. One walks this kernel's own user page table, and
 * compares with the mapper.
 */
#include <kunit/resource.h>
#include <kunit/test.h>

#include <linux/cpufeature.h>
#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/pgtable.h>

#include <asm/pgd_pair.h>

#include "pti_audit.h"
#include "pti_exposure.h"

/* A slot of the root, and so the first entry of each table below; the next two are free. */
#define BASE		(-1UL << (PGDIR_SHIFT + 2))

/* Frames that are mapped here and never touched; of an alignment that any leaf can have. */
#define FRAME		0x40000000UL

#define TABLE		_KERNPG_TABLE
#define LEAF		(_PAGE_PRESENT | _PAGE_ACCESSED | sme_me_mask)
#define LEAF_R		(LEAF | _PAGE_NX)
#define LEAF_RW		(LEAF_R | _PAGE_RW | _PAGE_DIRTY)
#define LARGE_RW	(LEAF_RW | _PAGE_PSE)

/**
 * struct tables - what a test has
 * @root: a top-level table
 * @walk: what the last walk has found
 */
struct tables {
	pgd_t			*root;
	struct pti_audit_walk	walk;
};

static void free_table(void *table)
{
	free_page((unsigned long)table);
}

static void *new_table(struct kunit *test)
{
	void *table = (void *)get_zeroed_page(GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, table);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_table, table));
	return table;
}

static int audit_init(struct kunit *test)
{
	struct tables *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	t->root = new_table(test);
	t->walk.limit = 64;

	return 0;
}

static void audit_exit(struct kunit *test)
{
	struct tables *t = test->priv;

	if (t)
		pti_audit_drop(&t->walk);
}

/* Write an entry of @level; the tables above it that are not there are made with @table. */
static void set(struct kunit *test, unsigned long addr, enum pg_level level, unsigned long entry,
		unsigned long table)
{
	struct tables *t = test->priv;
	unsigned long *at = (unsigned long *)t->root;
	enum pg_level l = pgtable_l5_enabled() ? PG_LEVEL_256T : PG_LEVEL_512G;

	for (;; l--) {
		at += addr / page_level_size(l) % PTRS_PER_PTE;
		if (l == level)
			break;
		if (!*at)
			*at = __pa(new_table(test)) | table;
		at = __va(*at & PTE_PFN_MASK);
	}
	*at = entry;
}

static void set_page_at(struct kunit *test, unsigned long addr, unsigned long entry)
{
	set(test, addr, PG_LEVEL_4K, entry, TABLE);
}

/* Walk, and have as many runs as this. */
static void walk(struct kunit *test, unsigned int nr)
{
	struct tables *t = test->priv;

	pti_audit_drop(&t->walk);
	KUNIT_ASSERT_EQ(test, pti_audit_collect(&t->walk, t->root), 0);
	KUNIT_ASSERT_EQ(test, t->walk.nr, nr);
}

/* A run, in this order: first address and frame, size of a leaf, leaves, and both steps. */
static void expect_run(struct kunit *test, unsigned int nr, unsigned long va, unsigned long pa,
		       unsigned long size, unsigned long count, unsigned long va_step,
		       unsigned long pa_step)
{
	struct tables *t = test->priv;
	const struct pti_audit_run *run = &t->walk.runs[nr];

	KUNIT_EXPECT_EQ(test, run->va, va);
	KUNIT_EXPECT_EQ(test, run->pa, pa);
	KUNIT_EXPECT_EQ(test, run->size, size);
	KUNIT_EXPECT_EQ(test, run->count, count);
	KUNIT_EXPECT_EQ(test, run->va_step, va_step);
	KUNIT_EXPECT_EQ(test, run->pa_step, pa_step);
	KUNIT_EXPECT_EQ(test, run->row, -1);
	KUNIT_EXPECT_EQ(test, run->cpu, -1);
}

static void audit_nothing(struct kunit *test)
{
	struct tables *t = test->priv;

	walk(test, 0);
	/* What is in the user half is user mode's. */
	t->root[0] = __pgd(__pa(new_table(test)) | _PAGE_TABLE);
	t->root[PTRS_PER_PGD / 2 - 1] = t->root[0];
	walk(test, 0);
	/* Tables that lead nowhere, and what is not present. */
	set_page_at(test, BASE, 0);
	set_page_at(test, BASE + PAGE_SIZE, FRAME | (LEAF_R & ~_PAGE_PRESENT));
	walk(test, 0);
}

/* First page of the half, last one of all, and both ends of a table. */
static void audit_ends(struct kunit *test)
{
	set_page_at(test, ~__VIRTUAL_MASK, FRAME | LEAF_R);
	set_page_at(test, BASE + PMD_SIZE - PAGE_SIZE, FRAME | LEAF_R);
	set_page_at(test, BASE + PMD_SIZE, (FRAME + PAGE_SIZE) | LEAF_R);
	set_page_at(test, -PAGE_SIZE, FRAME | LEAF_R);
	walk(test, 3);
	expect_run(test, 0, ~__VIRTUAL_MASK, FRAME, PAGE_SIZE, 1, PAGE_SIZE, PAGE_SIZE);
	expect_run(test, 1, BASE + PMD_SIZE - PAGE_SIZE, FRAME, PAGE_SIZE, 2, PAGE_SIZE, PAGE_SIZE);
	expect_run(test, 2, -PAGE_SIZE, FRAME, PAGE_SIZE, 1, PAGE_SIZE, PAGE_SIZE);
}

static void audit_sizes(struct kunit *test)
{
	set(test, BASE, PG_LEVEL_1G, FRAME | LARGE_RW, TABLE);
	set(test, BASE + PUD_SIZE, PG_LEVEL_2M, (FRAME + PUD_SIZE) | LARGE_RW, TABLE);
	set(test, BASE + PUD_SIZE + PMD_SIZE, PG_LEVEL_2M, (FRAME + PUD_SIZE + PMD_SIZE) | LARGE_RW,
	    TABLE);
	set_page_at(test, BASE + PUD_SIZE + 2 * PMD_SIZE,
		    (FRAME + PUD_SIZE + 2 * PMD_SIZE) | LEAF_RW);
	/* Of a large leaf, bit 12 is PAT, and not of the frame. */
	set(test, BASE + 2 * PUD_SIZE, PG_LEVEL_2M, FRAME | _PAGE_PAT_LARGE | LARGE_RW, TABLE);
	walk(test, 4);
	expect_run(test, 0, BASE, FRAME, PUD_SIZE, 1, PUD_SIZE, PUD_SIZE);
	expect_run(test, 1, BASE + PUD_SIZE, FRAME + PUD_SIZE, PMD_SIZE, 2, PMD_SIZE, PMD_SIZE);
	expect_run(test, 2, BASE + PUD_SIZE + 2 * PMD_SIZE, FRAME + PUD_SIZE + 2 * PMD_SIZE,
		   PAGE_SIZE, 1, PAGE_SIZE, PAGE_SIZE);
	expect_run(test, 3, BASE + 2 * PUD_SIZE, FRAME, PMD_SIZE, 1, PMD_SIZE, PMD_SIZE);
}

/* What goes on in the frames, what goes on elsewhere, and one frame over and over. */
static void audit_runs(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		set_page_at(test, BASE + i * PAGE_SIZE, (FRAME + i * PAGE_SIZE) | LEAF_R);
	set_page_at(test, BASE + 3 * PAGE_SIZE, (FRAME + 7 * PAGE_SIZE) | LEAF_R);
	set_page_at(test, BASE + 4 * PAGE_SIZE, (FRAME + 6 * PAGE_SIZE) | LEAF_R);
	for (i = 0; i < 40; i++)
		set_page_at(test, BASE + (1 + i) * SZ_64K, FRAME | LEAF_R);
	/* Not at that distance. */
	set_page_at(test, BASE + 41 * SZ_64K + PAGE_SIZE, FRAME | LEAF_R);
	walk(test, 5);
	expect_run(test, 0, BASE, FRAME, PAGE_SIZE, 3, PAGE_SIZE, PAGE_SIZE);
	expect_run(test, 1, BASE + 3 * PAGE_SIZE, FRAME + 7 * PAGE_SIZE, PAGE_SIZE, 1, PAGE_SIZE,
		   PAGE_SIZE);
	expect_run(test, 2, BASE + 4 * PAGE_SIZE, FRAME + 6 * PAGE_SIZE, PAGE_SIZE, 1, PAGE_SIZE,
		   PAGE_SIZE);
	expect_run(test, 3, BASE + SZ_64K, FRAME, PAGE_SIZE, 40, SZ_64K, 0);
	expect_run(test, 4, BASE + 41 * SZ_64K + PAGE_SIZE, FRAME, PAGE_SIZE, 1, PAGE_SIZE,
		   PAGE_SIZE);
}

/* Of its flags, accessed and dirty do not part a leaf from its neighbour; others do. */
static void audit_flags(struct kunit *test)
{
	struct tables *t = test->priv;
	static const unsigned long flags[] = {
		LEAF_RW, LEAF_RW & ~_PAGE_DIRTY, LEAF_RW & ~_PAGE_ACCESSED,
		LEAF_RW | _PAGE_GLOBAL, LEAF_RW | _PAGE_PCD, LEAF_R, LEAF_RW & ~_PAGE_NX,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++)
		set_page_at(test, BASE + i * PAGE_SIZE, (FRAME + i * PAGE_SIZE) | flags[i]);
	walk(test, 5);
	KUNIT_EXPECT_EQ(test, t->walk.runs[0].count, 3);
	for (i = 0; i < 5; i++)
		KUNIT_EXPECT_EQ(test, t->walk.runs[i].flags, (flags[i ? i + 2 : 0] &
				PTE_FLAGS_MASK & ~(_PAGE_ACCESSED | _PAGE_DIRTY)));
	KUNIT_EXPECT_EQ(test, t->walk.runs[2].perms, _PAGE_RW | _PAGE_NX);
	KUNIT_EXPECT_EQ(test, t->walk.runs[3].perms, _PAGE_NX);
	KUNIT_EXPECT_EQ(test, t->walk.runs[4].perms, _PAGE_RW);
}

/* Each level above a leaf takes away what it does not allow, and so does a large leaf. */
static void audit_levels(struct kunit *test)
{
	static const struct {
		unsigned long above, leaf;
		pteval_t perms;
	} cases[] = {
		{ _PAGE_TABLE, _PAGE_RW | _PAGE_USER, _PAGE_RW | _PAGE_USER },
		{ _PAGE_TABLE & ~_PAGE_RW, _PAGE_RW | _PAGE_USER, _PAGE_USER },
		{ _PAGE_TABLE & ~_PAGE_USER, _PAGE_RW | _PAGE_USER, _PAGE_RW },
		{ _PAGE_TABLE | _PAGE_NX, _PAGE_RW | _PAGE_USER,
		  _PAGE_RW | _PAGE_USER | _PAGE_NX },
		{ _PAGE_TABLE, _PAGE_NX, _PAGE_NX },
	};
	struct tables *t = test->priv;
	enum pg_level level, top = pgtable_l5_enabled() ? PG_LEVEL_256T : PG_LEVEL_512G;
	unsigned int i, tried = 0;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		for (level = PG_LEVEL_2M; level <= top; level++) {
			/* The entry of this level as the case has it, others as they allow most. */
			memset(t->root, 0, PAGE_SIZE);
			set(test, BASE, level, __pa(new_table(test)) | cases[i].above,
			    _PAGE_TABLE);
			set(test, BASE, PG_LEVEL_4K, FRAME | LEAF | cases[i].leaf, _PAGE_TABLE);
			walk(test, 1);
			KUNIT_EXPECT_EQ_MSG(test, t->walk.runs[0].perms, cases[i].perms,
					    "case %u, level %d", i, level);
			tried++;
		}
	}
	KUNIT_EXPECT_EQ(test, tried, ARRAY_SIZE(cases) * (top - PG_LEVEL_4K));
}

/* With as many runs as there may be it says nothing, with one more that it has ended. */
static void audit_limit(struct kunit *test)
{
	struct tables *t = test->priv;
	unsigned int i;

	for (i = 0; i < t->walk.limit; i++)
		set_page_at(test, BASE + i * 2 * PAGE_SIZE, (FRAME + i * SZ_1M) | LEAF_R);
	walk(test, t->walk.limit);
	KUNIT_EXPECT_FALSE(test, t->walk.cut);
	set_page_at(test, BASE + i * 2 * PAGE_SIZE, (FRAME + i * SZ_1M) | LEAF_R);
	walk(test, t->walk.limit);
	KUNIT_EXPECT_TRUE(test, t->walk.cut);
	expect_run(test, i - 1, BASE + (i - 1) * 2 * PAGE_SIZE, FRAME + (i - 1) * SZ_1M, PAGE_SIZE,
		   1, PAGE_SIZE, PAGE_SIZE);
}

/* Of the kernel's own user page table, each row has what the mapper counts. */
static void audit_own(struct kunit *test)
{
	struct tables *t = test->priv;
	const struct pti_row *row;
	unsigned long pages;
	pteval_t flags;
	unsigned int i;
	int cpu;

	if (!boot_cpu_has(X86_FEATURE_PTI))
		kunit_skip(test, "isolation is off");

	t->walk.limit = 1024;
	t->walk.by_row = true;
	KUNIT_ASSERT_EQ(test, pti_audit_collect(&t->walk, pgd_pair_user_root(swapper_pg_dir)), 0);
	for (i = 0; i < t->walk.nr; i++)
		KUNIT_EXPECT_GE_MSG(test, t->walk.runs[i].row, 0, "%lx", t->walk.runs[i].va);

	for (row = pti_rows; row < pti_rows + pti_nr_rows; row++) {
		for_each_possible_cpu(cpu) {
			int want = pti_row_is_per_cpu(row) ? cpu : -1;

			for (pages = 0, i = 0; i < t->walk.nr; i++) {
				if (pti_rows + t->walk.runs[i].row == row &&
				    t->walk.runs[i].cpu == want)
					pages += t->walk.runs[i].count;
			}
			KUNIT_EXPECT_EQ_MSG(test, pages, pti_row_pages(row, cpu, &flags), "%s %d",
					    row->name, cpu);
			if (want < 0)
				break;
		}
	}
}

static void audit_input(struct kunit *test)
{
	static const struct {
		const char *text;
		int err;
		pid_t pid;
	} cases[] = {
		{ "", 0, 0 }, { "\n", 0, 0 }, { "self", 0, 0 }, { " self\n", 0, 0 },
		{ "1", 0, 1 }, { "4194304\n", 0, 4194304 }, { " 12 ", 0, 12 },
		{ "0", -EINVAL }, { "-1", -EINVAL }, { "1 2", -EINVAL }, { "0x10", -EINVAL },
		{ "selfish", -EINVAL }, { "1a", -EINVAL }, { "-", -EINVAL },
		{ "2147483648", -ERANGE }, { "99999999999999999999999", -ERANGE },
	};
	unsigned int i;
	char text[32];
	pid_t pid;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		strscpy(text, cases[i].text);
		KUNIT_EXPECT_EQ_MSG(test, pti_audit_parse(text, &pid), cases[i].err, "'%s'",
				    cases[i].text);
		if (!cases[i].err)
			KUNIT_EXPECT_EQ(test, pid, cases[i].pid);
	}
}

static struct kunit_case audit_cases[] = {
	KUNIT_CASE(audit_nothing),
	KUNIT_CASE(audit_ends),
	KUNIT_CASE(audit_sizes),
	KUNIT_CASE(audit_runs),
	KUNIT_CASE(audit_flags),
	KUNIT_CASE(audit_levels),
	KUNIT_CASE(audit_limit),
	KUNIT_CASE(audit_own),
	KUNIT_CASE(audit_input),
	{ }
};

static struct kunit_suite audit_suite = {
	.name		= "pti_audit",
	.init		= audit_init,
	.exit		= audit_exit,
	.test_cases	= audit_cases,
};

kunit_test_suite(audit_suite);
