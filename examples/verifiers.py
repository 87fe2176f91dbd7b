"""Try a verifier on known solutions before you trust it, and let several judge together."""

import warnings
from zlib import crc32

from its_graph import Candidate, SampleRequest
from its_graph.embedded import load, problems
from its_graph.prm import Ensemble, FunctionVerifier, VerifierWarning, calibrate, abstain_if_uninformative
from its_graph.text.answers import extract_answer
from its_graph.text.steps import split_steps

generator, verifier = load()
labelled = []
for problem, answer in problems(30, seed=4):
    asked = ({"role": "user", "content": problem},)
    for sample in generator.invoke(SampleRequest(messages=asked, n=4, temperature=1.0, seed=1)):
        candidate = Candidate(messages=asked, steps=tuple(split_steps(sample.text)), finished=True)
        labelled.append((candidate, extract_answer(sample.text) == answer))

found = calibrate(verifier, labelled)
print(f"the embedded verifier: AUC {found.auc:.2f} on {found.right} right and {found.wrong} wrong solutions")

dice = FunctionVerifier(lambda candidate: crc32("".join(candidate.steps).encode()) / 2**32)
by_chance = calibrate(dice, labelled)
print(f"dice: AUC {by_chance.auc:.2f}")

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", VerifierWarning)
    print("taken in place of the dice:", type(abstain_if_uninformative(dice, by_chance)).__name__)
print("because:", caught[0].message)

both = Ensemble([verifier, dice])
print(f"the verifier and the dice together: AUC {calibrate(both, labelled).auc:.2f}")
