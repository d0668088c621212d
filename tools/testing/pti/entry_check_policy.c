// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checker of the entry code: what may happen on the user page table.  Which memory
 * is there comes from exposure.expected, what per-CPU words mean is written down here,
 * and so is which instructions cannot fault as long as their operands are mapped.
 */
#include <stdlib.h>
#include <string.h>

#include "entry_check.h"

/* The TSS (SDM 3A, "64-Bit Task State Segment"); Linux keeps RSP in the third */
#define TSS_RSP0	4
#define TSS_RSP2	20

static struct rows rows;

void policy_read(const char *expected)
{
	int i;

	if (expect_read(&rows, expected))
		cannot("%s: cannot be used", expected);
	for (i = 0; i < rows.n; i++) {
		struct row *r = &rows.v[i];
		const struct symbol *from, *to;

		if (r->where != AT_IMAGE && r->where != AT_PERCPU)
			continue;
		from = symbol_find(&img.syms, r->from);
		if (!from) {
			/* What this kernel has not, it cannot touch */
			r->active = false;
			continue;
		}
		r->from_addr = from->addr;
		to = r->where == AT_IMAGE ? symbol_find(&img.syms, r->to) : NULL;
		r->to_addr = to ? to->addr : r->from_addr + r->pages * PAGE_SIZE;
	}
}

static bool allows(const struct row *r, enum access how)
{
	static const unsigned int perm[] = {
		[A_READ] = PERM_R, [A_WRITE] = PERM_W, [A_EXEC] = PERM_X,
	};

	return r->active && r->perms & perm[how];
}

static bool in_rows(enum row_where where, __u64 addr, int size, enum access how)
{
	int i;

	for (i = 0; i < rows.n; i++)
		if (rows.v[i].where == where && allows(&rows.v[i], how) &&
		    addr >= rows.v[i].from_addr && addr + size <= rows.v[i].to_addr)
			return true;
	return false;
}

bool policy_exec(__u64 addr)
{
	return in_rows(AT_IMAGE, addr, 1, A_EXEC);
}

bool policy_image(__u64 addr, int size, enum access how)
{
	return in_rows(AT_IMAGE, addr, size, how);
}

bool policy_percpu(__u64 addr, int size, enum access how)
{
	return in_rows(AT_PERCPU, addr, size, how);
}

/* The stacks of the cpu_entry_area and espfix, by the name of their row */
bool policy_region(__u32 region, __s64 off, int size, enum access how)
{
	bool trampoline = region >= R_TRAMPOLINE;
	const char *name = trampoline ? region_name(R_ENTRY) : region_name(region);
	int i;

	if (region == R_PERCPU)
		return policy_percpu(off, size, how);
	/*
	 * #VC: only guests with encrypted state have its stacks, and pti_exposure.c maps
	 * them there; exposure.expected is about machines that have not.
	 */
	if (region == R_IST + 5 || region == R_VC2)
		return how != A_EXEC;
	/* The rows are those of a kernel with trampolines; one without shows these stacks */
	if (region > R_IST && region <= R_IST + 4)
		return !img.redo && how != A_EXEC;
	/* They lie in the page of the entry stack */
	if (trampoline && (off + size > 0 || off < -TRAMPOLINE_BYTES))
		return false;
	for (i = 0; i < rows.n; i++) {
		const struct row *r = &rows.v[i];

		if ((r->where != AT_CEA && r->where != AT_ESPFIX) || strcmp(r->name, name))
			continue;
		if (!allows(r, how))
			return false;
		/* espfix counts upwards, stacks downwards from their top */
		if (region == R_ESPFIX)
			return off >= 0 && off + size <= (__s64)PAGE_SIZE;
		return off + size <= 0 && off >= -(__s64)(r->pages * PAGE_SIZE);
	}
	return false;
}

/* What a per-CPU word is to the paths */
struct value policy_percpu_load(const struct state *st, __u64 addr, int size)
{
	const struct symbol *s = percpu_symbol(addr);
	__u64 off = s ? addr - s->addr : 0;

