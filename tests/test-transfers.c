/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Archives on their way: what is shown of it, that it can be canceled, and a disk that becomes full. Nothing is left behind
 * then, which the check after each test sees. */

#include "session.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* On a terminal a line says how far it is and how fast; nothing of it stays. */
static void test_progress(void) {
        Session *session = session_new(
                "mydocker save busybox | { until [ -e go ]; do sleep 0.05; done; cat > /dev/null; }",
                24, 80);

        session_expect(session, "\rSaving busybox … 0B\033[K");
        g_usleep(600000); /* before half a second a rate would say nothing */
        expect(0, "", "", "touch go");
        session_expect(session, "B/s\033[K");
        session_expect(session, "\r\033[K");
        g_assert_cmpint(session_end(session), ==, 0);
        expect(0, "", "", "rm go");
        expect(0, "\rReading busybox.tar …\033[K*\r\033[Ksha256:*", "",
               "script -qec 'mydocker import busybox.tar progress' /dev/null");
        image_remove("progress");
        expect(0, "", "", "mydocker save busybox > saved 2>&1 && rm saved");
}

/* Into the stream that Import returns, by a client that then goes away in the middle. */
static void test_stream(void) {
        for (int i = 0; i < 2; i++) {
                g_autoptr(GUnixFDList) fds = NULL;
                g_autoptr(GVariant) reply = NULL, streams = NULL, results = NULL;
                g_autoptr(GError) error = NULL;
                g_autofree char *job = NULL, *contents = NULL, *error_name = NULL;
                gint32 handle;
                gsize size;
                int fd;

                reply = bus_try(bus, NULL, &fds, &error, NULL, "Import", "('streamed', @a{sv} {})");
                g_assert_no_error(error);
                g_variant_get(reply, "(o@a{sv})", &job, &streams);
                g_assert_true(g_variant_lookup(streams, "stdin", "h", &handle));
                fd = g_unix_fd_list_get(fds, handle, NULL);
                g_clear_object(&fds);
                g_assert_true(g_file_get_contents("busybox.tar", &contents, &size, NULL));
                if (i == 1)
                        size /= 2;
                for (gsize done = 0; done < size;) {
                        ssize_t n = write(fd, contents + done, size - done);

                        g_assert_cmpint(n, >, 0);
                        done += n;
                }
                close(fd);
                results = job_finish(job, i == 1 ? &error_name : NULL);
                if (i == 0) {
                        expect(0, "streamed\n", "", "mydocker run --rm streamed echo streamed");
                        image_remove("streamed");
                } else
                        check_text("half a stream", error_name, ERROR_MYDOCKER("ImageCorrupt"));
        }
}

/* The programs that read and write archives for the daemon. */
static bool worker_runs(void) {
        return shell(NULL, NULL, "pgrep -P %d -x mydocker-worker > /dev/null", (int)daemon_pid()) ==
               0;
}

static bool all_is_read(int pipe) {
        int waiting = 0;

        g_assert_cmpint(ioctl(pipe, FIONREAD, &waiting), ==, 0);
        return waiting == 0;
}

static void cancel_import(const char *file) {
        g_autoptr(GUnixFDList) fds = NULL;
        g_autoptr(GVariant) reply = NULL, streams = NULL, results = NULL;
        g_autofree char *job = NULL, *contents = NULL, *error_name = NULL, *image = NULL;
        g_autofree char *canceled = NULL;
        g_autoptr(Recorder) recorder = recorder_new(bus);
        g_autoptr(GError) error = NULL;
        gint32 handle;
        gsize size;
        int fd;

        reply = bus_try(bus, NULL, &fds, &error, NULL, "Import", "('canceled', @a{sv} {})");
        g_assert_no_error(error);
        g_variant_get(reply, "(o@a{sv})", &job, &streams);
        g_assert_true(g_variant_lookup(streams, "stdin", "h", &handle));
        fd = g_unix_fd_list_get(fds, handle, NULL);
        g_assert_true(g_file_get_contents(file, &contents, &size, NULL));
        for (gsize done = 0; done < size / 2;) {
                ssize_t n = write(fd, contents + done, size / 2 - done);

                g_assert_cmpint(n, >, 0);
                done += n;
        }
        WAIT_UNTIL(all_is_read(fd));
        bus_check_property(job, "State", "'running'");
        CHECK(worker_runs());

        g_variant_unref(bus_call(job, "Cancel", "(@a{sv} {},)"));
        results = job_finish(job, &error_name);
        CHECK(!results);
        check_text(file, error_name, ERROR_MYDOCKER("Cancelled"));
        canceled = g_strdup_printf("PropertiesChanged %s State='canceled'*", job);
        CHECK(recorder_find(recorder, 0, canceled) >= 0);
        image = image_find("canceled");
        CHECK(!image);
        /* What it had unpacked is deleted by another one. */
        WAIT_UNTIL(shell(NULL, NULL, "cd %s/state && ls -A staging trash intents | grep -q '[^:]$'",
                         sandbox_dir()) != 0);
        WAIT_UNTIL(!worker_runs());
        close(fd);
}

