"""Networks of other tools: what the numbers mean in each format, and what is refused with which words."""

from __future__ import annotations

import numpy as np
import pytest

from ddx.errors import DdxError, FileProblem, SpecError, TooLarge
from ddx.exchange import bif, hugin, uai, xdsl, xmlbif
from ddx.exchange.files import Format
from ddx.exchange.source import Source
from ddx.knowledge.bayesnet import BayesNet, NoisyMax, Table, Term, expand

F_GIVEN_D = np.array([[0.9, 0.1], [0.05, 0.95]])

BIF = """network t { property author somebody; }
variable D { type discrete [ 2 ] { present, absent }; }
variable F { type discrete [ 2 ] { present, absent }; }
probability ( D ) { table 0.1, 0.9; }
probability ( F | D ) { (present) 0.9, 0.1; (absent) 0.05, 0.95; }
"""
XMLBIF = """<BIF VERSION="0.3"><NETWORK><NAME>t</NAME>
<VARIABLE TYPE="nature"><NAME>D</NAME><OUTCOME>present</OUTCOME><OUTCOME>absent</OUTCOME></VARIABLE>
<VARIABLE TYPE="nature"><NAME>F</NAME><OUTCOME>present</OUTCOME><OUTCOME>absent</OUTCOME></VARIABLE>
<DEFINITION><FOR>D</FOR><TABLE>0.1 0.9</TABLE></DEFINITION>
<DEFINITION><FOR>F</FOR><GIVEN>D</GIVEN><TABLE>0.9 0.1 0.05 0.95</TABLE></DEFINITION>
</NETWORK></BIF>
"""
XDSL = """<smile version="1.0" id="t"><nodes>
<cpt id="D"><state id="present"/><state id="absent"/><probabilities>0.1 0.9</probabilities></cpt>
<cpt id="F"><state id="present"/><state id="absent"/><parents>D</parents>
<probabilities>0.9 0.1 0.05 0.95</probabilities></cpt>
</nodes></smile>
"""
NET = """net { name = "t"; }
node D { states = ("present" "absent"); }
node F { states = ("present" "absent"); }
potential (D) { data = (0.1 0.9); }
potential (F | D) { data = ((0.9 0.1)(0.05 0.95)); }
"""
UAI = "BAYES\n2\n2 2\n2\n1 0\n2 0 1\n\n2\n0.1 0.9\n\n4\n0.9 0.1\n0.05 0.95\n"
TEXTS = {bif: BIF, xmlbif: XMLBIF, xdsl: XDSL, hugin: NET, uai: UAI}


def read(format_: Format, text: str | bytes) -> BayesNet:
    data = text.encode() if isinstance(text, str) else text
    return format_.read(Source(data, "file", "stem"))


