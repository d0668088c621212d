// SPDX-License-Identifier: GPL-2.0-only
/*
 * status - the kernel's statements about isolation agree with each other
 *
 * From the command line and from what the CPU is affected by follows whether
 * isolation is on; the flag in /proc/cpuinfo, the file in sysfs and the line
 * in the log must all say so. The directory in sysfs that tells more of it has to
 * agree with these, and its numbers with debugfs; and nobody may write there.
 *
 * What it catches: a decision that was taken twice or too late, so that one
 * part of the kernel believes in it and another does not; a parameter that is
 * read wrongly; a CPU that was brought up without the flag.
 */
#include <dirent.h>
#include <sys/klog.h>
#include <sys/stat.h>
#include "common.h"

#define SYSFS	"/sys/devices/system/cpu/vulnerabilities/meltdown"
#define ENABLED	"/sys/kernel/debug/x86/pti_enabled"
#define PREFIX	"page tables isolation: "
#define STATUS	"/sys/devices/system/cpu/pti"
#define EXPOSURE "/sys/kernel/debug/x86/pti_exposure"
#define KERNEL_TABLE "/sys/kernel/debug/page_tables/current_kernel"

enum wanted { OFF, ON, AUTO };

static bool affected, on;
static bool mitigations_off;
static enum wanted asked;	/* by pti= and nopti */
static char log_text[1 << 18];
static char odd_value[64];	/* a word that the kernel cannot know, as it names it */
static char off_word[16];	/* the word that turned it off */

/* pti=off,switchable and pti=on,lock decide nothing more, where they mean something. */
static void strip_option(char *word)
{
	char *option = strchr(word, ',');

	if (option && !strncmp(word, "pti=", 4) && !access(ENABLED, F_OK) &&
	    (!strcmp(option, ",switchable") || !strcmp(option, ",lock")))
		*option = 0;
}

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
		strip_option(word);
		if (!strcmp(word, "nopti") || !strcmp(word, "pti=off")) {
			wanted = OFF;
			snprintf(off_word, sizeof(off_word), "%s", word);
		} else if (!strcmp(word, "pti=on")) {
			wanted = ON;
		} else if (!strcmp(word, "pti=auto")) {
			wanted = AUTO;
		} else if (!strncmp(word, "pti=", 4) || !strncmp(word, "nopti=", 6)) {
			snprintf(odd_value, sizeof(odd_value), "%s", word);
		} else if (!strcmp(word, "pti")) {
			snprintf(odd_value, sizeof(odd_value), "pti=");
		}
	}
	asked = wanted;
	mitigations_off = mitigations && !strcmp(mitigations, "off");
	if (mitigations_off)
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

/* The value of a file of the directory, or a word that none has. */
static const char *status_value(const char *name)
{
	static char text[256];
	char path[512];
	size_t len;

	snprintf(path, sizeof(path), STATUS "/%s", name);
	if (pti_read_file(path, text, sizeof(text)) < 0)
		return "(none)";
	len = strlen(text);
	if (!len || text[len - 1] != '\n')
		return "(no end of line)";
	text[len - 1] = 0;
	return text;
}

static bool status_is(const char *name, const char *expected)
{
	const char *value = status_value(name);

	if (!strcmp(value, expected))
		return true;
	ksft_print_msg(STATUS "/%s: \"%s\" instead of \"%s\"\n", name, value, expected);
	return false;
}

static bool status_is_number(const char *name, unsigned long expected)
{
	char text[32];

	snprintf(text, sizeof(text), "%lu", expected);
	return status_is(name, text);
}

static void test_status_mode(void)
{
	static const char *const modes[] = { [OFF] = "off", [ON] = "on", [AUTO] = "auto" };
	const char *reason;
	bool good;

	/* The order in which the kernel has to decide. */
	if (asked == OFF)
		reason = off_word;
	else if (mitigations_off)
		reason = "mitigations=off";
	else if (asked == ON)
		reason = "pti=on";
	else
		reason = affected ? "CPU affected by Meltdown" : "CPU not affected by Meltdown";

	good = status_is("requested", modes[asked]);
	good &= status_is("state", on ? "on" : "off");
	good &= status_is("reason", reason);
	ksft_test_result(good, "status: asked for %s, reason %s\n", modes[asked], reason);
}

static void test_status_cpu(void)
{
	bool good = status_is_number("pcid", pti_cpuinfo("flags", "pcid"));

	good &= status_is_number("invpcid", pti_cpuinfo("flags", "invpcid"));
	ksft_test_result(good, "status: PCID and INVPCID are as in cpuinfo\n");
}

/* Are there global leaves in the direct map?  -1 without a dump. */
static int direct_map_is_global(void)
{
	bool direct_map = false, global = false;
	char line[256];
	FILE *f;

	f = fopen(KERNEL_TABLE, "r");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "---[", 4))
			direct_map = strstr(line, "Low Kernel Mapping");
		else if (direct_map)
			global |= pti_has_word(line, "GLB");
	}
	fclose(f);
	return global;
}

