// SPDX-License-Identifier: GPL-2.0-only
/*
 * ptictl status: whether this kernel isolates, why, and what it comes to, out of
 * devices/system/cpu/pti in sysfs. What a kernel without that directory says of Meltdown
 * is told, too.
 *
 * All is gathered first, then told: as a table for people, or as JSON.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ptictl.h"

#define DIRECTORY	"devices/system/cpu/pti"
#define MELTDOWN	"devices/system/cpu/vulnerabilities/meltdown"
#define PAGE		4096	/* user page tables map no larger ones of the kernel */

/* The number in "version" of the JSON: one more with each change that is no addition. */
#define JSON_VERSION	1

/* The files that have a word or a text, and 0 or 1, in the order of the answer. */
enum text { REQUESTED, STATE, REASON, NR_TEXTS };
enum flag { PCID, INVPCID, GLOBAL_PAGES, NR_FLAGS };

static const char *const text_files[NR_TEXTS] = {
	[REQUESTED]	= "requested",
	[STATE]		= "state",
	[REASON]	= "reason",
};

static const struct {
	const char *file;
	const char *label;
	const char *no, *yes;	/* what 0 and 1 mean */
} flags[NR_FLAGS] = {
	[PCID] = {
		"pcid", "PCID",
		"not used: each switch of page tables flushes the TLB",
		"used: switches of page tables leave the TLB alone",
	},
	[INVPCID] = {
		"invpcid", "INVPCID",
		"not used", "used",
	},
	[GLOBAL_PAGES] = {
		"global_pages", "global pages",
		"none but those that user mode may see",
		"all of the kernel's",
	},
};

/* What the reasons of the kernel's ABI mean, and how to get what they keep away. */
static const struct {
	const char *reason;
	const char *meaning;
	const char *way_out;	/* if isolation is off, and needed */
} reasons[] = {
	{ "pti=on", "the command line asks for it, on any CPU", NULL },
	{ "CPU affected by Meltdown", "the default on such a CPU", NULL },
	{ "CPU not affected by Meltdown", "the default on such a CPU; pti=on isolates all the same",
	  NULL },
	{ "pti=off", "the command line forbids it", "boot without pti=off" },
	{ "nopti", "the command line forbids it", "boot without nopti" },
	{ "mitigations=off", "the command line forbids all mitigations",
	  "boot without mitigations=off" },
	{ "Xen PV: the hypervisor isolates", "the page tables are Xen's to switch",
	  "ask Xen: xl dmesg has a line on XPTI" },
	{ "no memory for the exposure", "a failure at boot",
	  "see 'page tables isolation' in the kernel's log; give the machine more memory" },
	{ "the exposure could not be built", "a failure at boot",
	  "report what the kernel's log says of 'page tables isolation'" },
	{ "the kernel's root is not the first of a pair", "a failure at boot",
	  "report what the kernel's log says of 'page tables isolation'" },
	{ "switched at run time", "the kernel's log has who did it",
	  "write 1 to /sys/kernel/debug/x86/pti_enabled" },
};

/* All that there is to tell. What could not be read is "", or not good. */
struct status {
	const char	*sysfs;
	bool		here;		/* the directory is */
	bool		good;		/* and all was read that should be there */
	char		meltdown[VALUE_SIZE];
	char		text[NR_TEXTS][VALUE_SIZE];
	struct row	flag[NR_FLAGS];
	struct row	exposed;
	struct row	opted_out;
	struct row	*rows, *flushes;
	size_t		nr_rows, nr_flushes;
};

static void gather(struct status *s, const struct place *dir)
{
	size_t i;

	for (i = 0; i < NR_TEXTS; i++) {
		if (!read_text(dir, text_files[i], s->text[i])) {
			s->text[i][0] = 0;
			s->good = false;
		}
	}
	for (i = 0; i < NR_FLAGS; i++) {
		s->flag[i].good = read_number(dir, flags[i].file, &s->flag[i].value);
		if (s->flag[i].good && s->flag[i].value > 1) {
			complain("%s/%s has neither 0 nor 1", dir->path, flags[i].file);
			s->flag[i].good = false;
		}
		s->good &= s->flag[i].good;
	}
	s->exposed.good = read_number(dir, "exposed_bytes", &s->exposed.value);
	s->opted_out.good = read_number(dir, "opted_out", &s->opted_out.value);
	s->good &= s->exposed.good && s->opted_out.good;
	s->good &= read_rows(dir, "exposure", &s->rows, &s->nr_rows);
	s->good &= read_rows(dir, "flushes", &s->flushes, &s->nr_flushes);
}

/* The way in. Return: what the program ends with if nothing else is wrong. */
static enum exit_status look(struct status *s)
{
	struct place sysfs = { .path = s->sysfs }, dir;
	char path[VALUE_SIZE + sizeof(DIRECTORY)];

