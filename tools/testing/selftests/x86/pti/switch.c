// SPDX-License-Identifier: GPL-2.0-only
/*
 * switch - isolation switched on and off in the running system
 *
 * Root writes 0 or 1 to x86/pti_enabled in debugfs, while processes make system calls,
 * fault, trap, fork, map memory, use an LDT and I/O ports, opt out and in, and compare what
 * they get with what they have to. What was set up in one state is used in the other. The
 * state is asked of each file that has it; no two may differ. A kernel that keeps the switch
 * out has to say why.
 *
 * What it catches: an entry or exit that is of the other state; user memory that only one
 * of the page tables has, or that one of them does not execute; a status that lags behind;
 * a lock that somebody who was killed still holds; input that is taken for a number.
 */
#include <errno.h>
#include <sys/io.h>
#include <sys/klog.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "ldt.h"
#include "opt_out.h"
#include "threads.h"

#define ENABLED_FILE	"/sys/kernel/debug/x86/pti_enabled"
#define EXPOSED_FILE	"/sys/kernel/debug/x86/pti_exposure"
#define AUDIT_FILE	"/sys/kernel/debug/x86/pti_audit"
#define SYSFS	"/sys/devices/system/cpu/vulnerabilities/meltdown"
#define STATUS	"/sys/devices/system/cpu/pti"
#define PREFIX	"page tables isolation: "
#define NOT_NOBODY	255		/* no errno */

static bool affected;
static int at_boot;		/* the state of boot */
static char log_text[1 << 18];

/* What all processes of the load share. */
static struct shared {
	int stop;
	unsigned long rounds[16];
	char wrong[200];
} *shared;

static bool same(const char *path, const char *begin)
{
	char text[256];

	return pti_read_file(path, text, sizeof(text)) > 0 &&
	       !strncmp(text, begin, strlen(begin));
}

/* 0 or 1 from the file, -1 if it is neither. */
static int state(void)
{
	char text[8];

	if (pti_read_file(ENABLED_FILE, text, sizeof(text)) != 2 || text[1] != '\n' ||
	    (text[0] != '0' && text[0] != '1'))
		return -1;
	return text[0] - '0';
}

/* Write so many bytes in one go: 0, or the errno. */
static int put(const void *bytes, size_t count)
{
	int fd = open(ENABLED_FILE, O_WRONLY | O_CLOEXEC), error = 0;
	ssize_t got;

	if (fd < 0)
		return errno;
	got = write(fd, bytes, count);
	if (got < 0)
		error = errno;
	else if (got != count)
		error = EIO;
	close(fd);
	return error;
}

static int change(int on)
{
	return put(on ? "1\n" : "0\n", 2);
}

/* What all files say is that it is on, or off; else the name of one that does not. */
static const char *differs(int on)
{
	bool switched = on != at_boot;
	char text[2048];

	if (state() != on)
		return "pti_enabled";
	if (pti_on() != on)
		return "/proc/cpuinfo";
	if (!same(SYSFS, !affected ? "Not affected\n" : on ? "Mitigation: PTI\n" : "Vulnerable\n"))
		return SYSFS;
	if (!access(EXPOSED_FILE, F_OK) &&
	    !same(EXPOSED_FILE, on ? "isolation is on" : "isolation is off"))
		return "pti_exposure";
	if (!access(AUDIT_FILE, F_OK) &&
	    (pti_read_file(AUDIT_FILE, text, sizeof(text)) <= 0 ||
	     !strstr(text, on ? "\nisolation on " : "\nisolation off ") ||
	     !strstr(text, on ? "\nroot user" : "\nroot kernel")))
		return "pti_audit";
	if (!access(STATUS, F_OK) &&
	    (!same(STATUS "/state", on ? "on\n" : "off\n") ||
	     same(STATUS "/exposed_bytes", "0\n") != !on ||
	     same(STATUS "/reason", "switched at run time\n") != switched))
		return STATUS;
	return NULL;
}

static bool in_log(const char *text)
{
	int len = klogctl(3 /* read all */, log_text, sizeof(log_text) - 1);

	log_text[len > 0 ? len : 0] = 0;
	return strstr(log_text, text);
}

