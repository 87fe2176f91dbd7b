/** The HTTP API as calls: JSON in and out, and the events of a search as they come. */

const KEY = "its_graph.key";
const RETRY_MS = 1000;

/** What the server refused: `status`, its own words, and the parameter that they are about, if any. */
class ApiError extends Error {
  constructor(status, message, param = null) {
    super(message);
    Object.assign(this, { status, param });
  }
}

export class Client {
  /** @param askKey called where the server wants a key; resolves to the one that a person gave */
  constructor(askKey) {
    this.askKey = askKey;
  }

  catalog = () => this.#call("GET", "catalog");
  searches = async () => (await this.#call("GET", "search")).searches;
  search = (id) => this.#call("GET", `search/${encodeURIComponent(id)}`);
  create = (request) => this.#call("POST", "search", request);
  cancel = (id) => this.#call("POST", `search/${encodeURIComponent(id)}/cancel`);
  resume = (id) => this.#call("POST", `search/${encodeURIComponent(id)}/resume`);
  steer = (id, reply) => this.#call("POST", `search/${encodeURIComponent(id)}/steer`, reply);

  /**
   * Hand the events of a search to `take`, those behind the one with the id `last` (null: all), until it has ended or
   * `signal` says to stop.
   *
   * A connection that breaks is made again and goes on behind the last event. A server that was started anew tells all
   * again, under other ids. Return the id of the last event.
   */
  async follow(id, last, take, signal) {
    let ended = false;
    while (!ended && !signal.aborted) {
      try {
        const headers = last === null ? {} : { "Last-Event-ID": last };
        const response = await this.#fetch(`search/${encodeURIComponent(id)}/events`, { headers, signal });
        for await (const { id: told, event } of messages(response.body)) {
          if (signal.aborted) return last;
          last = told;
          ended = event.type === "its.ended";
          take(event);
        }
      } catch (error) {
        if (signal.aborted) return last;
        if (error instanceof ApiError) throw error;
      }
      if (!ended) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    return last;
  }

  async #call(method, path, body) {
    const headers = body === undefined ? {} : { "Content-Type": "application/json" };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    return (await this.#fetch(path, { method, headers, ...sent })).json();
  }

  async #fetch(path, options) {
    const headers = withKey(options.headers, sessionStorage.getItem(KEY));
    const response = headers && (await fetch(path, { ...options, headers }));
    if (headers === null || response.status === 401) {
      sessionStorage.setItem(KEY, await this.askKey());
      return this.#fetch(path, options);
    }
    if (!response.ok) throw await refusal(response);
    return response;
  }
}

/** Headers with the key among them, if there is one; null if it holds a character that no header can. */
function withKey(headers, key) {
  try {
    return new Headers({ ...headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return null;
  }
}

async function refusal(response) {
  const text = await response.text();
  try {
    const { message, param } = JSON.parse(text).error;
    return new ApiError(response.status, message, param);
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
    return new ApiError(response.status, text || `The server answered ${response.status}.`);
  }
}

/** Read server-sent events: blocks of lines with `id:` and `data:`, a blank line behind each. */
async function* messages(stream) {
  let waiting = "";
  for await (const text of texts(stream)) {
    const blocks = (waiting + text).split(/\r?\n\r?\n/);
    waiting = blocks.pop();
    for (const block of blocks) {
      const fields = new Map(block.split(/\r?\n/).map((line) => line.split(/: ?(.*)/s).slice(0, 2)));
      if (fields.has("data")) yield { id: fields.get("id"), event: JSON.parse(fields.get("data")) };
    }
  }
}

async function* texts(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
}
