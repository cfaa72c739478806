/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker rmi */

#include <limits.h>
#include <stdio.h>

#include "cli/containers.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "shared/strutil.h"

static bool force;

static const Option options[] = {
        {"f force", NULL,
         "Also an image of stopped containers, or with all its names; a missing one is no error",
         option_bool, &force},
        {},
};

static const char *name_of(const Image *image, const char *operand) {
        for (char **name = image->names; name && *name; name++)
                if (same_image(*name, operand))
                        return *name;
        return NULL;
}

static int remove_all(Client *client, const Image *image, const char *operand) {
        int r = client_call(client, operand, image->path, IMAGE_INTERFACE, "Remove", NULL, "a{sv}",
                            1, "force", "b", force);

        if (r != 0)
                return r;
        for (char **name = image->names; name && *name; name++)
                printf("Untagged: %s\n", *name);
        printf("Deleted: sha256:%s\n", image->id);
        return 0;
}

/* One of several names only goes; with the last name goes the image. */
static int remove_image(Client *client, const Image *image, const char *operand) {
        const char *name = name_of(image, operand);
        int r;

        if (strv_length(image->names) <= 1 || (!name && force))
                return remove_all(client, image, operand);
        if (!name)
                return report(
                        client,
                        "conflict: unable to delete %s (must be forced) - image is referenced in multiple "
                        "repositories",
                        operand);
        r = client_call(client, operand, image->path, IMAGE_INTERFACE, "Untag", NULL, "sa{sv}",
                        name, 0);
        if (r == 0)
                printf("Untagged: %s\n", name);
        return r;
}

static int rmi(Client *client, char **operands) {
        int status = 0;

        for (; *operands; operands++) {
                _cleanup_free_ char *path = NULL;
                Image image = {};
                int r = client_look_up(client, "GetImage", force ? "NoSuchImage" : NULL, *operands,
                                       &path);

                if (r == 0 && path)
                        r = image_get(client, path, *operands, &image);
                if (r == 0 && path)
                        r = remove_image(client, &image, *operands);
                image_done(&image);
                status = r != 0 ? r : status;
        }
        return status;
}

const Verb verb_rmi = {
        .name = "rmi",
        .synopsis = "[OPTIONS] IMAGE [IMAGE...]",
        .summary = "Remove one or more images",
        .options = options,
        .min_operands = 1,
        .max_operands = UINT_MAX,
        .first = OPERAND_IMAGE,
        .others = OPERAND_IMAGE,
        .failure = 1,
        .run = rmi,
};
