"""Reward models as verifiers: families, scoring, labelling, training.

What stands here is loaded when it is asked for, so that this package stays light.
"""

from typing import TYPE_CHECKING

from its_graph.exports import lazily

if TYPE_CHECKING:
    from its_graph.prm.consistency import ConsistencyVerifier as ConsistencyVerifier
    from its_graph.prm.ensemble import Ensemble as Ensemble
    from its_graph.prm.execution import InputOutput as InputOutput
    from its_graph.prm.execution import UnitTest as UnitTest
    from its_graph.prm.execution import UnitTestVerifier as UnitTestVerifier
    from its_graph.prm.function import FunctionVerifier as FunctionVerifier
    from its_graph.prm.generative import GenerativePRM as GenerativePRM
    from its_graph.prm.generative import GenRM as GenRM
    from its_graph.prm.guards import VerifierWarning as VerifierWarning
    from its_graph.prm.guards import calibrate as calibrate
    from its_graph.prm.guards import check_generator as check_generator
    from its_graph.prm.guards import guarded as guarded
    from its_graph.prm.judge import GenSelectJudge as GenSelectJudge
    from its_graph.prm.judge import PairwiseJudge as PairwiseJudge
    from its_graph.prm.mlp_head import MlpHeadScorer as MlpHeadScorer
    from its_graph.prm.orm import ORM as ORM
    from its_graph.prm.pointwise import PointwiseJudge as PointwiseJudge
    from its_graph.prm.served import ServedPRM as ServedPRM
    from its_graph.prm.verifier import PRM as PRM
    from its_graph.prm.vllm import VLLMPRM as VLLMPRM
else:
    __getattr__ = lazily(
        __name__,
        {
            "consistency": ("ConsistencyVerifier",),
            "ensemble": ("Ensemble",),
            "execution": ("InputOutput", "UnitTest", "UnitTestVerifier"),
            "function": ("FunctionVerifier",),
            "generative": ("GenerativePRM", "GenRM"),
            "guards": ("VerifierWarning", "calibrate", "check_generator", "guarded"),
            "judge": ("GenSelectJudge", "PairwiseJudge"),
            "mlp_head": ("MlpHeadScorer",),
            "orm": ("ORM",),
            "pointwise": ("PointwiseJudge",),
            "served": ("ServedPRM",),
            "verifier": ("PRM",),
            "vllm": ("VLLMPRM",),
        },
    )
