"""Where a bundle was fetched from, over the wire."""

from catalog.provenance import Source
from platform_api.wire import View


class GitView(View):
    """The commit that a bundle was fetched from."""

    url: str
    ref: str
    path: str
    commit: str


class SourceView(View):
    """Where a bundle was fetched from."""

    git: GitView

    @classmethod
    def of(cls, source: Source) -> "SourceView":
        """Return the view of a source."""
        return cls(git=GitView(url=source.url, ref=source.ref, path=source.path, commit=source.commit))
