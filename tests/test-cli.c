/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The command line: for each command its exit status and exactly what it prints, and where. */

#include "harness.h"

#define HEX12 "????????????"
#define HEX64 "????????????????????????????????????????????????????????????????"

static void test_exit_codes(void) {
        static const ShellCase cases[] = {
                {"mydocker run --rm busybox true", 0, "", ""},
                {"mydocker run --rm busybox sh -c 'exit 3'", 3, "", ""},
                {"mydocker run --rm busybox sh -c 'exit 125'", 125, "", ""},
                {"mydocker run --rm busybox sh -c \"sh -c 'kill -9 \\$\\$'; exit \\$?\"", 137, "",
                 "Killed\n"},
                {"mydocker run --rm busybox sh -c \"sh -c 'kill -TERM \\$\\$'; exit \\$?\"", 143,
                 "", "Terminated\n"},
                {"mydocker run --rm busybox /etc/passwd", 126, "", "?*"},
                {"mydocker run --rm busybox /etc", 126, "", "?*"},
                {"mydocker run --rm busybox nonesuch", 127, "", "*nonesuch*"},
                {"mydocker run --rm busybox /none/such", 127, "", "*/none/such*"},
                {"mydocker run --rm nonesuch true", 125, "", "*nonesuch*"},
                {"mydocker run --rm --nonesuch busybox true", 125, "", "*--nonesuch*"},
                {"mydocker run --rm -v relative:/x busybox true", 125, "", "?*"},
                {"mydocker run --rm -v /tmp:relative busybox true", 125, "", "?*"},
                {"mydocker run --rm -v /tmp busybox true", 125, "", "?*"},
                {"mydocker run --rm -v /tmp:/x:zz busybox true", 125, "", "?*"},
                {"mydocker run --rm -v : busybox true", 125, "", "?*"},
                {"mydocker run --rm -m lots busybox true", 125, "", "*lots*"},
                {"mydocker run --rm --cpus many busybox true", 125, "", "*many*"},
                {"mydocker run --rm --name -x busybox true", 125, "", "?*"},
                {"mydocker run", 125, "", "*requires at least 1 argument*"},
                {"mydocker run --rm busybox", 125, "", "*ommand*"},
                {"mydocker exec none true", 125, "", "Error: No such container: none\n"},
                {"mydocker nonesuch", 1, "", "*nonesuch*"},
                {"mydocker inspect none", 1, "[]\n", "Error: No such *: none\n"},
                {"mydocker stop none", 1, "", "Error: No such container: none\n"},
                {"mydocker rm none", 1, "", "Error: No such container: none\n"},
                {"mydocker rmi none", 1, "", "Error: No such image: none*\n"},
                {"mydocker logs none", 1, "", "Error: No such container: none\n"},
                {"mydocker stop", 1, "", "*requires at least 1 argument*"},
                {"mydocker commit none", 1, "", "?*"},
                {"mydocker import /none/such x", 1, "", "*/none/such*"},
                {"mydocker save none -o x.tar", 1, "", "Error: No such image: none*\n"},
                {"mydocker version", 0, "*0.1*", ""},
                {"mydocker --version", 0, "*0.1*", ""},
                {"mydocker --help", 0, "*run*commit*", ""},
                {"mydocker run --help", 0, "*--rm*--volume*", ""},
                {"mydocker info", 0, "*Containers: 0*", ""},
                {"DBUS_SYSTEM_BUS_ADDRESS=unix:path=/none mydocker ps", 1, "", "?*"},
        };

        RUN_SHELL_CASES(cases);
        bus_check_property(NULL, "ContainersCount", "0");
}