static void test_status_global(void)
{
	int global = direct_map_is_global();

	if (global < 0)
		ksft_test_result_skip("status, global pages: no " KERNEL_TABLE "\n");
	else
		ksft_test_result(status_is_number("global_pages", global),
				 "status, global pages: the direct map has %s\n",
				 global ? "some" : "none");
}

/* Bytes that debugfs has of a row, on all CPUs; of all rows without a name. */
static unsigned long exposed(const char *row)
{
	unsigned long pages, sum = 0;
	char line[512], name[64];
	FILE *f;

	f = fopen(EXPOSURE, "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (!row && sscanf(line, "total %lu pages", &pages) == 1)
			sum = pages;
		else if (row && sscanf(line, "%*x-%*x %lu %*s %63[a-z0-9_]", &pages, name) == 2 &&
			 !strcmp(name, row))
			sum += pages;
	}
	if (f)
		fclose(f);
	return sum * PTI_PAGE;
}

/* How many names of rows debugfs has. */
static unsigned int rows_exposed(void)
{
	char line[512], name[64], last[64] = "";
	unsigned int rows = 0;
	FILE *f;

	f = fopen(EXPOSURE, "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*x-%*x %*u %*s %63[a-z0-9_]", name) != 1)
			continue;
		rows += !!strcmp(name, last);
		snprintf(last, sizeof(last), "%s", name);
	}
	if (f)
		fclose(f);
	return rows;
}

static void test_status_exposure(void)
{
	unsigned int files = 0, shown = 0, bad = 0;
	struct dirent *entry;
	unsigned long bytes;
	char name[300];
	DIR *dir;

	if (access(EXPOSURE, R_OK)) {
		ksft_test_result_skip("status, rows: no " EXPOSURE "\n");
		return;
	}
	dir = opendir(STATUS "/exposure");
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "exposure/%s", entry->d_name);
		bytes = exposed(entry->d_name);
		files++;
		shown += !!bytes;
		bad += !status_is_number(name, bytes);
	}
	if (dir)
		closedir(dir);
	ksft_test_result(!bad && files && shown == rows_exposed() && (shown > 0) == on,
			 "status, rows: %u files, %u of them as debugfs, the rest nothing\n",
			 files, shown);
}

static void test_status_total(void)
{
	if (access(EXPOSURE, R_OK))
		ksft_test_result_skip("status, bytes: no " EXPOSURE "\n");
	else
		ksft_test_result(status_is_number("exposed_bytes", exposed(NULL)) &&
				 on == !!exposed(NULL), "status, bytes: as in debugfs\n");
}

/* Without PCIDs there is nothing to forget; with them a boot has dropped kernel pages. */
static void test_status_flushes(void)
{
	bool some = on && pti_cpuinfo("flags", "pcid");
	unsigned long forgotten;
	char *end;

	forgotten = strtoul(status_value("flushes/forgotten"), &end, 10);
	ksft_test_result(!*end && some == !!forgotten, "status, flushes: %lu forgotten\n",
			 forgotten);
}

/* Has the kernel what makes the directory?  */
static bool has_status(void)
{
	char line[512], name[256];
	bool found = false;
	FILE *f;

	f = fopen("/proc/kallsyms", "r");
	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%*s %*s %255s", name) == 1 &&
			!strcmp(name, "exposed_bytes_show");
	if (f)
		fclose(f);
	return found;
}

/* Nobody may write, and root not either who has changed the mode. */
static unsigned int writable_files(const char *path)
{
	unsigned int bad = 0;
	struct dirent *entry;
	char name[512];
	struct stat st;
	DIR *dir;
	int fd;

	dir = opendir(path);
	if (!dir)
		return 1;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (lstat(name, &st)) {
			bad++;
		} else if (S_ISDIR(st.st_mode)) {
			bad += writable_files(name);
		} else {
			bad += st.st_mode != (S_IFREG | 0444);
			fd = open(name, O_WRONLY);
			if (fd >= 0) {
				ksft_print_msg("%s can be opened for writing\n", name);
				bad++;
				close(fd);
			}
			/* A file that may be opened takes nothing either. */
			chmod(name, 0644);
			fd = open(name, O_WRONLY);
			if (fd >= 0) {
				bad += write(fd, "0\n", 2) != -1;
				close(fd);
			}
			chmod(name, 0444);
		}
	}
	closedir(dir);
	return bad;
}

static void test_status_read_only(void)
{
	unsigned int bad = writable_files(STATUS);

	ksft_test_result(!bad && !access(STATUS "/state", R_OK),
			 "status, read-only: %u can be written\n", bad);
}

static void test_status(void)
{
	if (access(STATUS, F_OK) && !has_status()) {
		unsigned int i;

		for (i = 0; i < 7; i++)
			ksft_test_result_skip("status: no " STATUS ", the kernel is without it\n");
		return;
	}
	test_status_mode();
	test_status_cpu();
	test_status_global();
	test_status_exposure();
	test_status_total();
	test_status_flushes();
	test_status_read_only();
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
	ksft_set_plan(12);
	test_flag(wanted);
	test_all_cpus();
	test_sysfs();
	test_log();
	test_odd_value();
	test_status();
	ksft_finished();
}
