/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What takes space on the disk, and getting rid of it: system df, prune, rmi. */

#include "harness.h"

#include <glib/gstdio.h>

#define HEX12 "????????????"
#define HEX64 "????????????????????????????????????????????????????????????????"

static void test_df(void) {
        static const ShellCase cases[] = {
                {"mydocker system df", 0,
                 "TYPE * TOTAL * ACTIVE * SIZE * RECLAIMABLE\nImages * 1 * 0 * *B * *B (100%)\n"
                 "Containers * 0 * 0 * 0B * 0B\nLocal Volumes * 0 * 0 * 0B * 0B\n",
                 ""},
                {"mydocker run -d --name up busybox sleep 1000; mydocker create --name new busybox true",
                 0, HEX64 "\n" HEX64 "\n", ""},
                {"mydocker exec up dd if=/dev/zero of=/tmp/x bs=1000 count=3000 2>/dev/null", 0, "",
                 ""},
                {"echo x > file; mydocker cp file new:/tmp/y; rm file", 0, "", ""},
                {"mydocker system df --format '{{.Type}} {{.TotalCount}} {{.Active}} {{.Size}} {{.Reclaimable}}' | sed 1d",
                 0, "Containers 2 1 3MB 2B (0%)\nLocal Volumes 0 0 0B 0B\n", ""},
                {"mydocker system df --format '{{.Reclaimable}}' | head -n 1", 0, "0B (0%)\n", ""},
                {"mydocker commit up second", 0, "sha256:" HEX64 "\n", ""},
                {"mydocker system df -v", 0,
                 "Images space usage:\n\nREPOSITORY * TAG * IMAGE ID * CREATED * SIZE * SHARED SIZE * UNIQUE SIZE * CONTAINERS\n"
                 "second * latest * " HEX12 " * ago * *B * *B * 3MB * 0\nbusybox * latest * " HEX12
                 " * *B * *B * 0B * 2\n\nContainers space usage:\n\n"
                 "CONTAINER ID * IMAGE * COMMAND * LOCAL VOLUMES * SIZE * CREATED * STATUS * NAMES\n" HEX12
                 " * busybox * \"true\" * 0 * 2B * ago * Created * new\n" HEX12
                 " * busybox * \"sleep 1000\" * 0 * 3MB * ago * Up * up\n",
                 ""},
                {"mydocker ps -as --format '{{.Names}} {{.Size}}'", 0,
                 "new 2B (virtual *B)\nup 3MB (virtual *B)\n", ""},
                {"mydocker ps -s", 0, "CONTAINER ID * NAMES * SIZE\n* up * 3MB (virtual *B)\n", ""},
                {"mydocker system df -v --format json", 1, "", "Error: ?*\n"},
                {"mydocker rm -f up new; mydocker rmi second", 0, "up\nnew\nUntagged: *", ""},
        };

        RUN_SHELL_CASES(cases);
}

/* Many who ask at once are told, all of them. */
static void test_df_at_once(void) {
        g_autofree char *path = container_run(NULL, "sleep 1000");

        expect(0, "20\n", "",
               "for i in $(seq 20); do mydocker system df --format '{{.Size}}' | sed -n 2p & done | wc -l; wait");
        container_remove(path);
}

static void test_prune_containers(void) {
        static const ShellCase cases[] = {
                {"mydocker container prune -f", 0, "Total reclaimed space: 0B\n", ""},
                {"mydocker run -d --name up busybox sleep 1000; mydocker create --name new busybox true;"
                 " mydocker run --name done --label keep=1 busybox sh -c 'echo 12345 > /x'",
                 0, HEX64 "\n" HEX64 "\n", ""},
                {"echo n | mydocker container prune", 0, "",
                 "WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] "},
                {"mydocker container prune < /dev/null", 0, "", "WARNING! *"},
                {"mydocker ps -aq | wc -l", 0, "3\n", ""},
                {"mydocker container prune --dry-run", 0,
                 "Would delete Containers:\n" HEX64 "\n" HEX64 "\n\nTotal reclaimable space: 6B\n",
                 ""},
                {"mydocker ps -aq | wc -l", 0, "3\n", ""},
                {"mydocker container prune -f --filter until=24h", 0, "Total reclaimed space: 0B\n",
                 ""},
                {"mydocker container prune -f --filter label=other", 0,
                 "Total reclaimed space: 0B\n", ""},
                {"mydocker container prune -f --filter label!=keep", 0,
                 "Deleted Containers:\n" HEX64 "\n\nTotal reclaimed space: 0B\n", ""},
                {"mydocker ps -a --format '{{.Names}}'", 0, "done\nup\n", ""},
                {"echo y | mydocker container prune --filter label=keep=1", 0,
                 "Deleted Containers:\n" HEX64 "\n\nTotal reclaimed space: 6B\n", "WARNING! *"},
                {"mydocker ps -a --format '{{.Names}}'", 0, "up\n", ""},
                {"mydocker container prune -f --filter nonsense=1", 1, "",
                 "Error: invalid filter 'nonsense'\n"},
                {"mydocker container prune -f --filter until=yesterday", 1, "",
                 "Error: \"yesterday\" is no point of time\n"},
                {"mydocker rm -f up", 0, "up\n", ""},
        };

        RUN_SHELL_CASES(cases);
}

