/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fuzzes what is read from the disk and from images: records of containers and images are refused or mean something
 * that is written and read again as the same; an image's configuration, and the lines that change one, are
 * refused or leave one that can be read. */

#include <stdint.h>

#include "daemon/image-config.h"
#include "shared/test.h"
#include "store/container-record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_container(Json *json) {
        _cleanup_(container_record_freep) ContainerRecord *record = NULL, *copy = NULL;
        _cleanup_json_ Json *first = NULL, *again = NULL;

        if (container_record_from_json(json, &record) < 0)
                return;
        CHECK_INT(container_record_to_json(record, &first), 0);
        CHECK_INT(container_record_from_json(first, &copy), 0);
        CHECK_INT(container_record_to_json(copy, &again), 0);
        CHECK(json_object_equal(first, again));
}

static void fuzz_image(Json *json) {
        _cleanup_(image_record_freep) ImageRecord *record = NULL, *copy = NULL;
        _cleanup_json_ Json *first = NULL, *again = NULL, *described = NULL;

        if (image_record_from_json(json, &record) < 0)
                return;
        CHECK_INT(image_record_to_json(record, &first), 0);
        CHECK_INT(image_record_from_json(first, &copy), 0);
        CHECK_INT(image_record_to_json(copy, &again), 0);
        CHECK(json_object_equal(first, again));
        CHECK_INT(image_config_describe(record, &described), 0);
}

static void fuzz_config(Json *json) {
        ImageDefaults defaults = {};

        if (image_config_read(json, &defaults) >= 0)
                for (char **s = defaults.env; s && *s; s++)
                        CHECK(utf8_is_valid(*s));
        image_defaults_done(&defaults);
}

/* Each line of the input, to an empty configuration. */
static void fuzz_changes(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = strndup((const char *)data, size);
        _cleanup_json_ Json *config = json_object_new_object();
        char *rest = text, *line;

        CHECK(text && config);
        /* As strings come over the bus. */
        if (!utf8_is_valid(text))
                return;
        while ((line = strsep(&rest, "\n"))) {
                char *changes[] = {line, NULL};
                ImageDefaults defaults = {};
                Error e = ERROR_INIT;
                int r = image_config_change(config, changes, &e);

                CHECK((r < 0) == (e.number != 0));
                CHECK_INT(image_config_read(config, &defaults), 0);
                image_defaults_done(&defaults);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_json_ Json *json = NULL;

        fuzz_changes(data, size);
        if (json_parse((const char *)data, size, &json) < 0)
                return 0;
        fuzz_container(json);
        fuzz_image(json);
        fuzz_config(json);
        return 0;
}
