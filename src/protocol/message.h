/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What daemon and supervisor say to each other over RUNTIME-DIR/supervisor.sock, a
 * SOCK_SEQPACKET socket (mode 0600, peer uid 0 only): one JSON object for each packet,
 * descriptors beside it.
 *
 *   request   {"version":1, "serial":N, "request":NAME, …}        daemon → supervisor
 *   reply     {"reply":N, …} or {"reply":N, "error":{"stage":S, "errno":E, "text":T}}
 *   event     {"event":NAME, …}                                   supervisor → daemon, unasked
 *
 * Each request gets exactly one reply. Replies to different requests may come in any order; the
 * exit event of a process comes after the reply to the request that made it. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol/spec.h"

#define PROTOCOL_VERSION 1
#define SUPERVISOR_SOCKET "supervisor.sock"
#define MESSAGE_SIZE_MAX (1024 * 1024)

typedef enum RequestType {
        /* → Reply.inventory */
        REQUEST_HELLO,
        /* spec, attach; fds: the given streams in order, one (O_PATH) for each volume, one for each
         * device, then one for each client that is attached from the start: attach[0] stream sockets
         * with a terminal, else attach[0] pipes for stdout and attach[1] for stderr
         * → pid, start_time, started_at, cgroup. Replied when the command was exec'ed. */
        REQUEST_START,
        /* container, process (> 0, unused there), exec; fds: the given streams in order
         * → pid, streams; fds: the terminal's master, or the far ends of STREAM_PIPE in order */
        REQUEST_EXEC,
        /* container, process (0: its main process), signal */
        REQUEST_SIGNAL,
        /* container: SIGKILL to all in it, at once */
        REQUEST_KILL,
        /* container; replied when all is frozen */
        REQUEST_FREEZE,
        /* container */
        REQUEST_THAW,
        /* container, limits: those that are not 0 or NULL are changed */
        REQUEST_UPDATE,
        /* container, process, rows, columns */
        REQUEST_RESIZE,
        /* container → streams; fds: with tty one stream socket; else stdin (if open), stdout,
         * stderr */
        REQUEST_ATTACH,
        /* spec, running, no_upper; fds: one for each volume → fd of a detached tree: root file
         * system with volumes. Running: cloned from the container, else made anew. Ids are shifted
         * by id_base as in the container; with 0 they are as on disk. With no_upper: the image's
         * layers alone, read-only. */
        REQUEST_VIEW,
        /* as VIEW, attached in the host's mount namespace at containers/ID/merged */
        REQUEST_MOUNT,
        /* container: detaches that; success also when there is none */
        REQUEST_UNMOUNT,
        /* container → Reply.stats */
        REQUEST_STATS,
        /* container → Reply.pids (the host's numbers) */
        REQUEST_PROCESSES,
        _REQUEST_MAX,
} RequestType;

typedef struct Request {
        uint64_t serial;
        RequestType type;
        char container[ID_LENGTH + 1]; /* set for every type but HELLO */
        uint64_t process;
        int signal;
        uint16_t rows, columns;
        uint32_t attach[2];
        bool running, no_upper;
        ContainerSpec *spec; /* START, VIEW, MOUNT */
        ProcessSpec exec;    /* EXEC */
        Limits limits;       /* UPDATE */
} Request;

/* A process that the supervisor watches, in the inventory. */
typedef struct InventoryProcess {
        uint64_t process; /* 0 is the container's main process */
        pid_t pid;
        bool tty;
} InventoryProcess;

typedef struct InventoryContainer {
        char id[ID_LENGTH + 1];
        uint64_t start_time; /* of the main process, clock ticks since boot */
        uint64_t started_at; /* µs, realtime */
        uint32_t id_base;
        char *cgroup;
        bool frozen;
        InventoryProcess *processes;
        size_t n_processes;
} InventoryContainer;

typedef struct Inventory {
        /* Of the supervisor's program. */
        char *version;
        uint32_t cgroup_version;
        /* What the kernel was found to do: "idmapped-overlay", "overlay-fd-layers", … */
        char **features;
        InventoryContainer *containers;
        size_t n_containers;
} Inventory;

typedef struct Stats {
        uint64_t memory, memory_limit; /* bytes, without page cache that can be dropped at once */
        uint64_t cpu_ns;               /* time used */
        uint64_t pids, pids_limit;
        uint64_t read_bytes, written_bytes;
        /* Pressure: microseconds in which some process had to wait for the resource. */
        bool has_pressure;
        uint64_t cpu_pressure, memory_pressure, io_pressure;
} Stats;

typedef struct Reply {
        uint64_t serial;
        /* number 0: success */
        Error error;
        pid_t pid;
        uint64_t start_time;
        uint64_t started_at;
        char *cgroup;
        /* Names of the descriptors that came along: "tty", "stdin", "stdout", "stderr", "root". */
        char **streams;
        Stats stats;
        uint32_t *pids;
        size_t n_pids;
        Inventory *inventory;
} Reply;

typedef enum EventType {
        EVENT_EXITED, /* a main process (process 0) or an exec'ed one has ended */
        EVENT_OOM,    /* the kernel killed something in the container for lack of memory */
        _EVENT_MAX,
} EventType;

/* How a process ended. For a main process it is also a file, RUNTIME-DIR/exits/ID.json, which is
 * there before the event is sent and which the daemon deletes when its record has it. */
typedef struct Event {
        EventType type;
        char container[ID_LENGTH + 1];
        uint64_t process;
        pid_t pid;
        int status; /* 0 to 255; 128 + n for signal n; -1 when it could not be learned */
        bool oom_killed;
        uint64_t finished_at; /* µs, realtime */
} Event;

const char *request_type_to_string(RequestType type);

void request_done(Request *request);
void reply_done(Reply *reply);
Inventory *inventory_free(Inventory *inventory);
DEFINE_CLEANUP(Inventory *, inventory_free)

/* Encoders make the packet's JSON; decoders check all of it. Return: 0, -ENOMEM, and decoders
 * -EBADMSG for what is not a valid message or -EPROTONOSUPPORT for another protocol version
 * (*ret then has the serial). A failed decoder leaves *ret ready for its done function. */
int request_encode(const Request *request, Json **ret);
int request_decode(Json *json, Request *ret);
int reply_encode(const Reply *reply, Json **ret);
int reply_decode(Json *json, Reply *ret);
int event_encode(const Event *event, Json **ret);
int event_decode(Json *json, Event *ret);

/* Whether a packet from the supervisor is an event (else it is a reply). */
bool message_is_event(Json *json);

int error_to_json(const Error *error, Json **ret);
int error_from_json(Json *json, Error *ret);

/* Reads an id, an absent one leaves *ret as it is. Return: as the getters of shared/json.h. */
int message_get_id(Json *json, const char *key, char ret[static ID_LENGTH + 1]);

/* Sends one packet. Return: 0 or a negative errno; -EMSGSIZE beyond MESSAGE_SIZE_MAX. */
int message_send(int socket, Json *json, const int *fds, size_t n_fds);

/* Receives and parses one packet. Return: 1, 0 at the end of the connection, or a negative
 * errno. */
int message_receive(int socket, Json **ret, int *fds, size_t *n_fds);

/* Raises a socket's send buffer so that a packet of MESSAGE_SIZE_MAX fits. */
int message_socket_prepare(int socket);
