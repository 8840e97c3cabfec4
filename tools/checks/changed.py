# SPDX-License-Identifier: Apache-2.0
"""What changed: since where this branch left the main line, or since a revision that is named. Shared by the style checks."""
import subprocess


def git(root, *arguments):
    """What git says; None if it refuses."""
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def base_revision(root):
    """Where this branch left the main line: that of origin, else the local one, else the present commit."""
    for reference in ("origin/HEAD", "origin/main", "main", "HEAD"):
        base = git(root, "merge-base", "HEAD", reference)
        if base:
            return base
    return None


def changed_files(root, since):
    """Path → lines changed since the revision, with what is not committed and what is new; what is gone is left out."""
    counted = git(root, "diff", "--numstat", "--no-renames", since, "--")
    if counted is None:
        return None
    out = {}
    for line in counted.splitlines():
        added, removed, name = line.split("\t", 2)
        out[name] = 1 if added == "-" else int(added) + int(removed)
    for name in git(root, "ls-files", "--others", "--exclude-standard").splitlines():
        out[name] = (root / name).read_bytes().count(b"\n")
    return {name: lines for name, lines in out.items() if (root / name).is_file()}