def refusal(format_: Format, text: str | bytes) -> str:
    with pytest.raises(DdxError) as caught:
        read(format_, text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("format_", TEXTS, ids=lambda f: f.__name__)
def test_the_child_varies_fastest_and_the_parent_keys_the_row(format_: Format) -> None:
    network = read(format_, TEXTS[format_])
    root, child = network.nodes
    assert network.name == ("stem" if format_ is uai else "t")
    assert network.parents(child) == (root,)
    assert np.array_equal(expand(network, root).values, [0.1, 0.9])
    assert np.array_equal(expand(network, child).values, F_GIVEN_D)


@pytest.mark.parametrize("format_", TEXTS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("newline", ["\r\n", "\n"])
def test_line_ends_and_a_missing_last_one_change_nothing(format_: Format, newline: str) -> None:
    text = TEXTS[format_].rstrip().replace("\n", newline)
    assert np.array_equal(expand(read(format_, text), read(format_, text).nodes[1]).values, F_GIVEN_D)


@pytest.mark.parametrize("format_", TEXTS, ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    "number", ["nan", "inf", "-inf", "1e999", "-0.1", "0,1", "1_0", "٠.١", "0x1", "", "0.1.0", "90"]
)
def test_what_is_not_a_probability_is_refused_with_its_line(format_: Format, number: str) -> None:
    message = refusal(format_, TEXTS[format_].replace("0.1", number, 1))
    assert message.startswith("file:"), message


@pytest.mark.parametrize("format_", TEXTS, ids=lambda f: f.__name__)
def test_a_row_that_does_not_sum_to_1_names_node_states_and_sum(format_: Format) -> None:
    message = refusal(format_, TEXTS[format_].replace("0.95", "0.9", 1))
    node, parent, state = ("1", "0", "1") if format_ is uai else ("F", "D", "absent")
    assert f"P({node} | {parent}={state})" in message
    assert "0.95" in message


@pytest.mark.parametrize("format_", TEXTS, ids=lambda f: f.__name__)
def test_a_row_off_by_rounding_is_brought_to_1_and_said(format_: Format) -> None:
    network = read(format_, TEXTS[format_].replace("0.95", "0.95003", 1))
    assert expand(network, network.nodes[1]).values.sum(axis=-1) == pytest.approx(1, abs=1e-15)
    assert len(network.remarks) == 1
    assert "1.00003" in network.remarks[0]
    assert "1.0002" in refusal(format_, TEXTS[format_].replace("0.95", "0.9502", 1))


@pytest.mark.parametrize("format_", [bif, hugin, xmlbif, xdsl], ids=lambda f: f.__name__)
def test_names_that_look_alike_are_one_name(format_: Format) -> None:
    """F declared in composed form, used in decomposed form."""
    text = TEXTS[format_].replace("F", "\u00e9", 1) if format_ is not xdsl else TEXTS[format_]
    text = text.replace("F", "e\u0301") if format_ in (bif, hugin) else text.replace(">F<", ">e\u0301<")
    text = text.replace("NAME>\u00e9", "NAME>F") if format_ is xmlbif else text
    node = "F" if format_ in (xdsl,) else "\u00e9"
    if format_ is xmlbif:
        text = XMLBIF.replace(">F<", ">\u00e9<", 1).replace(">F<", ">e\u0301<")
    assert read(format_, text).nodes == ("D", node)


@pytest.mark.parametrize("sign", ["\u202e", "\u200b", "\ufeff", "\u2066", "\x07"])
def test_names_that_cannot_be_shown_are_refused_and_escaped(sign: str) -> None:
    message = refusal(bif, BIF.replace("F", f"F{sign}X"))
    assert sign not in message
    assert sign.encode("unicode_escape").decode() in message


class TestBif:
    def test_a_table_with_parents_runs_through_the_child_slowest(self) -> None:
        text = BIF.replace("(present) 0.9, 0.1; (absent) 0.05, 0.95;", "table 0.9, 0.05, 0.1, 0.95;")
        assert np.array_equal(expand(read(bif, text), "F").values, F_GIVEN_D)

    def test_rows_are_keyed_by_state_and_a_default_fills_the_rest(self) -> None:
        text = BIF.replace("(present) 0.9, 0.1; (absent) 0.05, 0.95;", "default 0.9 0.1; (absent) 0.05, 0.95;")
        assert np.array_equal(expand(read(bif, text), "F").values, F_GIVEN_D)

    def test_strings_comments_and_web_addresses(self) -> None:
        text = (
            BIF.replace("somebody", "http://example.org/x").replace("D", '"D"').replace("network", "/* } */ network", 1)
        )
        assert read(bif, "// variable Z {\n" + text).nodes == ("D", "F")

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ("network t", "hello t", ["file:1", "hello"]),
            ("variable F", "variable D", ["file:3", "D", "twice"]),
            ("[ 2 ]", "[ 3 ]", ["file:2", "D", "3"]),
            ("[ 2 ]", "[ 99999999999999999999 ]", ["file:2", "D"]),
            ("discrete", "continuous", ["file:2", "D", "continuous"]),
            ("{ present, absent }", "{ present,, absent }", ["file:2", "D"]),
            ("(absent)", "(presnt)", ["file:5", "presnt", "Did you mean present?"]),
            ("(absent)", "(present)", ["file:5", "D=present", "twice"]),
            ("(absent) 0.05, 0.95;", "", ["file:5", "D=absent", "no row"]),
            ("(absent) 0.05", "(absent, absent) 0.05", ["file:5", "2 states, but there is 1 parent. Give one"]),
            ("0.05, 0.95", "0,05, 0,95", ["file:5", "D=absent", "decimal comma"]),
            ("0.05, 0.95", "0.05 0.95,", ["file:5", "D=absent", "comma"]),
            ("F | D", "F | E", ["file:5", "E", "parent of F"]),
            ("F | D", "F | D, D", ["file:5", "F"]),
            ("F | D", "F | F", ["file:5", "F is its own parent"]),
            ("F | D", "F || D", ["file:5", "head"]),
            ("probability ( D )", "probability ( E )", ["file:4", "E"]),
            ("probability ( D ) { table 0.1, 0.9; }", "", ["file:2", "D has no probabilities"]),
            ("0.1, 0.9;", "0.1, 0.9; table 0.5, 0.5;", ["file:4", "table"]),
            ("0.1, 0.9;", "0.1, 0.9; default 0.5, 0.5;", ["file:4", "D", "both"]),
            ("somebody", '"somebody', ["file:1", "never ends"]),
            ("somebody", "/* somebody", ["file:1", "never ends"]),
        ],
    )
    def test_refusals(self, old: str, new: str, words: list[str]) -> None:
        message = refusal(bif, BIF.replace(old, new, 1))
        assert [word for word in words if word not in message] == [], message

    def test_a_second_table_and_a_second_network(self) -> None:
        assert "two probability tables" in refusal(bif, BIF + "probability ( D ) { table 0.5, 0.5; }")
        assert "second network" in refusal(bif, BIF + BIF)

    def test_sizes_are_checked_before_anything_is_allocated(self) -> None:
        states = ", ".join(f"s{i}" for i in range(1000))
        many = "".join(f"variable V{i} {{ type discrete [ 1000 ] {{ {states} }}; }}\n" for i in range(5))
        text = f"network t {{ }}\n{many}probability ( V0 | V1, V2, V3, V4 ) {{ default 1; }}"
        with pytest.raises(TooLarge, match="1,000,000,000,000,000 entries"):
            read(bif, text)

    def test_a_name_with_a_quotation_mark_cannot_be_written(self) -> None:
        network = BayesNet.build('a"b', {'a"b': ("x",)}, {'a"b': Table((), np.array([1.0]))})
        with pytest.raises(SpecError, match="quotation mark"):
            bif.write(network)


