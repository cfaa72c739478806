/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/batch.h"

#include <stdio.h>

#include "cli/report.h"
#include "shared/error.h"
#include "shared/strutil.h"

/* How many calls are under way at once. The daemon allows each user only so many. */
#define CALLS_MAX 50

typedef enum ItemState {
        ITEM_WAITING,
        ITEM_SENT,
        ITEM_NEEDS_PASSWORD,
        ITEM_DONE,
        ITEM_FAILED
} ItemState;

typedef struct Run Run;

typedef struct Item {
        Run *run;
        const char *operand;
        char *path;
        ItemState state;
        sd_bus_slot *slot;
        sd_bus_message *reply; /* when done */
        sd_bus_error error;    /* when failed */
} Item;

struct Run {
        Client *client;
        const Batch *batch;
        Item *items;
        size_t n_items, n_next, n_sent, n_printed;
        int status;
};

static void run_done(Run *run) {
        for (size_t i = 0; i < run->n_items; i++) {
                sd_bus_slot_unref(run->items[i].slot);
                sd_bus_message_unref(run->items[i].reply);
                sd_bus_error_free(&run->items[i].error);
                free(run->items[i].path);
        }
        free(run->items);
}

static int new_call(Item *item, sd_bus_message **ret) {
        _cleanup_message_ sd_bus_message *call = NULL;
        Run *run = item->run;

        if (item->path) {
                TRY(sd_bus_message_new_method_call(run->client->bus, &call, BUS_NAME, item->path,
                                                   CONTAINER_INTERFACE, run->batch->member));
                TRY(run->batch->arguments(call));
        } else {
                TRY(sd_bus_message_new_method_call(run->client->bus, &call, BUS_NAME, MANAGER_PATH,
                                                   MANAGER_INTERFACE, "GetContainer"));
                TRY(sd_bus_message_append(call, "s", item->operand));
        }
        *ret = TAKE_PTR(call);
        return 0;
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error);

static int item_send(Item *item) {
        _cleanup_message_ sd_bus_message *call = NULL;

        TRY(new_call(item, &call));
        return sd_bus_call_async(item->run->client->bus, &item->slot, call, on_reply, item,
                                 UINT64_MAX);
}

/* What a reply means for its item. Return: 0 or a negative errno. */
static int item_take(Item *item, sd_bus_message *reply) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        const char *path;

        if (error && item->run->client->ask_password &&
            sd_bus_error_has_name(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED)) {
                item->state = ITEM_NEEDS_PASSWORD;
                return 0;
        }
        if (error) {
                item->state = ITEM_FAILED;
                return sd_bus_error_copy(&item->error, error) == -ENOMEM ? -ENOMEM : 0;
        }
        if (item->path) {
                item->state = ITEM_DONE;
                item->reply = sd_bus_message_ref(reply);
                return 0;
        }
        TRY(sd_bus_message_read(reply, "o", &path));
        TRY(free_and_strdup(&item->path, path));
        return item_send(item);
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Item *item = userdata;
        int r;

        item->slot = sd_bus_slot_unref(item->slot);
        r = item_take(item, reply);
        if (item->state != ITEM_SENT)
                item->run->n_sent--;
        return MIN(r, 0);
}

static void item_print(Item *item) {
        Run *run = item->run;
        int r = 0;

        if (item->state == ITEM_FAILED) {
                bool missing = error_is(&item->error, "NoSuchContainer") ||
                               sd_bus_error_has_name(&item->error, SD_BUS_ERROR_UNKNOWN_OBJECT);

                if (!missing || !run->batch->ignore_missing)
                        run->status =
                                report_bus_error(run->client, &item->error, -EIO, item->operand);
                return;
        }
        if (run->batch->print)
                r = run->batch->print(item->reply);
        else
                printf("%s\n", item->operand);
        if (r < 0)
                run->status = report_errno(run->client, r, "cannot read the daemon's answer");
        fflush(stdout);
}

/* Prints the items that are done, as far as all before them are. */
static void print_done(Run *run) {
        while (run->n_printed < run->n_items && run->items[run->n_printed].state >= ITEM_DONE)
                item_print(&run->items[run->n_printed++]);
}

static int process(Run *run) {
        while (run->n_next < run->n_items || run->n_sent > 0) {
                int r;

                while (run->n_next < run->n_items && run->n_sent < CALLS_MAX) {
                        Item *item = &run->items[run->n_next++];

                        TRY(item_send(item));
                        item->state = ITEM_SENT;
                        run->n_sent++;
                }
                r = sd_bus_process(run->client->bus, NULL);
                if (r == 0) {
                        print_done(run);
                        r = sd_bus_wait(run->client->bus, UINT64_MAX);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Those that need a password follow one by one, so that one answer may serve for all. */
static int ask(Run *run) {
        for (size_t i = 0; i < run->n_items; i++) {
                Item *item = &run->items[i];
                _cleanup_message_ sd_bus_message *call = NULL;
                int r;

                print_done(run);
                if (item->state != ITEM_NEEDS_PASSWORD)
                        continue;
                TRY(new_call(item, &call));
                r = client_exchange(run->client, call, &item->error, &item->reply);
                if (r < 0 && !item->error.name)
                        return r;
                item->state = r < 0 ? ITEM_FAILED : ITEM_DONE;
        }
        print_done(run);
        return 0;
}

int batch_no_arguments(sd_bus_message *call) {
        return sd_bus_message_append(call, "a{sv}", 0);
}

int batch_run(Client *client, const Batch *batch, char **operands) {
        __attribute__((cleanup(run_done))) Run run = {.client = client, .batch = batch};
        int r = client_connect(client);

        if (r != 0)
                return r;
        run.n_items = strv_length(operands);
        run.items = calloc(run.n_items, sizeof(Item));
        if (!run.items)
                return report_errno(client, ENOMEM, "cannot go on");
        for (size_t i = 0; i < run.n_items; i++)
                run.items[i] = (Item){.run = &run,
                                      .operand = operands[i],
                                      .path = container_path_from_id(operands[i])};
        r = process(&run);
        if (r >= 0)
                r = ask(&run);
        return r < 0 ? report_unreachable(client, r) : run.status;
}
