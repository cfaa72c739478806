/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "shared/fault.h"
#include "shared/fd.h"
#include "shared/log.h"
#include "shared/syscalls.h"
#include "store/store.h"

#define NAMES_FILE "names.json"

/* How long a sync of a daemon that was killed is waited for. */
#define LOCK_MSEC 10000

Store *store_free(Store *store) {
        if (!store)
                return NULL;
        safe_close(store->images);
        safe_close(store->layers);
        safe_close(store->containers);
        safe_close(store->staging);
        safe_close(store->intents);
        safe_close(store->trash);
        safe_close(store->fd);
        json_object_put(store->names);
        free(store->leftovers);
        free(store->path);
        free(store);
        return NULL;
}

static int open_state_dir(Store *store, const char *path, Error *e) {
        int r;

        if (mkdir(path, 0700) < 0 && errno != EEXIST)
                return error_set(e, errno, "store", "cannot make %s", path);
        store->path = realpath(path, NULL);
        if (!store->path)
                return error_set(e, errno, "store", "%s", path);
        store->fd = open(store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (store->fd < 0)
                return error_set(e, errno, "store", "cannot open %s", path);
        r = fd_lock(store->fd, LOCK_MSEC);
        if (r < 0)
                return error_set(e, r, "store", "%s is used by another mydockerd", path);
        /* Images hold set-user-id programs, which nobody on the host may reach. */
        if (fchmod(store->fd, 0700) < 0)
                return error_set(e, errno, "store", "cannot change the mode of %s", path);
        return 0;
}

/* Has ext4 place what is made in this directory anywhere on the disk and not beside it: it does not give out an inode
 * that was deleted in the last minute, and looks at all of those near the place before each file that it makes.
 * Where much was removed, a copy of 1,000 files took 1.4 s, and 0.1 s elsewhere. Other file systems refuse. */
static void spread_out(int dir) {
        int flags;

        if (ioctl(dir, FS_IOC_GETFLAGS, &flags) < 0 || (flags & FS_TOPDIR_FL))
                return;
        flags |= FS_TOPDIR_FL;
        (void)ioctl(dir, FS_IOC_SETFLAGS, &flags);
}

static int read_names(Store *store, Error *e) {
        int r;

        r = json_read_file_at(store->images, NAMES_FILE, RECORD_SIZE_MAX, &store->names);
        if (r == -ENOENT) {
                store->names = json_object_new_object();
                return store->names ? 0 : error_oom(e);
        }
        if (r >= 0 && !json_object_is_type(store->names, json_type_object))
                r = -EBADMSG;
        if (r < 0)
                return error_set(e, r, "store", "cannot read %s/images/" NAMES_FILE, store->path);
        json_object_object_foreach(store->names, name, id) {
                if (!json_object_is_type(id, json_type_string) ||
                    !id_is_valid(json_object_get_string(id)))
                        return error_set(e, EBADMSG, "store", "%s/images/" NAMES_FILE ": name %s",
                                         store->path, name);
        }
        return 0;
}

int store_open(const char *path, Store **ret, Error *e) {
        _cleanup_(store_freep) Store *store = calloc(1, sizeof(Store));
        int r;

        if (!store)
                return error_oom(e);
        store->fd = store->images = store->layers = store->containers = -EBADF;
        store->staging = store->intents = store->trash = -EBADF;
        TRY(open_state_dir(store, path, e));

        struct {
                const char *name;
                int *fd;
        } dirs[] = {
                {"images", &store->images},         {"layers", &store->layers},
                {"containers", &store->containers}, {"staging", &store->staging},
                {"intents", &store->intents},       {"trash", &store->trash},
        };
        for (size_t i = 0; i < ELEMENTSOF(dirs); i++) {
                *dirs[i].fd = fd_open_or_make_dir(store->fd, dirs[i].name, 0700);
                if (*dirs[i].fd < 0)
                        return error_set(e, *dirs[i].fd, "store", "cannot open %s/%s", store->path,
                                         dirs[i].name);
        }
        spread_out(store->staging);
        spread_out(store->containers);
        /* A process that is killed while it writes a record leaves the new one half done. */
        r = fd_remove_temporary_files(store->images);
        if (r >= 0)
                r = fd_remove_temporary_files(store->intents);
        if (r < 0)
                return error_set(e, r, "store", "cannot tidy %s", store->path);
        TRY(read_names(store, e));
        *ret = TAKE_PTR(store);
        return 0;
}

static int open_dir(int dir, const char *name, const char *what, Error *e) {
        int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd >= 0 ? fd : error_set(e, errno, "store", "cannot open %s %s", what, name);
}

int store_container_open(Store *store, const char *id, const char *name, Error *e) {
        _cleanup_close_ int dir = open_dir(store->containers, id, "container", e);

        if (dir < 0 || !name)
                return TAKE_FD(dir);
        return open_dir(dir, name, "a container's directory", e);
}

int store_layer_open(Store *store, const char *id, Error *e) {
        char path[ID_LENGTH + sizeof("/diff")];

        snprintf(path, sizeof(path), "%s/diff", id);
        return open_dir(store->layers, path, "layer", e);
}

int store_layer_take(Store *store, const char *id, int dir, const char *name, Error *e) {
        char path[ID_LENGTH + sizeof("/diff")];

        if (FAULT("layer.make") < 0 || (mkdirat(store->layers, id, 0700) < 0 && errno != EEXIST))
                return error_set(e, errno, "store", "cannot make layer %s", id);
        snprintf(path, sizeof(path), "%s/diff", id);
        if (FAULT("layer.take") < 0 || renameat(dir, name, store->layers, path) < 0)
                return error_set(e, errno, "store", "cannot move %s to layer %s", name, id);
        return 0;
}

int store_layer_read_size(Store *store, const char *id, uint64_t *ret) {
        _cleanup_close_ int dir = open_dir(store->layers, id, "layer", NULL);
        _cleanup_free_ char *text = NULL;
        size_t size;

        if (dir < 0 || fd_read_file_at(dir, "size", 32, &text, &size) < 0)
                return 0;
        return parse_u64(text, ret) >= 0;
}

/* Only a note, and so short that it is written at once: one that is cut off is none. */
int store_layer_write_size(Store *store, const char *id, uint64_t size, Error *e) {
        _cleanup_close_ int dir = open_dir(store->layers, id, "layer", e), fd = -EBADF;
        char text[32];
        int n, r;

        if (dir < 0)
                return dir;
        n = snprintf(text, sizeof(text), "%llu", (unsigned long long)size);
        fd = openat(dir, "size", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
        r = FAULT("layer.size") < 0 || fd < 0 ? -errno : fd_write_all(fd, text, (size_t)n);
        return r < 0 ? error_set(e, r, "store", "cannot note the size of layer %s", id) : 0;
}

int store_image_write(Store *store, const ImageRecord *record, Error *e) {
        char name[ID_LENGTH + sizeof(".json")];
        _cleanup_json_ Json *json = NULL;
        int r;

        snprintf(name, sizeof(name), "%s.json", record->id);
        r = image_record_to_json(record, &json);
        if (r >= 0)
                r = FAULT("image.record") < 0 ? -errno :
                                                json_replace_file_at(store->images, name, json);
        return r < 0 ? error_set(e, r, "store", "cannot write the record of image %s", record->id) :
                       0;
}

const char *store_name_get(Store *store, const char *name) {
        const char *id = NULL;

        return json_peek_string(store->names, name, &id) > 0 ? id : NULL;
}

int store_names_of(Store *store, const char *id, char ***ret) {
        _cleanup_strv_free_ char **names = NULL;

        json_object_object_foreach(store->names, name, value) {
                if (streq(json_object_get_string(value), id))
                        TRY(strv_extend(&names, name));
        }
        *ret = TAKE_PTR(names);
        return 0;
}

int store_names_change(Store *store, char *const *names, const char *id, Error *e) {
        _cleanup_json_ Json *changed = NULL;
        int r;

        if (!names)
                return 0;
        if (json_object_deep_copy(store->names, &changed, NULL) < 0)
                return error_oom(e);
        for (; *names; names++) {
                if (!id)
                        json_object_object_del(changed, *names);
                else if (json_add_string(changed, *names, id) < 0)
                        return error_oom(e);
        }
        r = FAULT("names.write") < 0 ? -errno :
                                       json_replace_file_at(store->images, NAMES_FILE, changed);
        if (r < 0)
                return error_set(e, r, "store", "cannot write the names of images");
        json_object_put(store->names);
        store->names = TAKE_PTR(changed);
        return 0;
}

int store_image_remove(Store *store, const char *id, Error *e) {
        char name[ID_LENGTH + sizeof(".json")];

        snprintf(name, sizeof(name), "%s.json", id);
        if (FAULT("image.remove") < 0 || (unlinkat(store->images, name, 0) < 0 && errno != ENOENT))
                return error_set(e, errno, "store", "cannot remove the record of image %s", id);
        return 0;
}

int store_staging_make(Store *store, const char *id, Error *e) {
        return store_staging_make_part(store->staging, id, e);
}

int store_staging_make_part(int staging, const char *name, Error *e) {
        if (FAULT("staging.make") < 0 || mkdirat(staging, name, 0700) < 0)
                return error_set(e, errno, "store", "cannot make a directory to work in");
        return open_dir(staging, name, "working directory", e);
}

int store_trash(Store *store, int dir, const char *name, Error *e) {
        /* Ids are never used twice, but the pieces of one thing may come here one by one. */
        for (unsigned i = 0; i < 1000; i++) {
                char target[NAME_MAX + 1];

                snprintf(target, sizeof(target), "%s.%u", name, i);
                if (FAULT("trash.move") < 0)
                        break;
                if (renameat2(dir, name, store->trash, target, RENAME_NOREPLACE) >= 0 ||
                    errno == ENOENT)
                        return 0;
                if (errno != EEXIST)
                        break;
        }
        return error_set(e, errno, "store", "cannot move %s to the trash", name);
}

void store_discard(Store *store, int dir, const char *id) {
        Error e = ERROR_INIT;
        Leftover *grown;

        if (store_trash(store, dir, id, &e) >= 0)
                return;
        grown = reallocarray(store->leftovers, store->n_leftovers + 1, sizeof(*grown));
        if (!grown) {
                log_error_object(LOG_ERR, &e, "It goes at the next start");
                return;
        }
        log_error_object(LOG_WARNING, &e, "It is tried again later");
        store->leftovers = grown;
        grown[store->n_leftovers].dir = dir;
        snprintf(grown[store->n_leftovers++].id, sizeof(grown->id), "%s", id);
}

bool store_discard_again(Store *store) {
        size_t n = store->n_leftovers;

        store->n_leftovers = 0;
        for (size_t i = 0; i < n; i++) {
                Leftover left = store->leftovers[i];

                if (store_trash(store, left.dir, left.id, NULL) < 0)
                        store->leftovers[store->n_leftovers++] = left;
        }
        return store->n_leftovers > 0;
}

int store_list(int dir, char ***ret, Error *e) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_closedir_ DIR *stream = NULL;
        struct dirent *entry;
        int fd;

        fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return error_set(e, errno, "store", "cannot open a directory");
        stream = fdopendir(fd);
        if (!stream) {
                safe_close(fd);
                return error_set(e, errno, "store", "cannot read a directory");
        }
        while ((errno = 0, entry = readdir(stream)))
                if (!streq(entry->d_name, ".") && !streq(entry->d_name, "..") &&
                    strv_extend(&names, entry->d_name) < 0)
                        return error_oom(e);
        if (errno != 0)
                return error_set(e, errno, "store", "cannot read a directory");
        *ret = TAKE_PTR(names);
        return 0;
}

bool store_trash_is_empty(Store *store) {
        _cleanup_strv_free_ char **names = NULL;

        /* What cannot be read cannot be emptied either. */
        return store_list(store->trash, &names, NULL) < 0 || !names;
}
