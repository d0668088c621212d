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

static __u8 *visited;		/* bytes of entry text at which an instruction began */

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

static bool seen_before(const struct state *st)
{
	__u64 h = state_hash(st);
	size_t i = h >> (64 - SEEN_BITS);

	while (seen_in[i] == generation) {
		if (seen[i] == h)
			return true;
		i = (i + 1) & ((1 << SEEN_BITS) - 1);
	}
	if (++nseen > (1 << SEEN_BITS) / 2)
		cannot("%s: too many states", place(st->ip));
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

static void visit(__u64 ip)
{
	if (ip < img.text_start || ip >= img.text_end)
		return;
	if (!visited)
		visited = calloc(1, img.text_end - img.text_start);
	if (visited && !visited[ip - img.text_start]) {
		visited[ip - img.text_start] = 1;
		stats.insns++;
	}
}

static void one_path(struct state *st)
{
	const cs_insn *in;
	__u64 other, resume, next;
	bool joins = true;

	for (;;) {
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
		if (joins && seen_before(st))
			return;
		st->at = st->ip;
		in = fetch(st->ip);
		if (!in) {
			wrong(st, "text", "no instruction");
			return;
		}
		visit(st->ip);
		orc_check(st);
		if (st->gs == GS_USER && extable_find(st->ip, &resume))
			fault_here(st, resume);
		next = in->address + in->size;
		switch (step(st, in, &other)) {
		case STOP:
			return;
		case FORK: {
			struct state taken = *st;
			__u64 ip = in->address;

			taken.ip = other;
			taken.path = path_add(st->path, ip, "taken");
			push(&taken);
			st->path = path_add(st->path, ip, "not taken");
			joins = false;
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

/* Functions of the entry text that no path has seen */
void unreached_print(void)
{
	size_t i, n = 0;
	__u64 at;

	for (i = 0; i < img.syms.n; i++) {
		const struct symbol *s = &img.syms.v[i];

		if (!s->size || s->addr < img.text_start || s->addr + s->size > img.text_end)
			continue;
		for (at = s->addr; at < s->addr + s->size; at++)
			if (visited && visited[at - img.text_start])
				break;
		if (at == s->addr + s->size)
			printf("%s%s", n++ ? ", " : "not reached: ", s->name);
	}
	if (n)
		putchar('\n');
}
