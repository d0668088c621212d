// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checker of the entry code: registers, stacks and flags in the abstract.
 *
 * A stack is a region that is known from its top down, word by word, as far as it was
 * written on the way.  Memory below the stack pointer is anybody's and is forgotten.
 */
#include <string.h>

#include "entry_check.h"

/* r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di */
const int regs_order[15] = { 15, 14, 13, 12, 5, 3, 11, 10, 9, 8, 0, 1, 2, 6, 7 };

bool same_value(const struct value *a, const struct value *b)
{
	return a->kind == b->kind && a->id == b->id && a->n == b->n;
}

const char *region_name(__u32 region)
{
	static const char * const ist[] = {
		"?", "stack_df", "stack_nmi", "stack_db", "stack_mce", "stack_vc", "stack_vc2", "?",
	};

	if (region >= R_IST && region < R_THREAD)
		return ist[region - R_IST];
	if (region >= R_TRAMPOLINE)
		return "trampoline";
	switch (region) {
	case R_ENTRY:
		return "entry_stack";
	case R_THREAD:
		return "thread stack";
	case R_FOUND:
		return "interrupted kernel stack";
	case R_ESPFIX_RW:
		return "espfix page, writable";
	case R_ESPFIX:
		return "espfix";
	case R_PERCPU:
		return "per-CPU memory";
	default:
		return "?";
	}
}

const char *in_name(__u32 id)
{
	static const char * const of_reg[] = {
		"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", "R8", "R9", "R10", "R11",
		"R12", "R13", "R14", "R15", "RIP", "RFLAGS", "RSP", "SS", "ORIG_RAX", "CS",
	};

	return of_reg[id];
}

const char *value_text(const struct value *v)
{
	static char text[4][80];
	static int turn;
	char *to = text[turn++ % 4];

	switch (v->kind) {
	case V_JUNK:
		return "a value of the kernel's";
	case V_NUMBER:
		return "a constant";
	case V_CONST:
		snprintf(to, 80, "%#llx", (__u64)v->n);
		break;
	case V_IN:
		snprintf(to, 80, "the %s found", in_name(v->id));
		break;
	case V_PTR:
		snprintf(to, 80, "a pointer into %s", region_name(v->id));
		break;
	case V_CR3:
		snprintf(to, 80, "a CR3 of the %s page table with %s PCID",
			 v->id & CR3_IS_USER ? "user" : "kernel",
			 v->id & CR3_IS_USER_PCID ? "the user" : "a kernel's or no");
		break;
	case V_GSBASE:
	case V_GSHIGH:
		return "a GS base";
	case V_PERCPU:
		return "the per-CPU base";
	case V_CS:
		return v->id ? "a user CS" : "the kernel's CS";
	case V_RIP:
		return "the RIP found";
	case V_CALLER:
		return "an address in C";
	case V_LDTR:
		return "LDTR";
	case V_CR3_ROOT:
		return "a part of user_cr3";
	}
	return to;
}

/* Where the words of a region are kept: the two views of espfix are one page */
static __u32 store_of(__u32 region)
{
	return region == R_ESPFIX_RW ? R_ESPFIX : region;
}

/* Index of the first slot at or behind a place */
static __u32 slot_find(const struct state *st, __u32 region, __s64 off)
{
	__u32 i;

	for (i = 0; i < st->nslots; i++)
		if (st->slot[i].region > region ||
		    (st->slot[i].region == region && st->slot[i].off >= off))
			break;
	return i;
}

struct value slot_read(const struct state *st, __u32 region, __s64 off, int size)
{
	__u32 i = slot_find(st, store_of(region), off);
	struct value v;

	if (i == st->nslots || st->slot[i].region != store_of(region) ||
	    st->slot[i].off != off)
		return val(V_JUNK, 0, 0);
	v = st->slot[i].v;
	if (v.kind == V_CONST && size < 8)
		v.n &= (1ULL << size * 8) - 1;
	return v;
}

static void slots_remove(struct state *st, __u32 i, __u32 n)
{
	memmove(&st->slot[i], &st->slot[i + n], (st->nslots - i - n) * sizeof(st->slot[0]));
	st->nslots -= n;
	memset(&st->slot[st->nslots], 0, n * sizeof(st->slot[0]));
}

void slot_write(struct state *st, __u32 region, __s64 off, int size, struct value v)
{
	__u32 i;

	region = store_of(region);
	i = slot_find(st, region, off - 7);
	while (i < st->nslots && st->slot[i].region == region && st->slot[i].off < off + size)
		slots_remove(st, i, 1);
	if ((size != 8 || v.kind == V_JUNK) && !is_left_visible(region))
		return;
	if (st->nslots == MAX_SLOTS)
		cannot("%s: more than %d words of stacks", place(st->ip), MAX_SLOTS);
	memmove(&st->slot[i + 1], &st->slot[i], (st->nslots - i) * sizeof(st->slot[0]));
	st->slot[i].region = region;
	st->slot[i].off = off;
	st->slot[i].v = v;
	st->nslots++;
}

/* Stacks whose words stay where user mode's page table shows them, popped or not */
bool is_left_visible(__u32 region)
{
	return img.redo && (region == R_ENTRY || region >= R_TRAMPOLINE);
}

/*
 * A pointer that has left a trampoline upwards is one into the exception stack: both lie
 * in the same CPU's area, as the picture in exposure.expected has it.
 */
struct value settled(struct value v)
{
	__s64 distance;
	__u32 n;

	if (v.kind != V_PTR || v.id <= R_TRAMPOLINE || v.n <= 0)
		return v;
	n = v.id - R_TRAMPOLINE;
	distance = (CEA_STACKS + n * (1 + img.stack_pages)) * PAGE_SIZE - PAGE_SIZE -
		   n * TRAMPOLINE_BYTES;
	return val(V_PTR, R_IST + n, v.n - distance);
}

void slots_forget_below(struct state *st, __u32 region, __s64 off)
{
	__u32 i = slot_find(st, region, -(1LL << 31)), n = 0;

	if (is_left_visible(region))
		return;
	while (i + n < st->nslots && st->slot[i + n].region == region &&
	       st->slot[i + n].off < off)
		n++;
	if (n)
		slots_remove(st, i, n);
}

/*
 * Forgets all that is not at or above either of two places, but for what user mode may
 * still see there.
 */
void slots_keep_only(struct state *st, __u32 r1, __s64 off1, __u32 r2, __s64 off2)
{
	__u32 i;

	for (i = st->nslots; i-- > 0;) {
		const struct slot *s = &st->slot[i];

		if ((s->region == r1 && s->off >= off1) || (s->region == r2 && s->off >= off2) ||
		    is_left_visible(s->region))
			continue;
		slots_remove(st, i, 1);
	}
}

void flags_unknown(struct state *st)
{
	st->cf = MAYBE;
	st->zf = MAYBE;
	st->sf = MAYBE;
	st->on_mode = 0;
	st->on_ldtr = 0;
	st->on_owed = 0;
	st->on_root = 0;
}

__u64 state_hash(const struct state *st)
{
	size_t n = (offsetof(struct state, slot) + st->nslots * sizeof(st->slot[0])) / 8;
	const __u64 *p = (const __u64 *)st;
	__u64 h = 0x9e3779b97f4a7c15ULL;
	size_t i;

	for (i = 0; i < n; i++) {
		h = (h ^ p[i]) * 0xff51afd7ed558ccdULL;
		h ^= h >> 32;
	}
	return h ?: 1;
}
