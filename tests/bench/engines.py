# SPDX-License-Identifier: LGPL-2.1-or-later
"""The engines that are compared: how each is told to do the same work. What one of them cannot do it does not have."""

import glob
import json
import os
import select
import shutil
import subprocess
import sys
import time


def call(*argv, env=None, check=True):
    """Runs a command; it must succeed, or what is measured would be something else."""
    r = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    if check and r.returncode != 0:
        sys.exit(f"{' '.join(argv)}: status {r.returncode}: {r.stderr.decode()}")
    return r.stdout.decode()


def pss(pids):
    """Proportional set size of processes, in kB."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith("Pss:"))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return total


def pids_where(matches):
    """Processes whose (name, command line) matches."""
    found = []
    for path in glob.glob("/proc/[0-9]*"):
        try:
            with open(path + "/comm") as name, open(path + "/cmdline") as line:
                if matches(name.read().strip(), line.read()):
                    found.append(int(os.path.basename(path)))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def wait_gone(pidfd):
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    poller.poll()
    os.close(pidfd)


class Engine:
    """The command line of one engine. A method that returns a number has measured itself, in seconds."""

    def __init__(self, name, command, env=None):
        self.name, self.command, self.env = name, command, env

    def do(self, *argv):
        return call(*self.command, *argv, env=self.env)

    def prepare(self, *argv):
        """The next container's command, and that only, for an engine that takes it from a file."""

    def version(self):
        return self.do("--version").splitlines()[0]

    def finish(self):
        pass


class Manager(Engine):
    """Those with docker's command line."""

    def run_rm(self):
        self.do("run", "--rm", "--network", "none", "busybox", "true")

    def run_detached(self, name, script):
        self.do("run", "-d", "--network", "none", "--name", name, "busybox", "sh", "-c", script)

    def exec(self, name, *argv):
        self.do("exec", name, *argv)

    def stop(self, name):
        self.do("stop", name)

    def remove(self, *names):
        self.do("rm", *names)

    def kill(self, *names):
        self.do("kill", *names)

    def force_remove(self, *names):
        self.do("rm", "-f", *names)

    def ps(self):
        self.do("ps", "-a")

    def commit(self, name, image):
        self.do("commit", name, image)

    def import_image(self, archive, image):
        self.do("import", archive, image)

    def load(self, archive):
        self.do("load", "-i", archive)

    def save(self, image, archive):
        self.do("save", "-o", archive, image)

    def remove_image(self, image):
        self.do("rmi", image)

    def stream(self, megabytes):
        """What a foreground container writes, through a pipe of the caller's."""
        self.pipe(*self.command, "run", "--rm", "--network", "none", "busybox", "dd", "if=/dev/zero", "bs=1M",
                  f"count={megabytes}")

    def pipe(self, *argv):
        call("sh", "-c", '"$@" 2> /dev/null | cat > /dev/null', "sh", *argv, env=self.env)

    def log(self, name, directory):
        """A file of lines, from the start of the container to its end."""
        self.do("run", "-d", "--network", "none", "--name", name, "-v", f"{directory}:/lines:ro", "busybox", "cat",
                "/lines/lines")
        self.do("wait", name)


class Mydocker(Manager):
    def __init__(self, work):
        super().__init__("mydocker", ["mydocker"])
        self.sandbox = os.environ["MYDOCKER_SANDBOX"]
        self.do("import", f"{work}/busybox.tar", "busybox")
        with open(self.sandbox + "/pids") as f:
            self.daemon = next(int(line.split()[1]) for line in f if line.startswith("daemon "))
        self.supervisor = pids_where(lambda name, line: name.startswith("mydocker-superv") and self.sandbox in line)

    def groups(self):
        """Where a container is in the hierarchies of control groups: [parent directory]."""
        self.run_detached("groups", "exec sleep 1000")
        pid = self.do("inspect", "--format", "{{.State.Pid}}", "groups").strip()
        with open("/proc/self/mounts") as f:
            mounts = [line.split() for line in f if " cgroup" in line]
        found = []
        with open(f"/proc/{pid}/cgroup") as f:
            for line in f:
                _, controllers, path = line.rstrip("\n").split(":", 2)
                for mount in mounts:
                    wanted = controllers.split(",")[0]
                    if path != "/" and (mount[2] == "cgroup2" if not wanted else wanted in mount[3].split(",")):
                        found.append(mount[1] + os.path.dirname(path))
        self.force_remove("groups")
        return found

    def memory(self):
        return pss([self.daemon] + self.supervisor)


