"""Comments fit, in whole pieces, and cannot be broken by what is in them."""

from __future__ import annotations

import re

import pytest

from review.change import Change
from review.comment import comment
from review.limit import GITHUB, Piece, fit, size
from review.preview import Preview
from review.words import code, fenced, row, value

LIMITS = (3_000, 9_000, 20_000, GITHUB)


def many(number: int, text: str = "line\n" * 40) -> Preview:
    """Return a preview with that many changed ConfigMaps, each with a text and a table."""

    def config(index: int, content: str) -> dict[str, object]:
        return {
            "metadata": {"name": f"config-{index}"},
            "data": {"file": content, "small": str(len(content))},
        }

    return Preview(
        [
            Change(
                operation="update",
                type="kubernetes:core/v1:ConfigMap",
                name=f"config-{index}",
                old=config(index, text),
                new=config(index, text + "```\n| new é | <!-- `x` @somebody\n" + text[: 5 * index]),
            )
            for index in range(number)
        ]
    )


def whole(text: str) -> bool:
    """Tell whether every block of code and every fold is closed, and every row has all of its cells."""
    fence: str | None = None
    width = 0
    for line in text.splitlines():
        found = re.match(r"(`{3,})(.*)$", line)
        if fence is None and found:
            fence = found[1]
        elif fence is not None:
            fence = None if line == fence else fence
        elif line.startswith("|"):
            cells = len(re.findall(r"(?<!\\)\|", line))
            if width and cells != width:
                return False
            width = cells
        else:
            width = 0
    return fence is None and text.count("<details>") == text.count("</details>")


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("number", [1, 20, 400])
def test_a_comment_fits_and_is_whole(limit: int, number: int) -> None:
    text = comment("opendata", many(number), limit=limit)
    assert size(text) <= limit and whole(text)
    cut = "**Cut to what GitHub takes.**" in text
    assert cut == (number > text.count("<details>"))


def test_a_cut_says_what_is_missing_and_keeps_the_summary() -> None:
    text = comment("opendata", many(400), limit=9_000)
    assert re.search(r"\d+ parts left out or shortened: `ConfigMap config-\d+`.* more", text)
    assert "### What users notice" in text


def test_a_block_cut_open_would_be_noticed() -> None:
    text = comment("opendata", many(20), limit=GITHUB)
    assert not whole(text[: text.index("```diff") + 60])
    assert not whole(text[: text.index("| `data.small`") + 5])


def test_what_fits_exactly_is_not_cut() -> None:
    pieces = [Piece("x" * 100, "one"), Piece("y" * 100, "two")]
    exactly = size(fit("head", pieces, 10_000))
    assert "Cut" not in fit("head", pieces, exactly)


def test_a_piece_without_room_is_shortened_before_it_is_left_out() -> None:
    text = fit("head", [Piece("x" * 5000, "one", short="- one"), Piece("y" * 10, "two")], 3_000)
    assert "- one" in text and "y" * 10 in text and "x" not in text.split("Cut")[0].replace("- one", "")


@pytest.mark.parametrize("limit", [6_000, GITHUB])
def test_a_flood_of_failures_and_warnings_fits(limit: int) -> None:
    flood = [
        "x" * 100_000,
        "\n".join(["```"] * 500),
        *(f"error {number} " + "é" * 400 for number in range(500)),
    ]
    given = Preview(many(30).changes, failures=flood, warnings=flood)
    text = comment("opendata", given, flood, limit=limit, source="Of a test.")
    assert size(text) <= limit and whole(text) and "the preview **failed**" in text


def test_a_summary_without_room_is_an_error() -> None:
    with pytest.raises(ValueError, match="the summary alone"):
        fit("x" * 5000, [Piece("y" * 5000, "one")], 5_050)


def test_bytes_are_counted_not_characters() -> None:
    assert size("é") == 2


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("plain", "`plain`"),
        ("a`b", "``a`b``"),
        ("`", "`` ` ``"),
        ("two\nlines", "`two lines`"),
        ("", "` `"),
        ("@somebody <!-- -->", "`@somebody <!-- -->`"),
    ],
)
def test_a_code_span_holds_any_text(text: str, span: str) -> None:
    assert code(text) == span


def test_a_block_is_not_ended_by_what_is_in_it() -> None:
    assert fenced("a\n````\nb", "diff") == "`````diff\na\n````\nb\n`````"


def test_a_bar_does_not_end_a_cell() -> None:
    assert row(code("a|b"), "c") == "| `a\\|b` | c |"


def test_a_long_value_is_cut_with_its_length() -> None:
    assert value("x" * 1000).endswith("…` (1000 characters)")
