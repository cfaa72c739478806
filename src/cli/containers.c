/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/containers.h"

#include <inttypes.h>
#include <string.h>

#include "cli/human.h"
#include "cli/properties.h"
#include "cli/report.h"
#include "shared/error.h"
#include "shared/strutil.h"

static const PropertyMap container_map[] = {
        {"Id", "s", offsetof(Container, id)},
        {"Name", "s", offsetof(Container, name)},
        {"Image", "s", offsetof(Container, image)},
        {"ImageId", "s", offsetof(Container, image_id)},
        {"Command", "as", offsetof(Container, command)},
        {"State", "s", offsetof(Container, state)},
        {"ExitCode", "i", offsetof(Container, exit_code)},
        {"OOMKilled", "b", offsetof(Container, oom_killed)},
        {"Error", "s", offsetof(Container, error)},
        {"Pid", "u", offsetof(Container, pid)},
        {"Owner", "u", offsetof(Container, owner)},
        {"CreatedAt", "t", offsetof(Container, created)},
        {"StartedAt", "t", offsetof(Container, started)},
        {"FinishedAt", "t", offsetof(Container, finished)},
        {"Hostname", "s", offsetof(Container, hostname)},
        {"Labels", "a{ss}", offsetof(Container, labels)},
        {"Volumes", "a(ssb)", offsetof(Container, volumes)},
        {"MemoryLimit", "t", offsetof(Container, memory)},
        {"MemorySwapLimit", "t", offsetof(Container, memory_swap)},
        {"CpuLimit", "d", offsetof(Container, cpus)},
        {"CpuShares", "t", offsetof(Container, cpu_shares)},
        {"CpusetCpus", "s", offsetof(Container, cpuset)},
        {"PidsLimit", "t", offsetof(Container, pids)},
        {"CgroupPath", "s", offsetof(Container, cgroup)},
        {"Tty", "b", offsetof(Container, tty)},
        {"Health", "s", offsetof(Container, health)},
        {"RestartPolicy", "s", offsetof(Container, restart)},
        {"RestartCount", "u", offsetof(Container, restart_count)},
        {},
};

static const PropertyMap image_map[] = {
        {"Id", "s", offsetof(Image, id)},
        {"Names", "as", offsetof(Image, names)},
        {"CreatedAt", "t", offsetof(Image, created)},
        {"Size", "t", offsetof(Image, size)},
        {"Layers", "as", offsetof(Image, layers)},
        {},
};

void container_done(Container *container) {
        properties_done(container_map, container);
        free(container->path);
        *container = (Container){};
}

void container_list_done(ContainerList *list) {
        for (size_t i = 0; i < list->n; i++)
                container_done(&list->items[i]);
        free(list->items);
        *list = (ContainerList){};
}

void image_done(Image *image) {
        properties_done(image_map, image);
        free(image->path);
        *image = (Image){};
}

void image_list_done(ImageList *list) {
        for (size_t i = 0; i < list->n; i++)
                image_done(&list->items[i]);
        free(list->items);
        *list = (ImageList){};
}

static const char *format_health(const Container *c) {
        return streq(c->state, "paused")         ? " (Paused)" :
               streq_ptr(c->health, "starting")  ? " (health: starting)" :
               streq_ptr(c->health, "healthy")   ? " (healthy)" :
               streq_ptr(c->health, "unhealthy") ? " (unhealthy)" :
                                                   "";
}

char *container_status(const Container *c, uint64_t now) {
        _cleanup_free_ char *since = NULL;

        if (streq(c->state, "exited") || streq(c->state, "restarting")) {
                since = human_ago(now, c->finished);
                return since ? strf("%s (%" PRId32 ") %s",
                                    streq(c->state, "exited") ? "Exited" : "Restarting",
                                    c->exit_code, since) :
                               NULL;
        }
        if (container_is_running(c)) {
                since = human_duration(now > c->started ? now - c->started : 0);
                return since ? strf("Up %s%s", since, format_health(c)) : NULL;
        }
        if (streq(c->state, "created"))
                return strdup("Created");
        return strdup(streq(c->state, "removing") ? "Removal In Progress" : "Dead");
}

bool container_is_running(const Container *container) {
        return streq(container->state, "running") || streq(container->state, "paused") ||
               streq(container->state, "stopping") || streq(container->state, "restarting");
}

bool same_image(const char *a, const char *b) {
        _cleanup_free_ char *x = NULL, *y = NULL;

        return image_reference_normalize(a, &x) >= 0 && image_reference_normalize(b, &y) >= 0 &&
               streq(x, y);
}

int container_read(sd_bus_message *message, Container *container) {
        return properties_read(message, container_map, container);
}

/* Grows an array by one zeroed element, which belongs to the list from then on. */
#define LIST_ADD(list)                                                                             \
        ({                                                                                         \
                __typeof__((list)->items) _items =                                                 \
                        reallocarray((list)->items, (list)->n + 1, sizeof(*_items));               \
                __typeof__((list)->items) _new = NULL;                                             \
                if (_items) {                                                                      \
                        (list)->items = _items;                                                    \
                        _new = &_items[(list)->n++];                                               \
                        memset(_new, 0, sizeof(*_new));                                            \
                }                                                                                  \
                _new;                                                                              \
        })

