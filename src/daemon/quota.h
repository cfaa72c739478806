/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a user other than root may have at once, by the keys "user-…-max" of daemon.json, where 0 is no bound.
 * Over it a call is refused with LimitsExceeded, whose message names the key. */

#include "daemon/container.h"

/* Whether the user, who has `used` of something, may have one more; `key` names it.
 * Return: 0 or a negative errno with `error` set. */
int quota_check_count(uid_t uid, const char *key, uint64_t used, uint64_t max, sd_bus_error *error);

/* Whether the user may have one more process that Exec began, archive or log that is being read.
 * Return: as quota_check_count(). */
int quota_check_streams(Manager *m, uid_t uid, sd_bus_error *error);

/* Whether the user's containers that run may have these limits in all, when one more has `limits`, or `c`,
 * which is not NULL, has them instead of its own. A limit above its ceiling does not count: somebody who may
 * has allowed it. Return: 0, or -EDQUOT with *e set, stage "quota". */
int quota_check_limits(Manager *m, uid_t uid, const Container *c, const Limits *limits, Error *e);

/* Whether the user may write to the disk: by a container that runs, or to an image. What the user has there
 * was last counted up to "disk-check-interval" seconds ago. Return: as quota_check_limits(). */
int quota_check_disk(Manager *m, uid_t uid, Error *e);

/* Bytes of the user's containers and images (disk.c); layers that an image of root's has, too, are not
 * counted. */
uint64_t disk_usage(Manager *m, uid_t uid);

/* Has the upper directories of other users' containers counted, now and for as long as one of them runs. A
 * user that is over its quota has those containers stopped that write. */
void disk_watch(Manager *m);
void disk_done(Manager *m);
