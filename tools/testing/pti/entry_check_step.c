// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checker of the entry code: what one instruction does to a state, and whether it
 * may, on the page table that is in CR3.  Branches are in entry_check_flow.c.
 */
#include <string.h>

#include "entry_check.h"

#define MSR_GS_BASE	0xc0000101

/* Where an operand in memory lies */
struct loc {
	enum { L_STACK, L_PERCPU, L_IMAGE, L_ANY } kind;
	__u32 region;
	__s64 at;		/* offset in the region, or address */
	unsigned int base;	/* register */
};

bool on_user_table(const struct state *st)
{
	return cur->pti && st->cr3.id & CR3_IS_USER;
}

/* Hardware number of a general register */
static int reg_number(unsigned int reg, int *size)
{
	static const unsigned int r64[] = {
		X86_REG_RAX, X86_REG_RCX, X86_REG_RDX, X86_REG_RBX, X86_REG_RSP, X86_REG_RBP,
		X86_REG_RSI, X86_REG_RDI, X86_REG_R8, X86_REG_R9, X86_REG_R10, X86_REG_R11,
		X86_REG_R12, X86_REG_R13, X86_REG_R14, X86_REG_R15,
	}, r32[] = {
		X86_REG_EAX, X86_REG_ECX, X86_REG_EDX, X86_REG_EBX, X86_REG_ESP, X86_REG_EBP,
		X86_REG_ESI, X86_REG_EDI, X86_REG_R8D, X86_REG_R9D, X86_REG_R10D, X86_REG_R11D,
		X86_REG_R12D, X86_REG_R13D, X86_REG_R14D, X86_REG_R15D,
	}, r16[] = {
		X86_REG_AX, X86_REG_CX, X86_REG_DX, X86_REG_BX, X86_REG_SP, X86_REG_BP,
		X86_REG_SI, X86_REG_DI, X86_REG_R8W, X86_REG_R9W, X86_REG_R10W, X86_REG_R11W,
		X86_REG_R12W, X86_REG_R13W, X86_REG_R14W, X86_REG_R15W,
	}, r8[] = {
		X86_REG_AL, X86_REG_CL, X86_REG_DL, X86_REG_BL, X86_REG_SPL, X86_REG_BPL,
		X86_REG_SIL, X86_REG_DIL, X86_REG_R8B, X86_REG_R9B, X86_REG_R10B, X86_REG_R11B,
		X86_REG_R12B, X86_REG_R13B, X86_REG_R14B, X86_REG_R15B,
	};
	int i;

	for (i = 0; i < 16; i++) {
		*size = reg == r64[i] ? 8 : reg == r32[i] ? 4 : reg == r16[i] ? 2 :
			reg == r8[i] ? 1 : 0;
		if (*size)
			return i;
	}
	return -1;
}

static struct value reg_read(const struct state *st, unsigned int reg)
{
	int size, n = reg_number(reg, &size);
	struct value v;

	if (n < 0)
		return val(V_JUNK, 0, 0);
	v = st->reg[n];
	if (size == 8)
		return v;
	if (v.kind == V_CONST)
		v.n &= (1ULL << size * 8) - 1;
	else if (v.kind != V_GSHIGH && v.kind != V_IN && v.kind != V_CS)
		v = val(V_JUNK, 0, 0);
	return v;
}

static void reg_write(struct state *st, unsigned int reg, struct value v)
{
	int size, n = reg_number(reg, &size);

	if (n < 0)
		return;
	if (size < 4)
		v = val(V_JUNK, 0, 0);
	else if (size == 4 && v.kind == V_CONST)
		v.n &= 0xffffffff;
	else if (size == 4 && v.kind != V_IN && v.kind != V_GSHIGH && v.kind != V_NUMBER &&
		 v.kind != V_LDTR)
		v = val(V_JUNK, 0, 0);
	st->reg[n] = v;
}

