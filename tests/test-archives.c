/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Archives, good and hostile. One that is refused leaves nothing behind, which the check after each test sees. */

#include "session.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

/* One entry of a tar archive, made by hand, since no good program writes what is needed here. */
static void add_entry(GString *archive, const char *name, char type, const char *link,
                      const char *data) {
        char header[512] = {};
        unsigned sum = 0;
        gsize size = data ? strlen(data) : 0;

        memcpy(header, name, MIN(strlen(name), 100));
        g_snprintf(header + 100, 8, "%07o", type == '5' ? 0755 : 0644);
        g_snprintf(header + 108, 8, "%07o", 0);
        g_snprintf(header + 116, 8, "%07o", 0);
        g_snprintf(header + 124, 12, "%011o", (unsigned)size);
        g_snprintf(header + 136, 12, "%011o", 1000000000);
        memset(header + 148, ' ', 8);
        header[156] = type;
        memcpy(header + 157, link ?: "", MIN(strlen(link ?: ""), 100));
        memcpy(header + 257, "ustar\00000", 8);
        if (type == '3' || type == '4') {
                g_snprintf(header + 329, 8, "%07o", type == '3' ? 1 : 8);
                g_snprintf(header + 337, 8, "%07o", type == '3' ? 1 : 0); /* /dev/mem, /dev/sda */
        }
        for (guint i = 0; i < sizeof(header); i++)
                sum += (unsigned char)header[i];
        g_snprintf(header + 148, 7, "%06o", sum);
        g_string_append_len(archive, header, sizeof(header));
        g_string_append_len(archive, data ?: "", size);
        while (archive->len % 512)
                g_string_append_c(archive, '\0');
}

static void write_archive(GString *archive) {
        for (int i = 0; i < 1024; i++)
                g_string_append_c(archive, '\0');
        g_assert_true(g_file_set_contents("made.tar", archive->str, archive->len, NULL));
        g_string_free(archive, TRUE);
}

static GString *new_archive(void) {
        GString *archive = g_string_new(NULL);

        add_entry(archive, "bin/", '5', NULL, NULL);
        add_entry(archive, "bin/file", '0', NULL, "contents\n");
        return archive;
}

static void check_refused(const char *file, const char *what) {
        g_autofree char *error_name = NULL;
        g_autofree char *image = image_import(file, "refused", &error_name);

        if (image) {
                test_fails("%s was not refused", what);
                image_remove("refused");
        } else
                check_text(what, error_name, ERROR_MYDOCKER("ImageCorrupt"));
        g_free(image_find("refused"));
}

static void test_damaged(void) {
        static const struct {
                const char *what, *command;
        } cases[] = {
                {"nothing", ": > made.tar"},
                {"text", "echo not an archive > made.tar"},
                {"random bytes", "head -c 100000 /dev/urandom > made.tar"},
                {"half an archive", "head -c 1000000 busybox.tar > made.tar"},
                {"an archive without its end", "head -c 1000448 busybox.tar > made.tar"},
                {"half a gzip file", "gzip < busybox.tar | head -c 300000 > made.tar"},
                {"half an xz file", "xz -0 < busybox.tar | head -c 300000 > made.tar"},
                {"half a zstd file", "zstd -q < busybox.tar | head -c 300000 > made.tar"},
                {"a gzip file with a wrong sum",
                 "gzip < busybox.tar > made.tar; printf xxxx | dd of=made.tar bs=1"
                 " seek=$(($(stat -c %s made.tar) - 8)) conv=notrunc"},
                {"gzip in gzip in gzip", "gzip < busybox.tar | gzip | gzip | gzip > made.tar"},
                {"a zip file of zeros", "head -c 100000 /dev/zero > made.tar"},
                {"a directory entry that is text", "printf '%0512d' 1 > made.tar"},
        };

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                shell(NULL, NULL, "%s", cases[i].command);
                check_refused("made.tar", cases[i].what);
        }
        bus_check_property(NULL, "ImagesCount", "1");
        expect(0, "", "", "rm made.tar");
}