	s->good = true;
	sysfs.fd = open(s->sysfs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sysfs.fd < 0) {
		complain("cannot open %s: %s", s->sysfs, strerror(errno));
		return EXIT_WRONG;
	}
	if (faccessat(sysfs.fd, "devices", F_OK, 0)) {
		complain("%s is no sysfs: mount it (mount -t sysfs none /sys)", s->sysfs);
		return EXIT_WRONG;
	}
	if (!read_text(&sysfs, MELTDOWN, s->meltdown)) {
		s->meltdown[0] = 0;
		s->good = false;
	}

	snprintf(path, sizeof(path), "%s/%s", s->sysfs, DIRECTORY);
	dir.path = path;
	dir.fd = openat(sysfs.fd, DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir.fd < 0) {
		complain("cannot open %s: %s%s", path, strerror(errno),
			 errno == ENOENT ? "; this kernel has no CONFIG_PTI_SYSFS" : "");
		return errno == ENOENT ? EXIT_NOT_HERE : EXIT_WRONG;
	}
	s->here = true;
	gather(s, &dir);
	return s->good ? EXIT_GOOD : EXIT_WRONG;
}

static bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/*
 * Whether it is well, in a sentence, by what both places say. @wrong is set if they
 * cannot both be right.
 */
static const char *verdict(const struct status *s, bool *wrong)
{
	static const char need_not[] =
		"User mode does not run isolated, and need not: Meltdown does not affect this CPU.";
	static const char exposed[] =
		"NOT PROTECTED: user mode does not run isolated, and Meltdown affects this CPU.";
	bool on = !strcmp(s->text[STATE], "on"), off = !strcmp(s->text[STATE], "off");

	*wrong = false;
	if (!s->here)
		return "What this kernel says of Meltdown is all that it tells of isolation.";
	if (!s->meltdown[0] || (!on && !off))
		return "It cannot be told whether user mode runs isolated from the kernel.";

	*wrong = on ? starts(s->meltdown, "Vulnerable") : starts(s->meltdown, "Mitigation: PTI");
	if (*wrong)
		return "The kernel contradicts itself: see 'in force' and 'meltdown'.";
	if (on)
		return "User mode runs isolated from the kernel.";
	if (starts(s->meltdown, "Not affected"))
		return need_not;
	if (starts(s->meltdown, "Vulnerable"))
		return exposed;
	return "User mode does not run isolated by this kernel.";
}

static void tell_reason(const struct status *s)
{
	size_t i;

	printf("  %-14s %s\n", "reason", s->text[REASON][0] ? s->text[REASON] : "?");
	for (i = 0; i < ARRAY_SIZE(reasons); i++) {
		if (strcmp(reasons[i].reason, s->text[REASON]))
			continue;
		printf("  %-14s (%s)\n", "", reasons[i].meaning);
		if (reasons[i].way_out && !strcmp(s->text[STATE], "off") &&
		    !starts(s->meltdown, "Not affected"))
			printf("  %-14s to change that: %s\n", "", reasons[i].way_out);
	}
}

static void tell_pages(const char *what, unsigned long long bytes, const char *more)
{
	printf("  %-14s %7llu %-5s %10llu bytes%s\n", what, bytes / PAGE,
	       bytes / PAGE == 1 ? "page" : "pages", bytes, more);
}

static void tell_exposure(const struct status *s)
{
	size_t i, nothing = 0;

	printf("\nOf the kernel, user page tables show\n");
	if (!strcmp(s->text[STATE], "off")) {
		printf("  all: there are no others than the kernel's\n");
		return;
	}
	for (i = 0; i < s->nr_rows; i++) {
		if (!s->rows[i].good)
			printf("  %-14s %7s\n", s->rows[i].name, "?");
		else if (s->rows[i].value)
			tell_pages(s->rows[i].name, s->rows[i].value, "");
		else
			nothing++;
	}
	if (s->exposed.good)
		tell_pages("in all", s->exposed.value, ", each page once");
	if (!nothing)
		return;
	printf("  nothing now of");
	for (i = 0; i < s->nr_rows; i++)
		if (s->rows[i].good && !s->rows[i].value)
			printf(" %s", s->rows[i].name);
	printf("\n");
}

static void tell_people(const struct status *s, const char *sentence)
{
	size_t i;

	printf("%s\n\n", sentence);
	if (!s->here) {
		printf("  %-14s %s\n", "meltdown", s->meltdown[0] ? s->meltdown : "?");
		return;
	}
	printf("  %-14s %s\n", "asked for", s->text[REQUESTED][0] ? s->text[REQUESTED] : "?");
	printf("  %-14s %s\n", "in force", s->text[STATE][0] ? s->text[STATE] : "?");
	tell_reason(s);
	printf("  %-14s %s\n", "meltdown", s->meltdown[0] ? s->meltdown : "?");
	for (i = 0; i < NR_FLAGS; i++)
		printf("  %-14s %s\n", flags[i].label, !s->flag[i].good ? "?" :
		       s->flag[i].value ? flags[i].yes : flags[i].no);
	if (s->opted_out.good)
		printf("  %-14s %llu %s without isolation\n", "opted out", s->opted_out.value,
		       s->opted_out.value == 1 ? "process" : "processes");
	else
		printf("  %-14s ?\n", "opted out");
	tell_exposure(s);

	printf("\nFlushes that it took since boot\n");
	for (i = 0; i < s->nr_flushes; i++) {
		if (s->flushes[i].good)
			printf("  %-14s %llu\n", s->flushes[i].name, s->flushes[i].value);
		else
			printf("  %-14s ?\n", s->flushes[i].name);
	}
}

