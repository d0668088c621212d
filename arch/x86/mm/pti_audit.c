// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-table isolation: what a process has in the kernel half of its user page table, in
 * debugfs x86/pti_audit.
 *
 * Open it, write a PID as the writer's PID namespace has it, read. "self", nothing, or no
 * write at all is for the process that reads. A write looks at once, and what is read
 * until the next one is what it saw; without one the first read does. A write that fails
 * changes nothing. Each open file has a PID of its own.
 *
 * Errors of either: EINVAL for what is no PID, and for kernel threads, which have no page
 * table of their own; ERANGE for a number that is too large for one; ESRCH if there is no
 * such process, or it has exited; ENOMEM; EINTR if the caller is killed.
 *
 * The text is for tools (tools/pti/ptaudit), in lines of words parted by single blanks:
 *
 *	pti-audit 1
 *	kernel RELEASE VERSION
 *	cpus POSSIBLE ONLINE
 *	levels LEVELS
 *	process PID COMM
 *	isolation on|off REASON
 *	root user|kernel
 *	region START END NAME
 *	row NAME CPU START END PERMS WHEN PAGES REASON
 *	map VA PA SIZE COUNT VA-STEP PA-STEP PERMS FLAGS ROW CPU
 *	symbol VA NAME
 *	cut
 *	end RUNS
 *
 * The first line has the version: a change that a reader has to know of counts it up.
 * Addresses, sizes and flags are hexadecimal without 0x; other numbers, decimal; "-" is
 * for none. Ends are exclusive, 0 if that is behind the last address. PERMS are r w x g u:
 * g is global, u is for user mode to use. WHEN is always, if-mapped, runtime or ldt, with
 * "+alias" if another row shows the same frames; PAGES are those that the mapper's tables
 * have of a row now, "-" for what is one mm's. Rows are there with isolation on. A run of
 * leaves is one line: COUNT of them, SIZE bytes each, steps from one to the next. Symbols
 * follow the run that they lie in. "cut" says that there were more runs than are kept;
 * where the last line is missing, so is a part of the text.
 */
#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kallsyms.h>
#include <linux/kasan.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/utsname.h>

#include <asm/cpu_entry_area.h>
#include <asm/pgd_pair.h>
#include <asm/pti_ldt.h>
#include <asm/pti_switch.h>
#include <asm/sections.h>

#include "pti_audit.h"
#include "pti_exposure.h"
#include "pti_switch.h"

/* Of one open file. The seq_file's lock is for it, too. */
struct audit {
	struct pti_audit_walk	walk;
	unsigned long		*row_pages;	/* by row and CPU: those of the mapper's tables */
	const char		*why;		/* it was on or off, then */
	bool			on;
	bool			taken;
	bool			user_root;
	pid_t			pid;
	char			comm[TASK_COMM_LEN];
};

/* Items of the text: the head, each row on each CPU, each run, the end. */
static unsigned long nr_row_items(const struct audit *a)
{
	return a->on ? (unsigned long)pti_nr_rows * nr_cpu_ids : 0;
}

/* A row that is not per CPU has what the first one would have. */
static bool row_item(unsigned long item, const struct pti_row **row, int *cpu)
{
	*row = &pti_rows[item / nr_cpu_ids];
	*cpu = item % nr_cpu_ids;

	return pti_row_is_per_cpu(*row) ? cpu_possible(*cpu) : !*cpu;
}

static void audit_drop(struct audit *a)
{
	pti_audit_drop(&a->walk);
	kvfree(a->row_pages);
	memset(a, 0, sizeof(*a));
}

static int audit_count_rows(struct audit *a)
{
	unsigned long item, nr = nr_row_items(a);
	const struct pti_row *row;
	pteval_t flags;
	int cpu;

	if (!nr)
		return 0;

	a->row_pages = kvcalloc(nr, sizeof(*a->row_pages), GFP_KERNEL_ACCOUNT);
	if (!a->row_pages)
		return -ENOMEM;

	for (item = 0; item < nr; item++) {
		if (row_item(item, &row, &cpu))
			a->row_pages[item] = pti_row_pages(row, cpu, &flags);
	}
	return 0;
}

