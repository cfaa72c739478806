/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Images and the layers they share. */

#include "daemon/manager.h"
#include "shared/list.h"
#include "store/intent.h"

struct Layer {
        char id[ID_LENGTH + 1];
        unsigned n_users;  /* images and containers */
        unsigned n_images; /* of them, images; as layers_count_images() found */
        bool counted;
        uint64_t size; /* bytes; 0 until counted */
};

struct Image {
        LIST_LINKS(Image) links;
        Manager *manager;
        char *path; /* on the bus */
        ImageRecord *record;
        char **names;
};

/* Makes the object of a record, which it takes over. Announced on the bus, if the objects are there.
 * Return: 0 or a negative errno. */
int image_add(Manager *m, ImageRecord *record, Image **ret);

/* Frees the object only. */
void image_free(Image *image);

/* By name, id, or a unique beginning of an id. Return: 0, or a negative errno with `error` set. */
int image_find(Manager *m, const char *reference, Image **ret, sd_bus_error *error);

/* The image whose name this is, in its normal form, or NULL. */
Image *image_by_name(Manager *m, const char *name);

/* The image whose configuration in an archive has this digest, or NULL. */
Image *image_by_digest(Manager *m, const char *digest);

/* Notes the digest of a configuration that was written for this image. One that cannot be kept is no
 * failure: an archive read later then becomes another image. */
void image_add_digest(Image *image, const char *digest);

/* What a rule can trust of how a caller named the image: the name in its normal form if the image has it,
 * else its id, which no such name looks like. Return: 0 or -ENOMEM. */
int image_describe(const Image *image, const char *reference, char **ret);

/* Bytes of all its layers that have been counted. */
uint64_t image_size(const Image *image);
unsigned image_users(const Image *image);

/* Reads the names again and announces them. */
void image_names_changed(Image *image);

/* Gives a name, in its normal form, to the image; with `replace` also if another one has it.
 * Return: 0 or a negative errno, stage "exists" when another image has it. */
int image_tag(Image *image, const char *name, bool replace, Error *e);
int image_untag(Image *image, const char *name, Error *e);

/* Removes it from the store and the bus and frees it. Return: 0 or a negative errno. */
int image_remove(Image *image, Error *e);

/* What an intent has made: the new images' objects, and names that others lost. Takes the records out of
 * the intent. Return: 0 or a negative errno; *ret_paths, of all its images in order, is to be freed. */
int images_made(Manager *m, Intent *intent, char ***ret_paths, Error *e);

/* Checks that `name` may be given to a new image. Return: 0, or -EEXIST with *e set. */
int image_check_name(Manager *m, const char *name, bool replace, Error *e);

/* Layers become used by one more. Return: 0 or -ENOMEM. */
int layers_use(Manager *m, char *const *layers);
/* Or by one less: those that nobody uses any more are moved to the trash. */
void layers_unuse(Manager *m, char *const *layers);

/* Counts for each layer the images that have it. */
void layers_count_images(Manager *m);

/* Has a worker count the bytes of layers for which nobody has done that, one after the other. */
void layers_count(Manager *m);

/* A layer's bytes as known from the job that made it. */
void layer_set_size(Manager *m, const char *id, uint64_t size);

/* Puts the objects on the bus (image-dbus.c). Return: 0 or a negative errno. */
int images_export(Manager *m);
