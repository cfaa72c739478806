/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syslog.h>
#include <sys/un.h>
#include <time.h>

#include "shared/log.h"
#include "shared/strutil.h"
#include "supervisor/journal.h"

/* Longer lines become several entries, as with docker. */
#define LINE_MAX_SIZE 16384

/* For how long journald may take nothing. */
#define STALL_MSEC 1000

/* Bytes that wait for journald, at most. More than the pipe holds that is read at a process's end. */
#define PENDING_MAX (4 * 1024 * 1024)

#define SHORT_ID 12

/* Names, tags and such. */
#define FIELDS_MAX 65536

struct Journal {
        EventLoop *loop;
        JournalConfig config;
        int fd; /* connected, or -EBADF */
        EventSource source;
        EventTimer stall;
        char id[SHORT_ID + 1]; /* of the container, also when it is gone */
        char *fields;          /* what all entries have, as sent */
        size_t n_fields;
        char line[LINE_MAX_SIZE];
        size_t n_line;
        char *pending; /* put out, but not yet taken apart */
        size_t n_pending;
        char last;     /* the last byte of all */
        uint64_t lost; /* bytes since journald took the last entry */
        time_t retry;  /* when connecting is tried again, seconds of CLOCK_MONOTONIC */
        bool released;
        LIST_LINKS(Journal) journals;
};

/* Those that belong to nobody else any more. */
static Journal *released;

/* Text fields in the journal's native protocol end at the newline. */
static int make_fields(const JournalConfig *config, const char *short_id, char **ret) {
        const LogSpec *log = config->log;
        const char *tag = log->tag ?: short_id;

        *ret = strf("PRIORITY=%d\nCONTAINER_ID=%s\nCONTAINER_ID_FULL=%s\nCONTAINER_NAME=%s\n"
                    "CONTAINER_TAG=%s\nIMAGE_NAME=%s\nSYSLOG_IDENTIFIER=%s\n",
                    config->priority, short_id, config->id, log->name, tag, log->image, tag);
        return *ret ? 0 : -ENOMEM;
}

static time_t now_seconds(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
        return ts.tv_sec;
}

/* Not for each line anew, when nobody listens. Return: 0 or a negative errno. */
static int connect_journal(Journal *journal) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = -EBADF;

        if (now_seconds() < journal->retry)
                return -ENOTCONN;
        if (strlen(journal->config.socket) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, journal->config.socket, strlen(journal->config.socket));
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
                journal->retry = now_seconds() + 1;
                return -errno;
        }
        journal->fd = TAKE_FD(fd);
        return 0;
}

static void disconnect(Journal *journal) {
        event_source_remove(&journal->source);
        journal->fd = safe_close(journal->fd);
}

/* Sends one entry. Return: 0, or a negative errno: -EAGAIN when it is to be tried again. */
static int send_entry(Journal *journal, const char *text, size_t size, bool partial) {
        static char partial_field[] = "CONTAINER_PARTIAL_MESSAGE=true\n", message[] = "MESSAGE\n",
                    end[] = "\n";
        uint64_t size_field = htole64(size);
        struct iovec parts[] = {
                {journal->fields, journal->n_fields},
                {partial_field, partial ? strlen(partial_field) : 0},
                {message, strlen(message)},
                {&size_field, sizeof(size_field)},
                {(char *)text, size},
                {end, strlen(end)},
        };
        struct msghdr header = {.msg_iov = parts, .msg_iovlen = ELEMENTSOF(parts)};
        int r = journal->fd < 0 ? connect_journal(journal) : 0;

        /* Another journald may be listening by now: once more, then. */
        for (unsigned i = 0; i < 2 && r >= 0; i++) {
                if (sendmsg(journal->fd, &header, MSG_NOSIGNAL) >= 0)
                        return 0;
                if (errno != ECONNREFUSED && errno != ENOTCONN && errno != ECONNRESET &&
                    errno != EPIPE)
                        return -errno;
                disconnect(journal);
                r = connect_journal(journal);
        }
        return r < 0 ? r : -ECONNREFUSED;
}

