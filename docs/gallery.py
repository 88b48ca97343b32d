"""
Twenty broken rule files and what their author sees: a page of docs/reference.

In: the files below.  Out: the page, from the errors that `mal` raises; a test compares it.
"""

from podwire.mal.rules import mistakes, warnings

HEAD = "metricPrefix: shop\n"
SUFFIX = "expSuffix: service(['service'], Layer.GENERAL)\n"


def rule(exp: str, head: str = HEAD + SUFFIX) -> str:
    """A file with one rule."""
    return f"{head}metricsRules:\n  - name: requests\n    exp: {exp}\n"


BROKEN = (
    ("A function that does not exist", rule("requests_total.sux(['service'])")),
    ("Another language's aggregation", rule("requests_total.sum(by=['service'])")),
    ("A list without anything in it", rule("requests_total.sum([])")),
    ("A label named twice", rule("requests_total.sum(['service', 'service'])")),
    ("A text where a list is wanted", rule("requests_total.sum('service')")),
    ("A range that is no duration", rule("requests_total.rate('5m')")),
    ("A function on its own", rule("sum(requests_total, ['service'])")),
    ("A parenthesis too few", rule("(requests_total.sum(['service']) * 100")),
    ("A word of the language as a label", rule("requests_total.tag({ tags -> tags.in = 'x' })")),
    ("A closure without its arrow", rule("requests_total.tag({ tags.zone = 'a' })")),
    ("A label that is no text", rule("requests_total.tag({ tags -> tags.code = 200 })")),
    ("A variable nobody declared", rule("requests_total.tag({ tags -> tags.zone = zone })")),
    (
        "A comparison in parentheses",
        rule("\"requests_total.tag({ tags -> tags.a = (tags.b == 'x') ? 'y' : 'z' })\""),
    ),
    ("A pattern that is none", rule("requests_total.tagMatch('code', '5[0-9')")),
    ("A metric function that does not exist", rule("sizes.histogram().downsampling(LATEST)")),
    ("Nobody says what the metric is of", rule("requests_total.sum(['service'])", HEAD)),
    (
        "A filter that is no condition",
        rule(
            "requests_total",
            HEAD + SUFFIX + "filter: \"{ tags -> if (tags.job == 'x') { return true } }\"\n",
        ),
    ),
    (
        "A mistake in what every rule shares",
        rule(
            "requests_total.sum(['service'])",
            HEAD
            + SUFFIX
            + "expPrefix: |-\n  tag({ tags ->\n    tags.zone = tags.host.foo()\n  })\n",
        ),
    ),
    ("A key that does not exist", rule("requests_total", HEAD + SUFFIX + "metricRules: []\n")),
    (
        "One name for two kinds of metric",
        rule("requests_total.sum(['service'])")
        + "  - name: requests\n    exp: requests_total.sum(['service']).downsampling(MAX)\n",
    ),
    ("A character that means nothing: a warning", rule("requests_total.sum(['service']) $")),
)


def gallery() -> str:
    """The page."""
    parts = [
        "# What is wrong with this rule?",
        "Broken rule files, and what `podwire mal check` says of each. A backend says the same, "
        "starts with none of a file's rules, and goes on with the old ones when it runs already.",
    ]
    for title, text in BROKEN:
        said = [*mistakes(text, "rules.yaml"), *warnings(text, "rules.yaml")]
        errors = "\n".join(map(str, said))
        parts += [f"## {title}", f"```yaml\n{text}```", f"```\n{errors}\n```"]
    return "\n\n".join(parts) + "\n"
