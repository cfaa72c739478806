/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>

#include "runtime/cgroup-backend.h"
#include "shared/fault.h"
#include "shared/fd.h"
#include "shared/strutil.h"
#include "shared/syscalls.h"

/* How long a process that a killed supervisor was just making is waited for. */
#define LOCK_MSEC 2000

#define ATTRIBUTE_SIZE_MAX (4 * 1024 * 1024)

/* How deep groups made inside a container are removed. */
#define DEPTH_MAX 64

static const char *const v1_names[_CONTROLLER_MAX] = {
        [CONTROLLER_MEMORY] = "memory",   [CONTROLLER_CPU] = "cpu",
        [CONTROLLER_CPUACCT] = "cpuacct", [CONTROLLER_CPUSET] = "cpuset",
        [CONTROLLER_PIDS] = "pids",       [CONTROLLER_FREEZER] = "freezer",
        [CONTROLLER_BLKIO] = "blkio",
};

/* Undoes the octal escapes of mountinfo, in place. */
static void unescape(char *s) {
        char *to = s;

        while (*s) {
                if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
                        *to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
                        s += 4;
                } else
                        *to++ = *s++;
        }
        *to = '\0';
}

/* Takes a mounted v1 hierarchy in, for those of its controllers that no earlier one has. */
static int add_v1_hierarchy(CgroupTree *tree, const char *path, const char *options, Error *e) {
        _cleanup_strv_free_ char **words = strv_split(options, ',');
        bool used = false;

        if (!words)
                return error_oom(e);
        for (size_t i = 0; i < _CONTROLLER_MAX; i++)
                if (tree->of[i] < 0 && strv_contains(words, v1_names[i])) {
                        tree->of[i] = (int)tree->n;
                        used = true;
                }
        if (!used)
                return 0;
        tree->roots[tree->n] = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (tree->roots[tree->n] < 0)
                return error_set(e, errno, "cgroup", "opening %s", path);
        tree->n++;
        return 0;
}

/* Whether the controllers that matter are in this unified hierarchy. */
static bool has_controllers(int root) {
        _cleanup_free_ char *text = NULL;

        return fd_read_file_at(root, "cgroup.controllers", 4096, &text, NULL) >= 0 &&
               (strstr(text, "memory") || strstr(text, "pids"));
}

/* Also a hierarchy without controllers is used where the parent is there already: a service manager made it, and ends
 * with a unit the processes that it finds there. Return: its index, -1 where it isn't used. */
static int add_tracking(CgroupTree *tree, int *root) {
        if (*root < 0 || faccessat(*root, tree->parent + 1, F_OK, 0) < 0)
                return -1;
        tree->roots[tree->n] = TAKE_FD(*root);
        return (int)tree->n++;
}

static void use_v2(CgroupTree *tree, int root) {
        fd_close_many(tree->roots, tree->n);
        for (size_t i = 0; i < _CONTROLLER_MAX; i++)
                tree->of[i] = -1;
        tree->backend = &cgroup_backend_v2;
        tree->roots[0] = root;
        tree->n = 1;
}

/* Opens the first of its kind. Return: 0 or a negative errno. */
static int open_root(const char *path, int *root, Error *e) {
        if (*root < 0)
                *root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return *root < 0 ? error_set(e, errno, "cgroup", "opening %s", path) : 0;
}

/* One line of mountinfo: … MOUNT-POINT OPTIONS [TAG…] - TYPE SOURCE SUPER-OPTIONS. The unified
 * hierarchy and systemd's own are opened in *unified and *systemd. */
static int consider_mount(CgroupTree *tree, char *line, int *unified, int *systemd, Error *e) {
        char *fields[6], *separator = strstr(line, " - "), *type, *options;

        if (!separator)
                return 0;
        *separator = '\0';
        type = separator + 3;
        options = strrchr(type, ' ');
        if (!options || !startswith(type, "cgroup"))
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                fields[i] = strsep(&line, " ");
                if (!fields[i])
                        return 0;
        }
        unescape(fields[4]);
        if (startswith(type, "cgroup2 "))
                return open_root(fields[4], unified, e);
        if (strstr(options, "name=systemd"))
                return open_root(fields[4], systemd, e);
        return add_v1_hierarchy(tree, fields[4], options + 1, e);
}

