/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Unpacking the entries of a hostile archive into one directory, which nobody else changes
 * meanwhile:
 *
 * - names stay inside: leading slashes are dropped, ".." is refused, links on the way are followed
 *   with the directory as root (openat2(2), RESOLVE_IN_ROOT);
 * - everything is made new and never written through; an entry replaces what came before it;
 * - hard links lead only to what came before in this archive;
 * - device nodes and sockets are left out;
 * - modes, ids, times, attributes and holes are kept.
 *
 * Of a layer, the whiteouts of OCI archives become overlay's own. */

#include <stdbool.h>
#include <stdint.h>

#include "worker/reader.h"

/* The limits of one archive. */
#define EXTRACT_ENTRIES_MAX 8000000ULL
#define EXTRACT_BYTES_MAX (1ULL << 40)
#define EXTRACT_DEPTH_MAX 512
/* What is unpacked may be so much larger than the archive, beyond the first GiB. */
#define EXTRACT_RATIO_MAX 1000
#define EXTRACT_RATIO_FREE (1ULL << 30)

typedef struct Extractor Extractor;

/* Unpacks into `dir_fd` (borrowed). `consumed` (borrowed): how many bytes of the archive, as it
 * is, were read so far. `layer`: entries named .wh.… are whiteouts, and directories
 * that an entry only implies look as in the layers below, `lowers` (borrowed, the lowest first);
 * without them they are 0755 and root's. Return: 0 or a negative errno. */
int extractor_new(int dir_fd, const _Atomic uint64_t *consumed, bool layer, const int *lowers,
                  size_t n_lowers, Extractor **ret, Error *e);
Extractor *extractor_free(Extractor *x);
DEFINE_CLEANUP(Extractor *, extractor_free)

/* What is unpacked goes into a container's tree, in which others may be at work: ids are shifted by
 * `id_base`, and a directory is never replaced by something else, or the other way round. */
void extractor_set_shared(Extractor *x, uint32_t id_base);

/* Unpacks the entry at which the reader stands. Error stage "archive" when it is the archive's
 * fault, "write" when it is the machine's. */
int extractor_add(Extractor *x, Reader *reader, struct archive_entry *entry, Error *e);

/* To be called after the last entry: sets what is left to set of directories. *ret_size: bytes
 * of all files. */
int extractor_finish(Extractor *x, uint64_t *ret_size, Error *e);
