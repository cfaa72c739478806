/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/image.h"
#include "daemon/container.h"
#include "daemon/errors.h"
#include "shared/log.h"

void image_free(Image *image) {
        Manager *m = image->manager;

        if (image->record && map_get(&m->images, image->record->id) == image) {
                map_remove(&m->images, image->record->id);
                LIST_REMOVE(m->image_list, image, links);
        }
        image_record_free(image->record);
        strv_free(image->names);
        free(image->path);
        free(image);
}

/* Newest first. */
static void link_image(Manager *m, Image *image) {
        Image *before = NULL;

        LIST_FOREACH(other, m->image_list, links) {
                if (other->record->created <= image->record->created)
                        break;
                before = other;
        }
        if (!before) {
                LIST_PREPEND(m->image_list, image, links);
                return;
        }
        LIST_PREPEND(before->links.next, image, links);
        image->links.prev = before;
}

int image_add(Manager *m, ImageRecord *record, Image **ret) {
        Image *image;
        int r;

        image = calloc(1, sizeof(*image));
        if (!image) {
                image_record_free(record);
                return -ENOMEM;
        }
        image->manager = m;
        image->record = record;
        image->path = strf(PATH_IMAGES "/%s", record->id);
        r = image->path ? store_names_of(m->store, record->id, &image->names) : -ENOMEM;
        if (r >= 0)
                r = layers_use(m, record->layers);
        if (r >= 0)
                r = map_put(&m->images, record->id, image);
        if (r < 0) {
                image_free(image);
                return r;
        }
        link_image(m, image);
        if (m->exported) {
                r = sd_bus_emit_object_added(m->bus, image->path);
                if (r < 0)
                        log_errno(LOG_WARNING, r, "Cannot announce image %s", record->id);
                manager_counts_changed(m);
        }
        if (ret)
                *ret = image;
        return 0;
}

Image *image_by_name(Manager *m, const char *name) {
        const char *id = store_name_get(m->store, name);

        return id ? map_get(&m->images, id) : NULL;
}

Image *image_by_digest(Manager *m, const char *digest) {
        LIST_FOREACH(image, m->image_list, links)
        if (strv_contains(image->record->digests, digest))
                return image;
        return NULL;
}

void image_add_digest(Image *image, const char *digest) {
        ImageRecord *record = image->record;
        Error e = ERROR_INIT;

        if (strv_contains(record->digests, digest))
                return;
        if (strv_extend(&record->digests, digest) < 0)
                error_oom(&e);
        else
                (void)store_image_write(image->manager->store, record, &e);
        if (e.number != 0)
                log_error_object(LOG_WARNING, &e, "Archives of image %s will not be recognized",
                                 record->id);
}

int image_find(Manager *m, const char *reference, Image **ret, sd_bus_error *error) {
        _cleanup_free_ char *name = NULL;
        const char *prefix;
        Image *found = NULL;

        prefix = startswith(reference, "sha256:") ?: reference;
        if (image_reference_normalize(reference, &name) >= 0)
                found = image_by_name(m, name);
        else if (!id_prefix_is_valid(prefix))
                return bus_error_setf(error, ERROR_INVALID_ARGS, "“%.256s” is no name for an image",
                                      reference);
        if (!found && id_prefix_is_valid(prefix)) {
                LIST_FOREACH(image, m->image_list, links) {
                        if (!startswith(image->record->id, prefix))
                                continue;
                        if (found)
                                return sd_bus_error_setf(
                                        error, ERROR_INVALID_ARGS,
                                        "More than one image has an id that begins with %s",
                                        prefix);
                        found = image;
                }
        }
        if (!found)
                return bus_error_setf(error, ERROR_NO_SUCH_IMAGE, "No such image: %.256s",
                                      reference);
        *ret = found;
        return 0;
}

int image_describe(const Image *image, const char *reference, char **ret) {
        _cleanup_free_ char *name = NULL;
        int r;

        r = image_reference_normalize(reference, &name);
        if (r == -ENOMEM)
                return r;
        if (r >= 0 && image_by_name(image->manager, name) == image) {
                *ret = TAKE_PTR(name);
                return 0;
        }
        return free_and_strdup(ret, image->record->id);
}

