// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench_report - the report of "make bench", out of the figures that were measured
 *
 *	bench_report [--no-charts] FIGURES DIRECTORY
 *
 * bench.sh measures, and writes all that it found into one file of lines
 *
 *	TOPIC KERNEL MODE VALUE ROW	a figure; KERNEL is stripped, stock or ours
 *	TOPIC most MODE VALUE ROW	a limit: of what counts of ours
 *	left-out TEXT			what could not be measured, and why
 *	note TEXT			what the reader should know
 *
 * Of figures with the same name the least counts.  This program compares ours with
 * stock's and with the limits, and writes report.md, a CSV file for each topic and mode,
 * charts.gp for gnuplot (with bench.gp), and figures.md, the table that stands in
 * README.md.  It knows what topics there are, so that one without figures is missed.
 *
 * Exit status: 0 all is there and ours is nowhere above stock or a limit, 1 it is
 * somewhere, 2 something is missing, 3 the input cannot be read.
 */
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define __printf(a, b)	__attribute((format(printf, a, b)))
#define MAX_FIGURES	16384
#define MAX_NAMES	256
#define MAX_LIMITS	256
#define MAX_TEXTS	256
#define NAME		64
#define LINE		1024
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

enum kernel { STRIPPED, STOCK, OURS, N_KERNELS };

static const char *const kernel_names[N_KERNELS] = { "stripped", "stock", "ours" };

/* What is shown of a topic. */
enum chart { NO_CHART, AMOUNT, PERCENT };

static const struct topic {
	const char *name, *title, *unit;
	bool over;		/* what counts is the difference from stripped */
	bool judged;		/* ours may not be above stock */
	bool only_ours;		/* the other kernels have no such figure */
	enum chart chart;
} topics[] = {
	{ "ways-tcg", "What isolation adds to a way into the kernel and back, without PCID",
	  "instructions added", .over = true, .judged = true, .chart = AMOUNT },
	{ "programs-tcg", "What isolation adds to what programs do, without PCID",
	  "instructions added", .over = true, .judged = true, .chart = PERCENT },
	{ "ways-pcid", "What isolation adds to a way into the kernel and back, with PCID",
	  "instructions added", .over = true, .judged = true, .chart = AMOUNT },
	{ "programs-pcid", "What isolation adds to what programs do, with PCID",
	  "instructions added", .over = true, .judged = true, .chart = PERCENT },
	{ "cr3", "Writes of CR3", "writes", .judged = true, .chart = AMOUNT },
	{ "flush", "Writes of CR3 that flush a PCID", "writes", .judged = true, .chart = AMOUNT },
	{ "invlpg", "INVLPG", "instructions", .judged = true },
	{ "invpcid", "INVPCID of one PCID", "instructions", .judged = true, .chart = AMOUNT },
	{ "all", "Flushes of all PCIDs (INVPCID, CR4)", "flushes", .judged = true },
	{ "msr", "RDMSR and WRMSR", "instructions", .judged = true },
	{ "locked", "Locked instructions", "instructions", .judged = true },
	{ "locked-spare", "The same where limits.txt lets ours be so much above stock",
	  "instructions", .judged = false },
	{ "serial", "Serialising instructions, writes of CR3 among them", "instructions",
	  .judged = true, .chart = AMOUNT },
	{ "fence", "LFENCE, MFENCE and SFENCE", "instructions", .judged = true },
	{ "memops", "Instructions that read or write memory, once each", "instructions",
	  .judged = true },
	{ "memops-spare", "The same where limits.txt lets ours be so much above stock",
	  "instructions", .judged = false },
	{ "price-tcg", "The price of showing less, where it has to be paid, without PCID",
	  "instructions added", .over = true },
	{ "price-pcid", "The price of showing less, where it has to be paid, with PCID",
	  "instructions added", .over = true },
	{ "exposure", "Kernel memory that user mode can reach, by what its page table allows",
	  "KiB", .judged = true, .chart = AMOUNT },
	{ "rows", "Ours, row by row of exposure.expected", "KiB", .only_ours = true },
	{ "growth", "What isolation adds to the kernel that stays after boot", "bytes added",
	  .over = true, .judged = true, .chart = AMOUNT },
	{ "whole", "The same of all of the series, with status, audit, switch and opt-out",
	  "bytes added", .only_ours = true },
	{ "once", "What ours has once: heads and tails beside the kernel's own, page tables",
	  "bytes", .only_ours = true },
	{ "price-memory", "The price of showing less, in the memory of a process with an LDT",
	  "pages of 4 KiB added", .over = true },
	{ "memory", "What isolation adds to the memory of a process", "pages of 4 KiB added",
	  .over = true, .judged = true, .chart = AMOUNT },
	{ "boot", "From the kernel's first line with a time until it starts init",
	  "ms", .chart = AMOUNT },
};

