"""Reward models and judges as verifiers: families, backends, judges, code, training.

Names are imported on first access, so that importing this package is cheap.
"""

from typing import TYPE_CHECKING

from its_graph._lazy import lazy_exports

if TYPE_CHECKING:
    from its_graph.prm.backends.local import ORM as ORM
    from its_graph.prm.backends.local import PRM as PRM
    from its_graph.prm.backends.server import ServedPRM as ServedPRM
    from its_graph.prm.backends.vllm import VLLMPRM as VLLMPRM
    from its_graph.prm.calibration import VerifierWarning as VerifierWarning
    from its_graph.prm.calibration import abstain_if_uninformative as abstain_if_uninformative
    from its_graph.prm.calibration import calibrate as calibrate
    from its_graph.prm.calibration import check_generator as check_generator
    from its_graph.prm.code import sandbox as sandbox
    from its_graph.prm.code.unit_tests import InputOutput as InputOutput
    from its_graph.prm.code.unit_tests import UnitTest as UnitTest
    from its_graph.prm.code.unit_tests import UnitTestVerifier as UnitTestVerifier
    from its_graph.prm.consistency import ConsistencyVerifier as ConsistencyVerifier
    from its_graph.prm.ensemble import Ensemble as Ensemble
    from its_graph.prm.families.mlp_head import MlpHeadScorer as MlpHeadScorer
    from its_graph.prm.function import FunctionVerifier as FunctionVerifier
    from its_graph.prm.judges.comparative import GenSelectJudge as GenSelectJudge
    from its_graph.prm.judges.comparative import PairwiseJudge as PairwiseJudge
    from its_graph.prm.judges.generative import GenerativePRM as GenerativePRM
    from its_graph.prm.judges.generative import GenRM as GenRM
    from its_graph.prm.judges.pointwise import PointwiseJudge as PointwiseJudge
    from its_graph.prm.training import labels as labels
    from its_graph.prm.training import train as train
else:
    __getattr__, __dir__, __all__ = lazy_exports(
        __name__,
        {
            "consistency": ("ConsistencyVerifier",),
            "ensemble": ("Ensemble",),
            "code.unit_tests": ("InputOutput", "UnitTest", "UnitTestVerifier"),
            "function": ("FunctionVerifier",),
            "judges.generative": ("GenerativePRM", "GenRM"),
            "calibration": ("VerifierWarning", "calibrate", "check_generator", "abstain_if_uninformative"),
            "judges.comparative": ("GenSelectJudge", "PairwiseJudge"),
            "families.mlp_head": ("MlpHeadScorer",),
            "judges.pointwise": ("PointwiseJudge",),
            "backends.server": ("ServedPRM",),
            "backends.local": ("ORM", "PRM"),
            "backends.vllm": ("VLLMPRM",),
        },
        modules={"labels": "training.labels", "sandbox": "code.sandbox", "train": "training.train"},
        requires={
            **dict.fromkeys(("backends.local", "backends.server", "families.mlp_head", "training.train"), "torch"),
            "backends.vllm": "vllm",
        },
    )
