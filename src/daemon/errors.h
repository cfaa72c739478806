/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The names of all errors that the daemon replies with, and how what fails in the supervisor, a
 * worker or the store becomes one of them. */

#include <systemd/sd-bus.h>

#include <stdbool.h>

#include "shared/error.h"

#define ERROR_NO_SUCH_CONTAINER "org.mydocker.Error.NoSuchContainer"
#define ERROR_NO_SUCH_IMAGE "org.mydocker.Error.NoSuchImage"
#define ERROR_NAME_IN_USE "org.mydocker.Error.NameInUse"
#define ERROR_IMAGE_EXISTS "org.mydocker.Error.ImageExists"
#define ERROR_IMAGE_IN_USE "org.mydocker.Error.ImageInUse"
#define ERROR_CONTAINER_RUNNING "org.mydocker.Error.ContainerRunning"
#define ERROR_CONTAINER_NOT_RUNNING "org.mydocker.Error.ContainerNotRunning"
#define ERROR_CONTAINER_PAUSED "org.mydocker.Error.ContainerPaused"
#define ERROR_NOT_EXECUTABLE "org.mydocker.Error.NotExecutable"
#define ERROR_COMMAND_NOT_FOUND "org.mydocker.Error.CommandNotFound"
#define ERROR_IMAGE_CORRUPT "org.mydocker.Error.ImageCorrupt"
#define ERROR_QUOTA_EXCEEDED "org.mydocker.Error.QuotaExceeded"
#define ERROR_CANCELLED "org.mydocker.Error.Cancelled"
#define ERROR_RUNTIME_FAILED "org.mydocker.Error.RuntimeFailed"

#define ERROR_INVALID_ARGS "org.freedesktop.DBus.Error.InvalidArgs"
#define ERROR_ACCESS_DENIED "org.freedesktop.DBus.Error.AccessDenied"
#define ERROR_INTERACTIVE "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"
#define ERROR_LIMITS_EXCEEDED "org.freedesktop.DBus.Error.LimitsExceeded"
#define ERROR_FILE_NOT_FOUND "org.freedesktop.DBus.Error.FileNotFound"
#define ERROR_NOT_SUPPORTED "org.freedesktop.DBus.Error.NotSupported"
#define ERROR_UNKNOWN_OBJECT "org.freedesktop.DBus.Error.UnknownObject"

/* The D-Bus error that stands for this failure. Return: its name. */
const char *error_bus_name(const Error *e);

/* Fills in `ret`, with the failed step in the text. Return: a negative errno, for handlers to return. */
int error_to_bus(const Error *e, sd_bus_error *ret);

/* Whether the supervisor could not do it because the container has ended; its event may not have come yet. */
bool error_is_ended(const Error *e);

/* As sd_bus_error_setf(), for texts with something of a caller's that is cut off, maybe within a character.
 * Return: a negative errno, for handlers to return. */
int bus_error_setf(sd_bus_error *ret, const char *name, const char *format, ...) _printf_(3, 4);

/* Answers a call with this failure. `message` may be NULL. */
void reply_failure(sd_bus_message *message, const Error *e);

/* Answers a call with an error. `message` may be NULL. */
void reply_error(sd_bus_message *message, const char *name, const char *format, ...) _printf_(3, 4);
void reply_bus_error(sd_bus_message *message, const sd_bus_error *error);

/* After an attempt to reply, which gave `r`. One that failed, for want of descriptors for instance, is logged, and the call
 * answered with an error: nobody shall wait for ever. */
void reply_check(sd_bus_message *message, int r);

/* A local failure of a function that gives an errno only. Return: a negative errno. */
int bus_failure(sd_bus_error *ret, int number, const char *what);