static struct loc locate(const struct state *st, const cs_insn *in, const cs_x86_op *op)
{
	const x86_op_mem *m = &op->mem;
	struct loc l = { .kind = L_ANY, .base = m->base };
	struct value v;

	if (m->segment == X86_REG_FS)
		return l;
	if (m->base == X86_REG_RIP || m->base == X86_REG_INVALID) {
		l.at = m->disp + (m->base == X86_REG_RIP ? in->address + in->size : 0);
		l.kind = m->segment == X86_REG_GS ? L_PERCPU : L_IMAGE;
		if (m->index != X86_REG_INVALID && l.kind == L_PERCPU)
			l.at = -1;
		return l;
	}
	if (m->segment == X86_REG_GS) {
		l.kind = L_PERCPU;
		l.at = -1;
		return l;
	}
	v = reg_read(st, m->base);
	/* An array in the image is named by its start */
	if (m->index != X86_REG_INVALID && v.kind != V_CONST)
		return l;
	if (v.kind == V_PTR) {
		l.kind = L_STACK;
		l.region = v.id;
		l.at = v.n + m->disp;
	} else if (v.kind == V_CONST) {
		l.kind = L_IMAGE;
		l.at = v.n + m->disp;
	}
	return l;
}

static const char *verb(enum access how)
{
	return how == A_WRITE ? "writes" : "reads";
}

/* Whether an instruction may touch that; if not, it has been said */
static bool touch(struct state *st, const struct loc *l, int size, enum access how)
{
	bool user = on_user_table(st);

	switch (l->kind) {
	case L_PERCPU:
		if (st->gs != GS_KERNEL) {
			wrong(st, "gs", "%s per-CPU memory with the user's GS base", verb(how));
			return false;
		}
		if (st->fence)
			wrong(st, "fence", "%s per-CPU memory, no fence after the branch on SWAPGS",
			      verb(how));
		if (user && !policy_percpu(l->at, size, how)) {
			wrong(st, "memory", "%s per-CPU %s, which the user page table has not",
			      verb(how), place(l->at));
			return false;
		}
		return true;
	case L_STACK:
		/* A kernel that switches in another way has it always */
		if (user && l->region == R_ESPFIX && img.redo && !st->ldt) {
			wrong(st, "stack", "%s espfix, which goes with an LDT, and LDTR may be 0",
			      verb(how));
			return false;
		}
		if ((user || l->region == R_ESPFIX) &&
		    !policy_region(l->region, l->at, size, how)) {
			wrong(st, "stack", "%s %s%+lld, which the page table in CR3 has not so",
			      verb(how), region_name(l->region), l->at);
			return false;
		}
		return true;
	case L_IMAGE:
		if (user && !policy_image(l->at, size, how)) {
			wrong(st, "memory", "%s %s, which the user page table has not",
			      verb(how), place(l->at));
			return false;
		}
		return true;
	default:
		if (l->base == X86_REG_RSP) {
			wrong(st, "stack", "%s the stack, and RSP is %s", verb(how),
			      value_text(&st->reg[IN_RSP]));
			return false;
		}
		if (user) {
			wrong(st, "memory", "%s through an unknown pointer on the user page table",
			      verb(how));
			return false;
		}
		return true;
	}
}

/* And in the word behind it, at which a search ends */
static bool in_redo_table(__u64 addr)
{
	return addr >= img.redo_at && addr - img.redo_at <= img.nredo * 3 * sizeof(*img.redo);
}

static struct value load(const struct state *st, const struct loc *l, int size)
{
	const struct symbol *s;