static struct figure {
	const struct topic *topic;
	int mode, row;
	enum kernel kernel;
	double value;
} figures[MAX_FIGURES];
static int n_figures;

static struct limit {
	const struct topic *topic;
	int mode, row;
	double most;
} limits[MAX_LIMITS];
static int n_limits;

static char names[MAX_NAMES][NAME];
static int n_names;

static char left_out[MAX_TEXTS][LINE], notes[MAX_TEXTS][LINE], verdicts[MAX_TEXTS][LINE];
static int n_left_out, n_notes, n_verdicts;
static int n_compared, n_above, n_let, n_over, n_missing;
static const char *directory;

static void __printf(1, 2) __attribute((noreturn)) die(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "bench_report: ");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(3);
}

static void __printf(3, 4) keep(char (*texts)[LINE], int *n, const char *fmt, ...)
{
	va_list args;

	if (*n == MAX_TEXTS)
		return;
	va_start(args, fmt);
	vsnprintf(texts[(*n)++], LINE, fmt, args);
	va_end(args);
}

/* The number of a mode or row. */
static int number_of(const char *name)
{
	int i;

	for (i = 0; i < n_names; i++)
		if (!strcmp(names[i], name))
			return i;
	if (n_names == MAX_NAMES || strlen(name) >= NAME)
		die("too many names, or a long one: %s", name);
	memcpy(names[n_names], name, strlen(name) + 1);
	return n_names++;
}

static const struct topic *topic_of(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(topics); i++)
		if (!strcmp(topics[i].name, name))
			return &topics[i];
	return NULL;
}

/* A kernel without isolation has no modes: any finds its figure. */
static struct figure *find(const struct topic *topic, enum kernel kernel, int mode, int row)
{
	int i;

	for (i = 0; i < n_figures; i++) {
		struct figure *f = &figures[i];

		if (f->topic == topic && f->kernel == kernel && f->row == row &&
		    (f->mode == mode || !strcmp(names[f->mode], "-")))
			return f;
	}
	return NULL;
}

static void add_figure(const struct figure *new)
{
	struct figure *old = find(new->topic, new->kernel, new->mode, new->row);

	if (old) {
		if (new->value < old->value)
			old->value = new->value;
		return;
	}
	if (n_figures == MAX_FIGURES)
		die("more than %d figures", MAX_FIGURES);
	figures[n_figures++] = *new;
}

static void add_limit(const struct topic *topic, int mode, int row, double most)
{
	if (n_limits == MAX_LIMITS)
		die("more than %d limits", MAX_LIMITS);
	limits[n_limits++] = (struct limit){ topic, mode, row, most };
}

