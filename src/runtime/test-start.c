/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Starts real containers and looks at them from inside. Needs root and a static /bin/busybox; skips itself (77)
 * without. */

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "runtime/context.h"
#include "runtime/test-harness.h"
#include "shared/fd.h"
#include "shared/strutil.h"
#include "shared/syscalls.h"

static void test_basics(void) {
        Result result;

        CHECK_OUT(run("echo hello"), "hello\n");
        CHECK_OUT(run("id -u; id -g; id -G; hostname; pwd"), "0\n0\n0\nbox\n/\n");
        CHECK_INT(run("exit 42").status, 42 << 8);
        CHECK_OUT(run("echo $$; cat /top; echo $HOME"), "1\ntop/root\n");
        CHECK_OUT(run("cat /proc/sys/kernel/hostname; cat /etc/hostname; grep -c box /etc/hosts"),
                  "box\nbox\n1\n");
        CHECK_OUT(run("ifconfig lo | grep -c UP"), "1\n");
        CHECK_OUT(run("ls /proc/self/fd"), "0\n1\n2\n3\n"); /* 3 is ls's own */
        CHECK_OUT(run("cat /proc/self/oom_score_adj; readlink /proc/self/fd/0"), "0\n/dev/null\n");
        CHECK_OUT(run("grep SigBlk /proc/self/status"), "SigBlk:\t0000000000000000\n");
        CHECK_OUT(
                run("echo x > /proc/self/fd/1; readlink /proc/self/cwd; readlink /proc/self/root"),
                "x\n/\n/\n");
        result = run("grep -E 'Cap|NoNew|Seccomp:|Groups' /proc/self/status");
        CHECK(strstr(result.out, "CapInh:\t0000000000000000\n"));
        CHECK(strstr(result.out, "CapPrm:\t00000000800405fb\n"));
        CHECK(strstr(result.out, "CapEff:\t00000000800405fb\n"));
        CHECK(strstr(result.out, "CapBnd:\t00000000800405fb\n"));
        CHECK(strstr(result.out, "CapAmb:\t0000000000000000\n"));
        CHECK(strstr(result.out, "NoNewPrivs:\t1\n"));
        CHECK(strstr(result.out, "Seccomp:\t2\n"));
}

static void test_files(void) {
        _cleanup_free_ char *file = path_in("containers/" ID "/upper/tmp/file");
        _cleanup_free_ char *passwd = path_in("containers/" ID "/upper/etc/passwd");
        struct stat st;

        CHECK_OUT(run("touch /tmp/file && chown 1000:1001 /tmp/file; stat -c %u:%g /tmp/file;"
                      "echo >> /etc/passwd; stat -c %u /etc/passwd"),
                  "1000:1001\n0\n");
        CHECK_INT(stat(file, &st), 0);
        CHECK_INT(st.st_uid, 1000);
        CHECK_INT(st.st_gid, 1001);
        CHECK_INT(stat(passwd, &st), 0);
        CHECK_INT(st.st_uid, 0);
        reset_container();
}

static void test_rootfs(void) {
        Result result = run("mount");

        /* Nothing of the host is left in sight. */
        CHECK(!strstr(result.out, "ext4"));
        CHECK(strstr(result.out, " on / type overlay (rw,nodev"));
        CHECK(strstr(result.out, "proc on /proc type proc (rw,nosuid,nodev,noexec"));
        CHECK(strstr(result.out, "on /proc/sys type proc (ro,"));
        CHECK(strstr(result.out, "sysfs on /sys type sysfs (ro,nosuid,nodev,noexec"));
        CHECK(strstr(result.out, "on /dev type tmpfs (rw,nosuid,noexec"));
        CHECK(strstr(result.out,
                     "on /dev/pts type devpts (rw,nosuid,noexec,relatime,gid=1000005,mode=620,ptmxmode=666)") ||
              strstr(result.out,
                     "on /dev/pts type devpts (rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=666)"));
        CHECK_OUT(
                run("cat /proc/kcore /proc/timer_list /proc/interrupts 2>/dev/null; ls /sys/firmware /proc/scsi 2>/dev/null |"
                    "grep -v :"),
                "");
        CHECK_OUT(
                run("mkdir /sys/fs/cgroup/x 2>/dev/null || echo refused; grep -v ':/$' /proc/self/cgroup |"
                    "grep -E '^0:|memory|pids'"),
                "refused\n");
        CHECK_OUT(
                run("cd /dev; ls; echo x > null; dd if=zero bs=1 count=3 2>/dev/null | grep -c .; readlink ptmx"),
                "fd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n1\npts/ptmx\n");
        CHECK_OUT(run("echo 1 2>/dev/null > /proc/sys/kernel/printk && echo written; true"), "");
        reset_container();
}