static int audit_walk_mm(struct audit *a, struct mm_struct *mm)
{
	pgd_t *root = mm->pgd;
	int err;

	/*
	 * All mms of processes have a pair while isolated. What has none shows everything, and
	 * so does what is opted out, whose pair is parted: its user mode runs on the kernel root.
	 */
	a->user_root = a->on && pgd_has_pair(root);
	if (a->user_root)
		root = pgd_pair_user_root(root);

	a->walk.limit = PTI_AUDIT_MAX_RUNS;
	a->walk.by_row = a->user_root;

	err = pti_ldt_hold(mm);
	if (err)
		return err;
	err = pti_audit_collect(&a->walk, root);
	pti_ldt_release(mm);

	return err;
}

/* Look at a process. On an error, what was seen before is kept. */
static int audit_take(struct audit *a, struct task_struct *task)
{
	struct audit next = {
		.pid = task_pid_vnr(task),
		.on = pti_isolates(),
		.why = pti_why(),
	};
	struct mm_struct *mm;
	int err;

	if (task->flags & PF_KTHREAD)
		return -EINVAL;

	/* Keeps the root, and what pti_ldt.c has put below it. */
	mm = get_task_mm(task);
	if (!mm)
		return -ESRCH;

	get_task_comm(next.comm, task);
	err = audit_count_rows(&next);
	if (!err)
		err = audit_walk_mm(&next, mm);
	mmput(mm);

	next.taken = true;
	if (!err)
		swap(*a, next);
	audit_drop(&next);
	return err;
}

static int audit_take_pid(struct audit *a, pid_t pid)
{
	struct task_struct *task = find_get_task_by_vpid(pid);
	int err;

	if (!task)
		return -ESRCH;

	err = audit_take(a, task);
	put_task_struct(task);
	return err;
}

static void show_perms(struct seq_file *m, bool write, bool exec, bool global, bool user)
{
	seq_printf(m, "r%c%c%c%c", write ? 'w' : '-', exec ? 'x' : '-', global ? 'g' : '-',
		   user ? 'u' : '-');
}

static void show_cpu(struct seq_file *m, int cpu)
{
	if (cpu < 0)
		seq_puts(m, " -");
	else
		seq_printf(m, " %d", cpu);
}

static void show_region(struct seq_file *m, unsigned long start, unsigned long end,
			const char *name)
{
	seq_printf(m, "region %lx %lx %s\n", start, end, name);
}

/* Where things are in this boot: names for what no row is of. */
static void show_regions(struct seq_file *m)
{
	unsigned long memory = PAGE_OFFSET + PFN_PHYS(max_pfn);

	show_region(m, PTI_LDT_BASE, PTI_LDT_BASE + PGDIR_SIZE, "ldt");
	show_region(m, PAGE_OFFSET, memory, "direct_map");
	show_region(m, VMALLOC_START, VMALLOC_END + 1, "vmalloc");
	show_region(m, VMEMMAP_START, (unsigned long)pfn_to_page(max_pfn), "vmemmap");
	show_region(m, CPU_ENTRY_AREA_BASE, CPU_ENTRY_AREA_BASE + CPU_ENTRY_AREA_MAP_SIZE,
		    "cpu_entry_area");
	show_region(m, ESPFIX_BASE_ADDR, ESPFIX_BASE_ADDR + P4D_SIZE, "espfix");
	show_region(m, EFI_VA_END, EFI_VA_START, "efi");
	show_region(m, (unsigned long)_text, (unsigned long)_end, "image");
	show_region(m, MODULES_VADDR, MODULES_END, "modules");
	show_region(m, FIXADDR_START, FIXADDR_TOP, "fixmap");
	show_region(m, VSYSCALL_ADDR, VSYSCALL_ADDR + PAGE_SIZE, "vsyscall");
}

