/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "protocol/spec.h"
#include "shared/strutil.h"
#include "worker/xattr.h"

#define OPAQUE "trusted.overlay.opaque"
#define CAPABILITY "security.capability"

/* The user and group of ids that a container does not have. */
#define ID_NOBODY 65534

void xattrs_done(Xattrs *xattrs) {
        for (size_t i = 0; i < xattrs->n; i++) {
                free(xattrs->items[i].name);
                free(xattrs->items[i].value);
        }
        free(xattrs->items);
        *xattrs = XATTRS_INIT;
}

bool xattr_travels(const char *name) {
        if (startswith(name, "user."))
                return !startswith(name, "user.overlay.");
        return streq(name, CAPABILITY) || startswith(name, XATTR_ACL);
}

uint32_t id_unshift(uint32_t id, uint32_t base) {
        if (base == 0)
                return id;
        return id >= base && id - base < ID_RANGE ? id - base : ID_NOBODY;
}

/* Container ids become the host's. Return: false for one that a container does not have. */
static bool id_shift(uint32_t *id, uint32_t base) {
        if (base == 0)
                return true;
        if (*id >= ID_RANGE)
                return false;
        *id += base;
        return true;
}

/* Changes the ids of the entries for a user or group by number; see linux/posix_acl_xattr.h. */
static bool acl_change_ids(void *value, size_t size, uint32_t base,
                           bool (*change)(uint32_t *id, uint32_t base)) {
        struct posix_acl_xattr_entry entry;
        unsigned char *bytes = value;

        for (size_t i = sizeof(struct posix_acl_xattr_header); i + sizeof(entry) <= size;
             i += sizeof(entry)) {
                uint16_t tag;
                uint32_t id;

                memcpy(&entry, bytes + i, sizeof(entry));
                tag = le16toh(entry.e_tag);
                if (tag != ACL_USER && tag != ACL_GROUP)
                        continue;
                id = le32toh(entry.e_id);
                if (!change(&id, base))
                        return false;
                entry.e_id = htole32(id);
                memcpy(bytes + i, &entry, sizeof(entry));
        }
        return true;
}

static bool unshift(uint32_t *id, uint32_t base) {
        *id = id_unshift(*id, base);
        return true;
}

int acl_shift(void *value, size_t size, uint32_t base) {
        return acl_change_ids(value, size, base, id_shift) ? 0 : -ERANGE;
}

bool capability_normalize(void *value, size_t *size, uint32_t id_base) {
        uint32_t magic, root;
        unsigned char *bytes = value;

        if (*size < sizeof(magic))
                return false;
        memcpy(&magic, bytes, sizeof(magic));
        magic = le32toh(magic);
        if ((magic & VFS_CAP_REVISION_MASK) == VFS_CAP_REVISION_2)
                return *size == XATTR_CAPS_SZ_2;
        if ((magic & VFS_CAP_REVISION_MASK) != VFS_CAP_REVISION_3 || *size != XATTR_CAPS_SZ_3)
                return false;
        memcpy(&root, bytes + XATTR_CAPS_SZ_2, sizeof(root));
        if (le32toh(root) != id_base)
                return false;
        magic = htole32((magic & ~(uint32_t)VFS_CAP_REVISION_MASK) | VFS_CAP_REVISION_2);
        memcpy(bytes, &magic, sizeof(magic));
        *size = XATTR_CAPS_SZ_2;
        return true;
}

/* One of an open file's attributes; it may have gone or grown since it was listed. Return: 1, 0
 * when it is gone, or a negative errno. */
static int read_value(int fd, const char *name, void **ret, size_t *ret_size) {
        for (unsigned attempt = 0; attempt < 8; attempt++) {
                ssize_t size = fgetxattr(fd, name, NULL, 0);
                _cleanup_free_ void *value = NULL;

                if (size < 0)
                        return errno == ENODATA ? 0 : -errno;
                value = malloc((size_t)size + 1);
                if (!value)
                        return -ENOMEM;
                size = fgetxattr(fd, name, value, (size_t)size);
                if (size >= 0) {
                        *ret = TAKE_PTR(value);
                        *ret_size = (size_t)size;
                        return 1;
                }
                if (errno != ERANGE)
                        return errno == ENODATA ? 0 : -errno;
        }
        return -EBUSY;
}

