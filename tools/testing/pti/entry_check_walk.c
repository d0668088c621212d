// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checker of the entry code: all paths.
 *
 * A depth-first walk from each root.  Where paths can meet, behind a branch, the state
 * is looked up among those that were there before; equal ones are followed once.  What
 * IRET and loads of a segment leave to a fault handler are roots, too, which are found on
 * the way.
 */
#include <stdlib.h>
#include <string.h>

#include "entry_check.h"

#define SEEN_BITS	20

struct walk_stats stats;

static __u64 seen[1 << SEEN_BITS];
static __u32 seen_in[1 << SEEN_BITS], generation;
static size_t nseen;

static struct state *todo;
static size_t ntodo;

static struct fault_site *faults;
static size_t nfaults;

/* Addresses at which a fault finds what is not the kernel's: entry code asks for them */
static __u64 special[16];
static size_t nspecial;

/* Bytes of entry text that were executed */
#define BEGINS	1		/* an instruction begins there */
#define INSIDE	2
static __u8 *visited;

bool told_apart(__u64 addr)
{
	size_t i;

	for (i = 0; i < nspecial; i++)
		if (special[i] == addr || (special[i] & 0xffffffff) == addr)
			return true;
	return false;
}

/* A fault of this instruction comes in kernel mode, and in a state that is not the usual */
void fault_here(const struct state *st, __u64 resume)
{
	struct fault_site *f;
	size_t i;

	if (!told_apart(st->ip) && nspecial < ARRAY_SIZE(special))
		special[nspecial++] = st->ip;
	/* No frame can be pushed there: that is a double fault, which has a stack */
	if (st->reg[IN_RSP].id == R_ESPFIX)
		return;
	for (i = 0; i < nfaults; i++) {
		f = &faults[i];
		if (f->ip == st->ip && same_value(&f->st.cr3, &st->cr3) && f->st.gs == st->gs &&
		    same_value(&f->st.reg[IN_RSP], &st->reg[IN_RSP]))
			return;
	}
	faults = grow(faults, nfaults, sizeof(*faults));
	f = &faults[nfaults++];
	f->ip = st->ip;
	f->resume = resume;
	f->st = *st;
}

static bool seen_before(__u64 h, __u64 ip)
{
	size_t i = h >> (64 - SEEN_BITS);

	while (seen_in[i] == generation) {
		if (seen[i] == h)
			return true;
		i = (i + 1) & ((1 << SEEN_BITS) - 1);
	}
	if (++nseen > (1 << SEEN_BITS) / 2)
		cannot("%s: too many states", place(ip));
	seen[i] = h;
	seen_in[i] = generation;
	stats.states++;
	return false;
}

static void push(const struct state *st)
{
	todo = grow(todo, ntodo, sizeof(*todo));
	todo[ntodo++] = *st;
}

static void visit(const cs_insn *in)
{
	__u64 at = in->address - img.text_start, end = img.text_end - img.text_start;
	int i;

	if (in->address < img.text_start || at >= end)
		return;
	if (!visited)
		visited = calloc(1, end);
	if (!visited)
		cannot("out of memory");
	stats.insns += !(visited[at] & BEGINS);
	visited[at] |= BEGINS;
	for (i = 1; i < in->size && at + i < end; i++)
		visited[at + i] |= INSIDE;
}

/*
 * What comes at any instruction is followed by itself, from its gate; here it is over, and
 * has left the kernel page table in CR3.
 */
static void interrupt_here(const struct state *st)
{
	struct state again = *st;

	again.ip = redo(st->ip);
	again.cr3 = val(V_CR3, 0, 0);
	again.said = 0;
	again.opted_out = 0;
	again.fence = 0;
	again.switches = 0;
	again.resumed = 1;
	again.path = path_add(st->path, st->ip, "interrupted");
	push(&again);
}

/* What stands there, or with a planted break the same two times */
static enum outcome execute(struct state *st, const cs_insn *in, __u64 *other)
{
	if (twice && twice == origin(in->address) && step(st, in, other) != GO_ON)
		return STOP;
	st->ip = in->address;
	return step(st, in, other);
}

static void one_path(struct state *st)
{
	const cs_insn *in;
	__u64 other, resume, next, hash, round[16];
	bool joins = true;
	size_t i, jumps = 0;

	for (;;) {
		if (joins)
			labels_out(st);
		if (on_user_table(st) && !policy_exec(st->ip)) {
			wrong(st, "text", "goes to %s, which the user page table has not",
			      place(st->ip));
			return;
		}
		if (!policy_followed(st->ip)) {
			if (call_c(st) == STOP)
				return;
			joins = true;
			continue;
		}
		if (joins) {
			hash = state_hash(st);
			if (seen_before(hash, st->ip)) {
				/* Nobody decided anything since it was here */
				for (i = 0; i < jumps && i < ARRAY_SIZE(round); i++)
					if (round[i] == hash)
						wrong(st, "branch", "goes round in a circle");
				return;
			}
			round[jumps++ % ARRAY_SIZE(round)] = hash;
		}
		st->at = st->ip;
		in = fetch(st->ip);
		if (!in) {
			wrong(st, "text", "no instruction");
			return;
		}
		visit(in);
		orc_check(st);
		labels_in(st, in);
		if (img.redo && on_user_table(st))
			interrupt_here(st);
		if (st->gs == GS_USER && extable_find(st->ip, &resume))
			fault_here(st, resume);
		next = in->address + in->size;
		switch (execute(st, in, &other)) {
		case STOP:
			return;
		case FORK: {
			struct state taken = *st;
			__u64 ip = in->address;

			taken.ip = other;
			taken.ldt |= st->on_ldtr && in->id == X86_INS_JNE;
			st->ldt |= st->on_ldtr && in->id == X86_INS_JE;
			taken.said |= st->on_owed && in->id == X86_INS_JS;
			st->said |= st->on_owed && in->id == X86_INS_JNS;
			taken.opted_out |= st->on_root && in->id == X86_INS_JE;
			st->opted_out |= st->on_root && in->id == X86_INS_JNE;
			taken.path = path_add(st->path, ip, "taken");
			push(&taken);
			st->path = path_add(st->path, ip, "not taken");
			joins = false;
			jumps = 0;
			break;
		}
		case GO_ON:
			joins = st->ip != next;
			break;
		}
	}
}

