/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>
#include <fcntl.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <string.h>
#include <sys/stat.h>

#include "protocol/spec.h"
#include "runtime/user.h"
#include "shared/fd.h"
#include "shared/strutil.h"
#include "worker/acl.h"
#include "worker/xattr.h"

/* The kernel's value for entries that are for no user or group by number. */
#define NO_ID ((uint32_t)ACL_UNDEFINED_ID)

/* How many names the ACLs of an archive may have. */
#define NAMES_MAX 256

struct NamedAcl {
        Acl acl;
        char *path;
        const char *attribute;
        dev_t device;
        ino_t inode;
};

void acl_done(Acl *acl) {
        for (size_t i = 0; i < acl->n; i++)
                free(acl->entries[i].name);
        free(acl->entries);
        *acl = ACL_INIT;
}

/* Return: the kernel's tag, or 0 for one of another kind of ACL. */
static uint16_t convert_tag(int tag) {
        switch (tag) {
        case ARCHIVE_ENTRY_ACL_USER_OBJ:
                return ACL_USER_OBJ;
        case ARCHIVE_ENTRY_ACL_USER:
                return ACL_USER;
        case ARCHIVE_ENTRY_ACL_GROUP_OBJ:
                return ACL_GROUP_OBJ;
        case ARCHIVE_ENTRY_ACL_GROUP:
                return ACL_GROUP;
        case ARCHIVE_ENTRY_ACL_MASK:
                return ACL_MASK;
        case ARCHIVE_ENTRY_ACL_OTHER:
                return ACL_OTHER;
        default:
                return 0;
        }
}

/* As libacl sorts them, and the kernel wants them by tag. */
static int compare(const void *a, const void *b) {
        const AclEntry *x = a, *y = b;

        if (x->tag != y->tag)
                return x->tag < y->tag ? -1 : 1;
        return x->id != y->id ? (x->id < y->id ? -1 : 1) : 0;
}

int acl_read(struct archive_entry *entry, int type, Acl *ret) {
        _cleanup_(acl_done) Acl acl = ACL_INIT;
        int n = archive_entry_acl_reset(entry, type);
        int found, permissions, tag, id;
        const char *name;

        *ret = ACL_INIT;
        if (n <= 0)
                return 0;
        acl.entries = calloc((size_t)n, sizeof(*acl.entries));
        if (!acl.entries)
                return -ENOMEM;
        while (acl.n < (size_t)n && archive_entry_acl_next(entry, type, &found, &permissions, &tag,
                                                           &id, &name) == ARCHIVE_OK) {
                AclEntry *e = &acl.entries[acl.n];
                bool by_id;

                *e = (AclEntry){convert_tag(tag), permissions & 7, NO_ID, NULL};
                if (e->tag == 0)
                        continue;
                acl.n++;
                by_id = e->tag == ACL_USER || e->tag == ACL_GROUP;
                if (by_id && id >= 0)
                        e->id = (uint32_t)id;
                else if (by_id && !(e->name = strdup(name ?: "")))
                        return -ENOMEM;
        }
        *ret = acl;
        acl = ACL_INIT;
        return 1;
}

bool acl_has_names(const Acl *acl) {
        for (size_t i = 0; i < acl->n; i++)
                if (acl->entries[i].name)
                        return true;
        return false;
}

int acl_encode(const Acl *acl, uint32_t id_base, void **ret, size_t *ret_size) {
        const struct posix_acl_xattr_header header = {htole32(POSIX_ACL_XATTR_VERSION)};
        size_t size = sizeof(header) + acl->n * sizeof(struct posix_acl_xattr_entry);
        _cleanup_free_ char *value = malloc(size);
        char *p = value;

        if (!value)
                return -ENOMEM;
        if (acl->n > 1)
                qsort(acl->entries, acl->n, sizeof(*acl->entries), compare);
        p = mempcpy(p, &header, sizeof(header));
        for (size_t i = 0; i < acl->n; i++) {
                const AclEntry *e = &acl->entries[i];
                const struct posix_acl_xattr_entry entry = {
                        .e_tag = htole16(e->tag),
                        .e_perm = htole16(e->permissions),
                        .e_id = htole32(e->id),
                };

                p = mempcpy(p, &entry, sizeof(entry));
        }
        TRY(acl_shift(value, size, id_base));
        *ret = TAKE_PTR(value);
        *ret_size = size;
        return 0;
}

static void named_acl_done(NamedAcl *item) {
        acl_done(&item->acl);
        free(item->path);
}

void named_acls_done(NamedAcls *acls) {
        for (size_t i = 0; i < acls->n; i++)
                named_acl_done(&acls->items[i]);
        free(acls->items);
        *acls = (NamedAcls){};
}

