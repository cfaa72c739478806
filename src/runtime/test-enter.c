/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Terminals, streams, processes that enter a running container, and views of it. Needs what test-start needs. */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "runtime/context.h"
#include "runtime/test-harness.h"
#include "runtime/view.h"
#include "shared/fd.h"
#include "shared/strutil.h"

static void test_terminal(void) {
        ContainerSpec *spec =
                make_spec("tty; stty size; ls -l /dev/console | grep -c '136,'; echo $TERM;"
                          "stat -c %u:%g /dev/pts/0");

        spec->process.tty = true;
        spec->process.rows = 33;
        spec->process.columns = 111;
        spec->process.user = strdup("user");
        CHECK_OUT(run_with(spec, NULL, NULL), "/dev/pts/0\r\n33 111\r\n1\r\nxterm\r\n1000:5\r\n");
        reset_container();
}

static void test_streams(void) {
        ContainerSpec *spec = make_spec("cat; cat /proc/self/fd/1 > /dev/null");
        int fds[2], given[2];
        Result result;
        struct stat before, after;

        CHECK_INT(pipe2(fds, O_CLOEXEC), 0);
        given[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        given[1] = fds[1];
        CHECK_INT(fstat(fds[1], &before), 0);
        free(spec->process.argv[2]);
        spec->process.argv[2] = strdup("cat; echo to-given >&2; echo out");
        spec->process.streams[0] = STREAM_GIVEN;
        spec->process.streams[2] = STREAM_GIVEN;
        result = run_with(spec, NULL, given);
        close(fds[1]);
        CHECK_STR(result.out, "out\n");
        CHECK_INT(read(fds[0], result.out, sizeof(result.out)), strlen("to-given\n"));
        CHECK_INT(fstat(fds[0], &after), 0);
        CHECK_INT(before.st_uid, after.st_uid);
        close(fds[0]);
        close(given[0]);
}

static void check_view(const ContainerSpec *spec, const int *volumes, int pidfd, uid_t owner) {
        Error e = ERROR_INIT;
        _cleanup_close_ int view = container_view(test_runtime, spec, volumes, pidfd, false, &e);
        struct stat st;

        if (view < 0)
                fprintf(stderr, "%s: %s\n", e.stage, e.text);
        CHECK(view >= 0);
        CHECK_INT(fstatat(view, "made-inside", &st, 0), 0);
        CHECK_INT(st.st_uid, owner);
        CHECK_INT(fstatat(view, "v/file", &st, 0), 0);
        CHECK_INT(fstatat(view, "proc/self", &st, 0), -1);
}

static void check_mount(const ContainerSpec *spec, const int *volumes) {
        Error e = ERROR_INIT;
        _cleanup_close_ int view = container_view(test_runtime, spec, volumes, -EBADF, false, &e);
        int seen;

        CHECK_INT(container_view_attach(test_runtime, ID, view, &e), 0);
        seen = open_volume("containers/" ID "/merged/v/file");
        close(seen);
        CHECK_INT(container_view_detach(test_runtime, ID, &e), 0);
        CHECK_INT(container_view_detach(test_runtime, ID, &e), 0);
}

static void test_exec_and_view(void) {
        _cleanup_close_ int volume = open_volume("volume"), layers = -EBADF;
        ContainerSpec *spec = make_spec("touch /made-inside; echo ready; sleep 1000");
        Launch launch = LAUNCH_INIT;
        Cgroup *cgroup = NULL;
        Result result = {};
        Error e = ERROR_INIT;
        ProcessSpec process;
        struct stat st;
        char text[8];

        write_file("volume/file", "contents");
        add_volume(spec, "/v", false, 0);
        CHECK(start(spec, &volume, NULL, &cgroup, &launch, &result));
        CHECK_INT(read(launch.streams[1], text, 6), 6);

        process = make_process(
                "id -u; hostname; ls /made-inside; grep CapEff /proc/self/status; cat /proc/1/comm;"
                "grep Seccomp: /proc/self/status; ls /proc/self/fd; cat /v/file");
        result = exec_in(&launch, ID_BASE, cgroup, &process);
        CHECK_OUT(
                result,
                "0\nbox\n/made-inside\nCapEff:\t00000000800405fb\nsleep\nSeccomp:\t2\n0\n1\n2\n3\ncontents");
        process = make_process("tty; stty size");
        process.tty = true;
        process.rows = 10;
        process.columns = 20;
        result = exec_in(&launch, ID_BASE, cgroup, &process);
        CHECK_OUT(result, "/dev/pts/0\r\n10 20\r\n");
        process = make_process("");
        free(process.argv[0]);
        process.argv[0] = strdup("nothing");
        result = exec_in(&launch, ID_BASE, cgroup, &process);
        CHECK_INT(result.error, ENOENT);
        CHECK_STR(result.stage, "exec");
        process = make_process("true");
        process.cwd = strdup("/missing");
        result = exec_in(&launch, ID_BASE, cgroup, &process);
        CHECK_STR(result.stage, "workdir");

        check_view(spec, &volume, launch.pidfd, ID_BASE);
        drop(&launch);
        remove_cgroup(cgroup);

        check_view(spec, &volume, -EBADF, ID_BASE);
        spec->id_base = 0;
        check_view(spec, &volume, -EBADF, 0);
        check_mount(spec, &volume);
        layers = container_view(test_runtime, spec, NULL, -EBADF, true, &e);
        CHECK(layers >= 0);
        CHECK_INT(fstatat(layers, "made-inside", &st, 0), -1);
        CHECK_INT(fstatat(layers, "top", &st, 0), 0);
        CHECK_INT(mkdirat(layers, "x", 0755), -1);
        CHECK_INT(errno, EROFS);
        container_spec_free(spec);
        reset_container();
}

static void test_shared_with_host(void) {
        Launch launch = LAUNCH_INIT;
        Cgroup *cgroup = NULL;
        Result result = {};
        ProcessSpec process;
        char text[8];
        ContainerSpec *spec = make_spec(
                "id -u; grep -c . /sys/class/net/lo/mtu; touch /sys/x || echo ro; cat /proc/self/uid_map");

        spec->host_network = true;
        spec->id_base = ID_BASE;
        CHECK(strstr(run_with(spec, NULL, NULL).out, "0\n1\nro\n"));
        spec = make_spec("id -u; touch /file; mount | grep -c 'sysfs.*ro'");
        spec->host_userns = true;
        spec->id_base = 0;
        CHECK_OUT(run_with(spec, NULL, NULL), "0\n1\n");

        spec = make_spec("echo ready; sleep 1000");
        spec->host_userns = true;
        spec->id_base = 0;
        CHECK(start(spec, NULL, NULL, &cgroup, &launch, &result));
        CHECK_INT(read(launch.streams[1], text, 6), 6);
        process = make_process("id -u; hostname; grep CapEff /proc/self/status");
        CHECK_OUT(exec_in(&launch, 0, cgroup, &process), "0\nbox\nCapEff:\t00000000800405fb\n");
        drop(&launch);
        remove_cgroup(cgroup);
        container_spec_free(spec);
        reset_container();
}

static void tests(void) {
        test_terminal();
        test_streams();
        test_exec_and_view();
        test_shared_with_host();
        test_runtime->features.overlay_fd_layers = false;
        test_exec_and_view();
}

int main(int argc, char **argv) {
        return test_run(tests);
}