static void test_streams(void) {
        static const ShellCase cases[] = {
                {"mydocker run --rm busybox sh -c 'echo out; echo err >&2'", 0, "out\n", "err\n"},
                {"printf 'in\\nput' | mydocker run -i --rm busybox cat", 0, "in\nput", ""},
                {"echo unread | mydocker run --rm busybox cat", 0, "", ""},
                {"mydocker run -i --rm busybox cat < /dev/null", 0, "", ""},
                {"head -c 5000000 /dev/zero | mydocker run -i --rm busybox wc -c", 0, "5000000\n",
                 ""},
                {"mydocker run --rm busybox head -c 5000000 /dev/zero | wc -c", 0, "5000000\n", ""},
                {"mydocker run --rm busybox yes | head -n 1", 0, "y\n", "*"},
                {"mydocker run --rm busybox sh -c 'echo \"a  b\"' ", 0, "a  b\n", ""},
                {"mydocker run --rm busybox echo -- -n --rm", 0, "-- -n --rm\n", ""},
                {"mydocker run --rm -w /etc busybox pwd", 0, "/etc\n", ""},
                {"mydocker run --rm -u alice busybox id -un", 0, "alice\n", ""},
                {"mydocker run --rm -u 7:8 busybox sh -c 'id -u; id -g'", 0, "7\n8\n", ""},
                {"mydocker run --rm -h box busybox hostname", 0, "box\n", ""},
                {"A=1 mydocker run --rm -e A -e B=2 -e C busybox sh -c 'echo $A $B ${C-unset}'", 0,
                 "1 2 unset\n", ""},
                {"mydocker run --rm --entrypoint echo busybox hello", 0, "hello\n", ""},
                {"mydocker run --rm --read-only busybox touch /x", 1, "",
                 "touch: /x: Read-only file system\n"},
                {"mydocker run --rm --read-only --tmpfs /tmp busybox touch /tmp/x", 0, "", ""},
                {"mydocker run --rm --read-only --tmpfs /new busybox touch /new/x", 0, "", ""},
                {"mydocker run --rm --network none busybox ls /sys/class/net", 0, "lo\n", ""},
        };

        RUN_SHELL_CASES(cases);
        bus_wait_property(NULL, "ContainersCount", "0");
}

static void test_exec(void) {
        static const ShellCase cases[] = {
                {"mydocker run -d --name c busybox sleep 1000", 0, HEX64 "\n", ""},
                {"mydocker exec c true", 0, "", ""},
                {"mydocker exec c sh -c 'echo out; echo err >&2; exit 9'", 9, "out\n", "err\n"},
                {"mydocker exec c sh -c \"kill -9 \\$\\$\"", 137, "", ""},
                {"mydocker exec c /etc/passwd", 126, "", "?*"},
                {"mydocker exec c nonesuch", 127, "", "*nonesuch*"},
                {"mydocker exec c", 125, "", "*requires at least 2 arguments*"},
                {"echo typed | mydocker exec -i c cat", 0, "typed\n", ""},
                {"echo typed | mydocker exec c cat", 0, "", ""},
                {"mydocker exec -w /etc -u alice -e A=b c sh -c 'pwd; id -un; echo $A'", 0,
                 "/etc\nalice\nb\n", ""},
                {"mydocker exec -d c touch /detached", 0, "", ""},
                {"mydocker exec c sh -c 'while [ ! -e /detached ]; do sleep 0.1; done'", 0, "", ""},
                {"mydocker pause c", 0, "c\n", ""},
                {"mydocker exec c true", 125, "", "*paused*"},
                {"mydocker unpause c", 0, "c\n", ""},
                {"mydocker top c", 0, "*PID*sleep 1000\n", ""},
                {"mydocker kill c", 0, "c\n", ""},
                {"mydocker wait c", 0, "137\n", ""},
                {"mydocker exec c true", 125, "", "*is not running*"},
                {"mydocker rm c", 0, "c\n", ""},
        };

        RUN_SHELL_CASES(cases);
}

