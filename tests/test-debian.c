/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A real Debian root file system, as mmdebstrap makes it from the mirror: in and out of the store in all forms, and
 * through podman, skopeo and umoci. Compared are whole trees, see tree-list. */

#include "harness.h"

#define TAR "tar --xattrs --xattrs-include='*' --numeric-owner"
#define LIST "$MYDOCKER_TEST_TREE_LIST"

/* What there has to be: all but the device nodes, which are not for images. */
static void make_debian(void) {
        expect(0, NULL, NULL,
               "mmdebstrap --quiet --variant=essential --format=tar bookworm debian.tar"
               " $(ls /etc/apt/sources.list.d/debian.sources || ls /etc/apt/sources.list)");
        expect(0, "", NULL,
               "set -e; mkdir tree; " TAR " -C tree -xpf debian.tar; touch -r tree/dev time;"
               "find tree -type b -delete -o -type c -delete; touch -r time tree/dev;" LIST
               " tree > wanted; [ $(wc -l < wanted) -gt 3000 ]; rm -r tree time");
}

/* Podman gives the root directory a mode and a time of its own: then the list begins with the second line. */
static void check_list(const char *what, const char *tree, int from) {
        g_test_message("%s", what);
        expect(0, "", "", LIST " %s | tail -n +%d > is; tail -n +%d wanted | diff - is && rm is",
               tree, from, from);
}

/* As it lies in the store; there is one more layer, of busybox. */
static void check_layer(const char *what, int from) {
        g_autofree char *layer = g_strdup_printf(
                "$(dirname $(ls %s/state/layers/*/diff/etc/debian_version))/..", sandbox_dir());

        check_list(what, layer, from);
}

static void test_rootfs(void) {
        expect(0, "sha256:*", "", "mydocker import debian.tar debian");
        check_layer("import", 1);
        expect(0, "", "",
               "mydocker save --format rootfs -o rootfs.tar debian && mkdir tree && " TAR
               " -C tree -xpf rootfs.tar");
        check_list("rootfs", "tree", 1);
        expect(0, NULL, "", "mydocker rmi debian && mydocker import rootfs.tar debian");
        check_layer("the import of the rootfs", 1);
        expect(0, "12.*\n", "", "mydocker run --rm debian cat /etc/debian_version");
        expect(0, "ii  dpkg*", "", "mydocker run --rm debian dpkg -l dpkg | tail -n 1");
        expect(0, NULL, "", "mydocker rmi debian && rm -r tree rootfs.tar");
}

/* Each form by what reads it best, and back by way of another one. */
static void test_peers(void) {
        expect(0, NULL, "", "mydocker import debian.tar debian");
        expect(0, "", "",
               "mydocker save --format oci-archive -o oci.tar debian &&"
               " mydocker save --format docker-archive -o docker.tar debian");
        expect(0, NULL, "", "mydocker rmi debian");

        expect(0, NULL, NULL,
               "podman load -q -i oci.tar &&"
               " podman save -q --format docker-archive -o podman.tar debian && podman rmi debian");
        expect(0, NULL, "", "mydocker import podman.tar debian");
        check_layer("podman", 2);
        expect(0, NULL, "", "mydocker rmi debian && rm podman.tar");

        expect(0, NULL, NULL,
               "skopeo --insecure-policy copy -q --dest-compress docker-archive:docker.tar"
               " oci-archive:skopeo.tar:debian:latest");
        expect(0, NULL, "", "mydocker import skopeo.tar debian");
        check_layer("skopeo", 1);
        expect(0, NULL, "", "mydocker rmi debian && rm skopeo.tar");

        expect(0, NULL, NULL,
               "mkdir layout && tar -C layout -xf oci.tar &&"
               " umoci unpack --image layout:debian:latest bundle");
        check_list("umoci", "bundle/rootfs", 1);
        expect(0, "", "", "rm -r layout bundle oci.tar docker.tar");
}

int main(int argc, char *argv[]) {
        int status;

        harness_init(&argc, &argv);
        peers_prepare();
        make_debian();
        harness_add("/debian/rootfs", test_rootfs);
        harness_add("/debian/peers", test_peers);
        status = harness_run();
        expect(0, "", "", "rm debian.tar wanted");
        peers_clean_up();
        return status;
}