class Runtime(Engine):
    """crun and runc: a bundle on disk, no images, no daemon."""

    def __init__(self, name, program, work, seccomp=None):
        super().__init__(name, [program, "--root", f"{work}/{name}"])
        self.bundle = f"{work}/{name}-bundle"
        os.makedirs(self.bundle)
        subprocess.run([program, "spec"], cwd=self.bundle, check=True)
        with open(f"{self.bundle}/config.json") as f:
            self.config = json.load(f)
        self.config["process"]["terminal"] = False
        self.config["process"].pop("rlimits", None)
        self.config["root"] = {"path": f"{work}/rootfs", "readonly": False}
        self.prepared = 0
        if seccomp:
            self.config["linux"]["seccomp"] = seccomp

    def prepare(self, *argv):
        """Not measured: the configuration is what an engine above would have ready."""
        self.config["process"]["args"] = list(argv)
        self.prepared += 1
        self.config["linux"]["cgroupsPath"] = f"/mydocker-bench/{self.name}-{self.prepared}"
        with open(f"{self.bundle}/config.json", "w") as f:
            json.dump(self.config, f)

    def run_rm(self):
        self.do("run", "--bundle", self.bundle, "once")

    def run_detached(self, name, script):
        # What inherits our pipe must not keep it open.
        subprocess.run([*self.command, "run", "--detach", "--bundle", self.bundle, name], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def exec(self, name, *argv):
        self.do("exec", name, *argv)

    def stop(self, name):
        pid = os.pidfd_open(json.loads(self.do("state", name))["pid"])
        started = time.perf_counter()
        self.do("kill", name, "TERM")
        wait_gone(pid)
        return time.perf_counter() - started

    def remove(self, *names):
        for name in names:
            self.do("delete", name)

    def kill(self, *names):
        pids = [os.pidfd_open(json.loads(self.do("state", name))["pid"]) for name in names]
        started = time.perf_counter()
        for name in names:
            self.do("kill", name, "KILL")
        for pid in pids:
            wait_gone(pid)
        return time.perf_counter() - started

    def force_remove(self, *names):
        for name in names:
            self.do("delete", "--force", name)

    def ps(self):
        self.do("list")

    def finish(self):
        remove_groups(glob.glob("/sys/fs/cgroup/*/mydocker-bench"))


class Podman(Manager):
    def __init__(self, work):
        self.root = f"{work}/podman"
        self.parents = set(glob.glob("/sys/fs/cgroup/*/libpod_parent"))
        os.makedirs(self.root)
        with open(f"{self.root}/containers.conf", "w") as f:
            f.write('[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\npids_limit = 0\n'
                    '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\nruntime = "crun"\n')
        super().__init__("podman", ["podman", "--root", f"{self.root}/root", "--runroot", f"{self.root}/run"],
                         {**os.environ, "CONTAINERS_CONF": f"{self.root}/containers.conf"})
        self.do("import", f"{work}/busybox.tar", "busybox")

    def seccomp(self):
        """Its default filter in the form that crun reads."""
        self.run_detached("profile", "sleep 1000")
        with open(self.do("inspect", "--format", "{{.OCIConfigPath}}", "profile").strip()) as f:
            profile = json.load(f)["linux"].get("seccomp")
        self.force_remove("profile")
        return profile

    def force_remove(self, *names):
        self.do("rm", "--force", "--time", "0", *names)

    def save(self, image, archive):
        self.do("save", "--format", "oci-archive", "-o", archive, image)

    def memory(self):
        return pss(pids_where(lambda name, line: name == "conmon" and self.root in line))

    def finish(self):
        self.do("rm", "--all", "--force", "--time", "0")
        unmount_below(self.root)
        remove_groups(set(glob.glob("/sys/fs/cgroup/*/libpod_parent")) - self.parents)


class Docker(Manager):
    def __init__(self, work):
        self.root = f"{work}/docker"
        self.parents = set(glob.glob("/sys/fs/cgroup/*/docker"))
        os.makedirs(self.root)
        address = f"unix://{self.root}/docker.sock"
        with open(f"{self.root}/config.json", "w") as f:
            f.write("{}")
        self.daemon = subprocess.Popen(
            ["dockerd", "--iptables=false", "--ip6tables=false", "--bridge=none", "--host", address,
             "--config-file", f"{self.root}/config.json", "--data-root", f"{self.root}/data",
             "--exec-root", f"{self.root}/exec", "--pidfile", f"{self.root}/pid"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(f"{self.root}/log", "w"))
        super().__init__("docker", ["docker", "--host", address])
        for _ in range(300):
            if subprocess.run([*self.command, "info"], capture_output=True).returncode == 0:
                break
            time.sleep(0.1)
        self.do("import", f"{work}/busybox.tar", "busybox")

    def version(self):
        return self.do("version", "--format", "client {{.Client.Version}}, server {{.Server.Version}}").strip()

    def memory(self):
        return pss(pids_where(lambda name, line: name.startswith(("dockerd", "containerd")) and self.root in line))

    def finish(self):
        self.daemon.terminate()
        self.daemon.wait()
        unmount_below(self.root)
        remove_groups(set(glob.glob("/sys/fs/cgroup/*/docker")) - self.parents)


class Floor(Engine):
    """What the kernel takes for one run, what a pipe and a file take for its output; see floor.c."""

    def __init__(self, work, build, groups):
        super().__init__("floor", [f"{build}/tests/bench/floor"])
        self.work = work
        self.groups = [argument for group in groups for argument in ("--group", group)]
        os.makedirs(f"{work}/floor-upper")
        os.makedirs(f"{work}/floor-work")

    def version(self):
        return f"Linux {os.uname().release}"

    def starts(self, count):
        """Milliseconds of each of so many starts in one process, until exec is done."""
        return [float(line) for line in self.run("--repeat", str(count)).split()]

    def run(self, *options):
        return self.do(*options, *self.groups, f"{self.work}/rootfs", f"{self.work}/floor-upper",
                       f"{self.work}/floor-work", "/bin/busybox", "true")

    def run_rm(self):
        self.run()

    def stream(self, megabytes):
        call("sh", "-c", f"busybox dd if=/dev/zero bs=1M count={megabytes} 2> /dev/null | cat > /dev/null")

    def log(self, name, directory):
        call("sh", "-c", f"cat {directory}/lines | cat > {self.work}/{name}; rm {self.work}/{name}")


class Files(Engine):
    """A program that works on files in a directory of its own, without containers."""

    def __init__(self, name, work):
        super().__init__(name, [name])
        self.work = f"{work}/{name}"
        os.makedirs(self.work)

    def exec(self, name, *argv):
        call(*[argument.replace("/work", f"{self.work}/{name}") for argument in argv])


class Copy(Files):
    """What a commit of a running container cannot do without: a copy of the files, and that on disk."""

    def __init__(self, work):
        super().__init__("cp", work)

    def commit(self, name, image):
        self.do("-a", f"{self.work}/{name}", f"{self.work}/{image}")
        call("sync", "--file-system", f"{self.work}/{image}")


class Tar(Files):
    """What work with images comes down to: an archive into files and files into an archive, and that on disk."""

    def __init__(self, work):
        super().__init__("tar", work)

    def commit(self, name, image):
        self.do("-C", f"{self.work}/{name}", "-cf", f"{self.work}/{image}", ".")
        call("sync", "--file-system", f"{self.work}/{image}")

    def import_image(self, archive, image):
        os.makedirs(f"{self.work}/{image}")
        self.do("-C", f"{self.work}/{image}", "--numeric-owner", "-xpf", archive)
        call("sync", "--file-system", f"{self.work}/{image}")

    def save(self, image, archive):
        self.do("-C", f"{self.work}/{image}", "-cf", archive, ".")
        call("openssl", "dgst", "-sha256", archive)


def unmount_below(directory):
    with open("/proc/self/mounts") as f:
        for mount in [line.split()[1] for line in f if directory in line][::-1]:
            call("umount", "-l", mount, check=False)


def remove_groups(parents):
    for group in parents:
        call("find", group, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";")


def start(wanted, work, build):
    """All engines that are wanted and installed, mydocker first."""
    engines = []
    try:
        engines.append(Mydocker(work))
        groups = engines[0].groups()
        podman = None
        if "podman" in wanted and shutil.which("podman"):
            podman = Podman(work)
            engines.append(podman)
        if "crun" in wanted and shutil.which("crun"):
            engines.append(Runtime("crun", "crun", work))
            seccomp = podman.seccomp() if podman else None
            if seccomp:
                engines.append(Runtime("crun+seccomp", "crun", work, seccomp))
        if "runc" in wanted and shutil.which("runc"):
            engines.append(Runtime("runc", "runc", work))
        if "docker" in wanted and shutil.which("dockerd"):
            engines.append(Docker(work))
        if "floor" in wanted:
            engines.append(Floor(work, build, groups))
        if "cp" in wanted:
            engines.append(Copy(work))
        if "tar" in wanted:
            engines.append(Tar(work))
    except BaseException:
        finish(engines)
        raise
    return engines


def finish(engines):
    for engine in engines[::-1]:
        engine.finish()
