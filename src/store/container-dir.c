/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A container's directory: making it, its record, and sealing: its upper directory becomes a layer, the topmost of
 * its own chain, and it gets a new one. */

#include <fcntl.h>
#include <sys/stat.h>

#include "shared/fault.h"
#include "shared/fd.h"
#include "shared/log.h"
#include "store/store.h"

#define RECORD_FILE "config.json"
/* The next upper directory, as long as a container is being sealed. */
#define NEXT_UPPER "next"

static void layer_path(char path[static ID_LENGTH + sizeof("/diff")], const char *layer) {
        snprintf(path, ID_LENGTH + sizeof("/diff"), "%s/diff", layer);
}

/* For people: which layers lie below. */
static int link_layer(int container, const char *layer) {
        char name[sizeof("lower/") + ID_LENGTH],
                target[sizeof("../../../layers//diff") + ID_LENGTH];

        snprintf(name, sizeof(name), "lower/%s", layer);
        snprintf(target, sizeof(target), "../../../layers/%s/diff", layer);
        if (FAULT("container.link") < 0 || symlinkat(target, container, name) < 0)
                return errno == EEXIST ? 0 : -errno;
        return 0;
}

/* Makes an upper directory. It is the root directory of the container, which must look as the one below does. */
static int make_upper(int container, const char *name, int below, Error *e) {
        _cleanup_close_ int upper = -EBADF;
        struct stat st;

        if (fstat(below, &st) < 0)
                return error_set(e, errno, "store", "examining the layer below");
        upper = FAULT("container.upper") < 0 ? -errno : fd_open_or_make_dir(container, name, 0700);
        if (upper < 0)
                return error_set(e, upper, "store", "cannot make an upper directory");
        if (fchown(upper, st.st_uid, st.st_gid) < 0 || fchmod(upper, st.st_mode & 07777) < 0)
                return error_set(e, errno, "store", "cannot change the upper directory");
        return 0;
}

static int fill_container(Store *store, int dir, char *const *layers, Error *e) {
        static const char *const names[] = {"work", "merged", "lower"};
        _cleanup_close_ int top = -EBADF;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (mkdirat(dir, names[i], 0700) < 0)
                        return error_set(e, errno, "store",
                                         "cannot make the container's directory %s", names[i]);
        for (; *layers; layers++) {
                int r = link_layer(dir, *layers);

                if (r < 0)
                        return error_set(e, r, "store", "cannot link a layer to a container");
                if (!layers[1])
                        top = store_layer_open(store, *layers, e);
        }
        return top < 0 ? top : make_upper(dir, "upper", top, e);
}

int store_container_make(Store *store, const char *id, char *const *layers, Error *e) {
        _cleanup_close_ int dir = -EBADF;
        int r;

        if (FAULT("container.make") < 0 || mkdirat(store->containers, id, 0700) < 0)
                return error_set(e, errno, "store", "cannot make the directory of container %s",
                                 id);
        r = dir = store_container_open(store, id, NULL, e);
        if (r >= 0)
                r = fill_container(store, dir, layers, e);
        if (r < 0)
                store_discard(store, store->containers, id);
        return r < 0 ? r : 0;
}

static int write_record(int dir, const ContainerRecord *record, Error *e) {
        _cleanup_json_ Json *json = NULL;
        int r;

        r = container_record_to_json(record, &json);
        if (r >= 0)
                r = FAULT("container.record") < 0 ? -errno :
                                                    json_replace_file_at(dir, RECORD_FILE, json);
        if (r < 0)
                return error_set(e, r, "store", "cannot write the record of container %s",
                                 record->spec->id);
        return 0;
}

int store_container_write(Store *store, const ContainerRecord *record, Error *e) {
        _cleanup_close_ int dir = store_container_open(store, record->spec->id, NULL, e);

        return dir < 0 ? dir : write_record(dir, record, e);
}

int store_container_read(Store *store, const char *id, ContainerRecord **ret, Error *e) {
        _cleanup_close_ int dir = store_container_open(store, id, NULL, e);
        _cleanup_(container_record_freep) ContainerRecord *record = NULL;
        _cleanup_json_ Json *json = NULL;
        int r;

        if (dir < 0)
                return dir;
        r = json_read_file_at(dir, RECORD_FILE, RECORD_SIZE_MAX, &json);
        if (r >= 0)
                r = container_record_from_json(json, &record);
        if (r >= 0 && !streq(record->spec->id, id))
                r = -EBADMSG;
        if (r < 0)
                return error_set(e, r, "store", "cannot read the record of container %s", id);
        *ret = TAKE_PTR(record);
        return 0;
}

