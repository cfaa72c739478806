/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Images that buildah, podman, skopeo and umoci have made, and what they make of ours. All of them work here in a
 * directory of their own, without network; none of them starts a container. */

#include "harness.h"

/* Two layers: the second one removes, replaces, and makes a directory opaque. */
static void build(void) {
        expect(0, NULL, NULL,
               "set -e; c=$(buildah from scratch); m=$(buildah mount $c);"
               "mkdir -p $m/bin $m/gone/deep $m/opaque/sub $m/kept $m/dev; cp $(command -v busybox) $m/bin/busybox;"
               "for a in sh cat ls echo id env; do ln -s busybox $m/bin/$a; done;"
               "echo one > $m/gone/deep/file; echo x > $m/opaque/old; echo y > $m/opaque/sub/older;"
               "echo lower > $m/kept/replaced; ln -s /kept $m/link; echo a > $m/kept/a; ln $m/kept/a $m/kept/b;"
               "setfattr -n user.a -v b $m/kept/a; cp $m/bin/busybox $m/bin/ping; setcap cap_net_raw+ep $m/bin/ping;"
               "chown 1234:5678 $m/kept; chmod 2751 $m/kept; chmod 4755 $m/kept/a;"
               "buildah config --env A=b --env PATH=/bin --cmd '[\"hi\", \"there\"]' --entrypoint '[\"/bin/echo\"]'"
               " --label a.b=c --port 80/tcp --stop-signal SIGUSR1 --workingdir /kept --user 12:34 $c;"
               "buildah commit --quiet $c base; buildah rm $c;"
               "c=$(buildah from base); m=$(buildah mount $c);"
               "rm -r $m/gone $m/kept/replaced $m/opaque $m/link; mkdir $m/opaque $m/link; echo new > $m/opaque/new;"
               "echo upper > $m/kept/replaced; echo in > $m/link/f;"
               "buildah config --history-comment 'the second one' $c;"
               "buildah commit --quiet $c two; buildah rm $c");
}

/* The same tree, as our flat archive and as podman mounts the image. podman gives the root directory a mode and a time
 * of its own. */
static void compare_with_podman(const char *ours, const char *theirs) {
        expect(0, "", "",
               "mkdir ours && mydocker save --format rootfs %s | tar --xattrs --xattrs-include='*' -xp -C ours &&"
               " $MYDOCKER_TEST_TREE_LIST ours | tail -n +2 > ours.list && rm -r ours",
               ours);
        expect(0, "", "",
               "m=$(podman image mount %s) && $MYDOCKER_TEST_TREE_LIST $m | tail -n +2 > theirs.list &&"
               " podman image unmount %s > /dev/null",
               theirs, theirs);
        expect(0, "", "", "diff theirs.list ours.list && rm theirs.list ours.list");
}

static void check_config(const char *image) {
        g_autofree char *id = NULL;

        expect(0, "hi there\n", "", "mydocker run --rm %s", image);
        expect(0, "/kept b uid=12 gid=34*\n", "",
               "mydocker run --rm --entrypoint /bin/sh %s -c 'echo $PWD $A $(id)'", image);
        expect(0, "b c {\"80/tcp\": {}} SIGUSR1 ['hi', 'there']\n", "",
               "mydocker inspect %s | python3 -c 'import json, sys; c = json.load(sys.stdin)[0][\"Config\"];"
               " print(dict(e.split(\"=\") for e in c[\"Env\"])[\"A\"], c[\"Labels\"][\"a.b\"],"
               " json.dumps(c[\"ExposedPorts\"]), c[\"StopSignal\"], c[\"Cmd\"])'",
               image);
        expect(0, "*the second one*", "", "mydocker history %s", image);
}