	switch (l->kind) {
	case L_STACK:
		return slot_read(st, l->region, l->at, size);
	case L_PERCPU:
		return policy_percpu_load(st, l->at, size);
	case L_IMAGE:
		/* To where it leads, redo() looks up for the path itself */
		if (in_redo_table(l->at))
			return (l->at - img.redo_at) / sizeof(*img.redo) % 3 == 2 ?
			       val(V_RIP, 0, 0) :
			       val(V_CONST, 0, *(const __u64 *)image_at(l->at, 8));
		s = symbol_at(&img.syms, l->at);
		if (s && !strcmp(s->name, "pti_redo_start"))
			return val(V_CONST, 0, cur->off ? -1LL : (__s64)img.text_start);
		if (s && (!strcmp(s->name, "__per_cpu_offset") ||
			  !strcmp(s->name, "pcpu_unit_offsets")))
			return val(V_PERCPU, 0, 0);
		return val(V_JUNK, 0, 0);
	default:
		return val(V_JUNK, 0, 0);
	}
}

static void store(struct state *st, const struct loc *l, int size, struct value v)
{
	const struct symbol *s;

	if (l->kind == L_STACK)
		slot_write(st, l->region, l->at, size, v);
	if (l->kind != L_PERCPU)
		return;
	s = percpu_symbol(l->at);
	if (s && !strcmp(s->name, "cpu_tss_rw"))
		slot_write(st, R_PERCPU, l->at, size, v);
	else if (s && !strcmp(s->name, "pti_pcid"))
		wrong(st, "user_cr3", "writes %s, which is tlb.c's", place(l->at));
}

/* Operands */
static bool op_read(struct state *st, const cs_insn *in, int i, struct value *v)
{
	const cs_x86_op *op = &in->detail->x86.operands[i];
	struct loc l;

	switch (op->type) {
	case X86_OP_REG:
		*v = reg_read(st, op->reg);
		return true;
	case X86_OP_IMM:
		*v = val(V_CONST, 0, op->imm);
		return true;
	default:
		l = locate(st, in, op);
		if (!touch(st, &l, op->size, A_READ))
			return false;
		*v = load(st, &l, op->size);
		return true;
	}
}

static bool op_write(struct state *st, const cs_insn *in, int i, struct value v)
{
	const cs_x86_op *op = &in->detail->x86.operands[i];
	struct loc l;

	if (op->type == X86_OP_REG) {
		reg_write(st, op->reg, v);
		return true;
	}
	l = locate(st, in, op);
	if (!touch(st, &l, op->size, A_WRITE))
		return false;
	store(st, &l, op->size, v);
	return true;
}

/*
 * Stack
 */
bool stack_read(struct state *st, __s64 off, struct value *v)
{
	struct value sp = st->reg[IN_RSP];
	struct loc l = { .kind = sp.kind == V_PTR ? L_STACK : L_ANY, .region = sp.id,
			 .at = sp.n + off, .base = X86_REG_RSP };

	if (!touch(st, &l, 8, A_READ))
		return false;
	*v = load(st, &l, 8);
	return true;
}

bool stack_push(struct state *st, struct value v)
{
	struct value sp = st->reg[IN_RSP];
	struct loc l = { .kind = sp.kind == V_PTR ? L_STACK : L_ANY, .region = sp.id,
			 .at = sp.n - 8, .base = X86_REG_RSP };

	if (!touch(st, &l, 8, A_WRITE))
		return false;
	st->reg[IN_RSP].n -= 8;
	store(st, &l, 8, v);
	return true;
}

bool stack_pop(struct state *st, struct value *v)
{
	if (!stack_read(st, 0, v))
		return false;
	st->reg[IN_RSP].n += 8;
	slots_forget_below(st, st->reg[IN_RSP].id, st->reg[IN_RSP].n);
	return true;
}

/*
 * CR3
 */
