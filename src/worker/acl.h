/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* POSIX ACLs as tar archives of GNU tar and libarchive have them, as text (SCHILY.acl.access and SCHILY.acl.default), made
 * into the form that the kernel takes, which others put into archives as the extended attributes that they are.
 *
 * GNU tar writes the names of users and groups, never their numbers. They are those of the tree's own /etc/passwd and
 * /etc/group, which may come later in the archive, so such an ACL waits until everything is there. An entry for a name
 * that is not in them is for nobody in the tree, and is left out. */

#include <archive.h>
#include <archive_entry.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "shared/error.h"

typedef struct AclEntry {
        uint16_t tag, permissions;
        uint32_t id;
        char *name; /* NULL: the id counts */
} AclEntry;

typedef struct Acl {
        AclEntry *entries;
        size_t n;
} Acl;

#define ACL_INIT ((Acl){})

void acl_done(Acl *acl);

/* Reads an entry's ACL, `type` ARCHIVE_ENTRY_ACL_TYPE_ACCESS or _DEFAULT. Return: 1, 0 when it has none, or -ENOMEM. */
int acl_read(struct archive_entry *entry, int type, Acl *ret);
bool acl_has_names(const Acl *acl);
/* The attribute's value, to be freed; ids are shifted by `id_base`. Return: 0, -ENOMEM, or -ERANGE for an id that a
 * container does not have. */
int acl_encode(const Acl *acl, uint32_t id_base, void **ret, size_t *ret_size);

/* Those that wait for names. */
typedef struct NamedAcl NamedAcl;

typedef struct NamedAcls {
        NamedAcl *items;
        size_t n, allocated;
} NamedAcls;

void named_acls_done(NamedAcls *acls);

/* Keeps the ACL, which is taken over, for the file `fd` with this path. Return: 0 or a negative errno. */
int named_acls_add(NamedAcls *acls, const char *path, int fd, const char *attribute, Acl *acl);
/* To be called when something has been removed, before its inode can become another file's. Return: 0 or a negative
 * errno. */
int named_acls_forget_gone(NamedAcls *acls, int root);
/* Sets all of them on what is still there. `lowers`: the layers below `root`, the lowest first. Return: 0 or a negative errno. */
int named_acls_write(const NamedAcls *acls, int root, const int *lowers, size_t n_lowers,
                     uint32_t id_base, Error *e);
