// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which instructions of the swept text no path reached.
 *
 * Each guest leaves a file: of every instruction its address, whether it was reached,
 * where it is and what it is.  Machines patch the text differently, so an instruction is
 * known by address and text, and is reached if it was on one machine.  What no machine has
 * patched in is taken out of the image, and was not reached.  Padding (NOP, INT3)
 * does not count, nor what the reason says cannot be run here.  Generated stubs count once
 * for each form that a family has: the interrupt and spurious stubs, asm_sysvec_*,
 * asm_exc_*.
 */
#include <fnmatch.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "sweep.h"

#define WANTED_PERCENT	95
#define CANNOT		"cannot:"	/* begins the reason of what no machine here runs */

struct line {
	__u64 addr;
	unsigned int reached;
	bool shown;		/* a machine had it */
	char symbol[64];
	unsigned int offset;
	char text[64];
};

struct excuse {
	char symbol[96], text[96], reason[256];
	unsigned int insns;
	bool used;
};

/* An instruction with the name of where it jumps to, if there is one: addresses change */
static const char *text_of(const struct sweep *s, const struct insn *insn)
{
	static char text[sizeof(insn->text) + 64];
	size_t n = strcspn(insn->text, " ");
	const char *operand = insn->text + n + strspn(insn->text + n, " ");
	const struct symbol *sym = NULL;
	__u64 addr = 0;

	if ((*insn->text == 'j' || !strncmp(insn->text, "call", 4)) &&
	    sscanf(operand, "0x%llx", &addr) == 1)
		sym = symbol_at(&s->syms, addr);
	if (sym && sym->addr == addr)
		snprintf(text, sizeof(text), "%-6.*s %s", (int)n, insn->text, sym->name);
	else
		snprintf(text, sizeof(text), "%s", insn->text);
	return text;
}

/** cover_write() - leave behind what was reached; 0 or -1 after a complaint */
int cover_write(const struct sweep *s, const char *file)
{
	FILE *f = fopen(file, "w");
	size_t i;

	for (i = 0; f && i < s->text.n; i++) {
		const struct insn *insn = &s->text.insn[i];
		const struct symbol *sym = symbol_at(&s->syms, insn->addr);

		fprintf(f, "%llx\t%u\t%s\t%llu\t%s\n", insn->addr, insn->reached, sym->name,
			insn->addr - sym->addr, text_of(s, insn));
	}
	if (!f || fclose(f)) {
		perror(file);
		return -1;
	}
	return 0;
}

static bool is_padding(const char *text)
{
	return strstr(text, "nop") || !strcmp(text, "int3") || !strncmp(text, "xchg   %ax,%ax", 14);
}

static int by_addr(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return strcmp(x->text, y->text);
}

static void add_line(struct line **lines, size_t *n, const struct line *l)
{
	if (is_padding(l->text))
		return;
	if (*n % 1024 == 0)
		*lines = realloc(*lines, (*n + 1024) * sizeof(*l));
	if (!*lines) {
		perror("sweep");
		exit(2);
	}
	(*lines)[(*n)++] = *l;
}

/* What could stand in the text, if only on another machine */
static int add_alternatives(struct sweep *s, struct line **lines, size_t *n)
{
	struct text text = { };
	size_t i;

	if (text_find(s) || alternatives_read(s, &text))
		return -1;
	for (i = 0; i < text.n; i++) {
		const struct insn *insn = &text.insn[i];
		const struct symbol *sym = symbol_at(&s->syms, insn->addr);
		struct line l = { .addr = insn->addr, .offset = insn->addr - sym->addr };

		snprintf(l.symbol, sizeof(l.symbol), "%s", sym->name);
		snprintf(l.text, sizeof(l.text), "%.63s", text_of(s, insn));
		add_line(lines, n, &l);
	}
	free(text.insn);
	return 0;
}

static int read_file(const char *name, struct line **lines, size_t *n)
{
	FILE *f = fopen(name, "r");
	size_t had = *n;
	char row[512];

	if (!f) {
		perror(name);
		return -1;
	}
	while (fgets(row, sizeof(row), f)) {
		struct line l = { .shown = true };

		if (sscanf(row, "%llx\t%u\t%63[^\t]\t%u\t%63[^\n]", &l.addr, &l.reached, l.symbol,
			   &l.offset, l.text) == 5)
			add_line(lines, n, &l);
	}
	fclose(f);
	if (*n == had)
		fprintf(stderr, "sweep: %s: no rows of --cover in it\n", name);
	return *n > had ? 0 : -1;
}