static bool cr3_write(struct state *st, struct value v)
{
	__u32 table = v.id & CR3_TABLE;
	__u32 user = CR3_IS_USER | (cur->pcid ? CR3_IS_USER_PCID : 0);
	bool to_user = v.id & CR3_IS_USER;

	if (!cur->pti) {
		wrong(st, "off", "writes CR3, and isolation is off");
		return false;
	}
	if (v.kind != V_CR3) {
		wrong(st, "cr3", "CR3 becomes %s", value_text(&v));
		return false;
	}
	labels_switch(st, to_user, false);
	if (table && table != user)
		wrong(st, "cr3", "CR3 becomes %s, %s", value_text(&v),
		      cur->pcid ? "which do not go together" : "and there are no PCIDs");
	if (v.id & CR3_IS_NOFLUSH && !cur->pcid)
		wrong(st, "cr3", "CR3 is written with bit 63, and there are no PCIDs: #GP");
	if (v.id & CR3_IS_KEPT && v.id & CR3_IS_NOFLUSH && cur->pcid)
		wrong(st, "user_cr3", "the user CR3 is written with NOFLUSH, whatever is owed");
	if ((v.id ^ st->cr3.id) & CR3_IS_USER)
		st->switches += st->in_entry;
	else if (st->resumed && !(v.id & CR3_IS_USER))
		st->switches += st->in_entry;
	else
		wrong(st, "cr3", "CR3 is written, and is of the %s page table already",
		      v.id & CR3_IS_USER ? "user" : "kernel");
	if (st->switches > 1)
		wrong(st, "cr3", "switches CR3 a second time on the way in");
	st->cr3 = val(V_CR3, v.id & (CR3_TABLE | CR3_IS_KEPT), 0);
	if (!(v.id & CR3_IS_USER))
		st->said = 0;
	/* It serialises (SDM 3A, "Serializing Instructions") */
	st->fence = 0;
	st->resumed = 0;
	labels_switch(st, to_user, true);
	return true;
}

static enum outcome do_mov(struct state *st, const cs_insn *in)
{
	const cs_x86_op *op = in->detail->x86.operands;
	struct value v;

	if (op[0].type == X86_OP_REG && op[0].reg == X86_REG_CR3) {
		v = reg_read(st, op[1].reg);
		return cr3_write(st, v) ? GO_ON : STOP;
	}
	if (op[1].type == X86_OP_REG && op[1].reg == X86_REG_CR3) {
		/* Switched off, the heads stay that look whether they have to switch */
		if (!cur->pti && !cur->off)
			wrong(st, "off", "reads CR3, and isolation is off");
		reg_write(st, op[0].reg, val(V_CR3, st->cr3.id & CR3_TABLE, 0));
		return GO_ON;
	}
	if (!op_read(st, in, 1, &v))
		return STOP;
	if (op[1].type == X86_OP_IMM && op[0].type == X86_OP_MEM && op[0].size < 8)
		v = val(V_JUNK, 0, 0);
	return op_write(st, in, 0, v) ? GO_ON : STOP;
}

static enum outcome do_lea(struct state *st, const cs_insn *in)
{
	const cs_x86_op *op = in->detail->x86.operands;
	struct loc l = locate(st, in, &op[1]);
	struct value v = val(V_JUNK, 0, 0);

	if (l.kind == L_STACK)
		v = settled(val(V_PTR, l.region, l.at));
	else if (l.kind == L_IMAGE && op[1].mem.index == X86_REG_INVALID)
		v = val(V_CONST, 0, l.at);
	reg_write(st, op[0].reg, v);
	return GO_ON;
}

/*
 * Arithmetic and flags
 */
static void flags_of(struct state *st, __s64 result, int size)
{
	int shift = 64 - size * 8;

	st->zf = !((__u64)result << shift);
	st->sf = (__s64)((__u64)result << shift) < 0;
}

static __u64 bits(__s64 n, int size)
{
	return (__u64)n << (64 - size * 8) >> (64 - size * 8);
}

