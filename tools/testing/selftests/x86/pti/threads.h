/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * threads.h - threads, and which CPU they run on
 *
 * Waiting is done by looking at a flag: pthread_join() of a 32-bit libc needs
 * the old futex call, which not every kernel has.
 */
#ifndef PTI_SELFTEST_THREADS_H
#define PTI_SELFTEST_THREADS_H

#include <pthread.h>
#include <sched.h>
#include "common.h"

struct pti_thread {
	void (*run)(void *arg);
	void *arg;
	int done;
};

static inline void *pti_thread_body(void *ptr)
{
	struct pti_thread *t = ptr;

	t->run(t->arg);
	__atomic_store_n(&t->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static inline void pti_thread_start(struct pti_thread *t, void (*run)(void *),
				    void *arg)
{
	pthread_t id;

	t->run = run;
	t->arg = arg;
	t->done = 0;
	if (pthread_create(&id, NULL, pti_thread_body, t) || pthread_detach(id))
		ksft_exit_fail_msg("no thread\n");
}

static inline void pti_thread_wait(struct pti_thread *t)
{
	while (!__atomic_load_n(&t->done, __ATOMIC_ACQUIRE))
		usleep(500);
}

static inline int pti_cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN);
}

static inline bool pti_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set);
}

#endif /* PTI_SELFTEST_THREADS_H */