static size_t unite(struct line *l, size_t n)
{
	size_t i, out = 0;

	qsort(l, n, sizeof(*l), by_addr);
	for (i = 0; i < n; i++) {
		if (out && !by_addr(&l[out - 1], &l[i])) {
			l[out - 1].reached |= l[i].reached;
			l[out - 1].shown |= l[i].shown;
		} else {
			l[out++] = l[i];
		}
	}
	return out;
}

static bool same_word(const char *a, const char *b)
{
	size_t n = strcspn(a, " ");

	return n == strcspn(b, " ") && !strncmp(a, b, n);
}

/*
 * What was reached in another kernel, where it lies elsewhere: at the same place of a symbol.
 * Operands differ by where things are.
 */
static int add_other(const char *name, struct line *l, size_t n)
{
	struct line *other = NULL;
	size_t others = 0, i, j;

	if (read_file(name, &other, &others))
		return -1;
	for (i = 0; i < others; i++)
		for (j = 0; other[i].reached && j < n; j++)
			if (l[j].offset == other[i].offset &&
			    !strcmp(l[j].symbol, other[i].symbol) &&
			    same_word(l[j].text, other[i].text))
				l[j].reached = true;
	free(other);
	return 0;
}

static const char *family_of(const char *symbol)
{
	static const char * const families[] = {
		"irq_entries_start", "spurious_entries_start", "asm_sysvec_", "asm_exc_",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(families); i++)
		if (!strncmp(symbol, families[i], strlen(families[i])))
			return families[i];
	return NULL;
}

/* One generated entry: to the end of the symbol, or, of the many in one symbol, behind its jump */
static size_t stub_end(const struct line *l, size_t n, size_t i)
{
	bool many = strstr(l[i].symbol, "_entries_start");
	size_t first = i;

	while (++i < n && !strcmp(l[i].symbol, l[first].symbol))
		if (many && !strncmp(l[i - 1].text, "jmp", 3))
			break;
	return i;
}

static bool begins_stub(const struct line *l, size_t n, size_t i)
{
	return !i || strcmp(l[i - 1].symbol, l[i].symbol) || stub_end(l, n, i - 1) == i;
}

static bool same_form(const struct line *a, const struct line *b, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!same_word(a[i].text, b[i].text))
			return false;
	return true;
}

/* A generated entry of which an earlier one has the form is counted there */
static size_t unite_families(struct line *l, size_t n)
{
	size_t i, j, k, out = 0;

	for (i = 0; i < n; i = j) {
		const char *family = family_of(l[i].symbol);
		size_t len;

		j = family ? stub_end(l, n, i) : i + 1;
		len = j - i;
		for (k = 0; family && k + len <= out; k++)
			if (family_of(l[k].symbol) == family && begins_stub(l, out, k) &&
			    stub_end(l, out, k) - k == len && same_form(&l[k], &l[i], len))
				break;
		if (family && k + len <= out) {
			size_t m;

			for (m = 0; m < len; m++)
				l[k + m].reached |= l[i + m].reached;
			continue;
		}
		memmove(&l[out], &l[i], len * sizeof(*l));
		out += len;
	}
	return out;
}

static int read_excuses(const char *name, struct excuse *e, int max)
{
	FILE *f = fopen(name, "r");
	char row[512];
	int n = 0;

	if (!f) {
		perror(name);
		return -1;
	}
	while (fgets(row, sizeof(row), f)) {
		char more;

		if (*row == '#' || strspn(row, " \t\n") == strlen(row))
			continue;
		if (n == max || sscanf(row, " %95[^| \t] | %95[^|] | %u %c %255[^\n]", e[n].symbol,
				       e[n].text, &e[n].insns, &more, e[n].reason) != 5 ||
		    more != '|' || !e[n].insns) {
			fprintf(stderr, "sweep: %s: wants four columns, a number third: %s",
				name, row);
			n = -1;
			break;
		}
		e[n].text[strcspn(e[n].text, "\t")] = '\0';
		while (*e[n].text && e[n].text[strlen(e[n].text) - 1] == ' ')
			e[n].text[strlen(e[n].text) - 1] = '\0';
		n++;
	}
	fclose(f);
	return n;
}

