// SPDX-License-Identifier: GPL-2.0-only
/*
 * status - the kernel's statements about isolation agree with each other
 *
 * From the command line and from what the CPU is affected by follows whether
 * isolation is on; the flag in /proc/cpuinfo, the file in sysfs and the line
 * in the log must all say so.
 *
 * What it catches: a decision that was taken twice or too late, so that one
 * part of the kernel believes in it and another does not; a parameter that is
 * read wrongly; a CPU that was brought up without the flag.
 */
#include <sys/klog.h>
#include "common.h"

#define SYSFS	"/sys/devices/system/cpu/vulnerabilities/meltdown"
#define PREFIX	"page tables isolation: "

enum wanted { OFF, ON, AUTO };

static bool affected, on;
static char log_text[1 << 18];
static char odd_value[64];	/* a word that the kernel cannot know, as it names it */

/* What the command line asks for.  The last word wins. */
static enum wanted command_line(void)
{
	const char *mitigations = pti_bootparam("mitigations");
	static char line[4096];
	enum wanted wanted = AUTO;
	char *word, *save;

	if (pti_read_file("/proc/cmdline", line, sizeof(line)) < 0)
		ksft_exit_skip("no /proc/cmdline\n");
	for (word = strtok_r(line, PTI_BLANKS, &save); word;
	     word = strtok_r(NULL, PTI_BLANKS, &save)) {
		if (!strcmp(word, "nopti") || !strcmp(word, "pti=off"))
			wanted = OFF;
		else if (!strcmp(word, "pti=on"))
			wanted = ON;
		else if (!strcmp(word, "pti=auto"))
			wanted = AUTO;
		else if (!strncmp(word, "pti=", 4) || !strncmp(word, "nopti=", 6))
			snprintf(odd_value, sizeof(odd_value), "%s", word);
		else if (!strcmp(word, "pti"))
			snprintf(odd_value, sizeof(odd_value), "pti=");
	}
	if (mitigations && !strcmp(mitigations, "off"))
		wanted = OFF;
	return wanted;
}

static void read_log(void)
{
	int len = klogctl(3 /* read all */, log_text, sizeof(log_text) - 1);

	log_text[len > 0 ? len : 0] = 0;
}

static unsigned int count_log(const char *text)
{
	const char *at = log_text;
	unsigned int n = 0;

	while ((at = strstr(at, text))) {
		n++;
		at++;
	}
	return n;
}

static void test_flag(enum wanted wanted)
{
	bool expected = wanted == ON || (wanted == AUTO && affected);

	ksft_test_result(on == expected,
			 "cpuinfo: flag pti is %s\n", on ? "set" : "not set");
}

static void test_all_cpus(void)
{
	unsigned int cpus = 0, flags = 0;
	char line[8192];
	FILE *f;

	f = fopen("/proc/cpuinfo", "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "processor", 9))
			cpus++;
		else if (!strncmp(line, "flags", 5))
			flags += pti_has_word(line, "pti");
	}
	if (f)
		fclose(f);
	ksft_test_result(cpus && flags == (on ? cpus : 0),
			 "all CPUs agree: %u of %u\n", flags, cpus);
}

static void test_sysfs(void)
{
	const char *expected = !affected ? "Not affected\n" :
			       on ? "Mitigation: PTI\n" : "Vulnerable\n";
	char text[128];

	if (pti_read_file(SYSFS, text, sizeof(text)) < 0) {
		ksft_test_result_skip("sysfs: no " SYSFS "\n");
		return;
	}
	if (strcmp(text, expected))
		ksft_print_msg("expected %s", expected);
	ksft_test_result(!strcmp(text, expected), "sysfs: %s", text);
}

static void test_log(void)
{
	unsigned int enabled = count_log(PREFIX "enabled");
	unsigned int disabled = count_log(PREFIX "disabled");

	if (!count_log("Linux version")) {
		ksft_test_result_skip("log: its beginning is gone\n");
		return;
	}
	/* Nothing to say about a CPU without the bug is an answer too. */
	ksft_test_result(on ? enabled == 1 && !disabled :
			      !enabled && (disabled == 1 || !affected),
			 "log: %u times enabled, %u times disabled\n", enabled,
			 disabled);
}

/* An unknown value is ignored, and a kernel that can tell why tells. */
static void test_odd_value(void)
{
	const char *name = "unknown value";
	char text[128];

	if (!*odd_value) {
		ksft_test_result_skip("%s: none on the command line\n", name);
		return;
	}
	if (access("/sys/kernel/debug/x86/pti_exposure", F_OK)) {
		ksft_test_result_skip("%s: no x86/pti_exposure, the kernel is another\n",
				      name);
		return;
	}
	snprintf(text, sizeof(text), PREFIX "%s is unknown", odd_value);
	ksft_test_result(count_log(text) == 1, "%s: %s\n", name, odd_value);
}

int main(int argc, char **argv)
{
	enum wanted wanted;

	pti_start(argc, argv);
	read_log();
	affected = pti_cpuinfo("bugs", "cpu_meltdown");
	on = pti_on();
	wanted = command_line();
	if (affected && !on && !count_log(PREFIX) && count_log("Linux version"))
		ksft_exit_skip("this kernel has no page-table isolation\n");
	ksft_set_plan(5);
	test_flag(wanted);
	test_all_cpus();
	test_sysfs();
	test_log();
	test_odd_value();
	ksft_finished();
}
