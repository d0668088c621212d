// SPDX-License-Identifier: GPL-2.0-only
/*
 * opt_out - who may run without isolation, and what fork, exec and threads make of it
 *
 * Each refusal of the policy, each way by which the state is passed on or lost, and
 * both changes at every time that a program can choose: among threads, from a vfork child,
 * in the middle of a system call, under a tracer, and over and over on a CPU that isolated
 * processes run on, too.  What the prctl says has to be what /proc says, and the
 * head that LSTAR leads to has to fit.
 *
 * What it catches: a CPU that goes on with the head of one mm under another (the run has
 * no end); a right that outlives a set-id exec, or that a child has which was not to
 * have it; a thread that is left out; registers lost by a system call that entered opted out and
 * left isolated, or the reverse.
 */
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include "opt_out.h"
#include "regs.h"
#include "threads.h"

#define CONTROL		PR_SPEC_PRCTL
#define STATE_OUT	(CONTROL | PR_SPEC_ENABLE)
#define STATE_IN	(CONTROL | PR_SPEC_DISABLE)
#define STATE_NEVER	(CONTROL | PR_SPEC_FORCE_DISABLE)
#define OTHER_UID	1000

static unsigned long head_in, head_out;	/* 0: cannot be told */
static bool heads_kept;			/* virtualisation is on, as long as KVM is there */

/* -- what a process finds out about itself ------------------------------------- */

static const char *status_of(long state)
{
	static char text[64];

	snprintf(text, sizeof(text), "%s%s%s%s", state & PR_SPEC_ENABLE ? "opted-out" : "isolated",
		 state & PR_SPEC_ENABLE_EXEC ? " exec" : "",
		 state & PR_SPEC_INHERIT ? " inherit" : "",
		 state & PR_SPEC_FORCE_DISABLE ? " never" : "");
	return text;
}

/* The state that all agree on, or -1. */
static long state_now(void)
{
	long state = opt_get();
	char text[64];

	if (!opt_status("/proc/thread-self/status", text, sizeof(text)))
		return -1;
	if (strcmp(text, status_of(state))) {
		ksft_print_msg("prctl says %lx, and /proc %s\n", state, text);
		return -1;
	}
	return state;
}

/* For a thread that is pinned. */
static bool head_fits(bool out)
{
	unsigned long head = opt_head();

	if (!head || !head_in)
		return true;
	if (head == (out && !heads_kept ? head_out : head_in))
		return true;
	ksft_print_msg("%s, and LSTAR is %lx\n", out ? "opted out" : "isolated", head);
	return false;
}

/* In 7 bits, for an exit code. */
static int encode(long state)
{
	return state < 0 ? 127 : state;
}

/* Run what says its state by its exit code; that again, @more times. */
static void exec_state(const char *path, const char *more)
{
	execl(path, path, "state", more, NULL);
	_exit(126);
}

static int wait_for(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		ksft_exit_fail_perror("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* What @test returns, in a child of its own. */
static int in_child(int (*test)(void))
{
	pid_t pid = fork();

	if (!pid)
		_exit(test());
	return wait_for(pid);
}

static bool expect(const char *what, long got, long wanted)
{
	if (got != wanted)
		ksft_print_msg("%s: %ld, and not %ld\n", what, got, wanted);
	return got == wanted;
}

/* -- refusals ---------------------------------------------------------------- */

static int sysctl_off(void)
{
	opt_sysctl("0");
	return 0;
}

static int drop_capability(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return errno;
	data[0].effective &= ~(1U << CAP_SYS_RAWIO);
	return syscall(SYS_capset, &header, data) ? errno : 0;
}

/* All capabilities, but in a namespace. */
static int other_namespace(void)
{
	return unshare(CLONE_NEWUSER) ? -1 : 0;
}

static int forbid(void)
{
	return opt_set(PR_SPEC_FORCE_DISABLE);
}

static int seccomp_refuses(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_SPECULATION_CTRL, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = ARRAY_SIZE(filter), .filter = filter };

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) ? -1 : 0;
}

static int thread_stop;

static void idle_thread(void *arg)
{
	while (!__atomic_load_n(&thread_stop, __ATOMIC_ACQUIRE))
		usleep(1000);
}

static int have_thread(void)
{
	static struct pti_thread t;

	pti_thread_start(&t, idle_thread, NULL);
	return 0;
}

static const struct refusal {
	const char *name;
	int (*before)(void);	/* less than 0: cannot be had here */
	int now, at_exec;	/* what the two requests end with */
} refusals[] = {
	{ "nothing",				NULL,			0,	0 },
	{ "the sysctl is 0",			sysctl_off,		EPERM,	EPERM },
	{ "no CAP_SYS_RAWIO",			drop_capability,	EPERM,	EPERM },
	{ "another user namespace",		other_namespace,	EPERM,	EPERM },
	{ "force-disabled",			forbid,			EPERM,	EPERM },
	{ "seccomp",				seccomp_refuses,	EXDEV,	EXDEV },
	{ "a second thread",			have_thread,		EBUSY,	0 },
};

static const struct refusal *refusal;
static unsigned long request;