/* No name is hexadecimal, or it could be the beginning of an id. */
static void test_lifecycle(void) {
        static const ShellCase cases[] = {
                {"mydocker create --name ct busybox sh -c 'echo run; exit 4'", 0, HEX64 "\n", ""},
                {"mydocker wait ct", 0, "0\n", ""},
                {"mydocker ps", 0, "CONTAINER ID*NAMES\n", ""},
                {"mydocker ps -a --no-legend", 0, HEX12 " * Created * ct\n", ""},
                {"mydocker create --name ct busybox true", 125, "",
                 "*Conflict. The container name \"/ct\" is already in use by container \"" HEX64
                 "\"*"},
                {"mydocker start ct", 0, "ct\n", ""},
                {"mydocker wait ct", 0, "4\n", ""},
                {"mydocker logs ct", 0, "run\n", ""},
                {"mydocker start -a ct", 4, "run\n", ""},
                {"mydocker logs ct", 0, "run\nrun\n", ""},
                {"mydocker logs --tail 1 ct", 0, "run\n", ""},
                {"mydocker logs -t ct", 0, "20*T*Z run\n20*T*Z run\n", ""},
                {"mydocker ps -a", 0, "*Exited (4) * ago*ct\n", ""},
                {"mydocker rename ct dt", 0, "", ""},
                {"mydocker rm ct dt", 1, "dt\n", "Error: No such container: ct\n"},
                {"mydocker run -d --name ct busybox sh -c 'trap \"exit 6\" TERM; echo set; while :; do sleep 0.1; done'",
                 0, HEX64 "\n", ""},
                {"until mydocker logs ct | grep -q set; do sleep 0.1; done; mydocker rm ct", 1, "",
                 "*running*"},
                {"mydocker stop ct", 0, "ct\n", ""},
                {"mydocker ps -a --filter exited=6 -q", 0, HEX12 "\n", ""},
                {"mydocker restart -t 0 ct", 0, "ct\n", ""},
                {"mydocker stop -t 0 ct", 0, "ct\n", ""},
                {"mydocker wait ct", 0, "137\n", ""},
                {"mydocker rm $(mydocker ps -aq)", 0, HEX12 "\n", ""},
                {"mydocker run -d --rm --name ct busybox sleep 1000", 0, HEX64 "\n", ""},
                {"mydocker kill -s TERM ct; mydocker kill -s 9 ct", 0, "ct\nct\n", ""},
        };

        RUN_SHELL_CASES(cases);
        bus_wait_property(NULL, "ContainersCount", "0");
}

static void test_tables(void) {
        static const ShellCase cases[] = {
                {"mydocker run -d --name old --label k=v busybox sleep 1000", 0, HEX64 "\n", ""},
                {"mydocker run --name done busybox sh -c 'exit 3'", 3, "", ""},
                {"mydocker run -d --name new -v $PWD/vol:/vol busybox sleep 1000 1000 1000 1000", 0,
                 HEX64 "\n", ""},
                {"mydocker ps -q | wc -l", 0, "2\n", ""},
                {"mydocker ps -aq | wc -l", 0, "3\n", ""},
                {"mydocker ps --format '{{.Names}}'", 0, "new\nold\n", ""},
                {"mydocker ps -a --format '{{.Names}}'", 0, "new\ndone\nold\n", ""},
                {"mydocker ps -l --format '{{.Names}}'", 0, "new\n", ""},
                {"mydocker ps -n 2 --format '{{.Names}}'", 0, "new\ndone\n", ""},
                {"mydocker ps -aq -n -1 | wc -l", 0, "3\n", ""},
                {"mydocker ps -q -n -1 | wc -l", 0, "2\n", ""},
                {"mydocker ps -q -n 0 | wc -l", 0, "2\n", ""},
                {"mydocker ps --format '{{.Command}}'", 0,
                 "\"sleep 1000 1000 100…\"\n\"sleep 1000\"\n", ""},
                {"mydocker ps --no-trunc --format '{{.Command}}'", 0,
                 "\"sleep 1000 1000 1000 1000\"\n\"sleep 1000\"\n", ""},
                {"mydocker ps --no-trunc -q", 0, HEX64 "\n" HEX64 "\n", ""},
                {"mydocker ps -f name=ol --format '{{.Names}}'", 0, "old\n", ""},
                {"mydocker ps -f label=k --format '{{.Names}}'", 0, "old\n", ""},
                {"mydocker ps -f label=k=v --format '{{.Names}}'", 0, "old\n", ""},
                {"mydocker ps -f label=k=w -q", 0, "", ""},
                {"mydocker ps -f status=exited --format '{{.Names}}'", 0, "done\n", ""},
                {"mydocker ps -a -f status=exited -f status=running --format '{{.Names}}'", 0,
                 "new\ndone\nold\n", ""},
                {"mydocker ps -a -f exited=3 --format '{{.Names}}'", 0, "done\n", ""},
                {"mydocker ps -a -f ancestor=busybox -q | wc -l", 0, "3\n", ""},
                {"mydocker ps -a -f before=new --format '{{.Names}}'", 0, "done\nold\n", ""},
                {"mydocker ps -a -f since=old --format '{{.Names}}'", 0, "new\ndone\n", ""},
                {"mydocker ps -f volume=/vol --format '{{.Names}}'", 0, "new\n", ""},
                {"mydocker ps -f nonsense=1", 1, "", "*nonsense*"},
                {"mydocker ps --format '{{.Nonsense}}'", 1, "", "*Nonsense*"},
                {"mydocker ps --format '{{range .Names}}{{end}}'", 1, "", "*range*"},
                {"mydocker ps --format '{{.Names}}\\t{{.Image}}'", 0,
                 "new\tbusybox\nold\tbusybox\n", ""},
                {"mydocker ps --format json | head -n 1 | python3 -c 'import json, sys; print(json.load(sys.stdin)[\"Names\"])'",
                 0, "new\n", ""},
                {"mydocker images", 0,
                 "REPOSITORY * TAG * IMAGE ID * CREATED * SIZE\nbusybox * latest * " HEX12
                 " * ago * *B\n",
                 ""},
                {"mydocker images -q", 0, HEX12 "\n", ""},
                {"mydocker images --format '{{.Repository}}:{{.Tag}}'", 0, "busybox:latest\n", ""},
                {"mydocker inspect old new | python3 -c 'import json, sys; print([c[\"Name\"] for c in json.load(sys.stdin)])'",
                 0, "['/old', '/new']\n", ""},
                {"mydocker inspect --format '{{.State.Status}}' old done", 0, "running\nexited\n",
                 ""},
                {"mydocker inspect busybox | python3 -c 'import json, sys; print(json.load(sys.stdin)[0][\"RepoTags\"])'",
                 0, "['busybox:latest']\n", ""},
                {"mydocker rm -f old done new", 0, "old\ndone\nnew\n", ""},
                {"rmdir vol", 0, "", ""},
        };

        RUN_SHELL_CASES(cases);
}

