/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the daemon asks a worker, and what the worker says. A worker is one process for one job:
 * it has a SOCK_SEQPACKET socket as descriptor 3, reads one order with its descriptors from it,
 * and ends after its outcome. End of file on the socket (the daemon is gone) or a signal ends it
 * at once.
 *
 *   order     {"work":NAME, …}                        daemon → worker, with descriptors
 *   progress  {"progress":0.25} (0 to 1)              worker → daemon, at most five a second
 *   outcome   {"done":{…}} or {"error":{"stage", "errno", "text"}}
 *
 * Nothing here waits for the disk: the daemon syncs what has been made, once, before it counts.
 *
 * Error stages: "archive" for a refused or damaged archive, "path" for a path inside of a container
 * with which the job can't be done; anything else is the machine's fault. */

#include "protocol/spec.h"

#define WORKER_SOCKET_FD 3

/* The longest answer of WORK_CHANGES. */
#define CHANGES_SIZE_MAX (8U * 1024 * 1024)

typedef enum WorkType {
        /* fds: archive, staging directory (empty).
         * Layers are unpacked into staging/0, staging/1, … (each is a layer's diff directory).
         * done: {"format":"rootfs"|"docker-archive"|"oci-archive", "images":[{"names":[…],
         *        "layers":[{"part":N of staging/N, "size":BYTES, "diff-id":HEX}…]}…]}; images may
         *        have parts in common; those of an image's archive also
         *        "digest":HEX of its configuration, which says in OCI's form
         *        "config":{the member "config"}, "created":µs (0: not said),
         *        "history":[{"created":µs, "created-by", "comment", "author", "empty":BOOL}…],
         *        where as many steps as there are layers are not empty */
        WORK_IMPORT,
        /* fds: source layer directory (a container's upper), staging directory (empty). wait: the worker tells a
         * progress of 0 when it is ready, and begins when the daemon has shut the socket down for writing.
         * Copies the tree into staging/0 as a layer: whiteouts, opaque marks, hard links, holes,
         * xattrs. done: {"size":BYTES} */
        WORK_COPY,
        /* fds: staging directory (empty), root of a view. targets, id_base. Makes the layer
         * staging/0 holding what lies in the view at each target, each marked opaque, ids
         * shifted back by id_base. done: {"size":BYTES} */
        WORK_VOLUMES,
        /* fds: staging directory (empty), each layer's directory, lowest first. Makes the one layer
         * staging/0 that holds what can be seen of them. done: {"size":BYTES} */
        WORK_FLATTEN,
        /* fds: output; for "rootfs": root of a view; else one for each layer's diff directory,
         * lowest first. format, id_base, names, created, config (the image's, in OCI's form, without
         * its "rootfs"). done: {"size":BYTES}, and unless it is "rootfs" "digest":HEX of the
         * configuration */
        WORK_SAVE,
        /* fds: directory; everything in it is deleted. done: {} */
        WORK_REMOVE,
        /* fds: output pipe, the container's directory (files "log", "log.1"). follow, tail (-1:
         * all), since, until. With follow it ends when the socket is shut down for writing by
         * the daemon (the container has ended) and all is written, or when the reader has gone.
         * done: {} */
        WORK_LOGS,
        /* fds: directories. done: {"size":BYTES of all files in them, hard links once,
         * "sizes":[BYTES of each directory]} */
        WORK_SIZE,
        /* fds: a file for the answer, a container's upper directory, then the diff directories of
         * its layers, the highest first. Writes for each change its kind, '0' modified, '1' added
         * or '2' deleted, and the absolute path, both ended by a NUL byte together. done: {} */
        WORK_CHANGES,
        /* fds: output, root of a view. path, name, follow, id_base. Writes a tar of what is at
         * `path`, as `name`, by default the last component of `path`, or "." if that is "." or
         * nothing; with `follow` of what a link there leads to. Tells a progress of 0 when it has found it.
         * done: {} */
        WORK_COPY_OUT,
        /* fds: archive, root of a view. path, as_cp, name, id_base. Unpacks the archive, ids
         * shifted by id_base, in the directory `path`. With as_cp the archive is of one thing, which
         * becomes `path` or, where that is a directory, `name` in it, by default its own name.
         * done: {"size":BYTES} */
        WORK_COPY_IN,
        _WORK_MAX,
} WorkType;

/* The name of the program for these jobs. There are two: what archives take is in libraries that cost most of a short
 * job's time. */
const char *work_program(WorkType type);

typedef struct Work {
        WorkType type;
        uint32_t id_base;
        char **targets;
        char *format;
        char **names;
        /* Owned. */
        Json *config;
        /* µs, realtime; in `since` and `until` 0 means no bound. */
        uint64_t created, since, until;
        bool follow;
        int tail;
        char *path, *name; /* inside of a view */
        bool as_cp;
        bool wait;
} Work;

void work_done(Work *work);
int work_encode(const Work *work, Json **ret);
int work_decode(Json *json, Work *ret);
