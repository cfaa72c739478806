/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* cp and diff: archives into and out of a container's tree, and what it has changed; and what a container that fights
 * back can make of it. */

#include "harness.h"

#define HEX64 "????????????????????????????????????????????????????????????????"

static void test_diff(void) {
        static const ShellCase cases[] = {
                {"mydocker run -d --name c busybox sleep 1000", 0, HEX64 "\n", ""},
                {"mydocker diff c", 0, "", ""},
                {"mydocker exec c sh -c 'mkdir -p /home/d/e; echo 1 > /home/d/e/f; echo 2 > /home/d/g;"
                 " echo x >> /etc/passwd; rm /etc/group; chown alice /tmp; ln -s /nowhere /var/l'",
                 0, "", ""},
                {"mydocker diff c", 0,
                 "C /etc\nD /etc/group\nC /etc/passwd\nC /home\nA /home/d\nA /home/d/e\nA /home/d/e/f\n"
                 "A /home/d/g\nC /tmp\nC /var\nA /var/l\n",
                 ""},
                /* Opened for writing, and so copied up, but as it was. */
                {"mydocker exec c sh -c ': >> /bin/probe'; mydocker diff c | grep -c /bin", 1,
                 "0\n", ""},
                {"mydocker commit c layered", 0, "sha256:" HEX64 "\n", ""},
                {"mydocker run -d --name d layered sleep 1000", 0, HEX64 "\n", ""},
                {"mydocker diff d", 0, "", ""},
                /* A directory that hides the layers' one; a file where a directory was; one again that was
                 * deleted in a layer. */
                {"mydocker exec d sh -c 'rm -r /home/d; mkdir /home/d; echo 3 > /home/d/g; echo 4 > /home/d/h;"
                 " rmdir /root; echo 5 > /root; echo 6 > /etc/group'",
                 0, "", ""},
                {"mydocker diff d", 0,
                 "C /etc\nA /etc/group\nC /home\nC /home/d\nD /home/d/e\nC /home/d/g\nA /home/d/h\nC /root\n",
                 ""},
                {"mydocker exec d sh -c 'touch \"/tmp/new\nline\" \"$(printf \"/tmp/\\\\377\")\"'; mydocker diff d | grep tmp",
                 0, "C /tmp\nA /tmp/new?line\nA /tmp/?\n", ""},
                {"mydocker stop -t 0 d", 0, "d\n", ""},
                {"mydocker diff d | wc -l", 0, "11\n", ""},
                {"mydocker diff none", 1, "", "Error: No such container: none\n"},
                {"mydocker rm -f c d", 0, "c\nd\n", ""},
                {"mydocker rmi layered", 0, "Untagged: *", ""},
        };

        RUN_SHELL_CASES(cases);
}

