/** Light and dark: as the system has it, or as chosen. */

import { iconButton, setIcon } from "../base/dom.js";
import { sayAttribute } from "../base/i18n.js";
import { remember, remembered } from "../base/storage.js";

const ORDER = ["auto", "light", "dark"];
const SYMBOLS = { auto: "auto", light: "sun", dark: "moon" };

/** Makes the button that goes through the themes. */
export function startTheme(place) {
  let theme = ORDER.includes(remembered("theme")) ? remembered("theme") : "auto";
  const control = iconButton(SYMBOLS[theme], `theme.${theme}`, () => {
    theme = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length];
    remember("theme", theme === "auto" ? null : theme);
    show();
  }, { id: "theme" });
  const show = () => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    setIcon(control.firstElementChild, SYMBOLS[theme]);
    sayAttribute(control, "label", `theme.${theme}`);
    sayAttribute(control, "title", `theme.${theme}`);
  };
  show();
  place.replaceWith(control);
}