static bool is_about(const struct excuse *e, const struct line *l)
{
	regex_t regex;
	bool match;

	if (fnmatch(e->symbol, l->symbol, 0))
		return false;
	if (!strcmp(e->text, "*"))
		return true;
	if (regcomp(&regex, e->text, REG_EXTENDED | REG_NOSUB))
		return false;
	match = !regexec(&regex, l->text, 0, NULL, 0);
	regfree(&regex);
	return match;
}

/*
 * A reason is for so many instructions and no others: what follows them needs one of its
 * own.  The longest that is not longer than what is not reached, or, to be told of, any.
 */
static struct excuse *excuse_for(struct excuse *e, int n, const struct line *l, size_t insns)
{
	struct excuse *best = NULL;
	int i;

	for (i = 0; i < n; i++)
		if (is_about(&e[i], l) &&
		    (!best || best->insns > insns ||
		     (e[i].insns <= insns && e[i].insns > best->insns)))
			best = &e[i];
	return best;
}

/**
 * cover_report() - put together what the guests left, and say what no path reached
 * @s:		the sweep, with the symbols of the kernel
 * @uncovered:	file with the reasons: symbol | first instruction | how many | reason
 * @also:	file of cover_write() for another kernel with the same entry code, or NULL
 * @files:	of cover_write()
 * @n:		their number
 *
 * Return: 0, 1 if something was not reached and has no reason, or one for another number
 * of instructions, if there is a reason for what was reached, or if less than 95 % of
 * .entry.text was, 2 if it cannot be told.
 */
int cover_report(struct sweep *s, const char *uncovered, const char *also, char **files, int n)
{
	static struct excuse excuses[128];
	unsigned int total = 0, reached = 0, bare = 0, stale = 0, cannot = 0;
	struct line *l = NULL;
	size_t lines = 0, i, j;
	int n_excuses, file;

	for (file = 0; file < n; file++)
		if (read_file(files[file], &l, &lines))
			return 2;
	if (add_alternatives(s, &l, &lines))
		return 2;
	n_excuses = read_excuses(uncovered, excuses, ARRAY_SIZE(excuses));
	if (n_excuses < 0)
		return 2;
	lines = unite(l, lines);
	if (also && add_other(also, l, lines))
		return 2;
	lines = unite_families(l, lines);
	for (i = 0; i < lines; i = j) {
		struct excuse *e;
		bool fits;

		j = i + 1;
		if (l[i].reached) {
			total++;
			reached++;
			continue;
		}
		while (j < lines && !l[j].reached && !strcmp(l[j].symbol, l[i].symbol))
			j++;
		e = excuse_for(excuses, n_excuses, &l[i], j - i);
		fits = e && e->insns <= j - i;
		if (fits)
			j = i + e->insns;
		total += j - i;
		if (e)
			e->used = true;
		if (!fits)
			bare++;
		else if (!strncmp(e->reason, CANNOT, strlen(CANNOT)))
			cannot += j - i;
		printf("not reached: %s+%#x..+%#x, %zu instructions from \"%s\"%s: %s\n",
		       l[i].symbol, l[i].offset, l[j - 1].offset, j - i, l[i].text,
		       l[i].shown ? "" : ", which no machine had",
		       fits ? e->reason : "NO REASON");
		if (e && !fits)
			printf("%s: the reason there is for %u instructions: %s\n", uncovered,
			       e->insns, e->reason);
	}
	total -= cannot;
	text_report();
	for (file = 0; file < n_excuses; file++) {
		if (excuses[file].used)
			continue;
		printf("%s: no longer needed: %s | %s\n", uncovered, excuses[file].symbol,
		       excuses[file].text);
		stale++;
	}
	printf("coverage: %u of %u instructions, %.1f %%; %u more cannot run here\n", reached,
	       total, 100.0 * reached / total, cannot);
	printf("%u ranges have no reason, %u reasons no range\n", bare, stale);
	return bare || stale || 100 * reached < WANTED_PERCENT * total ? 1 : 0;
}
