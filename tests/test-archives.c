/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Archives, good and hostile. One that is refused leaves nothing behind, which the check after each test sees. */

#include "harness.h"

#include <string.h>

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

static void test_names(void) {
        g_autofree char *error_name = NULL, *image = NULL;

        image = image_import("busybox.tar", "busybox", &error_name);
        CHECK(!image);
        check_text("a used name", error_name, ERROR_MYDOCKER("ImageExists"));
        g_clear_pointer(&error_name, g_free);
        CHECK(!image_import("busybox.tar", "Not A Name", &error_name));
        check_text("a bad name", error_name, ERROR_ARGS);
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        harness_add("/archives/damaged", test_damaged);
        harness_add("/archives/escapes", test_escapes);
        harness_add("/archives/links", test_links);
        harness_add("/archives/accepted", test_accepted);
        harness_add("/archives/round-trips", test_round_trips);
        harness_add("/archives/compressed", test_compressed);
        harness_add("/archives/known", test_known);
        harness_add("/archives/hostile-manifests", test_hostile_manifests);
        harness_add("/archives/names", test_names);
        return harness_run();
}
