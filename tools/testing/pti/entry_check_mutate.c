// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checker of the entry code: planted breaks.  Each changes some instructions of the
 * image in memory, as entry_check.mutants says, and must be found by the rule and at the
 * place that stand there.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "entry_check.h"

#define MAX_MATCHES	64
#define MAX_SITES	4096

struct edit {
	__u8 *at;
	__u8 old[16];
	size_t size;
};

/* Instructions of a range of memory that read like this */
static size_t matches(__u64 from, size_t size, const char *text, cs_insn **found, size_t n)
{
	const __u8 *code = image_at(from, size);
	cs_insn *in;

	while (code && size && n < MAX_MATCHES) {
		in = disassemble(&code, &size, &from);
		if (!in) {
			/* Data, or padding */
			code++;
			size--;
			from++;
		} else if (!fnmatch(text, insn_text(in), 0)) {
			found[n++] = in;
		} else {
			cs_free(in, 1);
		}
	}
	return n;
}

/* Those of a function or from a label to the next, alternatives behind each site */
static size_t matches_in(const struct symbol *s, const char *text, cs_insn **found)
{
	const struct symbol *next = s;
	struct replacement repl[MAX_MATCHES];
	__u64 end = s->addr + s->size;
	size_t n, nrepl, i;

	while (!s->size && next < img.syms.v + img.syms.n && next->addr == s->addr)
		next++;
	if (!s->size)
		end = next->addr;
	n = matches(s->addr, end - s->addr, text, found, 0);
	nrepl = replacements(s->addr, end, repl, ARRAY_SIZE(repl));
	for (i = 0; i < nrepl; i++)
		n = matches(repl[i].repl, repl[i].len, text, found, n);
	return n;
}

static void retarget(const cs_insn *in, __u8 *at, const char *symbol)
{
	const cs_x86 *x = &in->detail->x86;
	const struct symbol *s = symbol_find(&img.syms, symbol);
	__s32 rel = s ? s->addr - (in->address + in->size) : 0;

	if (!s)
		cannot("no symbol %s to point at", symbol);
	if (x->encoding.disp_size == 4)
		memcpy(at + x->encoding.disp_offset, &rel, 4);
	else if (x->encoding.imm_size == 4)
		memcpy(at + x->encoding.imm_offset, &rel, 4);
	else
		cannot("%s %s has no operand of 32 bits", in->mnemonic, in->op_str);
}

static void change(const cs_insn *in, const char *how, struct edit *e)
{
	unsigned int byte;
	int used;
	size_t i;

	if (!strncmp(how, "orc ", 4)) {
		e->at = orc_break(in->address, how + 4, e->old);
		e->size = ORC_BYTES;
		return;
	}
	e->at = (__u8 *)image_at(in->address, in->size);
	e->size = in->size;
	memcpy(e->old, e->at, e->size);
	if (!strncmp(how, "to ", 3)) {
		retarget(in, e->at, how + 3);
	} else if (!strcmp(how, "invert")) {
		e->at[e->at[0] == 0x0f] ^= 1;
	} else if (!strcmp(how, "nop")) {
		memset(e->at, 0x90, e->size);
	} else {
		memset(e->at, 0x90, e->size);
		for (i = 0; sscanf(how, " %2x%n", &byte, &used) == 1; how += used) {
			if (i == e->size)
				cannot("%s: longer than the instruction", how);
			e->at[i++] = byte;
		}
		if (how[strspn(how, " ")])
			cannot("not bytes in hex: %s", how);
	}
}

static bool wanted(const char *which, size_t n)
{
	if (!strcmp(which, "all"))
		return true;
	while (*which) {
		if (strtoul(which, (char **)&which, 10) == n)
			return true;
		which += strspn(which, ", ");
	}
	return false;
}

/* One of the list, of all that are wanted */
static const char *from_each(const char *which)
{
	if (strncmp(which, "each", 4))
		return NULL;
	which += 4 + strspn(which + 4, " ");
	return *which ? which : "all";
}

struct mutant {
	char *name, *where, *insn, *which, *how, *rule, *at;
};

static const struct mutant *row_mutant(char **field, struct mutant *m)
{
	*m = (struct mutant){ field[0], field[1], field[2], field[3], field[4], field[5],
			      field[6] };
	return m;
}