static void show_head(struct seq_file *m, const struct audit *a)
{
	seq_puts(m, "pti-audit 1\n");
	seq_printf(m, "kernel %s %s\n", init_utsname()->release, init_utsname()->version);
	seq_printf(m, "cpus %u %u\n", num_possible_cpus(), num_online_cpus());
	seq_printf(m, "levels %d\n", pgtable_l5_enabled() ? 5 : 4);
	seq_printf(m, "process %d ", a->pid);
	seq_escape_str(m, a->comm, ESCAPE_SPACE | ESCAPE_SPECIAL | ESCAPE_HEX | ESCAPE_NAP, "\\");
	seq_printf(m, "\nisolation %s %s\n", a->on ? "on" : "off", a->why);
	seq_printf(m, "root %s\n", a->user_root ? "user" : "kernel");
	show_regions(m);
}

static const char *row_when(const struct pti_row *row)
{
	if (row->flags & PTI_WITH_LDT)
		return "ldt";
	if (row->flags & PTI_RUNTIME)
		return "runtime";
	return row->flags & PTI_IF_MAPPED ? "if-mapped" : "always";
}

static int show_row(struct seq_file *m, const struct audit *a, unsigned long item)
{
	const struct pti_row *row;
	struct pti_range range;
	int cpu;

	if (!row_item(item, &row, &cpu))
		return SEQ_SKIP;

	range = pti_row_range(row, cpu);
	seq_printf(m, "row %s", row->name);
	show_cpu(m, pti_row_is_per_cpu(row) ? cpu : -1);
	seq_printf(m, " %lx %lx ", range.start, range.end);
	/* Without NX in the CPU all is executable, without PGE nothing global. */
	show_perms(m, row->flags & PTI_WRITE,
		   (row->flags & PTI_EXEC) || !(__supported_pte_mask & _PAGE_NX),
		   (row->flags & PTI_GLOBAL) && boot_cpu_has(X86_FEATURE_PGE),
		   row->flags & PTI_USER);
	seq_printf(m, " %s%s ", row_when(row), row->flags & PTI_ALIAS ? "+alias" : "");
	if (row->flags & PTI_WITH_LDT)
		seq_puts(m, "-");
	else
		seq_printf(m, "%lu", a->row_pages[item]);
	seq_printf(m, " %s\n", row->reason);

	return 0;
}

/* The symbols of what a page maps, where that is of the image, at whatever address. */
static void show_symbols(struct seq_file *m, unsigned long va, phys_addr_t pa)
{
	unsigned long addr = pa - __pa_symbol(_text) + (unsigned long)_text;
	unsigned long size, offset, end = addr + PAGE_SIZE;
	char name[KSYM_NAME_LEN];

	if (pa < __pa_symbol(_text) || pa >= __pa_symbol(_end))
		return;

	for (; addr < end; addr += size - offset) {
		const char *symbol = kallsyms_lookup(addr, &size, &offset, NULL, name);

		if (!symbol || size <= offset)
			return;
		/* Of one that begins in an earlier page, this is the rest. */
		seq_printf(m, "symbol %lx %s", va + PAGE_SIZE - (end - addr), symbol);
		if (offset)
			seq_printf(m, "+%lx", offset);
		seq_putc(m, '\n');
	}
}

static void show_run(struct seq_file *m, const struct audit *a, const struct pti_audit_run *run)
{
	unsigned long i;

	seq_printf(m, "map %lx %llx %lx %lu %lx %lx ", run->va, (u64)run->pa, run->size, run->count,
		   run->va_step, run->pa_step);
	show_perms(m, run->perms & _PAGE_RW, !(run->perms & _PAGE_NX), run->flags & _PAGE_GLOBAL,
		   run->perms & _PAGE_USER);
	seq_printf(m, " %lx %s", run->flags, run->row < 0 ? "-" : pti_rows[run->row].name);
	show_cpu(m, run->cpu);
	seq_putc(m, '\n');

	/* With all of the kernel in it, a page table has all of its symbols. */
	if (!a->user_root || run->size != PAGE_SIZE)
		return;
	for (i = 0; i < (run->pa_step ? run->count : 1); i++)
		show_symbols(m, run->va + i * run->va_step, run->pa + i * run->pa_step);
}