static void compare(struct state *st, struct value a, struct value b, int size)
{
	flags_unknown(st);
	if (a.kind == V_CONST && b.kind == V_CONST) {
		flags_of(st, a.n - b.n, size);
		st->cf = bits(a.n, size) < bits(b.n, size);
		st->on_mode = told_apart(a.n) || told_apart(b.n);
		return;
	}
	if (b.kind == V_RIP) {
		struct value c = a;

		a = b;
		b = c;
	}
	/* Nothing lies behind that */
	if (a.kind == V_RIP && is_const(&b, -1)) {
		st->cf = YES;
		st->zf = NO;
		return;
	}
	if (a.kind == V_RIP && b.kind == V_CONST && told_apart(b.n)) {
		st->zf = NO;
		st->on_mode = 1;
	}
}

static void test(struct state *st, struct value a, struct value b, int size)
{
	flags_unknown(st);
	if (a.kind == V_CONST && b.kind == V_CONST) {
		flags_of(st, a.n & b.n, size);
		st->cf = NO;
	} else if (a.kind == V_CS && is_const(&b, 3)) {
		st->zf = !a.id;
		st->cf = NO;
		st->on_mode = 1;
	} else if (a.kind == V_GSHIGH && b.kind == V_GSHIGH) {
		st->sf = a.id == GS_KERNEL;
		st->on_mode = 1;
	} else if (cur->pcid && a.kind == V_CR3 && a.id & CR3_IS_KEPT && same_value(&a, &b) &&
		   size == 8) {
		st->on_owed = 1;
	} else if (a.kind == V_LDTR && b.kind == V_LDTR) {
		st->on_ldtr = 1;
	} else if (a.kind == V_CR3_ROOT && is_const(&b, 1 << CR3_BIT_USER % 8)) {
		st->on_root = 1;
	}
}

/* AND, OR, XOR of a CR3 value with a constant: only the two bits may change */
static struct value cr3_logic(unsigned int id, struct value a, __s64 n)
{
	const __s64 user = 1LL << CR3_BIT_USER, pcid = 1LL << CR3_BIT_USER_PCID;
	__s64 changed = id == X86_INS_AND ? ~n : n;
	__u32 which = (changed & user ? CR3_IS_USER : 0) | (changed & pcid ? CR3_IS_USER_PCID : 0);

	if (changed & ~(user | pcid))
		return val(V_JUNK, 0, 0);
	if (id == X86_INS_AND)
		a.id &= ~which;
	else if (id == X86_INS_OR)
		a.id |= which;
	else
		a.id ^= which;
	return a;
}

static struct value arith(unsigned int id, struct value a, struct value b)
{
	struct value junk = val(V_JUNK, 0, 0);

	if (a.kind == V_CONST && b.kind == V_CONST) {
		switch (id) {
		case X86_INS_ADD:
			return val(V_CONST, 0, a.n + b.n);
		case X86_INS_SUB:
			return val(V_CONST, 0, a.n - b.n);
		case X86_INS_AND:
			return val(V_CONST, 0, a.n & b.n);
		case X86_INS_OR:
			return val(V_CONST, 0, a.n | b.n);
		case X86_INS_XOR:
			return val(V_CONST, 0, a.n ^ b.n);
		case X86_INS_SHL:
			return val(V_CONST, 0, (__u64)a.n << (b.n & 63));
		case X86_INS_SHR:
			return val(V_CONST, 0, (__u64)a.n >> (b.n & 63));
		}
		return junk;
	}
	if (a.kind == V_PTR && b.kind == V_CONST && (id == X86_INS_ADD || id == X86_INS_SUB)) {
		a.n += id == X86_INS_ADD ? b.n : -b.n;
		return settled(a);
	}
	if (a.kind == V_CR3 && b.kind == V_CONST &&
	    (id == X86_INS_AND || id == X86_INS_OR || id == X86_INS_XOR))
		return cr3_logic(id, a, b.n);
	/* espfix: bits 31:16 of the user's RSP, in an address that has them 0 */
	if (a.kind == V_IN && b.kind == V_CONST && id == X86_INS_AND)
		return val(V_NUMBER, 0, 0);
	if (a.kind == V_NUMBER && b.kind == V_PTR && b.id == R_ESPFIX && id == X86_INS_OR)
		return b;
	return junk;
}

