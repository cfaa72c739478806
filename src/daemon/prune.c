/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Prune: removes containers that do not run, and images that nobody uses, one after the other. What a container's upper
 * directory holds is counted by a worker, for many at a time. */

#include "daemon/authorize.h"
#include "daemon/bus-util.h"
#include "daemon/container.h"
#include "daemon/errors.h"
#include "daemon/image.h"
#include "daemon/job.h"
#include "daemon/manager-methods.h"
#include "daemon/options.h"
#include "daemon/sizes.h"
#include "shared/log.h"
#include "shared/process.h"

typedef struct PruneOptions {
        bool containers, images, all, others, dry_run;
        uint64_t until;
        char **labels, **not_labels;
} PruneOptions;

static const Option prune_options[] = {
        {"containers", OPTION_BOOL, offsetof(PruneOptions, containers)},
        {"images", OPTION_BOOL, offsetof(PruneOptions, images)},
        {"all", OPTION_BOOL, offsetof(PruneOptions, all)},
        {"others", OPTION_BOOL, offsetof(PruneOptions, others)},
        {"dry-run", OPTION_BOOL, offsetof(PruneOptions, dry_run)},
        {"until", OPTION_U64, offsetof(PruneOptions, until)},
        {"labels", OPTION_STRV, offsetof(PruneOptions, labels)},
        {"not-labels", OPTION_STRV, offsetof(PruneOptions, not_labels)},
};

typedef struct Prune {
        Manager *manager;
        Job *job;
        uid_t uid;
        PruneOptions options;
        bool canceled;
        Sizes *sizes;          /* while they are counted */
        char **containers;     /* ids of the candidates */
        uint64_t *upper_sizes; /* of them */
        size_t next;           /* container */
        char **images;         /* ids of the candidates */
        size_t next_image;
        bool listed; /* the candidates among the images */
        sd_event_source *defer;
        JobResult result;
        char **removed_containers, **removed_images, **untagged;
} Prune;

static void prune_options_done(PruneOptions *o) {
        strv_free(o->labels);
        strv_free(o->not_labels);
        *o = (PruneOptions){};
}

static void prune_free(Prune *prune) {
        prune_options_done(&prune->options);
        sd_event_source_disable_unref(prune->defer);
        strv_free(prune->containers);
        strv_free(prune->images);
        strv_free(prune->removed_containers);
        strv_free(prune->removed_images);
        strv_free(prune->untagged);
        free(prune->upper_sizes);
        free(prune);
}

static void finish(Prune *prune, const Error *error) {
        prune->result.pruned = true;
        prune->result.containers = prune->removed_containers;
        prune->result.images = prune->removed_images;
        prune->result.untagged = prune->untagged;
        job_finish(prune->job, error, &prune->result);
        prune_free(prune);
}

/* Whether the job goes on. If not, it has ended; what was removed until then is in its results. */
static bool goes_on(Prune *prune, const Error *error) {
        Error e = ERROR_INIT;

        if (!error && prune->canceled) {
                error_set(&e, ECANCELED, "prune", "canceled");
                error = &e;
        }
        if (error)
                finish(prune, error);
        return !error;
}

/* Whether labels, an object or NULL, have one as KEY or KEY=VALUE. */
static bool has_label(Json *labels, const char *wanted) {
        const char *equals = strchrnul(wanted, '=');
        _cleanup_free_ char *key = strndup(wanted, (size_t)(equals - wanted));
        Json *value = NULL;

        return key && labels && json_object_object_get_ex(labels, key, &value) &&
               (!*equals || streq(json_object_get_string(value), equals + 1));
}

static bool fits(const PruneOptions *o, Json *labels, uint64_t created) {
        if (o->until > 0 && created >= o->until)
                return false;
        for (char **label = o->labels; label && *label; label++)
                if (!has_label(labels, *label))
                        return false;
        for (char **label = o->not_labels; label && *label; label++)
                if (has_label(labels, *label))
                        return false;
        return true;
}

static bool container_fits(const Prune *prune, const Container *c) {
        return c->announced && !c->busy && !c->forgotten &&
               (c->state == CONTAINER_CREATED || c->state == CONTAINER_EXITED ||
                c->state == CONTAINER_DEAD) &&
               (prune->options.others || c->record->owner == prune->uid) &&
               fits(&prune->options, c->record->labels, c->record->created_at);
}