static int refuse(void)
{
	int error;

	if (refusal->before) {
		error = refusal->before();
		if (error)
			return error < 0 ? 125 : 126;
	}
	error = opt_set(request);
	if (error ? opt_is_out() : opt_is_out() != !!(request & PR_SPEC_ENABLE))
		return 124;
	return error;
}

static void test_refusals(void)
{
	unsigned int i, inherit;

	for (i = 0; i < ARRAY_SIZE(refusals); i++) {
		bool good = true, skip = false;

		refusal = &refusals[i];
		for (inherit = 0; inherit < 2; inherit++) {
			unsigned long more = inherit ? PR_SPEC_INHERIT : 0;
			int got;

			opt_sysctl("1");
			request = PR_SPEC_ENABLE | more;
			got = in_child(refuse);
			skip |= got == 125;
			good &= skip || expect("now", got, refusal->now);
			opt_sysctl("1");
			request = PR_SPEC_ENABLE_EXEC | more;
			got = in_child(refuse);
			good &= skip || expect("at exec", got, refusal->at_exec);
		}
		opt_sysctl("1");
		if (skip)
			ksft_test_result_skip("refused by: %s: not in this kernel\n",
					      refusal->name);
		else
			ksft_test_result(good, "refused by: %s\n", refusal->name);
	}
}

/* A child that shares the mm is one more that would lose its isolation. */
static void test_refused_shared(void)
{
	static int error;
	pid_t pid;

	pid = vfork();
	if (!pid) {
		error = opt_set(PR_SPEC_ENABLE);
		_exit(0);
	}
	wait_for(pid);
	ksft_test_result(expect("a vfork child", error, EBUSY) && state_now() == STATE_IN,
			 "refused by: a shared mm\n");
}

static int bad_requests(void)
{
	static const unsigned long bad[] = {
		0, PR_SPEC_PRCTL, PR_SPEC_INHERIT, PR_SPEC_DISABLE_NOEXEC,
		PR_SPEC_ENABLE | PR_SPEC_DISABLE, PR_SPEC_ENABLE | PR_SPEC_ENABLE_EXEC,
		PR_SPEC_DISABLE | PR_SPEC_INHERIT, PR_SPEC_FORCE_DISABLE | PR_SPEC_INHERIT,
		1UL << 7, 1UL << 32 | PR_SPEC_ENABLE, ~0UL,
	};
	const int set = PR_SET_SPECULATION_CTRL, get = PR_GET_SPECULATION_CTRL;
	const int which = PR_SPEC_PAGE_TABLE_ISOLATION;
	bool good = true;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		good &= expect("bad request", opt_set(bad[i]), ERANGE);
	good &= expect("arg4", prctl(set, which, PR_SPEC_ENABLE, 1, 0) ? errno : 0, EINVAL);
	good &= expect("arg5", prctl(set, which, PR_SPEC_ENABLE, 0, 1) ? errno : 0, EINVAL);
	good &= expect("arg3", prctl(get, which, 1, 0, 0) < 0 ? errno : 0, EINVAL);
	good &= expect("no such", prctl(get, 4, 0, 0, 0) < 0 ? errno : 0, ENODEV);
	return !good || state_now() != STATE_IN;
}

static void test_sysctl(void)
{
	static const char * const bad[] = {
		"2", "-1", "x", "1x", "0x", "99999999999999999999", "\t-2\n",
	};
	bool good = true;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		opt_sysctl("0");
		good &= expect(bad[i], opt_sysctl(bad[i]), EINVAL);
		good &= expect("after it", opt_set(PR_SPEC_ENABLE_EXEC), EPERM);
	}
	opt_sysctl("1");
	ksft_test_result(good, "sysctl: bad values change nothing\n");
}

/* -- what passes it on ---------------------------------------------------------- */

/*
 * What to ask, then what a fork child finds, what one finds that executes something, and
 * what finds that which it executes in turn.
 */
static const struct passing {
	unsigned long request;
	long self, child, exec, exec2;
} passings[] = {
	{ PR_SPEC_DISABLE,			STATE_IN, STATE_IN, STATE_IN, STATE_IN },
	{ PR_SPEC_ENABLE,			STATE_OUT, STATE_IN, STATE_IN, STATE_IN },
	{ PR_SPEC_ENABLE | PR_SPEC_INHERIT,	STATE_OUT | PR_SPEC_INHERIT,
	  STATE_OUT | PR_SPEC_INHERIT, STATE_OUT | PR_SPEC_INHERIT, STATE_OUT | PR_SPEC_INHERIT },
	{ PR_SPEC_ENABLE_EXEC,			STATE_IN | PR_SPEC_ENABLE_EXEC,
	  STATE_IN, STATE_OUT, STATE_IN },
	{ PR_SPEC_ENABLE_EXEC | PR_SPEC_INHERIT, STATE_IN | PR_SPEC_ENABLE_EXEC | PR_SPEC_INHERIT,
	  STATE_IN | PR_SPEC_ENABLE_EXEC | PR_SPEC_INHERIT, STATE_OUT | PR_SPEC_INHERIT,
	  STATE_OUT | PR_SPEC_INHERIT },
	{ PR_SPEC_FORCE_DISABLE,		STATE_NEVER, STATE_NEVER, STATE_NEVER,
	  STATE_NEVER },
};

