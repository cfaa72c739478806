/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How long single calls take over a connection that is open already. Prints the milliseconds of each.
 *
 *   calls run N      Run of "true", until its exec is done; the container removes itself
 *   calls list N     ListContainers
 *   calls signal N   from a container's death until another connection hears of it */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_USEC 20000

#define SERVICE "org.mydocker.Manager"
#define MANAGER "/org/mydocker/Manager"
#define CONTAINER_INTERFACE "org.mydocker.Container"

static sd_bus_error error;

static void check(int r, const char *what) {
        if (r >= 0)
                return;
        fprintf(stderr, "%s: %s\n", what, error.message ?: strerror(-r));
        exit(1);
}

static double now_msec(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

/* Return: the path of the new container, as part of *reply. */
static const char *run(sd_bus *bus, const char *program, int auto_remove, sd_bus_message **reply) {
        const char *path;

        check(sd_bus_call_method(bus, SERVICE, MANAGER, SERVICE, "Run", &error, reply, "sasa{sv}",
                                 "busybox", 2, program, "100000", 1, "auto-remove", "b",
                                 auto_remove),
              "Run");
        check(sd_bus_message_read(*reply, "o", &path), "Run");
        return path;
}

/* The next one begins when this one's container is gone, after the same pause as the floor makes: so all join their
 * control groups as those do who come one by one. */
static double measure_run(sd_bus *bus) {
        double started = now_msec(), ended;
        sd_bus_message *reply = NULL;
        const char *path = run(bus, "true", 1, &reply);
        char *state;

        ended = now_msec();
        while (sd_bus_get_property_string(bus, SERVICE, path, CONTAINER_INTERFACE, "State", NULL,
                                          &state) >= 0) {
                free(state);
                usleep(1000);
        }
        sd_bus_message_unref(reply);
        usleep(PAUSE_USEC);
        return ended - started;
}

static double measure_list(sd_bus *bus) {
        double started = now_msec();
        sd_bus_message *reply = NULL;

        check(sd_bus_call_method(bus, SERVICE, MANAGER, SERVICE, "ListContainers", &error, &reply,
                                 "a{sv}", 0),
              "ListContainers");
        sd_bus_message_unref(reply);
        return now_msec() - started;
}

static int on_change(sd_bus_message *message, void *heard, sd_bus_error *e) {
        *(double *)heard = now_msec();
        return 0;
}

static double measure_signal(sd_bus *bus) {
        static sd_bus *listener;
        sd_bus_message *reply = NULL;
        sd_bus_slot *slot = NULL;
        double started, heard = 0;
        const char *path;
        unsigned pid;

        if (!listener)
                check(sd_bus_open_system(&listener), "connecting");
        path = run(bus, "sleep", 0, &reply);
        check(sd_bus_match_signal(listener, &slot, SERVICE, path, "org.freedesktop.DBus.Properties",
                                  "PropertiesChanged", on_change, &heard),
              "subscribing");
        check(sd_bus_get_property_trivial(bus, SERVICE, path, CONTAINER_INTERFACE, "Pid", &error,
                                          'u', &pid),
              "Pid");
        started = now_msec();
        check(kill(pid, SIGKILL), "kill");
        while (heard == 0) {
                int r = sd_bus_process(listener, NULL);

                check(r, "listening");
                if (r == 0)
                        check(sd_bus_wait(listener, UINT64_MAX), "listening");
        }
        sd_bus_slot_unref(slot);
        check(sd_bus_call_method(bus, SERVICE, path, CONTAINER_INTERFACE, "Remove", &error, NULL,
                                 "a{sv}", 1, "force", "b", 1),
              "Remove");
        sd_bus_message_unref(reply);
        return heard - started;
}

int main(int argc, char *argv[]) {
        static const struct {
                const char *name;
                double (*measure)(sd_bus *bus);
        } measures[] = {{"run", measure_run}, {"list", measure_list}, {"signal", measure_signal}};
        sd_bus *bus;

        if (argc != 3)
                return 2;
        check(sd_bus_open_system(&bus), "connecting");
        for (size_t i = 0; i < sizeof(measures) / sizeof(measures[0]); i++)
                for (int n = 0; strcmp(argv[1], measures[i].name) == 0 && n < atoi(argv[2]); n++)
                        printf("%.3f\n", measures[i].measure(bus));
        sd_bus_flush_close_unref(bus);
        return 0;
}