static void test_user(void) {
        ContainerSpec *spec =
                make_spec("id -u; id -g; id -G; echo $HOME; pwd; echo x > /proc/self/fd/1;"
                          "grep CapEff /proc/self/status");

        spec->process.user = strdup("user");
        spec->process.cwd = strdup("/made/by/start");
        CHECK_OUT(
                run_with(spec, NULL, NULL),
                "1000\n1000\n1000 2000\n/home/user\n/made/by/start\nx\nCapEff:\t0000000000000000\n");
        reset_container();
}

/* The process fails before it has read what it is sent: its own words must come through. */
static void test_early_failure(void) {
        ContainerSpec *spec = make_spec("true");
        Launch launch = LAUNCH_INIT;
        Cgroup *cgroup = NULL;
        Error e = ERROR_INIT;
        int r;

        CHECK_INT(cgroup_make(test_tree, spec->id, &spec->limits, &cgroup, &e), 0);
        CHECK_INT(cgroup_remove(cgroup, &e), 1);
        r = container_start_begin(test_runtime, spec, cgroup, NULL, NULL, &launch, &e);
        if (r >= 0)
                r = finish(&launch, &e);
        CHECK(r < 0);
        drop(&launch);
        CHECK(streq(e.stage, "cgroup") ||
              streq(e.stage, "namespace")); /* v2: clone3 fails itself */
        cgroup_free(cgroup);
        container_spec_free(spec);
}

static void test_failures(void) {
        ContainerSpec *spec;

        spec = make_spec("");
        free(spec->process.argv[0]);
        spec->process.argv[0] = strdup("does-not-exist");
        check_failed(spec, NULL, "exec", ENOENT);

        spec = make_spec("");
        free(spec->process.argv[0]);
        spec->process.argv[0] = strdup("/not-executable");
        check_failed(spec, NULL, "exec", EACCES);

        spec = make_spec("true");
        spec->process.cwd = strdup("/etc/passwd");
        check_failed(spec, NULL, "workdir", ENOTDIR);

        spec = make_spec("true");
        spec->process.cwd = strdup("/proc/self/fd/0");
        check_failed(spec, NULL, "workdir", ELOOP);

        spec = make_spec("true");
        spec->process.user = strdup("nobody-here");
        check_failed(spec, NULL, "user", ENOENT);

        spec = make_spec("true");
        memset(spec->layers[1], '9', ID_LENGTH);
        check_failed(spec, NULL, "overlay", ENOENT);

        /* A link in the place of /proc must not lead our mount elsewhere. */
        reset_container();
        make_link("/tmp", "containers/" ID "/upper/proc");
        check_failed(make_spec("true"), NULL, "mount", ENOTDIR);
        reset_container();
}

/* Sources that can't be a volume say so. */
static void test_refused_volumes(void) {
        _cleanup_free_ char *path = path_in("volume");
        _cleanup_close_ int proc = open_volume("../../proc/sys"), private = -EBADF;
        ContainerSpec *spec = make_spec("true");

        add_volume(spec, "/v", false, 0);
        check_failed(spec, &proc, "volume", EOPNOTSUPP);
        private = open(path, O_PATH | O_CLOEXEC);
        spec = make_spec("true");
        add_volume(spec, "/v", false, 0);
        check_failed(spec, &private, "volume", EINVAL);
}