	if (s && size == 1 && !strcmp(s->name, "pti_pcid") && off == CR3_BIT_USER / 8)
		return val(V_CR3_ROOT, 0, 0);
	if (!s || size != 8)
		return val(V_JUNK, 0, 0);
	if (!strcmp(s->name, "cpu_tss_rw") && off == TSS_RSP0)
		return val(V_PTR, R_ENTRY, 0);
	if (!strcmp(s->name, "cpu_tss_rw") && off == TSS_RSP2)
		return slot_read(st, R_PERCPU, addr, size);
	/* The stack's top is the only word of pcpu_hot that entry code loads */
	if ((strstr(s->name, "pcpu_hot") && off >= 16) ||
	    !strcmp(s->name, "cpu_current_top_of_stack"))
		return val(V_PTR, R_THREAD, 0);
	if (!strcmp(s->name, "espfix_waddr"))
		return val(V_PTR, R_ESPFIX_RW, 0);
	if (!strcmp(s->name, "espfix_stack"))
		return val(V_PTR, R_ESPFIX, 0);
	/* struct pti_pcid begins with user_cr3, bit 63 as it is owed */
	if (!strcmp(s->name, "pti_pcid") && !off)
		return val(V_CR3, CR3_IS_USER | CR3_IS_KEPT |
			   (cur->pcid ? CR3_IS_USER_PCID : 0) |
			   (st->said ? CR3_IS_NOFLUSH : 0), 0);
	return val(V_JUNK, 0, 0);
}

/*
 * MOV and POP are more than one instruction: a segment register is loaded from a
 * descriptor, a control register may refuse a bit, and any use of a debug register is
 * #DB with DR7.GD and #UD with CR4.DE (SDM 2B, "MOV"; 3B, "Debug Control Register").
 */
static bool special_register(const cs_insn *in)
{
	const cs_x86_op *op = in->detail->x86.operands;
	int i;

	for (i = 0; i < in->detail->x86.op_count; i++) {
		if (op[i].type != X86_OP_REG)
			continue;
		switch (op[i].reg) {
		case X86_REG_DR0 ... X86_REG_DR15:
			return true;
		case X86_REG_CS: case X86_REG_DS: case X86_REG_ES:
		case X86_REG_FS: case X86_REG_GS: case X86_REG_SS:
		case X86_REG_CR0 ... X86_REG_CR2: case X86_REG_CR4 ... X86_REG_CR15:
			if (!i && in->id != X86_INS_PUSH)
				return true;
			break;
		default:
			break;
		}
	}
	return false;
}

bool policy_cannot_fault(const cs_insn *in)
{
	if (special_register(in))
		return false;
	switch (in->id) {
	case X86_INS_MOV: case X86_INS_MOVABS: case X86_INS_MOVSXD: case X86_INS_MOVZX:
	case X86_INS_PUSH: case X86_INS_POP: case X86_INS_PUSHFQ: case X86_INS_LEA:
	case X86_INS_ADD: case X86_INS_SUB: case X86_INS_AND: case X86_INS_OR: case X86_INS_XOR:
	case X86_INS_TEST: case X86_INS_CMP: case X86_INS_INC: case X86_INS_DEC:
	case X86_INS_BT: case X86_INS_BTS: case X86_INS_BTR: case X86_INS_BTC:
	case X86_INS_SHL: case X86_INS_SHR: case X86_INS_SAR: case X86_INS_XCHG:
	case X86_INS_NOP: case X86_INS_ENDBR64: case X86_INS_CLD: case X86_INS_STD:
	case X86_INS_CLAC: case X86_INS_STAC: case X86_INS_LFENCE: case X86_INS_MFENCE:
	case X86_INS_SWAPGS: case X86_INS_RDGSBASE: case X86_INS_WRGSBASE: case X86_INS_VERW:
	case X86_INS_SLDT:
	case X86_INS_CALL: case X86_INS_RET: case X86_INS_JMP:
	case X86_INS_SYSRET: case X86_INS_SYSEXIT: case X86_INS_IRETQ:
		return true;
	default:
		return in->id >= X86_INS_JAE && in->id <= X86_INS_JS;
	}
}