int named_acls_add(NamedAcls *acls, const char *path, int fd, const char *attribute, Acl *acl) {
        NamedAcl item = {.acl = *acl, .attribute = attribute};
        struct stat st;

        if (acls->n == acls->allocated) {
                size_t larger = MAX(acls->allocated * 2, (size_t)16);
                NamedAcl *grown = reallocarray(acls->items, larger, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                acls->items = grown;
                acls->allocated = larger;
        }
        if (fstat(fd, &st) < 0)
                return -errno;
        item.device = st.st_dev;
        item.inode = st.st_ino;
        item.path = strdup(path);
        if (!item.path)
                return -ENOMEM;
        acls->items[acls->n++] = item;
        *acl = ACL_INIT;
        return 0;
}

/* In the uppermost layer that knows the name. Return: 1, 0 when none does, or a negative errno. */
static int find_id(int root, const int *lowers, size_t n_lowers, const AclEntry *entry,
                   uint32_t *ret, Error *e) {
        bool group = entry->tag == ACL_GROUP;
        _cleanup_free_ char *spec = strf("%s%s", group ? "0:" : "", entry->name);

        if (!spec)
                return error_oom(e);
        for (;;) {
                _cleanup_(user_done) User user = {};
                Error error = ERROR_INIT;
                int r = user_lookup(root, spec, &user, &error);

                if (r >= 0) {
                        *ret = group ? user.gid : user.uid;
                        return 1;
                }
                if (r != -ENOENT && r != -EINVAL) {
                        *e = error;
                        return r;
                }
                if (n_lowers == 0)
                        return 0;
                root = lowers[--n_lowers];
        }
}

/* What the tree's own files make of the names so far. */
typedef struct Name {
        const AclEntry *entry; /* whose tag and name it is */
        bool known;
        uint32_t id;
} Name;

typedef struct Names {
        int root;
        const int *lowers;
        size_t n_lowers;
        Name items[NAMES_MAX];
        size_t n;
} Names;

/* Return: 0 with *ret the name, or a negative errno. */
static int look_up(Names *names, const AclEntry *entry, const Name **ret, Error *e) {
        Name *name = &names->items[names->n];
        int r;

        for (size_t i = 0; i < names->n; i++) {
                *ret = &names->items[i];
                if ((*ret)->entry->tag == entry->tag && streq((*ret)->entry->name, entry->name))
                        return 0;
        }
        if (names->n == NAMES_MAX)
                return error_set(e, EBADMSG, "archive",
                                 "the archive's ACLs name too many users and groups");
        r = find_id(names->root, names->lowers, names->n_lowers, entry, &name->id, e);
        if (r < 0)
                return r;
        name->entry = entry;
        name->known = r > 0;
        names->n++;
        *ret = name;
        return 0;
}

/* The ACL with numbers only; `ret->entries` has room for all. */
static int resolve(Names *names, const Acl *acl, Acl *ret, Error *e) {
        for (size_t i = 0; i < acl->n; i++) {
                AclEntry entry = acl->entries[i];

                if (entry.name) {
                        const Name *name;

                        TRY(look_up(names, &acl->entries[i], &name, e));
                        if (!name->known)
                                continue;
                        entry.id = name->id;
                        entry.name = NULL;
                }
                ret->entries[ret->n++] = entry;
        }
        return 0;
}

/* Return: a descriptor, or a negative errno; -ENOENT when something else is there now. */
static int open_file(int root, const NamedAcl *item) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        /* It was a regular file or a directory; what may be there now can wait for nothing. */
        fd = fd_open_in_root(root, item->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
        if (fd < 0)
                return fd == -ELOOP || fd == -ENOTDIR || fd == -ENXIO ? -ENOENT : fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_dev != item->device || st.st_ino != item->inode)
                return -ENOENT;
        return TAKE_FD(fd);
}

int named_acls_forget_gone(NamedAcls *acls, int root) {
        size_t kept = 0;

        for (size_t i = 0; i < acls->n; i++) {
                NamedAcl *item = &acls->items[i];
                int fd = open_file(root, item);

                if (fd == -ENOENT) {
                        named_acl_done(item);
                        *item = (NamedAcl){};
                        continue;
                }
                if (fd < 0)
                        return fd;
                safe_close(fd);
                acls->items[kept] = *item;
                if (kept++ != i)
                        *item = (NamedAcl){};
        }
        acls->n = kept;
        return 0;
}

static int write_one(Names *names, const NamedAcl *item, uint32_t id_base, Error *e) {
        _cleanup_free_ AclEntry *entries = calloc(item->acl.n, sizeof(*entries));
        Acl acl = {.entries = entries};
        _cleanup_free_ void *value = NULL;
        _cleanup_close_ int fd = -EBADF;
        size_t size;
        int r;

        if (!entries)
                return error_oom(e);
        fd = open_file(names->root, item);
        if (fd == -ENOENT)
                return 0;
        if (fd < 0)
                return error_set(e, fd, "write", "%s: opening it again", item->path);
        TRY(resolve(names, &item->acl, &acl, e));
        r = acl_encode(&acl, id_base, &value, &size);
        if (r >= 0)
                r = xattr_write(fd, item->attribute, value, size);
        return r < 0 ? error_set(e, r, "archive", "%s: setting the attribute %s", item->path,
                                 item->attribute) :
                       0;
}

int named_acls_write(const NamedAcls *acls, int root, const int *lowers, size_t n_lowers,
                     uint32_t id_base, Error *e) {
        Names names = {.root = root, .lowers = lowers, .n_lowers = n_lowers};

        for (size_t i = 0; i < acls->n; i++)
                TRY(write_one(&names, &acls->items[i], id_base, e));
        return 0;
}
