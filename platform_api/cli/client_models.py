"""The one door to datamodel-code-generator, which makes classes of schemas.

It comes with the extra `clients` and is loaded only when models are made.
"""

import importlib
from typing import Annotated, Any

from pydantic import Field, TypeAdapter
from pydantic_core import SchemaError

from platform_api.cli.client_schemas import Part, for_models
from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.import_order import with_sorted_imports

_GENERATOR = "datamodel_code_generator"
_OPTIONS: dict[str, Any] = {
    "input_file_type": "openapi",
    "output_model_type": "pydantic_v2.BaseModel",
    "target_python_version": "3.11",
    # In Annotated, a field's name on the wire does not become the name of its argument.
    "use_annotated": True,
    "field_constraints": True,
    "allow_population_by_field_name": True,
    "strict_nullable": True,
    "enum_field_as_literal": "all",
    "collapse_root_models": True,
    "naming_strategy": "parent-prefixed",
    "use_schema_description": True,
    "use_field_description": True,
    "use_attribute_docstrings": True,
    "formatters": ["builtin"],
    "use_double_quotes": True,
    "use_standard_collections": True,
    "use_union_operator": True,
    "disable_timestamp": True,
    "allow_remote_refs": False,
}


def models_of(document: Part, header: str) -> str:
    """Return a module of models for a capability's OpenAPI document.

    Args:
        header: the module's docstring.

    Raises:
        Failure: the generator is not installed, or cannot do it.
    """
    try:
        generator = importlib.import_module(_GENERATOR)
    except ModuleNotFoundError as error:
        raise Failure(
            ExitCode.OTHER,
            "Models are made by datamodel-code-generator, which is not installed.",
            fix="pip install 'avow[clients]'",
        ) from error
    wanted = for_models(document, _compiles)
    try:
        text = generator.generate(wanted, custom_file_header=header, **_OPTIONS)
    except generator.Error as error:
        reason = str(error).splitlines()[0]
        raise Failure(ExitCode.OTHER, f"No models could be made: {reason}.") from error
    return with_sorted_imports(str(text).rstrip("\n") + "\n")


def _compiles(pattern: str) -> bool:
    """Say whether models could hold a text to a pattern: their engine is another than the server's."""
    try:
        TypeAdapter(Annotated[str, Field(pattern=pattern)])
    except SchemaError:
        return False
    return bool(pattern)