/* Sends an entry, or counts it as lost. Return: false when it should be tried again later. */
static bool put_entry(Journal *journal, const char *text, size_t size, bool partial) {
        char note[96];
        int r = 0;

        if (journal->lost > 0) {
                int n = snprintf(note, sizeof(note),
                                 "[%" PRIu64 " bytes of output could not be logged]",
                                 journal->lost);

                r = send_entry(journal, note, n, false);
                if (r >= 0)
                        journal->lost = 0;
        }
        if (r >= 0)
                r = send_entry(journal, text, size, partial);
        if (r >= 0)
                return true;
        /* While it is lost anyway nothing waits. */
        if (r == -EAGAIN && journal->lost == 0)
                return false;
        if (journal->lost == 0)
                log_errno(LOG_WARNING, r, "The journal doesn't take the output of container %s",
                          journal->id);
        journal->lost += size;
        return true;
}

static void add_to_line(Journal *journal, const char *data, size_t size) {
        memcpy(journal->line + journal->n_line, data, size);
        journal->n_line += size;
}

/* Takes output apart. Return: how much of it was; less than all when journald has to take something first. */
static size_t take(Journal *journal, const char *data, size_t size) {
        size_t done = 0;

        while (done < size) {
                size_t room = LINE_MAX_SIZE - journal->n_line, n = MIN(size - done, room);
                const char *newline = memchr(data + done, '\n', n);
                const char *text = data + done;
                size_t n_text;

                if (newline)
                        n = (size_t)(newline - text);
                else if (n < room) { /* its end is still to come */
                        add_to_line(journal, text, n);
                        return size;
                }
                n_text = n;
                if (journal->n_line > 0) {
                        add_to_line(journal, text, n);
                        text = journal->line;
                        n_text = journal->n_line;
                }
                if (!put_entry(journal, text, n_text, !newline)) {
                        journal->n_line -= MIN(journal->n_line, n);
                        return done;
                }
                journal->n_line = 0;
                done += n + (newline ? 1 : 0);
        }
        return done;
}

static void journal_free(Journal *journal) {
        if (journal->released)
                LIST_REMOVE(released, journal, journals);
        event_timer_cancel(&journal->stall);
        disconnect(journal);
        free(journal->fields);
        free(journal->pending);
        free(journal);
}

/* Return: 0 or -ENOBUFS or -ENOMEM. */
static int keep(Journal *journal, const char *data, size_t size) {
        char *grown;

        if (journal->n_pending + size > PENDING_MAX)
                return -ENOBUFS;
        grown = realloc(journal->pending, journal->n_pending + size);
        if (!grown)
                return -ENOMEM;
        memcpy(grown + journal->n_pending, data, size);
        journal->pending = grown;
        journal->n_pending += size;
        return 0;
}

static void wait_for_room(Journal *journal);

/* Everything has been taken, or was given up. */
static void go_on(Journal *journal) {
        event_timer_cancel(&journal->stall);
        event_source_remove(&journal->source);
        free(journal->pending);
        journal->pending = NULL;
        journal->n_pending = 0;
        if (journal->released)
                journal_free(journal);
        else
                journal->config.ready(journal->config.data);
}

static void on_stall(void *data) {
        Journal *journal = data;

        log_warning("The journal takes nothing, output of container %s is dropped", journal->id);
        journal->lost += journal->n_pending;
        go_on(journal);
}

static void on_room(void *data, uint32_t events) {
        Journal *journal = data;
        size_t done = take(journal, journal->pending, journal->n_pending);

        if (done == journal->n_pending) {
                go_on(journal);
                return;
        }
        memmove(journal->pending, journal->pending + done, journal->n_pending - done);
        journal->n_pending -= done;
        if (done > 0)
                wait_for_room(journal);
}

static void wait_for_room(Journal *journal) {
        event_source_remove(&journal->source);
        event_timer_set_patient(journal->loop, &journal->stall, STALL_MSEC, on_stall, journal);
        if (journal->fd < 0 || event_source_add(journal->loop, &journal->source, journal->fd,
                                                EPOLLOUT, on_room, journal) < 0)
                log_warning("Can't wait for the journal"); /* but for the timer */
}

static void release(Journal *journal) {
        journal->released = true;
        LIST_PREPEND(released, journal, journals);
        if (journal->n_pending == 0)
                journal_free(journal);
}

static Journal *make(EventLoop *loop) {
        Journal *journal = calloc(1, sizeof(Journal));

        if (!journal)
                return NULL;
        journal->loop = loop;
        journal->fd = -EBADF;
        journal->last = '\n';
        return journal;
}

