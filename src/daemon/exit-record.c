/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/exit-record.h"
#include "daemon/runtime-file.h"

#define DIRECTORY "exits"

bool exit_record_read(const Manager *m, const char *id, Event *ret) {
        _cleanup_json_ Json *json = NULL;

        return runtime_file_read(m, DIRECTORY, id, &json) >= 0 && event_decode(json, ret) >= 0;
}

void exit_record_forget(const Manager *m, const char *id) {
        runtime_file_forget(m, DIRECTORY, id);
}

void exit_records_sweep(const Manager *m) {
        runtime_files_sweep(m, DIRECTORY);
}
