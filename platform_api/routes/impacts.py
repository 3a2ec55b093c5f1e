"""Impacts: what a contract version, or other policies, would do to the requests that are there.

Operations of their own instead of dry runs: an impact changes nothing and takes a while, so it
holds no transaction and no idempotency key, and it is a list, with pages, filters and exports.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, Header, Query
from pydantic import Field
from starlette.responses import JSONResponse, Response

from catalog.errors import Invalid
from platform_api import policy_impact, publish_impact
from platform_api.bodies import MIB, JsonBody
from platform_api.compatibility_views import CompatibilityView
from platform_api.doors import List, Parts, SignedIn, answers
from platform_api.exports import CSV_TYPE, as_csv
from platform_api.impact_counts import START, Counts, Key, Part
from platform_api.impact_views import ImpactPage, ImpactView, SummaryView, csv_rows
from platform_api.paging import Window
from platform_api.policy_impact import PolicyOutcome
from platform_api.routes.contracts import PublishContract, offer_of
from platform_api.source_views import SourceView
from platform_api.wire import Body, Given
from reconciler.impact import Impact, Outcome

router = APIRouter(tags=["impacts"])

PolicyFile = Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9_-]*\.rego|settings\.json)$", max_length=100)]
SettingName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)]


class ProposePolicies(Body):
    """Policies as the operator's folder would hold them, and settings to lay over; either may be left out."""

    files: Given[dict[PolicyFile, str]] = Field(
        None, max_length=100, description="The folder's `*.rego` and `settings.json`; else it stays as it is."
    )
    settings: dict[SettingName, Any] = Field(default_factory=dict, max_length=100)


class Format(StrEnum):
    """How all of an impact is given at once; without one it comes in pages."""

    JSON = "json"
    CSV = "csv"


class Found(Protocol):
    """An impact that can be looked at, in portions."""

    @property
    def mark(self) -> str:
        """Return what tells this impact from others."""
        ...

    def parts(self, after: Key = START) -> Iterator[Part]:
        """Yield what becomes of the requests after one of them."""
        ...


@dataclass(frozen=True, slots=True)
class About:
    """What is said of the bundle itself, beside what it would do."""

    compatibility: CompatibilityView | None = None
    source: SourceView | None = None


NOTHING_SAID = About()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of an impact is wanted.

    Attributes:
        format: all of it in this form; None gives a page.
        outcomes: only these are listed; none stands for all.
    """

    window: Window
    format: Format | None
    outcomes: frozenset[str]

    def answer(self, found: Found, about: About = NOTHING_SAID) -> Response:
        """Return what was asked for."""
        if self.format is None:
            return _json(self._page(found, about))
        counts, kept = Counts(), list[Impact]()
        for part in found.parts():
            counts.add(part)
            kept += self._among(part)
        if self.format is Format.CSV:
            return Response(as_csv(csv_rows(kept)), media_type=CSV_TYPE)
        items = list(map(ImpactView.of, kept))
        summary = SummaryView.of(counts)
        return _json(
            ImpactPage(compatibility=about.compatibility, source=about.source, summary=summary, items=items)
        )

    def _page(self, found: Found, about: About) -> ImpactPage:
        after = self._after(found.mark)
        is_first, counts, kept = after == START, Counts(), list[Impact]()
        for part in found.parts(after):
            counts.add(part)
            kept += self._among(part)[: self.window.limit - len(kept)]
            if not is_first and len(kept) == self.window.limit:
                break  # only the first page says how many there are, and needs to see all
        page = self.window.page(kept, ImpactView.of, lambda impact: [*_key(impact), found.mark])
        summary = SummaryView.of(counts) if is_first else None
        return ImpactPage(
            compatibility=about.compatibility if is_first else None,
            source=about.source if is_first else None,
            summary=summary,
            items=page.items,
            next_page_token=page.next_page_token,
        )

    def _after(self, mark: str) -> Key:
        """Return after which request the page begins; a token goes on with the same impact only.

        Raises:
            Invalid: `invalid_page_token`.
        """
        if not self.window.after:
            return START
        contract, uid, of = map(str, self.window.after)
        if of != mark:
            raise Invalid(
                "invalid_page_token",
                "The page token belongs to the impact of something else.",
                fix="start again without page_token",
            )
        return contract, uid

    def _among(self, part: Part) -> list[Impact]:
        return [each for each in part.impacts if not self.outcomes or str(each.outcome) in self.outcomes]


FormatQuery = Annotated[
    Format | None,
    Query(alias="format", description="Give all of it at once; with `Accept: text/csv` it is csv."),
]
AcceptHeader = Annotated[str, Header(max_length=200, include_in_schema=False)]
OutcomeQuery = Annotated[list[Outcome] | None, Query(max_length=10, description="Only these; repeatable.")]
PolicyOutcomeQuery = Annotated[
    list[PolicyOutcome] | None, Query(max_length=10, description="Only these; repeatable.")
]
Bundle = Annotated[PublishContract, Depends(JsonBody(PublishContract, limit=3 * MIB))]
Proposal = Annotated[ProposePolicies, Depends(JsonBody(ProposePolicies))]
_TABLE = {"content": {"text/csv": {"schema": {"type": "string"}}}}
ANSWERS: dict[int | str, dict[str, Any]] = {200: {**answers(ImpactPage, 200)[200], **_TABLE}}


@router.post("/v1/contracts/impact", operation_id="getPublishImpact", response_model=None, responses=ANSWERS)
def get_publish_impact(
    *,
    platform: Parts,
    actor: SignedIn,
    body: Bundle,
    window: List,
    outcome: OutcomeQuery = None,
    format_: FormatQuery = None,
    accept: AcceptHeader = "",
) -> Response:
    """Show what publishing this bundle would do to every live request; for those who may publish it."""
    offer = offer_of(platform, actor, body)
    found = publish_impact.of_bundle(platform, actor, offer, body.canary)
    source = None if offer.source is None else SourceView.of(offer.source)
    about = About(CompatibilityView.of(found.compatibility), source)
    return _wanted(window, format_, accept, outcome).answer(found, about)


@router.post("/v1/policies/impact", operation_id="getPolicyImpact", response_model=None, responses=ANSWERS)
def get_policy_impact(
    *,
    platform: Parts,
    actor: SignedIn,
    body: Proposal,
    window: List,
    outcome: PolicyOutcomeQuery = None,
    format_: FormatQuery = None,
    accept: AcceptHeader = "",
) -> Response:
    """Show what these policies would say of every live request; for who oversees all projects."""
    found = policy_impact.of_proposal(platform, actor, body.files, body.settings)
    return _wanted(window, format_, accept, outcome).answer(found)


def _wanted(
    window: Window, format_: Format | None, accept: str, outcomes: Iterable[StrEnum] | None
) -> Wanted:
    is_table = format_ is None and accept.strip().lower().startswith("text/csv")
    return Wanted(window, Format.CSV if is_table else format_, frozenset(map(str, outcomes or ())))


def _key(impact: Impact) -> Key:
    return impact.request.contract, impact.request.uid


def _json(page: ImpactPage) -> Response:
    return JSONResponse(page.model_dump(mode="json"))