/* Several images in one archive, with layers in common: all of them, or none. */
static void test_load_many(void) {
        g_autofree char *before = NULL, *count = NULL;
        static const ShellCase cases[] = {
                {"podman save -q --multi-image-archive -o many.tar base two", 0, NULL, ""},
                {"mydocker load -i many.tar | sort", 0,
                 "Loaded image: localhost/base:latest\nLoaded image: localhost/two:latest\n", ""},
                {"mydocker run --rm --entrypoint /bin/sh localhost/two -c 'echo two'", 0, "two\n",
                 ""},
                {"mydocker run --rm --entrypoint /bin/sh localhost/base -c 'echo base'", 0,
                 "base\n", ""},
                {"mydocker rmi localhost/base", 0, NULL, ""},
                /* One is there, the other one is not. */
                {"mydocker load < many.tar | sort", 0,
                 "Loaded image: localhost/base:latest\nLoaded image: localhost/two:latest\n", ""},
                {"mydocker rmi localhost/base localhost/two", 0, NULL, ""},
                /* What is damaged comes last. */
                {"mkdir x && tar -C x -xf many.tar && cd x && python3 -c '"
                 "import json; m = json.load(open(\"manifest.json\"));"
                 " m[-1][\"Layers\"][-1] = m[0][\"Layers\"][0] + \".none\";"
                 " json.dump(m, open(\"manifest.json\", \"w\"))' && tar -cf ../bad.tar *",
                 0, "", ""},
                {"mydocker load -i bad.tar", 1, "", "Error: *a layer is missing\n"},
                {"rm -r x bad.tar", 0, "", ""},
                /* The same as an OCI layout. */
                {"for i in base two; do skopeo --insecure-policy copy -q"
                 " containers-storage:localhost/$i:latest oci:layout:example.org/$i:v1; done;"
                 " tar -C layout -cf oci.tar . && mydocker load -i oci.tar",
                 0, "Loaded image: example.org/base:v1\nLoaded image: example.org/two:v1\n", ""},
                {"mydocker import oci.tar one:name", 1, "", "Error: *2 images*"},
                {"mydocker rmi example.org/base:v1 example.org/two:v1", 0, NULL, ""},
                /* A layer of the second one that is not what its digest says: the first one is unpacked by then. */
                {"cd layout && python3 -c '"
                 "import json\n"
                 "def read(digest): return json.load(open(\"blobs/sha256/\" + digest[7:]))\n"
                 "layer = read(json.load(open(\"index.json\"))[\"manifests\"][-1][\"digest\"])[\"layers\"][-1]\n"
                 "with open(\"blobs/sha256/\" + layer[\"digest\"][7:], \"r+b\") as f: f.seek(-4, 2); f.write(b\"xxxx\")'"
                 " && tar -cf ../oci.tar .",
                 0, "", ""},
                {"mydocker load -i oci.tar", 1, "", "Error: *"},
                {"rm -r layout oci.tar many.tar", 0, "", ""},
        };

        build();
        shell(&before, NULL, "ls %s/state/layers | wc -l", sandbox_dir());
        RUN_SHELL_CASES(cases);
        bus_check_property(NULL, "ImagesCount", "1");
        WAIT_UNTIL((g_free(count), shell(&count, NULL, "ls %s/state/layers | wc -l", sandbox_dir()),
                    g_str_equal(count, before)));
        expect(0, NULL, NULL, "umount peers/root/overlay; true");
}

/* The same image in six forms is one image. */
static void test_load(void) {
        static const struct {
                const char *what, *command, *name;
        } cases[] = {
                {"podman's docker-archive",
                 "podman save -q --format docker-archive -o made.tar two", "localhost/two:latest"},
                {"podman's OCI archive", "podman save -q --format oci-archive -o made.tar two",
                 "localhost/two:latest"},
                {"skopeo's docker-archive",
                 "skopeo --insecure-policy copy -q containers-storage:localhost/two:latest"
                 " docker-archive:made.tar:by/skopeo:v1",
                 "by/skopeo:v1"},
                {"skopeo's OCI archive, zstd",
                 "skopeo --insecure-policy copy -q --dest-compress --dest-compress-format zstd"
                 " containers-storage:localhost/two:latest oci-archive:made.tar:example.org/skopeo:v2",
                 "example.org/skopeo:v2"},
                {"an OCI layout as tar",
                 "skopeo --insecure-policy copy -q containers-storage:localhost/two:latest oci:layout:v3 &&"
                 " tar -C layout -cf made.tar . && rm -r layout",
                 NULL},
                {"buildah's docker-archive, gzip",
                 "buildah push -q two docker-archive:plain.tar:buildah:v4 && gzip < plain.tar > made.tar && rm plain.tar",
                 "buildah:v4"},
        };
        g_autofree char *first = NULL;

        build();
        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *expected =
                        cases[i].name ? g_strdup_printf("Loaded image: %s\n*", cases[i].name) :
                                        g_strdup("Loaded image ID: sha256:*\n");

                g_test_message("%s", cases[i].what);
                expect(0, NULL, NULL, "rm -f made.tar; %s", cases[i].command);
                if (i % 2)
                        expect(0, expected, "", "mydocker load -i made.tar");
                else
                        expect(0, expected, "", "cat made.tar | mydocker load");
                if (!first)
                        first = image_find(cases[0].name);
                if (cases[i].name) {
                        g_autofree char *image = image_find(cases[i].name);

                        check_text(cases[i].what, image, first);
                }
        }
        bus_check_property(NULL, "ImagesCount", "2");
        compare_with_podman("buildah:v4", "two");
        check_config("buildah:v4");
        image_remove("buildah:v4");

        /* From an image that has its first layer it is kept once. */
        expect(0, NULL, "",
               "rm made.tar; podman save -q -o made.tar base && mydocker load -i made.tar");
        expect(0, NULL, "",
               "rm made.tar; podman save -q -o made.tar two && mydocker load -i made.tar");
        expect(0, "3\n", "", "ls %s/state/layers | wc -l", sandbox_dir());
        image_remove("localhost/base");
        compare_with_podman("localhost/two", "two");
        image_remove("localhost/two");
        expect(0, "", "", "rm made.tar");
}