/* Formats and filters, beside those above. */
static void test_formats(void) {
        static const ShellCase cases[] = {
                {"mydocker run -d --name web --label a=b --label c busybox sleep 1000", 0,
                 HEX64 "\n", ""},
                {"mydocker run --name done busybox sh -c 'exit 3'", 3, "", ""},
                {"mydocker ps", 0,
                 "CONTAINER ID   IMAGE * COMMAND * CREATED * STATUS * PORTS * NAMES\n" HEX12
                 "   busybox   \"sleep 1000\" * ago * Up *web\n",
                 ""},
                {"mydocker ps -a --format 'table {{.Names}}\\t{{.Status}}'", 0,
                 "NAMES * STATUS\ndone * Exited (3) * ago\nweb * Up *\n", ""},
                {"mydocker ps -a --no-legend --format 'table {{.Names}}\\t{{.State}}'", 0,
                 "done * exited\nweb * running\n", ""},
                {"mydocker ps -a --format '{{json .Names}} {{.State}}'", 0,
                 "\"done\" exited\n\"web\" running\n", ""},
                {"mydocker ps --format '{{json .}}'", 0,
                 "{\"ID\":\"*\",\"Image\":\"busybox\",\"Command\":\"\\\"sleep 1000\\\"\",*}\n", ""},
                /* One line for each. */
                {"mydocker ps -a --format json | wc -l", 0, "2\n", ""},
                {"mydocker pause web; mydocker ps --format '{{.Status}}'; mydocker unpause web", 0,
                 "web\nUp * (Paused)\nweb\n", ""},
                /* The same key: either; different keys: both. */
                {"mydocker ps -a -f name=we -f name=do --format '{{.Names}}'", 0, "done\nweb\n",
                 ""},
                {"mydocker ps -a -f name=we -f status=exited -q", 0, "", ""},
                {"mydocker ps -a -f label=c -f label=nonesuch -f status=running --format '{{.Names}}'",
                 0, "web\n", ""},
                {"mydocker ps -a -f since=none", 1, "", "Error: No such container: none\n"},
                {"mydocker ps -a -f before=none -q", 1, "", "Error: No such container: none\n"},
                {"mydocker ps -aql", 0, HEX12 "\n", ""},
                {"mydocker images --no-legend", 0, "busybox * latest * " HEX12 " * ago * *B\n", ""},
                {"mydocker images -q --no-trunc", 0, "sha256:" HEX64 "\n", ""},
                {"mydocker images --format json", 0,
                 "{\"Repository\":\"busybox\",\"Tag\":\"latest\",\"ID\":\"" HEX12
                 "\",\"CreatedSince\":\"*\",\"CreatedAt\":\"*\",\"Size\":\"*B\"*}\n",
                 ""},
                {"mydocker images -f dangling=true -q", 0, "", ""},
                {"mydocker images -f reference=busybox -f dangling=false -q", 0, HEX12 "\n", ""},
                {"mydocker images none -q", 0, "", ""},
                {"mydocker stats --no-stream", 0,
                 "CONTAINER ID   NAME * CPU % * MEM USAGE / LIMIT * MEM % * NET I/O * BLOCK I/O * PIDS\n" HEX12
                 "   web * 1\n",
                 ""},
                {"mydocker stats --no-stream --format '{{.Name}} {{.PIDs}}' web", 0, "web 1\n", ""},
                {"mydocker inspect web busybox | python3 -c 'import json, sys; print(len(json.load(sys.stdin)))'",
                 0, "2\n", ""},
                {"mydocker inspect --type image web", 1, "[]\n", "Error: No such image: web\n"},
                {"mydocker inspect -f '{{.State.Running}} {{json .Name}}' web", 0,
                 "true \"/web\"\n", ""},
                {"mydocker version --format '{{.Client.Version}}'", 0, "0.1*\n", ""},
                {"mydocker rm -f web done", 0, "web\ndone\n", ""},
        };

        RUN_SHELL_CASES(cases);
}