static enum outcome do_arith(struct state *st, const cs_insn *in)
{
	const cs_x86 *x = &in->detail->x86;
	const cs_x86_op *op = x->operands;
	int size = op[0].size;
	struct value a, b, r;
	struct loc l;

	if (in->id == X86_INS_XOR && op[0].type == X86_OP_REG && op[1].type == X86_OP_REG &&
	    op[0].reg == op[1].reg) {
		reg_write(st, op[0].reg, val(V_CONST, 0, 0));
		flags_of(st, 0, size);
		st->cf = NO;
		st->on_mode = 0;
		return GO_ON;
	}
	/* The NOFLUSH bit of the user CR3 that is kept */
	if (in->id == X86_INS_OR && op[0].type == X86_OP_MEM && op[1].type == X86_OP_IMM) {
		const struct symbol *s;

		l = locate(st, in, &op[0]);
		s = l.kind == L_PERCPU ? percpu_symbol(l.at) : NULL;
		if (s && !strcmp(s->name, "pti_pcid") && (__u64)l.at == s->addr + 7 &&
		    size == 1 && (op[1].imm & 0xff) == 0x80) {
			if (!touch(st, &l, size, A_WRITE))
				return STOP;
			if (!cur->pcid)
				wrong(st, "user_cr3", "bit 63 is set in it, without PCIDs");
			st->said = 1;
			flags_unknown(st);
			return GO_ON;
		}
	}
	if (!op_read(st, in, 0, &a))
		return STOP;
	if (x->op_count == 1)
		b = val(V_CONST, 0, 1);
	else if (!op_read(st, in, 1, &b))
		return STOP;
	switch (in->id) {
	case X86_INS_CMP:
		compare(st, a, b, size);
		return GO_ON;
	case X86_INS_TEST:
		test(st, a, b, size);
		return GO_ON;
	}
	r = arith(in->id == X86_INS_INC ? X86_INS_ADD :
		  in->id == X86_INS_DEC ? X86_INS_SUB : in->id, a, b);
	flags_unknown(st);
	if (r.kind == V_CONST) {
		flags_of(st, r.n, size);
		if (in->id == X86_INS_SUB)
			st->cf = bits(a.n, size) < bits(b.n, size);
	}
	return op_write(st, in, 0, r) ? GO_ON : STOP;
}

static enum outcome do_bit(struct state *st, const cs_insn *in)
{
	struct value a, b;
	__u32 which;

	if (!op_read(st, in, 0, &a) || !op_read(st, in, 1, &b))
		return STOP;
	flags_unknown(st);
	if (a.kind == V_CR3 && b.kind == V_CONST &&
	    (b.n == CR3_BIT_USER || b.n == CR3_BIT_USER_PCID || b.n == CR3_BIT_NOFLUSH)) {
		which = b.n == CR3_BIT_USER ? CR3_IS_USER :
			b.n == CR3_BIT_USER_PCID ? CR3_IS_USER_PCID : CR3_IS_NOFLUSH;
		st->cf = a.id & which ? YES : NO;
		if (in->id == X86_INS_BTS)
			a.id |= which;
		else if (in->id == X86_INS_BTR)
			a.id &= ~which;
		else if (in->id == X86_INS_BTC)
			a.id ^= which;
	} else if (a.kind == V_CONST && b.kind == V_CONST) {
		__u64 bit = 1ULL << (b.n & 63);

		st->cf = a.n & bit ? YES : NO;
		a.n = in->id == X86_INS_BTS ? a.n | bit :
		      in->id == X86_INS_BTR ? a.n & ~bit : (__u64)a.n;
	} else {
		a = val(V_JUNK, 0, 0);
	}
	if (in->id == X86_INS_BT)
		return GO_ON;
	return op_write(st, in, 0, a) ? GO_ON : STOP;
}

