/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The state directory on a file system that is soon full: what has no room is refused with the reason and leaves
 * nothing, what frees room works all the same. And on one that fails. */

#include "harness.h"

#include <signal.h>
#include <stdlib.h>

#define STATE "\"$MYDOCKER_SANDBOX\"/state"
#define NO_SPACE "*No space left on device*"

/* In KiB. */
static long used(void) {
        g_autofree char *out = NULL;

        shell(&out, NULL, "df --output=used " STATE " | tail -n 1");
        return atol(out);
}

/* All that was taken meanwhile comes back; what is noted of the rest may be some pages. */
static void check_used(long before) {
        WAIT_UNTIL(used() <= before + 100);
        expect(0, "", "", "cd " STATE " && ls -A staging intents trash | grep -v :$ | grep .; :");
}

static void fill(void) {
        shell(NULL, NULL,
              "mydocker exec c sh -c 'cat /dev/zero > /rest; while echo x > /rest$((i=i+1)); do :; done'");
}

static void test_import(void) {
        long before = used();

        expect(1, "", NO_SPACE, "mydocker import large.tar large");
        expect(1, "", NO_SPACE, "gzip -1 < large.tar | mydocker import - large");
        check_used(before);
        expect(1, NULL, NULL, "mydocker inspect large");
        expect(0, NULL, "",
               "mydocker import small.tar again && mydocker run --rm again true && mydocker rmi again");
        check_used(before);
}

static void test_commit(void) {
        long empty = used(), before;

        expect(0, NULL, "", "mydocker run -d --name c busybox sleep 1000");
        expect(0, "", "",
               "mydocker exec c sh -c 'dd if=/dev/zero of=/data bs=1M count=10 2>/dev/null'");
        before = used();
        expect(1, "", NO_SPACE, "mydocker commit c copy");
        check_used(before);
        expect(1, NULL, NULL, "mydocker inspect copy");
        expect(0, "10485760\n", "", "mydocker exec c stat -c %%s /data");

        /* There is not room for a single record more. */
        fill();
        expect(125, "", NO_SPACE, "mydocker create busybox true");
        expect(125, "", NO_SPACE, "mydocker run --rm busybox true");
        expect(1, "", NO_SPACE, "mydocker commit c copy");
        expect(1, "", NO_SPACE, "mydocker update --memory 64m c");
        expect(0, NULL, NULL, "mydocker stop -t 0 c");
        expect(1, "", NO_SPACE, "mydocker commit c sealed");
        /* It is as it was, also for a daemon that starts on the full disk. */
        daemon_kill(SIGKILL);
        daemon_start();
        expect(0, "c\n", "", "mydocker ps -a --format '{{.Names}}'");
        expect(0, "137\n", "", "mydocker inspect -f '{{.State.ExitCode}}' c");
        /* A supervisor begins its work all the same. That overlay finds no room for its work directory is not sure to happen, so
         * that is made impossible in another way. */
        supervisor_kill();
        WAIT_UNTIL(shell(NULL, NULL, "mydocker export c > /dev/null") == 0);
        expect(0, "", "", "cd " STATE "/containers/*/ && rm -rf work/work && chattr +i work");
        expect(1, "", "*can't write to the upper layer: Operation not permitted\n",
               "mydocker start c");
        expect(0, "10485760\n", "", "mydocker export c | tar -tvf - data | awk '{ print $3 }'");
        expect(0, "", "", "chattr -i " STATE "/containers/*/work");
        expect(0, NULL, "", "mydocker rm c");
        check_used(empty);
}

static void test_remove_image(void) {
        long before = used();

        expect(0, NULL, "",
               "mydocker import small.tar doomed && mydocker run -d --name c busybox sleep 1000");
        fill();
        expect(0, NULL, NULL, "mydocker rmi doomed");
        expect(1, NULL, NULL, "mydocker inspect doomed");
        expect(0, NULL, "", "mydocker rm -f c");
        check_used(before);
        daemon_kill(SIGKILL);
        daemon_start();
        expect(1, NULL, NULL, "mydocker inspect doomed");
}

/* The trash cannot grow, as on a disk that is full to its last block, so what is to go stays where it is. It goes when there
 * is room, and a daemon that starts meanwhile does so all the same. */
static void test_trash(void) {
        small_disk_begin(50);
        expect(0, NULL, "",
               "mydocker import small.tar busybox && mydocker import small.tar doomed");
        expect(0, "", "", "chattr +i " STATE "/trash");
        expect(127, "", "*", "mydocker run busybox nothing");
        expect(0, "1\n", "", "ls " STATE "/containers | wc -l");
        expect(0, NULL, "", "mydocker rmi doomed");
        expect(0, "2\n", "", "ls " STATE "/layers | wc -l");
        expect(0, "", "", "chattr -i " STATE "/trash");
        WAIT_UNTIL(
                shell(NULL, NULL,
                      "cd " STATE
                      "; [ -z \"$(ls containers)$(ls trash)\" ] && [ $(ls layers | wc -l) -eq 1 ]") ==
                0);

        daemon_kill(SIGKILL);
        expect(0, "", "",
               "mkdir " STATE "/containers/$(printf %%064d 1); chattr +i " STATE "/trash");
        daemon_start();
        expect(0, "", "", "mydocker ps -aq; chattr -i " STATE "/trash");
        WAIT_UNTIL(shell(NULL, NULL, "[ -z \"$(ls " STATE "/containers)\" ]") == 0);

        small_disk_end();
}

static void test_full_disk(void) {
        small_disk_begin(16);
        expect(0, NULL, "", "mydocker import small.tar busybox");
        test_import();
        test_commit();
        test_remove_image();
        small_disk_end();
}

/* A disk that promises more than it has, as thinly provisioned ones do: what does not fit fails when it is written behind
 * the writer's back. Only who asks for what has been written is told. */
static void test_broken(void) {
        expect(0, "", "",
               "mkdir thin && mount -t tmpfs -o size=8m thin thin && ln -s thin/disk disk");
        small_disk_begin(50);
        expect(0, NULL, "",
               "mydocker import small.tar busybox && mydocker run -d --name c busybox sleep 1000");
        expect(0, "", "",
               "mydocker exec c sh -c 'dd if=/dev/urandom of=/data bs=1M count=10 2>/dev/null'");
        expect(1, "", "Error: *cannot write to the disk: *\n", "mydocker commit c broken");
        expect(125, "", "Error: No such image: broken\n", "mydocker run --rm broken true");
        expect(0, "", "", "mydocker exec c true");
        expect(0, NULL, "", "mydocker rm -f c");
        small_disk_end();
        /* The loop device lets go of it a little later. */
        WAIT_UNTIL(shell(NULL, NULL, "umount thin && rmdir thin") == 0);
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        daemon_kill(SIGTERM);
        daemon_start();
        expect(0, "", "",
               "mkdir -p small/bin small/dev small/proc small/sys small/etc; cp rootfs/bin/busybox small/bin;"
               "for name in sh cat true sleep dd stat; do ln -s busybox small/bin/$name; done; tar -C small -cf small.tar .;"
               "mkdir large; head -c 20000000 /dev/urandom > large/data; tar -C large -cf large.tar .");
        harness_add("/full-disk", test_full_disk);
        harness_add("/full-disk/trash", test_trash);
        harness_add("/full-disk/broken", test_broken);
        return harness_run();
}
