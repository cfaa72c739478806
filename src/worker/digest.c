/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "worker/digest.h"

static int failed(Error *e) {
        return error_set(e, EIO, "digest", "computing a SHA-256 digest");
}

int digest_prepare(Error *e) {
        char ignored[ID_LENGTH + 1];

        /* The machine's openssl.cnf may load whatever provider it likes; none is wanted here. */
        if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
                return failed(e);
        return digest_of("", 0, ignored, e);
}

int digest_new(Digest **ret, Error *e) {
        _cleanup_(digest_freep) Digest *digest = EVP_MD_CTX_new();

        if (!digest)
                return error_oom(e);
        if (EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1)
                return failed(e);
        *ret = TAKE_PTR(digest);
        return 0;
}

Digest *digest_free(Digest *digest) {
        EVP_MD_CTX_free(digest);
        return NULL;
}

int digest_update(Digest *digest, const void *data, size_t size, Error *e) {
        return EVP_DigestUpdate(digest, data, size) == 1 ? 0 : failed(e);
}

int digest_finish(Digest *digest, char ret[static ID_LENGTH + 1], Error *e) {
        unsigned char value[EVP_MAX_MD_SIZE];
        unsigned size = 0;

        if (EVP_DigestFinal_ex(digest, value, &size) != 1 || size * 2 != ID_LENGTH)
                return failed(e);
        for (unsigned i = 0; i < size; i++)
                sprintf(ret + 2 * i, "%02x", value[i]);
        return 0;
}

int digest_of(const void *data, size_t size, char ret[static ID_LENGTH + 1], Error *e) {
        _cleanup_(digest_freep) Digest *digest = NULL;

        TRY(digest_new(&digest, e));
        TRY(digest_update(digest, data, size, e));
        return digest_finish(digest, ret, e);
}
