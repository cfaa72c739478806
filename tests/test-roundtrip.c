/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What goes in comes out, bit by bit: the files of this Debian's essential packages, and whatever else a file system can
 * hold. Compared are whole trees, see tree-list. */

#include "harness.h"

#define TAR "tar --xattrs --xattrs-include='*' --numeric-owner"

static void make_tree(void) {
        /* Set-id programs, hard links, links to directories above others. */
        expect(0, "", "",
               "dpkg-query -W -f '${Essential} ${Package}\\n' | sed -n 's/^yes //p' > packages &&"
               " dpkg -L $(cat packages) libc6 libtinfo6 passwd mount | grep '^/.' |"
               " sed -E '/^\\/(bin|sbin|lib|lib64)\\//s/^/\\/usr/' | sort -u |"
               " while IFS= read -r f; do [ ! -e \"$f\" ] || echo \"$f\"; done > list && mkdir tree &&"
               " tar -C / --no-recursion -cf - -T list 2> /dev/null | tar -C tree -xp");
        expect(0, "", "",
               "set -e; mkdir tree/made; cd tree/made; umask 0;"
               "long=$(printf '%%0255d' 0); mkdir -p $long/$long; echo x > $long/$long/$long;"
               "echo 1 > $(printf '\\377\\376 no UTF-8'); echo 2 > $(printf 'new\\nline'); echo 3 > $(printf 'e\\314\\201');"
               "echo 4 > $(printf '\\303\\251'); ln -s $(printf '\\377')$long link; ln -s / root; mkfifo -m 640 fifo;"
               "truncate -s 300M sparse; printf end | dd of=sparse bs=1 seek=100000000 conv=notrunc status=none;"
               "truncate -s 5M hole; : > empty; echo a > a; ln a b; ln -s a c; ln c d;"
               "chown 1:2 a; chown -h 3:4 c; chown 3000000:4000000 empty; chmod 6751 a; mkdir -m 3777 sticky;"
               "cp /bin/true cap; setcap cap_net_raw+ep cap; setfattr -n user.x -v 'y=z' a; setfattr -n user.d -v e sticky;"
               "touch -d '2001-02-03 04:05:06.123456789 UTC' a; touch -h -d '1970-01-01 00:00:01 UTC' c;"
               "touch -d '1960-01-01 UTC' empty; touch -d '2300-01-01 UTC' hole; touch -d '@1.000000001' sticky .");
        expect(0, "", "",
               "$MYDOCKER_TEST_TREE_LIST tree > wanted && " TAR
               " --format=posix -S -C tree -cf made.tar .");
}

/* The layer itself, as it lies in the store. */
static void check_layer(const char *what) {
        g_test_message("%s", what);
        expect(0, "", "",
               "$MYDOCKER_TEST_TREE_LIST $(ls -d %s/state/layers/*/diff/made)/.. > is && diff wanted is",
               sandbox_dir());
}

static void test_round_trips(void) {
        static const char *const formats[] = {"oci-archive", "docker-archive"};

        make_tree();
        expect(0, "sha256:*", "", "mydocker import made.tar trip");
        check_layer("import");
        /* tar(1) wonders about some of the times. */
        expect(0, "", NULL,
               "mkdir out && mydocker save --format rootfs trip | " TAR
               " -C out -xp && $MYDOCKER_TEST_TREE_LIST out > is &&"
               " diff wanted is && rm -r out");
        for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
                expect(0, "", "", "mydocker save --format %s -o saved.tar trip", formats[i]);
                /* The holes are none in the archive. */
                expect(0, "", "", "[ $(stat -c %%s saved.tar) -lt 300000000 ]");
                expect(0, NULL, "", "mydocker rmi trip");
                expect(0, "Loaded image: trip:latest\n", "", "mydocker load -i saved.tar");
                check_layer(formats[i]);
                expect(0, "", "", "rm saved.tar");
        }
        /* It also works: a Debian in a container, and out of it again. */
        expect(0, "12*\n", "", "mydocker run --name c trip /bin/bash -c 'cat /etc/debian_version'");
        expect(0, "", NULL,
               "mkdir out && mydocker export c | " TAR
               " -C out -xp && $MYDOCKER_TEST_TREE_LIST out/made > is &&"
               " $MYDOCKER_TEST_TREE_LIST tree/made > wanted && diff wanted is");
        expect(0, NULL, "",
               "mydocker rm c && mydocker rmi trip && rm -r tree out made.tar list packages wanted is");
}

