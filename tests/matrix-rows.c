/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One line, or more, for each method in interfaces/. A method without one fails the test. */

#include "matrix.h"

#define NONE "(@a{sv} {},)"
#define NOW "({'timeout': <uint32 0>},)"

/* clang-format off */
const Row matrix[] = {
        /* method, arguments, needs, or is the owner, details, effect, shown, before */
        {"Manager.Run", "('busybox', ['true'], {'name': <'made'>})", "container.run", false,
         "verb=run container=made image=busybox:latest", MAKES_CONTAINER},
        {"Manager.Run", "('busybox', ['true'], {'name': <'made'>, 'user': <'alice'>, 'labels': <{'team': 'blue'}>})",
         "container.run", false, "container=made user=alice label.team=blue", MAKES_CONTAINER},
        {"Manager.Run", "('busybox', ['true'], {'name': <'made'>, 'network': <'host'>})",
         "container.run-privileged", false, "verb=run container=made image=busybox:latest", MAKES_CONTAINER},
        {"Manager.Run", "('busybox', ['true'], {'name': <'made'>, 'userns': <'host'>})",
         "container.run-privileged", false, "container=made", MAKES_CONTAINER},
        {"Manager.Run", "('busybox', ['true'], {'name': <'made'>, 'cap-add': <['NET_ADMIN']>})",
         "container.run-privileged", false, "container=made", MAKES_CONTAINER},
        {"Manager.Run", "('busybox', ['true'], {'name': <'made'>, 'seccomp': <'unconfined'>})",
         "container.run-privileged", false, "container=made", MAKES_CONTAINER},
        {"Manager.Run",
         "('busybox', ['true'], {'name': <'made'>, 'devices': <[('/dev/null', '/dev/x', '')]>})",
         "container.run-privileged", false, "container=made", MAKES_CONTAINER},
        {"Manager.Run", "('busybox', ['true'], {'name': <'made'>, 'volumes': <[('/etc', '/x', 'ro')]>})",
         "container.run workspace.volume", false, "verb=run container=made image=busybox:latest", MAKES_CONTAINER},
        {"Manager.Run", "('busybox', ['true'], {'name': <'made'>, 'pids': <uint64 1000000>})",
         "container.run cgroup.limit", false, "verb=run container=made image=busybox:latest", MAKES_CONTAINER},
        {"Manager.Create", "('busybox', ['true'], {'name': <'made'>})", "container.run", false,
         "verb=create container=made image=busybox:latest", MAKES_CONTAINER},
        {"Manager.Create", "('busybox', ['true'], {'name': <'made'>, 'network': <'host'>})",
         "container.run-privileged", false, "verb=create container=made", MAKES_CONTAINER},
        {"Manager.Create", "('busybox', ['true'], {'name': <'made'>, 'volumes': <[('/etc', '/x', '')]>})",
         "container.run workspace.volume", false, "verb=create container=made", MAKES_CONTAINER},
        {"Manager.Create", "('busybox', ['true'], {'name': <'made'>, 'pids': <uint64 1000000>})",
         "container.run cgroup.limit", false, "verb=create container=made", MAKES_CONTAINER},
        {"Manager.Import", "('made', {'source': <handle 0>})", "image.import", false,
         "verb=import image=made:latest", MAKES_IMAGE},
        {"Manager.GetContainer", "('matrix',)", "", false, "", REPLIES, "*/containers/*"},
        {"Manager.GetContainerByPID", "(uint32 $PID,)", "", false, "", REPLIES, "*/containers/*"},
        {"Manager.GetImage", "('busybox',)", "", false, "", REPLIES, "*/images/*"},
        {"Manager.ListContainers", NONE, "", false, "", REPLIES, "*'matrix'*"},
        {"Manager.ListImages", NONE, "", false, "", REPLIES, "*'scratch:latest'*"},
        {"Manager.GetPermissions", "()", "", false, "", REPLIES, "*org.mydocker.container.run*"},

        {"Container.Start", NONE, "container.lifecycle", true, "verb=start", SETS, "State='running'", "Stop " NOW},
        {"Container.Stop", NOW, "container.lifecycle", true, "verb=stop", SETS, "State='exited'"},
        {"Container.Kill", "(9, @a{sv} {})", "container.lifecycle", true, "verb=kill", SETS, "State='exited'"},
        {"Container.Restart", NOW, "container.lifecycle", true, "verb=restart", CHANGES, "StartedAt"},
        {"Container.Pause", NONE, "container.lifecycle", true, "verb=pause", SETS, "State='paused'"},
        {"Container.Resume", NONE, "container.lifecycle", true, "verb=resume", SETS, "State='running'", "Pause " NONE},
        {"Container.Rename", "('renamed', @a{sv} {})", "container.lifecycle", true, "verb=rename",
         SETS, "Name='renamed'"},
        {"Container.Update", "({'pids': <uint64 99>},)", "cgroup.limit", true, "verb=update", SETS, "PidsLimit=99"},
        {"Container.Update", "({'pids': <uint64 1000000>},)", "cgroup.limit", false, "verb=update",
         SETS, "PidsLimit=1000000"},
        {"Container.Exec", "(['sleep', '1000'], @a{sv} {})", "container.exec", true, "verb=exec",
         REPLIES, "*/processes/*"},
        {"Container.ExecCollect", "(['echo', 'said'], {'user': <'alice'>})", "container.exec", true,
         "verb=exec user=alice", REPLIES, "*said*"},
        {"Container.Attach", NONE, "container.exec", true, "verb=attach", REPLIES, "*'tty'*handle*"},
        {"Container.Resize", "(uint16 33, uint16 99, @a{sv} {})", "container.exec", true, "verb=resize", RESIZES},
        {"Container.OpenLogs", NONE, "container.inspect", true, "verb=logs", READS, "*stdout F hello*"},
        {"Container.ReadLogs", "('', uint32 0, @a{sv} {})", "container.inspect", true, "verb=logs",
         REPLIES, "*stdout F hello*"},
        {"Container.Commit", "('made', @a{sv} {})", "workspace.commit", false, "verb=commit target=made:latest",
         MAKES_IMAGE},
        {"Container.Export", NONE, "workspace.commit", false, "verb=export", READS, "?*"},
        {"Container.GetChanges", NONE, "container.inspect", true, "verb=changes", REPLIES, "?*"},
        {"Container.CopyOut", "('/etc/passwd', @a{sv} {})", "container.exec", true, "verb=copy-out",
         READS, "passwd*root:x:0:0*"},
        {"Container.CopyIn", "('/tmp', @a{sv} {})", "container.exec", true, "verb=copy-in", REPLIES, "*/jobs/*"},
        {"Container.GetStats", NONE, "", false, "", REPLIES, "*'memory'*"},
        {"Container.GetProcesses", NONE, "container.inspect", true, "verb=processes", REPLIES, "*sleep 1000*"},
        {"Container.GetConfig", NONE, "container.inspect", true, "verb=config", REPLIES, "*SECRET=1*"},
        {"Container.Mount", NONE, "workspace.mount", false, "verb=mount", SHOWS},
        {"Container.Unmount", NONE, "workspace.mount", false, "verb=unmount", HIDES, NULL, "Mount " NONE},
        {"Container.Wait", NONE, "", false, "", REPLIES, "137, ", "Stop " NOW},
        {"Container.Remove", "({'force': <true>},)", "container.remove", true, "verb=remove", REMOVES},

        {"Image.Tag", "('made', @a{sv} {})", "image.import", false, "verb=tag image=made:latest", MAKES_IMAGE},
        {"Image.Untag", "('scratch', @a{sv} {})", "image.remove", false, "verb=untag image=scratch:latest", TAKES_NAME},
        {"Image.Remove", NONE, "image.remove", false, "verb=remove image=scratch:latest", REMOVES},
        {"Image.Save", NONE, "image.export", false, "verb=save image=scratch:latest", READS, "?*"},
        {"Image.GetConfig", NONE, "", false, "", REPLIES, "*architecture*"},
        {"Image.GetHistory", NONE, "", false, "", REPLIES, "*'created'*"},

        {"Process.Kill", "(9, @a{sv} {})", "container.exec", true, "verb=kill", SETS, "Running=false"},
        {"Process.Resize", "(uint16 33, uint16 99, @a{sv} {})", "container.exec", true, "verb=resize", RESIZES},
        {"Process.Wait", NONE, "", false, "", REPLIES, "137, ", "Kill (9, @a{sv} {})"},

        {"Job.Cancel", NONE, "job.cancel", true, "", SETS, "State='canceled'"},
};
/* clang-format on */

const guint matrix_length = G_N_ELEMENTS(matrix);
