"""The portable subset: which built-in functions a policy may call, and why not the others.

A built-in is allowed when both engines have it and answer alike, measured with OPA's own
conformance cases and with generated inputs beyond them (tests/conformance repeats the
latter). The rest is refused at publish time instead of being found out in front of a
request, where an engine that lacks a function either errs or leaves a denial undefined.
Facts that need a refused function (an address within a network, the order of two
versions, the time) are computed in Python and handed in as `input.facts`.

What no list of functions can keep apart: to the embedded engine, `.` in a pattern is one
byte, and a quote, a backslash or a control character is none of the characters that a
pattern can name; values of different types have another order than in OPA, the empty text
comes last, and numbers beyond 2^53 lose digits. Policies should not rest on any of these.
"""

from dataclasses import dataclass

_NUMBERS = {"ceil", "floor", "round", "sum", "units.parse_bytes"}
_ARRAYS = {"array.concat", "array.reverse", "array.slice", "count"}
_SETS = {"set", "intersection", "union"}
_OBJECTS = {"object.filter", "object.get", "object.keys", "object.remove", "object.subset"}
_STRINGS = {
    "contains",
    "endswith",
    "replace",
    "split",
    "sprintf",
    "startswith",
    "strings.any_prefix_match",
    "strings.any_suffix_match",
    "trim_prefix",
    "trim_suffix",
}
_PATTERNS = {"regex.match"}  # with a literal pattern that `policy.lint` has judged
_TYPES = {"is_array", "is_boolean", "is_null", "is_number", "is_object", "is_set", "is_string", "type_name"}

ALLOWED = frozenset(_NUMBERS | _ARRAYS | _SETS | _OBJECTS | _STRINGS | _PATTERNS | _TYPES)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a function, or a whole namespace when the name ends in a dot, is not in the subset."""

    name: str
    reason: str
    fix: str


_UNESCAPED = "the embedded engine knows other white space, and forgets to escape what is left"
_PREFIX = "use trim_prefix or trim_suffix"
_LETTERS = "the embedded engine orders numbers as if they were words"
_FACTS = "have it computed outside and read it from input.facts"

REFUSED = (
    Refusal("http.", "a policy must not reach the network", _FACTS),
    Refusal("net.lookup_ip_addr", "a policy must not reach the network", _FACTS),
    Refusal("opa.", "it reveals the environment of the policy engine", "remove it"),
    Refusal("time.", "a decision must replay alike, and the engines disagree on dates", "compare input.now"),
    Refusal("rand.", "a decision must replay alike", _FACTS),
    Refusal("uuid.", "a decision must replay alike", _FACTS),
    Refusal("net.", "the embedded engine lacks it", _FACTS),
    Refusal("semver.", "the embedded engine orders versions wrongly", _FACTS),
    Refusal("object.union", "the embedded engine merges only the first level", "name the keys"),
    Refusal("object.union_n", "the embedded engine merges only the first level", "name the keys"),
    Refusal("json.", "the engines disagree on it", _FACTS),
    Refusal("yaml.", "the engines disagree on it", _FACTS),
    Refusal("regex.", "patterns differ between the engines and can run for ever", "use regex.match"),
    Refusal("glob.", "patterns differ between the engines", "use startswith, endswith or regex.match"),
    Refusal("crypto.", "a policy has no business with keys, and the engines disagree", _FACTS),
    Refusal("io.jwt.", "tokens are checked before policy is asked", "read input.actor"),
    Refusal("hex.", "the embedded engine breaks text beyond ASCII", _FACTS),
    Refusal("base64.", "it can carry a secret past the masks", _FACTS),
    Refusal("base64url.", "it can carry a secret past the masks", _FACTS),
    Refusal("urlquery.", "the engines disagree on it", _FACTS),
    Refusal("graphql.", "the embedded engine lacks it", _FACTS),
    Refusal("providers.", "the embedded engine lacks it", "remove it"),
    Refusal("rego.", "the embedded engine lacks it", "remove it"),
    Refusal("graph.", "the engines disagree on it", _FACTS),
    Refusal("numbers.", "a range can be made to fill the memory", "list what you need"),
    Refusal("bits.", "no policy needs it", "compare numbers"),
    Refusal("upper", "the embedded engine changes ASCII letters only", "compare the text as it is"),
    Refusal("lower", "the embedded engine changes ASCII letters only", "compare the text as it is"),
    Refusal(
        "substring",
        "the embedded engine cuts characters beyond ASCII apart",
        "use startswith, endswith or split",
    ),
    Refusal("indexof", "the embedded engine counts bytes", "use contains"),
    Refusal("indexof_n", "the embedded engine counts bytes", "use contains"),
    Refusal(
        "strings.", "the embedded engine lacks it or breaks text beyond ASCII", "use contains or replace"
    ),
    Refusal("concat", "the embedded engine puts a single text in quotes", "use sprintf"),
    Refusal("trim", _UNESCAPED, _PREFIX),
    Refusal("trim_left", _UNESCAPED, _PREFIX),
    Refusal("trim_right", _UNESCAPED, _PREFIX),
    Refusal("trim_space", _UNESCAPED, _PREFIX),
    Refusal("max", _LETTERS, "compare each: some n in …, then n > limit"),
    Refusal("min", _LETTERS, "compare each: some n in …, then n < limit"),
    Refusal("sort", _LETTERS, "use a set"),
    Refusal("product", "the engines round differently", _FACTS),
    Refusal("abs", "the embedded engine rounds small numbers to zero", "compare both signs"),
    Refusal("format_int", "the embedded engine writes other digits", "use sprintf with %v"),
    Refusal("to_number", "the embedded engine takes 10Gi for 10", "have the schema ask for a number"),
    Refusal("walk", "it lets the cost grow with the input", "name the path"),
    Refusal("print", "what it prints would leave the masks behind", "put it into the message"),
    Refusal("trace", "what it prints would leave the masks behind", "put it into the message"),
    Refusal("all", "Rego v1 has no such function", "use every"),
    Refusal("any", "Rego v1 has no such function", "use some"),
)


def refusal(function: str) -> Refusal | None:
    """Return why a known built-in is refused; None when nobody knows a function of that name."""
    return next((rule for rule in REFUSED if _covers(rule.name, function)), None)


def _covers(name: str, function: str) -> bool:
    return function.startswith(name) if name.endswith(".") else function == name
