/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdint.h>
#include <sys/random.h>

#include "daemon/names.h"
#include "shared/strutil.h"

static const char *const adjectives[] = {
        "able",   "agile",  "alert",   "amber",  "ample",  "basic",  "blithe",  "bold",
        "brave",  "breezy", "bright",  "brisk",  "calm",   "candid", "clear",   "clever",
        "cosy",   "crisp",  "curious", "daring", "deft",   "dapper", "eager",   "early",
        "easy",   "exact",  "fair",    "fancy",  "fleet",  "fond",   "frank",   "fresh",
        "gentle", "glad",   "golden",  "grand",  "handy",  "happy",  "hardy",   "honest",
        "humble", "jolly",  "keen",    "kind",   "lively", "loyal",  "lucid",   "lucky",
        "merry",  "mild",   "modest",  "neat",   "nimble", "noble",  "patient", "plucky",
        "polite", "proud",  "quick",   "quiet",  "serene", "sharp",  "steady",  "sunny",
};

static const char *const nouns[] = {
        "acorn",   "alder",  "anchor",  "badger",  "beacon", "beaver", "birch",  "bison",
        "brook",   "canyon", "cedar",   "cliff",   "clover", "comet",  "condor", "coral",
        "crane",   "delta",  "dolphin", "dune",    "eagle",  "falcon", "fern",   "finch",
        "fjord",   "gecko",  "glacier", "grove",   "harbor", "hazel",  "heron",  "ibis",
        "island",  "jasper", "juniper", "kestrel", "lagoon", "larch",  "lark",   "linden",
        "lynx",    "maple",  "marten",  "meadow",  "meteor", "orca",   "osprey", "otter",
        "pebble",  "pine",   "plover",  "prairie", "quartz", "raven",  "reef",   "robin",
        "sparrow", "spruce", "summit",  "swift",   "thrush", "walrus", "willow", "wren",
};

char *name_make(unsigned attempt) {
        uint16_t random[3] = {};
        const char *adjective, *noun;

        /* Not a secret: whatever comes is good enough. */
        (void)!getrandom(random, sizeof(random), GRND_NONBLOCK);
        adjective = adjectives[random[0] % ELEMENTSOF(adjectives)];
        noun = nouns[random[1] % ELEMENTSOF(nouns)];
        return attempt == 0 ? strf("%s_%s", adjective, noun) :
                              strf("%s_%s_%u", adjective, noun, random[2]);
}