/* Does boot keep pairs of page tables, as the command line has it? The last word wins. */
static bool pairs_expected(bool *locked)
{
	const char *mitigations = pti_bootparam("mitigations");
	static char line[4096];
	bool pairs = affected;
	char *word, *save;

	*locked = false;
	if (pti_read_file("/proc/cmdline", line, sizeof(line)) < 0)
		ksft_exit_skip("no /proc/cmdline\n");
	for (word = strtok_r(line, PTI_BLANKS, &save); word;
	     word = strtok_r(NULL, PTI_BLANKS, &save)) {
		if (!strcmp(word, "nopti") || !strcmp(word, "pti=off"))
			pairs = false;
		else if (!strncmp(word, "pti=on", 6) || !strcmp(word, "pti=off,switchable") ||
			 !strcmp(word, "pti=auto,switchable"))
			pairs = true;
		else if (!strncmp(word, "pti=auto", 8))
			pairs = affected;
		else
			continue;
		*locked = strstr(word, ",lock");
	}
	return pairs && !(mitigations && !strcmp(mitigations, "off"));
}

/* A kernel that refuses: by the right errno, with a line in the log, and nothing changes. */
static void test_refused(int error, const char *why)
{
	int was = state(), on, got;
	char text[128];

	for (on = 0; on < 2; on++) {
		got = change(on);
		ksft_test_result(got == error && state() == was, "refused %d: %s\n", on,
				 strerror(got));
	}
	snprintf(text, sizeof(text), "cannot be switched on by switch_64[%d] (%s", getpid(), why);
	ksft_test_result(in_log(text), "the log says why: %s\n", why);
	ksft_finished();
}

static void test_states(void)
{
	const char *other = NULL;
	unsigned long n;
	char text[80];
	int error = 0;

	for (n = 0; n < 6 && !error && !other; n++) {
		error = change(n % 2);
		other = differs(n % 2);
	}
	ksft_test_result(!error && !other, "states agree: %s\n",
			 error ? strerror(error) : other ?: "all");

	snprintf(text, sizeof(text), PREFIX "switched off by switch_64[%d]", getpid());
	change(0);
	ksft_test_result(in_log(text), "the log has who did it\n");
	ksft_test_result(!change(0) && !differs(0) && !change(1) && !change(1) && !differs(1),
			 "the same once more is no change\n");
}

static void test_bad_input(void)
{
	static const char * const bad[] = {
		"2", "-1", "00", "01", "11", "1\n\n", "on", "y", " 1", "1 ", "0x1", "\n", "\n1",
		"18446744073709551617", "1\r", "9", "a",
	};
	static char huge[1 << 16];
	int on, fd, wrong = 0;
	unsigned int i;

	memset(huge, '1', sizeof(huge));
	for (on = 0; on < 2; on++) {
		change(on);
		for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
			if (put(bad[i], strlen(bad[i])) != EINVAL) {
				ksft_print_msg("%s is taken\n", bad[i]);
				wrong++;
			}
		wrong += put("1", 0) != EINVAL;
		wrong += put("1", 2) != EINVAL;		/* a byte of 0 behind it */
		wrong += put(huge, sizeof(huge)) != EINVAL;
		wrong += put(NULL, 2) != EFAULT;
		wrong += put((void *)-4096L, 2) != EFAULT;
		fd = open(ENABLED_FILE, O_WRONLY | O_CLOEXEC);
		wrong += pwrite(fd, on ? "0" : "1", 1, 1) != -1 || errno != EINVAL;
		close(fd);
		wrong += !!differs(on);
	}
	ksft_test_result(!wrong, "bad input: %d wrong answers\n", wrong);
}

static int child_errno(int (*call)(int fd), int fd)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(call(fd));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static int open_as_nobody(int fd)
{
	if (setuid(65534))
		return NOT_NOBODY;
	return open(ENABLED_FILE, O_RDONLY) < 0 ? errno : 0;
}

static int write_as_nobody(int fd)
{
	if (setuid(65534))
		return NOT_NOBODY;
	return write(fd, "0", 1) < 0 ? errno : 0;
}

