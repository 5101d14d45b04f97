/* SPDX-License-Identifier: GPL-2.0-only */
/* For the units that also build in user space, where tests and fuzzers run them. */
#ifndef TOA_PORTABLE_H
#define TOA_PORTABLE_H

#ifdef __KERNEL__
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/types.h>
#else
#include <linux/types.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
typedef __u8 u8;
typedef __u16 u16;
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#endif

#endif