/* One of ours, with a layer that removes and replaces. */
static void make_ours(void) {
        expect(0, NULL, "",
               "mydocker run --name c busybox sh -c 'mkdir -p /data/old/deep && echo x > /data/old/deep/x &&"
               " echo a > /data/a && ln /data/a /data/hard && ln -s a /data/link && mkfifo /data/fifo &&"
               " chown 12:34 /data/a && chmod 6755 /data/a && touch -d \"2001-02-03 04:05:06\" /data/a' &&"
               " mydocker commit -c 'CMD [\"cat\", \"/data/new\"]' -c 'ENV X=y' c ours:one && mydocker rm c &&"
               " mydocker run --name c ours:one sh -c 'rm -r /data/old && mkdir /data/old && echo n > /data/old/n &&"
               " rm /data/link && echo new > /data/new' && mydocker commit -m 'by hand' -c 'CMD [\"cat\", \"/data/new\"]' c ours:two && mydocker rm c");
}

static void test_save(void) {
        static const char *const formats[] = {"oci-archive", "docker-archive"};

        make_ours();
        for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
                g_test_message("%s", formats[i]);
                expect(0, "", "", "mydocker save --format %s -o saved.tar ours:two", formats[i]);
                expect(0, "*ours:two*", NULL, "podman load -q -i saved.tar");
                compare_with_podman("ours:two", "localhost/ours:two");
                expect(0, "[cat /data/new] y*by hand*", NULL,
                       "podman image inspect --format '{{.Config.Cmd}} {{index .Config.Env 0}}' localhost/ours:two |"
                       " sed 's/ X=/ /'; podman history localhost/ours:two");
                expect(0, "*\"sha256:*", NULL, "skopeo inspect %s:saved.tar", formats[i]);
                /* skopeo checks all digests when it copies. */
                expect(0, NULL, NULL,
                       "rm -rf copied; skopeo --insecure-policy copy -q %s:saved.tar dir:copied",
                       formats[i]);
                expect(0, NULL, NULL,
                       "podman rmi --force localhost/ours:two; rm -r saved.tar copied");
        }
        expect(0, NULL, "", "mydocker rmi ours:one ours:two");
}

/* There and back: umoci unpacks ours, changes it, and we load what it made. */
static void test_umoci(void) {
        g_autofree char *here = g_get_current_dir();

        make_ours();
        expect(0, "", "", "mkdir layout && mydocker save ours:two | tar -x -C layout");
        expect(0, NULL, NULL, "umoci unpack --image layout:ours:two bundle");
        expect(0, "", "",
               "mkdir ours && mydocker save --format rootfs ours:two | tar -xp -C ours &&"
               " $MYDOCKER_TEST_TREE_LIST ours > ours.list && $MYDOCKER_TEST_TREE_LIST bundle/rootfs > theirs.list &&"
               " diff ours.list theirs.list && rm -r ours ours.list");
        expect(0, NULL, NULL,
               "set -e; rm -r bundle/rootfs/data/old; rm bundle/rootfs/data/new; echo changed > bundle/rootfs/data/added;"
               "touch -d @1600000000 bundle/rootfs/data/added bundle/rootfs/data;"
               "umoci repack --image layout:changed bundle;"
               "umoci config --image layout:changed --config.cmd cat --config.cmd /data/added;"
               "umoci rm --image layout:ours:two; umoci gc --layout layout; tar -C layout -cf made.tar oci-layout blobs index.json");
        /* It rounds times to whole seconds, and leaves the root directory alone. */
        expect(0, "sha256:*", "", "mydocker import made.tar changed");
        expect(0, "changed\n", "", "mydocker run --rm changed");
        expect(0, "a\nadded\nfifo\nhard\n", "", "mydocker run --rm changed ls /data");
        expect(0, "", "",
               "mkdir ours && mydocker save --format rootfs changed | tar -xp -C ours;"
               " for t in ours bundle/rootfs; do $MYDOCKER_TEST_TREE_LIST $t | tail -n +2 |"
               " sed -E 's/ ([0-9]{10})[0-9]{9} / \\1 /' > $(dirname $t).list; done; diff ..list bundle.list");
        expect(0, NULL, "", "mydocker rmi ours:one ours:two changed");

        /* And one that it made from nothing. */
        expect(0, NULL, NULL,
               "set -e; rm -r layout bundle ours ..list bundle.list made.tar; umoci init --layout layout; umoci new --image layout:v1;"
               "umoci unpack --image layout:v1 bundle; mkdir bundle/rootfs/bin;"
               "cp $(command -v busybox) bundle/rootfs/bin/echo; umoci repack --image layout:v1 bundle;"
               "umoci config --image layout:v1 --config.entrypoint /bin/echo --config.cmd made;"
               "tar -C layout -cf made.tar .");
        expect(0, "sha256:*", "", "mydocker import - nothing < made.tar");
        expect(0, "made\n", "", "mydocker run --rm nothing");
        expect(0, NULL, "", "mydocker rmi nothing && rm -r layout bundle made.tar");
}

int main(int argc, char *argv[]) {
        int status;

        harness_init(&argc, &argv);
        peers_prepare();
        harness_add("/interop/load", test_load);
        harness_add("/interop/load-many", test_load_many);
        harness_add("/interop/save", test_save);
        harness_add("/interop/umoci", test_umoci);
        status = harness_run();
        peers_clean_up();
        return status;
}
