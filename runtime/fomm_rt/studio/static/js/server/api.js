/** Requests to the studio. Every failure is an ApiError whose words can be shown. */

export class ApiError extends Error {
  /**
   * @param {number} status of HTTP; 0 if the studio did not answer
   * @param {string} sentence of the server, in English; may be empty
   * @param {string|null} code name of the reason, for the page's own words
   * @param {Object<string, any>} values of those words
   */
  constructor(status, sentence, code = null, values = {}) {
    super(sentence || `status ${status}`);
    this.status = status;
    this.sentence = sentence;
    this.code = code;
    this.values = values;
  }
}

/** Called with each failure that concerns the whole page: no answer (0) or no session (401). */
let onTrouble = () => {};

export function watchTrouble(listener) {
  onTrouble = listener;
}

/** The sentence of an answer that is an error. */
export function errorOf(status, body) {
  let answer = {};
  try {
    answer = JSON.parse(body);
  } catch {
    // not an answer of the studio's own
  }
  const error = new ApiError(status, String(answer.error ?? ""), answer.code ?? null, answer.values ?? {});
  if (status === 0 || status === 401) onTrouble(error);
  return error;
}

/** Fetches; throws ApiError unless the answer is good. */
export async function request(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw errorOf(0, "");
  }
  if (!answer.ok) throw errorOf(answer.status, await answer.text().catch(() => ""));
  return answer;
}

export const get = async (path, options) => (await request(path, options)).json();

export async function post(path, body = {}, options = {}) {
  const answer = await request(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    ...options,
  });
  return answer.status === 204 ? null : answer.json();
}

export async function remove(path) {
  await request(path, { method: "DELETE" });
}
