"""Holds an API to its own description: generated calls, good and bad, and what every answer must be."""

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    allow_header_conformance,
    unsupported_method,
    negative_data_rejection,
]
EXAMPLES = 12


def tried(operation: Any, mode: GenerationMode, token: str, examples: int = EXAMPLES) -> Counter[int]:
    """Call an operation with generated values and return how it answered."""
    statuses = Counter[int]()

    @seed(7)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def call(case: Any) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        statuses[case.call_and_validate(headers=headers, checks=CHECKS).status_code] += 1

    call()
    return statuses
