/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "shared/fault.h"
#include "shared/fd.h"
#include "shared/log.h"
#include "shared/process.h"
#include "supervisor/container.h"
#include "supervisor/fdstore.h"
#include "supervisor/pause.h"
#include "supervisor/record.h"

#define NAME_SIZE (ID_LENGTH + sizeof(".json"))
#define RECORD_SIZE_MAX 65536

/* Descriptors of an adopted process among which its output pipes are looked for. */
#define FDS_SEARCHED 256

typedef struct Record {
        char id[ID_LENGTH + 1];
        int pid;
        uint64_t start_time, started_at;
        uint32_t id_base;
        bool tty;
        LogSpec log;
        uint64_t pipes[2]; /* inodes of stdout's and stderr's pipes, 0: none */
        const char *boot;
} Record;

static const char *const pipe_names[] = {"stdout-pipe", "stderr-pipe"};

static void record_done(Record *record) {
        log_spec_done(&record->log);
}

static void record_name(const char *id, char name[static NAME_SIZE]) {
        snprintf(name, NAME_SIZE, "%s.json", id);
}

static int record_to_json(const Container *container, const ContainerSpec *spec, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object(), *log = NULL;

        if (!json)
                return -ENOMEM;
        TRY(json_add_string(json, "id", container->id));
        TRY(json_add_int(json, "pid", container->main->pid));
        TRY(json_add_u64(json, "start-time", container->start_time));
        TRY(json_add_string(json, "boot-id", container->supervisor->boot_id));
        TRY(json_add_u64(json, "started-at", container->started_at));
        TRY(json_add_u64(json, "id-base", container->id_base));
        TRY(json_add_string(json, "cgroup", cgroup_path(container->cgroup)));
        TRY(json_add_bool(json, "tty", spec->process.tty));
        TRY(log_spec_to_json(&spec->log, &log));
        TRY(json_add(json, "log", TAKE_PTR(log)));
        for (size_t i = 0; i < ELEMENTSOF(pipe_names); i++)
                if (container->main->outputs[i] && !spec->process.tty)
                        TRY(json_add_u64(json, pipe_names[i],
                                         output_inode(container->main->outputs[i])));
        *ret = TAKE_PTR(json);
        return 0;
}

int record_write(const Container *container, const ContainerSpec *spec) {
        _cleanup_json_ Json *json = NULL;
        char name[NAME_SIZE];

        TRY(record_to_json(container, spec, &json));
        record_name(container->id, name);
        if (FAULT("state.write") < 0)
                return -errno;
        return json_replace_file_at(container->supervisor->records, name, json);
}

static void remove_record(const Supervisor *supervisor, const char *id) {
        char name[NAME_SIZE];

        record_name(id, name);
        if (FAULT("state.remove") < 0 ||
            (unlinkat(supervisor->records, name, 0) < 0 && errno != ENOENT))
                log_errno(LOG_WARNING, errno, "Can't remove the state of container %s", id);
}

void record_remove(const Container *container) {
        remove_record(container->supervisor, container->id);
}

int record_exit(const Supervisor *supervisor, const Event *event) {
        _cleanup_json_ Json *json = NULL;
        char name[NAME_SIZE];

        TRY(event_encode(event, &json));
        record_name(event->container, name);
        if (FAULT("exit.write") < 0)
                return -errno;
        return json_replace_file_at(supervisor->exit_records, name, json);
}

static int record_from_json(Json *json, Record *ret) {
        Json *log;
        int r;

        *ret = (Record){.boot = ""};
        r = message_get_id(json, "id", ret->id);
        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        TRY(json_get_int(json, "pid", &ret->pid));
        TRY(json_get_u64(json, "start-time", &ret->start_time));
        TRY(json_peek_string(json, "boot-id", &ret->boot));
        TRY(json_get_u64(json, "started-at", &ret->started_at));
        TRY(json_get_u32(json, "id-base", &ret->id_base));
        TRY(json_get_bool(json, "tty", &ret->tty));
        r = json_get_object(json, "log", &log);
        if (r > 0)
                r = log_spec_from_json(log, &ret->log);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(pipe_names); i++)
                TRY(json_get_u64(json, pipe_names[i], &ret->pipes[i]));
        return ret->pid > 0 ? 0 : -EBADMSG;
}

/* The hold on the root file system, see mount_release(). Not having it only makes the end known
 * later. */
