/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ansible's connection plug-in for podman, as Debian ships it, with our command in podman's place. */

#include "harness.h"

/* The host's Python in a root file system of its own, since Ansible's modules are written in it. */
static const char make_image[] =
        "set -e\n"
        "python=$(readlink -f /usr/bin/python3)\n"
        "library=$($python -c 'import sysconfig; print(sysconfig.get_path(\"stdlib\"))')\n"
        "mkdir -p image/usr/bin image/usr/lib image/usr/lib64 image/etc image/root image/tmp\n"
        "mkdir -p image/proc image/sys image/dev \"image$library\"\n"
        "ln -s usr/bin usr/lib usr/lib64 image\n"
        "cp \"$(command -v busybox)\" image/usr/bin/busybox\n"
        "for applet in $(busybox --list); do [ -e image/usr/bin/$applet ] ||"
        " ln -s busybox image/usr/bin/$applet; done\n"
        "cp \"$python\" image/usr/bin/python3\n"
        "tar -C \"$library\" --exclude=__pycache__ --exclude=test --exclude='config-*' -cf - ."
        " | tar -C \"image$library\" -xf -\n"
        "ldd \"$python\" \"$library\"/lib-dynload/*.so | grep -o '/[^ :]*' | sort -u |"
        " while read -r file; do cp -L --parents \"$file\" image; done\n"
        "cp rootfs/etc/passwd rootfs/etc/group image/etc\n"
        "tar --numeric-owner -C image -cf image.tar .\n"
        "mydocker import image.tar python\n"
        "rm -r image image.tar\n";

#define ANSIBLE                                                                                    \
        "HOME=$PWD/home ANSIBLE_NOCOLOR=1 ANSIBLE_PODMAN_EXECUTABLE=mydocker ansible all -i web,"  \
        " -c containers.podman.podman -u root -e ansible_python_interpreter=/usr/bin/python3 "

static void test_modules(void) {
        expect(0, NULL, NULL, "%s", make_image);
        expect(0, NULL, "", "mydocker run -d --name web python sleep 1000");
        expect(0, "", "", "mkdir home; head -c 100000 /dev/urandom > original");

        expect(0, "*SUCCESS*\"ping\": \"pong\"*", NULL, ANSIBLE "-m ping");
        expect(0, "*CHANGED*", NULL,
               ANSIBLE "-m copy -a 'src=original dest=/root/copied mode=0640'");
        expect(0, "640 0 0\n", "", "mydocker exec web stat -c '%%a %%u %%g' /root/copied");
        expect(0, "", "", "mydocker exec web cat /root/copied | cmp - original");
        expect(0, "*SUCCESS*\"changed\": false*", NULL,
               ANSIBLE "-m copy -a 'src=original dest=/root/copied mode=0640'");
        expect(0, "*CHANGED*", NULL,
               ANSIBLE "-m fetch -a 'src=/root/copied dest=fetched flat=yes'");
        expect(0, "", "", "cmp fetched original");
        expect(2, "*FAILED*rc=3*", NULL, ANSIBLE "-m shell -a 'exit 3'");

        expect(0, NULL, "", "mydocker unmount web; mydocker rm -f web; mydocker rmi python");
        expect(0, "", "", "rm -rf home original fetched");
}

int main(int argc, char **argv) {
        harness_init(&argc, &argv);
        harness_add("/ansible/modules", test_modules);
        return harness_run();
}