static const struct passing *passing;
static const char *executed = "/proc/self/exe", *more;

static int state_in_child(void)
{
	return encode(state_now());
}

static int state_in_exec(void)
{
	if (opt_set(passing->request))
		return 125;
	exec_state(executed, more);
	return 126;
}

static int pass_on(void)
{
	bool good;

	if (opt_set(passing->request))
		return 1;
	good = expect("itself", state_now(), passing->self);
	good &= expect("child", in_child(state_in_child), encode(passing->child));
	good &= expect("itself, with a child", state_now(), passing->self);
	return !good;
}

static void test_passing(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(passings); i++) {
		bool good;

		passing = &passings[i];
		good = !in_child(pass_on);
		more = "0";
		good &= expect("executed", in_child(state_in_exec), encode(passing->exec));
		more = "1";
		good &= expect("executed again", in_child(state_in_exec), encode(passing->exec2));
		ksft_test_result(good, "passed on: request %lx\n", passing->request);
	}
}

/* What was asked for is void once the administrator has changed his mind. */
static int withdrawn(void)
{
	bool good;
	pid_t pid;

	if (opt_set(PR_SPEC_ENABLE | PR_SPEC_INHERIT))
		return 1;
	opt_sysctl("0");
	good = expect("child", in_child(state_in_child), STATE_IN);
	pid = fork();
	if (!pid)
		exec_state(executed, "0");
	good &= expect("executed", wait_for(pid), STATE_IN);
	good &= expect("itself", state_now(), STATE_OUT | PR_SPEC_INHERIT);
	opt_sysctl("1");
	return !good;
}

/* As somebody else: with the right to ask from before, and none of the capabilities. */
static uid_t real_id, effective_id;
static const char *as_other_mode = "state";

static int exec_as_other(void)
{
	if (passing && opt_set(passing->request))
		return 125;
	if (setresgid(real_id, real_id, real_id) ||
	    setresuid(real_id, effective_id, effective_id))
		return 124;
	execl(executed, executed, as_other_mode, "0", NULL);
	return 126;
}

/* A copy of this program, of root's. */
static bool copy_self(const char *path, mode_t mode)
{
	static char buf[1 << 16];
	int from = open("/proc/self/exe", O_RDONLY);
	int to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (write(to, buf, n) != n)
			break;
	close(from);
	return n == 0 && !fchown(to, 0, 0) && !fchmod(to, mode) && !close(to);
}

/* Let it have a capability, as setcap(8) does. Returns 0, or why not. */
static int give_capability(const char *path)
{
	struct vfs_cap_data data = {
		.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
		.data[0].permitted = 1U << CAP_NET_RAW,
	};

	return setxattr(path, "security.capability", &data, sizeof(data), 0) ? errno : 0;
}

static const struct passing inherit_at_exec = { PR_SPEC_ENABLE_EXEC | PR_SPEC_INHERIT };

static void test_set_id(void)
{
	static const struct {
		const char *name;
		mode_t mode;
		uid_t real, effective;
		long wanted;
		bool capable;
	} copies[] = {
		{ "plain",		0755, OTHER_UID, OTHER_UID, STATE_OUT | PR_SPEC_INHERIT },
		{ "plain, by root",	0755, 0, 0, STATE_OUT | PR_SPEC_INHERIT },
		{ "set-uid",		S_ISUID | 0755, OTHER_UID, OTHER_UID, STATE_IN },
		{ "set-gid",		S_ISGID | 0755, OTHER_UID, OTHER_UID, STATE_IN },
		/* This gains nothing by what AT_SECURE has; the next one does, by nothing else. */
		{ "set-uid, by root",	S_ISUID | 0755, 0, OTHER_UID, STATE_IN },
		{ "plain, as somebody else", 0755, OTHER_UID, OTHER_UID + 1, STATE_IN },
		{ "capable",		0755, OTHER_UID, OTHER_UID, STATE_IN, true },
	};
	const char *path = "/tmp/opt_out.copy";
	unsigned int i;

	passing = &inherit_at_exec;
	for (i = 0; i < ARRAY_SIZE(copies); i++) {
		if (!copy_self(path, copies[i].mode)) {
			ksft_test_result_skip("executed: %s: no copy\n", copies[i].name);
			continue;
		}
		if (copies[i].capable && give_capability(path) == EOPNOTSUPP) {
			ksft_test_result_skip("executed: %s: no such attributes\n",
					      copies[i].name);
			unlink(path);
			continue;
		}
		executed = path;
		real_id = copies[i].real;
		effective_id = copies[i].effective;
		ksft_test_result(expect(copies[i].name, in_child(exec_as_other),
					encode(copies[i].wanted)),
				 "executed: %s\n", copies[i].name);
		executed = "/proc/self/exe";
		unlink(path);
	}
}

/* The one that executes has a user namespace that it is root of. */
static int state_in_other_namespace(void)
{
	if (opt_set(PR_SPEC_ENABLE | PR_SPEC_INHERIT))
		return 124;
	if (other_namespace())
		return 125;
	exec_state("/proc/self/exe", "0");
	return 126;
}

