/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/message.h"
#include "protocol/work.h"
#include "shared/test.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char full[] =
        "{\"version\":1,\"serial\":7,\"request\":\"start\",\"container\":\"" ID
        "\",\"attach\":1,\"spec\":{\"id\":\"" ID "\",\"layers\":[\"" ID
        "\"],\"hostname\":\"web\",\"id-base\":1879048192,\"tmpfs\":[\"/run\"],"
        "\"volumes\":[{\"source\":\"/srv\",\"target\":\"/to\",\"read-only\":true,\"uid\":5,\"gid\":6,\"device\":1,"
        "\"inode\":2}],\"devices\":[{\"source\":\"/dev/null\",\"target\":\"/dev/x\"}],\"limits\":{\"memory\":1048576,\"cpus\":1.5,\"cpuset\":\"0-1,3\",\"pids\":10},"
        "\"log-driver\":\"file\",\"process\":{\"args\":[\"sh\",\"-c\",\"true\"],\"env\":[\"A=b\"],\"workdir\":\"/x\","
        "\"user\":\"1:2\",\"capabilities\":[\"CAP_KILL\"],\"tty\":true,\"rows\":24,\"columns\":80,\"stdout\":3,"
        "\"seccomp\":true,\"init\":true,\"ulimits\":[\"nofile=5:6\"]}}}";

static int decode(const char *text, Request *ret) {
        _cleanup_json_ Json *json = NULL;

        CHECK_INT(json_parse(text, strlen(text), &json), 0);
        return request_decode(json, ret);
}

/* Everything in a request survives being written and read again. */
static void test_request(void) {
        _cleanup_json_ Json *json = NULL;
        Request first, again;
        const ContainerSpec *spec;

        CHECK_INT(decode(full, &first), 0);
        CHECK_INT(request_encode(&first, &json), 0);
        CHECK_INT(request_decode(json, &again), 0);
        CHECK_INT(again.serial, 7);
        CHECK_INT(again.type, REQUEST_START);
        CHECK_INT(again.attach[0], 1);
        spec = again.spec;
        CHECK_STR(spec->id, ID);
        CHECK_STR(spec->layers[0], ID);
        CHECK_STR(spec->hostname, "web");
        CHECK_INT(spec->id_base, 1879048192);
        CHECK_STR(spec->tmpfs[0], "/run");
        CHECK_INT(spec->n_volumes, 1);
        CHECK_STR(spec->volumes[0].source, "/srv");
        CHECK_STR(spec->volumes[0].target, "/to");
        CHECK(spec->volumes[0].read_only);
        CHECK_INT(spec->volumes[0].uid, 5);
        CHECK_INT(spec->volumes[0].gid, 6);
        CHECK_INT(spec->volumes[0].inode, 2);
        CHECK_INT(spec->limits.memory, 1048576);
        CHECK(spec->limits.cpus == 1.5);
        CHECK_STR(spec->limits.cpuset, "0-1,3");
        CHECK_STR(spec->process.argv[2], "true");
        CHECK_STR(spec->process.env[0], "A=b");
        CHECK_STR(spec->process.cwd, "/x");
        CHECK_STR(spec->process.user, "1:2");
        CHECK_STR(spec->process.capabilities[0], "CAP_KILL");
        CHECK(spec->process.tty);
        CHECK_INT(spec->process.columns, 80);
        CHECK_INT(spec->process.streams[1], STREAM_LOG);
        CHECK(spec->process.seccomp);
        CHECK(spec->process.init);
        CHECK_STR(spec->process.ulimits[0], "nofile=5:6");
        CHECK_INT(spec->n_devices, 1);
        CHECK_STR(spec->devices[0].source, "/dev/null");
        CHECK_STR(spec->devices[0].target, "/dev/x");
        CHECK(!spec->process.no_new_privileges);
        request_done(&first);
        request_done(&again);
}

/* The supervisor relies on these being refused. */
static void test_refused(void) {
        static const struct {
                const char *from, *to;
        } changes[] = {
                {"\"version\":1", "\"version\":2"},
                {"\"start\"", "\"begin\""},
                {"\"container\":\"0", "\"container\":\"../0"},
                {"\"id\":\"0123", "\"id\":\"1123"},
                {"\"layers\":[\"0", "\"layers\":[\"../../0"},
                {"\"layers\"", "\"players\""},
                {"\"/to\"", "\"/to/../..\""},
                {"\"/to\"", "\"/\""},
                {"\"/run\"", "\"run\""},
                {"\"/dev/null\"", "\"/etc/null\""},
                {"\"/dev/x\"", "\"/\""},
                {"nofile=5:6", "nofile=6:5"},
                {"\"web\"", "\"we/b\""},
                {"1879048192", "100"},
                {"1879048192", "4294967295"},
                {"1.5", "-1.5"},
                {"\"0-1,3\"", "\"1-0\""},
                {"\"args\"", "\"argv\""},
                {"\"/x\"", "\"x\""},
                {"\"rows\":24", "\"rows\":65536"},
                {"\"stdout\":3", "\"stdout\":9"},
                {"\"start\"", "\"exec\""},
                {"\"start\"", "\"stats\""},
        };

        for (size_t i = 0; i < ELEMENTSOF(changes); i++) {
                const char *at = strstr(full, changes[i].from);
                _cleanup_free_ char *text = strf("%.*s%s%s", (int)(at - full), full, changes[i].to,
                                                 at + strlen(changes[i].from));
                Request request;

                if (decode(text, &request) >= 0) {
                        fprintf(stderr, "accepted: %s\n", text);
                        exit(1);
                }
                CHECK_INT(request.serial, 7);
                request_done(&request);
        }
}