/* Names that lead out are refused; whatever is accepted stays inside. */
static void test_escapes(void) {
        static const struct {
                const char *what;
                struct {
                        const char *name;
                        char type;
                        const char *link, *data;
                } entries[3];
        } cases[] = {
                {"a name with ..", {{"../escaped", '0', NULL, "x"}}},
                {"a name with .. inside", {{"bin/../../../escaped", '0', NULL, "x"}}},
                {"a directory with ..", {{"../escaped/", '5', NULL, NULL}}},
                {"a hard link to ..", {{"escaped", '1', "../../../../../etc/passwd", NULL}}},
                {"a hard link to nothing", {{"escaped", '1', "none", NULL}}},
                {"a device, hard-linked", {{"escaped", '1', "/dev/null", NULL}}},
                {"a name that goes through a file", {{"bin/file/escaped", '0', NULL, "x"}}},
        };
        g_autofree char *inside = g_strdup_printf("%s/state", sandbox_dir());

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                GString *archive = new_archive();

                for (guint j = 0; j < 3 && cases[i].entries[j].name; j++)
                        add_entry(archive, cases[i].entries[j].name, cases[i].entries[j].type,
                                  cases[i].entries[j].link, cases[i].entries[j].data);
                write_archive(archive);
                check_refused("made.tar", cases[i].what);
                expect(1, "", "", "find %s %s -maxdepth 4 -name escaped | grep .", inside,
                       sandbox_dir());
        }
        expect(0, "", "", "rm made.tar");
}

/* Links in an archive are resolved inside it when another entry goes through them. */
static void test_links(void) {
        g_autofree char *here = g_get_current_dir(), *target = g_strconcat(here, "/victim", NULL);
        g_autofree char *image = NULL, *error_name = NULL;
        GString *archive = new_archive();

        expect(0, "", "", "mkdir victim && echo unharmed > victim/file");
        add_entry(archive, "link", '2', target, NULL);
        add_entry(archive, "link/file", '0', NULL, "harmed");
        add_entry(archive, "link/new", '0', NULL, "harmed");
        add_entry(archive, "up", '2', "../../../../../../../../../..", NULL);
        add_entry(archive, "up/tmp/mydocker-escaped", '0', NULL, "harmed");
        add_entry(archive, "dangling", '2', "/victim", NULL);
        add_entry(archive, "dangling", '0', NULL, "replaced");
        write_archive(archive);
        image = image_import("made.tar", "links", &error_name);
        if (image)
                image_remove("links");
        else
                check_text("links", error_name, ERROR_MYDOCKER("ImageCorrupt"));
        expect(0, "file\nunharmed\n", "", "ls victim; cat victim/file");
        expect(1, "", "", "ls /tmp/mydocker-escaped 2>/dev/null; test -e /tmp/mydocker-escaped");
        expect(0, "", "", "rm -r victim made.tar");
}

/* Absolute names mean inside; devices do not come in, nor what overlayfs would take for its own marks. */
static void test_accepted(void) {
        GString *archive = new_archive();
        g_autofree char *image = NULL;

        add_entry(archive, "/absolute", '0', NULL, "inside\n");
        add_entry(archive, "./dot/./file", '0', NULL, "dot\n");
        add_entry(archive, "hard", '1', "/bin/file", NULL);
        add_entry(archive, "mem", '3', NULL, NULL);
        add_entry(archive, "sda", '4', NULL, NULL);
        add_entry(archive, "fifo", '6', NULL, NULL);
        add_entry(archive, "bin/file", '0', NULL, "second\n"); /* twice: the last one counts */
        write_archive(archive);
        image = image_import("made.tar", "accepted", NULL);
        expect(0, "", "",
               "rm -rf x && mkdir x && mydocker save --format rootfs accepted | tar -x -C x");
        expect(0, "inside\ndot\nsecond\n", "", "cat x/absolute x/dot/file x/bin/file");
        expect(0, "", "", "find x -type b -o -type c");
        expect(0, "x/fifo\n", "", "find x -type p");
        CHECK(image);
        image_remove("accepted");
        expect(0, "", "", "rm -r x made.tar");
}

/* What save writes, load reads, and other programs can check. */
static void test_round_trips(void) {
        static const char *const formats[] = {"docker-archive", "oci-archive"};

        expect(0, NULL, "",
               "mydocker run --name c busybox sh -c 'echo layer > /layer; rm -r /home; mkdir /home' &&"
               " mydocker commit -c 'CMD [\"cat\", \"/layer\"]' c two:layers && mydocker rm c");
        for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
                expect(0, "", "", "mydocker save --format %s -o saved.tar two:layers", formats[i]);
                expect(0, "", "", "mkdir x && tar -xf saved.tar -C x");
                expect(0, "", "", "tar -tf saved.tar | sort | uniq -d");
                if (i == 0)
                        expect(0, "['two:layers'] 2\n", "",
                               "python3 -c 'import json; m = json.load(open(\"x/manifest.json\"))[0];"
                               " print(m[\"RepoTags\"], len(m[\"Layers\"]))'");
                else {
                        expect(0, "", "",
                               "cd x/blobs/sha256; for b in *; do echo \"$b  $b\"; done | sha256sum --quiet -c");
                        expect(0, "1.0.0\n", "",
                               "python3 -c 'import json; print(json.load(open(\"x/oci-layout\"))[\"imageLayoutVersion\"])'");
                }
                expect(0, "*two:layers*", "", "mydocker rmi two:layers");
                expect(0, "Loaded image: two:layers\n", "", "mydocker load -i saved.tar");
                expect(0, "layer\n", "", "mydocker run --rm two:layers");
                expect(0, "", "", "mydocker run --rm two:layers ls /home");
                expect(0, "", "", "gzip -1 saved.tar && mydocker rmi two:layers > /dev/null");
                expect(0, "Loaded image: two:layers\n", "", "mydocker load -i saved.tar.gz");
                expect(0, "", "", "rm -r x saved.tar.gz");
        }
        expect(0, NULL, "", "mydocker rmi two:layers");
}

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

