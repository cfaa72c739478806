/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Extended attributes: which of them travel, and reading and writing them by descriptor. Only
 * regular files and directories have attributes that travel. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "shared/error.h"

typedef struct Xattr {
        char *name;
        void *value;
        size_t size;
} Xattr;

typedef struct Xattrs {
        Xattr *items;
        size_t n;
} Xattrs;

#define XATTRS_INIT ((Xattrs){})

void xattrs_done(Xattrs *xattrs);

/* user.*, security.capability and POSIX ACLs; none of an overlay's own (CVE-2021-3493). */
bool xattr_travels(const char *name);

/* Reads those of `fd` (not O_PATH) that travel, sorted by name. A file capability whose root
 * user is `id_base` becomes one of any root, as it was before the ids were shifted; one of
 * another root is left out. The ids in ACLs are shifted back as id_unshift() does.
 * Return: 0 or a negative errno. */
int xattrs_read(int fd, uint32_t id_base, Xattrs *ret);

/* Sets one; user.* on a file system without them is left out. Return: 0 or a negative errno. */
int xattr_write(int fd, const char *name, const void *value, size_t size);
int xattrs_write(int fd, const Xattrs *xattrs);

/* What the names of both kinds of ACL begin with. */
#define XATTR_ACL "system.posix_acl_"
/* What a directory's new entries get for an ACL. While something is unpacked or copied into the
 * directory it must not have one. */
#define XATTR_ACL_DEFAULT "system.posix_acl_default"
#define XATTR_ACL_ACCESS "system.posix_acl_access"
const Xattr *xattrs_find(const Xattrs *xattrs, const char *name);
/* Removes it. Return: 0, also when there was none, or a negative errno. */
int xattr_remove(int fd, const char *name);

/* A user or group id on disk as a container with the ids from `base` on sees it; 65534 for one
 * that it does not have. With base 0 it is kept. */
uint32_t id_unshift(uint32_t id, uint32_t base);

/* The other way round for the ids in an ACL, in place. Return: 0, or -ERANGE for an id that a container does not
 * have. */
int acl_shift(void *value, size_t size, uint32_t base);

/* Removes those that travel. Return: 0 or a negative errno. */
int xattrs_remove(int fd);

/* Brings the value of security.capability to the form without a root user (struct vfs_cap_data,
 * revision 2).
 * Return: true, or false when it is of another root than `id_base` or invalid. `*value` is
 * changed in place. */
bool capability_normalize(void *value, size_t *size, uint32_t id_base);

/* Overlay's mark of a directory that hides what lies below it. */
bool overlay_is_opaque(int fd);
int overlay_set_opaque(int fd);
