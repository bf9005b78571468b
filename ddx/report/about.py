"""A network for independent review: intended use, settings, numbers by grade, limits; as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from ddx.reasoning.basis import Plain
from ddx.reasoning.describe import VALIDATION, Description, Population, Size
from ddx.report.surface import Surface


def plain(told: Description, size: Size | None) -> dict[str, Plain]:
    """The description, and where it was asked for the size of the compiled network."""
    found: dict[str, Plain] = {
        "network": {"name": told.name, "version": told.version, "sha256": told.sha256},
        "title": told.title,
        "view_of": told.view_of,
        "counts": {"diseases": told.entries, "findings": told.findings, "nodes": told.nodes, "sources": told.sources},
        "default_setting": told.default_setting,
        "settings": [_population(p) for p in told.populations],
        "validation": VALIDATION,
        "remarks": list(told.remarks),
    }
    if told.header is not None:
        header = told.header
        found["intended_use"], found["intended_users"] = header.intended_use, header.intended_users
        found["population"], found["description"] = header.population, header.description
        found["authors"], found["reviewed_by"] = list(header.authors), list(header.reviewed_by)
        found["licence"], found["data_cutoff"] = header.licence, header.data_cutoff
    if told.tally is not None:
        found["numbers"] = {
            "all": told.tally.numbers,
            "by_grade": dict(told.tally.by_grade),
            "with_counts": told.tally.with_counts,
            "unreviewed": told.tally.unreviewed,
        }
        found["cells"] = {"all": told.cells, "stated": told.stated_cells}
    if size is not None:
        found["engine"] = {
            "nodes": size.nodes,
            "cliques": size.cliques,
            "entries": size.entries,
            "treewidth": size.treewidth,
            "compiled_bytes": size.compiled_bytes,
            "kernel": size.kernel,
        }
    return found


def _population(population: Population) -> Plain:
    return {
        "name": population.name,
        "label": population.label,
        "description": population.description,
        "complaint": population.complaint or None,
        "stated_priors": population.stated,
        "inherits": population.inherits,
        "inherited_priors": list(population.inherited),
    }


def text(told: Description, size: Size | None, surface: Surface) -> str:
    """The page about a network."""
    name = f"{told.name} {told.version}".strip()
    lines = surface.wrapped(told.title, first=f"{name}  ", rest="  ")
    lines[0] = surface.strong(name) + lines[0][len(name) :]
    lines += [*_header(told, surface), *_settings(told, surface), *_numbers(told, surface)]
    lines += _titled("Limits", VALIDATION, surface)
    for remark in told.remarks:
        lines += _titled("Remark", remark, surface)
    if size is not None:
        lines += _titled("Engine", _size(size), surface)
    lines += (surface.faint(line) for line in surface.wrapped(f"sha256 {told.sha256}", rest="  "))
    return surface.plain("\n".join(line.rstrip() for line in lines)) + "\n"


def _titled(title: str, what: str, surface: Surface) -> list[str]:
    if not what:
        return []
    first = f"{title + ':':16}"
    lines = surface.wrapped(" ".join(what.split()), first=first, rest=" " * 16)
    return [surface.strong(first) + lines[0][16:], *lines[1:]]


def _header(told: Description, surface: Surface) -> Iterator[str]:
    header = told.header
    if header is None:
        what = f"{told.nodes} variables of another tool's file: no diseases, settings or sources are named in it."
        yield from _titled("What it is", what, surface)
        return
    content = f"{told.entries} diseases, {told.findings} findings, {told.sources} sources"
    what = f"{header.description} ({content}{f'; a view of {told.view_of}' if told.view_of else ''})"
    yield from _titled("What it is", what, surface)
    yield from _titled("Intended use", header.intended_use, surface)
    yield from _titled("For whom", header.intended_users, surface)
    yield from _titled("About whom", header.population, surface)
    reviewed = ", ".join(header.reviewed_by) or "nobody yet"
    by = f"{', '.join(header.authors)}; reviewed by {reviewed}; data to {header.data_cutoff}; licence {header.licence}"
    yield from _titled("Made by", by, surface)


def _settings(told: Description, surface: Surface) -> Iterator[str]:
    if told.populations:
        yield ""
    for population in told.populations:
        default = " (the default)" if population.name == told.default_setting else ""
        yield f"Setting {surface.strong(population.name)}{default}"
        parts = [population.description or population.label]
        if population.complaint:
            parts.append(f"Its complaint {population.complaint} counts as observed unless the case says otherwise.")
        parts.append(f"{population.stated} priors of its own.")
        if population.inherited:
            names = ", ".join(population.inherited)
            parts.append(f"Inherited from {population.inherits}: {names}.")
        yield from surface.wrapped(" ".join(_ended(p) for p in parts), first="  ")
    if told.populations:
        yield ""


def _ended(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _numbers(told: Description, surface: Surface) -> Iterator[str]:
    if told.tally is None:
        return
    tally = told.tally
    grades = ", ".join(f"{count:,} {grade} ({tally.share(grade):.0%})" for grade, count in tally.by_grade.items())
    review = f"{tally.unreviewed:,} not yet seen by a second reader" if tally.unreviewed else "all read twice"
    what = f"{tally.numbers:,}: {grades}. {tally.with_counts:,} have counts behind them; {review}."
    yield from _titled("Numbers", what, surface)
    cells = (
        f"{told.stated_cells:,} of {told.cells:,} pairs of a disease state and a finding that causes act on "
        "independently have a number of their own; in the others the disease acts as the background."
    )
    yield from _titled("Cells", cells, surface)


_KERNELS = {
    "C": "the C kernel",
    "numpy": "numpy: no C kernel was built when ddx was installed, or DDX_KERNEL=numpy switches it off",
}


def _size(size: Size) -> str:
    if not size.cliques:
        return (
            f"{size.nodes} variables, whose clique tree would be too large. Each case is cut down by its findings and "
            "gets trees of its own: exact where they fit. Otherwise posteriors are sampled, with standard errors, and "
            "what needs exact answers is refused."
        )
    return (
        f"{size.nodes} variables in a clique tree of {size.cliques} cliques with {size.entries:,} possible entries; "
        f"treewidth at most {size.treewidth}; {size.compiled_bytes / 1e6:.1f} MB compiled. "
        f"Exact message passing by {_KERNELS[size.kernel]}."
    )