static void test_rights(void)
{
	int fd = open(ENABLED_FILE, O_WRONLY | O_CLOEXEC), opened, written;

	change(1);
	opened = child_errno(open_as_nobody, fd);
	written = child_errno(write_as_nobody, fd);
	close(fd);
	ksft_test_result(opened == EACCES && written == EPERM && !differs(1),
			 "others: open %s, write %s\n", strerror(opened), strerror(written));
}

/* The load: each returns NULL, or what is wrong. */

static const char *load_calls(void)
{
	pid_t self = getpid(), got;
	unsigned int i;

	for (i = 0; i < 200; i++) {
		if (syscall(SYS_getpid) != self)
			return "getpid() by SYSCALL";
		/* 20 is its number for 32-bit programs; a kernel without them says no */
		asm volatile("int $0x80" : "=a" (got) : "0" (20) :
			     "r8", "r9", "r10", "r11", "memory");
		if (got != self && got > 0)
			return "getpid() by int $0x80";
	}
	return NULL;
}

static const char *load_memory(void)
{
	const unsigned int pages = 64;
	unsigned long *p = mmap(NULL, pages * PTI_PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long value = pti_random();
	const char *wrong = NULL;
	unsigned int i;

	if (p == MAP_FAILED)
		return NULL;
	for (i = 0; i < pages; i++)
		p[i * 512] = value + i;
	for (i = 0; i < pages; i++)
		if (p[i * 512] != value + i)
			wrong = "memory";
	munmap(p, pages * PTI_PAGE);
	return wrong;
}

static const char *load_fork(void)
{
	int status;
	pid_t pid;

	pid = fork();
	if (!pid)
		_exit(getppid() ? 42 : 1);
	if (pid < 0)
		return NULL;
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 42)
		return "fork()";
	return NULL;
}

/* The descriptor is of another state than the load, as often as not. */
static const char *load_ldt(void)
{
	static unsigned int *word;
	unsigned int i, value = pti_random();

	if (!word) {
		word = mmap(NULL, PTI_PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
		if (word == MAP_FAILED)
			return "mmap()";
	}
	*word = value;
	if (ldt_write(ldt_desc(value % 700, word, LDT_DATA)))
		return NULL;
	for (i = 0; i < 50; i++)
		if (ldt_load(value % 700) != value)
			return "LDT";
	return NULL;
}

/* Reads of a port that nothing decodes; the CPU looks at the bitmap each time. */
static const char *load_ports(void)
{
	unsigned int i;

	if (ioperm(0x80, 1, 1))
		return NULL;
	for (i = 0; i < 50; i++)
		inb(0x80);
	return ioperm(0x80, 1, 0) ? "ioperm()" : NULL;
}

static unsigned long traps;

static void count_trap(int sig, siginfo_t *si, void *ctx)
{
	__atomic_fetch_add(&traps, 1, __ATOMIC_SEQ_CST);
}

static const char *load_traps(void)
{
	unsigned long was = __atomic_load_n(&traps, __ATOMIC_SEQ_CST);

	pti_handle(SIGTRAP, count_trap, 0);
	asm volatile("int3" : : : "memory");
	/* From the instruction behind POPF to that behind the second one */
	asm volatile("lea -128(%%rsp), %%rsp\n\tpushf\n\torl $0x100, (%%rsp)\n\tpopf\n\tnop\n\t"
		     "pushf\n\tandl $~0x100, (%%rsp)\n\tpopf\n\tlea 128(%%rsp), %%rsp"
		     : : : "memory", "cc");
	return __atomic_load_n(&traps, __ATOMIC_SEQ_CST) - was >= 4 ? NULL : "traps";
}

/* On the kernel page table and back, where the kernel lets a process do that. */
static const char *load_opted_out(void)
{
	const char *wrong;

	if (opt_get() < 0)
		return NULL;
	if (opt_set(PR_SPEC_ENABLE))
		return "opting out";
	wrong = load_calls() ?: load_traps() ?: load_memory();
	return opt_set(PR_SPEC_DISABLE) ? "opting in" : wrong ?: load_calls();
}

static const struct {
	const char *name;
	const char *(*round)(void);
} loads[] = {
	{ "calls", load_calls }, { "memory", load_memory }, { "fork", load_fork },
	{ "ldt", load_ldt }, { "ports", load_ports }, { "traps", load_traps },
	{ "opted out", load_opted_out },
};

#define NR_LOADS	(sizeof(loads) / sizeof(*loads))

static void load_process(unsigned int nr)
{
	const char *wrong = NULL;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!wrong && !__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
		wrong = loads[nr].round();
		shared->rounds[nr]++;
	}
	if (wrong)
		snprintf(shared->wrong, sizeof(shared->wrong), "%s", wrong);
	_exit(!!wrong);
}