/* docker's rules about what exists, what is a directory and what ends with a slash. */
static void test_cp_in(void) {
        static const ShellCase cases[] = {
                {"mydocker run -d --name c -v $PWD/vol:/vol busybox sleep 1000", 0, HEX64 "\n", ""},
                {"echo local > file; mkdir -p dir/sub; echo 1 > dir/sub/1; ln -s /etc/x dir/link; ln -s file link;"
                 " chmod 750 dir/sub; touch -d 2001-02-03T04:05:06.789 file",
                 0, "", ""},
                {"mydocker cp file c:/tmp", 0, "", ""},
                {"mydocker cp file c:/tmp/as", 0, "", ""},
                {"mydocker cp file c:/tmp/as", 0, "", ""},
                {"mydocker cp dir c:/tmp", 0, "", ""},
                {"mydocker cp dir c:/tmp/dir2", 0, "", ""},
                {"mydocker cp dir c:/tmp/dir3/", 0, "", ""},
                {"mkdir -p into; mydocker exec c mkdir /tmp/into; mydocker cp dir/. c:/tmp/into", 0,
                 "", ""},
                {"mydocker cp dir/. c:/tmp/into2", 0, "", ""},
                {"mydocker cp link c:/tmp/ && mydocker cp -L link c:/tmp/followed", 0, "", ""},
                {"mydocker cp - c:/tmp/into < busybox.tar; mydocker exec c ls /tmp/into/etc", 0,
                 "group\npasswd\n", ""},
                {"gzip -c busybox.tar | mydocker cp - c:/tmp/into2; mydocker exec c ls /tmp/into2/etc",
                 0, "group\npasswd\n", ""},
                {"mydocker exec c sh -c 'cd /tmp; cat file as followed; find dir dir2 dir3 | sort; readlink link;"
                 " stat -c \"%a %u %g\" dir/sub; stat -c %y file; stat -c %a /tmp'",
                 0,
                 "local\nlocal\nlocal\ndir\ndir/link\ndir/sub\ndir/sub/1\ndir2\ndir2/link\ndir2/sub\ndir2/sub/1\n"
                 "dir3\ndir3/link\ndir3/sub\ndir3/sub/1\nfile\n750 0 0\n2001-02-03 04:05:06.789*\n1777\n",
                 ""},
                /* A link there is followed, inside the container. */
                {"mydocker exec c sh -c 'ln -s /tmp/into /l; ln -s /tmp/target /tmp/to; ln -s /tmp/into /tmp/abs'",
                 0, "", ""},
                {"mydocker cp file c:/l && mydocker cp file c:/tmp/to && mydocker cp file c:/tmp/abs/x",
                 0, "", ""},
                {"mydocker exec c cat /tmp/into/file /tmp/target /tmp/into/x", 0,
                 "local\nlocal\nlocal\n", ""},
                {"mydocker cp file c:/vol && cat vol/file", 0, "local\n", ""},
                {"chown 1000:1000 file; mydocker cp -a file c:/tmp/owned; mydocker exec c stat -c %u:%g /tmp/owned",
                 0, "1000:1000\n", ""},
                /* What is refused. */
                {"mydocker cp none c:/tmp", 1, "",
                 "Error: lstat none: No such file or directory\n"},
                {"mydocker cp file/ c:/tmp", 1, "", "Error: *ot a directory\n"},
                {"mydocker cp dir c:/etc/passwd", 1, "",
                 "Error: cannot copy a directory to the file /etc/passwd\n"},
                {"mydocker cp file c:/none/", 1, "", "Error: No such container:path: c:/none/\n"},
                {"mydocker cp file c:/none/x", 1, "", "Error: No such container:path: c:/none/x\n"},
                {"mydocker cp file c:/etc/passwd/", 1, "", "Error: *not a directory*\n"},
                {"mydocker exec c mkdir -p /tmp/dir/file && mkdir -p both/dir && cp file both/dir &&"
                 " mydocker cp both/dir c:/tmp",
                 1, "", "Error: cannot overwrite directory *\n"},
                {"mydocker cp - c:/etc/passwd < busybox.tar", 1, "", "Error: *not a directory\n"},
                {"mydocker cp - c:/tmp < file", 1, "", "Error: ?*\n"},
                {"mydocker cp file none:/tmp", 1, "", "Error: No such container: none\n"},
                {"mydocker cp file dir", 1, "",
                 "Error: must specify at least one container source\n"},
                {"mydocker cp c:/x c:/y", 1, "",
                 "Error: copying between containers is not supported\n"},
                {"mydocker cp '' c:/y", 1, "", "Error: source and destination can not be empty\n"},
                {"mydocker cp c:/x", 1, "", "*requires 2 arguments*"},
                {"mydocker rm -f c; rm -r file dir link both into vol", 0, "c\n", ""},
        };

        RUN_SHELL_CASES(cases);
}