/* Packed in every way that people use, from a file and from a pipe. */
static void test_compressed(void) {
        static const char *const programs[] = {"gzip -1", "bzip2 -1", "xz -0",   "lzma -0",
                                               "lzip -0", "zstd -1",  "lz4 -1q", "cat"};

        for (guint i = 0; i < G_N_ELEMENTS(programs); i++) {
                expect(0, "", "", "%s < busybox.tar > packed", programs[i]);
                if (i % 2)
                        expect(0, "sha256:*", "", "mydocker import packed packed");
                else
                        expect(0, "sha256:*", "", "cat packed | mydocker import - packed");
                expect(0, programs[i], "", "mydocker run --rm packed echo -n '%s'", programs[i]);
                expect(0, "Untagged: packed:latest\nDeleted: *", "", "mydocker rmi packed");
        }
        expect(0, "", "", "rm packed");
}

/* An image that is there already is not made a second time: not when its archive is read twice, and not when
 * the archive was written here. Layers are shared. */
static void test_known(void) {
        g_autofree char *id = NULL, *same = NULL, *layers = NULL, *image = NULL, *other = NULL;

        expect(0, NULL, "",
               "mydocker tag busybox one:first && mydocker save -o one.tar one:first && mydocker rmi one:first");
        shell(&layers, NULL, "ls %s/state/layers", sandbox_dir());
        image = image_find("busybox");
        expect(0, "Loaded image: one:first\n", "", "mydocker load -i one.tar");
        same = image_find("one:first");
        check_text("the image that was saved", same, image);
        expect(0, layers, "", "ls %s/state/layers", sandbox_dir());
        expect(0, NULL, "", "mydocker rmi one:first");

        /* The same for one that comes from elsewhere. */
        expect(0, "", "",
               "mkdir x && tar -xf one.tar -C x && cd x && python3 -c '"
               "import hashlib, json, os\n"
               "def read(digest): return json.load(open(\"blobs/sha256/\" + digest[7:]))\n"
               "def write(value):\n"
               "    text = json.dumps(value).encode(); digest = hashlib.sha256(text).hexdigest()\n"
               "    open(\"blobs/sha256/\" + digest, \"wb\").write(text)\n"
               "    return {\"digest\": \"sha256:\" + digest, \"size\": len(text)}\n"
               "index = json.load(open(\"index.json\"))\n"
               "manifest = read(index[\"manifests\"][0][\"digest\"])\n"
               "config = read(manifest[\"config\"][\"digest\"])\n"
               "config[\"config\"][\"Labels\"] = {\"from\": \"elsewhere\"}\n"
               "config[\"history\"] = [{\"created_by\": \"nothing\", \"empty_layer\": True},\n"
               "    {\"created\": \"2001-02-03T04:05:06.789Z\", \"created_by\": \"elsewhere\", \"comment\": \"known\"}]\n"
               "manifest[\"config\"].update(write(config))\n"
               "index[\"manifests\"][0].update(write(manifest))\n"
               "json.dump(index, open(\"index.json\", \"w\"))' && tar -cf ../two.tar *");
        for (int i = 0; i < 2; i++)
                expect(0, "Loaded image: one:first\n", "", "mydocker load -i two.tar");
        shell(&id, NULL, "mydocker images -q --no-trunc | sort -u | wc -l");
        check_text("images", id, "2\n");
        other = image_find("one:first");
        CHECK(g_strcmp0(other, image));
        expect(0, "elsewhere\n", "", "mydocker inspect one:first | grep -o elsewhere | head -n 1");
        {
                g_autoptr(GVariant) reply = bus_call(other, "GetHistory", "(@a{sv} {},)");
                g_autofree char *text = g_variant_print(reply, FALSE);

                check_text("history", text,
                           "*'created': <uint64 981173106789000>*elsewhere*known*nothing*");
        }
        expect(0, NULL, "", "mydocker rmi one:first && rm -r x one.tar two.tar");
        bus_check_property(NULL, "ImagesCount", "1");
}