/* Words of a table, each of which reads ".quad", and what it points at */
static size_t change_words(const struct mutant *m, const struct symbol *s, struct edit *edit)
{
	const struct symbol *to;
	size_t n = 0, edits = 0;
	char text[200];
	__u64 at, word;

	for (at = s->addr; at + 8 <= s->addr + s->size && edits < MAX_MATCHES; at += 8) {
		struct edit *e = &edit[edits];

		e->at = (__u8 *)image_at(at, 8);
		if (!e->at)
			cannot("%s: the file has nothing at %s", m->name, place(at));
		e->size = 8;
		memcpy(e->old, e->at, 8);
		memcpy(&word, e->at, 8);
		snprintf(text, sizeof(text), ".quad %s", place(word));
		if (fnmatch(m->insn, text, 0) || !wanted(m->which, ++n))
			continue;
		to = strncmp(m->how, "to ", 3) ? NULL : symbol_find(&img.syms, m->how + 3);
		if (!to)
			cannot("%s: not \"to SYMBOL\", of this kernel: %s", m->name, m->how);
		memcpy(e->at, &to->addr, 8);
		edits++;
	}
	return edits;
}

__u64 twice;

static bool run(const struct mutant *m, struct set *sets, size_t nsets)
{
	const struct symbol *s = symbol_find(&img.syms, m->where);
	struct edit edit[MAX_MATCHES];
	cs_insn *found[MAX_MATCHES];
	size_t n, i, edits = 0;
	bool comment = !strcmp(m->insn, "In:") || !strcmp(m->insn, "Out:");
	/* That nothing comes to a place is known once all sets were walked */
	bool seen = false, whole = !strcmp(m->rule, "reach") || !strcmp(m->rule, "padding") ||
				   (comment && strstr(m->how, "jumps to"));
	char *text = NULL;

	if (!s && !comment)
		cannot("%s: the kernel has no %s", m->name, m->where);
	if (comment) {
		n = 0;
		edits = 1;
		text = labels_break(m->where, m->insn, m->how);
	} else if (!strncmp(m->insn, ".quad ", 6)) {
		n = 0;
		edits = change_words(m, s, edit);
	} else {
		n = matches_in(s, m->insn, found);
	}
	for (i = 0; i < n; i++) {
		if (!wanted(m->which, i + 1))
			continue;
		if (!strcmp(m->how, "twice"))
			twice = found[i]->address;
		else
			change(found[i], m->how, &edit[edits++]);
	}
	if (!edits && !twice)
		cannot("%s: no such instruction in %s: %s (%s)", m->name, m->where, m->insn,
		       m->which);
	fetch_forget();
	if (whole) {
		reach_forget();
		labels_forget();
		check(sets, nsets);
		reach_check();
		labels_check();
		seen = findings_match(m->rule, m->at);
	}
	for (i = 0; i < nsets && !seen && !whole; i++) {
		walk_set(&sets[i]);
		seen = findings_match(m->rule, m->at);
	}
	printf("%-9s %s: %s at %s%s%s\n", seen ? "found" : "NOT FOUND", m->name, m->rule, m->at,
	       whole ? "" : seen ? ", with " : "", seen && !whole ? cur->name : "");
	if (!seen)
		findings_print();
	findings_clear();
	twice = 0;
	if (comment)
		labels_mend(m->where, m->insn, text);
	for (i = comment ? 0 : edits; i-- > 0;)
		memcpy(edit[i].at, edit[i].old, edit[i].size);
	for (i = 0; i < n; i++)
		cs_free(found[i], 1);
	fetch_forget();
	return seen;
}

/* One row: the breaks in it, and how many of them were found */
static void run_row(const struct mutant *m, struct set *sets, size_t nsets, size_t *all,
		    size_t *seen)
{
	const char *each = from_each(m->which);
	cs_insn *found[MAX_MATCHES];
	const struct symbol *s;
	char name[64], which[16];
	struct mutant one = *m;
	size_t n, i, old = *all;

	if (!each) {
		*seen += run(m, sets, nsets);
		(*all)++;
		return;
	}
	s = symbol_find(&img.syms, m->where);
	n = s ? matches_in(s, m->insn, found) : 0;
	for (i = 0; i < n; i++) {
		cs_free(found[i], 1);
		if (!wanted(each, i + 1))
			continue;
		snprintf(name, sizeof(name), "%s %zu", m->name, i + 1);
		snprintf(which, sizeof(which), "%zu", i + 1);
		one.name = name;
		one.which = which;
		*seen += run(&one, sets, nsets);
		(*all)++;
	}
	if (*all == old)
		cannot("%s: no such instruction in %s: %s (%s)", m->name, m->where, m->insn,
		       m->which);
}

