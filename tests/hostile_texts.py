"""The network that hostile files are made from: a disease D (prior 0.1), a finding F (0.9 with it, 0.05 without)."""

B = "source: s, grade: judgement"
NETWORK = f"""ddx: network/1
header: {{name: t, version: "1.10", title: t, intended_use: u, intended_users: u, population: p, authors: [a],
  licence: MIT, data_cutoff: "2026"}}
default_setting: all
sources: {{s: {{citation: c}}}}
settings:
  all:
    label: everybody
    priors: {{D: {{p: 0.1, {B}}}}}
diseases:
  D: {{label: The disease}}
findings:
  F:
    label: The finding
    states: [absent, present]
    tier: history
    model:
      kind: noisy-or
      background: {{present: {{p: 0.05, {B}}}}}
      given:
        D: {{present: {{p: 0.9, {B}}}}}
"""
G_IS_F = """  G:
    label: The same again
    states: [absent, present]
    tier: history
    model: {kind: deterministic, parents: [F], rules: [{when: {F: present}, state: present}], otherwise: absent}
"""
TWO_THIRDS = 2 / 3  # P(D present | F present)


def changed(*changes: tuple[str, str]) -> str:
    """The network with some of its text replaced, each once."""
    text = NETWORK
    for was, now in changes:
        assert was in text, was
        text = text.replace(was, now, 1)
    return text


def improbable(count: int) -> str:
    """The network with `count` findings of 1e-5, each halving the odds of D."""
    start = NETWORK[: NETWORK.index("  F:\n")]
    row = "{{present: {{p: {}, source: s, grade: judgement}}}}"
    model = f"{{kind: table, parents: [D], rows: [{{when: {{D: present}}, row: {row.format('5e-6')}}}], "
    model += f"otherwise: {row.format('1e-5')}}}"
    block = "  F{}:\n    label: F{}\n    states: [absent, present]\n    tier: history\n    model: {}\n"
    return start + "".join(block.format(i, i, model) for i in range(count))
