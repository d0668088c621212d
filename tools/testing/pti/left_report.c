// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the probe found: pointers and markers, by rows of exposure.expected and by places
 * in them, and the pointers that the architecture forces, with the reasons.
 */
#include <string.h>

#include "left.h"

const char * const left_kind_name[N_LEFT_KINDS] = {
	[LEFT_MARKER] = "marker", [LEFT_IMAGE] = "image", [LEFT_MODULE] = "module",
	[LEFT_PERCPU] = "per-CPU", [LEFT_DIRECT] = "direct map", [LEFT_VMALLOC] = "vmalloc",
	[LEFT_VMEMMAP] = "vmemmap", [LEFT_CEA] = "entry area",
};

static const struct {
	const char *name, *reason;
} forced[N_LEFT_FORCED] = {
	[FORCED_GATE]	= { "handlers in the IDT",
		"delivery reads them from the gates (SDM 3A 6.14.1); they must be exposed text" },
	[FORCED_RSP0]	= { "RSP0 in the TSS",
		"delivery from user mode takes its stack from there (SDM 3A 6.14.2)" },
	[FORCED_IST]	= { "IST in the TSS",
		"the same for gates that have an IST index (SDM 3A 6.14.5)" },
	[FORCED_TSS]	= { "base of the TSS in the GDT",
		"LTR reads it from the descriptor (SDM 3A 7.2.4); it has to be what TR has" },
};

static const char *row_name(const struct left *l, int row)
{
	return row < 0 ? "(no row)" : l->audit.rows.v[row].name;
}

static bool is_stack(const struct left *l, const struct left_frame *fr)
{
	return fr->row >= 0 && strstr(row_name(l, fr->row), "stack");
}

static unsigned int pointers_at(const struct left_place *p)
{
	unsigned int sum = 0;
	int kind;

	for (kind = LEFT_MARKER + 1; kind < N_LEFT_KINDS; kind++)
		sum += p->times[kind];
	return sum;
}

struct sum {
	unsigned int places, pointers, markers;
};

static struct sum sum_row(const struct left *l, int row)
{
	__u64 frames = l->audit.guest.size >> PAGE_SHIFT, i;
	struct sum s = {};
	unsigned int at;

	for (i = 0; i < frames; i++) {
		const struct left_frame *fr = l->frame[i];

		if (!fr || !fr->place || fr->row != row)
			continue;
		for (at = 0; at < PAGE_SIZE; at++) {
			unsigned int pointers = pointers_at(&fr->place[at]);
			unsigned int markers = fr->place[at].times[LEFT_MARKER];

			s.places += pointers || markers;
			s.pointers += pointers;
			s.markers += markers;
		}
	}
	return s;
}

/** left_row_known() - whether there is a row of this name; "(no row)" is one */
bool left_row_known(const struct left *l, const char *name)
{
	int i;

	for (i = -1; i < l->audit.rows.n; i++)
		if (!strcmp(row_name(l, i), name))
			return true;
	return false;
}

/** left_row_hits() - how often something was found in the pages of a row */
unsigned int left_row_hits(const struct left *l, const char *name, bool markers)
{
	unsigned int sum = 0;
	int i;

	for (i = -1; i < l->audit.rows.n; i++) {
		struct sum s = {};

		if (!strcmp(row_name(l, i), name))
			s = sum_row(l, i);
		sum += markers ? s.markers : s.pointers;
	}
	return sum;
}

static void report_place(const struct left *l, const struct left_frame *fr, unsigned int at,
			 enum left_kind kind, FILE *f)
{
	const struct left_place *p = &fr->place[at];
	__u64 value = p->value[kind], linked = value - l->audit.facts.slide;
	const struct symbol *s = NULL;

	if (kind == LEFT_IMAGE)
		s = symbol_at(&l->audit.syms, linked);
	fprintf(f, "    %016llx", fr->va + at);
	if (is_stack(l, fr))
		fprintf(f, "  top-%-5llx", fr->below - at);
	else
		fprintf(f, "  +%-8x", at);
	fprintf(f, " %-10s %8u times  %016llx", left_kind_name[kind], p->times[kind], value);
	if (s)
		fprintf(f, " %s+%llx", s->name, linked - s->addr);
	fputc('\n', f);
}

static void report_row(const struct left *l, int row, unsigned int places, FILE *f)
{
	__u64 frames = l->audit.guest.size >> PAGE_SHIFT, i;
	struct sum s = sum_row(l, row);
	unsigned int shown = 0, at;
	int kind;

	if (!s.places)
		return;
	fprintf(f, "%-12s %5u places, %9u pointers, %9u markers\n", row_name(l, row), s.places,
		s.pointers, s.markers);
	for (i = 0; i < frames; i++) {
		const struct left_frame *fr = l->frame[i];

		for (at = 0; fr && fr->place && fr->row == row && at < PAGE_SIZE; at++)
			for (kind = 0; kind < N_LEFT_KINDS; kind++)
				if (fr->place[at].times[kind] && shown++ < places)
					report_place(l, fr, at, kind, f);
	}
	if (shown > places)
		fprintf(f, "    and %u more\n", shown - places);
}

/* Of a page that a row has not always, that it was there */
static void report_pages(const struct left *l, FILE *f)
{
	__u64 frames = l->audit.guest.size >> PAGE_SHIFT, i;
	int row;

	fprintf(f, "pages that were looked at:");
	for (row = -1; row < l->audit.rows.n; row++) {
		unsigned int pages = 0;

		for (i = 0; i < frames; i++)
			pages += l->frame[i] && l->frame[i]->row == row;
		if (pages)
			fprintf(f, " %s %u,", row_name(l, row), pages);
	}
	fprintf(f, " in all looks\n");
}

/**
 * left_report() - write what was found
 * @l:		the probe
 * @places:	at most so many of each row one by one
 * @f:		where to
 */
void left_report(const struct left *l, unsigned int places, FILE *f)
{
	int i;

	fprintf(f, "%u looks at %u pages in user mode, %u of them text\n", l->looks, l->pages,
		l->text_pages);
	report_pages(l, f);
	left_text_report(l, places, f);
	fprintf(f, "forced by the architecture:\n");
	for (i = 0; i < N_LEFT_FORCED; i++)
		fprintf(f, "    %3u %s: %s\n", l->forced[i], forced[i].name, forced[i].reason);
	for (i = -1; i < l->audit.rows.n; i++)
		report_row(l, i, places, f);
	fprintf(f, "found:");
	for (i = LEFT_MARKER; i < N_LEFT_KINDS; i++)
		fprintf(f, " %s %u%s", left_kind_name[i], l->hits[i],
			i + 1 < N_LEFT_KINDS ? "," : "\n");
}