uint64_t image_size(const Image *image) {
        uint64_t size = 0;

        for (char **id = image->record->layers; *id; id++) {
                Layer *layer = map_get(&image->manager->layers, *id);

                size += layer ? layer->size : 0;
        }
        return size;
}

unsigned image_users(const Image *image) {
        unsigned n = 0;

        LIST_FOREACH(container, image->manager->container_list, links)
        n += streq(container->record->image_id, image->record->id);
        return n;
}

void image_names_changed(Image *image) {
        Manager *m = image->manager;
        _cleanup_strv_free_ char **names = NULL;
        int r;

        r = store_names_of(m->store, image->record->id, &names);
        if (r >= 0) {
                strv_free(image->names);
                image->names = TAKE_PTR(names);
                r = sd_bus_emit_properties_changed(m->bus, image->path, "org.mydocker.Image",
                                                   "Names", NULL);
        }
        if (r < 0)
                log_errno(LOG_WARNING, r, "Cannot announce the names of image %s",
                          image->record->id);
}

int image_check_name(Manager *m, const char *name, bool replace, Error *e) {
        if (replace || !image_by_name(m, name))
                return 0;
        return error_set(e, EEXIST, "exists", "An image named %s exists already", name);
}

static int change_name(Manager *m, const char *name, const char *id, Error *e) {
        char *names[] = {(char *)name, NULL};

        return store_names_change(m->store, names, id, e);
}

int image_tag(Image *image, const char *name, bool replace, Error *e) {
        Manager *m = image->manager;
        Image *loser = image_by_name(m, name);

        if (loser == image)
                return 0;
        TRY(image_check_name(m, name, replace, e));
        TRY(change_name(m, name, image->record->id, e));
        if (loser)
                image_names_changed(loser);
        image_names_changed(image);
        return 0;
}

int image_untag(Image *image, const char *name, Error *e) {
        TRY(change_name(image->manager, name, NULL, e));
        image_names_changed(image);
        return 0;
}

int image_remove(Image *image, Error *e) {
        Manager *m = image->manager;
        const char *id = image->record->id;
        Error failure = ERROR_INIT;
        int r;

        TRY(store_image_remove(m->store, id, e));
        /* It is gone; what fails from here on is made good by the next start. */
        if (store_names_change(m->store, image->names, NULL, &failure) < 0)
                log_error_object(LOG_WARNING, &failure, "Names of image %s are left", id);
        /* Announced before it cannot be found any more. */
        r = sd_bus_emit_object_removed(m->bus, image->path);
        if (r < 0)
                log_errno(LOG_WARNING, r, "Cannot announce the end of image %s", id);
        layers_unuse(m, image->record->layers);
        image_free(image);
        manager_counts_changed(m);
        manager_empty_trash(m);
        return 0;
}

/* Whether the intent gave others names that this image had, or gave it some. */
static bool names_differ(const Image *image, const Intent *intent) {
        for (size_t i = 0; i < intent->n_images; i++) {
                const IntentImage *made = &intent->images[i];

                for (char **name = made->names; name && *name; name++)
                        if (strv_contains(image->names, *name) !=
                            (image_by_name(image->manager, *name) == image))
                                return true;
        }
        return false;
}

int images_made(Manager *m, Intent *intent, char ***ret_paths, Error *e) {
        for (size_t i = 0; i < intent->n_images; i++) {
                IntentImage *made = &intent->images[i];
                Image *image;

                if (made->record && image_add(m, TAKE_PTR(made->record), &image) < 0)
                        return error_oom(e);
                if (strv_consume(ret_paths, strf(PATH_IMAGES "/%s", made->id)) < 0)
                        return error_oom(e);
        }
        /* The lists of those that were there already are as they were. */
        LIST_FOREACH(image, m->image_list, links)
        if (names_differ(image, intent))
                image_names_changed(image);
        return 0;
}