static int find_hierarchies(CgroupTree *tree, Error *e) {
        _cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
        _cleanup_free_ char *line = NULL;
        _cleanup_close_ int unified = -EBADF, systemd = -EBADF;
        size_t allocated = 0;
        ssize_t n;

        if (!f)
                return error_set(e, errno, "cgroup", "opening /proc/self/mountinfo");
        while ((n = getline(&line, &allocated, f)) > 0) {
                if (line[n - 1] == '\n')
                        line[n - 1] = '\0';
                TRY(consider_mount(tree, line, &unified, &systemd, e));
        }
        if (ferror(f))
                return error_set(e, EIO, "cgroup", "reading /proc/self/mountinfo");
        /* A hybrid system has the unified hierarchy too, but without controllers. */
        if (unified >= 0 && (tree->n == 0 || has_controllers(unified)))
                use_v2(tree, TAKE_FD(unified));
        else if (tree->n > 0) {
                tree->unified = add_tracking(tree, &unified);
                (void)add_tracking(tree, &systemd);
        }
        if (tree->n == 0)
                return error_set(e, ENOENT, "cgroup", "no control group hierarchy is mounted");
        return 0;
}

/* Whoever uses a parent removes the groups below it that it doesn't know. */
static int lock_parent(CgroupTree *tree, int lock, Error *e) {
        struct stat old, new;
        int r;

        if (lock >= 0 && (fstat(lock, &old) < 0 || fstat(tree->parents[0], &new) < 0 ||
                          old.st_dev != new.st_dev || old.st_ino != new.st_ino))
                lock = safe_close(lock);
        if (lock < 0)
                lock = openat(tree->parents[0], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        tree->lock = lock;
        r = lock < 0 ? -errno : fd_lock(lock, LOCK_MSEC);
        return r < 0 ? error_set(e, r, "cgroup", "group %s is used by another supervisor",
                                 tree->parent) :
                       0;
}

static int set_up(CgroupTree *tree, const char *parent, Error *e) {
        tree->backend = &cgroup_backend_v1;
        tree->lock = -EBADF;
        tree->unified = -1;
        for (size_t i = 0; i < HIERARCHIES_MAX; i++)
                tree->roots[i] = tree->parents[i] = -EBADF;
        for (size_t i = 0; i < _CONTROLLER_MAX; i++)
                tree->of[i] = -1;
        if (!path_is_normalized(parent) || streq(parent, "/"))
                return error_set(e, EINVAL, "cgroup", "\"%s\" can't be the parent group", parent);
        tree->parent = strdup(parent);
        if (!tree->parent)
                return error_oom(e);
        TRY(find_hierarchies(tree, e));
        return tree->backend->prepare(tree, e);
}

int cgroup_tree_new(const char *parent, int lock, CgroupTree **ret, Error *e) {
        _cleanup_(cgroup_tree_freep) CgroupTree *tree = calloc(1, sizeof(CgroupTree));
        int r = tree ? set_up(tree, parent, e) : error_oom(e);

        if (r < 0) {
                safe_close(lock);
                return r;
        }
        TRY(lock_parent(tree, lock, e));
        *ret = TAKE_PTR(tree);
        return 0;
}

int cgroup_tree_lock(const CgroupTree *tree) {
        return tree->lock;
}

CgroupTree *cgroup_tree_free(CgroupTree *tree) {
        if (!tree)
                return NULL;
        fd_close_many(tree->roots, HIERARCHIES_MAX);
        fd_close_many(tree->parents, HIERARCHIES_MAX);
        safe_close(tree->lock);
        free(tree->parent);
        free(tree);
        return NULL;
}

unsigned cgroup_tree_version(const CgroupTree *tree) {
        return tree->backend->version;
}

/* Opens a directory for readdir(3). Return: NULL with errno set. */
static DIR *open_dir(int at, const char *name) {
        int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);

        if (fd >= 0 && !dir)
                safe_close(fd);
        return dir;
}

int cgroup_tree_list(const CgroupTree *tree, char ***ret, Error *e) {
        _cleanup_strv_free_ char **names = NULL;

        for (size_t i = 0; i < tree->n; i++) {
                _cleanup_closedir_ DIR *dir = open_dir(tree->parents[i], ".");

                if (!dir)
                        return error_set(e, errno, "cgroup", "reading group %s", tree->parent);
                for (struct dirent *d; (d = readdir(dir));)
                        if (id_is_valid(d->d_name) && !strv_contains(names, d->d_name) &&
                            strv_extend(&names, d->d_name) < 0)
                                return error_oom(e);
        }
        *ret = TAKE_PTR(names);
        return 0;
}