static void test_other_namespace(void)
{
	int state = in_child(state_in_other_namespace);

	if (state == 125)
		ksft_test_result_skip("executed: in another user namespace: none to be had\n");
	else
		ksft_test_result(expect("state", state, STATE_IN),
				 "executed: in another user namespace\n");
}

/* -- who can make it execute his code ------------------------------------------- */

/* Who is opted out dumps core for root alone; who dumped none before, still none. */
static int dumps(void)
{
	bool good = expect("before", prctl(PR_GET_DUMPABLE), 1) &&
		    !opt_set(PR_SPEC_ENABLE) && expect("opted out", prctl(PR_GET_DUMPABLE), 2);

	good &= !opt_set(PR_SPEC_DISABLE) && !prctl(PR_SET_DUMPABLE, 0) &&
		!opt_set(PR_SPEC_ENABLE) && expect("none before", prctl(PR_GET_DUMPABLE), 0);
	return !good;
}

static pid_t victim;

/* As another process of the victim's user. Returns how many of the ways are open. */
static int reach_victim(void)
{
	char path[40], byte = 0;
	struct iovec here = { &byte, 1 }, there = { (void *)&victim, 1 };
	int open_ways = 0, fd;

	if (setresgid(OTHER_UID, OTHER_UID, OTHER_UID) ||
	    setresuid(OTHER_UID, OTHER_UID, OTHER_UID))
		return 126;
	snprintf(path, sizeof(path), "/proc/%d/mem", victim);
	fd = open(path, O_RDWR);
	open_ways += fd >= 0;
	open_ways += process_vm_readv(victim, &here, 1, &there, 1, 0) == 1;
	if (!ptrace(PTRACE_ATTACH, victim, NULL, NULL)) {
		open_ways++;
		waitpid(victim, NULL, __WALL);
		ptrace(PTRACE_DETACH, victim, NULL, NULL);
	}
	return open_ways;
}

/* The ways to a process of another user that is opted out, or is not, for that user. */
static int ways_to(bool out)
{
	const char *path = "/tmp/opt_out.copy";
	char file[40], text[64] = "";
	int ways, tries;

	if (!copy_self(path, 0755))
		return 125;
	executed = path;
	real_id = OTHER_UID;
	effective_id = OTHER_UID;
	as_other_mode = "hold";
	passing = out ? &inherit_at_exec : NULL;
	victim = fork();
	if (!victim)
		_exit(exec_as_other());
	snprintf(file, sizeof(file), "/proc/%d/cmdline", victim);
	for (tries = 0; tries < 2000; tries++) {
		if (pti_read_file(file, text, sizeof(text)) > 0 && !strcmp(text, path))
			break;
		usleep(1000);
	}
	snprintf(file, sizeof(file), "/proc/%d/status", victim);
	if (!opt_status(file, text, sizeof(text)) ||
	    strcmp(text, out ? "opted-out inherit" : "isolated"))
		ways = 124;
	else
		ways = in_child(reach_victim);
	kill(victim, SIGKILL);
	waitpid(victim, NULL, 0);
	unlink(path);
	return ways;
}

static int not_traced(void)
{
	return !expect("ways to an isolated process", ways_to(false), 3) ||
	       !expect("ways to one that is opted out", ways_to(true), 0);
}

/* It may be force-disabled by what it executes; and what was opted out can be isolated. */
static int forbid_later(void)
{
	bool good;

	good = !opt_set(PR_SPEC_ENABLE | PR_SPEC_INHERIT) &&
	       state_now() == (STATE_OUT | PR_SPEC_INHERIT);
	good &= !opt_set(PR_SPEC_FORCE_DISABLE) && state_now() == STATE_NEVER;
	good &= expect("again", opt_set(PR_SPEC_ENABLE), EPERM);
	good &= expect("disabled", opt_set(PR_SPEC_DISABLE), 0) && state_now() == STATE_NEVER;
	return !good;
}

/* -- who shares the mm ------------------------------------------------------- */

#define SHARERS	3

static struct sharer {
	struct pti_thread thread;
	int cpu;
	unsigned long rounds;
	bool same, seen_in;
} sharers[SHARERS];

static int sharers_stop;

/* System calls without end, with the thread-local state that the process has. */
static void share(void *arg)
{
	struct sharer *s = arg;
	long parent = getppid();

	pti_pin(s->cpu);
	s->same = true;
	while (!__atomic_load_n(&sharers_stop, __ATOMIC_ACQUIRE)) {
		s->same &= getppid() == parent;
		s->rounds++;
		if (!(s->rounds % 64))
			s->seen_in |= !opt_is_out();
	}
}

static void share_start(void)
{
	unsigned int i;

	__atomic_store_n(&sharers_stop, 0, __ATOMIC_RELEASE);
	for (i = 0; i < SHARERS; i++) {
		memset(&sharers[i], 0, sizeof(sharers[i]));
		sharers[i].cpu = i % pti_cpus();
		pti_thread_start(&sharers[i].thread, share, &sharers[i]);
	}
}

static bool share_end(void)
{
	bool good = true;
	unsigned int i;

	__atomic_store_n(&sharers_stop, 1, __ATOMIC_RELEASE);
	for (i = 0; i < SHARERS; i++) {
		pti_thread_wait(&sharers[i].thread);
		good &= sharers[i].same;
	}
	return good;
}

