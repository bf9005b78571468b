"""ddx posterior: raw posteriors of every variable of any network."""

from __future__ import annotations

import click

from ddx.cli.asking import asked, case_options
from ddx.cli.terminal import emit, surface


@click.command()
@click.argument("findings", nargs=-1, metavar="[NODE=STATE]...")
@case_options
@click.option("--json", "as_json", is_flag=True, help="The answer for a program.")
@click.option("--plain", is_flag=True, help="No colour, ASCII only.")
def posterior(
    findings: tuple[str, ...], case: str | None, network: str | None, setting: str | None, as_json: bool, plain: bool
) -> None:
    """Raw posteriors of every variable: P(state | what was observed), for networks of any tool.

    Reads .yaml, .bif, .xmlbif, .bifxml, .xdsl, .net and .uai, also with .gz. In a network with settings the complaint
    of the setting counts as observed unless the case says otherwise, as in `ddx diagnose`. Where a network is too large
    for an exact answer, the posteriors are sampled, and the answer says so and gives their standard errors.

    \b
      ddx posterior -n asia.bif dysp=yes smoke=no
      ddx posterior -n alarm.xdsl --json
      ddx posterior -c seed
    """
    question = asked(findings, case, network, setting)
    belief = question.model.posteriors(question.understood.as_given)
    from ddx.reasoning.basis import basis_of
    from ddx.report import posteriors

    basis = basis_of(question.network, question.understood, belief.log_evidence, belief.exact)
    values = {node: dict(belief[node]) for node in question.model.nodes}
    for finding, said in question.understood.evidence.items():
        if isinstance(said, str):  # observed: exactly 1, free of rounding
            values[finding] = {state: float(state == said) for state in values[finding]}
    if as_json:
        from ddx.report.json import written

        emit(written(posteriors.plain(basis, values, belief)))
    else:
        emit(posteriors.text(question.network, basis, values, surface(plain=plain), belief))
