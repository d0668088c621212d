// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plants: does a look see what it is there to see?
 *
 * While the guest stands still with its CPU in user mode, a marker and a pointer are
 * written into each exposed page once, and each pointer that the architecture forces is
 * made to lead elsewhere; then comes a look, and all is put back.  A probe that
 * overlooks one of them cannot tell anything.
 */
#include <string.h>

#include "guest/left_df.h"
#include "guest/marker.h"
#include "left.h"

#define MIDDLE		(PAGE_SIZE / 2)		/* beyond the GDT, and the TSS without its map */
#define TSS_RSP0	4
#define TSS_IST1	36
#define GDT_TSS		0x40			/* of Linux */

struct plant {
	struct left *l;
	const struct cpu_state *cpus;
	int n, cpu;
};

static unsigned int look(const struct plant *p)
{
	p->l->plant_hits = 0;
	left_look(p->l, p->cpus, p->n, p->cpu);
	return p->l->plant_hits;
}

static void plant(const struct plant *p, __u64 va, __u64 pa, const void *what, size_t n)
{
	__u8 was[16], *at = guest_at(&p->l->audit.guest, pa);
	unsigned int before;

	if (!at || n > sizeof(was))
		return;
	memcpy(was, at, n);
	memset(at, 0, n);
	before = look(p);
	memcpy(at, what, n);
	p->l->plants++;
	if (look(p) <= before) {
		fprintf(stderr, "left: overlooked %llx, planted at %llx\n", *(__u64 *)what, va);
		p->l->overlooked++;
	}
	memcpy(at, was, n);
}

/* Where the user page table has what a register leads to */
static bool frame_of(const struct plant *p, __u64 va, __u64 *pa)
{
	const struct audit *a = &p->l->audit;
	struct leaf leaf;

	if (!table_lookup(&a->guest, a->facts.levels, p->cpus[p->cpu].cr3 & PTE_ADDR, va, &leaf))
		return false;
	*pa = leaf.pa + (va - leaf.va);
	return true;
}

static void plant_forced(const struct plant *p)
{
	const struct cpu_state *c = &p->cpus[p->cpu];
	const struct left_range *image = &p->l->range[LEFT_IMAGE];
	__u64 data = image->from + image->size - 16;	/* no code */
	__u64 gate[2] = { (data & 0xffff) | 0x10 << 16 | 0x8eULL << 40 | (data >> 16) << 48,
			  data >> 32 };
	__u64 base = c->gdt_base;	/* of a TSS, it should not be */
	__u64 tss[2] = { 0x67 | (base & 0xffffff) << 16 | 0x8bULL << 40 | (base >> 24) << 56,
			 base >> 32 };
	__u64 direct = p->l->range[LEFT_DIRECT].from, pa;

	if (frame_of(p, c->idt_base, &pa))
		plant(p, c->idt_base, pa, gate, sizeof(gate));
	if (frame_of(p, c->gdt_base + GDT_TSS, &pa))
		plant(p, c->gdt_base + GDT_TSS, pa, tss, sizeof(tss));
	if (frame_of(p, c->tr_base, &pa)) {
		plant(p, c->tr_base + TSS_RSP0, pa + TSS_RSP0, &direct, sizeof(direct));
		plant(p, c->tr_base + TSS_IST1, pa + TSS_IST1, &direct, sizeof(direct));
	}
}

/**
 * left_plant() - plant in all pages that were not met before
 * @l:		the probe
 * @cpus:	all CPUs
 * @n:		their number
 * @cpu:	one in user mode
 */
void left_plant(struct left *l, const struct cpu_state *cpus, int n, int cpu)
{
	struct plant p = { .l = l, .cpus = cpus, .n = n, .cpu = cpu };
	static const __u64 text = MARKER_TEXT, mark = LEFT_DF_MARK;
	static const __u64 buffer = MARKER_BUFFER + 0x1230;
	__u64 root = cpus[cpu].cr3 & PTE_ADDR, pointer = l->range[LEFT_IMAGE].from + 0x1230;
	size_t i;

	l->planting = true;
	if (!l->plants)
		plant_forced(&p);
	/* Each look collects the same leaves again */
	for (i = 0; i < l->leaves.n; i++) {
		const struct leaf *leaf = &l->leaves.v[i];
		__u64 va = leaf->va + MIDDLE, pa = leaf->pa + MIDDLE;
		struct left_frame *fr = left_frame_at(l, leaf->va, leaf->pa);

		if (!fr || fr->planted || (leaf->perms & PERM_X))
			continue;
		fr->planted = true;
		/* What is not a gate is taken for one there */
		if (left_is_page(l, root, cpus[cpu].idt_base, leaf->pa))
			continue;
		plant(&p, va, pa, &text, sizeof(text));
		plant(&p, va, pa, &mark, sizeof(mark));
		plant(&p, va, pa, &buffer, sizeof(buffer));
		plant(&p, va, pa, &pointer, sizeof(pointer));
	}
	l->planting = false;
}