static int cgroup_new(CgroupTree *tree, const char *id, Cgroup **ret, Error *e) {
        _cleanup_(cgroup_freep) Cgroup *cgroup = calloc(1, sizeof(Cgroup));

        if (!cgroup)
                return error_oom(e);
        cgroup->tree = tree;
        cgroup->directory = cgroup->oom = -EBADF;
        memcpy(cgroup->id, id, ID_LENGTH + 1);
        cgroup->path = strf("%s/%s", tree->parent, id);
        if (!cgroup->path)
                return error_oom(e);
        *ret = TAKE_PTR(cgroup);
        return 0;
}

Cgroup *cgroup_free(Cgroup *cgroup) {
        if (!cgroup)
                return NULL;
        safe_close(cgroup->directory);
        safe_close(cgroup->oom);
        free(cgroup->path);
        free(cgroup);
        return NULL;
}

static int make_directory(int parent, const char *id) {
        if (mkdirat(parent, id, 0755) >= 0)
                return 0;
        /* One that was left over and has nothing in it is made anew, for its limits. */
        if (errno != EEXIST || unlinkat(parent, id, AT_REMOVEDIR) < 0 ||
            mkdirat(parent, id, 0755) < 0)
                return -errno;
        return 0;
}

/* systemd removes groups of version 1 that it finds empty. */
static int renew_parents(CgroupTree *tree, Error *e) {
        fd_close_many(tree->parents, tree->n);
        TRY(tree->backend->prepare(tree, e));
        return lock_parent(tree, TAKE_FD(tree->lock), e);
}

static int make_directories(Cgroup *cgroup, Error *e) {
        CgroupTree *tree = cgroup->tree;

        for (size_t i = 0; i < tree->n; i++) {
                int r = make_directory(tree->parents[i], cgroup->id);

                if (r == -ENOENT) {
                        TRY(renew_parents(tree, e));
                        r = make_directory(tree->parents[i], cgroup->id);
                }
                if (r < 0)
                        return error_set(e, r, "cgroup", "making group %s", cgroup->path);
        }
        return 0;
}

int cgroup_make(CgroupTree *tree, const char *id, const Limits *limits, Cgroup **ret, Error *e) {
        _cleanup_(cgroup_freep) Cgroup *cgroup = NULL;
        int r;

        TRY(cgroup_new(tree, id, &cgroup, e));
        r = make_directories(cgroup, e);
        if (r >= 0 && FAULT("cgroup.open") < 0)
                r = error_set(e, errno, "cgroup", "opening the control group");
        if (r >= 0)
                r = tree->backend->open(cgroup, e);
        if (r >= 0)
                r = tree->backend->set_limits(cgroup, limits, e);
        if (r < 0) {
                for (size_t i = 0; i < tree->n; i++)
                        unlinkat(tree->parents[i], id, AT_REMOVEDIR);
                return r;
        }
        *ret = TAKE_PTR(cgroup);
        return 0;
}

int cgroup_open(CgroupTree *tree, const char *id, Cgroup **ret, Error *e) {
        _cleanup_(cgroup_freep) Cgroup *cgroup = NULL;
        bool there = false;

        TRY(cgroup_new(tree, id, &cgroup, e));
        for (size_t i = 0; i < tree->n && !there; i++)
                there = faccessat(tree->parents[i], id, F_OK, 0) >= 0;
        if (!there)
                return error_set(e, ENOENT, "cgroup", "opening group %s", cgroup->path);
        TRY(tree->backend->open(cgroup, e));
        *ret = TAKE_PTR(cgroup);
        return 0;
}

const char *cgroup_path(const Cgroup *cgroup) {
        return cgroup->path;
}

int cgroup_clone_fd(const Cgroup *cgroup) {
        return cgroup->directory;
}

int cgroup_join(Cgroup *cgroup, pid_t pid, Error *e) {
        return cgroup->tree->backend->join(cgroup, pid, e);
}

int cgroup_set_limits(Cgroup *cgroup, const Limits *limits, Error *e) {
        return cgroup->tree->backend->set_limits(cgroup, limits, e);
}

int cgroup_freeze(Cgroup *cgroup, Error *e) {
        return cgroup->tree->backend->freeze(cgroup, true, e);
}

int cgroup_thaw(Cgroup *cgroup, Error *e) {
        return cgroup->tree->backend->freeze(cgroup, false, e);
}

int cgroup_is_frozen(const Cgroup *cgroup, Error *e) {
        return cgroup->tree->backend->is_frozen(cgroup, e);
}

int cgroup_kill(Cgroup *cgroup, Error *e) {
        return cgroup->tree->backend->kill(cgroup, e);
}