class TestXmlbif:
    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ('VERSION="0.3"', 'VERSION="0.5"', ["file:1", "0.5"]),
            ('TYPE="nature"', 'TYPE="decision"', ["file:2", "D", "decision"]),
            ("<NAME>F</NAME>", "<NAME>D</NAME>", ["file:3", "D", "twice"]),
            ("<OUTCOME>absent</OUTCOME>", "<OUTCOME>present</OUTCOME>", ["file:2", "D", "twice"]),
            ("<FOR>F</FOR>", "<FOR>D</FOR>", ["D"]),
            ("<GIVEN>D</GIVEN>", "<GIVEN>d</GIVEN>", ["file:5", "d", "parent of F"]),
            ("<TABLE>0.1 0.9</TABLE>", "", ["file:4", "<TABLE>", "D"]),
            ("0.1 0.9", "0.1<!-- or -->0.9", ["file:4", "0.10.9"]),
            ("0.1 0.9", "<P>0.1</P> 0.9", ["file:4", "<TABLE>"]),
            ("0.9 0.1 0.05 0.95", "0.9 0.05 0.1 0.95", ["file:5", "P(F | D=", "not 1"]),
            ("<DEFINITION>", "<PROBABILITY/><DEFINITION>", ["file:4", "PROBABILITY"]),
            ("</BIF>", "", ["file:7", "no element found"]),
            ("<BIF", "<!DOCTYPE BIF [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><BIF", ["file:1", "entity"]),
            ("<BIF", "<!DOCTYPE BIF [<!ENTITY % x 'y'>]><BIF", ["file:1", "entity"]),
            ("<BIF", "<!DOCTYPE BIF SYSTEM 'http://127.0.0.1:9/x'><BIF a='&x;'", ["file:1", "DOCTYPE"]),
            ("0.1 0.9", "&x;", ["file:4", "entity"]),
        ],
    )
    def test_refusals(self, old: str, new: str, words: list[str]) -> None:
        message = refusal(xmlbif, XMLBIF.replace(old, new, 1))
        assert [word for word in words if word not in message] == [], message

    def test_a_doctype_of_declarations_is_read_over(self) -> None:
        dtd = "<!DOCTYPE BIF [<!ELEMENT BIF (NETWORK)*><!ATTLIST BIF VERSION CDATA #REQUIRED>]>"
        assert read(xmlbif, dtd + XMLBIF).nodes == ("D", "F")

    def test_encodings_are_those_that_the_file_declares(self) -> None:
        text = XMLBIF.replace("present", "présent")
        for name in ("ISO-8859-1", "UTF-16", "windows-1252", "UTF-8"):
            data = f'<?xml version="1.0" encoding="{name}"?>\n{text}'.encode(name)
            assert read(xmlbif, data).states["D"] == ("présent", "absent")
        assert "file:" in refusal(xmlbif, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode("latin-1"))
        assert "file" in refusal(xmlbif, f'<?xml version="1.0" encoding="klingon"?>\n{text}'.encode())

    def test_depth_and_number_of_elements_are_limited(self) -> None:
        assert "50 levels" in refusal(xmlbif, "<BIF>" * 100_000)
        assert "500,000 elements" in refusal(xmlbif, "<BIF>" + "<a/>" * 600_000)


