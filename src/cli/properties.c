/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/properties.h"

#include <stdbool.h>
#include <string.h>

#include "shared/error.h"
#include "shared/strutil.h"

static int read_strings(sd_bus_message *m, char element, char ***list) {
        const char type[] = {element, '\0'};
        const char *s;
        int r;

        TRY(sd_bus_message_enter_container(m, 'a', type));
        while ((r = sd_bus_message_read_basic(m, element, &s)) > 0)
                TRY(strv_extend(list, s));
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_pairs(sd_bus_message *m, char ***list) {
        const char *key, *value;
        int r;

        TRY(sd_bus_message_enter_container(m, 'a', "{ss}"));
        while ((r = sd_bus_message_read(m, "{ss}", &key, &value)) > 0)
                TRY(strv_consume(list, strf("%s=%s", key, value)));
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_volumes(sd_bus_message *m, char ***list) {
        const char *source, *target;
        int read_only, r;

        TRY(sd_bus_message_enter_container(m, 'a', "(ssb)"));
        while ((r = sd_bus_message_read(m, "(ssb)", &source, &target, &read_only)) > 0)
                TRY(strv_consume(list, strf("%s:%s%s", source, target, read_only ? ":ro" : "")));
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_list(sd_bus_message *m, const char *type, void *target) {
        char ***list = target;

        strv_free(*list);
        *list = NULL;
        if (streq(type, "a{ss}"))
                return read_pairs(m, list);
        if (streq(type, "a(ssb)"))
                return read_volumes(m, list);
        return read_strings(m, type[1], list);
}

static int read_value(sd_bus_message *m, const char *type, void *target) {
        const char *s;
        int b;

        switch (type[0]) {
        case 'a':
                return read_list(m, type, target);
        case 's':
        case 'o':
                TRY(sd_bus_message_read_basic(m, type[0], &s));
                return free_and_strdup(target, s);
        case 'b':
                TRY(sd_bus_message_read_basic(m, 'b', &b));
                *(bool *)target = b;
                return 0;
        default:
                return sd_bus_message_read_basic(m, type[0], target);
        }
}

static int read_property(sd_bus_message *m, const PropertyMap *map, void *structure) {
        const char *name;

        TRY(sd_bus_message_read_basic(m, 's', &name));
        for (; map->name; map++) {
                if (!streq(map->name, name))
                        continue;
                TRY(sd_bus_message_enter_container(m, 'v', map->type));
                TRY(read_value(m, map->type, (char *)structure + map->offset));
                return sd_bus_message_exit_container(m);
        }
        return sd_bus_message_skip(m, "v");
}

int properties_read(sd_bus_message *message, const PropertyMap *map, void *structure) {
        int r;

        TRY(sd_bus_message_enter_container(message, 'a', "{sv}"));
        while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                TRY(read_property(message, map, structure));
                TRY(sd_bus_message_exit_container(message));
        }
        TRY(r);
        TRY(sd_bus_message_exit_container(message));
        return 0;
}

void properties_done(const PropertyMap *map, void *structure) {
        for (; map->name; map++) {
                void *target = (char *)structure + map->offset;

                if (map->type[0] == 'a') {
                        strv_free(*(char ***)target);
                        *(char ***)target = NULL;
                } else if (map->type[0] == 's' || map->type[0] == 'o') {
                        free(*(char **)target);
                        *(char **)target = NULL;
                }
        }
}
