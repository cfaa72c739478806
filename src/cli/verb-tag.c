/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker tag */

#include "cli/verbs.h"

static int tag(Client *client, char **operands) {
        _cleanup_free_ char *path = NULL;
        int r = client_find_image(client, operands[0], &path);

        /* As docker's: the name moves silently. */
        return r != 0 ? r :
                        client_call(client, operands[0], path, IMAGE_INTERFACE, "Tag", NULL,
                                    "sa{sv}", operands[1], 1, "replace", "b", true);
}

const Verb verb_tag = {
        .name = "tag",
        .synopsis = "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
        .summary = "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
        .min_operands = 2,
        .max_operands = 2,
        .first = OPERAND_IMAGE,
        .others = OPERAND_IMAGE,
        .failure = 1,
        .run = tag,
};
