// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the audit found: the findings, each text once with the number of times it
 * was met, and the table of what the user page table shows of the kernel.
 */
#include <stdarg.h>
#include <string.h>

#include "walk.h"

#define INDENT		13	/* of reasons */
#define REASON_WIDTH	98

static const struct {
	const char *name, *text;
} kinds[N_FINDINGS] = {
	[F_CR3]		= { "cr3",	"wrong root in CR3" },
	[F_PCID]	= { "pcid",	"wrong PCID in CR3" },
	[F_USER_CR3]	= { "user-cr3",
			    "what the kernel keeps for exits is not what user mode has" },
	[F_EXTRA]	= { "extra",	"mapped, and no row allows it" },
	[F_MISSING]	= { "missing",	"a row's page that is not mapped" },
	[F_PERMS]	= { "perms",	"other permissions than the row has" },
	[F_USER]	= { "user",	"user bit in the kernel half" },
	[F_WX]		= { "wx",	"writable and executable" },
	[F_FRAME]	= { "frame",	"other frame than in the kernel table" },
	[F_FLAGS]	= { "flags",	"more than the kernel table allows" },
	[F_GLOBAL]	= { "global",	"global, and not the same leaf in both tables" },
	[F_TLB]		= { "tlb",	"kept by the TLB, and not in the user page table" },
	[F_PGD]		= { "pgd",	"user halves of the two roots differ" },
	[F_NX]		= { "nx",	"user half executable in the kernel table" },
	[F_SUPER]	= { "super",	"supervisor leaf in the user half" },
	[F_STORE]	= { "store",	"mapped frame is not the row's object" },
	[F_SYMBOL]	= { "symbol",	"something else lies in an exposed page" },
	[F_AREA]	= { "area",	"the CPU's structures are not where they should be" },
	[F_TABLE]	= { "table",	"entry that no page table may have" },
};

const char *finding_name(enum finding kind)
{
	return kinds[kind].name;
}

void finding(struct audit *a, enum finding kind, const char *fmt, ...)
{
	struct found *f;
	char text[sizeof(f->text)];
	va_list args;
	int i;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);

	for (i = 0; i < a->n_found; i++) {
		f = &a->found[i];
		if (f->kind == kind && !strcmp(f->text, text)) {
			f->times++;
			return;
		}
	}
	if (a->n_found == MAX_FOUND || a->of_kind[kind] == MAX_FOUND_KIND) {
		a->more++;
		return;
	}
	a->of_kind[kind]++;
	f = &a->found[a->n_found++];
	f->kind = kind;
	f->times = 1;
	memcpy(f->text, text, sizeof(text));
}

unsigned int findings_of(const struct audit *a, enum finding kind)
{
	unsigned int n = 0;
	int i;

	for (i = 0; i < a->n_found; i++)
		if (a->found[i].kind == kind)
			n += a->found[i].times;
	return n;
}

void report_findings(const struct audit *a, FILE *f)
{
	int kind, i;

	for (kind = 0; kind < N_FINDINGS; kind++) {
		int shown = 0;

		for (i = 0; i < a->n_found; i++) {
			if (a->found[i].kind != (enum finding)kind)
				continue;
			if (!shown++)
				fprintf(f, "%s: %s\n", kinds[kind].name, kinds[kind].text);
			if (shown <= 12)
				fprintf(f, "    %s (%u times)\n", a->found[i].text,
					a->found[i].times);
		}
		if (shown > 12)
			fprintf(f, "    and %d others\n", shown - 12);
	}
	if (a->more)
		fprintf(f, "%u more findings were not kept\n", a->more);
}

/* The reason, in lines of words */
static void report_reason(const char *text, FILE *f)
{
	int column = 0;

	while (*text) {
		int n = strcspn(text, " ");

		if (column && column + 1 + n > REASON_WIDTH) {
			fputc('\n', f);
			column = 0;
		}
		column += fprintf(f, "%*s%.*s", column ? 1 : INDENT, "", n, text);
		text += n;
		text += strspn(text, " ");
	}
	if (column)
		fputc('\n', f);
}

static void report_row(const struct row_stats *s, const char *name, const char *reason, FILE *f)
{
	fprintf(f, "%-12s %5u %9llu %7u  %s  %016llx\n", name, s->pages, s->pages * PAGE_SIZE,
		s->leaves, perms_text(s->perms), s->va);
	report_reason(reason, f);
}

void report_table(const struct audit *a, FILE *f)
{
	const struct stats *s = &a->stats;
	int i;

	fprintf(f, "Kernel half of the user page table, %d CPUs, %d levels\n",
		a->facts.ncpus, a->facts.levels);
	fprintf(f, "%-12s %5s %9s %7s  %s  %s\n", "row", "pages", "bytes", "leaves", "perms",
		"first address");
	for (i = 0; i < a->rows.n; i++)
		if (s->row[i].leaves)
			report_row(&s->row[i], a->rows.v[i].name, a->rows.v[i].reason, f);
	if (s->row[MAX_ROWS].leaves)
		report_row(&s->row[MAX_ROWS], "(no row)", "Nothing allows these pages.", f);
	fprintf(f, "executable bytes %llu\n", s->max_exec);
	if (s->min_bytes != s->max_bytes)
		fprintf(f, "distinct bytes %llu to %llu\n", s->min_bytes, s->max_bytes);
	else
		fprintf(f, "distinct bytes %llu\n", s->max_bytes);
	fprintf(f, "bytes of one process (LDT, espfix) at most %llu\n", s->max_process);
}
