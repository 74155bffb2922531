/** A picture taken with the camera. */

import { button, h, show } from "../base/dom.js";
import { t } from "../base/i18n.js";
import { openDialog } from "../frame/dialog.js";
import { cameraView } from "./camera_view.js";

/** @param {(picture: Blob, name: string) => void} use */
export function takeSnapshot(use) {
  let picture = null;
  const still = h("img.still", { alt: "", hidden: true });
  const shoot = button("primary", "camera", "snapshot.take", take, { disabled: true });
  const again = button("", "reset", "snapshot.again", retake, { hidden: true });
  const keep = button("primary", "check", "snapshot.use", () => {
    dialog.close();
    use(picture, t("snapshot.file_name"));
  }, { hidden: true });
  const view = cameraView(() => { shoot.disabled = false; }, () => { shoot.disabled = true; });
  view.element.firstElementChild.append(still);
  const dialog = openDialog("snapshot.title", [view.element, h("div.actions", {}, again, shoot, keep)], () => {
    view.close();
    URL.revokeObjectURL(still.src);
  });
  view.open({ sound: false }).then(() => shoot.focus());

  function take() {
    const { videoWidth: width, videoHeight: height } = view.video;
    const canvas = h("canvas", { width, height });
    canvas.getContext("2d").drawImage(view.video, 0, 0);
    canvas.toBlob((blob) => {
      picture = blob;
      still.src = URL.createObjectURL(blob);
      show(true, still, again, keep);
      show(false, shoot);
      keep.focus();
    }, "image/jpeg", 0.95);
  }

  function retake() {
    URL.revokeObjectURL(still.src);
    show(false, still, again, keep);
    show(true, shoot);
    shoot.focus();
  }
}