/* Threads have the state of the process, and all lose it at once. */
static int threads_share(void)
{
	unsigned long i, n = pti_rounds(200) / 10 + 1;
	bool good = true;

	for (i = 0; good && i < n; i++) {
		unsigned int k;

		/* The threads of the last round may not all be gone. */
		while (opt_set(PR_SPEC_ENABLE) == EBUSY)
			usleep(100);
		share_start();
		usleep(2000);
		for (k = 0; k < SHARERS; k++)
			good &= !__atomic_load_n(&sharers[k].seen_in, __ATOMIC_RELAXED);
		good &= expect("ask again among threads", opt_set(PR_SPEC_ENABLE), 0);
		good &= !opt_set(PR_SPEC_DISABLE) && state_now() == STATE_IN;
		usleep(2000);
		good &= share_end();
		/* Alone again, but for threads on their way out. */
	}
	return !good;
}

/* One isolates them all; none of the others, whatever they ask meanwhile, undoes that. */
static int askers_stop, asked_wrongly;

static void ask(void *arg)
{
	while (!__atomic_load_n(&askers_stop, __ATOMIC_ACQUIRE)) {
		int error = opt_set(PR_SPEC_ENABLE | (arg ? PR_SPEC_INHERIT : 0));

		if (error && error != EBUSY)
			__atomic_store_n(&asked_wrongly, error, __ATOMIC_RELEASE);
	}
	/* Nor has it anything to hand on. */
	if (opt_get() != STATE_IN)
		__atomic_store_n(&asked_wrongly, -1, __ATOMIC_RELEASE);
}

static int all_ask(void)
{
	unsigned long i, n = pti_rounds(200) / 10 + 10;
	struct pti_thread askers[SHARERS];
	bool good = true;

	for (i = 0; good && i < n; i++) {
		unsigned int k;

		while (opt_set(PR_SPEC_ENABLE) == EBUSY)
			usleep(100);
		__atomic_store_n(&askers_stop, 0, __ATOMIC_RELEASE);
		for (k = 0; k < SHARERS; k++)
			pti_thread_start(&askers[k], ask, k ? &askers[k] : NULL);
		usleep(2000);
		good &= expect("isolated", opt_set(PR_SPEC_DISABLE), 0);
		usleep(2000);
		good &= state_now() == STATE_IN;
		__atomic_store_n(&askers_stop, 1, __ATOMIC_RELEASE);
		for (k = 0; k < SHARERS; k++)
			pti_thread_wait(&askers[k]);
	}
	return !good || asked_wrongly;
}

/* What is inherited is void for all threads of a process that one of them isolates. */
static int isolated_now, sleeps;

static void execute_when_isolated(void *arg)
{
	pti_pin(pti_cpus() - 1);
	while (!__atomic_load_n(&isolated_now, __ATOMIC_ACQUIRE)) {
		if (sleeps)
			usleep(5000);
		else
			sched_yield();
	}
	exec_state(executed, "0");
}

static int thread_executes(void)
{
	struct pti_thread t;

	if (opt_set(PR_SPEC_ENABLE | PR_SPEC_INHERIT))
		return 125;
	pti_pin(0);
	pti_thread_start(&t, execute_when_isolated, NULL);
	usleep(2000);
	if (opt_set(PR_SPEC_DISABLE))
		return 124;
	__atomic_store_n(&isolated_now, 1, __ATOMIC_RELEASE);
	for (;;)
		pause();
}

static int isolated_and_executed(void)
{
	bool good = true;

	for (sleeps = 0; sleeps < 2; sleeps++)
		good &= expect(sleeps ? "it slept" : "it ran", in_child(thread_executes), STATE_IN);
	return !good;
}

static int vfork_shares(void)
{
	static long before, after;
	bool good;
	pid_t pid;

	if (opt_set(PR_SPEC_ENABLE))
		return 1;
	pid = vfork();
	if (!pid) {
		before = opt_get();
		opt_set(PR_SPEC_DISABLE);
		after = opt_get();
		_exit(0);
	}
	wait_for(pid);
	good = expect("the child", before, STATE_OUT) &&
	       expect("disabled there", after, STATE_IN) &&
	       expect("the parent", state_now(), STATE_IN);

	/* What a vfork child executes is something else. */
	good &= !opt_set(PR_SPEC_ENABLE);
	pid = vfork();
	if (!pid)
		exec_state(executed, "0");
	good &= expect("executed by one", wait_for(pid), STATE_IN) &&
		expect("its parent", state_now(), STATE_OUT);
	return !good;
}

/* -- fork() while another thread isolates the process ---------------------------- */

static int fork_now, fork_result;

/* What the child has is isolated, whatever fork() copied when. It may hang: wait with a limit. */
static void fork_when_told(void *arg)
{
	int status, left = 10000;
	pid_t pid;

	pti_pin(pti_cpus() - 1);
	while (!__atomic_load_n(&fork_now, __ATOMIC_ACQUIRE))
		if (pti_cpus() == 1)
			sched_yield();
	pid = fork();
	if (!pid)
		_exit(opt_is_out());
	while (!waitpid(pid, &status, WNOHANG) && --left)
		usleep(1000);
	if (!left) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		status = -1;
	}
	__atomic_store_n(&fork_result, status, __ATOMIC_RELEASE);
}