/*
 * Code outside of the entry text that belongs to it: what returns and untraining are
 * made of.  Everything else is C, or does as C does.
 */
bool policy_followed(__u64 addr)
{
	static const char * const names[] = {
		"retbleed_", "srso_", "its_return_thunk", "call_depth_return_thunk",
		"entry_untrain_ret", "entry_ibpb", "clear_bhb_loop", "ret_from_fork_asm",
		"isolated_", "opted_out_",
	};
	const struct symbol *s;
	size_t i;

	if (addr >= img.text_start && addr < img.text_end)
		return true;
	s = symbol_at(&img.syms, addr);
	for (i = 0; s && i < ARRAY_SIZE(names); i++)
		if (!strncmp(s->name, names[i], strlen(names[i])))
			return true;
	return false;
}

/* Does a word tell something of the kernel, its memory, or where that is? */
static bool is_kernels(const struct state *st, const struct value *v)
{
	switch (v->kind) {
	case V_NUMBER:
	case V_CS:
		return false;
	case V_CONST:
		return v->n < 0 && image_at(v->n, 1);
	case V_IN:
		return st->of_kernel && v->id != IN_FLAGS && v->id != IN_SS;
	default:
		return true;
	}
}

/* When C is called and when a path is over: nothing of that is on stacks that are shown */
void policy_left(struct state *st)
{
	__u32 i;

	for (i = 0; cur->pti && i < st->nslots; i++) {
		const struct slot *s = &st->slot[i];

		if (is_left_visible(s->region) && is_kernels(st, &s->v))
			wrong(st, "left", "%s is left at %s%+d", value_text(&s->v),
			      region_name(s->region), s->off);
	}
}

/* The pt_regs at RDI, as they lie at another place now */
static void copy_regs(struct state *st, struct value from, __u32 region, __s64 at)
{
	struct value word[REGS_SIZE / 8];
	int i;

	/* The places may overlap */
	for (i = 0; i < REGS_SIZE / 8; i++)
		word[i] = from.kind == V_PTR ? slot_read(st, from.id, from.n + i * 8, 8) :
			  val(V_JUNK, 0, 0);
	for (i = 0; i < REGS_SIZE / 8; i++)
		slot_write(st, region, at + i * 8, 8, word[i]);
	st->reg[0] = val(V_PTR, region, at);
}

/* C functions that return a place for the stack pointer: which, and what is there */
bool policy_c_result(const char *name, struct state *st)
{
	struct value regs = st->reg[7];

	if (!strcmp(name, "sync_regs")) {
		copy_regs(st, regs, R_THREAD, -REGS_SIZE);
	} else if (!strcmp(name, "fixup_bad_iret")) {
		/* The frame of the IRET that failed, below RSP0 */
		copy_regs(st, regs, R_ENTRY, -REGS_SIZE);
		slot_write(st, R_ENTRY, -REGS_SIZE + REGS_CS, 8, val(V_CS, 1, 0));
		slot_write(st, R_ENTRY, -REGS_SIZE + REGS_IP, 8, val(V_IN, IN_RIP, 0));
	} else if (!strcmp(name, "vc_switch_off_ist")) {
		/*
		 * The stack that was interrupted, or the fallback, if that is the entry
		 * stack, say; in the gaps of SYSCALL the thread's, which RESTORE_CR3
		 * takes away if it was the user page table (pti.rst, SEV)
		 */
		if (st->cr3_in)
			copy_regs(st, regs, R_VC2, -REGS_SIZE);
		else
			copy_regs(st, regs, R_FOUND, -REGS_SIZE - 4096);
	} else {
		return false;
	}
	return true;
}
