// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where this boot put what is placed at random: the kernel image, each CPU's part
 * of the cpu_entry_area, each CPU's per-CPU memory.
 *
 * All of it is taken from registers that the hardware itself goes by (GDTR, IDTR,
 * TR, the GS bases) and from the structures that those point to, and checked
 * against each other: the stacks in the TSS must be where exposure.expected has
 * them.
 */
#include <string.h>

#include "walk.h"

/* Offsets in the 64-bit TSS (SDM 3A, "Task Management in 64-bit Mode") */
#define TSS_RSP0	4
#define TSS_IST1	36
#define TSS_IO_BASE	102

/* Linux has the bitmaps within so many bytes, or says that there is none by more */
#define IO_BASE_END	0x3000

/* Places in a CPU's area: see the picture in exposure.expected */
#define PAGE_TSS	2
static const struct {
	const char *name;
	unsigned int tss, top;		/* bytes */
} stacks[] = {
	{ "RSP0",	TSS_RSP0,	2 * PAGE_SIZE },
	{ "IST1",	TSS_IST1,	PAGE_SIZE + 1 * 512 },
	{ "IST2",	TSS_IST1 + 8,	PAGE_SIZE + 2 * 512 },
	{ "IST3",	TSS_IST1 + 16,	PAGE_SIZE + 3 * 512 },
	{ "IST4",	TSS_IST1 + 24,	PAGE_SIZE + 4 * 512 },
};

static __u64 kernel_root(const struct cpu_state *c)
{
	return c->cr3 & PTE_ADDR & ~CR3_USER;
}

static bool area_base_ok(const struct audit *a, __u64 gdt)
{
	return gdt >= CEA_PER_CPU && gdt < ESPFIX_BASE &&
	       !((gdt - CEA_PER_CPU) % (cea_page(a, CEA_PAGES) * PAGE_SIZE));
}

static bool is_kernel_address(__u64 va)
{
	return va >> 63;
}

/* The image's slide, from the handler that the IDT has for vector 0 */
static bool learn_slide(struct audit *a, const struct cpu_state *c)
{
	const struct symbol *s = symbol_find(&a->syms, "asm_exc_divide_error");
	__u32 gate[4];
	__u64 handler;

	if (!s || !guest_read_va(&a->guest, paging_levels(c), c->cr3 & PTE_ADDR, c->idt_base,
				 gate, sizeof(gate)))
		return false;
	handler = (__u64)gate[2] << 32 | (gate[1] & 0xffff0000) | (gate[0] & 0xffff);
	a->facts.slide = handler - s->addr;
	return !(a->facts.slide & ((2 << 20) - 1));
}

/* Without SMP, per-CPU data are data of the image, and their section is empty */
static bool one_cpu_kernel(const struct audit *a)
{
	const struct symbol *start = symbol_find(&a->syms, "__per_cpu_start");
	const struct symbol *end = symbol_find(&a->syms, "__per_cpu_end");

	return start && end && start->addr == end->addr;
}

/* Fills in a->facts, and sets known once every CPU is where it can be told */
void facts_learn(struct audit *a, const struct cpu_state *cpus, int n)
{
	struct facts *f = &a->facts;
	int i;

	for (i = 0; i < n; i++) {
		__u64 gs = cpus[i].gs_base;

		if (cpus[i].cpl == 3 || !is_kernel_address(gs))
			gs = cpus[i].kernel_gs_base;
		if (!is_kernel_address(gs) || !area_base_ok(a, cpus[i].gdt_base) ||
		    cpus[i].idt_base != CEA_BASE)
			return;
		f->cea[i] = cpus[i].gdt_base;
		f->percpu[i] = gs;
	}
	f->ncpus = n;
	f->levels = paging_levels(&cpus[0]);
	f->known = learn_slide(a, &cpus[0]);
	if (one_cpu_kernel(a))
		f->percpu[0] = f->slide;
}

/* Whether the CPU may have come back, and not be where cpu_init() loads its GDT last */
bool cpu_comes_up(const struct audit *a, const struct cpu_state *c, int cpu)
{
	return a->load && c->cpl != 3 && c->gdt_base != a->facts.cea[cpu];
}

/* What was learnt must hold at every stop */
void facts_hold(struct audit *a, const struct cpu_state *cpus, int n)
{
	const struct facts *f = &a->facts;
	size_t s;
	int i;

	for (i = 0; i < n; i++) {
		__u8 tss[TSS_IST1 + 7 * 8];

		if (cpu_comes_up(a, &cpus[i], i))
			continue;
		if (cpus[i].gdt_base != f->cea[i])
			finding(a, F_AREA, "CPU %d: GDTR moved to %llx", i, cpus[i].gdt_base);
		if (cpus[i].idt_base != CEA_BASE)
			finding(a, F_AREA, "CPU %d: IDTR moved to %llx", i, cpus[i].idt_base);
		if (cpus[i].tr_base != f->cea[i] + PAGE_TSS * PAGE_SIZE) {
			finding(a, F_AREA, "CPU %d: the TSS is at %llx", i, cpus[i].tr_base);
			continue;
		}
		if ((cpus[i].cr3 & CR3_USER) && !is_pair(a, &cpus[i]))
			continue;		/* check_stop() complains */
		if (!guest_read_va(&a->guest, f->levels, kernel_root(&cpus[i]), cpus[i].tr_base,
				   tss, sizeof(tss))) {
			finding(a, F_AREA, "CPU %d: the kernel table has no TSS", i);
			continue;
		}
		for (s = 0; s < ARRAY_SIZE(stacks); s++) {
			__u64 want = f->cea[i] + stacks[s].top, top;

			memcpy(&top, tss + stacks[s].tss, sizeof(top));
			if (top != want)
				finding(a, F_AREA, "CPU %d: %s is %llx, should be %llx",
					i, stacks[s].name, top, want);
		}
	}
}

/* Whether a process that has been given I/O ports runs in user mode: its TSS says so */
bool ports_in_use(const struct audit *a, const struct cpu_state *cpus, int n)
{
	__u16 base;
	int i;

	for (i = 0; i < n; i++)
		if (cpus[i].cpl == 3 &&
		    guest_read_va(&a->guest, a->facts.levels, kernel_root(&cpus[i]),
				  cpus[i].tr_base + TSS_IO_BASE, &base, sizeof(base)) &&
		    base < IO_BASE_END)
			return true;
	return false;
}
