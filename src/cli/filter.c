/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/filter.h"

#include <string.h>

#include "cli/report.h"
#include "shared/strutil.h"

/* The value of a filter with this key, else NULL. */
static const char *filter_value(const char *filter, const char *key) {
        const char *rest = startswith(filter, key);

        return rest && *rest == '=' ? rest + 1 : NULL;
}

int filters_check(const Client *client, char *const *filters, const char *const *keys) {
        for (; filters && *filters; filters++) {
                bool known = false;

                if (!strchr(*filters, '='))
                        return report(client, "bad format of filter (expected name=value): %s",
                                      *filters);
                for (const char *const *key = keys; *key; key++)
                        known = known || filter_value(*filters, *key);
                if (!known)
                        return report(client, "invalid filter '%.*s'", (int)strcspn(*filters, "="),
                                      *filters);
        }
        return 0;
}

bool filters_have(char *const *filters, const char *key) {
        for (; filters && *filters; filters++)
                if (filter_value(*filters, key))
                        return true;
        return false;
}

bool filters_hold(char *const *filters, const char *key,
                  bool (*match)(const char *value, const void *userdata), const void *userdata) {
        bool given = false;

        for (; filters && *filters; filters++) {
                const char *value = filter_value(*filters, key);

                if (!value)
                        continue;
                given = true;
                if (match(value, userdata))
                        return true;
        }
        return !given;
}

bool label_matches(char *const *labels, const char *wanted) {
        for (; labels && *labels; labels++) {
                const char *rest = startswith(*labels, wanted);

                if (rest && (!*rest || (*rest == '=' && !strchr(wanted, '='))))
                        return true;
        }
        return false;
}

static bool is_state(const char *value) {
        return streq(value, "created") || streq(value, "running") || streq(value, "paused") ||
               streq(value, "restarting") || streq(value, "removing") || streq(value, "exited") ||
               streq(value, "dead");
}

static bool is_health(const char *value) {
        return streq(value, "starting") || streq(value, "healthy") || streq(value, "unhealthy") ||
               streq(value, "none");
}

static bool is_exit_code(const char *value) {
        uint32_t code;

        return parse_u32(value, &code) >= 0;
}

bool filter_is_bool(const char *value) {
        return streq(value, "true") || streq(value, "1") || streq(value, "false") ||
               streq(value, "0");
}

int filters_check_values(const Client *client, char *const *filters, const char *key,
                         bool (*is_valid)(const char *value)) {
        for (; filters && *filters; filters++) {
                const char *value = filter_value(*filters, key);

                if (value && !is_valid(value))
                        return report(client, "invalid filter '%s'", *filters);
        }
        return 0;
}

int container_filters_check(const Client *client, char *const *filters) {
        static const char *const keys[] = {"id",     "name",     "label",  "status",
                                           "exited", "ancestor", "before", "since",
                                           "volume", "health",   NULL};
        int r = filters_check(client, filters, keys);

        if (r == 0)
                r = filters_check_values(client, filters, "status", is_state);
        if (r == 0)
                r = filters_check_values(client, filters, "exited", is_exit_code);
        return r != 0 ? r : filters_check_values(client, filters, "health", is_health);
}

typedef struct Subject {
        const Container *container;
        const ContainerList *list;
} Subject;

static bool match_id(const char *value, const void *userdata) {
        return startswith(((const Subject *)userdata)->container->id, value);
}

static bool match_name(const char *value, const void *userdata) {
        return strstr(((const Subject *)userdata)->container->name, value + (*value == '/'));
}

static bool match_label(const char *value, const void *userdata) {
        return label_matches(((const Subject *)userdata)->container->labels, value);
}

static bool match_status(const char *value, const void *userdata) {
        const char *state = ((const Subject *)userdata)->container->state;

        return streq(state, value) || (streq(state, "stopping") && streq(value, "running"));
}

static bool match_health(const char *value, const void *userdata) {
        return streq_ptr(((const Subject *)userdata)->container->health, value);
}

static bool match_exited(const char *value, const void *userdata) {
        const Container *c = ((const Subject *)userdata)->container;
        uint32_t code;

        return streq(c->state, "exited") && parse_u32(value, &code) >= 0 &&
               c->exit_code == (int64_t)code;
}

static bool match_ancestor(const char *value, const void *userdata) {
        const Container *c = ((const Subject *)userdata)->container;

        return same_image(c->image, value) ||
               (id_prefix_is_valid(value) && c->image_id && startswith(c->image_id, value));
}

static const Container *find_in_list(const ContainerList *list, const char *operand) {
        for (size_t i = 0; i < list->n; i++)
                if (streq(list->items[i].name, operand) || startswith(list->items[i].id, operand))
                        return &list->items[i];
        return NULL;
}

static bool match_before(const char *value, const void *userdata) {
        const Subject *s = userdata;
        const Container *other = find_in_list(s->list, value);

        return other && s->container->created < other->created;
}

static bool match_since(const char *value, const void *userdata) {
        const Subject *s = userdata;
        const Container *other = find_in_list(s->list, value);

        return other && s->container->created > other->created;
}

static bool match_volume(const char *value, const void *userdata) {
        char **volumes = ((const Subject *)userdata)->container->volumes;

        for (; volumes && *volumes; volumes++) {
                const char *target = strchr(*volumes, ':') + 1;
                size_t n = strlen(value);

                if ((strncmp(*volumes, value, n) == 0 && (*volumes)[n] == ':') ||
                    (strncmp(target, value, n) == 0 && (!target[n] || target[n] == ':')))
                        return true;
        }
        return false;
}

int container_filters_look_up(const Client *client, char *const *filters,
                              const ContainerList *list) {
        for (; filters && *filters; filters++) {
                const char *other =
                        filter_value(*filters, "before") ?: filter_value(*filters, "since");

                if (other && !find_in_list(list, other))
                        return report(client, "No such container: %s", other);
        }
        return 0;
}

bool container_filters_hold(char *const *filters, const Container *container,
                            const ContainerList *list) {
        static const struct {
                const char *key;
                bool (*match)(const char *value, const void *userdata);
        } matches[] = {
                {"id", match_id},         {"name", match_name},     {"label", match_label},
                {"status", match_status}, {"exited", match_exited}, {"ancestor", match_ancestor},
                {"before", match_before}, {"since", match_since},   {"volume", match_volume},
                {"health", match_health},
        };
        Subject subject = {.container = container, .list = list};

        for (size_t i = 0; i < ELEMENTSOF(matches); i++)
                if (!filters_hold(filters, matches[i].key, matches[i].match, &subject))
                        return false;
        return true;
}