static void test_cp_out(void) {
        static const ShellCase cases[] = {
                {"mydocker run -d --name c -v $PWD/vol:/vol busybox sh -c 'mkdir -p /d/sub /vol/v; cd /d; echo 1 > sub/1;"
                 " echo in > f; ln f hard; ln -s f l; mkfifo p; chmod 4751 sub/1; chown alice f; touch /ready; sleep 1000'",
                 0, HEX64 "\n", ""},
                {"while ! mydocker exec c cat /ready; do sleep 0.1; done; mkdir out", 0, "", NULL},
                {"mydocker cp c:/d/f out && cat out/f && stat -c %u out/f", 0, "in\n0\n", ""},
                {"mydocker cp c:/d/f out/g && cat out/g", 0, "in\n", ""},
                {"mydocker cp c:/d/f out/g && cat out/g", 0, "in\n", ""},
                {"mydocker cp c:/d out && cd out/d && find . | sort; [ f -ef hard ] && readlink l",
                 0, ".\n./f\n./hard\n./l\n./p\n./sub\n./sub/1\nf\n", ""},
                {"mydocker cp c:/d out/e && cat out/e/sub/1", 0, "1\n", ""},
                {"mydocker cp c:/d/. out/h && cat out/h/sub/1", 0, "1\n", ""},
                {"mkdir -m 700 out/i && mydocker cp c:/d/. out/i && cat out/i/sub/1 && stat -c %a out/i",
                 0, "1\n700\n", ""},
                {"mydocker cp c:/d/l out && readlink out/l && mydocker cp -L c:/d/l out/m && cat out/m",
                 0, "f\nin\n", ""},
                {"mydocker cp -L c:/d/l out/n && rm out/l && mydocker cp -L c:d/l out && cat out/l",
                 0, "in\n", ""},
                /* Nobody gets a set-user-id program of root's by copying a file. */
                {"stat -c %a out/d/sub/1; mydocker cp -a c:/d out/a && stat -c %a:%u out/a/sub/1 out/a/f",
                 0, "751\n4751:0\n644:1000\n", ""},
                {"mydocker cp c:/vol - | tar -t", 0, "vol/\nvol/v/\n", ""},
                {"mydocker cp c:/d/. - | tar -t | sort", 0, "./\nf\nhard\nl\np\nsub/\nsub/1\n", ""},
                {"mydocker cp c:/none out", 1, "", "Error: No such container:path: c:/none\n"},
                {"mydocker cp c:/d/f/ out", 1, "", "Error: *not a directory\n"},
                {"mydocker cp c:/d/f out/none/", 1, "", "Error: no such directory\n"},
                {"mydocker cp c:/d/f out/none/x", 1, "",
                 "Error: invalid output path: directory \"*\" does not exist\n"},
                {"mydocker cp c:/d out/g", 1, "", "Error: cannot copy directory\n"},
                {"mydocker cp none:/d out", 1, "", "Error: No such container: none\n"},
                {"mydocker stop -t 0 c; mydocker cp c:/d out/stopped; cat out/stopped/f", 0,
                 "c\nin\n", ""},
                {"mydocker rm c; rm -r out vol", 0, "c\n", ""},
        };

        RUN_SHELL_CASES(cases);
}

/* A container that does not run, and one that never did. */
static void test_not_running(void) {
        static const ShellCase cases[] = {
                {"echo local > file", 0, "", ""},
                {"mydocker create --name c -v $PWD/vol:/vol busybox cat /etc/file /vol/file", 0,
                 HEX64 "\n", ""},
                {"mydocker cp file c:/etc && mydocker cp file c:/vol && mydocker start -a c", 0,
                 "local\nlocal\n", ""},
                {"mydocker cp file c:/etc/again && mydocker diff c", 0,
                 "C /etc\nA /etc/again\nA /etc/file\nA /vol\n", ""},
                {"mydocker rm c", 0, "c\n", ""},
                {"mydocker create --name c --read-only -v $PWD/vol:/vol busybox true", 0,
                 HEX64 "\n", ""},
                {"mydocker cp file c:/etc", 1, "", "*ead-only file system\n"},
                {"mydocker cp file c:/vol/second && ls vol", 0, "file\nsecond\n", ""},
                {"mydocker rm c; rm -r file vol", 0, "c\n", ""},
        };

        RUN_SHELL_CASES(cases);
}

static char *begin_copy_in(const char *path, const char *destination, int *ret_fd) {
        g_autoptr(GUnixFDList) fds = NULL;
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = NULL;
        char *job = NULL;
        int handle;

        reply = bus_try(NULL, NULL, &fds, &error, path, "CopyIn", "(%s, @a{sv} {})", destination);
        g_assert_no_error(error);
        g_variant_get(reply, "(ho)", &handle, &job);
        *ret_fd = g_unix_fd_list_get(fds, handle, NULL);
        return job;
}

/* Somebody who feeds an archive slowly keeps nobody from stopping or removing the container. */
static void test_slow_feeder(void) {
        g_autofree char *running = container_run(NULL, "sleep 1000"),
                        *created = container_create(NULL, "true"), *error = NULL;
        g_autofree char *first = NULL, *second = NULL;
        int first_fd, second_fd;

        first = begin_copy_in(running, "/tmp", &first_fd);
        second = begin_copy_in(created, "/tmp", &second_fd);
        g_variant_unref(bus_call(running, "Stop", "({'timeout': <uint32 0>},)"));
        CHECK(!job_finish(first, &error));
        check_text("the job", error, "org.mydocker.Error.Cancelled");
        g_variant_unref(bus_call(running, "Start", "(@a{sv} {},)"));
        container_remove(running);
        container_remove(created);
        g_clear_pointer(&error, g_free);
        CHECK(!job_finish(second, &error));
        check_text("the job", error, "org.mydocker.Error.Cancelled");
        close(first_fd);
        close(second_fd);
}