static void test_prune_images(void) {
        static const ShellCase cases[] = {
                {"mydocker run --name c busybox sh -c 'echo 1234 > /x'; mydocker commit c one;"
                 " mydocker commit --replace c one; mydocker tag one other; mydocker rm c",
                 0, "sha256:" HEX64 "\nsha256:" HEX64 "\nc\n", ""},
                {"mydocker images -q | wc -l", 0, "3\n", ""},
                {"mydocker image prune --dry-run", 0,
                 "Would delete Images:\ndeleted: sha256:" HEX64 "\n\nTotal reclaimable space: *B\n",
                 ""},
                {"mydocker image prune -f", 0,
                 "Deleted Images:\ndeleted: sha256:" HEX64 "\n\nTotal reclaimed space: *B\n", ""},
                {"mydocker image prune -f", 0, "Total reclaimed space: 0B\n", ""},
                {"mydocker create --name c busybox true", 0, HEX64 "\n", ""},
                /* What would go with a container that would go, too. */
                {"mydocker system prune -a --dry-run | grep -c -e busybox -e one -e other", 0,
                 "3\n", ""},
                {"mydocker image prune -a --dry-run | grep untagged | sort", 0,
                 "untagged: one:latest\nuntagged: other:latest\n", ""},
                {"mydocker image prune -af | sort", 0,
                 "\nDeleted Images:\nTotal reclaimed space: 5B\ndeleted: sha256:" HEX64
                 "\nuntagged: one:latest\nuntagged: other:latest\n",
                 ""},
                {"mydocker images --format '{{.Repository}}'", 0, "busybox\n", ""},
                {"mydocker system prune -f", 0,
                 "Deleted Containers:\n" HEX64 "\n\nTotal reclaimed space: 0B\n", ""},
        };

        RUN_SHELL_CASES(cases);
}

/* Without root's or polkit's word only what is one's own goes. */
static void test_prune_by_nobody(void) {
        g_autofree char *rule = g_build_filename(sandbox_dir(), "rules/50-test.rules", NULL);

        g_assert_true(g_file_set_contents(
                rule,
                "polkit.addRule(function(action, subject) {\n"
                "        if (subject.user == 'nobody' && action.id == 'org.mydocker.container.run')\n"
                "                return polkit.Result.YES;\n});\n",
                -1, NULL));
        g_assert_cmpint(g_chmod(rule, 0644), ==, 0);
        WAIT_UNTIL(shell(NULL, NULL, AS_NOBODY "mydocker create --name own busybox true") == 0);
        expect(0, HEX64 "\n", "", "mydocker create --name roots busybox true");
        expect(0, "*Would delete Containers:\n" HEX64 "\n" HEX64 "\n\n*", "",
               AS_NOBODY "mydocker container prune --others --dry-run");
        expect(1, "", "Error: permission denied: *org.mydocker.container.remove*",
               AS_NOBODY "mydocker container prune --others -f");
        expect(1, "", "Error: permission denied: *org.mydocker.image.prune*",
               AS_NOBODY "mydocker image prune -f");
        expect(0, "Deleted Containers:\n" HEX64 "\n\n*", "",
               AS_NOBODY "mydocker container prune -f");
        expect(0, "roots\n", "", "mydocker ps -a --format '{{.Names}}'");
        expect(0, "roots\n", "", "mydocker rm roots");
        g_assert_cmpint(g_unlink(rule), ==, 0);
}

static void test_rmi(void) {
        static const ShellCase cases[] = {
                {"mydocker tag busybox used; mydocker run -d --name up busybox sleep 1000", 0,
                 HEX64 "\n", ""},
                {"mydocker rmi used", 0, "Untagged: used:latest\n", ""},
                {"mydocker run --name c busybox sh -c 'echo 1 > /x'; mydocker commit -c 'ENV A=b' c mine;"
                 " mydocker rm c; mydocker create --name c mine sh -c 'cat /x; echo $A'",
                 0, "sha256:" HEX64 "\nc\n" HEX64 "\n", ""},
                {"mydocker rmi busybox", 1, "",
                 "Error: conflict: unable to delete " HEX12
                 " (cannot be forced) - image is being used by running container " HEX12 "\n"},
                {"mydocker rmi -f busybox", 1, "", "Error: conflict: * (cannot be forced) *\n"},
                {"mydocker rmi mine", 1, "",
                 "Error: conflict: unable to delete " HEX12
                 " (must be forced) - image is being used by stopped container " HEX12 "\n"},
                {"mydocker commit -m said -a me c told; mydocker image inspect told | python3 -c 'import json, sys;"
                 " i = json.load(sys.stdin)[0]; print(i[\"Comment\"], i[\"Author\"], i[\"RepoTags\"], i[\"RepoDigests\"],"
                 " i[\"Config\"][\"Env\"], i[\"Size\"] == i[\"VirtualSize\"], i[\"Os\"], i[\"RootFS\"][\"Type\"])'; mydocker rmi told",
                 0,
                 "sha256:" HEX64
                 "\nsaid me ['told:latest'] [] ['A=b'] True linux layers\nUntagged: *",
                 ""},
                {"mydocker rmi -f mine", 0, "Untagged: mine:latest\nDeleted: sha256:" HEX64 "\n",
                 ""},
                /* The container still has all it needs, and so has an image of it. */
                {"mydocker start -a c; mydocker commit c again; mydocker rm c", 0,
                 "1\nb\nsha256:" HEX64 "\nc\n", ""},
                {"mydocker run --rm again sh -c 'cat /x; echo $A'", 0, "1\nb\n", ""},
                {"mydocker rmi again; mydocker rm -f up", 0, "Untagged: *up\n", ""},
                {"mydocker rmi -f none", 0, "", ""},
        };

        RUN_SHELL_CASES(cases);
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        harness_add("/disk/df", test_df);
        harness_add("/disk/df-at-once", test_df_at_once);
        harness_add("/disk/prune-containers", test_prune_containers);
        harness_add("/disk/prune-images", test_prune_images);
        harness_add("/disk/prune-by-nobody", test_prune_by_nobody);
        harness_add("/disk/rmi", test_rmi);
        return harness_run();
}