static void read_line(const char *line, const char *path, int number)
{
	char topic[NAME], kernel[NAME], mode[NAME], row[NAME];
	struct figure f = { .topic = NULL };
	int i;

	if (!strncmp(line, "left-out ", 9)) {
		keep(left_out, &n_left_out, "%s", line + 9);
		return;
	}
	if (!strncmp(line, "note ", 5)) {
		keep(notes, &n_notes, "%s", line + 5);
		return;
	}
	if (sscanf(line, "%63s %63s %63s %lf %63s", topic, kernel, mode, &f.value, row) != 5)
		die("%s:%d: not a figure: %s", path, number, line);
	f.topic = topic_of(topic);
	if (f.topic && !strcmp(kernel, "most") && isfinite(f.value)) {
		add_limit(f.topic, number_of(mode), number_of(row), f.value);
		return;
	}
	for (i = 0; i < N_KERNELS && strcmp(kernel_names[i], kernel); i++)
		;
	if (!f.topic || i == N_KERNELS || !isfinite(f.value))
		die("%s:%d: no such topic or kernel, or no number: %s", path, number, line);
	f.kernel = i;
	f.mode = number_of(mode);
	f.row = number_of(row);
	add_figure(&f);
}

static void read_figures(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[LINE];
	int number = 0;

	if (!f)
		die("cannot read %s", path);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		read_line(line, path, ++number);
	}
	fclose(f);
}

static bool has_mode(const struct topic *topic, int mode)
{
	int i;

	for (i = 0; i < n_figures; i++)
		if (figures[i].topic == topic && figures[i].mode == mode &&
		    figures[i].kernel != STRIPPED)
			return true;
	return false;
}

static bool has_figures(const struct topic *topic)
{
	int i;

	for (i = 0; i < n_figures; i++)
		if (figures[i].topic == topic)
			return true;
	return false;
}

static bool has_row(const struct topic *topic, int row)
{
	int i;

	for (i = 0; i < n_figures; i++)
		if (figures[i].topic == topic && figures[i].row == row)
			return true;
	return false;
}

/* What counts of a figure, or NAN if it is not there. */
static double shown(const struct topic *topic, enum kernel kernel, int mode, int row)
{
	const struct figure *base = find(topic, STRIPPED, mode, row);
	const struct figure *f = find(topic, kernel, mode, row);

	if (!f || (topic->over && !base))
		return NAN;
	return topic->over ? f->value - base->value : f->value;
}

static double percent(const struct topic *topic, enum kernel kernel, int mode, int row)
{
	const struct figure *base = find(topic, STRIPPED, mode, row);

	if (!base || base->value <= 0)
		return NAN;
	return 100 * shown(topic, kernel, mode, row) / base->value;
}

static const char *text_of(double value, bool sign)
{
	static char texts[8][32];
	static int next;
	char *text = texts[next++ % ARRAY_SIZE(texts)];

	if (isnan(value))
		return "?";
	if (value == (long long)value)
		snprintf(text, sizeof(texts[0]), sign ? "%+lld" : "%lld", (long long)value);
	else
		snprintf(text, sizeof(texts[0]), sign ? "%+.1f" : "%.1f", value);
	return text;
}

static void judge(const struct topic *topic, int mode, int row)
{
	double stock = shown(topic, STOCK, mode, row), ours = shown(topic, OURS, mode, row);

	if (isnan(ours) || (isnan(stock) && !topic->only_ours)) {
		n_missing++;
		keep(verdicts, &n_verdicts, "missing: %s, %s, %s: stock %s, ours %s", topic->name,
		     names[mode], names[row], text_of(stock, false), text_of(ours, false));
		return;
	}
	if (!topic->judged)
		return;
	n_compared++;
	if (ours > stock) {
		n_above++;
		keep(verdicts, &n_verdicts, "not ok: %s, %s, %s: ours %s, stock %s", topic->name,
		     names[mode], names[row], text_of(ours, false), text_of(stock, false));
	}
}

/* Rows of which a kernel has none are one thing missing, not many. */
static bool has_kernel(const struct topic *topic, enum kernel kernel, int mode)
{
	int row;

	for (row = 0; row < n_names; row++)
		if (has_row(topic, row) && !isnan(shown(topic, kernel, mode, row)))
			return true;
	n_missing++;
	keep(verdicts, &n_verdicts, "missing: %s, %s: no figures of %s%s", topic->name,
	     names[mode], kernel_names[kernel], topic->over ? ", or none of stripped" : "");
	return false;
}