class TestXdsl:
    def test_a_deterministic_node(self) -> None:
        text = XDSL.replace('<cpt id="F">', '<deterministic id="F">').replace("0.9 0.1 0.05 0.95", "absent present")
        text = text.replace("<probabilities>absent", "<resultingstates>absent").replace(
            "present</probabilities></cpt>\n</n", "present</resultingstates></deterministic>\n</n"
        )
        assert np.array_equal(expand(read(xdsl, text), "F").values, [[0, 1], [1, 0]])
        assert "Did you mean absent?" in refusal(
            xdsl, text.replace("<resultingstates>absent", "<resultingstates>absnt")
        )
        assert "2 needed, 1 found" in refusal(xdsl, text.replace("absent present</res", "absent</res"))

    def noisymax(self, strengths: str, parameters: str) -> str:
        node = '<noisymax id="G"><state id="high"/><state id="low"/><state id="none"/><parents>D</parents>'
        node += f"<strengths>{strengths}</strengths><parameters>{parameters}</parameters></noisymax>"
        return XDSL.replace("</nodes>", node + "</nodes>")

    def test_a_noisy_max_is_turned_round_and_keeps_its_meaning(self) -> None:
        network = read(xdsl, self.noisymax("0 1", "0.5 0.3 0.2 0 0 1 0.01 0.04 0.95"))
        assert isinstance(network.models["G"], NoisyMax)
        assert network.states["G"] == ("none", "low", "high")
        table = expand(network, "G").values
        assert table[0, 0] == pytest.approx(0.2 * 0.95)  # neither D nor the leak
        assert table[0, 2] == pytest.approx(1 - 0.5 * 0.99)  # either
        assert table[1] == pytest.approx([0.95, 0.04, 0.01])

    def test_columns_follow_the_strengths(self) -> None:
        network = read(xdsl, self.noisymax("1 0", "0.5 0.3 0.2 0 0 1 0 0 1"))
        assert expand(network, "G").values == pytest.approx(np.array([[1, 0, 0], [0.2, 0.3, 0.5]]))

    def test_a_turned_parent_turns_the_tables_of_its_children(self) -> None:
        child = '<cpt id="H"><state id="a"/><state id="b"/><parents>G D</parents><probabilities>'
        child += "0.1 0.9 0.2 0.8 0.3 0.7 0.4 0.6 0.5 0.5 0.6 0.4</probabilities></cpt></nodes>"
        text = self.noisymax("0 1", "0.5 0.3 0.2 0 0 1 0.01 0.04 0.95").replace("</nodes>", child)
        network = read(xdsl, text)
        table = expand(network, "H").values
        high, none = network.states["G"].index("high"), network.states["G"].index("none")
        assert table[high, 0, 0] == 0.1
        assert table[none, 1, 0] == 0.6

    @pytest.mark.parametrize(
        ("strengths", "parameters", "word"),
        [
            ("0 1", "0.5 0.3 0.2 0.1 0 0.9 0 0 1", "for certain"),
            ("0 0", "0.5 0.3 0.2 0 0 1 0 0 1", "not an order"),
            ("0 1 2", "0.5 0.3 0.2 0 0 1 0 0 1", "more strengths"),
            ("0 1", "0.5 0.3 0.2 0 0 1", "9 needed, 6 found"),
            ("0 1", "0.5 0.3 0.1 0 0 1 0 0 1", "sums to 0.9"),
        ],
    )
    def test_a_noisy_max_that_is_none(self, strengths: str, parameters: str, word: str) -> None:
        message = refusal(xdsl, self.noisymax(strengths, parameters))
        assert word in message
        assert "G" in message

    @pytest.mark.parametrize("kind", ["decision", "utility", "equation", "noisyadder", "mau", "demorgan"])
    def test_other_nodes_are_refused_by_name(self, kind: str) -> None:
        message = refusal(xdsl, XDSL.replace("</nodes>", f'<{kind} id="U"><state id="a"/></{kind}></nodes>'))
        assert f"U is {'an' if kind == 'equation' else 'a'} {kind} node;" in message

    def test_a_dynamic_network_is_refused(self) -> None:
        assert "dynamic" in refusal(xdsl, XDSL.replace("</nodes>", "</nodes><dynamic/>"))
        assert "dynamic" in refusal(xdsl, XDSL.replace('id="D"', 'id="D" dynamic="plate"'))

    def test_a_noisy_max_that_genie_cannot_hold_is_written_as_its_table(self) -> None:
        two = Term(("A", "B"), np.full((2, 2, 2), 0.5))
        states = {"A": ("n", "y"), "B": ("n", "y"), "C": ("n", "y")}
        models = {"A": Table((), np.array([0.5, 0.5])), "B": Table((), np.array([0.5, 0.5])), "C": NoisyMax((two,))}
        again = read(xdsl, xdsl.write(BayesNet.build("t", states, models)))
        assert isinstance(again.models["C"], Table)
        assert again.states == states

    def test_ids_that_genie_would_refuse_are_kept_as_properties(self) -> None:
        network = BayesNet.build("a b", {"x/y": ("0", "1")}, {"x/y": Table((), np.array([0.5, 0.5]))})
        text = xdsl.write(network)
        assert 'id="x_y"' in text
        assert '<state id="x0" />' in text
        assert read(xdsl, text).states == network.states
        assert "ddx properties" in refusal(xdsl, text.replace('["0", "1"]', '["0"]'))
        assert "not a list of words" in refusal(xdsl, text.replace('["0", "1"]', "[0, 1]"))