/* Manifests that lie. `edit` is a shell line run in the unpacked archive. */
static void test_hostile_manifests(void) {
        static const struct {
                const char *format, *what, *edit;
        } cases[] = {
                {"docker-archive", "no manifest", "rm manifest.json"},
                {"docker-archive", "a manifest that is no JSON", "echo '[{' > manifest.json"},
                {"docker-archive", "an empty manifest", "echo '[]' > manifest.json"},
                {"docker-archive", "a manifest of another shape",
                 "echo '{\"a\": 1}' > manifest.json"},
                {"docker-archive", "a deep manifest",
                 "printf '[%.0s' $(seq 100000) > manifest.json"},
                {"docker-archive", "layers outside",
                 "sed -i 's#\"Layers\": *\\[ *\"[^\"]*\"#\"Layers\":[\"../../../../etc/passwd\"#' manifest.json"},
                {"docker-archive", "a missing layer",
                 "find . -name '*.tar' -delete; find . -size +1000k -delete"},
                {"docker-archive", "a missing configuration",
                 "sed -i 's#\"Config\": *\"[^\"]*\"#\"Config\":\"none.json\"#' manifest.json"},
                {"oci-archive", "no index", "rm index.json"},
                {"oci-archive", "a blob with other contents",
                 "f=$(ls -S blobs/sha256/* | head -n 1); printf x | dd of=$f bs=1 seek=2000 conv=notrunc"},
                {"oci-archive", "a missing blob", "rm $(ls -S blobs/sha256/* | head -n 1)"},
                {"oci-archive", "a digest that is a path",
                 "sed -i 's#sha256:[0-9a-f]*#sha256:../../../../etc/passwd#' index.json"},
        };

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                expect(0, "", "",
                       "rm -rf x && mkdir x && mydocker save --format %s busybox | tar -x -C x",
                       cases[i].format);
                shell(NULL, NULL, "cd x && { %s; } 2>/dev/null && tar -cf ../made.tar *",
                      cases[i].edit);
                check_refused("made.tar", cases[i].what);
        }
        bus_check_property(NULL, "ImagesCount", "1");
        expect(0, "", "", "rm -r x made.tar");
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

static void test_names(void) {
        g_autofree char *error_name = NULL, *image = NULL;

        image = image_import("busybox.tar", "busybox", &error_name);
        CHECK(!image);
        check_text("a used name", error_name, ERROR_MYDOCKER("ImageExists"));
        g_clear_pointer(&error_name, g_free);
        CHECK(!image_import("busybox.tar", "Not A Name", &error_name));
        check_text("a bad name", error_name, ERROR_ARGS);
}

/* A file system that is too small for what is asked. The daemon gets one for the time of the test. */
static void test_full_disk(void) {
        g_autofree char *state = g_build_filename(sandbox_dir(), "state", NULL);
        g_autofree char *image = NULL, *error_name = NULL, *path = NULL, *big = NULL, *again = NULL;
        g_autoptr(GVariant) reply = NULL, results = NULL;
        g_auto(GStrv) before = NULL;
        const char *job;

        daemon_kill(SIGTERM);
        supervisor_kill();
        g_assert_cmpint(mount("mydocker-test", state, "tmpfs", 0, "size=12m,mode=0700"), ==, 0);
        daemon_start();
        image = image_import("busybox.tar", "busybox", NULL);
        before = leaks_baseline();

        expect(0, "", "",
               "mkdir big && cp -a rootfs/bin big && head -c 30000000 /dev/urandom > big/data && tar -C big -cf big.tar . && rm -r big");
        big = image_import("big.tar", "big", &error_name);
        CHECK(!big);
        check_text("error", error_name, "org.mydocker.Error.*");
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

        daemon_kill(SIGTERM);
        supervisor_kill();
        WAIT_UNTIL(umount(state) == 0);
        daemon_start();
        bus_check_property(NULL, "ImagesCount", "1");
        expect(0, "", "", "rm big.tar");
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        harness_add("/archives/damaged", test_damaged);
        harness_add("/archives/escapes", test_escapes);
        harness_add("/archives/links", test_links);
        harness_add("/archives/accepted", test_accepted);
        harness_add("/archives/round-trips", test_round_trips);
        harness_add("/archives/progress", test_progress);
        harness_add("/archives/compressed", test_compressed);
        harness_add("/archives/known", test_known);
        harness_add("/archives/hostile-manifests", test_hostile_manifests);
        harness_add("/archives/stream", test_stream);
        harness_add("/archives/cancel-import", test_cancel_import);
        harness_add("/archives/cancel-save", test_cancel_save);
        harness_add("/archives/names", test_names);
        harness_add("/archives/full-disk", test_full_disk);
        return harness_run();
}
