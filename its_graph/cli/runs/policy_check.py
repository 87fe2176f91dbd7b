"""What to say of a policy that was fitted for something else than the run that goes by it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from its_graph.routing.policy import Policy

__all__ = ["note_other_fit"]

_MODELS = ("model", "prm")
_SETTINGS = ("base_url", "prm_url", "system", "temperature", "max_tokens")


def note_other_fit(policy: Any, run: Mapping[str, Any]) -> None:
    """Print a line on stderr where a policy was fitted on other models, or asked in another way.

    Args:
        policy: as the option was given; what is no file is left to who reads it.
        run: models by `models.identity`, system prompt, temperature and longest solution; what it lacks is None.
    """
    if not isinstance(policy, (str, Path)) or not Path(policy).is_file():
        return
    fitted = Policy.load(Path(policy)).fitted_on
    was, now = _told(fitted), _told(run)
    if names := [name for name in was if was[name] != now[name]] if fitted else []:
        typer.echo(
            f"{policy} was fitted with another {', '.join(names)}: its choices may not suit this run. "
            "Fit one for it with `its-graph calibrate`.",
            err=True,
        )


def _told(run: Mapping[str, Any]) -> dict[str, Any]:
    """Of a local model its weights tell, wherever they lie; of one on a server only its name is known."""
    models = {name: run.get(f"{name}_weights") or run.get(name) for name in _MODELS}
    return models | {name: run.get(name) for name in _SETTINGS}