static void json_text(const char *key, const char *text)
{
	printf(",\n  \"%s\": ", key);
	if (text[0])
		json_string(text);
	else
		printf("null");
}

static void json_number(const char *key, const struct row *number)
{
	if (number->good)
		printf(",\n  \"%s\": %llu", key, number->value);
	else
		printf(",\n  \"%s\": null", key);
}

static void json_rows(const char *key, const struct row *rows, size_t nr)
{
	size_t i;

	printf(",\n  \"%s\": {", key);
	for (i = 0; i < nr; i++) {
		printf("%s\n    ", i ? "," : "");
		json_string(rows[i].name);
		if (rows[i].good)
			printf(": %llu", rows[i].value);
		else
			printf(": null");
	}
	printf("%s}", nr ? "\n  " : "");
}

static void tell_json(const struct status *s)
{
	size_t i;

	printf("{\n  \"schema\": \"ptictl-status\",\n  \"version\": %d,\n  \"available\": %s",
	       JSON_VERSION, s->here ? "true" : "false");
	json_text("meltdown", s->meltdown);
	if (s->here) {
		for (i = 0; i < NR_TEXTS; i++)
			json_text(text_files[i], s->text[i]);
		for (i = 0; i < NR_FLAGS; i++)
			printf(",\n  \"%s\": %s", flags[i].file, !s->flag[i].good ? "null" :
			       s->flag[i].value ? "true" : "false");
		json_number("exposed_bytes", &s->exposed);
		json_number("opted_out", &s->opted_out);
		json_rows("exposure", s->rows, s->nr_rows);
		json_rows("flushes", s->flushes, s->nr_flushes);
	}
	printf("\n}\n");
}

static enum exit_status run_status(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help",	no_argument, NULL, 'h' },
		{ "json",	no_argument, NULL, 'j' },
		{ "sysfs",	required_argument, NULL, 's' },
		{ }
	};
	struct status s = { .sysfs = "/sys" };
	enum exit_status status;
	bool json = false, wrong;
	const char *sentence;
	int option;

	while ((option = getopt_long(argc, argv, "hjs:", options, NULL)) != -1) {
		switch (option) {
		case 'h':
			fputs(command_status.help, stdout);
			return EXIT_GOOD;
		case 'j':
			json = true;
			break;
		case 's':
			s.sysfs = optarg;
			break;
		default:
			return bad_usage(&command_status);
		}
	}
	if (optind < argc) {
		complain("'%s' is one argument too many", argv[optind]);
		return bad_usage(&command_status);
	}
	if (strlen(s.sysfs) >= VALUE_SIZE) {
		complain("the name of the directory is too long");
		return EXIT_USAGE;
	}

	status = look(&s);
	/* Not even that: there is nothing to tell. */
	if (status == EXIT_WRONG && !s.here && !s.meltdown[0])
		return status;

	/* A word of a later kernel: what it means is not known. */
	if (s.text[STATE][0] && strcmp(s.text[STATE], "on") && strcmp(s.text[STATE], "off")) {
		complain("state says '%s', which this version does not know", s.text[STATE]);
		if (status == EXIT_GOOD)
			status = EXIT_WRONG;
	}

	sentence = verdict(&s, &wrong);
	if (json)
		tell_json(&s);
	else
		tell_people(&s, sentence);
	if (wrong)
		complain("state says '%s', but vulnerabilities/meltdown '%s'", s.text[STATE],
			 s.meltdown);
	return status == EXIT_GOOD && wrong ? EXIT_WRONG : status;
}

const struct command command_status = {
	.name		= "status",
	.summary	= "tell whether user mode runs isolated, why, and what it comes to",
	.help		=
"Usage: ptictl status [--json] [--sysfs=DIR]\n\n"
"Tell whether user mode runs on page tables of its own, what decided that, how\n"
"much of the kernel those show, and which flushes it took.\n\n"
"  -j, --json       the same as JSON, for programs\n"
"  -s, --sysfs=DIR  look there instead of in /sys: in a copy of it, of another machine\n"
"  -h, --help       this\n\n"
"Exit status: 0 all was told, 1 something could not be read or is wrong,\n"
"2 wrong arguments, 3 this kernel does not tell it (what it says of Meltdown is\n"
"told all the same).\n",
	.run		= run_status,
};