static void judge_mode(const struct topic *topic, int mode)
{
	int row;

	if (!has_kernel(topic, OURS, mode) ||
	    (!topic->only_ours && !has_kernel(topic, STOCK, mode)))
		return;
	for (row = 0; row < n_names; row++)
		if (has_row(topic, row))
			judge(topic, mode, row);
}

static void judge_all(void)
{
	unsigned int t;
	int mode;

	for (t = 0; t < ARRAY_SIZE(topics); t++) {
		bool any = false;

		for (mode = 0; mode < n_names; mode++) {
			if (!has_mode(&topics[t], mode))
				continue;
			any = true;
			judge_mode(&topics[t], mode);
		}
		if (!any) {
			n_missing++;
			keep(verdicts, &n_verdicts, "missing: %s: no figures", topics[t].name);
		}
	}
}

static bool has_ours(const struct topic *topic, int mode)
{
	int row;

	for (row = 0; row < n_names; row++)
		if (!isnan(shown(topic, OURS, mode, row)))
			return true;
	return false;
}

/* What judge_all() has not said: that a row is missing, or all of the mode. */
static void miss_limit(const struct limit *l)
{
	const struct limit *first = limits;

	if (has_ours(l->topic, l->mode)) {
		n_missing++;
		keep(verdicts, &n_verdicts, "missing: %s, %s, %s: at most %s, and no figure",
		     l->topic->name, names[l->mode], names[l->row], text_of(l->most, false));
		return;
	}
	while (first->topic != l->topic || first->mode != l->mode)
		first++;
	if (first != l || has_mode(l->topic, l->mode) || !has_figures(l->topic))
		return;
	n_missing++;
	keep(verdicts, &n_verdicts, "missing: %s, %s: limits, and no figures", l->topic->name,
	     names[l->mode]);
}

static void judge_limit(const struct limit *l)
{
	double ours = shown(l->topic, OURS, l->mode, l->row);

	if (isnan(ours)) {
		miss_limit(l);
	} else if (ours > l->most) {
		n_over++;
		keep(verdicts, &n_verdicts, "not ok: %s, %s, %s: ours %s, at most %s",
		     l->topic->name, names[l->mode], names[l->row], text_of(ours, false),
		     text_of(l->most, false));
	} else if (!l->topic->judged && ours > shown(l->topic, STOCK, l->mode, l->row)) {
		n_let++;
	}
}

static void judge_limits(void)
{
	int i;

	for (i = 0; i < n_limits; i++)
		judge_limit(&limits[i]);
}

/* A file of the directory, named after the topic and the mode. */
static void file_name(char *name, size_t size, const struct topic *topic, int mode,
		      const char *kind)
{
	char *c;

	snprintf(name, size, "%s-%s.%s", topic->name,
		 strcmp(names[mode], "-") ? names[mode] : "any", kind);
	for (c = name; *c; c++)
		if (*c == '=' || *c == '+')
			*c = '-';
}

static FILE *open_file(const char *name)
{
	char path[LINE];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "w");
	if (!f)
		die("cannot write %s", path);
	return f;
}

static void put_csv(FILE *f, double value)
{
	fprintf(f, isnan(value) ? "," : ",%s", text_of(value, false));
}

static void put_percent(FILE *f, double value)
{
	fprintf(f, isnan(value) ? "," : ",%.3f", value);
}

static void write_csv(const struct topic *topic, int mode)
{
	const struct figure *base;
	char name[2 * NAME];
	FILE *f;
	int row;

	file_name(name, sizeof(name), topic, mode, "csv");
	f = open_file(name);
	fprintf(f, "row,stripped,stock,ours,stock percent,ours percent\n");
	for (row = 0; row < n_names; row++) {
		if (!has_row(topic, row))
			continue;
		base = find(topic, STRIPPED, mode, row);
		fprintf(f, "%s", names[row]);
		put_csv(f, base ? base->value : NAN);
		put_csv(f, shown(topic, STOCK, mode, row));
		put_csv(f, shown(topic, OURS, mode, row));
		put_percent(f, percent(topic, STOCK, mode, row));
		put_percent(f, percent(topic, OURS, mode, row));
		fputc('\n', f);
	}
	fclose(f);
}

