/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Capabilities: their names, the set a container has by default, and giving a process exactly one
 * set. */

#include <stdint.h>

#include "shared/error.h"

/* The number of a capability ("CAP_CHOWN", upper case). Return: 0 and up, or -EINVAL when there is
 * no such one. */
int capability_from_name(const char *name);

/* Return: the name, or NULL when there is no such number. */
const char *capability_to_name(int number);

/* What a container's root has when nothing is said: names, ended by NULL. */
extern const char *const capability_defaults[];

/* Makes a set (bit N for capability N) of names. NULL is the empty set.
 * Return: 0 or -EINVAL for an unknown name (error stage "capabilities"). */
int capability_set_parse(char *const *names, uint64_t *ret, Error *e);

/* Takes all but `set` from the bounding set. Needs CAP_SETPCAP in the user namespace.
 * Return: 0 or a negative errno. */
int capability_limit_bounding(uint64_t set);

/* Makes `set` the permitted and effective set, and empties the inheritable and the ambient set
 * (CVE-2022-24769, CVE-2022-29162). A process with another uid than 0 gets the empty set from
 * execve(2) in any case, but what it executes must not inherit any either. Return: 0 or a negative
 * errno. */
int capability_apply(uint64_t set);
