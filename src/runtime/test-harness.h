/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Real containers for tests: a state directory with a busybox image in a temporary place, one container at a time in it,
 * and what it wrote and how it ended. Everything that goes wrong ends the test. */

#include "runtime/start.h"
#include "shared/test.h"

#define LAYER "1111111111111111111111111111111111111111111111111111111111111111"
#define TOP "3333333333333333333333333333333333333333333333333333333333333333"
#define ID "2222222222222222222222222222222222222222222222222222222222222222"
#define ID_BASE 1000000

/* The outcome of a container or of an exec in one. */
typedef struct Result {
        int error; /* errno of a failed start, else 0 */
        char stage[32];
        char text[512];
        int status; /* as waitpid(2) gives it */
        char out[16384];
} Result;

/* Runs the tests between making and removing all this, and checks that nothing is left. Return: main()'s: 0, or 77 when
 * the machine can't run containers. */
int test_run(void (*tests)(void));

extern Runtime *test_runtime;
extern CgroupTree *test_tree;

/* Paths are below the state directory. */
char *path_in(const char *name);
void make_dir(const char *name, mode_t mode);
void write_file(const char *name, const char *text);
void make_link(const char *target, const char *name);
void reset_dir(const char *name);

/* New upper and work directories. */
void reset_container(void);

/* A specification that runs `script` with a shell; to be changed by the test. */
ContainerSpec *make_spec(const char *script);
ProcessSpec make_process(const char *script);
/* A volume with the directory "volume" of the state directory as source. */
void add_volume(ContainerSpec *spec, const char *target, bool read_only, uid_t uid);
/* Opened as the daemon does: in the host's mount namespace. */
int open_volume(const char *name);

/* Makes the cgroup and starts; false when that failed, then *result says how. */
bool start(const ContainerSpec *spec, const int *volumes, const int *given, Cgroup **cgroup,
           Launch *launch, Result *result);
/* Waits until a launch is done or has failed. */
int finish(Launch *launch, Error *e);
/* Kills it, or what is left of a failed one, and reaps it. */
void drop(Launch *launch);
/* Reads its output to the end and reaps it. */
void collect(Launch *launch, Result *result);
void remove_cgroup(Cgroup *cgroup);

/* All of it; the specification is freed. */
Result run_with(ContainerSpec *spec, const int *volumes, const int *given);
Result run(const char *script);
Result exec_in(const Launch *container, uint32_t id_base, Cgroup *cgroup, ProcessSpec *process);
void check_failed(ContainerSpec *spec, const int *volumes, const char *stage, int number);

#define CHECK_OUT(result, expected)                                                                \
        do {                                                                                       \
                const Result _r = (result);                                                        \
                if (_r.error)                                                                      \
                        fprintf(stderr, "failed in %s: %s\n", _r.stage, _r.text);                  \
                CHECK_STR(_r.out, expected);                                                       \
        } while (0)
