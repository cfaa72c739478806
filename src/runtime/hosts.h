/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The files of /etc that belong to the container and not to its image: hosts and hostname, with the host's network also
 * resolv.conf. Each is a file of the staging tmpfs that is bind-mounted over the image's, so that no image keeps
 * what was one container's. Error stage "mount"; 0 or a negative errno. */

#include "protocol/spec.h"

typedef struct HostFiles {
        char *hosts;  /* contents for the container */
        char *resolv; /* NULL: the image's own */
        char *hostname;
} HostFiles;

/* Makes the contents; reads the host's own files, so before the host's tree is left. */
int host_files_make(HostFiles *ret, const ContainerSpec *spec, Error *e);

/* Writes them into `staging`, whose mount is attached, and mounts them in `root`. */
int host_files_attach(const HostFiles *files, int staging, int root, Error *e);
