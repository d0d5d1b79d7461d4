# SPDX-License-Identifier: MIT
"""Patches as the mutants have them: the first line says the bug, a hunk is found by its lines, not by their numbers."""


class Failed(Exception):
    """A case did not hold; says why."""


def parse(path):
    """The first line, and [(file, old lines, new lines)], one for each hunk."""
    with open(path, encoding='utf-8') as lines:
        first, *rest = lines.read().splitlines()
    hunks, name = [], None
    for line in rest:
        if line.startswith('--- '):
            name = line[4:]
        elif line.startswith('@@'):
            hunks.append((name, [], []))
        elif not line.startswith('+++ '):
            if line[:1] in (' ', '-'):
                hunks[-1][1].append(line[1:])
            if line[:1] in (' ', '+'):
                hunks[-1][2].append(line[1:])
    if not hunks:
        raise Failed(f'{path}: no hunk')
    return first, hunks


def apply(path, sources):
    """The files that the patch changes, changed."""
    changed = {}
    for name, old, new in parse(path)[1]:
        text = changed.get(name, sources.get(name))
        before, after = ('\n'.join(block) + '\n' for block in (old, new))
        found = text.count(before) if text is not None else 0
        if found != 1:
            raise Failed(f'{path}: no longer applies: this stands {found} times in {name}:\n{before}')
        changed[name] = text.replace(before, after)
    return changed
