/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/staging.h"
#include "daemon/container.h"
#include "shared/fault.h"

typedef struct Storing {
        Manager *manager;
        Intent intent;
        bool replace;
        Container *sealed; /* may be NULL; with the layer that its upper directory becomes */
        char layer[ID_LENGTH + 1];
        char **paths;
        StoredCallback callback;
        void *userdata;
} Storing;

static void finish(Storing *s, const Error *error) {
        Manager *m = s->manager;

        s->callback(error, error ? NULL : s->paths, s->userdata);
        intent_done(&s->intent);
        container_unref(s->sealed);
        strv_free(s->paths);
        free(s);
        manager_empty_trash(m);
        layers_count(m);
}

/* The disk holds all of it: now others may hear. */
static void on_lasting(int result, void *userdata) {
        Storing *s = userdata;
        Store *store = s->manager->store;
        Error e = ERROR_INIT;
        int r;

        r = result < 0 || FAULT("store.lasting") < 0 ?
                    error_set(&e, result < 0 ? result : errno, "store",
                              "cannot write to the disk") :
                    0;
        if (r < 0) {
                intent_undo(store, &s->intent);
        } else {
                intent_drop(store, s->intent.id);
                r = images_made(s->manager, &s->intent, &s->paths, &e);
        }
        finish(s, r < 0 ? &e : NULL);
}

/* The container has one layer more in its chain, whatever becomes of the image. */
static int seal(Storing *s, Error *e) {
        char *layer[] = {s->layer, NULL};

        if (!s->sealed)
                return 0;
        TRY(store_container_seal(s->manager->store, s->sealed->record, s->layer, e));
        return layers_use(s->manager, layer) < 0 ? error_oom(e) : 0;
}

static int check_names(Storing *s, Error *e) {
        for (size_t i = 0; i < s->intent.n_images; i++) {
                const IntentImage *made = &s->intent.images[i];
                const Image *known = made->record ? NULL : map_get(&s->manager->images, made->id);

                if (!made->record && !known)
                        return error_set(e, ENOENT, "store", "image %.12s was removed meanwhile",
                                         made->id);
                for (char **name = made->names; name && *name; name++)
                        TRY(image_check_name(
                                s->manager, *name,
                                s->replace || (known && image_by_name(s->manager, *name) == known),
                                e));
        }
        return 0;
}

/* What was copied, or written in the container, is on disk, and so is the intent. */
static void on_intended(int result, void *userdata) {
        Storing *s = userdata;
        Manager *m = s->manager;
        Error e = ERROR_INIT;
        int r;

        r = result < 0 || FAULT("store.intended") < 0 ?
                    error_set(&e, result < 0 ? result : errno, "store",
                              "cannot write to the disk") :
                    check_names(s, &e);
        if (r >= 0)
                r = seal(s, &e);
        if (r < 0) {
                intent_drop(m->store, s->intent.id);
                finish(s, &e);
                return;
        }
        r = intent_apply(m->store, &s->intent, &e);
        if (r >= 0 && offload_sync(m->offload, m->store->fd, on_lasting, s) < 0) {
                intent_undo(m->store, &s->intent);
                r = error_oom(&e);
        }
        if (r < 0)
                finish(s, &e);
}

void image_store(Manager *m, Intent *intent, bool replace, Container *sealed, const char *layer,
                 StoredCallback callback, void *userdata) {
        Storing *s = calloc(1, sizeof(*s));
        Error e = ERROR_INIT;
        int r;

        if (!s) {
                error_oom(&e);
                intent_drop(m->store, intent->id);
                intent_done(intent);
                callback(&e, NULL, userdata);
                return;
        }
        *s = (Storing){
                .manager = m,
                .intent = *intent,
                .replace = replace,
                .sealed = sealed ? container_ref(sealed) : NULL,
                .callback = callback,
                .userdata = userdata,
        };
        *intent = (Intent){};
        if (sealed)
                memcpy(s->layer, layer, sizeof(s->layer));
        r = check_names(s, &e);
        if (r >= 0)
                r = intent_write(m->store, &s->intent, &e);
        if (r >= 0 && offload_sync(m->offload, m->store->fd, on_intended, s) < 0)
                r = error_oom(&e);
        if (r < 0) {
                intent_drop(m->store, s->intent.id);
                finish(s, &e);
        }
}
