#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the manual page org.mydocker.Manager(5) of the comments in interfaces/*.xml.

    interface-manual.py VERSION FILE…   writes the page to standard output
    interface-manual.py --check FILE…   only says what is undocumented

A comment stands right before what it documents and begins with its name and a colon. A method's or
signal's then has a line "@ARGUMENT: …" for each argument, paragraphs, lists ("- …"), and for a method
paragraphs "Authorization: …" and "Errors: …".
"""

import re
import sys
import xml.dom.minidom

EMITS = "org.freedesktop.DBus.Property.EmitsChangedSignal"
EMITS_TEXT = {
    "true": "announced by PropertiesChanged",
    "const": "never changes",
}
# Where a reader begins, then what it leads to.
ORDER = ["Manager", "Container", "Process", "Image", "Job"]

problems = []


def comment_of(element):
    """The comment before an element, as [name, text], or None."""
    node = element.previousSibling
    while node is not None and node.nodeType == node.TEXT_NODE:
        node = node.previousSibling
    if node is None or node.nodeType != node.COMMENT_NODE:
        return None
    name, _, text = node.data.strip().partition(":")
    return name, "\n".join(line.strip() for line in text.strip().split("\n"))


def elements(parent, tag):
    return [n for n in parent.childNodes if n.nodeType == n.ELEMENT_NODE and n.tagName == tag]


def documented(element, what):
    """The text of an element's comment. Complains if there is none."""
    comment = comment_of(element)
    name = element.getAttribute("name")
    if comment is None or comment[0] != name or not comment[1]:
        problems.append(f"{what} {name} is not documented")
        return ""
    return comment[1]


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("→", "\\(->")
    text = re.sub(r"`([^`]*)`", r"\\fB\1\\fR", text)
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.M)


def paragraphs(text):
    """The body of a comment as roff: arguments, paragraphs and lists."""
    out = []
    for block in re.split(r"\n\s*\n", text):
        items = re.split(r"\n(?=- |@)", block.strip())
        for item in items:
            item = item.replace("\n", " ").strip()
            if item.startswith("@"):
                name, _, rest = item[1:].partition(":")
                out += [".TP", f"\\fI{escape(name)}\\fR", escape(rest.strip())]
            elif item.startswith("- "):
                out += [".IP \\(bu 2", escape(item[2:])]
            elif item:
                head = re.match(r"(Authorization|Errors): ", item)
                if head:
                    item = f"`{head.group(0).strip()}` " + item[head.end():]
                out += [".PP", escape(item)]
    return out


def arguments(member, direction):
    """"s name, a{sv} options" of one direction."""
    return ", ".join(f"{a.getAttribute('type')} {a.getAttribute('name')}"
                     for a in elements(member, "arg")
                     if (a.getAttribute("direction") or "out") == direction)


def check_arguments(member, what, text):
    names = [a.getAttribute("name") for a in elements(member, "arg")]
    if re.findall(r"^@(\w+):", text, flags=re.M) != names:
        problems.append(f"{what}: its arguments are {', '.join(names) or 'none'}")


def interface_page(interface):
    short = interface.getAttribute("name")
    text = documented(interface, "interface")
    text = re.sub(r"^@short_description:.*\n?", "", text)
    out = [f".SH INTERFACE {short}"] + paragraphs(text)

    for method in elements(interface, "method"):
        name = method.getAttribute("name")
        text = documented(method, f"method {short}")
        check_arguments(method, f"{short}.{name}", text)
        for word in ["Authorization: ", "Errors: "]:
            if not re.search(f"^{word}", text, flags=re.M):
                problems.append(f"{short}.{name} does not say \"{word}…\"")
        returned = arguments(method, "out")
        title = f"{name}({arguments(method, 'in')})" + (f" → ({returned})" if returned else "")
        out += [f'.SS "Method {escape(title)}"'] + paragraphs(text)

    for signal in elements(interface, "signal"):
        name = signal.getAttribute("name")
        text = documented(signal, f"signal {short}")
        check_arguments(signal, f"{short}.{name}", text)
        out += [f'.SS "Signal {escape(name)}({escape(arguments(signal, "out"))})"'] + paragraphs(text)

    properties = elements(interface, "property")
    if properties:
        out += ['.SS "Properties"']
    for prop in properties:
        name = prop.getAttribute("name")
        text = documented(prop, f"property {short}")
        emits = [a.getAttribute("value") for a in elements(prop, "annotation")
                 if a.getAttribute("name") == EMITS]
        if len(emits) != 1 or emits[0] not in EMITS_TEXT:
            problems.append(f"{short}.{name} does not say whether its changes are announced")
            emits = ["true"]
        out += [".TP", f"\\fB{name}\\fR (\\fI{prop.getAttribute('type')}\\fR, {EMITS_TEXT[emits[0]]})",
                escape(text.replace("\n", " "))]
    return out


def main():
    check = sys.argv[1] == "--check"
    interfaces = []
    for path in sys.argv[2:]:
        node = xml.dom.minidom.parse(path).documentElement
        interfaces += elements(node, "interface")
    interfaces.sort(key=lambda i: ORDER.index(i.getAttribute("name").rpartition(".")[2]))

    page = [
        ".\\\" SPDX-License-Identifier: LGPL-2.1-or-later",
        f'.TH org.mydocker.Manager 5 "" "mydocker {sys.argv[1]}"',
        ".SH NAME",
        "org.mydocker.Manager \\- the D\\-Bus interface of the container manager",
        ".SH DESCRIPTION",
        "\\fBmydockerd\\fR(8) has the name \\fBorg.mydocker.Manager\\fR on the system bus. Everything that",
        "\\fBmydocker\\fR(1) can do, it does with the interfaces described here.",
    ]
    for interface in interfaces:
        page += interface_page(interface)
    page += [".SH SEE ALSO", "\\fBmydocker\\fR(1), \\fBmydockerd\\fR(8), \\fBpolkit\\fR(8), \\fBbusctl\\fR(1)"]

    if problems:
        sys.exit("\n".join(problems))
    if not check:
        print("\n".join(page))


main()