/* A mode in words. */
static const char *mode_text(int mode)
{
	static const struct {
		const char *name, *text;
	} texts[] = {
		{ "nopti",	"nopti: off" },
		{ "pti=on",	"pti=on" },
		{ "pti=auto",	"pti=auto: the default" },
		{ "invpcid",	"pti=on, with INVPCID" },
		{ "noinvpcid",	"pti=on, without INVPCID" },
		{ "-",		"pti=on" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(texts); i++)
		if (!strcmp(names[mode], texts[i].name))
			return texts[i].text;
	return names[mode];
}

/* How far the bars go. */
static void extent(const struct topic *topic, int mode, double *low, double *high)
{
	int row, kernel;

	*low = 0;
	*high = 0;
	for (row = 0; row < n_names; row++) {
		for (kernel = STOCK; kernel <= OURS && has_row(topic, row); kernel++) {
			double value = topic->chart == PERCENT ?
				percent(topic, kernel, mode, row) : shown(topic, kernel, mode, row);

			if (value < *low)
				*low = value;
			if (value > *high)
				*high = value;
		}
	}
	if (*low == *high)
		*high = 1;
}

static void write_chart(const struct topic *topic, int mode, FILE *f)
{
	const bool parts = topic->chart == PERCENT;
	char csv[2 * NAME], svg[2 * NAME];
	double low, high;

	extent(topic, mode, &low, &high);
	file_name(csv, sizeof(csv), topic, mode, "csv");
	file_name(svg, sizeof(svg), topic, mode, "svg");
	fprintf(f, "call bench \"%s\" \"%s\" \"%s (%s)\" \"%s\" %d \"%f\" \"%f\"\n", csv, svg,
		topic->title, mode_text(mode),
		parts ? "percent; below it the instructions added" : topic->unit, parts, low, high);
}

/* What has no modes is measured with pti=on. */
static const char *mode_name(int mode)
{
	return strcmp(names[mode], "-") ? names[mode] : "pti=on";
}

static void write_table(const struct topic *topic, FILE *f)
{
	const struct figure *base;
	int mode, row;

	fprintf(f, "|%s |", topic->over ? " | without isolation" : "");
	for (mode = 0; mode < n_names; mode++)
		if (has_mode(topic, mode))
			fprintf(f, topic->only_ours ? "%.0s %s |" : " %s: stock | %s: ours |",
				mode_name(mode), mode_name(mode));
	fprintf(f, "\n|---|%s", topic->over ? "---:|" : "");
	for (mode = 0; mode < n_names; mode++)
		if (has_mode(topic, mode))
			fprintf(f, topic->only_ours ? "---:|" : "---:|---:|");
	fputc('\n', f);
	for (row = 0; row < n_names; row++) {
		if (!has_row(topic, row))
			continue;
		fprintf(f, "| %s |", names[row]);
		base = find(topic, STRIPPED, -1, row);
		if (topic->over)
			fprintf(f, " %s |", text_of(base ? base->value : NAN, false));
		for (mode = 0; mode < n_names; mode++) {
			if (!has_mode(topic, mode))
				continue;
			if (!topic->only_ours)
				fprintf(f, " %s |", text_of(shown(topic, STOCK, mode, row),
							    topic->over));
			fprintf(f, " %s |", text_of(shown(topic, OURS, mode, row), topic->over));
		}
		fputc('\n', f);
	}
	fputc('\n', f);
}

static void write_topic(const struct topic *topic, bool charts, FILE *report, FILE *gp)
{
	char svg[2 * NAME];
	bool any = false;
	int mode;

	for (mode = 0; mode < n_names; mode++)
		any |= has_mode(topic, mode);
	if (!any)
		return;
	fprintf(report, "## %s\n\n%s.\n\n", topic->title, topic->unit);
	for (mode = 0; mode < n_names; mode++) {
		if (!has_mode(topic, mode))
			continue;
		write_csv(topic, mode);
		if (topic->chart == NO_CHART || !charts)
			continue;
		write_chart(topic, mode, gp);
		file_name(svg, sizeof(svg), topic, mode, "svg");
		fprintf(report, "![%s, %s](%s)\n\n", topic->title, mode_name(mode), svg);
	}
	write_table(topic, report);
}

static void write_texts(const char *head, char (*texts)[LINE], int n, FILE *f)
{
	int i;

	if (!n)
		return;
	fprintf(f, "%s\n\n", head);
	for (i = 0; i < n; i++)
		fprintf(f, "- %s\n", texts[i]);
	fputc('\n', f);
}

static void write_report(bool charts)
{
	FILE *report = open_file("report.md"), *gp = open_file("charts.gp");
	unsigned int t;

	fprintf(report,
		"# Page-table isolation: ours beside the stock kernel's\n\n"
		"Made by `make bench`. Three kernels of one source and configuration ran the same\n"
		"programs: *stock* with the isolation that Linux has, *ours*, and *stripped* without\n"
		"any. What is added is added to *stripped*; less is better everywhere.\n\n"
		"Ours is above stock in %d of %d figures, in %d more by no more than limits.txt\n"
		"lets it, and above its limit in %d of %d.%s\n\n",
		n_above, n_compared, n_let, n_over, n_limits,
		n_missing || n_left_out ? " **Not all was measured.**" : "");
	write_texts("Left out:", left_out, n_left_out, report);
	write_texts("Above stock or a limit, or missing:", verdicts, n_verdicts, report);
	write_texts("How to read it:", notes, n_notes, report);
	for (t = 0; t < ARRAY_SIZE(topics); t++)
		write_topic(&topics[t], charts, report, gp);
	if (fclose(report) | fclose(gp))
		die("cannot write to %s", directory);
}

/* A line of the short table: a figure without and with PCID. */
static void write_short(FILE *f, const char *text, const char *kind, const char *row)
{
	const int r = number_of(row), mode = number_of("pti=on");
	const char *const emulators[] = { "tcg", "pcid" };
	unsigned int i;
	char name[NAME];

	fprintf(f, "| %s |", text);
	for (i = 0; i < ARRAY_SIZE(emulators); i++) {
		const struct topic *topic;

		snprintf(name, sizeof(name), "%s-%s", kind, emulators[i]);
		topic = topic_of(name);
		/* Missing is said where the limits are. */
		if (has_mode(topic, mode) && !has_row(topic, r)) {
			fprintf(f, " - | - |");
			continue;
		}
		fprintf(f, " %s | %s |", text_of(shown(topic, STOCK, mode, r), true),
			text_of(shown(topic, OURS, mode, r), true));
	}
	fputc('\n', f);
}

/*
 * The kernel itself: of build/size, and last of all of the series. Growth has no modes, and
 * stock no heads that the base has.
 */
static void write_growth(FILE *f)
{
	const struct topic *growth = topic_of("growth"), *once = topic_of("once");
	const struct topic *whole = topic_of("whole");
	static const char *const rows[] = { "functions", "data" };
	const int any = number_of("-"), apart = number_of("heads-and-tails");
	unsigned int i;

	fprintf(f, "\n| bytes added that stay after boot | stock | ours | all of the series |\n"
		"|---|---:|---:|---:|\n");
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const int r = number_of(rows[i]);

		fprintf(f, "| %s | %s | %s | %s |\n", rows[i],
			text_of(shown(growth, STOCK, any, r), true),
			text_of(shown(growth, OURS, any, r), true),
			text_of(shown(whole, OURS, any, r), true));
	}
	fprintf(f, "| entry heads and exit tails that the base has, too | - | %s | %s |\n",
		text_of(shown(once, OURS, any, apart), true),
		text_of(shown(whole, OURS, any, apart), true));
	fprintf(f, "\nOurs is the kernel of `make size` here, with nothing of the series but the\n"
		"isolation, as in stock; the last column has status, audit, switch and opt-out, too.\n");
}

