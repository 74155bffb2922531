/** A dialog over the page. The browser keeps the focus inside it and gives it back. */

import { freshId, h, iconButton } from "../base/dom.js";

/**
 * Opens a dialog; it is removed when it closes.
 *
 * @param {string} titleKey
 * @param {Node[]} content
 * @param {() => void} closed called once, however it was closed
 * @returns {HTMLDialogElement}
 */
export function openDialog(titleKey, content, closed) {
  const id = freshId("dialog");
  const dialog = h("dialog", { "aria-labelledby": id },
    h("header", {}, h("h2", { id, text: titleKey }), iconButton("close", "dialog.close", () => dialog.close())),
    ...content,
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    closed();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // the backdrop
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