int cgroup_stats(const Cgroup *cgroup, Stats *ret, Error *e) {
        *ret = (Stats){};
        return cgroup->tree->backend->stats(cgroup, ret, e);
}

int cgroup_watch_oom(Cgroup *cgroup, uint32_t *ret_events) {
        return cgroup->tree->backend->watch_oom(cgroup, ret_events);
}

int cgroup_oom_kills(Cgroup *cgroup, uint64_t *ret) {
        return cgroup->tree->backend->oom_kills(cgroup, ret);
}

static int append_pids(const char *text, uint32_t **pids, size_t *n) {
        for (const char *line = text; *line;) {
                const char *end = strchrnul(line, '\n');

                if ((*n & (*n - 1)) == 0) {
                        uint32_t *grown = reallocarray(*pids, *n ? *n * 2 : 1, sizeof(uint32_t));

                        if (!grown)
                                return -ENOMEM;
                        *pids = grown;
                }
                (*pids)[(*n)++] = (uint32_t)strtoul(line, NULL, 10);
                line = *end ? end + 1 : end;
        }
        return 0;
}

int cgroup_pids(const Cgroup *cgroup, uint32_t **ret, size_t *n, Error *e) {
        _cleanup_free_ char *text = NULL;
        _cleanup_free_ uint32_t *pids = NULL;
        char path[ID_LENGTH + sizeof("/cgroup.procs")];
        size_t found = 0;
        int r;

        snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup->id);
        r = fd_read_file_at(cgroup->tree->parents[0], path, ATTRIBUTE_SIZE_MAX, &text, NULL);
        if (r >= 0)
                r = append_pids(text, &pids, &found);
        /* Removed, perhaps from this hierarchy only if whoever did it died. No process is left then. */
        if (r == -ENOENT)
                r = 0;
        if (r < 0)
                return error_set(e, r, "cgroup", "reading the processes of group %s", cgroup->path);
        *ret = TAKE_PTR(pids);
        *n = found;
        return 0;
}

int cgroup_kill_each(const Cgroup *cgroup, Error *e) {
        _cleanup_free_ uint32_t *before = NULL, *now = NULL;
        _cleanup_free_ int *fds = NULL;
        size_t n_before, n_now;
        int r;

        TRY(cgroup_pids(cgroup, &before, &n_before, e));
        fds = calloc(n_before + 1, sizeof(int));
        if (!fds)
                return error_oom(e);
        for (size_t i = 0; i < n_before; i++)
                fds[i] = sys_pidfd_open((pid_t)before[i], 0);
        /* A number that is still in the group now was not another process's when it was opened. */
        r = cgroup_pids(cgroup, &now, &n_now, e);
        for (size_t i = 0; i < n_before; i++) {
                for (size_t k = 0; r >= 0 && fds[i] >= 0 && k < n_now; k++)
                        if (now[k] == before[i] && sys_pidfd_send_signal(fds[i], SIGKILL) < 0 &&
                            errno != ESRCH)
                                r = error_set(e, errno, "cgroup", "killing process %u", now[k]);
                safe_close(fds[i]);
        }
        return r;
}

/* Removes a directory of a hierarchy and those below it. Return: 0 or a negative errno, EBUSY when
 * processes are in it. */
static int remove_tree(int at, const char *name, unsigned depth) {
        _cleanup_closedir_ DIR *dir = NULL;

        if (unlinkat(at, name, AT_REMOVEDIR) >= 0 || errno == ENOENT)
                return 0;
        if (errno != EBUSY || depth >= DEPTH_MAX)
                return -errno;
        dir = open_dir(at, name);
        if (!dir)
                return errno == ENOENT ? 0 : -errno;
        for (struct dirent *d; (d = readdir(dir));)
                if (d->d_type == DT_DIR && !streq(d->d_name, ".") && !streq(d->d_name, ".."))
                        TRY(remove_tree(dirfd(dir), d->d_name, depth + 1));
        return unlinkat(at, name, AT_REMOVEDIR) >= 0 || errno == ENOENT ? 0 : -errno;
}

int cgroup_remove(Cgroup *cgroup, Error *e) {
        int busy = 0;

        for (size_t i = 0; i < cgroup->tree->n; i++) {
                int r = remove_tree(cgroup->tree->parents[i], cgroup->id, 0);

                if (r == -EBUSY)
                        busy = 1;
                else if (r < 0)
                        return error_set(e, r, "cgroup", "removing group %s", cgroup->path);
        }
        return !busy;
}