static void write_figures(void)
{
	const struct topic *exposure = topic_of("exposure"), *pcid = topic_of("ways-pcid");
	const struct topic *rows = topic_of("rows");
	FILE *f = open_file("figures.md");
	int on = number_of("pti=on"), automatic = number_of("pti=auto"), row;

	fprintf(f, "![A bar of stock and one of ours for each way into the kernel](%s)\n\n",
		"tools/testing/pti/bench.svg");
	fprintf(f, "| instructions added by `pti=on` | stock | ours | stock, PCID | ours, PCID |\n"
		"|---|---:|---:|---:|---:|\n");
	write_short(f, "system call", "ways", "syscall-lseek");
	write_short(f, "`int 0x80`", "ways", "int80-getppid");
	write_short(f, "SYSENTER, 32-bit", "ways", "sysenter-getppid");
	write_short(f, "page fault", "ways", "fault-shared");
	write_short(f, "interrupt", "ways", "interrupt");
	write_short(f, "there and back through a pipe", "programs", "pipe");
	write_short(f, "fork and exit", "programs", "fork-exit");
	if (has_mode(pcid, on) && !has_row(pcid, number_of("interrupt")))
		fprintf(f, "\n`-`: with PCID it takes what `make qemu-pcid` builds, and had not.\n"
			"An interrupt goes the way of a page fault.\n");
	fprintf(f, "\n| KiB in reach of user mode | stock | ours | stock, `auto` | ours, `auto` |\n"
		"|---|---:|---:|---:|---:|\n");
	for (row = 0; row < n_names; row++)
		if (has_row(exposure, row))
			fprintf(f, "| %s | %s | %s | %s | %s |\n", names[row],
				text_of(shown(exposure, STOCK, on, row), false),
				text_of(shown(exposure, OURS, on, row), false),
				text_of(shown(exposure, STOCK, automatic, row), false),
				text_of(shown(exposure, OURS, automatic, row), false));
	fprintf(f, "\n`at-all-times` is the least that was seen, and of ours what the log says at\n"
		"boot. The rest of the total is there while some task has I/O ports; the first part\n"
		"of their bitmap lies behind the TSS, in a page that is shown at all times. On top come\n"
		"%s KiB of espfix and as much of an LDT as there is, %s KiB at most, in the page table of\n"
		"a process with an LDT, and perf's debug store with its buffers, while perf uses it.\n",
		text_of(shown(rows, OURS, on, number_of("espfix")), false),
		text_of(shown(rows, OURS, on, number_of("ldt")), false));
	write_growth(f);
	if (fclose(f))
		die("cannot write to %s", directory);
}

int main(int argc, char **argv)
{
	bool charts = true;
	int i;

	if (argc > 1 && !strcmp(argv[1], "--no-charts")) {
		charts = false;
		argc--;
		argv++;
	}
	if (argc != 3)
		die("usage: bench_report [--no-charts] FIGURES DIRECTORY");
	directory = argv[2];
	read_figures(argv[1]);
	judge_all();
	judge_limits();
	write_report(charts);
	write_figures();
	for (i = 0; i < n_left_out; i++)
		printf("left out: %s\n", left_out[i]);
	for (i = 0; i < n_verdicts; i++)
		printf("%s\n", verdicts[i]);
	printf("ours is above stock in %d of %d figures, ", n_above, n_compared);
	printf("in %d more by no more than limits.txt lets it, ", n_let);
	printf("above its limit in %d of %d; ", n_over, n_limits);
	printf("%d left out, %d missing\n", n_left_out, n_missing);
	if (n_above || n_over)
		return 1;
	return n_left_out || n_missing ? 2 : 0;
}