/* What an archive asks for beyond its place. */
static void test_hostile_archive(void) {
        static const ShellCase cases[] = {
                {"mydocker run -d --name c busybox sleep 1000", 0, HEX64 "\n", ""},
                {"mkdir -p a/b; echo x > a/b/x; echo canary > canary; ln a/b/x a/hard", 0, "", ""},
                {"tar -c -P --transform 's,^,../../../../../../,;' a | mydocker cp - c:/tmp", 1, "",
                 "Error: *\"..\" in it\n"},
                {"tar -c -P --transform \"s,^,$PWD/,;\" a/b/x | mydocker cp - c:/tmp", 0, "", ""},
                {"mydocker exec c cat /tmp$PWD/a/b/x", 0, "x\n", ""},
                {"tar -c --owner=70000 a | mydocker cp - c:/tmp", 1, "",
                 "Error: *does not exist in the container\n"},
                {"tar -c -C /dev null zero | mydocker cp - c:/tmp; mydocker exec c ls /tmp/null", 1,
                 "", "ls: /tmp/null: No such file or directory\n"},
                {"tar -c a | head -c 1024 | mydocker cp - c:/tmp", 1, "", "Error: ?*\n"},
                {"cat canary; mydocker rm -f c; rm -r a canary", 0, "canary\nc\n", ""},
        };

        RUN_SHELL_CASES(cases);
}

/* The class of CVE-2018-15664: a process in the container replaces what is on the way by links to the host's files
 * while they are copied. */
static void test_races(void) {
        g_autofree char *here = g_get_current_dir();

        expect(0, "", "", "mkdir -p victim out; echo secret > victim/secret; echo new > new");
        expect(0, HEX64 "\n", "",
               "mydocker run -d --name c busybox sh -c 'mkdir -p /w/real; echo inside > /w/real/secret;"
               " ln -s %s/victim /w/link; mkdir -p /w/d; while :; do"
               " mv /w/d /w/x; mv /w/link /w/d; mv /w/d /w/link; mv /w/x /w/d; done'",
               here);
        expect(0, "", NULL,
               "for i in $(seq 15); do mydocker cp new c:/w/d/new; mydocker cp new c:/w/d; mydocker cp c:/w/d/secret out;"
               " mydocker cp -L c:/w out; mydocker cp c:/w/. out; done 2> /dev/null; true");
        expect(0, "secret\nsecret\n", "", "ls victim; cat victim/secret");
        expect(1, "", "", "find out -type f -exec grep -l '^secret$' {} + ; exit 1");
        expect(0, "c\n", "", "mydocker rm -f c; rm -r victim out new");
}

/* On a volume of a user's own the container's root is that user, also for copies and also while it does not run. */
static void test_volume_of_a_user(void) {
        rule_set("subject.user == 'nobody' && action.id == 'org.mydocker.container.run'");
        expect(0, "", "",
               "mkdir own mine; cp /bin/true own/suid; chmod 4755 own/suid; echo secret > mine/root; chmod 600 mine/root;"
               " chown 65534:65534 mine; chown 65534:65534 own own/suid; chmod 4755 own/suid");
        WAIT_UNTIL(shell(NULL, NULL,
                         AS_NOBODY
                         "mydocker create --name c -v $PWD/mine:/v busybox sleep 1000") == 0);
        for (int i = 0; i < 2; i++) {
                expect(0, "", "", AS_NOBODY "mydocker cp own/suid c:/v/suid");
                expect(0, "4755 65534\n", "", "stat -c '%%a %%u' mine/suid; rm mine/suid");
                expect(1, "", NULL, AS_NOBODY "mydocker cp c:/v/root - | grep secret");
                expect(1, "", NULL, AS_NOBODY "mydocker cp -a own/suid c:/v/root");
                expect(0, "secret\n0\n", "", "cat mine/root; stat -c %%u mine/root");
                if (i == 0)
                        expect(0, "c\n", "", AS_NOBODY "mydocker start c");
        }
        expect(0, "c\n", "", AS_NOBODY "mydocker rm -f c");
        expect(0, "", "", "rm -r own mine");
        rule_clear();
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        harness_add("/copy/diff", test_diff);
        harness_add("/copy/in", test_cp_in);
        harness_add("/copy/out", test_cp_out);
        harness_add("/copy/not-running", test_not_running);
        harness_add("/copy/slow-feeder", test_slow_feeder);
        harness_add("/copy/hostile-archive", test_hostile_archive);
        harness_add("/copy/races", test_races);
        harness_add("/copy/volume-of-a-user", test_volume_of_a_user);
        return harness_run();
}