/* In the middle, while the client still holds the stream: of a root file system, which is unpacked as it comes, and
 * of an image, which is kept until its end is there. */
static void test_cancel_import(void) {
        g_autofree char *layers = NULL;

        shell(&layers, NULL, "ls %s/state/layers", sandbox_dir());
        expect(0, "", "", "mydocker save --format docker-archive busybox | gzip -1 > image.tar.gz");
        cancel_import("busybox.tar");
        cancel_import("image.tar.gz");
        bus_check_property(NULL, "ImagesCount", "1");
        expect(0, layers, "", "ls %s/state/layers", sandbox_dir());
        expect(0, "", "", "rm image.tar.gz");
}

/* A reader cancels by going away; until then it keeps the layers of an image that is removed. */
static void test_cancel_save(void) {
        static const char *const formats[] = {"docker-archive", "oci-archive", "rootfs"};
        g_autofree char *layers = NULL, *now = NULL;

        shell(&layers, NULL, "ls %s/state/layers", sandbox_dir());
        for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
                g_autofree char *image = image_import("busybox.tar", "canceled", NULL);
                g_autoptr(GUnixFDList) fds = NULL;
                g_autoptr(GVariant) reply = NULL;
                g_autoptr(GError) error = NULL;
                char begin[512];
                gint32 handle;
                int fd;

                reply = bus_try(bus, NULL, &fds, &error, image, "Save", "({'format': <%s>},)",
                                formats[i]);
                g_assert_no_error(error);
                g_variant_get(reply, "(h)", &handle);
                fd = g_unix_fd_list_get(fds, handle, NULL);
                g_clear_object(&fds);
                g_assert_cmpint(read(fd, begin, sizeof(begin)), >, 0);
                CHECK(worker_runs());
                image_remove("canceled");
                close(fd);
                WAIT_UNTIL(!worker_runs());
                WAIT_UNTIL((g_free(now), shell(&now, NULL, "ls %s/state/layers", sandbox_dir()),
                            g_str_equal(now, layers)));
        }
        expect(0, "saved\n", "", "mydocker run --rm busybox echo saved");
}

/* A file system that is too small for what is asked. The daemon gets one for the time of the test. */
static void test_full_disk(void) {
        g_autofree char *image = NULL, *error_name = NULL, *path = NULL, *big = NULL, *again = NULL;
        g_autoptr(GVariant) reply = NULL, results = NULL;
        g_auto(GStrv) before = NULL;
        const char *job;

        small_disk_begin(16);
        image = image_import("busybox.tar", "busybox", NULL);
        before = leaks_baseline();

        expect(0, "", "",
               "mkdir big && cp -a rootfs/bin big && head -c 30000000 /dev/urandom > big/data && tar -C big -cf big.tar . && rm -r big");
        big = image_import("big.tar", "big", &error_name);
        CHECK(!big);
        check_text("error", error_name, "org.mydocker.Error.*");
        /* What there was of it is in the way until it is deleted. */
        WAIT_UNTIL(shell(NULL, NULL, "[ -z \"$(ls -A %s/state/trash)\" ]", sandbox_dir()) == 0);
        expect(1, "", "Error: *./data*: No space left on device\n", "mydocker import big.tar big");
        leaks_check(before);

        /* A container that fills it gets the error itself; its commit fails, and it can be removed. */
        path = container_run(
                NULL, "head -c 7000000 /dev/urandom > /data; sync; echo written; sleep 1000");
        container_wait_log(path, "written");
        reply = bus_call(path, "Commit", "('full', @a{sv} {})");
        g_variant_get(reply, "(&o)", &job);
        g_clear_pointer(&error_name, g_free);
        results = job_finish(job, &error_name);
        CHECK(!results);
        check_text("error", error_name, "org.mydocker.Error.*");
        expect(1, "", "Error: *No space left on device\n", "mydocker commit %s full",
               strrchr(path, '/') + 1);
        again = container_exec(path, "head -c 50000000 /dev/zero > /more 2>/dev/null; echo $?");
        check_text("a write on a full disk", again, "1\n");
        container_remove(path);
        leaks_check(before);

        small_disk_end();
        bus_check_property(NULL, "ImagesCount", "1");
        expect(0, "", "", "rm big.tar");
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        harness_add("/transfers/progress", test_progress);
        harness_add("/transfers/stream", test_stream);
        harness_add("/transfers/cancel-import", test_cancel_import);
        harness_add("/transfers/cancel-save", test_cancel_save);
        harness_add("/transfers/full-disk", test_full_disk);
        return harness_run();
}
