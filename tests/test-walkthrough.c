/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The walk-through, command by command, as people will type it. */

#include "harness.h"

#include <glib/gstdio.h>

#define HEX12 "????????????"
#define HEX64 "????????????????????????????????????????????????????????????????"

static void test_walkthrough(void) {
        g_autofree char *here = g_get_current_dir(), *config = NULL;

        expect(0, "sha256:" HEX64 "\n", "", "mydocker import busybox.tar tour");
        expect(0, "REPOSITORY * TAG * IMAGE ID * CREATED * SIZE\n*tour * latest *", "",
               "mydocker images");

        expect(0, HEX64 "\n", "", "mydocker run -d --name container1 -v %s/from1:/to1 tour top",
               here);
        expect(0, HEX64 "\n", "", "mydocker run -d --name container2 -v %s/from2:/to2 tour top",
               here);
        CHECK(g_file_test("from1", G_FILE_TEST_IS_DIR));

        expect(0,
               "CONTAINER ID * IMAGE * COMMAND * CREATED * STATUS * PORTS * NAMES\n" HEX12
               " * tour * \"top\" * Up *container2\n" HEX12 " * tour * \"top\" * Up *container1\n",
               "", "mydocker ps");

        /* Each has a file system of its own. */
        expect(0, "", "", "mydocker exec container1 touch /only-in-1");
        expect(1, "", "ls: /only-in-1: No such file or directory\n",
               "mydocker exec container2 ls /only-in-1");
        expect(0, "/only-in-1\n", "", "mydocker exec container1 ls /only-in-1");

        expect(0, "", "",
               "mydocker exec container2 sh -c 'echo \"hello container2\" > /to2/test2.txt'");
        expect(0, "hello container2\n", "", "cat from2/test2.txt");

        /* The merged view on the host, with the volume. */
        expect(0, "bin\ndev\netc\nhome\nproc\nroot\nsys\ntmp\nto2\nvar\n", "",
               "ls $(mydocker mount container2)");
        expect(0, "hello container2\n", "", "cat $(mydocker mount container2)/to2/test2.txt");
        expect(0, "merged\n", "", "basename $(mydocker mount container2)");
        expect(0, "*\nlower\nmerged\nupper\nwork\n", "",
               "ls $(dirname $(mydocker mount container2))");

        expect(0, "sha256:" HEX64 "\n", "", "mydocker commit container2 image2");
        expect(1, "", "?*image2*\n", "mydocker commit container2 image2");
        expect(0, "sha256:" HEX64 "\n", "", "mydocker commit --replace container2 image2");
        expect(0, "", "", "mydocker save --format rootfs -o image2.tar image2");
        expect(0, "hello container2\n", "",
               "mkdir x && tar -xf image2.tar -C x && cat x/to2/test2.txt");
        expect(0, "hello container2\n", "", "mydocker run --rm image2 cat /to2/test2.txt");

        expect(0, "container2\n", "", "mydocker stop container2");
        expect(0, "container2\n", "", "mydocker rm container2");
        expect(1, "", "Error: No such container: container2\n",
               "mydocker inspect container2 > /dev/null");
        expect(0, "hello container2\n", "", "cat from2/test2.txt");
        expect(0, "*image2 *", "", "mydocker images");
        expect(0, "/only-in-1\n", "", "mydocker exec container1 ls /only-in-1");

        expect(0, "container1\n", "", "mydocker rm -f container1");
        expect(0, "Untagged: image2:latest\n*", "", "mydocker rmi image2");
        expect(0, "Untagged: tour:latest\nDeleted: sha256:" HEX64 "\n*", "", "mydocker rmi tour");
        /* What the replaced name left behind. */
        expect(0, NULL, "", "mydocker images -q | sort -u");
        shell(NULL, NULL,
              "mydocker images | awk '$1 == \"<none>\" { print $3 }' | xargs -r mydocker rmi");
        shell(NULL, NULL, "rm -rf from1 from2 x image2.tar");
}

/* The tutorial's spellings beside docker's. */
static void test_spellings(void) {
        g_autofree char *here = g_get_current_dir();

        expect(0, "value\n", "", "mydocker run --rm -e KEY=value busybox sh -c 'echo $KEY'");
        expect(0, HEX64 "\n", "",
               "mydocker run -d -name one -mem 64m -cpu 50 -cpuset 0 busybox sleep 100");
        expect(0, HEX64 "\n", "",
               "mydocker run -d --name two --mem 64m --cpus 0.5 --cpuset 0 busybox sleep 100");
        expect(0, HEX64 "\n", "",
               "mydocker run -d --name three --memory 64m --cpuset-cpus 0 busybox sleep 100");
        expect(0, HEX64 "\n", "", "mydocker run -d --name=four -m 64m busybox sleep 100");
        for (const char *const *name = (const char *const[]){"one", "two", "three", "four", NULL};
             *name; name++) {
                g_autoptr(GVariant) reply = bus_call(NULL, "GetContainer", "(%s,)", *name);
                g_autofree char *path = NULL;

                g_variant_get(reply, "(o)", &path);
                bus_check_property(path, "MemoryLimit", "67108864");
                bus_check_property(path, "CpuLimit",
                                   g_str_equal(*name, "one") || g_str_equal(*name, "two") ? "0.5" :
                                                                                            "0.0");
                bus_check_property(path, "CpusetCpus", g_str_equal(*name, "four") ? "''" : "'0'");
        }
        expect(0, "one\ntwo\nthree\nfour\n", "", "mydocker rm -f one two three four");

        expect(0, "0\n", "",
               "mkdir ro; mydocker run --rm -v %s/ro:/ro busybox sh -c 'touch /ro/x; echo $?'",
               here);
        expect(0, "1\n", "touch: /ro/y: Read-only file system\n",
               "mydocker run --rm -v %s/ro:/ro:ro busybox sh -c 'touch /ro/y; echo $?'", here);
        expect(0, "x\n", "", "ls ro; rm -r ro");

        expect(0, "typed\n", "", "echo typed | mydocker run -i --rm busybox cat");
        expect(1, "", "*the input device is not a TTY*",
               "mydocker run -it --rm busybox true < /dev/null");
        expect(1, "", "*the input device is not a TTY*",
               "mydocker run -i -t --rm busybox true < /dev/null");
}

static void test_imports(void) {
        static const char *const packers[] = {"cat", "gzip", "xz -0", "zstd -q"};

        for (guint i = 0; i < G_N_ELEMENTS(packers); i++) {
                expect(0, "sha256:" HEX64 "\n", "",
                       "%s < busybox.tar > packed && mydocker import packed packed", packers[i]);
                expect(0, "it runs\n", "", "mydocker run --rm packed echo it runs");
                expect(0, NULL, "", "mydocker rmi packed");
        }
        expect(0, "sha256:" HEX64 "\n", "", "mydocker import - packed < packed");
        expect(0, NULL, "", "mydocker rmi packed; rm packed");
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        harness_add("/walkthrough/tour", test_walkthrough);
        harness_add("/walkthrough/spellings", test_spellings);
        harness_add("/walkthrough/imports", test_imports);
        return harness_run();
}