/* Containers that are only shown as removed do not count. */
static bool is_used(const Prune *prune, const Image *image) {
        LIST_FOREACH(c, image->manager->container_list, links) {
                if (streq(c->record->image_id, image->record->id) &&
                    !(prune->options.dry_run &&
                      strv_contains(prune->removed_containers, c->record->spec->id)))
                        return true;
        }
        return false;
}

static bool image_fits(const Prune *prune, const Image *image) {
        Json *labels = NULL;

        if ((!prune->options.all && image->names && *image->names) || is_used(prune, image))
                return false;
        return json_get_object(image->record->config, "Labels", &labels) >= 0 &&
               fits(&prune->options, labels, image->record->created);
}

/* Bytes of layers that go when one more user of each does. */
static uint64_t last_uses(Manager *m, char *const *layers) {
        uint64_t size = 0;

        for (char *const *id = layers; id && *id; id++) {
                const Layer *layer = map_get(&m->layers, *id);

                size += layer && layer->n_users == 1 ? layer->size : 0;
        }
        return size;
}

/* Bytes of layers that nobody would use if all that is in the results were gone. */
static uint64_t imagined_uses(const Prune *prune) {
        Manager *m = prune->manager;
        uint64_t size = 0;

        MAP_FOREACH(slot, &m->layers) {
                const Layer *layer = slot->value;
                unsigned n = 0;

                for (char **id = prune->removed_images; id && *id; id++) {
                        const Image *image = map_get(&m->images, *id);

                        n += image && strv_contains(image->record->layers, layer->id);
                }
                for (char **id = prune->removed_containers; id && *id; id++) {
                        const Container *c = container_by_id(m, *id);

                        n += c && strv_contains(c->record->spec->layers, layer->id);
                }
                size += n > 0 && n == layer->n_users ? layer->size : 0;
        }
        return size;
}

static int note_image(Prune *prune, const Image *image) {
        for (char **name = image->names; name && *name; name++)
                TRY(strv_extend(&prune->untagged, *name));
        return strv_extend(&prune->removed_images, image->record->id);
}

static int take_image(Prune *prune, Image *image, Error *e) {
        uint64_t size = last_uses(prune->manager, image->record->layers);

        if (note_image(prune, image) < 0)
                return error_oom(e);
        if (prune->options.dry_run)
                return 0;
        prune->result.reclaimed += size;
        return image_remove(image, e);
}

static void go_on(Prune *prune) {
        Error e = ERROR_INIT;
        int r = sd_event_source_set_enabled(prune->defer, SD_EVENT_ONESHOT);

        if (r >= 0)
                return;
        error_set(&e, r, "prune", "cannot go on");
        finish(prune, &e);
}

static void on_removed(const Error *error, void *userdata) {
        Prune *prune = userdata;

        if (goes_on(prune, error))
                go_on(prune);
}

/* Looked up and judged again, whatever has come between since the list was made. Return: whether it is on its way out. */
static bool take_container(Prune *prune, size_t i, Error *e) {
        Container *c = container_by_id(prune->manager, prune->containers[i]);

        if (!c || !container_fits(prune, c))
                return false;
        if (strv_extend(&prune->removed_containers, prune->containers[i]) < 0) {
                error_oom(e);
                return false;
        }
        prune->result.reclaimed += prune->upper_sizes[i];
        if (prune->options.dry_run)
                return false;
        prune->result.reclaimed += last_uses(prune->manager, c->record->spec->layers);
        container_remove(c, on_removed, prune);
        return true;
}

static int list_images(Prune *prune, Error *e) {
        prune->listed = true;
        if (!prune->options.images)
                return 0;
        LIST_FOREACH(image, prune->manager->image_list, links) {
                if (image_fits(prune, image) && strv_extend(&prune->images, image->record->id) < 0)
                        return error_oom(e);
        }
        return 0;
}

