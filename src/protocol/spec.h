/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a container is and what a process in it is, complete and resolved: nothing in a
 * specification is looked up again in an image or a configuration. The daemon writes it into the
 * container's record and sends it to the supervisor; both sides use these types and this JSON
 * form. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shared/error.h"
#include "shared/json.h"
#include "shared/strutil.h"

/* Ids that every container's user namespace maps: 0 … 65535. */
#define ID_RANGE 65536

/* Where a stream of a process leads. */
typedef enum Stream {
        STREAM_NULL,  /* /dev/null */
        STREAM_GIVEN, /* a descriptor that came with the request; the process uses it itself */
        STREAM_PIPE, /* a pipe: the far end goes to whoever execs, or is kept for attaching (stdin) */
        STREAM_LOG, /* a pipe that the supervisor reads into the log (stdout and stderr) */
        _STREAM_MAX,
} Stream;

typedef struct ProcessSpec {
        /* At least one. */
        char **argv;
        /* KEY=VALUE; nothing is added to it but HOME (if unset) and TERM (with a tty). */
        char **env;
        /* Absolute, inside; NULL is "/". */
        char *cwd;
        /* USER[:GROUP], names or numbers, looked up inside; NULL is root. */
        char *user;
        /* "CAP_CHOWN"…: the bounding set, and root's permitted and effective one. */
        char **capabilities;
        /* A pseudo terminal is all three streams; its first size, 0 leaves the kernel's. */
        bool tty;
        uint16_t rows, columns;
        /* stdin, stdout, stderr; without tty. */
        Stream streams[3];
        /* A main process's stdin, a pipe, ends with the first client that attaches to it. */
        bool stdin_once;
        bool no_new_privileges;
        /* The built-in filter. */
        bool seccomp;
        /* "nofile=1024:4096", see ulimit.h; in place of the usual ones. */
        char **ulimits;
        /* Of a main process: a small init is the first process, and this its child. */
        bool init;
} ProcessSpec;

typedef struct Volume {
        /* Absolute path on the host, as given or as the descriptor showed it. */
        char *source;
        /* Normalized absolute path inside. */
        char *target;
        bool read_only;
        /* 0: ids on the volume are the container's. Otherwise only this user and group exist on it,
         * and the container's root acts as them. */
        uid_t uid;
        gid_t gid;
        /* What the source was when it was first opened. */
        uint64_t device, inode;
} Volume;

/* A device node of the host's. */
typedef struct Device {
        char *source; /* normalized, below /dev */
        char *target; /* normalized absolute path inside */
} Device;

/* 0 or NULL means no limit of its own. */
typedef struct Limits {
        uint64_t memory;      /* bytes */
        uint64_t memory_swap; /* bytes of memory and swap together */
        double cpus;          /* processors' worth of time, 0.01 and up */
        uint64_t cpu_shares;  /* relative weight, 2 to 262144; 1024 is the normal one */
        char *cpuset;         /* list of processors as in cpuset(7), "0-1,3" */
        uint64_t pids;        /* processes and threads */
} Limits;

/* Where the output of a container is logged. */
typedef struct LogSpec {
        char *driver;      /* "file", "journald" or "none" */
        uint64_t max_size; /* bytes of a log file before it is rotated; 0 for no limit */
        /* For the journal: the container's name and its image's, and what entries are marked with;
         * NULL: the beginning of the container's id. */
        char *name, *image, *tag;
} LogSpec;

typedef struct ContainerSpec {
        char id[ID_LENGTH + 1];
        /* Ids of the image's layers, the lowest first; at least one. */
        char **layers;
        char *hostname;
        /* Host id of the container's root; 0 with host_userns or while no range is reserved. */
        uint32_t id_base;
        bool host_userns;
        bool host_network;
        /* The root file system. */
        bool read_only;
        /* Normalized absolute paths. */
        char **tmpfs;
        Volume *volumes;
        size_t n_volumes;
        Device *devices;
        size_t n_devices;
        Limits limits;
        LogSpec log;
        ProcessSpec process;
} ContainerSpec;

void limits_done(Limits *limits);
/* Return: 0 or -ENOMEM. */
int limits_copy(Limits *to, const Limits *from);
int limits_to_json(const Limits *limits, Json **ret);
int limits_from_json(Json *json, Limits *ret);

/* Whether a cpuset has the grammar of cpuset(7) and names no processor above 8191. */
bool cpuset_is_valid(const char *s);

void log_spec_done(LogSpec *spec);
int log_spec_to_json(const LogSpec *spec, Json **ret);
int log_spec_from_json(Json *json, LogSpec *ret);

/* Whether a text can be a tag: UTF-8 without control characters, not empty, at most 256 bytes. */
bool log_tag_is_valid(const char *s);

void process_spec_done(ProcessSpec *spec);
int process_spec_to_json(const ProcessSpec *spec, Json **ret);
int process_spec_from_json(Json *json, ProcessSpec *ret);

/* Return: NULL. */
ContainerSpec *container_spec_free(ContainerSpec *spec);
DEFINE_CLEANUP(ContainerSpec *, container_spec_free)

/* Both return 0, -ENOMEM or, for what is not a specification, -EBADMSG. Reading checks every
 * bound that the supervisor relies on: ids, normalized paths, at least one layer and one
 * argument. */
int container_spec_to_json(const ContainerSpec *spec, Json **ret);
int container_spec_from_json(Json *json, ContainerSpec **ret);