/* The moment is met seldom: more rounds than others have. */
static int fork_against_opt_in(void)
{
	unsigned long i, n = 5 * pti_rounds(40);
	struct pti_thread t;
	bool good = true;

	for (i = 0; good && i < n; i++) {
		unsigned int k;

		while (opt_set(PR_SPEC_ENABLE) == EBUSY)
			usleep(100);
		__atomic_store_n(&fork_now, 0, __ATOMIC_RELEASE);
		pti_thread_start(&t, fork_when_told, NULL);
		usleep(500);
		__atomic_store_n(&fork_now, 1, __ATOMIC_RELEASE);
		for (k = 0; k < i * 997 % 20000; k++)
			asm volatile("");
		good &= !opt_set(PR_SPEC_DISABLE) && state_now() == STATE_IN;
		pti_thread_wait(&t);
		good &= expect("the child", fork_result, 0);
	}
	return !good;
}

/* -- in the middle of a system call ------------------------------------------- */

static int pipe_fds[2];

static void isolate_then_write(void *arg)
{
	usleep(20000);
	opt_set(PR_SPEC_DISABLE);
	if (write(pipe_fds[1], "x", 1) != 1)
		ksft_exit_fail_perror("write");
}

/* read() with all registers marked: enters opted out, sleeps, and returns isolated. */
static int middle_of_read(void)
{
	static struct pti_thread t;
	static char byte;
	bool good = true;
	unsigned int i;

	if (pipe(pipe_fds))
		return 1;
	pti_pin(0);
	regs_gs_set();
	for (i = 0; good && i < 10; i++) {
		while (opt_set(PR_SPEC_ENABLE) == EBUSY)
			usleep(100);
		good &= head_fits(true);
		pti_thread_start(&t, isolate_then_write, NULL);
		regs_markers();
		regs_in[REG_RAX] = SYS_read;
		regs_in[REG_RDI] = pipe_fds[0];
		regs_in[REG_RSI] = (long)&byte;
		regs_in[REG_RDX] = 1;
		regs_run(site_syscall);
		good &= expect("read", regs_out[REG_RAX], 1);
		good &= regs_same("read", regs_out, REG_BIT(REG_RAX) | REG_BIT(REG_RCX) |
				  REG_BIT(REG_R11)) && regs_gs_same("read");
		good &= expect("rcx", regs_out[REG_RCX], (long)site_syscall_end);
		good &= state_now() == STATE_IN && head_fits(false);
		pti_thread_wait(&t);
	}
	return !good;
}

/* The request itself is a system call: its registers, both ways. */
static int own_requests(void)
{
	static const unsigned long requests[] = { PR_SPEC_ENABLE, PR_SPEC_DISABLE };
	unsigned long i, n = pti_rounds(2000);
	bool good = true;

	pti_pin(0);
	regs_gs_set();
	for (i = 0; good && i < n; i++) {
		unsigned long asked = requests[i % 2];

		regs_markers();
		regs_in[REG_RAX] = SYS_prctl;
		regs_in[REG_RDI] = PR_SET_SPECULATION_CTRL;
		regs_in[REG_RSI] = PR_SPEC_PAGE_TABLE_ISOLATION;
		regs_in[REG_RDX] = asked;
		regs_in[REG_R10] = 0;
		regs_in[REG_R8] = 0;
		regs_run(site_syscall);
		good &= expect("prctl", regs_out[REG_RAX], 0);
		good &= regs_same("prctl", regs_out, REG_BIT(REG_RAX) | REG_BIT(REG_RCX) |
				  REG_BIT(REG_R11)) && regs_gs_same("prctl");
		if (i < 20)
			good &= head_fits(asked == PR_SPEC_ENABLE);
	}
	ksft_print_msg("%lu requests\n", i);
	return !good;
}

/* -- while there are virtual machines -------------------------------------------- */

/* KVM may write LSTAR at any time, and writes what it was for everybody. */
static void test_kvm(void)
{
	const char *name = "virtual machines keep LSTAR as it was";
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm;
	bool good;
	pid_t pid;

	vm = kvm < 0 ? -1 : ioctl(kvm, 0xae01 /* KVM_CREATE_VM */, 0);
	if (vm < 0 || !opt_head()) {
		ksft_test_result_fail("%s: no virtual machine\n", name);
		return;
	}
	pid = fork();
	if (!pid) {
		good = !opt_set(PR_SPEC_ENABLE) && head_fits(false) && state_now() == STATE_OUT;
		sched_yield();
		good &= head_fits(false);
		close(vm);
		close(kvm);
		_exit(!good);
	}
	good = expect("opted out beside one", wait_for(pid), 0);
	close(vm);
	close(kvm);
	pid = fork();
	if (!pid)
		_exit(opt_set(PR_SPEC_ENABLE) || !head_fits(true));
	good &= expect("opted out behind it", wait_for(pid), 0);
	ksft_test_result(good, "%s\n", name);
}

/* -- under a tracer ---------------------------------------------------------- */

