"""Option records: a command takes a record of options as one parameter; the command line shows each field."""

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, get_type_hints

__all__ = ["expand_records"]


def expand_records(command: Callable[..., None]) -> Callable[..., None]:
    """Replace every parameter of `command` that is a NamedTuple of options with the fields of that record.

    Typer makes one option of each parameter. Without records, a command would list the options that it shares with
    others one by one, and pass them on one by one.

    Args:
        command: its records have a default for every field; no two fields and parameters have the same name.
    """
    parameters = inspect.signature(command).parameters.values()
    records = {parameter.name: parameter.annotation for parameter in parameters if _is_record(parameter)}
    options = [option for parameter in parameters for option in _options(parameter)]

    @wraps(command)
    def expanded(**values: Any) -> None:
        filled = {
            name: record(**{field: values.pop(field) for field in record._fields}) for name, record in records.items()
        }
        command(**values, **filled)

    expanded.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    expanded.__annotations__ = {option.name: option.annotation for option in options}
    return expanded


def _is_record(parameter: inspect.Parameter) -> bool:
    return hasattr(parameter.annotation, "_field_defaults")


def _options(parameter: inspect.Parameter) -> Iterator[inspect.Parameter]:
    """Yield the options of a parameter: itself, or the fields of its record."""
    if not _is_record(parameter):
        yield parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        return
    defaults = parameter.annotation._field_defaults
    for name, annotation in get_type_hints(parameter.annotation, include_extras=True).items():
        yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=defaults[name], annotation=annotation)
