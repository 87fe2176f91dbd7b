"""Calibrate a verifier on known solutions before you trust it, and combine several in an ensemble."""

import warnings
from zlib import crc32

from its_graph import Candidate, SampleRequest, extract_answer, split_steps
from its_graph.embedded import load, problems
from its_graph.prm import Ensemble, FunctionVerifier, VerifierWarning, abstain_if_uninformative, calibrate

generator, verifier = load()
labeled = []
for problem, answer in problems(30, seed=4):
    question = ({"role": "user", "content": problem},)
    for sample in generator.invoke(SampleRequest(messages=question, n=4, temperature=1.0, seed=1)):
        candidate = Candidate(messages=question, steps=tuple(split_steps(sample.text)), finished=True)
        labeled.append((candidate, extract_answer(sample.text) == answer))

calibration = calibrate(verifier, labeled)
print(
    f"embedded verifier: AUC {calibration.auc:.2f} on {calibration.right} right and {calibration.wrong} wrong solutions"
)

dice = FunctionVerifier(lambda candidate: crc32("".join(candidate.steps).encode()) / 2**32)
dice_calibration = calibrate(dice, labeled)
print(f"dice: AUC {dice_calibration.auc:.2f}")

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", VerifierWarning)
    print("used instead of the dice:", type(abstain_if_uninformative(dice, dice_calibration)).__name__)
print("because:", caught[0].message)

both = Ensemble([verifier, dice])
print(f"verifier and dice together: AUC {calibrate(both, labeled).auc:.2f}")
