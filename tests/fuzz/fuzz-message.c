/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fuzzes what daemon, supervisor and worker read from each other: any bytes are either refused or mean
 * something that is written and read again as the same. */

#include <stdint.h>

#include "protocol/message.h"
#include "protocol/work.h"
#include "shared/test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(Json *first, Json *again) {
        CHECK(json_object_equal(first, again));
}

static void fuzz_request(Json *json) {
        Request request, copy;
        _cleanup_json_ Json *first = NULL, *again = NULL;

        if (request_decode(json, &request) >= 0) {
                CHECK_INT(request_encode(&request, &first), 0);
                CHECK_INT(request_decode(first, &copy), 0);
                CHECK_INT(request_encode(&copy, &again), 0);
                check_same(first, again);
                request_done(&copy);
        }
        request_done(&request);
}

static void fuzz_reply(Json *json) {
        Reply reply, copy;
        _cleanup_json_ Json *first = NULL, *again = NULL;

        if (reply_decode(json, &reply) >= 0) {
                CHECK_INT(reply_encode(&reply, &first), 0);
                CHECK_INT(reply_decode(first, &copy), 0);
                CHECK_INT(reply_encode(&copy, &again), 0);
                check_same(first, again);
                reply_done(&copy);
        }
        reply_done(&reply);
}

static void fuzz_event(Json *json) {
        Event event;
        _cleanup_json_ Json *first = NULL;

        if (event_decode(json, &event) >= 0)
                CHECK_INT(event_encode(&event, &first), 0);
}

static void fuzz_work(Json *json) {
        Work work, copy;
        _cleanup_json_ Json *first = NULL;

        if (work_decode(json, &work) >= 0) {
                CHECK_INT(work_encode(&work, &first), 0);
                CHECK_INT(work_decode(first, &copy), 0);
                work_done(&copy);
        }
        work_done(&work);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_json_ Json *json = NULL;

        if (json_parse((const char *)data, size, &json) < 0)
                return 0;
        fuzz_request(json);
        fuzz_reply(json);
        fuzz_event(json);
        fuzz_work(json);
        return 0;
}
