/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Client of gdb's remote protocol, as QEMU's gdbstub speaks it: what the outside
 * walker and the sweep share.
 */
#ifndef PTI_WALK_REMOTE_H
#define PTI_WALK_REMOTE_H

#include "walk.h"

#define REMOTE_ANSWER_MS	20000
#define REMOTE_MAX_REGS		96
#define REMOTE_MAX_BYTES	2048	/* of all registers */

/* One register, where it stands in an answer to "g" */
struct remote_reg {
	char name[16];
	unsigned int at, size;	/* bytes */
};

struct remote {
	int fd;
	int wake;		/* what can be read when no more is to be waited, or -1 */
	bool said_exit;		/* the guest has ended, and QEMU has said so */
	bool no_ack;		/* the next packet says that the answer has come */
	unsigned int posted;	/* packets of which the answer is not read yet */
	struct remote_reg reg[REMOTE_MAX_REGS];
	int n_regs;
	char buf[8192];
	size_t have, used;
};

enum vm_result remote_open(struct remote *r, const char *where);
void remote_close(struct remote *r);
enum vm_result remote_send(struct remote *r, const char *data);
enum vm_result remote_post(struct remote *r, const char *data);
enum vm_result remote_interrupt(struct remote *r);
enum vm_result remote_read(struct remote *r, char *to, size_t size, int ms);
enum vm_result remote_ask(struct remote *r, const char *what, char *to, size_t size);
enum vm_result remote_monitor(struct remote *r, const char *cmd, char *out, size_t size);
enum vm_result remote_post_monitor(struct remote *r, const char *cmd);
bool remote_running(struct remote *r, enum vm_result *result);
int remote_reg(const struct remote *r, const char *name);
size_t remote_from_hex(const char *hex, void *to, size_t size);

#endif