static int open_root(const Supervisor *supervisor, const Record *record) {
        char path[32];

        snprintf(path, sizeof(path), "%d/root", record->pid);
        return openat(runtime_proc(supervisor->runtime), path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Finds a pipe among the open files of a process. Return: its read end or a negative errno. */
static int open_pipe(const Supervisor *supervisor, int pid, uint64_t inode) {
        for (int i = 1; i < FDS_SEARCHED; i++) {
                char path[48];
                struct stat st;
                int fd;

                snprintf(path, sizeof(path), "%d/fd/%d", pid, i);
                if (fstatat(runtime_proc(supervisor->runtime), path, &st, 0) < 0 ||
                    !S_ISFIFO(st.st_mode) || st.st_ino != inode)
                        continue;
                fd = openat(runtime_proc(supervisor->runtime), path,
                            O_RDONLY | O_NONBLOCK | O_CLOEXEC);
                /* It can have become another in between; the next one is no better. */
                if (fd < 0 || fstat(fd, &st) < 0 || st.st_ino != inode) {
                        safe_close(fd);
                        return -ENOENT;
                }
                return fd;
        }
        return -ENOENT;
}

/* Its terminal, where a service manager has kept it. */
static int adopt_terminal(Container *container, const Record *record) {
        int master = fdstore_take(container->supervisor->kept, record->id, "terminal");

        if (master < 0)
                return 0;
        container->main->terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        return process_add_output(container->main, 0, master, &record->log);
}

/* Goes on reading what the container puts out, from what a service manager has kept or where its main process has the
 * pipes still open. */
static void adopt_outputs(Container *container, const Record *record) {
        static const char *const names[] = {"stdout", "stderr"};
        FdStore *kept = container->supervisor->kept;
        Error e = ERROR_INIT;

        if (container_open_log(container, &record->log, &e) < 0)
                log_error_object(LOG_ERR, &e, "Can't log container %s", container->id);
        for (size_t i = 0; i < ELEMENTSOF(record->pipes); i++) {
                int fd, r;

                if (record->pipes[i] == 0)
                        continue;
                r = fd = fdstore_take(kept, record->id, names[i]);
                if (fd < 0)
                        r = fd = open_pipe(container->supervisor, record->pid, record->pipes[i]);
                if (fd >= 0)
                        r = process_add_output(container->main, i, fd, &record->log);
                if (r < 0)
                        log_errno(LOG_WARNING, r, "Can't read %s of container %s any more",
                                  pipe_names[i], container->id);
        }
        if (record->tty && adopt_terminal(container, record) < 0)
                log_warning("Can't read the terminal of container %s any more", container->id);
}

/* Return: 0, or -ESRCH when the container has ended, or another negative errno. */
static int adopt_running(Supervisor *supervisor, const Record *record, Error *e) {
        _cleanup_close_ int pidfd = -EBADF;
        Container *container;
        int r;

        pidfd = streq(supervisor->boot_id, record->boot) ?
                        process_open(record->pid, record->start_time) :
                        -ESRCH;
        if (pidfd < 0)
                return error_set(e, pidfd, "adopt", "opening process %d", record->pid);
        r = container_new(supervisor, record->id, &container);
        if (r < 0)
                return error_set(e, r, "adopt", "entering the container");
        container->start_time = record->start_time;
        container->started_at = record->started_at;
        container->id_base = record->id_base;
        r = cgroup_open(supervisor->cgroups, record->id, &container->cgroup, e);
        if (r >= 0 && process_new(container, 0, &container->main) < 0)
                r = error_oom(e);
        if (r < 0) {
                container_free(container, false);
                return r;
        }
        container->main->pid = record->pid;
        container->main->pidfd = TAKE_FD(pidfd);
        container->main->root = open_root(supervisor, record);
        container->main->tty = record->tty;
        container->running = true;
        pause_adopt(container);
        (void)cgroup_oom_kills(container->cgroup, &container->oom_kills);
        r = process_watch(container->main);
        if (r < 0) {
                container_free(container, false);
                return error_set(e, r, "adopt", "watching process %d", record->pid);
        }
        container_watch_oom(container);
        adopt_outputs(container, record);
        log_info("Adopted container %s, process %d", record->id, record->pid);
        return 0;
}

/* A container that ended while nobody watched: how, nobody knows. */
static int write_unknown_exit(const Supervisor *supervisor, const Record *record) {
        Event event = {
                .type = EVENT_EXITED,
                .pid = record->pid,
                .status = -1,
                .finished_at = now_realtime(),
        };
        char name[NAME_SIZE];

        record_name(record->id, name);
        if (faccessat(supervisor->exit_records, name, F_OK, 0) >= 0)
                return 0; /* its supervisor came as far as that */
        memcpy(event.container, record->id, sizeof(event.container));
        return record_exit(supervisor, &event);
}

static int adopt_one(Supervisor *supervisor, const char *name, Error *e) {
        _cleanup_json_ Json *json = NULL;
        _cleanup_(record_done) Record record = {};
        int r;

        r = json_read_file_at(supervisor->records, name, RECORD_SIZE_MAX, &json);
        if (r >= 0)
                r = record_from_json(json, &record);
        if (r < 0)
                return error_set(e, r, "adopt", "reading state/%s", name);
        if (map_get(&supervisor->containers, record.id))
                return 0;
        r = adopt_running(supervisor, &record, e);
        if (r != -ESRCH)
                return r;
        r = write_unknown_exit(supervisor, &record);
        if (r < 0)
                return error_set(e, r, "adopt", "writing an exit record");
        remove_record(supervisor, record.id);
        return 0;
}

/* The control groups of containers that nobody knows any more. */
static int sweep_groups(Supervisor *supervisor, Error *e) {
        _cleanup_strv_free_ char **ids = NULL;

        TRY(cgroup_tree_list(supervisor->cgroups, &ids, e));
        for (char **id = ids; id && *id; id++) {
                Cgroup *cgroup;

                if (map_get(&supervisor->containers, *id))
                        continue;
                if (cgroup_open(supervisor->cgroups, *id, &cgroup, e) < 0 ||
                    cgroup_kill(cgroup, e) < 0) {
                        log_error_object(LOG_WARNING, e, "Can't clear a control group");
                        continue;
                }
                log_info("Removing what is left of container %s", *id);
                reaper_add(supervisor->reaper, cgroup);
        }
        return 0;
}

int record_adopt(Supervisor *supervisor, Error *e) {
        _cleanup_closedir_ DIR *dir = NULL;
        int fd = openat(supervisor->records, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        dir = fd < 0 ? NULL : fdopendir(fd);
        if (!dir) {
                int r = -errno;

                safe_close(fd);
                return error_set(e, r, "adopt", "reading the states");
        }
        for (struct dirent *d; (d = readdir(dir));) {
                Error one = ERROR_INIT;

                if (d->d_name[0] == '.') /* also half-written ones */
                        continue;
                if (adopt_one(supervisor, d->d_name, &one) < 0)
                        log_error_object(LOG_ERR, &one, "Can't adopt a container");
        }
        return sweep_groups(supervisor, e);
}
