"""A note if a policy was fitted on other models or settings than those of the run that uses it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from its_graph.routing.policy import Policy

__all__ = ["note_policy_mismatch"]

_MODELS = ("model", "prm")
_SETTINGS = ("base_url", "prm_url", "system", "temperature", "max_tokens")


def note_policy_mismatch(policy: Any, run: Mapping[str, Any]) -> None:
    """Print a line on stderr if a policy was fitted with other models or sampling settings.

    Args:
        policy: value of the option. Anything but an existing file is ignored: its reader reports the error.
        run: `ModelOptions.identity` and the sampling options of the run; a missing key means None.
    """
    if not isinstance(policy, (str, Path)) or not Path(policy).is_file():
        return
    fitted_on = Policy.load(Path(policy)).fitted_on
    fitted, current = _comparable(fitted_on), _comparable(run)
    if names := [name for name in fitted if fitted[name] != current[name]] if fitted_on else []:
        typer.echo(
            f"note: {policy} was fitted with a different {', '.join(names)}, so its choices may not suit this run. "
            "Fit a new one with `its-graph calibrate`.",
            err=True,
        )


def _comparable(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what must agree. A local model is identified by its weights, wherever they are; a served one by name."""
    models = {name: run.get(f"{name}_weights") or run.get(name) for name in _MODELS}
    return models | {name: run.get(name) for name in _SETTINGS}