/* One container or image in each turn of the event loop. */
static int on_turn(sd_event_source *source, void *userdata) {
        Prune *prune = userdata;
        Error e = ERROR_INIT;

        if (prune->containers && prune->containers[prune->next]) {
                if (take_container(prune, prune->next++, &e))
                        return 0;
        } else if (!prune->listed) {
                (void)list_images(prune, &e);
        } else if (prune->images && prune->images[prune->next_image]) {
                const char *id = prune->images[prune->next_image++];
                Image *image = map_get(&prune->manager->images, id);

                if (image && image_fits(prune, image))
                        (void)take_image(prune, image, &e);
        } else {
                if (prune->options.dry_run)
                        prune->result.reclaimed += imagined_uses(prune);
                finish(prune, NULL);
                return 0;
        }
        if (goes_on(prune, e.number != 0 ? &e : NULL))
                go_on(prune);
        return 0;
}

static void on_sizes(const Error *error, const uint64_t *sizes, void *userdata) {
        Prune *prune = userdata;
        size_t n = strv_length(prune->containers);
        Error e = ERROR_INIT;

        prune->sizes = NULL;
        if (!goes_on(prune, error))
                return;
        prune->upper_sizes = calloc(n + 1, sizeof(uint64_t));
        if (!prune->upper_sizes ||
            sd_event_add_defer(prune->manager->event, &prune->defer, on_turn, prune) < 0) {
                error_oom(&e);
                finish(prune, &e);
                return;
        }
        memcpy(prune->upper_sizes, sizes, n * sizeof(uint64_t));
}

static void on_cancel(void *userdata) {
        Prune *prune = userdata;

        prune->canceled = true;
        if (prune->sizes)
                sizes_cancel(prune->sizes);
}

static int begin(Prune *prune, Error *e) {
        Manager *m = prune->manager;

        if (prune->options.containers) {
                LIST_FOREACH(c, m->container_list, links) {
                        if (container_fits(prune, c) &&
                            strv_extend(&prune->containers, c->record->spec->id) < 0)
                                return error_oom(e);
                }
        }
        prune->job = job_new(m, "prune", prune->uid, NULL, on_cancel, prune);
        if (!prune->job)
                return error_oom(e);
        return sizes_count(m, prune->uid, prune->containers, on_sizes, prune, &prune->sizes, e);
}

/* What the caller owns it could remove one by one. Showing is not removing. */
static int authorize_prune(Manager *m, sd_bus_message *message, const PruneOptions *o,
                           sd_bus_error *error) {
        _cleanup_strv_free_ char **details = NULL;
        int r = 1;

        if (o->dry_run)
                return 1;
        if (details_add(&details, "verb", "prune") < 0)
                return bus_failure(error, ENOMEM, "prune");
        if (o->images)
                r = authorize(m, message, ACTION_IMAGE_PRUNE, details, error);
        if (r > 0 && o->containers && o->others)
                r = authorize(m, message, ACTION_REMOVE, details, error);
        return r;
}

static int check_options(const PruneOptions *o, sd_bus_error *error) {
        if (!o->containers && !o->images)
                return sd_bus_error_set(error, ERROR_INVALID_ARGS,
                                        "Neither option containers nor option images is given");
        if (o->all && !o->images)
                return sd_bus_error_set(error, ERROR_INVALID_ARGS, "Option all is only for images");
        if (o->others && !o->containers)
                return sd_bus_error_set(error, ERROR_INVALID_ARGS,
                                        "Option others is only for containers");
        return 0;
}

int manager_method_prune(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(prune_options_done) PruneOptions o = {};
        Manager *m = userdata;
        const Caller *caller;
        Error e = ERROR_INIT;
        Prune *prune;
        int r;

        TRY(options_read(message, prune_options, ELEMENTSOF(prune_options), &o, error));
        TRY(check_options(&o, error));
        r = authorize_prune(m, message, &o, error);
        if (r > 0)
                r = caller_get(m, message, &caller, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        TRY(job_check_quota(m, caller->uid, error));
        prune = calloc(1, sizeof(*prune));
        if (!prune)
                return bus_failure(error, ENOMEM, "prune");
        *prune = (Prune){.manager = m, .uid = caller->uid, .options = o};
        o = (PruneOptions){};
        r = begin(prune, &e);
        if (r >= 0)
                return sd_bus_reply_method_return(message, "o", prune->job->path);
        if (prune->job)
                job_finish(prune->job, &e, NULL);
        prune_free(prune);
        return error_to_bus(&e, error);
}
