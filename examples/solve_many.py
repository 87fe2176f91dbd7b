"""Many problems under one budget: samples go where they help most, and the limit is never exceeded."""

import asyncio

from its_graph import Budget, equivalent
from its_graph.batch import adaptive_plan, solve_batch, uniform_plan
from its_graph.embedded import load, problems

generator, verifier = load()
questions = list(problems(8, seed=3, split="test"))
texts = [problem for problem, _ in questions]
budget = Budget(tokens=4_500)  # three or four samples of each problem, verification included

for name, plan in (("uniform", uniform_plan()), ("adaptive", adaptive_plan(solved=0.8))):
    report = asyncio.run(solve_batch(texts, generator, verifier, budget=budget, plan=plan))
    right = sum(equivalent(answer, expected) for answer, (_, expected) in zip(report.answers, questions, strict=True))
    most = max(result.samples for result in report.results)
    print(f"{name}: {right} of {len(questions)} right, {report.samples} samples, at most {most} per problem")
    print("within the budget:", report.spend.tokens <= 4_500)
