/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The state directory: where everything lies in it, and the moves between its places. One Store for
 * each process and directory; a lock keeps a second one out.
 *
 *   images/ID.json       an image's record           images/names.json   which image a name means
 *   layers/ID/diff       a layer's files             layers/ID/size      their bytes, when counted
 *   containers/ID/       config.json, upper, work, merged, and in lower links to
 *                        its layers; the supervisor adds the log
 *   staging/ID/          what an unfinished job has written so far
 *   intents/ID.json      changes of several steps that were begun (intent.h)
 *   trash/               what is still to be deleted; to remove something is to move it here
 *
 * Nothing here waits for the disk. What must survive a power failure is made durable by the caller
 * with syncfs(2) on `fd`. */

#include <stdbool.h>
#include <stdint.h>

#include "shared/error.h"
#include "shared/json.h"
#include "shared/strutil.h"
#include "store/container-record.h"
#include "store/image-record.h"

/* What could not be moved to the trash. */
typedef struct Leftover {
        int dir; /* of the store's, borrowed */
        char id[ID_LENGTH + 1];
} Leftover;

/* Largest record that is read. */
#define RECORD_SIZE_MAX (4U * 1024 * 1024)

/* Overlay takes more, but each layer makes every start slower. */
#define LAYERS_MAX 100

typedef struct Store {
        char *path; /* absolute */
        int fd;     /* the directory; holds the lock */
        int images, layers, containers, staging, intents, trash;
        /* names.json: reference in its normal form → id. */
        Json *names;
        Leftover *leftovers;
        size_t n_leftovers;
} Store;

/* Opens the directory, made if missing (mode 0700), and locks it.
 * Return: 0 or a negative errno, -EBUSY when another process has it; *ret is to be freed. */
int store_open(const char *path, Store **ret, Error *e);

/* Return: NULL. */
Store *store_free(Store *store);
DEFINE_CLEANUP(Store *, store_free)

/* The names in one of the store's directories. Return: 0 or a negative errno; *ret is to be freed. */
int store_list(int dir, char ***ret, Error *e);

/* Makes containers/ID for a chain of layers, at least one, the lowest first; its empty upper directory
 * has mode and owner of the top layer's root directory. On failure nothing is left.
 * Return: 0 or a negative errno. */
int store_container_make(Store *store, const char *id, char *const *layers, Error *e);

/* Opens containers/ID/NAME, or containers/ID itself for NULL, as a directory.
 * Return: a descriptor or a negative errno. */
int store_container_open(Store *store, const char *id, const char *name, Error *e);

/* Writes config.json. Return: 0 or a negative errno. */
int store_container_write(Store *store, const ContainerRecord *record, Error *e);

/* Return: 0 or a negative errno; *ret is to be freed. */
int store_container_read(Store *store, const char *id, ContainerRecord **ret, Error *e);

/* Seals a container that nobody uses: its upper directory becomes the layer `layer`, a new id, the last one of its
 * chain in the record, and it gets a new, empty one. On failure all is as before.
 * Return: 0 or a negative errno. */
int store_container_seal(Store *store, ContainerRecord *record, const char *layer, Error *e);

/* Finishes what a crash in the middle of that has left. Return: 0 or a negative errno. */
int store_container_repair(Store *store, const ContainerRecord *record, Error *e);

/* Opens a layer's files as a directory. Return: a descriptor or a negative errno. */
int store_layer_open(Store *store, const char *id, Error *e);

/* Moves the directory `name` of `dir` to layers/ID/diff. Return: 0 or a negative errno. */
int store_layer_take(Store *store, const char *id, int dir, const char *name, Error *e);

/* The bytes of a layer. Return: 1, or 0 when they have not been counted. */
int store_layer_read_size(Store *store, const char *id, uint64_t *ret);
int store_layer_write_size(Store *store, const char *id, uint64_t size, Error *e);

int store_image_write(Store *store, const ImageRecord *record, Error *e);
/* From then on there is no such image; its names and layers mean nothing any more. */
int store_image_remove(Store *store, const char *id, Error *e);

/* The image that a reference in its normal form means. Return: its id, or NULL. Borrowed until names
 * change. */
const char *store_name_get(Store *store, const char *name);
/* All names of an image. Return: 0 or -ENOMEM; *ret is to be freed. */
int store_names_of(Store *store, const char *id, char ***ret);
/* Gives all of `names` to an image, or to none (NULL). On failure none has changed.
 * Return: 0 or a negative errno. */
int store_names_change(Store *store, char *const *names, const char *id, Error *e);

/* Makes and opens staging/ID. Return: a descriptor or a negative errno. */
int store_staging_make(Store *store, const char *id, Error *e);
/* Makes and opens a directory in it. */
int store_staging_make_part(int staging, const char *name, Error *e);

/* Moves `name` of one of the store's directories to the trash. Return: 0, also when there is no such
 * thing, or a negative errno. */
int store_trash(Store *store, int dir, const char *name, Error *e);
bool store_trash_is_empty(Store *store);

/* The same with what has this id and nobody wants any more. If it cannot be moved, since the trash does not grow on a full
 * disk for instance, it is remembered. */
void store_discard(Store *store, int dir, const char *id);
/* Moves what is remembered. Return: whether something is left still. */
bool store_discard_again(Store *store);