static void traced(void)
{
	long pid = getpid();
	unsigned int i;

	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	if (opt_set(PR_SPEC_ENABLE))
		_exit(1);
	raise(SIGSTOP);
	for (i = 0; i < 20; i++)
		if (syscall(SYS_getpid) != (i % 2 ? pid : pid + 1))
			_exit(2);
	if (opt_set(PR_SPEC_DISABLE))
		_exit(3);
	_exit(state_now() == STATE_IN ? 0 : 4);
}

/* The tracer changes the result of each second getpid(), and rcx, which forbids SYSRET. */
static bool trace(pid_t pid)
{
	struct user_regs_struct regs;
	int status, nr = 0;
	bool inside = false;

	waitpid(pid, &status, 0);
	while (!ptrace(PTRACE_SYSCALL, pid, NULL, NULL) && waitpid(pid, &status, 0) == pid) {
		if (!WIFSTOPPED(status))
			return WIFEXITED(status) && expect("traced", WEXITSTATUS(status), 0);
		if (ptrace(PTRACE_GETREGS, pid, NULL, &regs))
			return false;
		inside = !inside;
		if (inside || regs.orig_rax != SYS_getpid)
			continue;
		if (!(nr++ % 2)) {
			regs.rax++;
			regs.rcx = 0x1234;
			ptrace(PTRACE_SETREGS, pid, NULL, &regs);
		}
		/* And a step or two, over the instruction behind the system call. */
		if (nr % 3 == 0) {
			ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
			waitpid(pid, &status, 0);
		}
	}
	return false;
}

static void test_traced(void)
{
	pid_t pid = fork();

	if (!pid)
		traced();
	ksft_test_result(trace(pid), "a tracer changes what system calls return\n");
}

/* -- beside isolated processes, on one CPU ------------------------------------- */

#define PROCESSES	4

static void on_alarm(int sig, siginfo_t *si, void *ctx)
{
}

/* Registers through SYSCALL and through being interrupted, in the one state and the other. */
static unsigned long *storm_changes;	/* what all of them share */

static int storm(unsigned int nr, unsigned long rounds)
{
	struct itimerval timer = { { 0, 1000 + 100 * nr }, { 0, 1000 } };
	long parent = getppid();
	bool good = true;
	unsigned long i;

	pti_pin(0);
	pti_altstack();
	pti_handle(SIGALRM, on_alarm, SA_ONSTACK | SA_RESTART);
	regs_gs_set();
	setitimer(ITIMER_REAL, &timer, NULL);
	for (i = 0; good && i < rounds; i++) {
		/* The first one never is, the last one always, the others now and then. */
		if (nr == PROCESSES - 1 ? !i : nr && !(i % nr)) {
			good &= !opt_set(nr < PROCESSES - 1 && opt_is_out() ? PR_SPEC_DISABLE :
									      PR_SPEC_ENABLE);
			__atomic_fetch_add(storm_changes, opt_is_out(), __ATOMIC_RELAXED);
		}
		regs_markers();
		regs_in[REG_RAX] = SYS_getppid;
		regs_run(site_syscall);
		good &= regs_out[REG_RAX] == parent &&
			regs_same("storm", regs_out, REG_BIT(REG_RAX) | REG_BIT(REG_RCX) |
				  REG_BIT(REG_R11)) && regs_gs_same("storm");
		if (!(i % 4))
			sched_yield();
		if (!(i % 128))
			good &= head_fits(opt_is_out());
	}
	return !good;
}

