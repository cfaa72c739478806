/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A source that is read in a thread of its own, some blocks ahead: while one processor writes files, another reads,
 * decompresses and computes digests. Only for what never waits for somebody: the end waits for the thread. */

#include "shared/cleanup.h"
#include "worker/source.h"

typedef struct Ahead Ahead;

/* `source` is to outlive it. Until ahead_begin() it only passes on what it reads. Return: 0 or -ENOMEM. */
int ahead_new(Source source, Ahead **ret, Error *e);
/* Ends the thread after the block at hand. Return: NULL. */
Ahead *ahead_free(Ahead *ahead);
DEFINE_CLEANUP(Ahead *, ahead_free)

/* From the next read on, the source belongs to the thread, until reading has come to the end or failed. */
void ahead_begin(Ahead *ahead);

Source ahead_source(Ahead *ahead);