static void shorten_chain(ContainerRecord *record) {
        char **last = record->spec->layers + strv_length(record->spec->layers) - 1;

        free(*last);
        *last = NULL;
}

/* The three moves of a sealing, the first two of which can fail for lack of space; as soon as the record has the
 * layer, a crash is mended by going on. */
static int move_upper(Store *store, int dir, ContainerRecord *record, const char *layer, Error *e) {
        char path[ID_LENGTH + sizeof("/diff")];

        layer_path(path, layer);
        TRY(write_record(dir, record, e));
        if (FAULT("seal.take") < 0 || renameat(dir, "upper", store->layers, path) < 0 ||
            FAULT("seal.next") < 0 || renameat(dir, NEXT_UPPER, dir, "upper") < 0)
                return error_set(e, errno, "store", "cannot seal container %s", record->spec->id);
        return 0;
}

/* After a failure. What fails here too, the next start does. */
static void unseal(Store *store, int dir, ContainerRecord *record, const char *layer) {
        char path[ID_LENGTH + sizeof("/diff")];
        Error e = ERROR_INIT;

        layer_path(path, layer);
        (void)renameat2(store->layers, path, dir, "upper", RENAME_NOREPLACE);
        (void)unlinkat(dir, NEXT_UPPER, AT_REMOVEDIR);
        (void)unlinkat(store->layers, layer, AT_REMOVEDIR);
        shorten_chain(record);
        if (write_record(dir, record, &e) < 0)
                log_error_object(LOG_ERR, &e, "A failed commit is undone at the next start only");
}

int store_container_seal(Store *store, ContainerRecord *record, const char *layer, Error *e) {
        _cleanup_close_ int dir = -EBADF, upper = -EBADF;
        int r;

        dir = store_container_open(store, record->spec->id, NULL, e);
        if (dir < 0)
                return dir;
        upper = store_container_open(store, record->spec->id, "upper", e);
        if (upper < 0)
                return upper;
        if (strv_extend(&record->spec->layers, layer) < 0)
                return error_oom(e);
        r = make_upper(dir, NEXT_UPPER, upper, e);
        if (r >= 0 && (FAULT("seal.layer") < 0 || mkdirat(store->layers, layer, 0700) < 0))
                r = error_set(e, errno, "store", "cannot make layer %s", layer);
        if (r >= 0)
                r = move_upper(store, dir, record, layer, e);
        if (r < 0) {
                unseal(store, dir, record, layer);
                return r;
        }
        r = link_layer(dir, layer);
        if (r < 0)
                log_errno(LOG_WARNING, r, "Cannot link a layer to container %s", record->spec->id);
        return 0;
}

int store_container_repair(Store *store, const ContainerRecord *record, Error *e) {
        const char *id = record->spec->id,
                   *top = record->spec->layers[strv_length(record->spec->layers) - 1];
        _cleanup_close_ int dir = -EBADF, upper = -EBADF, layer = -EBADF;

        dir = store_container_open(store, id, NULL, e);
        if (dir < 0)
                return dir;
        (void)unlinkat(dir, "." RECORD_FILE ".new", 0);
        upper = store_container_open(store, id, "upper", NULL);
        layer = store_layer_open(store, top, NULL);
        if (layer < 0 && upper >= 0) {
                log_notice("Going on with sealing container %s", id);
                TRY(store_layer_take(store, top, dir, "upper", e));
                layer = TAKE_FD(upper);
        }
        if (layer < 0)
                return error_set(e, ENOENT, "store", "layer %s of container %s is missing", top,
                                 id);
        (void)link_layer(dir, top);
        if (upper >= 0) {
                if (unlinkat(dir, NEXT_UPPER, AT_REMOVEDIR) < 0 && errno != ENOENT)
                        return error_set(e, errno, "store", "cannot tidy container %s", id);
                return 0;
        }
        if (renameat(dir, NEXT_UPPER, dir, "upper") < 0)
                TRY(make_upper(dir, "upper", layer, e));
        return 0;
}