static int read_text(sd_bus_message *m, char **ret) {
        const char *text;

        TRY(sd_bus_message_read_basic(m, 's', &text));
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

/* What ListContainers tells. */
static int read_listed(sd_bus_message *m, Container *c) {
        const char *path;

        TRY(sd_bus_message_read_basic(m, 'o', &path));
        c->path = strdup(path);
        if (!c->path)
                return -ENOMEM;
        TRY(read_text(m, &c->id));
        TRY(read_text(m, &c->name));
        TRY(read_text(m, &c->image));
        TRY(read_text(m, &c->state));
        return sd_bus_message_read(m, "ttu", &c->created, &c->started, &c->owner);
}

/* What DescribeContainers does. */
static int read_described(sd_bus_message *m, Container *c) {
        TRY(read_listed(m, c));
        TRY(sd_bus_message_read_strv(m, &c->command));
        TRY(sd_bus_message_read(m, "it", &c->exit_code, &c->finished));
        return read_text(m, &c->health);
}

static int read_rows(sd_bus_message *m, const char *type,
                     int (*read_row)(sd_bus_message *m, Container *c), ContainerList *list) {
        int r;

        TRY(sd_bus_message_enter_container(m, 'a', NULL));
        while ((r = sd_bus_message_enter_container(m, 'r', type)) > 0) {
                Container *c = LIST_ADD(list);

                if (!c)
                        return -ENOMEM;
                TRY(read_row(m, c));
                TRY(sd_bus_message_exit_container(m));
        }
        return r;
}

static int report_answer(Client *client, int r) {
        return r < 0 ? report_errno(client, r, "cannot read the daemon's answer") : 0;
}

static int list_rows(Client *client, const char *method, const char *type,
                     int (*read_row)(sd_bus_message *m, Container *c), ContainerList *ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r = client_call(client, NULL, MANAGER_PATH, MANAGER_INTERFACE, method, &reply, "a{sv}",
                            0);

        return r != 0 ? r : report_answer(client, read_rows(reply, type, read_row, ret));
}

int containers_list(Client *client, ContainerList *ret) {
        return list_rows(client, "ListContainers", "ossssttu", read_listed, ret);
}

int containers_describe(Client *client, ContainerList *ret) {
        return list_rows(client, "DescribeContainers", "ossssttuasits", read_described, ret);
}

/* One object of GetManagedObjects: its path and a{sa{sv}}. */
static int read_object(sd_bus_message *m, ContainerList *list) {
        const char *path, *interface;
        int r;

        TRY(sd_bus_message_read_basic(m, 'o', &path));
        TRY(sd_bus_message_enter_container(m, 'a', "{sa{sv}}"));
        while ((r = sd_bus_message_enter_container(m, 'e', "sa{sv}")) > 0) {
                TRY(sd_bus_message_read_basic(m, 's', &interface));
                if (streq(interface, CONTAINER_INTERFACE)) {
                        Container *c = LIST_ADD(list);

                        if (!c)
                                return -ENOMEM;
                        c->path = strdup(path);
                        if (!c->path)
                                return -ENOMEM;
                        TRY(container_read(m, c));
                } else
                        TRY(sd_bus_message_skip(m, "a{sv}"));
                TRY(sd_bus_message_exit_container(m));
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int compare_created(const void *a, const void *b) {
        const Container *x = a, *y = b;

        return x->created < y->created ? 1 : x->created > y->created ? -1 : 0;
}

static int read_objects(sd_bus_message *m, ContainerList *list) {
        int r;

        TRY(sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}"));
        while ((r = sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}")) > 0) {
                TRY(read_object(m, list));
                TRY(sd_bus_message_exit_container(m));
        }
        if (r >= 0 && list->n > 0)
                qsort(list->items, list->n, sizeof(Container), compare_created);
        return r;
}

int containers_get_all(Client *client, ContainerList *ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r = client_call(client, NULL, ROOT_PATH, OBJECT_MANAGER_INTERFACE, "GetManagedObjects",
                            &reply, "");

        return r != 0 ? r : report_answer(client, read_objects(reply, ret));
}

int container_get(Client *client, const char *path, const char *subject, Container *ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r = client_call(client, subject, path, PROPERTIES_INTERFACE, "GetAll", &reply, "s",
                            CONTAINER_INTERFACE);

        if (r != 0)
                return r;
        ret->path = strdup(path);
        return report_answer(client, ret->path ? container_read(reply, ret) : -ENOMEM);
}

static int read_image_row(sd_bus_message *m, ImageList *list) {
        Image *image;
        const char *s;
        uint32_t users;
        int r = sd_bus_message_enter_container(m, 'r', "osasttu");

        if (r <= 0)
                return r;
        image = LIST_ADD(list);
        if (!image)
                return -ENOMEM;
        TRY(sd_bus_message_read_basic(m, 'o', &s));
        TRY(free_and_strdup(&image->path, s));
        TRY(sd_bus_message_read_basic(m, 's', &s));
        TRY(free_and_strdup(&image->id, s));
        TRY(sd_bus_message_read_strv(m, &image->names));
        TRY(sd_bus_message_read(m, "ttu", &image->created, &image->size, &users));
        TRY(sd_bus_message_exit_container(m));
        return 1;
}

static int read_image_rows(sd_bus_message *m, ImageList *list) {
        int r;

        TRY(sd_bus_message_enter_container(m, 'a', "(osasttu)"));
        while ((r = read_image_row(m, list)) > 0)
                ;
        return r;
}

int images_list(Client *client, ImageList *ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r = client_call(client, NULL, MANAGER_PATH, MANAGER_INTERFACE, "ListImages", &reply,
                            "a{sv}", 0);

        return r != 0 ? r : report_answer(client, read_image_rows(reply, ret));
}

int image_get(Client *client, const char *path, const char *subject, Image *ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r = client_call(client, subject, path, PROPERTIES_INTERFACE, "GetAll", &reply, "s",
                            IMAGE_INTERFACE);

        if (r != 0)
                return r;
        ret->path = strdup(path);
        return report_answer(client, ret->path ? properties_read(reply, image_map, ret) : -ENOMEM);
}
