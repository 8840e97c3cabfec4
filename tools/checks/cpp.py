# SPDX-License-Identifier: Apache-2.0
"""C++ read just far enough for the style checks: comments and literals blanked, braces matched, functions and types found."""
import re
from dataclasses import dataclass

# What hides braces. A quote after a digit or letter separates digits (1'000) and opens no character.
HIDING = re.compile(r'''//[^\n]*|/\*.*?\*/|R"([^()\s\\]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+\'''',
                    re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.M)
MARKS = re.compile(r"[{};]|\b(?:public|private|protected)\s*:(?!:)")
TYPE = re.compile(r"(?:^|[\s>])(?:struct|class|union|enum(?:\s+(?:struct|class))?)\s+(?:\[\[[^\]]*\]\]\s*|alignas\([^)]*\)\s*)?"
                  r"([A-Za-z_]\w*(?:::\w+)*)\s*(?:final\s*)?(?::(?!:)[^()]*)?$")
ALIAS = re.compile(r"^(?:template\s*<.*>\s*)?using\s+([A-Za-z_]\w*)\s*=\s*(.*)$", re.S)
# The name before the first parenthesis that opens a list of parameters; TEST(Suite, Claim) keeps its arguments.
CALLED = re.compile(r"((?:[A-Za-z_]\w*(?:<[^<>()]*>)?::)*"
                    r"(?:operator\s*\(\)|operator\s*[^\s\w(]+|operator\s+\w+|~?[A-Za-z_]\w*))\s*\(")
AFTER_PARAMETERS = re.compile(r"\)\s*(?:const|noexcept(?:\([^)]*\))?|override|final|mutable|try|&&?|requires\b[^;{]*|->[^;{]*|:(?!:).*|\s)*$",
                              re.S)
MEMBER_INITIALISER = re.compile(r"\).*:(?!:).*[\w>]\s*$|\).*:(?!:)\s*$", re.S)


@dataclass
class Function:
    name: str
    line: int
    lines: int


@dataclass
class Type:
    name: str
    line: int
    nested: bool  # inside another type
    alias: str = ""  # what it stands for


def blank(text):
    """The text with comments, literals and directives blanked; every line stays where it is."""
    def spaces(found):
        return re.sub(r"[^\n]", " ", found[0])
    return DIRECTIVE.sub(spaces, HIDING.sub(spaces, text))


def name_of_function(head):
    found = [match for match in CALLED.finditer(head) if match[1] not in ("noexcept", "alignas", "decltype", "requires", "if")]
    if not found:
        return head.strip()[-40:]
    if found[0][1].startswith("TEST"):
        return re.sub(r"\s+", "", head[found[0].start():].rsplit(")", 1)[0]) + ")"
    return found[0][1]


def kind_of(head):
    """What a brace opens, by the text since the last statement: (namespace, type, function or block; its name)."""
    head = head.strip()
    if re.match(r"^(?:inline\s+)?namespace\b", head):
        return "namespace", head.split("namespace", 1)[1].strip()
    if head.startswith("extern"):
        return "namespace", ""
    bare = re.sub(r"^template\s*<.*?>\s*(?=struct|class|union)", "", head, flags=re.S)
    found = TYPE.search(bare)
    if found and "(" not in bare.replace("alignas(", ""):
        return "type", found[1]
    if AFTER_PARAMETERS.search(head) and not re.search(r"(?<![=!<>])=\s*\[|=\s*$", head):
        return "function", name_of_function(head)
    return "block", ""


def scan(text):
    """The functions (whole definitions, from the head's first line to the closing brace) and the types of a file."""
    code = blank(text)
    functions, types, open_braces = [], [], []  # open_braces: (kind, name, line of the head)
    since = 0
    inside = 0  # depth within a function: nothing there is looked at
    for mark in MARKS.finditer(code):
        sign = mark[0]
        if sign == "{":
            head = code[since:mark.start()]
            if inside:
                open_braces.append(("block", "", 0))
                inside += 1
                continue
            kind, name = kind_of(head)
            if kind == "function" and MEMBER_INITIALISER.search(head) and not AFTER_PARAMETERS_ONLY.search(head):
                kind = "initialiser"
            first = head[:len(head) - len(head.lstrip())].count("\n")
            line = code.count("\n", 0, since) + first + 1
            open_braces.append((kind, name, line))
            if kind == "type":
                types.append(Type(name, line, any(opened[0] == "type" for opened in open_braces[:-1])))
            inside = 1 if kind in ("function", "initialiser", "block") else 0
            if kind != "initialiser":
                since = mark.end()
        elif sign == "}":
            kind, name, line = open_braces.pop() if open_braces else ("block", "", 0)
            if inside:
                inside -= 1
            if inside:
                continue
            if kind == "function":
                functions.append(Function(name, line, code.count("\n", 0, mark.start()) + 1 - line + 1))
            if kind != "initialiser":
                since = mark.end()
        elif not inside:
            found = ALIAS.match(code[since:mark.start()].strip()) if sign == ";" else None
            if found:
                nested = any(opened[0] == "type" for opened in open_braces)
                types.append(Type(found[1], code.count("\n", 0, mark.start()) + 1, nested, " ".join(found[2].split())))
            since = mark.end()
    return functions, types


# The body's brace follows a parenthesis, a specifier, or a member's initialiser that is closed.
AFTER_PARAMETERS_ONLY = re.compile(r"[)}]\s*(?:const|noexcept(?:\([^)]*\))?|override|final|mutable|&&?|->[^;{]*|\s)*$")