class TestUai:
    def test_the_scope_is_not_sorted(self) -> None:
        text = (
            "BAYES 3 2 3 2 3 1 2 1 0 3 2 0 1 2 0.4 0.6 2 0.3 0.7 12 0.1 0.2 0.7 0.3 0.3 0.4 0.5 0.25 0.25 0.6 0.2 0.2"
        )
        network = read(uai, text)
        assert network.parents("1") == ("2", "0")
        p = np.einsum("c,a,cab->b", [0.4, 0.6], [0.3, 0.7], expand(network, "1").values)
        assert p[0] == pytest.approx(0.438)

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ("BAYES", "MARKOV", ["file:1", "MARKOV", "BAYES"]),
            ("BAYES", "bayes", ["file:1", "bayes"]),
            ("2\n2 2", "1000000000\n2 2", ["file:2"]),
            ("2\n2 2", "200\n2 2", ["file:2", "200 variables"]),
            ("2 2\n", "-2 2\n", ["file:3", "-2"]),
            ("2 2\n", "0 2\n", ["0 has no states"]),
            ("2 2\n", "900000000 2\n", ["file:3"]),
            ("2 0 1", "2 0 7", ["7"]),
            ("2 0 1", "2 1 1", ["1 is its own parent"]),
            ("2 0 1", "0", ["file:6"]),
            ("1 0\n", "1 1\n", ["file:11", "1 has two"]),
            ("\n4\n", "\n5\n", ["file:11", "5 numbers"]),
            ("0.05 0.95", "0.05", ["4 numbers"]),
            ("0.05 0.95", "0.05 0.95 0.5", ["file:13", "after the last table"]),
        ],
    )
    def test_refusals(self, old: str, new: str, words: list[str]) -> None:
        message = refusal(uai, UAI.replace(old, new, 1))
        assert [word for word in words if word not in message] == [], message

    def test_evidence(self) -> None:
        def evidence(text: str) -> dict[str, str]:
            return uai.read_evidence(Source(text.encode(), "file", "stem"))

        assert evidence("2 0 1 5 0\n") == {"0": "1", "5": "0"}
        assert evidence("1\n2 0 1 5 0\n") == {"0": "1", "5": "0"}
        assert evidence("0\n") == {}
        assert evidence("1 4 1") == {"4": "1"}
        for bad in ("", "2 0 1", "2 0 1 0 0", "1 0 x", "1 0 -1"):
            with pytest.raises(DdxError, match="file"):
                evidence(bad)


