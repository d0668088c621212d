// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-table isolation: the exposure as the policy table has it, for people and
 * tools to read, in debugfs x86/pti_exposure.
 *
 * One line a range: addresses, pages mapped now, permissions (r w x g u; g is
 * global, u is for user mode to use), row and reason; ranges of which nothing is
 * mapped are left out. A total ends it. The LDT is each mm's own: current_user,
 * beside the other page tables in debugfs, shows the reader's.
 */
#include <linux/cpufeature.h>
#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/pgtable.h>
#include <linux/seq_file.h>

#include <asm/pti_switch.h>

#include "pti_exposure.h"
#include "pti_switch.h"

static unsigned long show_range(struct seq_file *m, const struct pti_row *row, int cpu)
{
	struct pti_range range = pti_row_range(row, cpu);
	pteval_t flags;
	unsigned long pages = pti_row_pages(row, cpu, &flags);

	if (!pages)
		return 0;

	seq_printf(m, "%016lx-%016lx %6lu r%c%c%c%c %s",
		   range.start, range.end, pages,
		   row->flags & PTI_WRITE ? 'w' : '-',
		   row->flags & PTI_EXEC ? 'x' : '-',
		   flags & _PAGE_GLOBAL ? 'g' : '-',
		   row->flags & PTI_USER ? 'u' : '-', row->name);
	if (pti_row_is_per_cpu(row))
		seq_printf(m, "[%d]", cpu);
	seq_printf(m, " : %s\n", row->reason);

	return row->flags & PTI_ALIAS ? 0 : pages;
}

static int pti_exposure_show(struct seq_file *m, void *unused)
{
	const struct pti_row *row;
	unsigned long pages = 0;
	int cpu;

	if (!pti_isolates()) {
		seq_printf(m, "isolation is off (%s): user page tables are the kernel's\n",
			   pti_why());
		return 0;
	}

	seq_printf(m, "isolation is on (%s)\n", pti_why());
	for (row = pti_rows; row < pti_rows + pti_nr_rows; row++) {
		for_each_possible_cpu(cpu) {
			pages += show_range(m, row, cpu);
			if (!pti_row_is_per_cpu(row))
				break;
		}
	}
	seq_printf(m, "total %lu pages, %lu bytes\n", pages, pages * PAGE_SIZE);

	return 0;
}
DEFINE_SHOW_ATTRIBUTE(pti_exposure);

static int __init pti_debugfs_init(void)
{
	debugfs_create_file("pti_exposure", 0400, arch_debugfs_dir, NULL,
			    &pti_exposure_fops);
	return 0;
}
late_initcall(pti_debugfs_init);
