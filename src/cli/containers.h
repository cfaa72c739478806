/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the daemon tells about containers and images. */

#include <stdbool.h>
#include <stdint.h>

#include "cli/client.h"

typedef struct Container {
        char *path, *id, *name, *image, *image_id, *state, *error, *hostname, *cpuset, *cgroup,
                *restart, *health;
        char **command, **labels, **volumes;
        int32_t exit_code;
        uint32_t pid, owner, restart_count;
        bool oom_killed, tty;
        uint64_t created, started, finished; /* µs, realtime; 0: never */
        uint64_t memory, memory_swap, cpu_shares, pids;
        double cpus;
} Container;

typedef struct ContainerList {
        Container *items;
        size_t n;
} ContainerList;

void container_done(Container *container);
void container_list_done(ContainerList *list);
#define _cleanup_containers_ _cleanup_(container_list_done)

/* The few things ListContainers tells of each, in one short answer: path, id, name, image, state, created, started
 * and owner. Newest first. */
int containers_list(Client *client, ContainerList *ret);

/* The same, and command, exit code, time of the last end and health. */
int containers_describe(Client *client, ContainerList *ret);

/* All properties of all containers, newest first. */
int containers_get_all(Client *client, ContainerList *ret);

/* All properties of one; `subject` is what the user called it. */
int container_get(Client *client, const char *path, const char *subject, Container *ret);

/* Reads a{sv} with properties of a container. Return: 0 or a negative errno. */
int container_read(sd_bus_message *message, Container *container);

/* Whether it has processes, or soon will again by its restart policy. */
bool container_is_running(const Container *container);

/* "Up 3 days (Paused)", "Exited (137) 3 days ago". Return: a new string, or NULL when out of memory. */
char *container_status(const Container *container, uint64_t now);

/* The name of an image by itself, as it is looked for in a reference: "busybox" and "busybox:latest" are the same. */
bool same_image(const char *a, const char *b);

typedef struct Image {
        char *path, *id;
        char **names, **layers;
        uint64_t created, size;
} Image;

typedef struct ImageList {
        Image *items;
        size_t n;
} ImageList;

void image_done(Image *image);
void image_list_done(ImageList *list);
#define _cleanup_images_ _cleanup_(image_list_done)

/* Path, id, names, created and size of all images, newest first. */
int images_list(Client *client, ImageList *ret);

/* All properties of one. */
int image_get(Client *client, const char *path, const char *subject, Image *ret);