static enum outcome do_gsbase(struct state *st, const cs_insn *in)
{
	const cs_x86_op *op = in->detail->x86.operands;
	struct value v;

	if (!set_has(cur, feature("FSGSBASE")))
		wrong(st, "lacks", "%s, and the CPU has no FSGSBASE", in->mnemonic);
	if (in->id == X86_INS_RDGSBASE) {
		reg_write(st, op[0].reg, val(V_GSBASE, st->gs, 0));
		return GO_ON;
	}
	v = reg_read(st, op[0].reg);
	if (v.kind == V_PERCPU) {
		st->gs = GS_KERNEL;
		if (on_user_table(st))
			wrong(st, "fault", "loads a new GS base on the user page table");
	} else if (v.kind == V_GSBASE) {
		st->gs = v.id;
	} else {
		wrong(st, "gs", "the GS base becomes %s", value_text(&v));
		return STOP;
	}
	/* No later access can have the other base, not even in speculation */
	st->fence = 0;
	return GO_ON;
}

/* All that need not be known exactly: what it writes is junk */
static enum outcome do_other(struct state *st, const cs_insn *in)
{
	const cs_detail *d = in->detail;
	struct value v;
	int i;

	for (i = 0; i < d->x86.op_count; i++) {
		const cs_x86_op *op = &d->x86.operands[i];

		if (op->type == X86_OP_MEM && !op_read(st, in, i, &v))
			return STOP;
	}
	for (i = 0; i < d->x86.op_count; i++) {
		const cs_x86_op *op = &d->x86.operands[i];

		if (op->access & CS_AC_WRITE && !op_write(st, in, i, val(V_JUNK, 0, 0)))
			return STOP;
	}
	for (i = 0; i < d->regs_write_count; i++)
		reg_write(st, d->regs_write[i], val(V_JUNK, 0, 0));
	flags_unknown(st);
	return GO_ON;
}

/* REP MOVSQ of a number of words that is known, from stack to stack */
static enum outcome do_movs(struct state *st, const cs_insn *in)
{
	struct value *n = &st->reg[1], *from = &st->reg[6], *to = &st->reg[7];
	struct loc l = { .kind = L_STACK };

	if (in->detail->x86.prefix[0] != X86_PREFIX_REP || n->kind != V_CONST ||
	    from->kind != V_PTR || to->kind != V_PTR)
		return do_other(st, in);
	for (; n->n; n->n--, from->n += 8, to->n += 8) {
		l.region = from->id;
		l.at = from->n;
		if (!touch(st, &l, 8, A_READ))
			return STOP;
		l.region = to->id;
		l.at = to->n;
		if (!touch(st, &l, 8, A_WRITE))
			return STOP;
		slot_write(st, to->id, to->n, 8, slot_read(st, from->id, from->n, 8));
	}
	return GO_ON;
}

enum outcome step(struct state *st, const cs_insn *in, __u64 *other)
{
	const cs_x86_op *op = in->detail->x86.operands;
	enum outcome what;
	struct value v;