class TestHugin:
    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ("net {", "class Net {", ["file:1", "class"]),
            ("net {", '#include "/etc/passwd"\nnet {', ["file:1", "#include"]),
            ("node D", "decision D", ["file:2", "decision", "D"]),
            ("node D", "continuous node D", ["file:2", "continuous"]),
            ("node F", "node D", ["file:3", "D", "twice"]),
            ('states = ("present" "absent");', "", ["file:2", "D", "states"]),
            ('("present" "absent")', "(present absent)", ["file:2", "D", "states"]),
            ("data = (0.1 0.9);", "", ["file:4", "D", "no data"]),
            ("data = (0.1 0.9);", "model_data = (NoisyOR(D, 0.1));", ["file:4", "D", "model_data"]),
            ("data = (0.1 0.9);", "data = (0.1 0.9); data = (0.1 0.9);", ["file:4", "twice"]),
            ("((0.9 0.1)(0.05 0.95))", "((0.9 0.1 0.05 0.95))", ["file:5", "F", "parentheses"]),
            ("((0.9 0.1)(0.05 0.95))", "((0.9 0.1)(0.05 0.95)", ["file:5", "F", "parentheses"]),
            ("((0.9 0.1)(0.05 0.95))", "((0.9) (0.1 0.05 0.95))", ["file:5", "F", "parentheses"]),
            ("F | D", "F D |", ["file:5", "head"]),
            ("F | D", "F | E", ["file:5", "E", "parent of F"]),
            ("potential (D)", "potential (F)", ["F"]),
        ],
    )
    def test_refusals(self, old: str, new: str, words: list[str]) -> None:
        message = refusal(hugin, NET.replace(old, new, 1))
        assert [word for word in words if word not in message] == [], message

    def test_flat_data_comments_and_escapes(self) -> None:
        text = NET.replace("((0.9 0.1)(0.05 0.95))", "(0.9 0.1 0.05 0.95) % (1 2)\n").replace(
            "absent", 'not \\"there\\"'
        )
        network = read(hugin, text)
        assert np.array_equal(expand(network, "F").values, F_GIVEN_D)
        assert network.states["D"] == ("present", 'not "there"')

    def test_latin_1_is_read_in_comments_only(self) -> None:
        assert read(hugin, NET.replace("node D", "% Søren\nnode D").encode("latin-1")).nodes == ("D", "F")
        message = refusal(hugin, NET.replace("absent", "fravær").encode("latin-1"))
        assert "UTF-8" in message
        assert "0xe6" in message

    def test_a_file_of_another_kind_of_text(self) -> None:
        with pytest.raises(FileProblem, match="UTF-16"):
            read(hugin, NET.encode("utf-16"))