static void test_reply(void) {
        InventoryProcess process = {.process = 3, .pid = 44, .tty = true};
        InventoryContainer container = {.id = ID,
                                        .start_time = 9,
                                        .started_at = 10,
                                        .id_base = 11,
                                        .cgroup = (char *)"/c",
                                        .frozen = true,
                                        .processes = &process,
                                        .n_processes = 1};
        Inventory inventory = {.version = (char *)"1",
                               .cgroup_version = 1,
                               .containers = &container,
                               .n_containers = 1};
        uint32_t pids[] = {5, 6};
        Reply reply = {.serial = 3,
                       .pid = 12,
                       .stats.memory = 99,
                       .pids = pids,
                       .n_pids = 2,
                       .inventory = &inventory};
        Reply again;
        _cleanup_json_ Json *json = NULL, *error = NULL;

        CHECK_INT(reply_encode(&reply, &json), 0);
        CHECK(!message_is_event(json));
        CHECK_INT(reply_decode(json, &again), 0);
        CHECK_INT(again.pid, 12);
        CHECK_INT(again.stats.memory, 99);
        CHECK_INT(again.n_pids, 2);
        CHECK_INT(again.pids[1], 6);
        CHECK_INT(again.inventory->n_containers, 1);
        CHECK_STR(again.inventory->containers[0].cgroup, "/c");
        CHECK(again.inventory->containers[0].frozen);
        CHECK_INT(again.inventory->containers[0].processes[0].pid, 44);
        reply_done(&again);

        reply = (Reply){.serial = 4};
        error_set(&reply.error, ENOENT, "exec", "cannot run \"x\ny\"");
        CHECK_INT(reply_encode(&reply, &error), 0);
        CHECK_INT(reply_decode(error, &again), 0);
        CHECK_INT(again.error.number, ENOENT);
        CHECK_STR(again.error.stage, "exec");
        CHECK_STR(again.error.text, "cannot run \"x?y\"");
        reply_done(&again);
}

static void test_event(void) {
        Event event = {.type = EVENT_EXITED,
                       .container = ID,
                       .process = 2,
                       .pid = 3,
                       .status = 137,
                       .oom_killed = true,
                       .finished_at = 5};
        Event again;
        _cleanup_json_ Json *json = NULL;

        CHECK_INT(event_encode(&event, &json), 0);
        CHECK(message_is_event(json));
        CHECK_INT(event_decode(json, &again), 0);
        CHECK_STR(again.container, ID);
        CHECK_INT(again.process, 2);
        CHECK_INT(again.status, 137);
        CHECK(again.oom_killed);
}

static void test_work(void) {
        Work work = {.type = WORK_LOGS, .follow = true, .tail = -1, .since = 8}, again;
        _cleanup_json_ Json *json = NULL, *bad = NULL;

        CHECK_INT(work_encode(&work, &json), 0);
        CHECK_INT(work_decode(json, &again), 0);
        CHECK_INT(again.type, WORK_LOGS);
        CHECK(again.follow);
        CHECK_INT(again.tail, -1);
        CHECK_INT(again.since, 8);
        work_done(&again);

        CHECK_INT(json_parse("{\"work\":\"format\"}", 17, &bad), 0);
        CHECK_INT(work_decode(bad, &again), -EBADMSG);
        work_done(&again);
}

static void test_cpusets(void) {
        CHECK(cpuset_is_valid("0"));
        CHECK(cpuset_is_valid("0-3,5,8191"));
        CHECK(!cpuset_is_valid(""));
        CHECK(!cpuset_is_valid("0-"));
        CHECK(!cpuset_is_valid("-1"));
        CHECK(!cpuset_is_valid("0,"));
        CHECK(!cpuset_is_valid("0-1-2"));
        CHECK(!cpuset_is_valid("8192"));
        CHECK(!cpuset_is_valid("a"));
        CHECK(!cpuset_is_valid("0\n"));
}

int main(void) {
        test_request();
        test_refused();
        test_reply();
        test_event();
        test_work();
        test_cpusets();
        return 0;
}