static void test_volumes(void) {
        _cleanup_close_ int volume = -EBADF, file = -EBADF;
        _cleanup_free_ char *path = path_in("volume/new"), *mine = path_in("volume/mine");
        ContainerSpec *spec;
        struct stat st;

        reset_dir("volume");
        volume = open_volume("volume");
        spec = make_spec("echo data > /v/w/new; chown 7:8 /v/w/new; stat -c %u /v/w");
        add_volume(spec, "/v/w", false, 0);
        CHECK_OUT(run_with(spec, &volume, NULL), "0\n");
        CHECK_INT(stat(path, &st), 0);
        CHECK_INT(st.st_uid, 7);
        CHECK_INT(st.st_gid, 8);

        spec = make_spec(
                "cat /v/new; touch /v/more || echo refused; mount | grep -c ' /v .*ro,nosuid,nodev'");
        add_volume(spec, "/v", true, 0);
        CHECK_OUT(run_with(spec, &volume, NULL), "data\nrefused\n1\n");

        /* Only one user's: its files are root's inside, all others nobody's. */
        CHECK_INT(chown(path, 0, 0), 0);
        CHECK_INT(chmod(path, 0600), 0);
        {
                _cleanup_free_ char *dir = path_in("volume");

                CHECK_INT(chown(dir, 1234, 1234), 0);
                spec = make_spec(
                        "touch /v/mine; stat -c %u /v /v/mine /v/new; cat /v/new || echo refused");
                add_volume(spec, "/v", false, 1234);
                CHECK_OUT(run_with(spec, &volume, NULL), "0\n0\n65534\nrefused\n");
                CHECK_INT(stat(mine, &st), 0);
                CHECK_INT(st.st_uid, 1234);
                CHECK_INT(chown(dir, 0, 0), 0);
        }

        /* A file on a file that has to be made; a link out of the root leads inside. */
        write_file("volume/file", "contents");
        file = open_volume("volume/file");
        spec = make_spec("cat /some/where; ls /outside");
        add_volume(spec, "/some/where", true, 0);
        add_volume(spec, "/link-out", true, 0);
        CHECK_OUT(run_with(spec, (const int[]){file, volume}, NULL), "contentsfile\nmine\nnew\n");

        spec = make_spec("true");
        add_volume(spec, "/link-proc", true, 0);
        check_failed(spec, &volume, "volume", EPERM);
        spec = make_spec("true");
        add_volume(spec, "/link-dev", true, 0);
        check_failed(spec, &volume, "volume", EPERM);

        spec = make_spec(
                "touch /t/x /t/v/y; ls /t /t/v; touch /x || echo ro; touch /t/v/mine || echo ro");
        CHECK_INT(strv_extend(&spec->tmpfs, "/t"), 0);
        spec->read_only = true;
        add_volume(spec, "/t/v", false, 0);
        CHECK_OUT(run_with(spec, &volume, NULL), "/t:\nv\nx\n\n/t/v:\nfile\nmine\nnew\ny\nro\n");
        reset_container();
}

/* More than one packet takes, and than one page of options would. */
static void test_many(void) {
        enum { N = 100 };
        ContainerSpec *spec =
                make_spec("cat /top /layer; ls /volumes | grep -c .; cat /volumes/99/file");
        _cleanup_close_ int volume = open_volume("volume");
        int volumes[N];

        make_dir("layers", 0755);
        for (int i = 0; i < N; i++) {
                _cleanup_free_ char *id = strf("4%063d", i), *layer = strf("layers/%s", id);
                _cleanup_free_ char *diff = strf("%s/diff", layer), *file = strf("%s/layer", diff);
                _cleanup_free_ char *target = strf("/volumes/%d", i), *text = strf("%d\n", i);

                CHECK(id && layer && diff && file && target && text);
                make_dir(layer, 0755);
                make_dir(diff, 0755);
                write_file(file, text);
                CHECK_INT(strv_extend(&spec->layers, id), 0);
                add_volume(spec, target, true, 0);
                volumes[i] = volume;
        }
        write_file("volume/file", "contents");
        CHECK_OUT(run_with(spec, volumes, NULL), "top99\n100\ncontents");
        reset_container();
}

