/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reads an a{sv} of options. Each method declares its options in a table; what is not in it, has
 * another type or comes twice is refused, so that a misspelled option can never be overlooked. */

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "shared/error.h"
#include "shared/json.h"
#include "shared/strutil.h"

typedef enum OptionType {
        OPTION_STRING,     /* s: char *, a copy */
        OPTION_STRV,       /* as: char **, never NULL when given */
        OPTION_BOOL,       /* b: bool */
        OPTION_U16,        /* q: uint16_t */
        OPTION_U32,        /* u: uint32_t */
        OPTION_U64,        /* t: uint64_t */
        OPTION_INT,        /* i: int */
        OPTION_DOUBLE,     /* d: double */
        OPTION_FD,         /* h: int, a descriptor of our own with CLOEXEC */
        OPTION_LABELS,     /* a{ss}: Json *, an object */
        OPTION_VOLUMES,    /* a(sss): VolumeOptions, appended */
        OPTION_VOLUME_FDS, /* a(hss): VolumeOptions, appended */
        _OPTION_TYPE_MAX,
} OptionType;

typedef struct Option {
        const char *key;
        OptionType type;
        size_t offset; /* of the member in the structure to be filled in */
} Option;

typedef struct VolumeOption {
        char *source; /* NULL when a descriptor was given */
        int fd;       /* -EBADF when a path was given */
        char *target;
        char *mode;
} VolumeOption;

typedef struct VolumeOptions {
        VolumeOption *items;
        size_t n;
} VolumeOptions;

void volume_options_done(VolumeOptions *volumes);

/* Bytes of all strings of one call's arguments together. */
#define ARGUMENTS_SIZE_MAX (512 * 1024)

/* Reads the options, which are the message's next argument, into the structure `out`; members of
 * options that are not given stay as they are. NULL as `table`: no key is defined.
 * Return: 0, or a negative errno with `error` set to InvalidArgs, which names the key. What was read
 * then belongs to the caller all the same. */
int options_read(sd_bus_message *message, const Option *table, size_t n, void *out,
                 sd_bus_error *error);

/* Reads an `as` argument of at least `min` strings. Return: as options_read(). */
int argument_read_strv(sd_bus_message *message, const char *name, size_t min, char ***ret,
                       sd_bus_error *error);
