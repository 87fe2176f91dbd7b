/** What a search has used, and of how much: the sum of its charges, and what its records show beyond them. */

const FIELDS = ["calls", "prompt_tokens", "generated_tokens", "verifier_tokens", "seconds", "flops"];

/** Return the spend so far. A node settles when it ends: until then its records say what it used. */
export function spendOf(state) {
  const settled = Object.fromEntries(FIELDS.map((field) => [field, sum(Object.values(state.charges ?? {}), field)]));
  const steps = Object.values(state.steps);
  const read = Object.values(state.scores).filter((score) => score.tokens);
  const drawn = steps.length + Object.keys(state.failures).length;
  const seen = {
    ...settled,
    calls: Math.max(settled.calls, drawn + read.length),
    generated_tokens: Math.max(settled.generated_tokens, sum(steps, "tokens")),
    verifier_tokens: Math.max(settled.verifier_tokens, sum(read, "tokens")),
  };
  return { ...seen, tokens: seen.prompt_tokens + seen.generated_tokens + seen.verifier_tokens };
}

/** Return [name, used, limit] of every limit that the search has. */
export function limitsOf(state) {
  const spend = spendOf(state);
  const budget = state.settings?.budget ?? {};
  const known = ["tokens", "generated_tokens", "calls", "seconds", "flops"].filter((name) => budget[name] != null);
  return known.map((name) => [name, spend[name], budget[name]]);
}

function sum(records, field) {
  return records.reduce((total, record) => total + (record[field] ?? 0), 0);
}
