/** The HTTP API as methods: JSON requests, and a search's events as a stream. */

const KEY = "its_graph.key";
const RETRY_MS = 1000;

/** An error reply: `status`, the server's message, and the parameter it names, if any. */
class ApiError extends Error {
  constructor(status, message, param = null) {
    super(message);
    Object.assign(this, { status, param });
  }
}

export class ApiClient {
  /** @param askForApiKey called when the server requires a key; resolves to the key that a person entered */
  constructor(askForApiKey) {
    this.askForApiKey = askForApiKey;
  }

  catalog = () => this.#request("GET", "catalog");
  searches = async () => (await this.#request("GET", "search")).searches;
  search = (id) => this.#request("GET", `search/${encodeURIComponent(id)}`);
  start = (request) => this.#request("POST", "search", request);
  cancel = (id) => this.#request("POST", `search/${encodeURIComponent(id)}/cancel`);
  resume = (id) => this.#request("POST", `search/${encodeURIComponent(id)}/resume`);
  steer = (id, reply) => this.#request("POST", `search/${encodeURIComponent(id)}/steer`, reply);

  /**
   * Call `onEvent` with the events of a search after the one with the id `lastEventId` (null: with all of them), until
   * the search ends or `signal` aborts.
   *
   * A lost connection is reopened after the last event. A restarted server sends all events again, with other ids.
   * Return the id of the last event.
   */
  async follow(id, lastEventId, onEvent, signal) {
    let ended = false;
    while (!ended && !signal.aborted) {
      try {
        const headers = lastEventId === null ? {} : { "Last-Event-ID": lastEventId };
        const response = await this.#fetch(`search/${encodeURIComponent(id)}/events`, { headers, signal });
        for await (const { id: eventId, event } of serverSentEvents(response.body)) {
          if (signal.aborted) return lastEventId;
          lastEventId = eventId;
          ended = event.type === "its.ended";
          onEvent(event);
        }
      } catch (error) {
        if (signal.aborted) return lastEventId;
        if (error instanceof ApiError) throw error;
      }
      if (!ended) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    return lastEventId;
  }

  async #request(method, path, data) {
    const headers = data === undefined ? {} : { "Content-Type": "application/json" };
    const body = data === undefined ? {} : { body: JSON.stringify(data) };
    return (await this.#fetch(path, { method, headers, ...body })).json();
  }

  async #fetch(path, options) {
    const headers = withApiKey(options.headers, sessionStorage.getItem(KEY));
    const response = headers && (await fetch(path, { ...options, headers }));
    if (headers === null || response.status === 401) {
      sessionStorage.setItem(KEY, await this.askForApiKey());
      return this.#fetch(path, options);
    }
    if (!response.ok) throw await errorOf(response);
    return response;
  }
}

/** Return the headers with the key added, if there is one; null if it contains a character that headers cannot. */
function withApiKey(headers, key) {
  try {
    return new Headers({ ...headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return null;
  }
}

async function errorOf(response) {
  const text = await response.text();
  try {
    const { message, param } = JSON.parse(text).error;
    return new ApiError(response.status, message, param);
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
    return new ApiError(response.status, text || `The server returned status ${response.status}.`);
  }
}

/** Parse server-sent events: blocks of lines with `id:` and `data:`, each followed by a blank line. */
async function* serverSentEvents(stream) {
  let buffer = "";
  for await (const text of textChunks(stream)) {
    const blocks = (buffer + text).split(/\r?\n\r?\n/);
    buffer = blocks.pop();
    for (const block of blocks) {
      const fields = new Map(block.split(/\r?\n/).map((line) => line.split(/: ?(.*)/s).slice(0, 2)));
      if (fields.has("data")) yield { id: fields.get("id"), event: JSON.parse(fields.get("data")) };
    }
  }
}

async function* textChunks(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) yield chunk.value;
}