int journal_new(EventLoop *loop, const JournalConfig *config, Journal **ret) {
        Journal *journal = make(loop);

        if (!journal)
                return -ENOMEM;
        journal->config = *config;
        snprintf(journal->id, sizeof(journal->id), "%s", config->id);
        if (make_fields(config, journal->id, &journal->fields) < 0) {
                journal_free(journal);
                return -ENOMEM;
        }
        journal->n_fields = strlen(journal->fields);
        *ret = journal;
        return 0;
}

bool journal_write(Journal *journal, const char *data, size_t size) {
        size_t done = journal->n_pending > 0 ? 0 : take(journal, data, size);

        if (size > 0)
                journal->last = data[size - 1];
        if (done == size)
                return true;
        if (keep(journal, data + done, size - done) < 0)
                journal->lost += size - done;
        if (journal->n_pending > 0 && !journal->stall.loop)
                wait_for_room(journal);
        return journal->n_pending == 0;
}

Journal *journal_release(Journal *journal) {
        if (!journal)
                return NULL;
        /* The end of the stream ends a line. */
        if (journal->last != '\n')
                (void)journal_write(journal, "\n", 1);
        release(journal);
        return NULL;
}

bool journal_is_full(const Journal *journal) {
        return journal->n_pending > 0;
}

int journal_save(const Journal *journal, State *state, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object();

        if (!json)
                return -ENOMEM;
        TRY(json_add_string(json, "id", journal->id));
        TRY(state_add_fd(state, json, "fd", journal->fd));
        TRY(state_add_bytes(state, json, "fields", journal->fields, journal->n_fields));
        TRY(state_add_bytes(state, json, "line", journal->line, journal->n_line));
        TRY(state_add_bytes(state, json, "pending", journal->pending, journal->n_pending));
        TRY(json_add_bool(json, "line-is-open", journal->last != '\n'));
        TRY(json_add_u64(json, "lost", journal->lost));
        *ret = TAKE_PTR(json);
        return 0;
}

int journals_save_released(State *state, Json **ret) {
        _cleanup_json_ Json *array = json_object_new_array();

        if (!array)
                return -ENOMEM;
        LIST_FOREACH(journal, released, journals) {
                Json *item;

                TRY(journal_save(journal, state, &item));
                TRY(json_append(array, item));
        }
        *ret = TAKE_PTR(array);
        return 0;
}

static int load(Journal *journal, State *state, Json *json) {
        _cleanup_free_ char *line = NULL;
        const char *id = "";
        bool open = false;

        TRY(json_peek_string(json, "id", &id));
        snprintf(journal->id, sizeof(journal->id), "%s", id);
        TRY(state_take_fd(state, json, "fd", &journal->fd));
        TRY(state_get_bytes(state, json, "fields", FIELDS_MAX, &journal->fields,
                            &journal->n_fields));
        TRY(state_get_bytes(state, json, "line", LINE_MAX_SIZE, &line, &journal->n_line));
        memcpy(journal->line, line ?: "", journal->n_line);
        TRY(state_get_bytes(state, json, "pending", PENDING_MAX, &journal->pending,
                            &journal->n_pending));
        TRY(json_get_bool(json, "line-is-open", &open));
        journal->last = open ? ' ' : '\n';
        TRY(json_get_u64(json, "lost", &journal->lost));
        if (journal->n_pending > 0)
                wait_for_room(journal);
        return 0;
}

int journal_load(EventLoop *loop, State *state, Json *json, void (*ready)(void *data), void *data,
                 Journal **ret) {
        Journal *journal = make(loop);
        int r;

        if (!journal)
                return -ENOMEM;
        journal->config.socket = JOURNAL_SOCKET;
        journal->config.ready = ready;
        journal->config.data = data;
        r = load(journal, state, json);
        if (r < 0) {
                journal_free(journal);
                return r;
        }
        *ret = journal;
        return 0;
}

int journals_load_released(EventLoop *loop, State *state, Json *array) {
        for (size_t i = 0; i < json_object_array_length(array); i++) {
                Journal *journal;

                TRY(journal_load(loop, state, json_object_array_get_idx(array, i), NULL, NULL,
                                 &journal));
                release(journal);
        }
        return 0;
}
