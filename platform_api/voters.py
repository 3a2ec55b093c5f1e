"""Who somebody is when it comes to approvals: his groups, and the seats that others handed to him.

The rules (`executors.workflow.approval`) take a `Voter`; what only the platform knows of a
person is put together here, for a door that judges an act and for a list that says what its
reader may do. A giver who could not vote in the project himself has no seat there, so his
delegations lead nowhere.
"""

from datetime import datetime

from catalog.actor import Actor
from catalog.db import Tx
from executors.workflow.ballot import Delegation, Standing, Voter
from executors.workflow.inbox import Wanted
from platform_api import delegations, tokens
from platform_api.delegations import Absence


class Voters:
    """Looks people up, each once; lives as long as one transaction."""

    def __init__(self, tx: Tx, now: datetime) -> None:
        self._tx = tx
        self.now = now
        self._people: dict[str, Actor] = {}
        self._handed: dict[str, list[Absence]] = {}

    def person(self, subject: str) -> Actor:
        """Return all that a person may with any of his valid tokens."""
        if subject not in self._people:
            self._people[subject] = tokens.person(self._tx, subject, self.now)
        return self._people[subject]

    def voter(self, actor: Actor, project: str, standing: Standing | None = None) -> Voter:
        """Return an actor as a voter in a project, with the seats that lead to him."""
        explicit = () if standing is None else standing.delegations
        found: list[Delegation] = []
        reached, waiting = {actor.subject}, [actor.subject]
        while waiting:
            delegate = waiting.pop()
            absences = [each for each in self._absences(delegate) if self._has_seat(each.giver, project)]
            found += [self._delegation(each) for each in absences]
            givers = {each.giver for each in absences}
            givers |= {each.giver for each in explicit if each.delegate == delegate}
            waiting += givers - reached
            reached |= givers
        return Voter(actor.subject, actor.groups, tuple(found))

    def asked(self, actor: Actor) -> Wanted:
        """Return the filter for what an actor can act upon: asked of him, or of those he stands in for."""
        people, groups, waiting = {actor.subject}, {*actor.groups}, [actor.subject]
        while waiting:
            for each in self._absences(waiting.pop()):
                if each.giver not in people:
                    people.add(each.giver)
                    groups.update(self.person(each.giver).groups)
                    waiting.append(each.giver)
        return Wanted(people=people, groups=groups, is_open_to_all=True, not_asked_by=actor.subject)

    def _absences(self, delegate: str) -> list[Absence]:
        if delegate not in self._handed:
            self._handed[delegate] = delegations.handed_to(self._tx, [delegate], self.now)
        return self._handed[delegate]

    def _has_seat(self, giver: str, project: str) -> bool:
        return self.person(giver).may_approve(project)

    def _delegation(self, absence: Absence) -> Delegation:
        groups = self.person(absence.giver).groups
        return Delegation(absence.giver, absence.delegate, groups, absence.starts_at, absence.ends_at)