/* Return: as mount_release(), once the descriptor that it was given, a pipe's, is closed everywhere. */
static int release(void) {
        int fds[2], pidfd;
        char byte;

        CHECK_INT(pipe2(fds, O_CLOEXEC), 0);
        pidfd = mount_release(test_runtime, fds[1]);
        CHECK_INT(read(fds[0], &byte, 1), 0);
        safe_close(fds[0]);
        return pidfd;
}

static void reap(int pidfd) {
        struct pollfd pollfd = {.fd = pidfd, .events = POLLIN};

        CHECK_INT(poll(&pollfd, 1, 10000), 1);
        child_reap(pidfd);
}

/* One process for all, and another when it is gone. */
static void test_release(void) {
        int pidfd;

        test_runtime->closer = safe_close(test_runtime->closer);
        pidfd = release();
        CHECK(pidfd >= 0);
        CHECK_INT(release(), -EBADF);
        CHECK_INT(mount_release(test_runtime, -EBADF), -EBADF);
        CHECK_INT(sys_pidfd_send_signal(pidfd, SIGKILL), 0);
        reap(pidfd);
        pidfd = release();
        CHECK(pidfd >= 0);
        test_runtime->closer = safe_close(test_runtime->closer);
        reap(pidfd);
        pidfd = mount_release(test_runtime, -EBADF);
        CHECK(pidfd >= 0);
        CHECK_INT(release(), -EBADF);
        safe_close(pidfd);
}

/* With room for `n` descriptors: whether one is made, which then knows the same as ever. */
static bool is_made(rlim_t n) {
        struct rlimit limit;
        Runtime *runtime = NULL;
        Error e = ERROR_INIT;

        CHECK_INT(getrlimit(RLIMIT_NOFILE, &limit), 0);
        limit.rlim_cur = n;
        CHECK_INT(setrlimit(RLIMIT_NOFILE, &limit), 0);
        if (runtime_new(test_runtime->state_path, &runtime, &e) < 0)
                return false;
        CHECK_INT(runtime->features.idmapped_overlay, test_runtime->features.idmapped_overlay);
        CHECK_INT(runtime->features.overlay_fd_layers, test_runtime->features.overlay_fd_layers);
        return true;
}

/* A runtime that cannot open what it needs is not made; it never holds that something does not work here. */
static void test_shortage(void) {
        unsigned made = 0, failed = 0;

        for (rlim_t n = 3; n < 64; n++) {
                int status;
                /* It enters a mount namespace of its own. */
                pid_t pid = fork();

                if (pid == 0)
                        _exit(is_made(n) ? 0 : 2);
                CHECK_INT(waitpid(pid, &status, 0), pid);
                CHECK(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 2));
                if (WEXITSTATUS(status) == 0)
                        made++;
                else
                        failed++;
        }
        CHECK(made > 0 && failed > 0);
}

static void tests(void) {
        test_basics();
        test_files();
        test_rootfs();
        test_user();
        test_early_failure();
        test_failures();
        test_release();
        test_refused_volumes();
        test_volumes();
        test_many();
        test_shortage();
        /* The way for older kernels works on newer ones too. */
        test_runtime->features.overlay_fd_layers = false;
        test_files();
        test_volumes();
        test_many();
}

int main(int argc, char **argv) {
        /* Not inherited: a container's OOM score is 0. */
        if (geteuid() == 0)
                (void)fd_write_attribute_at(AT_FDCWD, "/proc/self/oom_score_adj", "100");
        return test_run(tests);
}
