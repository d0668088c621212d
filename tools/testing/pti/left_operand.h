/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether bytes of text are an address that an instruction has (left_operand.c).
 */
#ifndef PTI_LEFT_OPERAND_H
#define PTI_LEFT_OPERAND_H

#include <stdbool.h>
#include <stddef.h>

bool left_is_operand(const unsigned char *code, size_t size, size_t at);

#endif
