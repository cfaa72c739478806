/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "shared/strutil.h"
#include "worker/attributes.h"
#include "worker/xattr.h"

static int no_such_id(const char *path, Error *e) {
        return error_set(e, EBADMSG, "archive",
                         "%s: its ACL is for a user or group who does not exist in the container",
                         path);
}

static int write_xattr(Dirs *dirs, int fd, const char *path, const char *name, const void *value,
                       size_t size, Error *e) {
        int r;

        if (streq(name, XATTR_ACL_DEFAULT))
                r = fd == dirs_last(dirs)->fd ? dirs_set_acl(dirs, value, size) : 0;
        else
                r = xattr_write(fd, name, value, size);
        if (r >= 0)
                return 0;
        return error_set(e, r,
                         r == -EINVAL || r == -E2BIG || r == -EOPNOTSUPP ? "archive" : "write",
                         "%s: setting the attribute %s", path, name);
}

/* An ACL as an attribute: the value is the kernel's, and names users by number. */
static int write_acl(Attributes *a, Dirs *dirs, int fd, const char *path, const char *name,
                     const void *value, size_t size, Error *e) {
        _cleanup_free_ void *shifted = malloc(size);

        if (!shifted)
                return error_oom(e);
        memcpy(shifted, value, size);
        if (acl_shift(shifted, size, a->id_base) < 0)
                return no_such_id(path, e);
        return write_xattr(dirs, fd, path, name, shifted, size, e);
}

static int write_xattrs(Attributes *a, Dirs *dirs, int fd, const char *path,
                        struct archive_entry *entry, Error *e) {
        unsigned char capability[64];
        const char *name;
        const void *value;
        size_t size;

        archive_entry_xattr_reset(entry);
        while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
                if (!name || !xattr_travels(name))
                        continue;
                if (startswith(name, XATTR_ACL)) {
                        TRY(write_acl(a, dirs, fd, path, name, value, size, e));
                        continue;
                }
                if (streq(name, "security.capability")) {
                        if (size > sizeof(capability))
                                continue;
                        memcpy(capability, value, size);
                        if (!capability_normalize(capability, &size, 0))
                                continue;
                        value = capability;
                }
                TRY(write_xattr(dirs, fd, path, name, value, size, e));
        }
        return 0;
}

/* The ACLs that the archive has as text. */
static int write_text_acls(Attributes *a, Dirs *dirs, int fd, const char *path,
                           struct archive_entry *entry, Error *e) {
        static const struct {
                int type;
                const char *name;
        } acls[] = {
                {ARCHIVE_ENTRY_ACL_TYPE_ACCESS, XATTR_ACL_ACCESS},
                {ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, XATTR_ACL_DEFAULT},
        };

        for (size_t i = 0; i < ELEMENTSOF(acls); i++) {
                _cleanup_(acl_done) Acl acl = ACL_INIT;
                _cleanup_free_ void *value = NULL;
                size_t size = 0;
                int r;

                r = acl_read(entry, acls[i].type, &acl);
                if (r == 0)
                        continue;
                if (r > 0 && acl_has_names(&acl)) {
                        r = named_acls_add(&a->named_acls, path, fd, acls[i].name, &acl);
                        if (r >= 0)
                                continue;
                }
                if (r >= 0)
                        r = acl_encode(&acl, a->id_base, &value, &size);
                if (r == -ERANGE)
                        return no_such_id(path, e);
                if (r < 0)
                        return error_set(e, r, "write", "%s: reading its ACL", path);
                TRY(write_xattr(dirs, fd, path, acls[i].name, value, size, e));
        }
        return 0;
}

int attributes_write(Attributes *a, Dirs *dirs, int fd, const char *path,
                     struct archive_entry *entry, Error *e) {
        TRY(write_xattrs(a, dirs, fd, path, entry, e));
        return write_text_acls(a, dirs, fd, path, entry, e);
}

int attributes_removed(Attributes *a, int root) {
        return named_acls_forget_gone(&a->named_acls, root);
}

int attributes_finish(const Attributes *a, const Dirs *dirs, int root, Error *e) {
        return named_acls_write(&a->named_acls, root, dirs->lowers, dirs->n_lowers, a->id_base, e);
}

void attributes_done(Attributes *a) {
        named_acls_done(&a->named_acls);
}
