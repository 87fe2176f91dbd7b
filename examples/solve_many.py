"""Many problems, one budget: the tokens go where they bring most, and never beyond the limit."""

import asyncio

from its_graph import Budget
from its_graph.batch import adaptive_plan, solve_batch, uniform_plan
from its_graph.embedded import load, problems
from its_graph.text.equivalence import equivalent

generator, verifier = load()
asked = list(problems(8, seed=3, split="test"))
budget = Budget(tokens=4_500)  # three or four samples of each problem, verification included

for name, plan in (("uniform", uniform_plan()), ("adaptive", adaptive_plan(solved=0.8))):
    report = asyncio.run(solve_batch([problem for problem, _ in asked], generator, verifier, budget=budget, plan=plan))
    right = sum(equivalent(answer, expected) for answer, (_, expected) in zip(report.answers, asked, strict=True))
    most = max(one.samples for one in report.results)
    print(f"{name}: {right} of {len(asked)} right, {report.samples} samples, at most {most} of a problem")
    print("within the budget:", report.spend.tokens <= 4_500)
