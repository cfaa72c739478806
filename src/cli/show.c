/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/show.h"

#include "cli/pager.h"
#include "cli/report.h"

int show_begin(const Client *client, Listing *listing, const Field *fields, size_t n_fields,
               const char *format, const char *columns) {
        _cleanup_free_ char *message = NULL;
        int r = listing_init(listing, fields, n_fields, format, columns, &message);

        if (r == -EINVAL)
                return report(client, "%s", message);
        return r < 0 ? report_errno(client, r, "cannot make the list") : 0;
}

int show_end(const Client *client, const Listing *listing) {
        int r;

        pager_open(client->pager && listing->style == LISTING_TABLE);
        r = listing_print(listing, stdout, client->legend);

        return r < 0 ? report_errno(client, r, "cannot print the list") : 0;
}