static void test_storm(void)
{
	unsigned long rounds = pti_rounds(20000);
	pid_t pid[PROCESSES];
	bool good = true;
	unsigned int i;

	storm_changes = mmap(NULL, PTI_PAGE, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (storm_changes == MAP_FAILED)
		ksft_exit_fail_perror("mmap");
	for (i = 0; i < PROCESSES; i++) {
		pid[i] = fork();
		if (!pid[i])
			_exit(storm(i, rounds));
	}
	for (i = 0; i < PROCESSES; i++)
		good &= expect("a process", wait_for(pid[i]), 0);
	/* Of those that ask, one does so each round: to be out each second time. */
	good &= *storm_changes >= rounds / 2;
	ksft_test_result(good, "opted out, isolated and changing on one CPU: opted out %lu times\n",
			 *storm_changes);
}

/* The audit of the kernel's shows all that such a process maps. */
static void test_audit(void)
{
	const char *name = "x86/pti_audit shows the root that user mode runs on";
	static char text[1 << 16];
	unsigned int i;
	bool good = true;

	for (i = 0; i < 2; i++) {
		good &= !opt_set(i ? PR_SPEC_DISABLE : PR_SPEC_ENABLE);
		if (pti_read_file("/sys/kernel/debug/x86/pti_audit", text, sizeof(text)) < 0) {
			opt_set(PR_SPEC_DISABLE);
			ksft_test_result_skip("%s: no such file\n", name);
			return;
		}
		good &= !!strstr(text, i ? "\nroot user\n" : "\nroot kernel\n");
	}
	ksft_test_result(good, "%s\n", name);
}

/* In sysfs, where the kernel has that. */
static long opted_out_now(void)
{
	char text[32];

	if (pti_read_file("/sys/devices/system/cpu/pti/opted_out", text, sizeof(text)) <= 0)
		return -1;
	return strtol(text, NULL, 10);
}

/* Each request, and a child that has its page tables of its own. */
static int counted(void)
{
	long before = opted_out_now();
	bool good = true;

	if (before < 0)
		return 0;
	good &= !opt_set(PR_SPEC_ENABLE) && expect("out", opted_out_now(), before + 1);
	good &= !opt_set(PR_SPEC_ENABLE) && expect("out again", opted_out_now(), before + 1);
	good &= !opt_set(PR_SPEC_DISABLE) && expect("in", opted_out_now(), before);
	good &= !opt_set(PR_SPEC_ENABLE_EXEC) && expect("at exec", opted_out_now(), before);
	good &= !opt_set(PR_SPEC_DISABLE) && expect("in again", opted_out_now(), before);
	return !good;
}

/* -- all of it ---------------------------------------------------------------- */

static const struct {
	const char *name;
	int (*run)(void);
} tests[] = {
	{ "bad requests",				bad_requests },
	{ "sysfs counts it",				counted },
	{ "the sysctl is asked at fork and exec",	withdrawn },
	{ "force-disabled while opted out",		forbid_later },
	{ "threads share it, and lose it at once",	threads_share },
	{ "asked by all threads at once",		all_ask },
	{ "isolated by one thread, executed by another", isolated_and_executed },
	{ "others of its user cannot trace it",		not_traced },
	{ "dumps core for root, or none",		dumps },
	{ "vfork shares it",				vfork_shares },
	{ "fork, while another thread isolates it",	fork_against_opt_in },
	{ "isolated in the middle of read()",		middle_of_read },
	{ "registers across the requests",		own_requests },
};

/* Where nobody may ask, all requests end with the same errno, and the sysctl stays. */
static void nobody_may(void)
{
	bool never = pti_bootparam("pti_opt_out") && !strcmp(pti_bootparam("pti_opt_out"), "never");
	char text[64];
	long state;

	if (pti_on() && !never)
		return;
	state = PR_SPEC_DISABLE;
	if (!pti_on())
		state = pti_cpuinfo("bugs", "cpu_meltdown") ? PR_SPEC_ENABLE : PR_SPEC_NOT_AFFECTED;
	ksft_set_plan(3);
	ksft_test_result(expect("state", opt_get(), state), "state\n");
	ksft_test_result(opt_set(PR_SPEC_ENABLE) == ENXIO &&
			 opt_set(PR_SPEC_ENABLE_EXEC) == ENXIO &&
			 opt_set(PR_SPEC_DISABLE) == ENXIO &&
			 opt_set(PR_SPEC_FORCE_DISABLE) == ENXIO &&
			 opt_sysctl("1") == (never ? EPERM : 0), "nobody can ask\n");
	ksft_test_result(opt_status("/proc/self/status", text, sizeof(text)) &&
			 !strcmp(text, pti_on() ? "isolated" : "off"), "status\n");
	ksft_finished();
}

int main(int argc, char **argv)
{
	unsigned int i;
	char text[64];
	bool has_kvm, storm_alone;

	if (argc == 3 && !strcmp(argv[1], "state")) {
		if (*argv[2] != '0')
			exec_state("/proc/self/exe", "0");
		return encode(state_now());
	}
	while (argc == 3 && !strcmp(argv[1], "hold"))
		pause();
	/* "opt_out storm COUNT": no more than that, and so often. */
	storm_alone = argc > 1 && !strcmp(argv[1], "storm");
	pti_start(argc - storm_alone, argv + storm_alone);
	if (opt_get() < 0)
		ksft_exit_skip("this kernel lets nobody opt out\n");
	nobody_may();
	opt_need();
	has_kvm = !access("/dev/kvm", F_OK);
	head_in = pti_symbol("isolated_SYSCALL_64");
	head_out = pti_symbol("opted_out_SYSCALL_64");
	if (storm_alone) {
		ksft_set_plan(1);
		opt_sysctl("1");
		test_storm();
		ksft_finished();
	}
	ksft_set_plan(ARRAY_SIZE(refusals) + ARRAY_SIZE(passings) + ARRAY_SIZE(tests) + 16 +
		      has_kvm);
	heads_kept = has_kvm &&
		     pti_read_file("/sys/module/kvm/parameters/enable_virt_at_load", text,
				   sizeof(text)) > 0 && *text == 'Y';
	pti_pin(0);
	ksft_test_result(opt_head() && head_in && head_out, "LSTAR can be read\n");
	opt_sysctl("1");
	ksft_test_result(state_now() == STATE_IN && head_fits(false), "isolated at first\n");
	ksft_test_result(opt_status("/proc/2/status", text, sizeof(text)) && !strcmp(text, "none"),
			 "a kernel thread has no state\n");
	test_refusals();
	test_refused_shared();
	test_sysctl();
	test_passing();
	test_set_id();
	test_other_namespace();
	for (i = 0; i < ARRAY_SIZE(tests); i++)
		ksft_test_result(!in_child(tests[i].run), "%s\n", tests[i].name);
	test_audit();
	if (has_kvm)
		test_kvm();
	test_traced();
	test_storm();
	ksft_finished();
}