/*
 * The CR3 writes of the entry text, each of which has to be dropped by itself, and doubled
 */
struct cr3_write {
	__u64 addr, site;		/* site: where the alternative goes */
	bool dropped, doubled;
};

static struct cr3_write writes[MAX_MATCHES];
static size_t nwrites;

static void writes_add(__u64 from, size_t size, __u64 site)
{
	cs_insn *found[MAX_MATCHES];
	size_t n = matches(from, size, "mov* %*, %cr3", found, 0), i;

	if (nwrites + n >= MAX_MATCHES)
		cannot("%d CR3 writes in the entry text, or more", MAX_MATCHES);
	for (i = 0; i < n; i++) {
		writes[nwrites++] = (struct cr3_write){
			.addr = found[i]->address,
			.site = site ?: found[i]->address,
		};
		cs_free(found[i], 1);
	}
}

static void writes_find(void)
{
	static struct replacement repl[MAX_SITES];
	size_t n, i;

	writes_add(img.text_start, img.text_end - img.text_start, 0);
	n = replacements(img.text_start, img.text_end, repl, ARRAY_SIZE(repl));
	if (n == ARRAY_SIZE(repl))
		cannot("more than %d alternatives in the entry text", MAX_SITES);
	for (i = 0; i < n; i++)
		writes_add(repl[i].repl, repl[i].len, repl[i].instr);
}

static void writes_mark(const struct mutant *m)
{
	const struct symbol *s = symbol_find(&img.syms, m->where);
	const char *each = from_each(m->which);
	bool drop = !strcmp(m->how, "nop");
	cs_insn *found[MAX_MATCHES];
	size_t n, i, j, alone = 0;

	if (!s || (!drop && strcmp(m->how, "twice")))
		return;
	n = matches_in(s, m->insn, found);
	for (i = 0; i < n; i++)
		alone += wanted(each ?: m->which, i + 1);
	for (i = 0; i < n; i++) {
		for (j = 0; j < nwrites; j++) {
			if (writes[j].addr != found[i]->address || (!each && alone != 1) ||
			    !wanted(each ?: m->which, i + 1))
				continue;
			writes[j].dropped |= drop;
			writes[j].doubled |= !drop;
		}
		cs_free(found[i], 1);
	}
}

static bool writes_have_rows(const char *file)
{
	struct table t = { .name = file };
	size_t i, without = 0;
	struct mutant m;
	char *field[7];

	writes_find();
	while (table_row(&t, field, ARRAY_SIZE(field)))
		writes_mark(row_mutant(field, &m));
	for (i = 0; i < nwrites; i++) {
		const struct cr3_write *w = &writes[i];

		without += !w->dropped + !w->doubled;
		if (!w->dropped)
			printf("NO ROW drops the CR3 write at %s%s\n", place(w->site),
			       w->site == w->addr ? "" : ", an alternative");
		if (!w->doubled)
			printf("NO ROW doubles the CR3 write at %s%s\n", place(w->site),
			       w->site == w->addr ? "" : ", an alternative");
	}
	printf("%zu CR3 writes in the entry text, %zu rows that drop or double one are missing\n",
	       nwrites, without);
	return nwrites && !without;
}

int mutants_run(const char *file, struct set *sets, size_t nsets, bool every_cr3)
{
	struct table t = { .name = file };
	size_t all = 0, seen = 0;
	struct mutant m;
	char *field[7];

	if (every_cr3 && !writes_have_rows(file))
		return 1;
	while (table_row(&t, field, ARRAY_SIZE(field)))
		run_row(row_mutant(field, &m), sets, nsets, &all, &seen);
	printf("%zu breaks planted, %zu found\n", all, seen);
	return all && seen == all ? 0 : 1;
}