/* Is all as it is for a process that is opted out, or is not? Its CPU is its own. */
static const char *opted_out_differs(bool out, bool on)
{
	unsigned long head = opt_head();
	char text[64];

	if (!opt_status("/proc/self/status", text, sizeof(text)) ||
	    strcmp(text, out ? "opted-out" : on ? "isolated" : "off"))
		return "/proc/self/status";
	if (!access(STATUS, F_OK) && !same(STATUS "/opted_out", out ? "1\n" : "0\n"))
		return STATUS "/opted_out";
	if (head && head != pti_symbol(!on ? "entry_SYSCALL_64" : out ? "opted_out_SYSCALL_64" :
				       "isolated_SYSCALL_64"))
		return "LSTAR";
	return load_calls() ?: load_traps() ?: load_memory();
}

/* The request comes in one state; what came of it has to hold in the other, and back. */
static int opt_in_each_state(int fd)
{
	const char *wrong = NULL;
	int i, k;

	pti_pin(0);
	for (i = 0; i < 16 && !wrong; i++) {
		bool out = !(i & 1);
		int on = i >> 1 & 1;

		change(on);
		if (opt_set(out ? PR_SPEC_ENABLE : PR_SPEC_DISABLE))
			wrong = "prctl";
		for (k = 0; k < 3 && !wrong; k++, on = !on) {
			change(on);
			wrong = opted_out_differs(out, on);
		}
		if (wrong)
			ksft_print_msg("%d: %s, %s: %s\n", i, out ? "opted out" : "isolated",
				       on ? "on" : "off", wrong);
	}
	return !!wrong;
}

static void test_opted_out(void)
{
	const char *name = "opted out in one state, and still in the other";

	if (opt_sysctl("1"))
		ksft_test_result_skip("%s: this kernel lets nobody opt out\n", name);
	else
		ksft_test_result(!child_errno(opt_in_each_state, -1), "%s\n", name);
	change(1);
}

/* All of the load runs, and gets on in each state before there is the next. */
static void test_load(unsigned long switches)
{
	unsigned long n, waited, begun[NR_LOADS];
	const char *other = NULL;
	pid_t pids[NR_LOADS];
	int error = 0, status;
	unsigned int i;

	shared->stop = 0;
	for (i = 0; i < NR_LOADS; i++) {
		pids[i] = fork();
		if (!pids[i])
			load_process(i);
	}
	for (n = 0; n < switches && !error && !other && !*shared->wrong; n++) {
		error = change(n % 2);
		if (n % 16 == 0)
			other = differs(n % 2);
		/* Every eighth state is one in which each load has a round from begin to end. */
		memcpy(begun, shared->rounds, sizeof(begun));
		for (i = 0, waited = 0; n % 8 == 0 && i < NR_LOADS && waited < 20000; waited++) {
			if (shared->rounds[i] - begun[i] >= 2)
				i++;
			else
				usleep(500);
		}
	}
	shared->stop = 1;
	for (i = 0; i < NR_LOADS; i++) {
		if (waitpid(pids[i], &status, 0) != pids[i] || status)
			ksft_print_msg("%s ended with %x\n", loads[i].name, status);
		if (status && !*shared->wrong)
			snprintf(shared->wrong, sizeof(shared->wrong), "%s died", loads[i].name);
		ksft_print_msg("%s: %lu rounds\n", loads[i].name, shared->rounds[i]);
	}
	ksft_test_result(!error && !other && !*shared->wrong, "%lu switches under load: %s\n", n,
			 error ? strerror(error) : other ?: *shared->wrong ? shared->wrong :
			 "all that ran is right");
	change(1);
}

