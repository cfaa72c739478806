# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where a benchmark takes place: a sandbox with mydocker, and in it a work directory with a root file system."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile

from engines import call

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def enter_sandbox(build):
    """Runs the program again inside a sandbox, and there in a mount namespace without the version 2 hierarchy of a
    hybrid machine, which crun refuses. mydockerd is outside and sees the machine as it is. Returns inside only."""
    if "MYDOCKER_BENCH_INSIDE" in os.environ:
        return
    os.environ["MYDOCKER_BENCH_INSIDE"] = "1"
    os.execv(f"{TOP}/tools/sandbox",
             ["sandbox", "--build", build, "--",
              "unshare", "-m", "--propagation", "private", "sh", "-c",
              'if [ -d /sys/fs/cgroup/unified ]; then umount /sys/fs/cgroup/unified; fi; exec "$@"', "sh",
              sys.executable, os.path.abspath(sys.argv[0]), *sys.argv[1:]])


@contextlib.contextmanager
def work_directory():
    """With rootfs, busybox and links to it, and busybox.tar, the same as an archive."""
    work = tempfile.mkdtemp(prefix="mydocker-bench.", dir="/var/tmp")
    try:
        os.makedirs(f"{work}/rootfs/bin")
        for name in ("dev", "etc", "proc", "root", "sys", "tmp"):
            os.makedirs(f"{work}/rootfs/{name}")
        busybox = shutil.which("busybox")
        shutil.copy(busybox, f"{work}/rootfs/bin/busybox")
        for applet in call(busybox, "--list").split():
            if applet != "busybox":
                os.symlink("busybox", f"{work}/rootfs/bin/{applet}")
        with open(f"{work}/rootfs/etc/passwd", "w") as f:
            f.write("root:x:0:0:root:/root:/bin/sh\n")
        call("tar", "-C", f"{work}/rootfs", "-cf", f"{work}/busybox.tar", ".")
        yield work
    finally:
        subprocess.run(["rm", "-rf", "--one-file-system", work])