static void all_paths(struct state *roots, size_t n)
{
	struct state st;

	while (n--)
		push(&roots[n]);
	while (ntodo) {
		st = todo[--ntodo];
		one_path(&st);
	}
}

void walk_set(struct set *s)
{
	static struct state roots[MAX_ROOTS];
	size_t done = 0;

	cur = s;
	generation++;
	nseen = 0;
	nfaults = 0;
	ntodo = 0;
	paths_clear();
	memset(met, 0, sizeof(met));
	all_paths(roots, roots_first(roots, MAX_ROOTS));
	while (done < nfaults) {
		struct fault_site f = faults[done++];

		all_paths(roots, roots_fault(&f, roots, MAX_ROOTS));
	}
}

/* Forgets what was reached */
void reach_forget(void)
{
	if (visited)
		memset(visited, 0, img.text_end - img.text_start);
}

#define CALL_PADDING	"__pfx_"

/*
 * A kernel that may count calls (CONFIG_CALL_PADDING) has NOPs in front of functions, and
 * callthunks.c wants NOPs there.  objtool names them; 0: there are none.
 */
static __u64 call_padding(void)
{
	size_t i;

	for (i = 0; i < img.syms.n; i++)
		if (!strncmp(img.syms.v[i].name, CALL_PADDING, strlen(CALL_PADDING)))
			return img.syms.v[i].size;
	return 0;
}

/* What the linker put right behind a function, up to an alignment, and may stay */
static bool linker_fill(const struct symbol *before, __u64 from, __u64 to)
{
	const cs_insn *in;
	__u64 at;

	if (!before || to - from >= (to & -to))
		return false;
	for (at = from; at < to; at += in->size) {
		in = fetch(at);
		if (!in || in->size == 1 || !padding_allowed(before, at))
			return false;
	}
	return at == to;
}

/*
 * Between functions stands INT3, where no path comes, and "nops" bytes of call padding in
 * front of the second, NULL at the end; told once for each of them.
 */
static void padding_between(__u64 from, __u64 to, const struct symbol *before, __u64 nops)
{
	__u64 all = call_padding();
	const __u8 *byte;
	__u64 at;

	if (before && !nops && all && to - from >= all && padding_allowed(before, to - all))
		nops = all;
	else if (linker_fill(before, from, to - nops))
		from = to - nops;
	for (at = from; at < to; at++) {
		byte = image_at(at, 1);
		if (byte && *byte != (at < to - nops ? 0xcc : 0x90) &&
		    !visited[at - img.text_start]) {
			told(at, "padding", "%02x behind a function", *byte);
			return;
		}
	}
}

/* Of other kernels' entry text this is not demanded */
static void padding_check(void)
{
	const struct symbol *s, *last = img.syms.v + img.syms.n, *pfx = NULL;
	__u64 end = img.text_start;
	bool named;

	if (!img.redo)
		return;
	for (s = img.syms.v; s < last; s++) {
		if (!s->size || s->addr < img.text_start || s->addr >= img.text_end)
			continue;
		if (!strncmp(s->name, CALL_PADDING, strlen(CALL_PADDING))) {
			pfx = s;
			continue;
		}
		named = pfx && pfx->addr >= end && pfx->addr + pfx->size == s->addr;
		if (s->addr > end)
			padding_between(end, s->addr, s, named ? pfx->size : 0);
		if (s->addr + s->size > end)
			end = s->addr + s->size;
	}
	padding_between(end, img.text_end, NULL, 0);
}

/*
 * All of the entry text lies on a path, but for padding and for what entry_check.allow
 * lists: a root that is not found, or a path that ends too early, shows in this.
 */
void reach_check(void)
{
	const struct symbol *said = NULL;
	const cs_insn *in;
	__u64 at;

	for (at = img.text_start; visited && at < img.text_end; at++) {
		const struct symbol *s = symbol_at(&img.syms, at);
		__u8 seen = visited[at - img.text_start];

		if (seen & BEGINS && reach_allowed(at))
			unreached(at, "listed as not reached, and a path comes here");
		if (seen) {
			said = NULL;
			continue;
		}
		in = fetch(at);
		if (in && in->id != X86_INS_NOP && in->id != X86_INS_INT3 &&
		    !reach_allowed(at) && (!said || said != s)) {
			unreached(at, "no path comes here");
			said = s;
		}
		/* What is no instruction is looked at byte by byte */
		while (in && at < in->address + in->size - 1 &&
		       !visited[at + 1 - img.text_start])
			at++;
	}
	if (visited)
		padding_check();
}