	if (on_user_table(st) && !policy_cannot_fault(in)) {
		wrong(st, "fault", "%s on the user page table: it may fault or trap",
		      insn_text(in));
		return STOP;
	}
	switch (in->id) {
	case X86_INS_NOP:
	case X86_INS_ENDBR64:
	case X86_INS_CLD:
	case X86_INS_STD:
		what = GO_ON;
		break;
	case X86_INS_CLAC:
	case X86_INS_STAC:
		if (!set_has(cur, feature("SMAP")))
			wrong(st, "lacks", "%s, and the CPU has no SMAP", in->mnemonic);
		what = GO_ON;
		break;
	case X86_INS_LFENCE:
		st->fence = 0;
		what = GO_ON;
		break;
	case X86_INS_STI:
	case X86_INS_CLI:
		st->irqs = in->id == X86_INS_STI ? YES : NO;
		what = GO_ON;
		break;
	case X86_INS_SWAPGS:
		st->gs = !st->gs;
		what = GO_ON;
		break;
	case X86_INS_SLDT:
		what = op_write(st, in, 0, val(V_LDTR, 0, 0)) ? GO_ON : STOP;
		break;
	case X86_INS_RDGSBASE:
	case X86_INS_WRGSBASE:
		what = do_gsbase(st, in);
		break;
	case X86_INS_RDMSR:
		v = st->reg[1];
		st->reg[0] = val(V_JUNK, 0, 0);
		st->reg[2] = is_const(&v, MSR_GS_BASE) ? val(V_GSHIGH, st->gs, 0) :
			     val(V_JUNK, 0, 0);
		what = GO_ON;
		break;
	case X86_INS_WRMSR:
		if (is_const(&st->reg[1], MSR_GS_BASE))
			wrong(st, "gs", "writes the MSR of the GS base");
		what = GO_ON;
		break;
	case X86_INS_MOV:
	case X86_INS_MOVABS:
		what = do_mov(st, in);
		break;
	case X86_INS_LEA:
		what = do_lea(st, in);
		break;
	case X86_INS_MOVSQ:
		what = do_movs(st, in);
		break;
	case X86_INS_PUSH:
		if (!op_read(st, in, 0, &v))
			return STOP;
		/* Vectors and the like are all the same to the paths */
		if (op[0].type == X86_OP_IMM && v.n > 0 && v.n != KERNEL_CS &&
		    v.n != USER32_CS && v.n != USER_DS && v.n != USER_CS)
			v = val(V_NUMBER, 0, 0);
		else if (op[0].type == X86_OP_IMM && v.n < 0 && !image_at(v.n, 1))
			v = val(V_NUMBER, 0, 0);
		what = stack_push(st, v) ? GO_ON : STOP;
		break;
	case X86_INS_PUSHFQ:
		what = stack_push(st, val(V_NUMBER, 0, 0)) ? GO_ON : STOP;
		break;
	case X86_INS_POP:
		if (!stack_pop(st, &v))
			return STOP;
		what = op_write(st, in, 0, v) ? GO_ON : STOP;
		break;
	case X86_INS_POPFQ:
		flags_unknown(st);
		what = stack_pop(st, &v) ? GO_ON : STOP;
		/* A number is a constant, or flags from PUSHF: entry code pushes none with IF */
		if (what == GO_ON && v.kind == V_CONST)
			st->irqs = v.n & 0x200 ? YES : NO;
		else if (what == GO_ON && v.kind != V_NUMBER)
			st->irqs = MAYBE;
		break;
	case X86_INS_ADD: case X86_INS_SUB: case X86_INS_AND: case X86_INS_OR: case X86_INS_XOR:
	case X86_INS_CMP: case X86_INS_TEST: case X86_INS_INC: case X86_INS_DEC:
	case X86_INS_SHL: case X86_INS_SHR: case X86_INS_SAR:
		what = do_arith(st, in);
		break;
	case X86_INS_BT: case X86_INS_BTS: case X86_INS_BTR: case X86_INS_BTC:
		what = do_bit(st, in);
		break;
	case X86_INS_INT3:
		wrong(st, "branch", "runs into what no path should come to: int3");
		return STOP;
	case X86_INS_UD0: case X86_INS_UD2: case X86_INS_UD2B: case X86_INS_HLT:
		return STOP;
	case X86_INS_IRETQ: case X86_INS_SYSRET: case X86_INS_SYSEXIT:
	case X86_INS_CALL: case X86_INS_JMP: case X86_INS_RET:
		return flow(st, in, other);
	default:
		if (in->id >= X86_INS_JAE && in->id <= X86_INS_JS)
			return flow(st, in, other);
		what = do_other(st, in);
	}
	st->ip = in->address + in->size;
	return what;
}
