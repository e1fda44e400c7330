// The server: requests with the token, and its refusals as errors in its own words.

/** What the server refuses. again: the same may go well later. */
export class Refusal extends Error {
  constructor(text, status) {
    super(text);
    this.status = status;
    this.again = status === 0 || status === 429 || status >= 500;
  }
}

const kept = "fdht.token"; // its place in the tab's own storage

export class Server {
  /** ask(wrong) promises a token; wrong: the one before it was not the server's. */
  constructor(ask) {
    this.ask = ask;
    this.token = sessionStorage.getItem(kept) ?? "";
  }

  /** Asks for a path and returns its JSON. */
  async json(path, options) {
    for (;;) {
      const used = this.token;
      const answer = await this.reach(path, options);
      if (answer.ok) return answer.json();
      if (answer.status !== 401) throw await refusal(answer);
      if (used === this.token) {
        this.token = await this.ask(used !== "");
        sessionStorage.setItem(kept, this.token);
      }
    }
  }

  async reach(path, options) {
    try {
      return await fetch(path, { ...options, headers: this.token ? { Authorization: `Bearer ${this.token}` } : {} });
    } catch (e) {
      if (e.name === "AbortError") throw e;
      throw new Refusal("the server does not answer", 0);
    }
  }

  models() {
    return this.json("v1/models");
  }

  card(model) {
    return this.json(`v1/model?${new URLSearchParams({ model })}`);
  }

  /** Sends a clip. each: what it is after every step, too. */
  predict(model, file, each, signal) {
    const body = new FormData();
    body.append("clip", file, file.name);
    const query = new URLSearchParams({ model });
    if (each) query.set("each", "true");
    return this.json(`v1/predict?${query}`, { method: "POST", body, signal });
  }

  /** Opens the WebSocket of a model, with the token as a subprotocol: a browser sends no other header with it. */
  socket(model) {
    const protocols = ["fdht.v1"];
    if (this.token) protocols.push(`fdht.token.${btoa(this.token).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`);
    return new WebSocket(address(`v1/stream?${new URLSearchParams({ model })}`, "ws"), protocols);
  }
}

/** A path of this server in full, with another scheme (of the same security) where it is given. */
export function address(path, scheme = "http") {
  const url = new URL(path, document.baseURI);
  url.protocol = url.protocol.replace("http", scheme);
  return url.href;
}

async function refusal(answer) {
  let text = `${answer.status} ${answer.statusText}`.trim();
  try {
    text = (await answer.json()).detail ?? text;
  } catch {
    // it is not the server itself that answers
  }
  const wait = Number(answer.headers.get("Retry-After"));
  return new Refusal(wait > 0 ? `${text} (in about ${wait} s it may go)` : text, answer.status);
}
