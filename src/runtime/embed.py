#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes a file's bytes as the initializer of a C array: embed.py FILE"""

import sys

with open(sys.argv[1], "rb") as file:
    data = file.read()
for i in range(0, len(data), 20):
    print(" ".join(f"{byte}," for byte in data[i:i + 20]))
