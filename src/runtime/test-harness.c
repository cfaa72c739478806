/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "runtime/capability.h"
#include "runtime/test-harness.h"
#include "shared/fd.h"
#include "shared/strutil.h"
#include "shared/syscalls.h"

static char state[] = "/tmp/test-runtime-XXXXXX";
Runtime *test_runtime;
CgroupTree *test_tree;

char *path_in(const char *name) {
        char *path = strf("%s/%s", state, name);

        CHECK(path);
        return path;
}

void make_dir(const char *name, mode_t mode) {
        _cleanup_free_ char *path = path_in(name);

        CHECK(mkdir(path, 0755) == 0 || errno == EEXIST);
        CHECK(chmod(path, mode) == 0);
}

void write_file(const char *name, const char *text) {
        _cleanup_free_ char *path = path_in(name);
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        CHECK(fd >= 0);
        CHECK(fd_write_all(fd, text, strlen(text)) == 0);
}

void make_link(const char *target, const char *name) {
        _cleanup_free_ char *path = path_in(name);

        CHECK(symlink(target, path) == 0);
}

static void make_state(void) {
        _cleanup_free_ char *busybox = path_in("layers/" LAYER "/diff/bin/busybox");
        _cleanup_free_ char *copy = strf("cp /bin/busybox %s", busybox);
        static const char *const dirs[] = {
                "layers",
                "layers/" LAYER,
                "layers/" LAYER "/diff",
                "layers/" LAYER "/diff/bin",
                "layers/" LAYER "/diff/etc",
                "layers/" LAYER "/diff/tmp",
                "layers/" LAYER "/diff/outside",
                "layers/" TOP,
                "layers/" TOP "/diff",
                "containers",
                "containers/" ID,
                "containers/" ID "/upper",
                "containers/" ID "/work",
                "containers/" ID "/merged",
                "volume",
        };

        for (size_t i = 0; i < ELEMENTSOF(dirs); i++)
                make_dir(dirs[i], 0755);
        make_dir("layers/" LAYER "/diff/tmp", 01777);
        CHECK(copy && system(copy) == 0);
        for (const char *const *n =
                     (const char *const[]){"sh",       "id",    "cat",  "ls",       "grep",
                                           "stat",     "touch", "echo", "true",     "sleep",
                                           "mkdir",    "tty",   "stty", "ifconfig", "env",
                                           "hostname", "mount", "pwd",  "dd",       "chown",
                                           "readlink", NULL};
             *n; n++) {
                _cleanup_free_ char *link = strf("layers/" LAYER "/diff/bin/%s", *n);

                CHECK(link);
                make_link("busybox", link);
        }
        write_file("layers/" LAYER "/diff/etc/passwd",
                   "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n");
        write_file("layers/" LAYER "/diff/etc/group",
                   "root:x:0:\nuser:x:1000:\nextra:x:2000:user\n");
        write_file("layers/" LAYER "/diff/not-executable", "x");
        make_link("/etc/../../../../outside", "layers/" LAYER "/diff/link-out");
        make_link("/proc", "layers/" LAYER "/diff/link-proc");
        make_link("/dev", "layers/" LAYER "/diff/link-dev");
        write_file("layers/" TOP "/diff/top", "top");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

void reset_dir(const char *name) {
        _cleanup_free_ char *path = path_in(name);

        CHECK(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
        make_dir(name, 0755);
}

/* The container's upper and work directory as the daemon makes them. */
void reset_container(void) {
        reset_dir("containers/" ID "/upper");
        reset_dir("containers/" ID "/work");
}

/* A specification that runs `script` with a shell; to be changed by the test, and freed. */
ContainerSpec *make_spec(const char *script) {
        ContainerSpec *spec = calloc(1, sizeof(*spec));

        CHECK(spec);
        memcpy(spec->id, ID, sizeof(spec->id));
        CHECK(strv_extend(&spec->layers, LAYER) == 0 && strv_extend(&spec->layers, TOP) == 0);
        spec->hostname = strdup("box");
        spec->id_base = ID_BASE;
        CHECK(strv_extend(&spec->process.argv, "sh") == 0);
        CHECK(strv_extend(&spec->process.argv, "-c") == 0);
        CHECK(strv_extend(&spec->process.argv, script) == 0);
        CHECK(strv_extend(&spec->process.env, "PATH=/sbin:/bin") == 0);
        for (const char *const *c = capability_defaults; *c; c++)
                CHECK(strv_extend(&spec->process.capabilities, *c) == 0);
        spec->process.no_new_privileges = true;
        spec->process.seccomp = true;
        spec->process.streams[1] = STREAM_PIPE;
        spec->process.streams[2] = STREAM_PIPE;
        return spec;
}

static void wait_readable(int fd) {
        struct pollfd pollfd = {.fd = fd, .events = POLLIN};

        CHECK(poll(&pollfd, 1, 10000) == 1);
}

/* Waits until the start is done or has failed. */
int finish(Launch *launch, Error *e) {
        int r;

        do {
                wait_readable(launch->channel);
                r = launch_continue(launch, e);
        } while (r == 0);
        return r;
}

void drop(Launch *launch) {
        int pidfd = launch_abort(test_runtime, launch);

        if (pidfd < 0)
                return;
        wait_readable(pidfd);
        child_reap(pidfd);
}

void collect(Launch *launch, Result *result) {
        int from = launch->terminal_master >= 0 ? launch->terminal_master : launch->streams[1];
        size_t n = 0;
        ssize_t r;

        launch->terminal_slave = safe_close(launch->terminal_slave);
        while (n < sizeof(result->out) - 1 &&
               (r = read(from, result->out + n, sizeof(result->out) - 1 - n)) > 0)
                n += r;
        result->out[n] = '\0';
        if (launch->streams[2] >= 0) {
                char text[4096];

                while ((r = read(launch->streams[2], text, sizeof(text))) > 0)
                        (void)!write(STDERR_FILENO, text, r);
        }
        CHECK(waitpid(launch->pid, &result->status, 0) == launch->pid);
        launch->pidfd = safe_close(launch->pidfd);
        drop(launch);
}

static void set_failed(Result *result, const Error *e) {
        *result = (Result){.error = e->number};
        memcpy(result->stage, e->stage, sizeof(e->stage));
        error_format(e, result->text, sizeof(result->text));
}

/* Starts it, and says in *ret what became of the start. */
bool start(const ContainerSpec *spec, const int *volumes, const int *given, Cgroup **cgroup,
           Launch *launch, Result *result) {
        Error e = ERROR_INIT;
        int r;

        CHECK_INT(cgroup_make(test_tree, spec->id, &spec->limits, cgroup, &e), 0);
        r = container_start_begin(test_runtime, spec, *cgroup, volumes, given, launch, &e);
        if (r >= 0)
                r = finish(launch, &e);
        if (r > 0)
                return true;
        drop(launch);
        set_failed(result, &e);
        return false;
}

void remove_cgroup(Cgroup *cgroup) {
        Error e = ERROR_INIT;

        for (unsigned i = 0; cgroup_remove(cgroup, &e) == 0 && i < 1000; i++)
                usleep(1000);
        CHECK_INT(e.number, 0);
        cgroup_free(cgroup);
}

Result run_with(ContainerSpec *spec, const int *volumes, const int *given) {
        Launch launch = LAUNCH_INIT;
        Cgroup *cgroup = NULL;
        Result result = {};

        if (start(spec, volumes, given, &cgroup, &launch, &result))
                collect(&launch, &result);
        remove_cgroup(cgroup);
        container_spec_free(spec);
        return result;
}

Result run(const char *script) {
        return run_with(make_spec(script), NULL, NULL);
}

void check_failed(ContainerSpec *spec, const int *volumes, const char *stage, int number) {
        Result result = run_with(spec, volumes, NULL);

        if (result.error != number)
                fprintf(stderr, "error %d, %s: %s, out %s\n", result.error, result.stage,
                        result.text, result.out);
        CHECK_INT(result.error, number);
        CHECK_STR(result.stage, stage);
}

void add_volume(ContainerSpec *spec, const char *target, bool read_only, uid_t uid) {
        Volume *volume;

        spec->volumes = realloc(spec->volumes, (spec->n_volumes + 1) * sizeof(Volume));
        CHECK(spec->volumes);
        volume = &spec->volumes[spec->n_volumes++];
        *volume = (Volume){.source = path_in("volume"),
                           .target = strdup(target),
                           .read_only = read_only,
                           .uid = uid,
                           .gid = uid};
}

/* As the daemon opens one: in the host's mount namespace. */
int open_volume(const char *name) {
        _cleanup_free_ char *path = path_in(name);
        int fd;

        CHECK_INT(runtime_leave(test_runtime), 0);
        fd = open(path, O_PATH | O_CLOEXEC);
        CHECK(fd >= 0);
        runtime_return(test_runtime);
        return fd;
}

Result exec_in(const Launch *container, uint32_t id_base, Cgroup *cgroup, ProcessSpec *process) {
        Launch launch = LAUNCH_INIT;
        Error e = ERROR_INIT;
        Result result = {};
        int r = container_exec_begin(test_runtime, container->pidfd, id_base, cgroup, process, NULL,
                                     &launch, &e);

        if (r >= 0)
                r = finish(&launch, &e);
        if (r < 0) {
                drop(&launch);
                set_failed(&result, &e);
        } else
                collect(&launch, &result);
        process_spec_done(process);
        return result;
}

ProcessSpec make_process(const char *script) {
        ContainerSpec *spec = make_spec(script);
        ProcessSpec process = spec->process;

        spec->process = (ProcessSpec){};
        container_spec_free(spec);
        return process;
}

/* Programs that run at the same time have one each. */
static char cgroup_parent[32];

/* The parent that cgroup_tree_new() made, in whichever hierarchies. */
static void remove_cgroup_parent(void) {
        static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/*"};
        glob_t found = {};

        for (size_t i = 0; i < ELEMENTSOF(roots); i++) {
                _cleanup_free_ char *pattern = strf("%s%s", roots[i], cgroup_parent);

                CHECK(pattern);
                CHECK_INT(glob(pattern, i > 0 ? GLOB_APPEND : 0, NULL, &found) & ~GLOB_NOMATCH, 0);
        }
        for (size_t i = 0; i < found.gl_pathc; i++)
                CHECK_INT(rmdir(found.gl_pathv[i]), 0);
        globfree(&found);
}

static size_t count_fds(void) {
        _cleanup_closedir_ DIR *dir = opendir("/proc/self/fd");
        size_t n = 0;

        CHECK(dir);
        while (readdir(dir))
                n++;
        return n;
}

static size_t count_mounts(void) {
        _cleanup_fclose_ FILE *file = fopen("/proc/self/mounts", "re");
        size_t n = 0;
        int c;

        CHECK(file);
        while ((c = fgetc(file)) != EOF)
                n += c == '\n';
        return n;
}

int test_run(void (*tests)(void)) {
        Error e = ERROR_INIT;
        size_t fds, mounts;

        if (geteuid() != 0 || access("/bin/busybox", X_OK) < 0)
                return 77;
        CHECK(mkdtemp(state));
        make_state();
        snprintf(cgroup_parent, sizeof(cgroup_parent), "/mydocker-test-%d", (int)getpid());
        if (runtime_new(state, &test_runtime, &e) < 0 ||
            cgroup_tree_new(cgroup_parent, -EBADF, &test_tree, &e) < 0) {
                fprintf(stderr, "%s: %s\n", e.stage, e.text);
                nftw(state, remove_one, 16, FTW_DEPTH | FTW_PHYS);
                return 1;
        }
        CHECK_INT(runtime_prune_mounts(test_runtime, (const char *const[]){"/usr", NULL}, &e), 0);
        CHECK_OUT(run("true"), "");
        fds = count_fds();
        mounts = count_mounts();
        tests();
        CHECK_INT(count_fds(), fds);
        CHECK_INT(count_mounts(), mounts);
        CHECK_INT(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
        CHECK_INT(nftw(state, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
        remove_cgroup_parent();
        cgroup_tree_free(test_tree);
        runtime_free(test_runtime);
        return 0;
}