/* What one state has set up is used in the other, by a process that changes it itself. */
static void test_across(void)
{
	unsigned long *page;
	const char *wrong = NULL;
	unsigned int word, *low;
	int on;

	low = mmap(NULL, PTI_PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (low == MAP_FAILED)
		ksft_exit_fail_perror("mmap");
	for (on = 0; on < 2 && !wrong; on++) {
		change(!on);
		*low = word = pti_random();
		/* A slot of the root that nothing else has */
		page = mmap((void *)(0x100000000000UL + on * 0x10000000000UL), PTI_PAGE,
			    PROT_READ | PROT_WRITE | PROT_EXEC,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		if (page == MAP_FAILED)
			ksft_exit_fail_perror("mmap");
		*(unsigned char *)page = 0xc3;			/* RET */
		if (ldt_write(ldt_desc(600 + on, low, LDT_DATA)) || ioperm(0x80, 1, 1))
			ksft_exit_fail_perror("modify_ldt or ioperm");
		change(on);
		((void (*)(void))page)();
		if (ldt_load(600 + on) != word)
			wrong = "LDT";
		inb(0x80);
		munmap(page, PTI_PAGE);
		ioperm(0x80, 1, 0);
	}
	ksft_test_result(!wrong, "what is from before the switch: %s\n",
			 wrong ?: "memory, LDT and ports");
}

static pthread_barrier_t gate;

static void *caller(void *arg)
{
	long on = (long)arg % 2;

	pthread_barrier_wait(&gate);
	return (void *)(long)change(on);
}

/* So many at once: each succeeds, and there is one state at the end. */
static void test_callers(unsigned long callers)
{
	pthread_t *ids = calloc(callers, sizeof(*ids));
	unsigned long i, started = 0, failed = 0;
	pthread_attr_t attr;
	void *error;
	int on;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 32 * 1024);
	pthread_barrier_init(&gate, NULL, callers + 1);
	for (i = 0; i < callers; i++)
		started += !pthread_create(&ids[i], &attr, caller, (void *)i);
	if (started != callers)
		ksft_exit_fail_msg("%lu of %lu threads\n", started, callers);
	pthread_barrier_wait(&gate);
	for (i = 0; i < callers; i++) {
		pthread_join(ids[i], &error);
		failed += !!error;
	}
	free(ids);
	on = state();
	ksft_test_result(!failed && on >= 0 && !differs(on),
			 "%lu callers at once: %lu failed, the state is %d\n", callers, failed, on);
}

/* Killed wherever they are, they leave one state, and the next one is served. */
static void test_killed(unsigned long rounds)
{
	const char *other = NULL;
	unsigned long n;
	int i, status, error = 0;
	pid_t pids[4];

	for (n = 0; n < rounds && !error && !other; n++) {
		for (i = 0; i < 4; i++) {
			pids[i] = fork();
			if (pids[i])
				continue;
			for (;;) {
				change(0);
				change(1);
			}
		}
		usleep(pti_random() % 20000);
		for (i = 0; i < 4; i++)
			kill(pids[i], SIGKILL);
		for (i = 0; i < 4; i++)
			waitpid(pids[i], &status, 0);
		other = differs(state());
		error = change(n % 2);
		other = other ?: differs(n % 2);
	}
	ksft_test_result(!error && !other, "killed in the middle, %lu times 4: %s\n", n,
			 error ? strerror(error) : other ?: "one state each time");
}

int main(int argc, char **argv)
{
	bool locked, pairs;

	pti_start(argc, argv);
	if (access(ENABLED_FILE, F_OK))
		ksft_exit_skip("no x86/pti_enabled in debugfs\n");
	affected = pti_cpuinfo("bugs", "cpu_meltdown");
	at_boot = state() != same(STATUS "/reason", "switched at run time\n");
	pairs = pairs_expected(&locked);
	if (!pairs || locked) {
		ksft_set_plan(3);
		test_refused(pairs ? EPERM : EOPNOTSUPP, pairs ? "locked" : "");
	}

	ldt_need();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		ksft_exit_fail_perror("mmap");
	ksft_set_plan(10);
	test_states();
	test_bad_input();
	test_rights();
	test_across();
	test_opted_out();
	test_load(pti_rounds(100));
	test_callers(pti_rounds(1000));
	test_killed(pti_rounds(40) / 2 + 1);
	change(1);
	ksft_finished();
}