/* In ACLs GNU tar has users and groups by their names, bsdtar by both; as attributes they have numbers. */
static void test_acls(void) {
        static const char *const packers[] = {
                "tar --acls --format=posix",  "tar --acls --format=posix --numeric-owner",
                "bsdtar --acls --format=pax", "bsdtar --xattrs --format=pax",
                TAR " --format=posix",
        };

        expect(0, "", "",
               "set -e; mkdir -p tree/etc tree/d/sub; cp /etc/passwd /etc/group tree/etc; echo x > tree/d/f; mkfifo tree/fifo;"
               "setfacl -m u:daemon:rwx,u:1234:r,g:adm:rx,g:4321:- tree/d/f; setfacl -d -m g:adm:rx,u:7:w tree/d;"
               "setfacl -m u:bin:- tree; touch -d '@5.000000006' tree/d/f tree/d tree; $MYDOCKER_TEST_TREE_LIST tree > wanted");
        for (guint i = 0; i < G_N_ELEMENTS(packers); i++) {
                g_test_message("%s", packers[i]);
                expect(0, "", "", "%s -C tree -cf acl.tar .", packers[i]);
                expect(0, "sha256:*", "", "mydocker import acl.tar acl");
                expect(0, "", "",
                       "$MYDOCKER_TEST_TREE_LIST $(dirname $(ls -d %s/state/layers/*/diff/fifo)) > is && diff wanted is",
                       sandbox_dir());
                if (i == 0)
                        expect(0, "", NULL,
                               "mkdir out && mydocker save --format rootfs acl | " TAR
                               " -C out -xp && $MYDOCKER_TEST_TREE_LIST out > is && diff wanted is && rm -r out");
                expect(0, NULL, "", "mydocker rmi acl");
        }

        /* Into a container, whose ids are shifted; the names are its own. */
        expect(0, "", "", "tar --acls --format=posix -C tree/d -cf acl.tar f");
        expect(0, NULL, "",
               "tar -C tree -cf acl-root.tar etc d && mydocker import acl-root.tar acl");
        expect(0, NULL, "", "mydocker create --name c acl true && mydocker cp - c:/d < acl.tar");
        expect(0, "", "",
               "mkdir out && mydocker export c | " TAR
               " -C out -xp && for t in tree out; do $MYDOCKER_TEST_TREE_LIST $t/d | grep /f > $t.list; done;"
               " diff tree.list out.list");
        expect(0, NULL, "",
               "mydocker rm c && mydocker rmi acl && rm -r tree out tree.list out.list wanted is acl.tar acl-root.tar");
}

/* Holes, in all the forms that there are for them. */
static void test_sparse(void) {
        static const char *const packers[] = {
                "tar -S --format=gnu",
                "tar -S --format=oldgnu",
                "tar -S --format=posix --sparse-version=0.0",
                "tar -S --format=posix --sparse-version=0.1",
                "tar -S --format=posix --sparse-version=1.0",
                "bsdtar --format=pax",
        };
        static const char *const unpackers[] = {"tar -xpf", "bsdtar -xpf"};

        expect(0, "", "",
               "set -e; mkdir tree; cd tree; truncate -s 100M big; truncate -s 5M hole; truncate -s 1M head; echo end >> head;"
               "for i in 30000000 99999999; do printf x | dd of=big bs=1 seek=$i conv=notrunc status=none; done;"
               "python3 -c 'import os\nf = os.open(\"many\", os.O_CREAT | os.O_WRONLY)\n"
               "for i in range(300): os.pwrite(f, b\"%%d\" %% i, i << 18)'; touch -d @5 * .; cd ..;"
               "$MYDOCKER_TEST_TREE_LIST tree > wanted && grep -q 'holes=[0-9]\\{5\\}' wanted");
        for (guint i = 0; i < G_N_ELEMENTS(packers); i++) {
                g_test_message("%s", packers[i]);
                expect(0, "", "",
                       "%s -C tree -cf made.tar . && [ $(stat -c %%s made.tar) -lt 5000000 ]",
                       packers[i]);
                expect(0, NULL, "", "mydocker rmi sparse 2>&1; mydocker import made.tar sparse");
                expect(0, "", "",
                       "$MYDOCKER_TEST_TREE_LIST $(dirname $(ls %s/state/layers/*/diff/hole)) > is && diff wanted is",
                       sandbox_dir());
        }
        expect(0, "", "",
               "mydocker save --format rootfs -o made.tar sparse && [ $(stat -c %%s made.tar) -lt 5000000 ]");
        for (guint i = 0; i < G_N_ELEMENTS(unpackers); i++) {
                g_test_message("%s", unpackers[i]);
                expect(0, "", "",
                       "mkdir out && %s made.tar -C out && $MYDOCKER_TEST_TREE_LIST out | tail -n +2 > is &&"
                       " tail -n +2 wanted | diff - is && rm -r out",
                       unpackers[i]);
        }
        /* What podman unpacks has no holes, but the same contents. */
        expect(0, NULL, NULL, "mydocker save -o made.tar sparse && podman load -q -i made.tar");
        expect(0, "", "",
               "m=$(podman image mount sparse) && for f in big hole head many; do cmp $m/$f tree/$f; done &&"
               " podman image unmount sparse > /dev/null && podman rmi sparse > /dev/null");
        expect(0, NULL, "", "mydocker rmi sparse && rm -r tree wanted is made.tar");
}

int main(int argc, char *argv[]) {
        int status;

        harness_init(&argc, &argv);
        peers_prepare();
        harness_add("/roundtrip/archives", test_round_trips);
        harness_add("/roundtrip/acls", test_acls);
        harness_add("/roundtrip/sparse", test_sparse);
        status = harness_run();
        peers_clean_up();
        return status;
}