static void test_images(void) {
        static const ShellCase cases[] = {
                {"mydocker import busybox.tar mine", 0, "sha256:" HEX64 "\n", ""},
                {"mydocker tag mine other:1", 0, "", ""},
                {"mydocker images --format '{{.Repository}}:{{.Tag}}' | sort", 0,
                 "busybox:latest\nmine:latest\nother:1\n", ""},
                {"mydocker rmi other:1", 0, "Untagged: other:1\n", ""},
                {"mydocker create --name c mine true", 0, HEX64 "\n", ""},
                {"mydocker rmi mine", 1, "", "Error: conflict: *"},
                {"mydocker rm c", 0, "c\n", ""},
                {"mydocker save mine | tar -t | grep -c index.json", 0, "1\n", ""},
                {"mydocker save -o saved.tar mine", 0, "", ""},
                {"mydocker rmi none mine", 1, "Untagged: mine:latest\nDeleted: sha256:" HEX64 "\n",
                 "Error: No such image: none*\n"},
                {"mydocker load -i saved.tar", 0, "Loaded image: mine:latest\n", ""},
                {"mydocker rmi mine", 0, "Untagged: mine:latest\nDeleted: *", ""},
                {"mydocker load < saved.tar", 0, "Loaded image: mine:latest\n", ""},
                {"mydocker run --rm mine echo loaded", 0, "loaded\n", ""},
                {"mydocker history mine", 0, "IMAGE*CREATED BY*\n*", ""},
                {"mydocker rmi mine", 0, "Untagged: mine:latest\nDeleted: *", ""},
                {"rm saved.tar; mydocker images -q | wc -l", 0, "1\n", ""},
        };

        RUN_SHELL_CASES(cases);
}

/* Signals to the command go to the container (--sig-proxy). */
static void test_signal_proxy(void) {
        expect(4, "", NULL,
               "mydocker run --rm --name p busybox sh -c 'trap \"exit 4\" TERM; echo set; while :; do sleep 0.1; done' > said &"
               " until grep -qs set said; do sleep 0.1; done; kill -TERM $!; wait $!");
        expect(130, "", NULL,
               "trap '' INT; setpriv env --default-signal=INT mydocker run --rm --name p busybox sh -c"
               " 'trap \"exit 130\" INT; echo set; while :; do sleep 0.1; done' > said &"
               " until grep -qs set said; do sleep 0.1; done; kill -INT $!; wait $!");
        expect(0, "", "", "rm said");
        bus_wait_property(NULL, "ContainersCount", "0");
}

static void test_events(void) {
        /* It listens when it has heard something. */
        expect(0,
               "*container create *name=heard*container start *name=heard*container die *name=heard*"
               "container destroy *name=heard*",
               "",
               "mydocker events > events & until [ -s events ]; do mydocker run --rm busybox true; done;"
               " mydocker run --rm --name heard busybox true;"
               " until grep -q 'container destroy .*name=heard' events; do sleep 0.1; done;"
               " kill $!; cat events; rm events");
        bus_wait_property(NULL, "ContainersCount", "0");
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        harness_add("/cli/exit-codes", test_exit_codes);
        harness_add("/cli/streams", test_streams);
        harness_add("/cli/exec", test_exec);
        harness_add("/cli/lifecycle", test_lifecycle);
        harness_add("/cli/tables", test_tables);
        harness_add("/cli/formats", test_formats);
        harness_add("/cli/images", test_images);
        harness_add("/cli/signal-proxy", test_signal_proxy);
        harness_add("/cli/events", test_events);
        return harness_run();
}