static void *audit_start(struct seq_file *m, loff_t *pos)
{
	struct audit *a = m->private;
	int err;

	if (!a->taken) {
		err = audit_take(a, current);
		if (err)
			return ERR_PTR(err);
	}

	return *pos < nr_row_items(a) + a->walk.nr + 2 ? pos : NULL;
}

static void *audit_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct audit *a = m->private;

	return ++*pos < nr_row_items(a) + a->walk.nr + 2 ? pos : NULL;
}

static void audit_stop(struct seq_file *m, void *v)
{
}

static int audit_show(struct seq_file *m, void *v)
{
	const struct audit *a = m->private;
	unsigned long item = *(loff_t *)v, rows = nr_row_items(a);

	if (!item)
		show_head(m, a);
	else if (item <= rows)
		return show_row(m, a, item - 1);
	else if (item <= rows + a->walk.nr)
		show_run(m, a, &a->walk.runs[item - rows - 1]);
	else
		seq_printf(m, "%send %u\n", a->walk.cut ? "cut\n" : "", a->walk.nr);

	return 0;
}

static const struct seq_operations audit_seq_ops = {
	.start	= audit_start,
	.next	= audit_next,
	.stop	= audit_stop,
	.show	= audit_show,
};

static int pti_audit_open(struct inode *inode, struct file *file)
{
	return seq_open_private(file, &audit_seq_ops, sizeof(struct audit));
}

static int pti_audit_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	audit_drop(m->private);
	return seq_release_private(inode, file);
}

/**
 * pti_audit_parse() - what was written to the file
 * @text: a string, which loses the white space around it
 * @pid: 0 for the process that reads
 *
 * Context: any.
 * Return: 0; -EINVAL if it is no PID; -ERANGE if it is too large for one.
 */
int pti_audit_parse(char *text, pid_t *pid)
{
	int err;

	text = strim(text);
	*pid = 0;
	if (!*text || !strcmp(text, "self"))
		return 0;

	err = kstrtoint(text, 10, pid);
	if (!err && *pid <= 0)
		err = -EINVAL;
	return err;
}

static ssize_t pti_audit_write(struct file *file, const char __user *buf, size_t count,
			       loff_t *ppos)
{
	struct seq_file *m = file->private_data;
	struct audit *a = m->private;
	char text[32];
	pid_t pid;
	int err;

	if (count >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, count))
		return -EFAULT;
	text[count] = '\0';
	if (strlen(text) != count)
		return -EINVAL;
	err = pti_audit_parse(text, &pid);
	if (err)
		return err;

	err = mutex_lock_killable(&m->lock);
	if (err)
		return err;
	if (pid)
		err = audit_take_pid(a, pid);
	else
		audit_drop(a);
	if (!err) {
		/* What was read up to here is of another look. */
		m->index = 0;
		m->count = 0;
		m->from = 0;
		m->read_pos = 0;
	}
	mutex_unlock(&m->lock);
	if (err)
		return err;

	*ppos = 0;
	return count;
}

static const struct file_operations pti_audit_fops = {
	.owner		= THIS_MODULE,
	.open		= pti_audit_open,
	.read		= seq_read,
	.write		= pti_audit_write,
	.llseek		= seq_lseek,
	.release	= pti_audit_release,
};

static int __init pti_audit_init(void)
{
	debugfs_create_file("pti_audit", 0600, arch_debugfs_dir, NULL, &pti_audit_fops);
	return 0;
}
late_initcall(pti_audit_init);
