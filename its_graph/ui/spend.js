/** What a search has used: the sum of its charges, plus records that are not charged yet; and its limits. */

const FIELDS = ["calls", "prompt_tokens", "generated_tokens", "verifier_tokens", "seconds", "flops"];

/** Return the spend so far. A node is charged when it ends; until then its records show what it used. */
export function spendOf(state) {
  const charged = Object.fromEntries(FIELDS.map((field) => [field, sum(Object.values(state.charges ?? {}), field)]));
  const steps = Object.values(state.steps);
  const paidScores = Object.values(state.scores).filter((score) => score.tokens);
  const samples = steps.length + Object.keys(state.failures).length;
  const spend = {
    ...charged,
    calls: Math.max(charged.calls, samples + paidScores.length),
    generated_tokens: Math.max(charged.generated_tokens, sum(steps, "tokens")),
    verifier_tokens: Math.max(charged.verifier_tokens, sum(paidScores, "tokens")),
  };
  return { ...spend, tokens: spend.prompt_tokens + spend.generated_tokens + spend.verifier_tokens };
}

/** Return [name, used, limit] for every limit of the search. */
export function limitsOf(state) {
  const spend = spendOf(state);
  const budget = state.settings?.budget ?? {};
  const limited = ["tokens", "generated_tokens", "calls", "seconds", "flops"].filter((name) => budget[name] != null);
  return limited.map((name) => [name, spend[name], budget[name]]);
}

function sum(records, field) {
  return records.reduce((total, record) => total + (record[field] ?? 0), 0);
}
