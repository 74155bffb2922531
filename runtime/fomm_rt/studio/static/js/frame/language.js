/** The button that shows the page in the other language. */

import { LANGUAGES, chooseLanguage, currentLanguage } from "../base/i18n.js";

export function startLanguage(control) {
  const names = Object.keys(LANGUAGES);
  const next = () => names[(names.indexOf(currentLanguage()) + 1) % names.length];
  const show = () => {
    control.textContent = LANGUAGES[next()];
    control.lang = next() === "zh" ? "zh-CN" : next();
  };
  control.addEventListener("click", () => chooseLanguage(next()));
  document.addEventListener("languagechange", show);
  show();
}