static int add(Xattrs *xattrs, int fd, const char *name, uint32_t id_base) {
        _cleanup_free_ void *value = NULL;
        Xattr *items;
        size_t size = 0;
        int r;

        r = read_value(fd, name, &value, &size);
        if (r <= 0)
                return r;
        if (streq(name, CAPABILITY) && !capability_normalize(value, &size, id_base))
                return 0;
        if (startswith(name, XATTR_ACL))
                (void)acl_change_ids(value, size, id_base, unshift);
        items = reallocarray(xattrs->items, xattrs->n + 1, sizeof(*items));
        if (!items)
                return -ENOMEM;
        xattrs->items = items;
        items[xattrs->n] = (Xattr){.name = strdup(name), .size = size};
        if (!items[xattrs->n].name)
                return -ENOMEM;
        items[xattrs->n++].value = TAKE_PTR(value);
        return 0;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(((const Xattr *)a)->name, ((const Xattr *)b)->name);
}

int xattrs_read(int fd, uint32_t id_base, Xattrs *ret) {
        _cleanup_(xattrs_done) Xattrs xattrs = XATTRS_INIT;
        _cleanup_free_ char *large = NULL;
        char small[256], *names = small;
        ssize_t size;

        *ret = XATTRS_INIT;
        size = flistxattr(fd, small, sizeof(small));
        if (size < 0 && errno == ERANGE) {
                /* The kernel's limit for the whole list. */
                names = large = malloc(65536);
                if (!large)
                        return -ENOMEM;
                size = flistxattr(fd, large, 65536);
        }
        if (size < 0)
                return errno == EOPNOTSUPP ? 0 : -errno;
        for (const char *name = names; name < names + size; name += strlen(name) + 1)
                if (xattr_travels(name))
                        TRY(add(&xattrs, fd, name, id_base));
        if (xattrs.n > 1)
                qsort(xattrs.items, xattrs.n, sizeof(*xattrs.items), compare_names);
        *ret = xattrs;
        xattrs = XATTRS_INIT;
        return 0;
}

int xattr_write(int fd, const char *name, const void *value, size_t size) {
        if (fsetxattr(fd, name, value, size, 0) >= 0)
                return 0;
        return errno == EOPNOTSUPP && startswith(name, "user.") ? 0 : -errno;
}

int xattrs_remove(int fd) {
        _cleanup_(xattrs_done) Xattrs xattrs = XATTRS_INIT;

        TRY(xattrs_read(fd, 0, &xattrs));
        for (size_t i = 0; i < xattrs.n; i++)
                TRY(xattr_remove(fd, xattrs.items[i].name));
        return 0;
}

int xattrs_write(int fd, const Xattrs *xattrs) {
        for (size_t i = 0; i < xattrs->n; i++)
                TRY(xattr_write(fd, xattrs->items[i].name, xattrs->items[i].value,
                                xattrs->items[i].size));
        return 0;
}

const Xattr *xattrs_find(const Xattrs *xattrs, const char *name) {
        for (size_t i = 0; i < xattrs->n; i++)
                if (streq(xattrs->items[i].name, name))
                        return &xattrs->items[i];
        return NULL;
}

int xattr_remove(int fd, const char *name) {
        if (fremovexattr(fd, name) >= 0 || errno == ENODATA || errno == EOPNOTSUPP)
                return 0;
        return -errno;
}

bool overlay_is_opaque(int fd) {
        char value;

        return fgetxattr(fd, OPAQUE, &value, 1) == 1 && value == 'y';
}

int overlay_set_opaque(int fd) {
        return fsetxattr(fd, OPAQUE, "y", 1, 0) < 0 ? -errno : 0;
}
