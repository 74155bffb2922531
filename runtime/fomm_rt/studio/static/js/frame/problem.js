/** An error beside what caused it: what it means for the person first, then the studio's own sentence. */

import { h, icon, show } from "../base/dom.js";
import { say, sayTranslated } from "../base/i18n.js";
import { ApiError } from "../server/api.js";

const BY_STATUS = { 0: "error.no_answer", 401: "error.session", 404: "error.gone", 413: "error.too_large",
  429: "error.too_many", 507: "error.disk_full" };

/** A place for an error, hidden until there is one. */
export function problemPlace() {
  const words = h("p");
  const detail = h("p.detail");
  const place = h("div.problem", { role: "alert", hidden: true }, icon("warning"), h("div", {}, words, detail));

  return {
    element: place,
    clear: () => show(false, place),

    /**
     * Shows a text of the page, and below it a sentence of the studio: in the page's language if it knows the reason.
     *
     * @param {string} key
     * @param {Object<string, any>} [values]
     * @param {string} [sentence] in English
     * @param {{code: string|null, values?: Object<string, any>}} [reason]
     */
    tell(key, values, sentence = "", reason = { code: null }) {
      say(words, key, values);
      sayTranslated(detail, sentence, reason.code && `reason.${reason.code}`, reason.values);
      show(Boolean(sentence), detail);
      show(true, place);
    },

    /** Shows an error of a request; `key` says what could not be done. */
    tellError(key, error) {
      if (!(error instanceof ApiError)) throw error;
      this.tell(BY_STATUS[error.status] ?? key, undefined, error.sentence, error);
    },
  };
}
